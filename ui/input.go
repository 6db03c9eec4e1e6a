package ui

import (
	"strings"

	"twofold/twofactor"
)

// Input is one labelled input, as the template "input" draws it. One type
// serves sign-in prompts and option forms.
type Input struct {
	ID, Name, Label, Help, Value string
	Error                        string // what to do about it, in place of Help
	Kind                         twofactor.Kind
	Mode                         string // inputmode, where the kind does not say
	Required, Focus              bool
	AutoComplete                 string
	Choices                      []string
	Inputs                       []Input // of a KindJSON, drawn as a group
}

// Code reports whether the input takes a one-time code.
func (i Input) Code() bool { return i.Kind == twofactor.KindCode }

// Checked reports whether a box is ticked.
func (i Input) Checked() bool { return i.Value == "true" }

// Group reports whether the input is a group of inputs.
func (i Input) Group() bool { return i.Kind == twofactor.KindJSON }

// Type is the type attribute. Codes and numbers are text: a number input
// drops leading zeros and changes under the mouse wheel.
func (i Input) Type() string {
	if i.Kind == twofactor.KindPassword {
		return "password"
	}
	return "text"
}

// InputMode asks for the right keyboard.
func (i Input) InputMode() string {
	if i.Kind == twofactor.KindCode || i.Kind == twofactor.KindNumber {
		return "numeric"
	}
	return i.Mode
}

// DescribedBy is the id of the element with the error or the help.
func (i Input) DescribedBy() string {
	switch {
	case i.Error != "":
		return i.ID + "-error"
	case i.Help != "":
		return i.ID + "-help"
	}
	return ""
}

// Inputs draws fields as inputs. The first input with an error has the focus,
// otherwise the first of all.
func Inputs(fields []twofactor.Field, errs []FieldError) []Input {
	ins := inputs(fields, errs, "")
	focus(ins)
	return ins
}

func inputs(fields []twofactor.Field, errs []FieldError, prefix string) []Input {
	var ins []Input
	for _, f := range fields {
		in := Input{
			Name: prefix + f.Name, Label: f.Label, Help: f.Help, Value: f.Default,
			Kind: f.Kind, Required: f.Required, Choices: f.Choices, AutoComplete: "off",
		}
		in.ID = "f-" + strings.ReplaceAll(in.Name, ".", "-")
		in.Error = errorFor(errs, in.Name)
		if f.Secret || f.Kind == twofactor.KindPassword {
			in.Value = ""
		}
		if in.Label == "" {
			in.Label = f.Name
		}
		if in.Code() {
			in.AutoComplete = "one-time-code"
		}
		if in.Group() {
			in.Inputs = inputs(f.Fields, errs, in.Name+".")
		}
		ins = append(ins, in)
	}
	return ins
}

func focus(ins []Input) {
	for i := range ins {
		if ins[i].Error != "" {
			ins[i].Focus = true
			return
		}
	}
	if len(ins) > 0 {
		ins[0].Focus = true
	}
}

func errorFor(errs []FieldError, field string) string {
	for _, e := range errs {
		if e.Field == field {
			return e.Message
		}
	}
	return ""
}

// Summary is what is said at the top of a form that failed: the whole form's
// errors, and a list with links where more than one input has an error.
type Summary struct {
	Form   []string
	Fields []SummaryLine
}

// SummaryLine is one error and the input it belongs to.
type SummaryLine struct{ ID, Message string }

func summarise(ins []Input, errs []FieldError) Summary {
	var s Summary
	for _, in := range ins {
		if in.Error != "" {
			s.Fields = append(s.Fields, SummaryLine{in.ID, in.Error})
		}
	}
	known := func(name string) bool {
		for _, in := range ins {
			if in.Name == name {
				return true
			}
		}
		return false
	}
	for _, e := range errs {
		if !known(e.Field) {
			s.Form = append(s.Form, e.Message)
		}
	}
	if len(s.Fields) < 2 {
		s.Fields = nil // the message stands at the field, which has the focus
	}
	return s
}

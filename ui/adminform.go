package ui

import (
	"slices"
	"strings"

	"twofold/twofactor"
)

// AdminDraw is how a field is drawn where its Input.Kind does not say it.
type AdminDraw string

// How fields are drawn.
const (
	DrawInput    AdminDraw = ""         // as Input.Kind says: text, password, number, bool, select, group
	DrawLines    AdminDraw = "lines"    // several lines of text
	DrawSelect   AdminDraw = "select"   // one of Options
	DrawRadios   AdminDraw = "radios"   // one of Options, each with its help
	DrawBoxes    AdminDraw = "boxes"    // any of Options
	DrawSwitch   AdminDraw = "switch"   // on or off, with On and Off in words; posts "true" when on
	DrawSecret   AdminDraw = "secret"   // write-only: an empty value keeps the one that is Set
	DrawDate     AdminDraw = "date"     // 2006-01-02
	DrawDateTime AdminDraw = "datetime" // 2006-01-02T15:04
	DrawTime     AdminDraw = "time"     // 15:04
	DrawColour   AdminDraw = "colour"   // #rrggbb, with a picker by script
	DrawFile     AdminDraw = "file"     // makes the form a multipart one
	DrawFixed    AdminDraw = "fixed"    // can only be read; posts nothing
)

// AdminField is one field of an admin form.
type AdminField struct {
	Input
	Draw     AdminDraw
	Options  []AdminOption // Input.Value chooses among them too
	Lines    int           // height of DrawLines; 0: 4
	Unit     string        // after the field: "seconds"; may be empty
	On, Off  string        // what a switch means, in words
	Set      string        // of a secret that is set: "Set 3 days ago"; empty: none is set
	Again    bool          // a secret that is set must be typed again
	Accept   string        // of a file: "image/png,image/svg+xml"
	Source   string        // where the value comes from: "Inherited from the subscription's base settings"
	Inherit  string        // of a value that is set here: what comes in its place when it is taken back; drawn as a box that posts InheritName
	Inherits bool          // that box is ticked: the form is drawn again
	LockedBy string        // the level that set the value, which cannot be changed here: "Set by subscription acme"
	Mono     bool
	Fields   []AdminField // of a group
}

// inherited is put before the name of a field in that of its box.
const inherited = "inherit."

// InheritName is the name of the box that takes a field's value back.
func InheritName(field string) string { return inherited + field }

// Box is InheritName of the field.
func (f AdminField) Box() string { return InheritName(f.Name) }

// named gives a field what it lacks to be drawn.
func (f AdminField) named() AdminField {
	if f.ID == "" {
		f.ID = "f-" + strings.ReplaceAll(f.Name, ".", "-")
	}
	if f.AutoComplete == "" {
		f.AutoComplete = "off"
	}
	if f.Draw == DrawInput && f.Kind == "" {
		f.Kind = twofactor.KindText
	}
	return f
}

// Ways is how the field is drawn in the end.
func (f AdminField) Ways() string {
	switch {
	case f.LockedBy != "":
		return string(DrawFixed)
	case f.Draw != DrawInput:
		return string(f.Draw)
	case f.Kind == twofactor.KindPassword:
		return string(DrawSecret)
	case f.Kind == twofactor.KindJSON:
		return "group"
	case f.Kind == twofactor.KindBool:
		return string(DrawSwitch)
	case f.Kind == twofactor.KindSelect:
		return string(DrawSelect)
	}
	return "input"
}

// DescribedBy are the ids of what is said about the field.
func (f AdminField) DescribedBy() string {
	var ids []string
	if id := f.Input.DescribedBy(); id != "" {
		ids = append(ids, id)
	}
	if f.Source != "" || f.LockedBy != "" {
		ids = append(ids, f.ID+"-source")
	}
	return strings.Join(ids, " ")
}

// Picked reports whether an option is chosen.
func (f AdminField) Picked(o AdminOption) bool {
	return o.Chosen || f.Draw != DrawBoxes && o.Value == f.Value
}

// Unchosen reports whether a select offers to choose nothing, besides its options.
func (f AdminField) Unchosen() bool {
	named := slices.ContainsFunc(f.Options, func(o AdminOption) bool { return o.Value == "" })
	return !named && (!f.Required || f.Value == "")
}

// Words are what a value that cannot be changed is called. Of a secret they say only
// whether it is set.
func (f AdminField) Words() string {
	if f.Draw == DrawSecret || f.Kind == twofactor.KindPassword {
		return f.Set
	}
	if f.Draw == DrawSwitch || f.Kind == twofactor.KindBool {
		if f.Checked() {
			return "On"
		}
		return "Off"
	}
	var words []string
	for _, o := range f.Options {
		if f.Picked(o) {
			words = append(words, o.Label)
		}
	}
	if len(words) > 0 {
		return strings.Join(words, ", ")
	}
	if f.Value != "" && f.Unit != "" {
		return f.Value + " " + f.Unit
	}
	return f.Value
}

// Height is the number of lines.
func (f AdminField) Height() int {
	if f.Lines > 0 {
		return f.Lines
	}
	return 4
}

// InputType is the type attribute of a field of one line.
func (f AdminField) InputType() string {
	switch f.Draw {
	case DrawDate:
		return "date"
	case DrawDateTime:
		return "datetime-local"
	case DrawTime:
		return "time"
	case DrawFile:
		return "file"
	}
	return f.Type()
}

// Opened reports whether a secret's field stands open at once.
func (f AdminField) Opened() bool { return f.Set == "" || f.Again || f.Error != "" }

// AdminFields draws the fields of a schema. Values are by name, "Group.Name" within
// a KindJSON; a name without a value has the field's default. Each sees every field
// before it is drawn, those in groups too, and may be nil: source, lock and what is
// said of a secret are set there.
func AdminFields(fields []twofactor.Field, values map[string]string, each func(*AdminField)) []AdminField {
	return adminFields(fields, values, each, "")
}

func adminFields(fields []twofactor.Field, values map[string]string, each func(*AdminField), prefix string) []AdminField {
	var out []AdminField
	for i, in := range inputs(fields, nil, prefix) {
		f := AdminField{Input: in}
		if v, ok := values[in.Name]; ok {
			f.Value = v
		}
		for _, c := range fields[i].Choices {
			f.Options = append(f.Options, AdminOption{Value: c, Label: c})
		}
		switch {
		case in.Group():
			f.Inputs, f.Fields = nil, adminFields(fields[i].Fields, values, each, in.Name+".")
		case fields[i].Secret || in.Kind == twofactor.KindPassword:
			f.Draw, f.Value, f.AutoComplete = DrawSecret, "", "new-password"
		}
		if each != nil {
			each(&f)
		}
		out = append(out, f)
	}
	return out
}

// AdminSection is a group of fields under a heading.
type AdminSection struct {
	Title  string // may be empty
	Intro  string // may be empty
	Fields []AdminField
}

// AdminForm is a form. It posts its fields, Hidden, FieldVersion and the token to
// Action; Buttons post FieldDo with their value.
type AdminForm struct {
	AdminPage
	Action    string
	Sections  []AdminSection
	Errors    []FieldError // at their fields by name, and all of them above the form
	Version   string       // of what is changed; may be empty
	Hidden    []Pair
	Save      string // label of the main button; empty: "Save"
	SaveDo    string // its value of FieldDo; may be empty
	Buttons   []AdminOption
	CancelURL string // may be empty
	Conflict  *AdminConflict
	SignIn    *AdminPreviewSignIn  // drawn beside the form; may be nil
	Message   *AdminMessagePreview // drawn beside the form; may be nil
	Test      *AdminTestResult     // drawn above the form; may be nil
	Parts     []AdminPart          // below the form
}

// Template implements View.
func (AdminForm) Template() string { return "admin-form" }

// Title implements View.
func (v AdminForm) Title() string {
	return v.failed(v.Heading, len(v.Errors) > 0 || v.Conflict != nil || v.Message != nil && v.Message.Error != "" || v.Notice != nil && v.Notice.Kind == Bad)
}

// Drawn are the sections with errors and focus at their places.
func (v AdminForm) Drawn() []AdminSection {
	out := slices.Clone(v.Sections)
	taken := false
	for i := range out {
		out[i].Fields = drawn(out[i].Fields, v.Errors, &taken)
	}
	return out
}

// drawn gives fields their ids, errors and, once, the focus.
func drawn(fields []AdminField, errs []FieldError, taken *bool) []AdminField {
	out := make([]AdminField, len(fields))
	for i, f := range fields {
		f = f.named()
		if e := errorFor(errs, f.Name); e != "" {
			f.Error = e
		}
		if len(errs) > 0 {
			f.Focus = f.Error != "" && f.Ways() != "group"
		}
		f.Focus = f.Focus && !*taken
		*taken = *taken || f.Focus
		f.Fields = drawn(f.Fields, errs, taken)
		out[i] = f
	}
	return out
}

// Summary is what is wrong, above the form: what belongs to no field first.
func (v AdminForm) Summary() Summary {
	var fields []AdminField
	for _, s := range v.Drawn() {
		fields = append(fields, s.Fields...)
	}
	return summaryOf(fields, v.Errors)
}

// summaryOf lists every error of drawn fields, with a link each. Away from its field an
// error needs the field's name.
func summaryOf(fields []AdminField, errs []FieldError) Summary {
	var s Summary
	known := map[string]bool{}
	var walk func([]AdminField)
	walk = func(fields []AdminField) {
		for _, f := range fields {
			known[f.Name] = true
			if f.Error != "" {
				s.Fields = append(s.Fields, SummaryLine{f.ID, f.Label + ": " + f.Error})
			}
			walk(f.Fields)
		}
	}
	walk(fields)
	for _, e := range errs {
		if !known[e.Field] {
			s.Form = append(s.Form, e.Message)
		}
	}
	return s
}

// Multipart reports whether the form sends files.
func (v AdminForm) Multipart() bool {
	var files func([]AdminField) bool
	files = func(fields []AdminField) bool {
		return slices.ContainsFunc(fields, func(f AdminField) bool { return f.Ways() == string(DrawFile) || files(f.Fields) })
	}
	return slices.ContainsFunc(v.Sections, func(s AdminSection) bool { return files(s.Fields) })
}

// AdminConflict says that somebody else has changed the thing meanwhile. The form
// around it must hold the newest version and what this person typed: its button
// saves that over what the other one did.
type AdminConflict struct {
	Who     string // may be empty
	When    AdminTime
	Rows    []AdminConflictRow
	TakeURL string // the form anew, with what they saved
}

// AdminConflictRow is one field in both versions.
type AdminConflictRow struct{ Field, Yours, Theirs string }

// AdminMiniForm is a form of a few fields within a page.
type AdminMiniForm struct {
	Action string
	Fields []AdminField
	Hidden []Pair
	Errors []FieldError
	Label  string // of the button, a verb
	Do     string // its value of FieldDo; may be empty
	Get    bool   // asks only: the fields go into the URL
	Main   bool   // it is what its page is for
}

// Drawn are the fields with errors and focus at their places.
func (f AdminMiniForm) Drawn() []AdminField {
	taken := false
	return drawn(f.Fields, f.Errors, &taken)
}

// General are the errors that belong to no field.
func (f AdminMiniForm) General() []string { return summaryOf(f.Drawn(), f.Errors).Form }

package console

import (
	"strconv"
	"strings"
	"time"

	"twofold/twofactor"
	"twofold/ui"
)

// Short ways to the fields of forms, and back from what was posted.

func text(name, label, value, help string) ui.AdminField {
	return ui.AdminField{Input: ui.Input{Name: name, Label: label, Value: value, Help: help}}
}

func required(f ui.AdminField) ui.AdminField {
	f.Required = true
	return f
}

func number(name, label string, value int64, unit, help string) ui.AdminField {
	f := text(name, label, strconv.FormatInt(value, 10), help)
	f.Kind, f.Unit = twofactor.KindNumber, unit
	return f
}

func lines(name, label string, value []string, help string) ui.AdminField {
	f := text(name, label, strings.Join(value, "\n"), help)
	f.Draw, f.Mono = ui.DrawLines, true
	return f
}

func toggle(name, label string, on bool, ifOn, ifOff string) ui.AdminField {
	f := text(name, label, strconv.FormatBool(on), "")
	f.Draw, f.On, f.Off = ui.DrawSwitch, ifOn, ifOff
	return f
}

func choose(name, label, value, help string, options ...ui.AdminOption) ui.AdminField {
	f := text(name, label, value, help)
	f.Draw, f.Options = ui.DrawSelect, options
	return f
}

func fixed(label, value, help string) ui.AdminField {
	f := text("", label, value, help)
	f.Draw = ui.DrawFixed
	return f
}

// reading takes posted values over into a thing, and notes what cannot be read.
type reading struct {
	d    *desk
	errs []ui.FieldError
}

func (r *reading) text(name string, into *string) { *into = strings.TrimSpace(one(r.d.r, name)) }

func (r *reading) lines(name string, into *[]string) {
	*into = nil
	for _, l := range strings.FieldsFunc(one(r.d.r, name), func(c rune) bool { return c == '\n' || c == '\r' }) {
		if l = strings.TrimSpace(l); l != "" {
			*into = append(*into, l)
		}
	}
}

func (r *reading) toggle(name string, into *bool) { *into = one(r.d.r, name) == "true" }

func (r *reading) number(name string, into *int64) {
	s := strings.TrimSpace(one(r.d.r, name))
	n, err := strconv.ParseInt(s, 10, 64)
	if s == "" {
		n, err = 0, nil
	}
	if err != nil || n < 0 {
		r.wrong(name, "Give a whole number, 0 or more.")
		return
	}
	*into = n
}

// date reads a day, which counts to its end.
func (r *reading) date(name string, into *time.Time) {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(one(r.d.r, name)))
	if err != nil {
		r.wrong(name, "Give a date such as 2027-01-31.")
		return
	}
	*into = t.Add(24*time.Hour - time.Second)
}

func (r *reading) wrong(name, message string) {
	r.errs = append(r.errs, ui.FieldError{Field: name, Message: message})
}

// strengths are what a sign-in can be asked to reach at least.
func strengths() []ui.AdminOption {
	return []ui.AdminOption{
		{Value: "", Label: "No demand"},
		{Value: twofactor.Strength1FA.ACR(), Label: "Password"},
		{Value: twofactor.Strength2FA.ACR(), Label: "Any second factor"},
		{Value: twofactor.StrengthAAL2.ACR(), Label: "SMS or authenticator app (AAL2)"},
		{Value: twofactor.StrengthPHR.ACR(), Label: "Passkey (phishing-resistant)"},
	}
}

// languages of pages and messages.
func languages() []ui.AdminOption {
	return []ui.AdminOption{
		{Value: "", Label: "English (default)"}, {Value: "de", Label: "Deutsch"}, {Value: "fr", Label: "Français"}, {Value: "it", Label: "Italiano"},
	}
}

func active(on bool) ui.AdminBadge {
	if on {
		return ui.AdminBadge{Tone: ui.ToneGood, Text: "Active"}
	}
	return ui.AdminBadge{Tone: ui.ToneOff, Text: "Inactive"}
}

func badge(b ui.AdminBadge) ui.AdminCell { return ui.AdminCell{Badge: &b} }

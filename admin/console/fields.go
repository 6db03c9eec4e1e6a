package console

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"twofold/tenants"
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

func boxes(name, label, help string, options []ui.AdminOption) ui.AdminField {
	f := text(name, label, "", help)
	f.Draw, f.Options = ui.DrawBoxes, options
	return f
}

func secretField(name, label, help string) ui.AdminField {
	f := text(name, label, "", help)
	f.Draw = ui.DrawSecret
	return f
}

// locked shows a field that is set further up.
func locked(f ui.AdminField, by string) ui.AdminField {
	f.LockedBy = by
	return f
}

// some reads all values of a name, each once.
func (r *reading) some(name string, into *[]string) {
	*into = nil
	for _, v := range r.d.r.PostForm[name] {
		if v != "" && !slices.Contains(*into, v) {
			*into = append(*into, v)
		}
	}
}

// words reads words that are set apart by spaces, commas or lines.
func (r *reading) words(name string, into *tenants.List) {
	*into = nil
	for _, w := range strings.FieldsFunc(one(r.d.r, name), func(c rune) bool { return unicode.IsSpace(c) || c == ',' || c == ';' }) {
		if !slices.Contains(*into, w) {
			*into = append(*into, w)
		}
	}
}

// units of a length of time, the longest first.
var units = []struct {
	name    string
	seconds int64
}{{"day", 24 * 3600}, {"hour", 3600}, {"minute", 60}, {"second", 1}}

// lengthOf says a number of seconds in the longest unit that it is whole in.
func lengthOf(seconds int64) string {
	for _, u := range units {
		if n := seconds / u.seconds; seconds > 0 && seconds%u.seconds == 0 && !(u.name == "day" && n == 1) {
			if n == 1 {
				return "1 " + u.name
			}
			return strconv.FormatInt(n, 10) + " " + u.name + "s"
		}
	}
	return ""
}

var lengthForm = regexp.MustCompile(`^([0-9]{1,9}) *([a-z]+)\.?$`)

// length reads what lengthOf says, and its abbreviations.
func (r *reading) length(name string, into *int64) {
	if n, ok := seconds(one(r.d.r, name)); ok {
		*into = n
		return
	}
	r.wrong(name, "Give a length of time, such as 30 minutes, 8 hours or 14 days.")
}

// lengthOrNone is length where nothing is an answer too: 0.
func (r *reading) lengthOrNone(name string, into *int64) {
	if strings.TrimSpace(one(r.d.r, name)) == "" {
		*into = 0
		return
	}
	r.length(name, into)
}

// lengthsOf are the two times of a session in words.
func lengthsOf(r tenants.Realm) (session, idle string) {
	s, i := r.SessionLife()
	return lengthOf(int64(s.Seconds())), lengthOf(int64(i.Seconds()))
}

func seconds(s string) (int64, bool) {
	m := lengthForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return 0, false
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	for _, u := range units {
		if n > 0 && (strings.HasPrefix(u.name+"s", m[2]) || m[2] == u.name[:1]+"r" || m[2] == u.name[:1]+"rs") {
			return n * u.seconds, true
		}
	}
	return 0, false
}

// lengthField asks for a length of time. What was typed and cannot be read stays.
func lengthField(d *desk, name, label string, value int64, help string) ui.AdminField {
	f := text(name, label, lengthOf(value), help)
	if typed := one(d.r, name); typed != "" {
		if _, ok := seconds(typed); !ok {
			f.Value = typed
		}
	}
	return f
}

func yesNo(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

// strengthName is what an acr value is called in forms.
func strengthName(acr string) string {
	for _, o := range strengths() {
		if o.Value == acr {
			return o.Label
		}
	}
	return acr
}

func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return ui.Figures(int(n)) + " " + noun
}

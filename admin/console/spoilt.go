package console

import (
	"slices"
	"strings"

	"twofold/admin"
	"twofold/ui"
)

// spoilt is what it would mean to save a form of options as it is: instances that are
// valid now would not be, and these people sign in otherwise (SPEC §4).
type spoilt struct {
	names []string // of the instances
	seen  string   // what the form says once it was seen
	parts []ui.AdminPart
	locks bool // somebody is locked out
}

// fieldSeen says for which change whom it affects was shown: another one is shown anew.
const fieldSeen = "seen"

// spoils finds whom it affects that a form makes instances invalid, and has the form
// show it. seen says that there is nothing to show, or that it was shown for just this.
//
// It is the form that is shown again, not a page in between: what goes along in hidden
// fields must be no secret, and options are.
func (d *desk) spoils(o *optionForm, s admin.Spoilt) (seen bool, err error) {
	change := s.Change()
	if change == nil {
		return true, nil
	}
	out := &spoilt{}
	var marks []string
	for _, v := range s.Instances {
		out.names, marks = append(out.names, v.Name), append(marks, v.ID)
	}
	for _, f := range s.Wrong {
		marks = append(marks, f.Name)
	}
	if out.seen = strings.Join(marks, " "); one(d.r, fieldSeen) == out.seen {
		return true, nil
	}
	look, err := d.foresee(*change)
	if err != nil || look.Affected == 0 {
		return err == nil, err
	}
	if out.parts, err = look.drawn(); err != nil {
		return false, err
	}
	out.locks, o.spoilt = look.locksOut(), out
	return false, nil
}

// typedSecret reports whether a secret was typed: no page gives it back.
func (o optionForm) typedSecret() bool {
	for name, values := range o.posted {
		if f, ok := o.field(name); ok && f.Secret && !slices.Equal(values, []string{""}) {
			return true
		}
	}
	return false
}

// warn draws a form that would spoil something.
func (o optionForm) warn(p *ui.AdminForm) {
	s := o.spoilt
	if s == nil {
		return
	}
	p.Notice = &ui.Notice{Kind: ui.Bad, Text: "Nothing has been saved yet. With this, " + strings.Join(s.names, ", ") + " would be invalid and offered to nobody. Whom it affects stands below the form."}
	if o.typedSecret() {
		p.Notice.Text += " A password or token that you typed must be typed again."
	}
	p.Hidden = append(p.Hidden, ui.Pair{Name: fieldSeen, Value: s.seen})
	p.Parts, p.Save = s.parts, "Save it all the same"
	if s.locks {
		p.Save = "Save it, and lock them out"
	}
}

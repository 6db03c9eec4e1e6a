package console

import (
	"errors"
	"net/http"
	"strconv"

	"twofold/admin"
	"twofold/ui"
)

// The form of a kind of thing: to make one and to change one, with whom it affects and
// what somebody else has saved meanwhile.

func (r resource[V]) fresh(d *desk) error {
	if !d.may(r.action(d, "create")) {
		return errMayNot
	}
	if !d.who.Fresh(d.now()) && admin.Sensitive(r.action(d, "create")) {
		return admin.ErrAgain
	}
	var v V
	if r.blank != nil {
		v = r.blank(d)
	}
	r.fill(d, &v, true)
	return r.draw(d, http.StatusOK, v, drawn[V]{fresh: true})
}

// fill takes values from the address, to begin or to go on with. Nothing is saved by it.
func (r resource[V]) fill(d *desk, v *V, fresh bool) {
	if q := d.r.URL.Query(); r.fills && len(q) > 0 {
		d.r.PostForm = q
		r.read(d, v, fresh)
	}
}

// foresee shows what a change of a form means for sign-ins, if that is anything and
// nobody has seen it yet. shown says that it did.
func (r resource[V]) foresee(d *desk, before, after *V) (shown bool, err error) {
	if r.preview == nil || d.confirmed() {
		return false, nil
	}
	c, err := r.preview(d, before, after)
	if err != nil || c == nil {
		return false, err
	}
	o, err := d.foresee(*c)
	if err != nil || o.Affected == 0 {
		return false, err
	}
	a := asks{heading: "Whom this affects", action: d.path(r.path, "new"), crumbs: []ui.Link{{Text: r.title, URL: d.path(r.path)}}}
	if before != nil {
		a.action, a.version = d.path(r.path, d.id(), "edit"), one(d.r, ui.FieldVersion)
		a.crumbs = append(a.crumbs, ui.Link{Text: r.name(*before), URL: d.path(r.path, d.id())})
	}
	if a.back = a.action; r.fills {
		a.back += "?" + d.typed().Encode()
	}
	return true, o.drawPreview(a)
}

// drawn says how a form comes to be drawn.
type drawn[V any] struct {
	fresh    bool
	errs     []ui.FieldError
	conflict *V // what somebody else has saved meanwhile
}

// draw shows the form of a value.
func (r resource[V]) draw(d *desk, status int, v V, how drawn[V]) error {
	sections, err := r.form(d, v, how.fresh)
	if err != nil {
		return err
	}
	p := ui.AdminForm{AdminPage: d.frame("Create " + r.noun), Action: d.path(r.path, "new"), Sections: sections, Errors: how.errs, CancelURL: d.path(r.path), Save: "Create " + r.noun}
	p.Crumbs = []ui.Link{{Text: r.title, URL: d.path(r.path)}}
	if !how.fresh {
		p.Heading, p.Action, p.CancelURL, p.Save = "Edit "+r.called(v), d.path(r.path, d.id(), "edit"), d.path(r.path, d.id()), "Save"
		p.Crumbs = append(p.Crumbs, ui.Link{Text: r.name(v), URL: p.CancelURL})
		p.Version = strconv.FormatInt(r.things(d).Version(&v), 10)
	}
	if how.conflict != nil {
		if p.Conflict, err = r.conflict(d, v, *how.conflict); err != nil {
			return err
		}
		p.Version = strconv.FormatInt(r.things(d).Version(how.conflict), 10)
	}
	if r.aside != nil {
		p.SignIn = r.aside(d, v)
	}
	if p.SignIn != nil {
		p.Buttons = []ui.AdminOption{{Value: "preview", Label: "Preview"}}
	}
	if r.hidden != nil {
		p.Hidden = r.hidden(v)
	}
	switch {
	case !how.fresh || r.first == nil:
	case r.first(v):
		p.Save = "Continue"
	default:
		p.Hidden = append(p.Hidden, ui.Pair{Name: fieldWhole, Value: "true"})
	}
	return d.render(status, p)
}

// fieldWhole says that a form of two pages was whole.
const fieldWhole = "whole"

// conflict compares two versions field by field, as the form shows them.
func (r resource[V]) conflict(d *desk, yours, theirs V) (*ui.AdminConflict, error) {
	a, err := r.form(d, yours, false)
	if err != nil {
		return nil, err
	}
	b, err := r.form(d, theirs, false)
	if err != nil {
		return nil, err
	}
	out := &ui.AdminConflict{TakeURL: d.path(r.path, d.id(), "edit")}
	for i, s := range a {
		for j, f := range s.Fields {
			if i < len(b) && j < len(b[i].Fields) && f.Words() != b[i].Fields[j].Words() {
				out.Rows = append(out.Rows, ui.AdminConflictRow{Field: f.Label, Yours: f.Words(), Theirs: b[i].Fields[j].Words()})
			}
		}
	}
	return out, nil
}

// make creates a thing.
func (r resource[V]) make(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if !d.may(r.action(d, "create")) {
		return errMayNot
	}
	var v V
	errs := r.read(d, &v, true)
	if r.first != nil && !r.first(v) && one(d.r, fieldWhole) == "" {
		return r.draw(d, http.StatusOK, v, drawn[V]{fresh: true}) // the second page
	}
	if len(errs) > 0 || one(d.r, ui.FieldDo) == "preview" {
		return r.draw(d, status(errs), v, drawn[V]{fresh: true, errs: errs})
	}
	if shown, err := r.foresee(d, nil, &v); shown || err != nil {
		return r.again(d, err, v, true)
	}
	create := r.create
	if create == nil {
		create = func(d *desk, v *V) error { return r.things(d).Create(d.r.Context(), d.who, d.sub.ID, v) }
	}
	if err := create(d, &v); err != nil {
		errs, ok := atFields(err)
		if !ok {
			return err
		}
		return r.draw(d, http.StatusUnprocessableEntity, v, drawn[V]{fresh: true, errs: errs})
	}
	return d.done(d.path(r.path, r.things(d).ID(&v)), capital(r.noun)+" created.", nil)
}

func (r resource[V]) edit(d *desk) error {
	v, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.may(r.action(d, "write")) {
		return errMayNot
	}
	if !d.who.Fresh(d.now()) && admin.Sensitive(r.action(d, "write")) {
		return admin.ErrAgain
	}
	r.fill(d, &v, false)
	return r.draw(d, http.StatusOK, v, drawn[V]{})
}

// again draws a form whose values are refused; any other error is for the page.
func (r resource[V]) again(d *desk, err error, v V, fresh bool) error {
	if errs, ok := atFields(err); ok {
		return r.draw(d, http.StatusUnprocessableEntity, v, drawn[V]{fresh: fresh, errs: errs})
	}
	return err
}

// save changes a thing, if nobody else did meanwhile; otherwise both versions are shown
// and nothing is lost.
func (r resource[V]) save(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 1 {
		return errVersion
	}
	if _, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return err
	}
	if !d.may(r.action(d, "write")) {
		return errMayNot
	}
	if shown, err := r.foreseeSave(d, version); shown || err != nil {
		return err
	}
	var wrong []ui.FieldError
	var wanted V
	_, err = r.things(d).Update(d.r.Context(), d.who, d.sub.ID, d.id(), version, func(v *V) error {
		wrong = r.read(d, v, false)
		wanted = *v
		if len(wrong) > 0 || one(d.r, ui.FieldDo) == "preview" {
			return errAgain
		}
		return nil
	})
	var stale *admin.StaleError[V]
	switch {
	case err == nil:
		return d.done(d.path(r.path, d.id()), capital(r.noun)+" saved.", nil)
	case errors.Is(err, admin.ErrAgain) && r.fills:
		// The new sign-in leads back to the form as it was typed, unless that is too long.
		if typed := d.typed().Encode(); backTo(d.r.URL.Path+"?"+typed) != pathHome {
			d.r.URL.RawQuery = typed
		}
		return err
	case errors.Is(err, errAgain):
		return r.draw(d, status(wrong), wanted, drawn[V]{errs: wrong})
	case errors.As(err, &stale):
		return r.draw(d, http.StatusPreconditionFailed, stale.Yours, drawn[V]{conflict: &stale.Theirs})
	}
	if errs, ok := atFields(err); ok {
		return r.draw(d, http.StatusUnprocessableEntity, wanted, drawn[V]{errs: errs})
	}
	return err
}

// foreseeSave is foresee for a form that changes something. What is wrong with the form,
// or was changed meanwhile, the save itself says.
func (r resource[V]) foreseeSave(d *desk, version int64) (shown bool, err error) {
	if r.preview == nil || d.confirmed() || one(d.r, ui.FieldDo) == "preview" {
		return false, nil
	}
	old, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return false, err
	}
	v := old
	if errs := r.read(d, &v, false); len(errs) > 0 || r.things(d).Version(&old) != version {
		return false, nil
	}
	if shown, err = r.foresee(d, &old, &v); err == nil {
		return shown, nil
	}
	return true, r.again(d, err, v, false)
}

package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// The question before a thing goes, and its way back.

func (r resource[V]) ask(d *desk) error {
	v, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.may(r.action(d, "delete")) {
		return errMayNot
	}
	if !d.who.Fresh(d.now()) && admin.Sensitive(r.action(d, "delete")) {
		return admin.ErrAgain
	}
	return r.question(d, http.StatusOK, v, nil)
}

func (r resource[V]) question(d *desk, status int, v V, errs []ui.FieldError) error {
	p := ui.AdminConfirm{
		AdminPage: d.frame("Delete " + r.called(v) + "?"), Action: d.path(r.path, d.id(), "delete"), Label: "Delete " + r.noun, Errors: errs,
		Version: strconv.FormatInt(r.things(d).Version(&v), 10), BackURL: d.path(r.path, d.id()),
	}
	p.Crumbs = []ui.Link{{Text: r.title, URL: d.path(r.path)}, {Text: r.name(v), URL: p.BackURL}}
	if r.typed != nil {
		p.TypeName = r.typed(v)
	}
	if r.losses != nil {
		var err error
		if p.Losses, err = r.losses(d, v); err != nil {
			return err
		}
	}
	if r.preview != nil {
		c, err := r.preview(d, &v, nil)
		if err != nil {
			return err
		}
		if c != nil {
			if p.Parts, err = d.outlookParts(*c); err != nil {
				return err
			}
		}
	}
	return d.render(status, p)
}

func (r resource[V]) remove(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	v, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.may(r.action(d, "delete")) {
		return errMayNot // before anything is said of the form
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || one(d.r, ui.FieldConfirmed) != "true" {
		return errVersion
	}
	if r.typed != nil && strings.TrimSpace(one(d.r, ui.FieldTyped)) != r.typed(v) {
		return r.question(d, http.StatusUnprocessableEntity, v, []ui.FieldError{{Field: ui.FieldTyped, Message: "This is not its name. Type it as it stands above."}})
	}
	err = r.things(d).Delete(d.r.Context(), d.who, d.sub.ID, d.id(), version)
	if errors.Is(err, tenants.ErrStale) {
		return r.question(d, http.StatusPreconditionFailed, v, []ui.FieldError{{Message: "Somebody changed it a moment ago. Look at it again before it goes."}})
	}
	if p := problem.From(err); err != nil && p.Kind == problem.Conflict {
		return r.question(d, http.StatusConflict, v, []ui.FieldError{{Message: p.Message}})
	}
	if err != nil {
		return err
	}
	undo := &ui.AdminButton{Label: "Undo", URL: d.path(r.path, d.id(), "restore"), Post: true}
	if !r.things(d).Restores() {
		undo = nil
	}
	return d.done(d.path(r.path), r.name(v)+" was deleted.", undo)
}

func (r resource[V]) restore(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if _, err := r.things(d).Restore(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return err
	}
	return d.done(d.path(r.path, d.id()), capital(r.noun)+" is back. It is inactive; what hung on it has to be set again.", nil)
}

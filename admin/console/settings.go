package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// The pages of base settings: the options that every instance of a type begins with, of
// a subscription and of the whole server.

func mountSettings(c *Console, a, s *mux.Router) {
	for _, at := range []struct {
		r         *mux.Router
		operation string
	}{{s, "base_settings"}, {a, "platform_settings"}} {
		at.r.HandleFunc("/settings", c.at(listSettings)).Methods(http.MethodGet, http.MethodHead)
		at.r.HandleFunc("/settings/{type}", c.at(editSettings)).Methods(http.MethodGet, http.MethodHead).Name(at.operation + ".get")
		at.r.HandleFunc("/settings/{type}", c.at(saveSettings)).Methods(http.MethodPost).Name(at.operation + ".update")
	}
}

// settingsPath is a page of base settings: of the subscription, or of the server.
func (d *desk) settingsPath(parts ...string) string {
	if d.sub.ID != "" {
		return d.path("settings", parts...)
	}
	p := "/admin/settings"
	for _, s := range parts {
		p += "/" + s
	}
	return p
}

// settingsTitle says whose they are.
func (d *desk) settingsTitle() string {
	if d.sub.ID != "" {
		return "Base settings"
	}
	return "Base settings of the server"
}

func listSettings(d *desk) error {
	if !d.who.May(admin.SettingsRead, db.Scope{Subscription: d.sub.ID}) {
		return errMayNot
	}
	p := ui.AdminList{
		AdminPage: d.frame(d.settingsTitle()), AdminQuery: ui.AdminQuery{Path: d.settingsPath(), Values: d.r.URL.Query(), Noun: "type", Nouns: "types"},
		Table: ui.AdminTable{Caption: d.settingsTitle(), Columns: []ui.AdminColumn{{Label: "Type"}, {Label: "Set here"}, {Label: "Inherited"}}},
	}
	p.Intro = "What every instance of a type begins with. An instance may set its own values; what it does not set comes from here."
	if d.sub.ID == "" {
		p.Intro = "What every instance of a type begins with, in all subscriptions. A subscription, and an instance, may set values of their own."
	}
	for _, t := range d.factorTypes() {
		v, err := d.Admin.BaseSettings(d.r.Context(), d.who, d.sub.ID, t.Value)
		if err != nil {
			return err
		}
		here, above := 0, 0
		for _, o := range v.Options {
			switch {
			case o.Here:
				here++
			case o.Source != tenants.SourceDefault:
				above++
			}
		}
		p.Table.Rows = append(p.Table.Rows, ui.AdminRow{URL: d.settingsPath(t.Value), Cells: []ui.AdminCell{{Text: t.Label}, {Text: options(here)}, {Text: options(above)}}})
	}
	return d.render(http.StatusOK, p)
}

// options counts options in words.
func options(n int) string {
	if n == 0 {
		return "Nothing"
	}
	return count(int64(n), "option")
}

func editSettings(d *desk) error {
	v, err := d.settings()
	if err != nil {
		return err
	}
	return d.drawSettings(http.StatusOK, v, optionForm{options: v.Options}, nil, nil)
}

// settings reads those that the address names.
func (d *desk) settings() (admin.BaseSettings, error) {
	return d.Admin.BaseSettings(d.r.Context(), d.who, d.sub.ID, mux.Vars(d.r)["type"])
}

func (d *desk) drawSettings(status int, v admin.BaseSettings, o optionForm, errs []ui.FieldError, conflict *ui.AdminConflict) error {
	o.here = tenants.SourcePlatform
	if d.sub.ID != "" {
		o.here = tenants.SourceSubscription
	}
	fields := o.fields()
	p := ui.AdminForm{
		AdminPage: d.frame(d.typeName(v.Type)), Action: d.settingsPath(v.Type), CancelURL: d.settingsPath(), Errors: errs,
		Version: strconv.FormatInt(v.Version, 10), Hidden: o.hidden(), Conflict: conflict,
	}
	p.Crumbs = []ui.Link{{Text: d.settingsTitle(), URL: d.settingsPath()}}
	p.Intro = "It takes effect at the next sign-in, for every instance that does not set its own value. Check them afterwards: a wrong value here makes them all invalid."
	if !d.who.May(admin.SettingsWrite, db.Scope{Subscription: d.sub.ID}) {
		lock(fields, "Your role does not allow to change it")
	}
	// Nothing is required here: an instance may set it.
	relax(fields)
	p.Sections = []ui.AdminSection{{Fields: fields}}
	o.warn(&p)
	return d.render(status, p)
}

// foreseeSettings is foreseeSpoilt for the base settings of a subscription. Those of the
// server reach into subscriptions whose people are not theirs to see who sets them.
func (d *desk) foreseeSettings(v admin.BaseSettings, o optionForm, change tenants.Options, version int64) (shown bool, err error) {
	if d.sub.ID == "" || version != v.Version || !d.may(admin.PolicyRead) {
		return false, nil
	}
	spoilt, err := d.Admin.SpoiltBySettings(d.r.Context(), d.who, d.sub.ID, v.Type, change)
	if err != nil {
		return false, nil //nolint:nilerr // the save meets it again
	}
	seen, err := d.spoils(&o, spoilt)
	if seen || err != nil {
		return false, err
	}
	return true, d.drawSettings(http.StatusOK, v, o, nil, nil)
}

func relax(fields []ui.AdminField) {
	for i := range fields {
		if fields[i].Kind != twofactor.KindSelect {
			fields[i].Required = false
		}
		relax(fields[i].Fields)
	}
}

func lock(fields []ui.AdminField, why string) {
	for i := range fields {
		fields[i].LockedBy = why
		lock(fields[i].Fields, why)
	}
}

func saveSettings(d *desk) error {
	posted, err := d.posted()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 0 {
		return errVersion
	}
	v, err := d.settings()
	if err != nil {
		return err
	}
	o := optionForm{options: v.Options, posted: posted}
	change, errs := o.change()
	if len(errs) > 0 {
		return d.drawSettings(http.StatusUnprocessableEntity, v, o, errs, nil)
	}
	if shown, err := d.foreseeSettings(v, o, change, version); shown || err != nil {
		return err
	}
	_, err = d.Admin.SetBaseSettings(d.r.Context(), d.who, d.sub.ID, v.Type, version, change)
	switch p := problem.From(err); {
	case err == nil:
		return d.done(d.settingsPath(), "Base settings of "+d.typeName(v.Type)+" saved.", nil)
	case errors.Is(err, tenants.ErrStale):
		return d.drawSettings(http.StatusPreconditionFailed, v, o, nil, &ui.AdminConflict{TakeURL: d.settingsPath(v.Type), Rows: o.differences(o.fields())})
	case p.Code == codeSecretAgain:
		o.again = slices.Clone(p.Fields)
		return d.drawSettings(http.StatusUnprocessableEntity, v, o, o.faults(p.Fields), nil)
	}
	errs, ok := atFields(err)
	if !ok {
		return err
	}
	return d.drawSettings(http.StatusUnprocessableEntity, v, o, errs, nil)
}

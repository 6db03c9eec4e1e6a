package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// The pages of TwoFactor instances (SPEC §3). An instance is put with its options, so
// making and changing it are pages of their own; the rest is as with all things.

func mountTwoFactors(c *Console, s *mux.Router) {
	r := twoFactors()
	at := func(path string, h handler, name string, methods ...string) {
		route := s.HandleFunc("/two-factors"+path, c.at(h)).Methods(methods...)
		if name != "" {
			route.Name("two_factors." + name)
		}
	}
	at("", r.list, "list", http.MethodGet, http.MethodHead)
	at("/new", freshTwoFactor, "", http.MethodGet, http.MethodHead)
	at("/new", makeTwoFactor, "create", http.MethodPost)
	at("/{id}", showTwoFactor, "get", http.MethodGet, http.MethodHead)
	at("/{id}/edit", editTwoFactor, "", http.MethodGet, http.MethodHead)
	at("/{id}/edit", saveTwoFactor, "update", http.MethodPost)
	at("/{id}/delete", r.ask, "", http.MethodGet, http.MethodHead)
	at("/{id}/delete", r.remove, "delete", http.MethodPost)
	at("/{id}/switch", askSwitch, "", http.MethodGet, http.MethodHead)
	at("/{id}/switch", doSwitch, "update", http.MethodPost)
	at("/{id}/test", testTwoFactor, "test", http.MethodPost)
	at("/{id}/restore", r.restore, "restore", http.MethodPost)
}

func twoFactors() resource[tenants.TwoFactor] {
	return resource[tenants.TwoFactor]{
		path: "two-factors", title: "TwoFactor instances", noun: "TwoFactor instance", nouns: "TwoFactor instances", operation: "two_factors", searches: "Find instances",
		intro:  "A TwoFactor instance is a configured kind of second factor. It reaches people once it is assigned.",
		empty:  "A second factor is what people prove themselves with beside the password. Create an instance, configure it, test it, then assign it.",
		things: func(d *desk) admin.Things[tenants.TwoFactor] { return d.Admin.TwoFactors() },
		name:   func(v tenants.TwoFactor) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "Type"}, {Label: "State"}, {Label: "Last sent"}, {Label: "Assignments", Figure: true}, {Label: "Created", Sort: "created", Down: true},
		},
		filters: func(d *desk) []ui.AdminFilter {
			return []ui.AdminFilter{
				{Name: "type", Label: "Type", Options: d.factorTypes()},
				{Name: "active", Label: "Active", Options: []ui.AdminOption{{Value: "true", Label: "Active"}, {Value: "false", Label: "Inactive"}}},
			}
		},
		rows: twoFactorRows,
		preview: func(_ *desk, before, after *tenants.TwoFactor) (*tenants.Change, error) {
			if after != nil {
				return nil, nil
			}
			return &tenants.Change{Switch: &tenants.Switch{TwoFactorID: before.ID, To: tenants.SwitchDelete}}, nil
		},
		losses: func(d *desk, v tenants.TwoFactor) ([]string, error) { return d.goesWith(v) },
	}
}

// factorTypes are the types of the catalogue, by the names that people read.
func (d *desk) factorTypes() []ui.AdminOption {
	out := []ui.AdminOption{}
	for _, t := range d.Admin.Tenants.Catalog.Types() {
		out = append(out, ui.AdminOption{Value: t, Label: d.typeName(t)})
	}
	slices.SortFunc(out, func(a, b ui.AdminOption) int { return strings.Compare(a.Label, b.Label) })
	return out
}

func (d *desk) typeName(t string) string {
	if p, ok := d.Admin.Tenants.Catalog[t]; ok {
		return p.Info.Name
	}
	return t
}

// twoFactorRows asks once how all fare.
func twoFactorRows(d *desk, _ []tenants.TwoFactor) (func(tenants.TwoFactor) []ui.AdminCell, error) {
	fares, err := d.Admin.Fares(d.r.Context(), d.who, d.sub.ID)
	if err != nil {
		return nil, err
	}
	return func(v tenants.TwoFactor) []ui.AdminCell {
		st := fares.States[v.ID]
		state := badge(ui.StateBadge(st.Word))
		state.Second = d.stateWords(st)
		sent := ui.AdminCell{Text: "never"}
		if st.Word == "ready" { // untested, if it had something to send
			sent.Text = "sends nothing"
		}
		if v.LastSentAt != nil {
			sent = ui.AdminCell{Time: d.when(*v.LastSentAt)}
		}
		return []ui.AdminCell{{Text: v.Name}, {Text: d.typeName(v.Type)}, state, sent, {Text: strconv.Itoa(fares.Assigned[v.ID])}, {Time: d.when(v.CreatedAt)}}
	}, nil
}

// stateWords are the reason for a state (SPEC §3.3).
func (d *desk) stateWords(st tenants.State) string {
	switch st.Word {
	case "invalid":
		return st.Reason
	case "failing":
		words := "The last delivery failed: " + strings.TrimPrefix(st.Reason, "twofactor: send: ")
		if st.Since != nil {
			words += ", since " + d.when(*st.Since).Text
		}
		return words
	case "untested":
		return "Nothing has been sent yet: send a test"
	case "inactive":
		return "Switched off: it is offered to nobody"
	}
	return ""
}

// newTwoFactor is what the form of a new instance holds.
type newTwoFactor struct {
	name, kind string
	active     bool
}

func freshTwoFactor(d *desk) error {
	if !d.may(admin.TwoFactorCreate) {
		return errMayNot
	}
	return d.drawNewTwoFactor(http.StatusOK, newTwoFactor{kind: d.r.URL.Query().Get("type"), active: true}, nil)
}

func (d *desk) drawNewTwoFactor(status int, v newTwoFactor, errs []ui.FieldError) error {
	kind := required(text("type", "Type", v.kind, "What people prove themselves with. It cannot be changed later."))
	kind.Draw = ui.DrawRadios
	for _, t := range d.factorTypes() {
		t.Help = d.typeHelp(t.Value)
		kind.Options = append(kind.Options, t)
	}
	p := ui.AdminForm{AdminPage: d.frame("Create TwoFactor instance"), Action: d.path("two-factors", "new"), Errors: errs, CancelURL: d.path("two-factors"), Save: "Save"}
	p.Crumbs = []ui.Link{{Text: "TwoFactor instances", URL: d.path("two-factors")}}
	p.Intro = "It may be saved incomplete: the next page asks for what its type needs, and nobody is offered it before it is assigned."
	p.Sections = []ui.AdminSection{{Fields: []ui.AdminField{
		kind,
		required(text("instance_name", "Name", v.name, "People see it where they choose a method: Mail code, say.")),
		toggle("instance_active", "Active", v.active, "It is offered to those whom it is assigned to, once it is valid.", "It is offered to nobody."),
		fixed("Subscription", titleOf(d.sub.Title, d.sub.Name), ""),
	}}}
	return d.render(status, p)
}

// typeHelp says what a type is by what is known of all types.
func (d *desk) typeHelp(t string) string {
	info := d.Admin.Tenants.Catalog[t].Info
	words := strengthWords(info.Strength)
	switch {
	case info.Fallback:
		return "Stands in for a lost factor, never counts alone."
	case info.Enrolls:
		words += " People set it up themselves."
	}
	for _, n := range info.Needs {
		switch n {
		case twofactor.NeedsEmail:
			words += " Needs a proven mail address."
		case twofactor.NeedsPhone:
			words += " Needs a proven phone number."
		}
	}
	return words
}

func strengthWords(s twofactor.Strength) string {
	for _, o := range strengths() {
		if o.Value == s.ACR() {
			return "Reaches: " + o.Label + "."
		}
	}
	return "Reaches: " + s.ACR() + "."
}

func makeTwoFactor(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	v := newTwoFactor{strings.TrimSpace(one(d.r, "instance_name")), one(d.r, "type"), one(d.r, "instance_active") == "true"}
	var errs []ui.FieldError
	if v.kind == "" {
		errs = append(errs, ui.FieldError{Field: "type", Message: "Choose a type."})
	}
	if v.name == "" {
		errs = append(errs, ui.FieldError{Field: "instance_name", Message: "Give it a name."})
	}
	if len(errs) > 0 {
		return d.drawNewTwoFactor(http.StatusUnprocessableEntity, v, errs)
	}
	made, err := d.Admin.CreateTwoFactor(d.r.Context(), d.who, d.sub.ID, v.name, v.kind, v.active, nil)
	if err != nil {
		errs, ok := atFields(err)
		if !ok {
			return err
		}
		return d.drawNewTwoFactor(http.StatusUnprocessableEntity, v, renamed(errs))
	}
	return d.toState(made, "TwoFactor instance created.")
}

// renamed puts errors of the instance itself at the fields of the form, whose names must
// not be those of an option.
func renamed(errs []ui.FieldError) []ui.FieldError {
	for i, e := range errs {
		if e.Field == "name" || e.Field == "active" {
			errs[i].Field = "instance_" + e.Field
		}
	}
	return errs
}

// toState leads on: to what lacks, or to the instance.
func (d *desk) toState(v admin.Instance, said string) error {
	if len(v.Wrong) > 0 {
		d.flash(flash{Text: said + " It cannot be used yet: the form says what lacks.", Bad: true})
		return d.go303(d.path("two-factors", v.ID, "edit"))
	}
	return d.done(d.path("two-factors", v.ID), said, nil)
}

func editTwoFactor(d *desk) error {
	v, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.mayAll(admin.TwoFactorWrite) {
		return errMayNot
	}
	o := optionForm{options: v.Options}
	return d.drawTwoFactor(http.StatusOK, v, v.Name, o, o.faults(v.Wrong), nil)
}

// drawTwoFactor is the extended edit view (SPEC §3.2).
func (d *desk) drawTwoFactor(status int, v admin.Instance, name string, o optionForm, errs []ui.FieldError, conflict *ui.AdminConflict) error {
	p := ui.AdminForm{
		AdminPage: d.frame("Edit " + v.Name), Action: d.path("two-factors", v.ID, "edit"), CancelURL: d.path("two-factors", v.ID), Save: "Save",
		Errors: errs, Version: strconv.FormatInt(v.Version, 10), Hidden: o.hidden(), Conflict: conflict,
	}
	d.crown(&p.AdminPage, v)
	p.Crumbs = append(p.Crumbs, ui.Link{Text: v.Name, URL: p.CancelURL})
	p.Sections = []ui.AdminSection{
		{Fields: []ui.AdminField{
			required(text("instance_name", "Name", name, "People see it where they choose a method.")), fixed("Type", d.typeName(v.Type), ""),
		}},
		{Title: "Options", Intro: "What is set here counts before what is inherited. Passwords and tokens are never shown.", Fields: o.fields()},
	}
	if len(v.Options) == 0 {
		p.Sections = p.Sections[:1]
	}
	o.warn(&p)
	return d.render(status, p)
}

// foreseeSpoilt shows whom it affects that options make an instance invalid, if anybody,
// and nobody has seen it yet. What cannot be saved at all the save itself says.
func (d *desk) foreseeSpoilt(v admin.Instance, name string, o optionForm, change tenants.Options, version int64) (shown bool, err error) {
	if version != v.Version || !d.may(admin.PolicyRead) {
		return false, nil
	}
	spoilt, err := d.Admin.SpoiltBy(d.r.Context(), d.who, d.sub.ID, v.ID, change)
	if err != nil {
		return false, nil //nolint:nilerr // the save meets it again
	}
	seen, err := d.spoils(&o, spoilt)
	if seen || err != nil {
		return false, err
	}
	return true, d.drawTwoFactor(http.StatusOK, v, name, o, o.faults(spoilt.Wrong), nil)
}

// crown says above a page how an instance fares.
func (d *desk) crown(p *ui.AdminPage, v admin.Instance) {
	b := ui.StateBadge(v.State.Word)
	p.State, p.Reason = &b, capital(d.stateWords(v.State))
	p.Crumbs = []ui.Link{{Text: "TwoFactor instances", URL: d.path("two-factors")}}
}

func saveTwoFactor(d *desk) error {
	posted, err := d.posted()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(one(d.r, ui.FieldVersion), 10, 64)
	if err != nil || version < 1 {
		return errVersion
	}
	v, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.mayAll(admin.TwoFactorWrite) {
		return errMayNot
	}
	o := optionForm{options: v.Options, posted: posted}
	name := strings.TrimSpace(one(d.r, "instance_name"))
	change, errs := o.change()
	if name == "" {
		errs = append(errs, ui.FieldError{Field: "instance_name", Message: "Give it a name."})
	}
	if len(errs) > 0 {
		return d.drawTwoFactor(http.StatusUnprocessableEntity, v, name, o, errs, nil)
	}
	if shown, err := d.foreseeSpoilt(v, name, o, change, version); shown || err != nil {
		return err
	}
	saved, err := d.Admin.UpdateTwoFactor(d.r.Context(), d.who, d.sub.ID, v.ID, version, admin.TwoFactorChange{Name: &name, Options: change})
	if err == nil {
		return d.toState(saved, "TwoFactor instance saved.")
	}
	return d.notSaved(v, name, o, err)
}

// notSaved draws the form again with what was typed, but for secrets.
func (d *desk) notSaved(v admin.Instance, name string, o optionForm, err error) error {
	var stale *admin.StaleError[tenants.TwoFactor]
	if errors.As(err, &stale) {
		now, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, v.ID)
		if err != nil {
			return err
		}
		o.options = now.Options
		c := &ui.AdminConflict{TakeURL: d.path("two-factors", v.ID, "edit"), Rows: o.differences(o.fields())}
		if name != now.Name {
			c.Rows = append([]ui.AdminConflictRow{{Field: "Name", Yours: name, Theirs: now.Name}}, c.Rows...)
		}
		return d.drawTwoFactor(http.StatusPreconditionFailed, now, name, o, nil, c)
	}
	p := problem.From(err)
	if p.Code == codeSecretAgain {
		o.again = p.Fields
		return d.drawTwoFactor(http.StatusUnprocessableEntity, v, name, o, o.faults(p.Fields), nil)
	}
	errs, ok := atFields(err)
	if !ok {
		return err
	}
	return d.drawTwoFactor(http.StatusUnprocessableEntity, v, name, o, renamed(errs), nil)
}

// codeSecretAgain is the problem of a change that needs its secrets again.
const codeSecretAgain = "secret_again"

// showTwoFactor is the page of one instance.
func showTwoFactor(d *desk) error {
	v, err := d.Admin.TwoFactor(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	p := ui.AdminDetail{AdminPage: d.frame(v.Name)}
	d.crown(&p.AdminPage, v)
	p.Facts = []ui.AdminFact{
		{Name: "Type", AdminCell: ui.AdminCell{Text: d.typeName(v.Type), Second: d.typeHelp(v.Type)}},
		{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}},
		{Name: "ID", AdminCell: ui.AdminCell{Text: v.ID, Mono: true, Copy: true}},
	}
	if v.LastSentAt != nil {
		p.Facts = slices.Insert(p.Facts, 1, ui.AdminFact{Name: "Last sent", AdminCell: ui.AdminCell{Time: d.when(*v.LastSentAt)}})
	}
	if d.mayAll(admin.TwoFactorWrite) {
		p.Main = &ui.AdminButton{Label: "Edit", URL: d.path("two-factors", v.ID, "edit")}
	}
	if err := d.twoFactorParts(&p, v); err != nil {
		return err
	}
	if d.mayAll(admin.TwoFactorDelete) {
		p.Danger = append(p.Danger, ui.AdminDanger{
			Title: "Delete this TwoFactor instance", Text: "You are told what goes with it, and whom it affects, before anything happens.",
			Button: ui.AdminButton{Label: "Delete TwoFactor instance", URL: d.path("two-factors", v.ID, "delete"), Danger: true},
		})
	}
	return d.render(http.StatusOK, p)
}

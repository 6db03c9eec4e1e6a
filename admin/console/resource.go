package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// resource is one kind of thing with its pages: a list, one thing, a form to make or
// change it, and the question before it goes. What differs between kinds is here; how a
// page works is the same for all.
type resource[V any] struct {
	path        string // below the subscription: "client-apps"
	title       string // of the list: "Client apps"
	noun, nouns string // "client app", "client apps"
	operation   string // of the REST API that does the same: "client_apps" for client_apps.list …
	intro       string
	empty       string        // what such a thing is for, where there is none
	searches    string        // label of the search field; empty: none
	order       string        // usual order; empty: name
	level       tenants.Level // at which TwoFactor instances are assigned to such a thing; empty: they are not

	things func(*desk) admin.Things[V]
	needs  admin.Action              // what it takes to see the pages, where that is more than reading
	create func(d *desk, v *V) error // nil: as things do
	name   func(V) string

	columns []ui.AdminColumn
	cells   func(d *desk, v V) []ui.AdminCell
	rows    func(d *desk, vs []V) (func(V) []ui.AdminCell, error) // in place of cells, where one query serves all rows
	filters func(d *desk) []ui.AdminFilter                        // may be nil
	bulk    func(d *desk) *ui.AdminBulk                           // may be nil
	below   func(d *desk) []ui.AdminPart                          // below the list; may be nil

	// form draws the fields of a value; fresh says that there is none yet.
	form func(d *desk, v V, fresh bool) ([]ui.AdminSection, error)
	// read takes what was posted over into a value; what cannot be read is named.
	read func(d *desk, v *V, fresh bool) []ui.FieldError
	// aside stands below the form, a preview say; may be nil.
	aside func(d *desk, v V) *ui.AdminPreviewSignIn
	// show tells about one thing: more than its form says; may be nil.
	show func(d *desk, v V, p *ui.AdminDetail) error
	// losses are what goes with it; may be nil.
	losses func(d *desk, v V) ([]string, error)
	// typed is the name to type before it goes, where many are affected; may be nil.
	typed func(v V) string
	// blank is what the form for a new one begins with; nil: nothing.
	blank func(d *desk) V
	// hidden goes along with the form; may be nil.
	hidden func(v V) []ui.Pair
	// preview is what a change means for sign-ins: before is nil for what is new, after
	// for what goes. Nil, or a nil Change: nothing. If it affects anybody, that is shown
	// before it is saved, with the form in hidden fields: such a form must have no secret.
	preview func(d *desk, before, after *V) (*tenants.Change, error)
	// fills says that the address of the form may hold values of it.
	fills bool
	// first says that v lacks what the rest of its form depends on: it is asked for on a
	// page of its own; nil: the form is one page.
	first func(v V) bool
}

// mount puts the pages of a kind on the router of a subscription.
func mount[V any](c *Console, s *mux.Router, r resource[V]) {
	base := "/" + r.path
	s.HandleFunc(base, c.at(r.list)).Methods(http.MethodGet, http.MethodHead).Name(r.operation + ".list")
	s.HandleFunc(base+"/new", c.at(r.fresh)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/new", c.at(r.make)).Methods(http.MethodPost).Name(r.operation + ".create")
	s.HandleFunc(base+"/{id}", c.at(r.one)).Methods(http.MethodGet, http.MethodHead).Name(r.operation + ".get")
	s.HandleFunc(base+"/{id}/edit", c.at(r.edit)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/{id}/edit", c.at(r.save)).Methods(http.MethodPost).Name(r.operation + ".update")
	s.HandleFunc(base+"/{id}/delete", c.at(r.ask)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base+"/{id}/delete", c.at(r.remove)).Methods(http.MethodPost).Name(r.operation + ".delete")
	if !r.things(&desk{Console: c}).Restores() {
		return
	}
	s.HandleFunc(base+"/{id}/restore", c.at(r.restore)).Methods(http.MethodPost).Name(r.operation + ".restore")
}

func (r resource[V]) action(d *desk, verb string) admin.Action {
	return admin.Action(r.things(d).Kind() + "." + verb)
}

// see refuses to show the pages to those who may read such things only to know where
// they are.
func (r resource[V]) see(d *desk) error {
	if r.needs != "" && !d.may(r.needs) {
		return errMayNot
	}
	return nil
}

func (r resource[V]) list(d *desk) error {
	if err := r.see(d); err != nil {
		return err
	}
	var filters []ui.AdminFilter
	if r.filters != nil {
		filters = r.filters(d)
	}
	order := r.order
	if order == "" {
		order = "name"
	}
	found, err := r.things(d).List(d.r.Context(), d.who, d.sub.ID, d.query(filters))
	if err != nil {
		return err
	}
	v := ui.AdminList{
		AdminPage: d.frame(r.title),
		AdminQuery: ui.AdminQuery{
			Path: d.path(r.path), Values: d.r.URL.Query(), Search: r.searches, Filters: filters, Order: order, Next: found.Next, Noun: r.noun, Nouns: r.nouns,
		},
		Table: ui.AdminTable{Caption: r.title, Columns: r.columns},
	}
	v.Intro = r.intro
	if d.may(r.action(d, "create")) {
		v.Main = &ui.AdminButton{Label: "Create " + r.noun, URL: d.path(r.path, "new")}
	}
	cells := func(x V) []ui.AdminCell { return r.cells(d, x) }
	if r.rows != nil {
		if cells, err = r.rows(d, found.Items); err != nil {
			return err
		}
	}
	for _, x := range found.Items {
		id := r.things(d).ID(&x)
		v.Table.Rows = append(v.Table.Rows, ui.AdminRow{ID: id, URL: d.path(r.path, id), Cells: cells(x)})
	}
	v.Table.Empty = ui.AdminEmpty{Title: "No " + r.nouns + " yet", Text: r.empty, Do: v.Main}
	if len(v.Chips()) > 0 {
		v.Table.Empty = ui.AdminEmpty{
			Title: "Nothing matches", Text: "No " + r.noun + " fits what you asked for.",
			Do: &ui.AdminButton{Label: "Show all", URL: v.ClearURL()},
		}
	}
	if r.bulk != nil {
		v.Bulk = r.bulk(d)
	}
	if r.below != nil {
		v.Parts = r.below(d)
	}
	return d.render(http.StatusOK, v)
}

func (r resource[V]) one(d *desk) error {
	if err := r.see(d); err != nil {
		return err
	}
	v, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	p := ui.AdminDetail{AdminPage: d.frame(r.name(v))}
	p.Crumbs = []ui.Link{{Text: r.title, URL: d.path(r.path)}}
	if d.may(r.action(d, "write")) && r.form != nil {
		p.Main = &ui.AdminButton{Label: "Edit", URL: d.path(r.path, d.id(), "edit")}
	}
	if d.may(r.action(d, "delete")) {
		p.Danger = []ui.AdminDanger{{
			Title: "Delete this " + r.noun, Text: "You are told what goes with it before anything happens.",
			Button: ui.AdminButton{Label: "Delete " + r.noun, URL: d.path(r.path, d.id(), "delete"), Danger: true},
		}}
	}
	if r.show != nil {
		if err := r.show(d, v, &p); err != nil {
			return err
		}
	}
	if err := r.factors(d, &p); err != nil {
		return err
	}
	if d.bad == nil {
		return d.render(http.StatusOK, p)
	}
	p.Notice, p.Undo = &ui.Notice{Kind: ui.Bad, Text: "Nothing was changed. What is wrong is said at its place below."}, nil
	return d.render(http.StatusUnprocessableEntity, p)
}

// factors tells on the page of one thing which second factors are assigned to it.
func (r resource[V]) factors(d *desk, p *ui.AdminDetail) error {
	if r.level == "" || !d.may(admin.AssignmentRead) {
		return nil
	}
	part, err := assignmentsPart(d, r.level, d.id())
	if err != nil {
		return err
	}
	p.Parts = append(p.Parts, part)
	if r.level == tenants.LevelUser && d.may(admin.PolicyRead) {
		p.More = append(p.More, ui.AdminButton{Label: "Explain a sign-in", URL: d.path("explain") + "?user=" + d.id()})
	}
	return nil
}

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
		p.Heading, p.Action, p.CancelURL, p.Save = "Edit "+r.name(v), d.path(r.path, d.id(), "edit"), d.path(r.path, d.id()), "Save"
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
		AdminPage: d.frame("Delete " + r.name(v) + "?"), Action: d.path(r.path, d.id(), "delete"), Label: "Delete " + r.noun, Errors: errs,
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

var (
	errAgain   = errors.New("console: draw the form again")
	errMayNot  = problem.New(problem.Forbidden, "may_not", "Your role does not allow this.")
	errVersion = problem.New(problem.Invalid, "form", "The form was incomplete. Go back, open the page anew, and do it once more.")
)

// status of a form that is drawn again.
func status(errs []ui.FieldError) int {
	if len(errs) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// atFields turns an error into what a form can show. An error that is nobody's input is
// for the whole page.
func atFields(err error) ([]ui.FieldError, bool) {
	var p *problem.Error
	if !errors.As(err, &p) {
		return nil, false
	}
	switch p.Kind {
	case problem.Invalid, problem.Conflict:
	case problem.Forbidden:
		if len(p.Fields) == 0 {
			return nil, false
		}
	default:
		return nil, false
	}
	if len(p.Fields) == 0 {
		return []ui.FieldError{{Message: p.Message}}, true
	}
	out := make([]ui.FieldError, len(p.Fields))
	for i, f := range p.Fields {
		out[i] = ui.FieldError{Field: f.Name, Message: capital(f.Message)}
	}
	return out, true
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

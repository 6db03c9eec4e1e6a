package console

import (
	"errors"
	"net/http"
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

// called is a thing within a sentence; what has no name of its own is "this assignment".
func (r resource[V]) called(v V) string {
	if name := r.name(v); name != capital(r.noun) {
		return name
	}
	return "this " + r.noun
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

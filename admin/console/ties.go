package console

import (
	"net/http"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// tie is what hangs on a thing and can be added and removed on its page: the tenants of a
// user, the members of a group.
type tie struct {
	at        string // below the thing's page, and the id of the part: "tenants"
	title     string
	noun      string // of the other end, with its article: "a tenant"
	kind      tenants.LinkKind
	backward  bool   // the page is that of the other end: its things are the link's owners
	operation string // of the REST API: "tenants.members"
	empty     string
	write     admin.Action
	far       func(d *desk) far
}

// far is the other end of a tie: how its things are shown, chosen and found.
type far struct {
	one   func(id string) (ui.AdminItem, error)
	few   func() (options []ui.AdminOption, all bool, err error) // nil: they are many
	named func(name string) (id string, err error)
	help  string // for who types a name
}

// mountTies puts the ways to add and remove on the router.
func mountTies[V any](c *Console, s *mux.Router, r resource[V], ties ...tie) {
	for _, t := range ties {
		s.HandleFunc("/"+r.path+"/{id}/"+t.at, c.at(func(d *desk) error { return r.retie(d, t) })).Methods(http.MethodPost).Name(t.operation)
	}
}

// Fields of the forms of ties.
const fieldOther = "other"

// retie adds or removes one. What cannot be done is said at its form.
func (r resource[V]) retie(d *desk, t tie) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if err := r.see(d); err != nil {
		return err
	}
	if _, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id()); err != nil {
		return err
	}
	on, other := one(d.r, ui.FieldDo) == "add", one(d.r, fieldOther)
	if !d.may(t.write) {
		return errMayNot
	}
	err := t.resolve(d, on, &other)
	if err == nil {
		owner, linked := d.id(), other
		if t.backward {
			owner, linked = other, d.id()
		}
		if shown, err := r.foreseeTie(d, t, owner, linked, on); shown || err != nil {
			return err
		}
		_, err = d.Admin.Link(d.r.Context(), d.who, d.sub.ID, t.kind, owner, linked, on)
	}
	if errs, ok := atFields(err); ok {
		for i := range errs {
			errs[i].Field = fieldOther
		}
		d.bad = &badForm{part: t.at, errs: errs}
		return r.one(d)
	}
	if err != nil {
		return err
	}
	return d.done(d.path(r.path, d.id())+"#"+t.at, yesNo(on, "Added.", "Removed."), nil)
}

// foreseeTie shows what it means for sign-ins that a group gets or loses a user, or that an
// app is for somebody no more, if that is anything and nobody has seen it yet: with a group
// go its second factors.
func (r resource[V]) foreseeTie(d *desk, t tie, owner, linked string, on bool) (shown bool, err error) {
	c := tieChange(t.kind, owner, linked, on)
	if c == nil || d.confirmed() || !d.may(admin.PolicyRead) {
		return false, nil
	}
	o, err := d.foresee(*c)
	if problem.Is(err, problem.Invalid) || problem.Is(err, problem.NotFound) {
		return false, nil // the change itself says what is wrong
	}
	if err != nil || o.Affected == 0 {
		return false, err
	}
	back := d.path(r.path, d.id())
	return true, o.drawPreview(asks{
		heading: "Whom this affects", action: d.path(r.path, d.id(), t.at), do: one(d.r, ui.FieldDo), back: back, backLabel: "Leave it as it is",
		crumbs: []ui.Link{{Text: r.title, URL: d.path(r.path)}},
	})
}

// tieChange is what a change of a tie means for sign-ins; nil: nothing to show.
func tieChange(kind tenants.LinkKind, owner, linked string, on bool) *tenants.Change {
	to := tenants.RegroupOut
	if on {
		to = tenants.RegroupIn
	}
	out := func(l tenants.Level) *tenants.Change {
		if on {
			return nil // that it lets somebody in is what it is for
		}
		return &tenants.Change{Access: &tenants.Access{ClientAppID: owner, Level: l, TargetID: linked, To: to}}
	}
	switch kind {
	case tenants.LinkGroupMember:
		return &tenants.Change{Regroup: &tenants.Regroup{GroupID: owner, UserID: linked, To: to}}
	case tenants.LinkAppUser:
		return out(tenants.LevelUser)
	case tenants.LinkAppGroup:
		return out(tenants.LevelGroup)
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp, tenants.LinkTenantMember, tenants.LinkUserIDP:
	}
	return nil
}

// resolve turns what was typed into an id.
func (t tie) resolve(d *desk, on bool, other *string) error {
	if !on {
		return nil
	}
	if *other == "" {
		return fieldProblem("Choose " + t.noun + ".")
	}
	id, err := t.far(d).named(*other)
	if problem.Is(err, problem.NotFound) {
		return fieldProblem("There is no such thing here. Give the name as it stands in its list.")
	}
	*other = id
	return err
}

func fieldProblem(message string) error {
	return &problem.Error{Kind: problem.Invalid, Code: "invalid", Message: message, Fields: []problem.Field{{Name: fieldOther, Message: message}}}
}

// part draws a tie on its page. linked are the ids at the far end.
func (t tie) part(d *desk, path string, linked []string, more ui.Link) (ui.AdminPart, error) {
	p := ui.AdminPart{ID: t.at, Title: t.title, More: more}
	end, write := t.far(d), d.may(t.write)
	action := d.path(path, d.id(), t.at)
	have := map[string]bool{}
	for _, id := range linked {
		item, err := end.one(id)
		if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Forbidden) {
			continue // deleted, or not for this administrator
		}
		if err != nil {
			return p, err
		}
		have[id] = true
		if write {
			item.Buttons = []ui.AdminButton{{Label: "Remove", URL: action, Post: true, Fields: []ui.Pair{{Name: ui.FieldDo, Value: "remove"}, {Name: fieldOther, Value: id}}}}
		}
		p.Items = append(p.Items, item)
	}
	if len(p.Items) == 0 {
		p.Intro = t.empty
	}
	if !write {
		return p, nil
	}
	var err error
	p.Form, err = t.form(d, end, action, have)
	return p, err
}

func (t tie) form(d *desk, end far, action string, have map[string]bool) (*ui.AdminMiniForm, error) {
	f := text(fieldOther, "Add "+t.noun, d.typedAt(t.at, fieldOther), end.help)
	if end.few != nil {
		options, all, err := end.few()
		if err != nil {
			return nil, err
		}
		if all {
			var left []ui.AdminOption
			for _, o := range options {
				if !have[o.Value] {
					left = append(left, o)
				}
			}
			if len(left) == 0 {
				return nil, nil
			}
			f.Draw, f.Options, f.Help, f.Required = ui.DrawSelect, left, "", true
		}
	}
	f.ID = "f-" + t.at
	return &ui.AdminMiniForm{Action: action, Fields: []ui.AdminField{f}, Errors: d.wrongAt(t.at), Label: "Add", Do: "add"}, nil
}

// farOf is the far end for things that are few enough to choose from, mostly.
func farOf[V any](d *desk, r resource[V], second func(V) string, shown func(V) (badge *ui.AdminBadge)) far {
	t := r.things(d)
	link := d.may(admin.Action(t.Kind()+".read")) && r.see(d) == nil
	return far{
		help: "Its name, as it stands in the list.",
		one: func(id string) (ui.AdminItem, error) {
			v, err := t.Get(d.r.Context(), d.who, d.sub.ID, id)
			if err != nil {
				return ui.AdminItem{}, err
			}
			item := ui.AdminItem{Title: r.name(v), Detail: second(v)}
			if link {
				item.URL = d.path(r.path, id)
			}
			if shown != nil {
				item.Badge = shown(v)
			}
			return item, nil
		},
		few: func() ([]ui.AdminOption, bool, error) {
			options, all, err := choices(d, r)
			return options, all, err
		},
		named: func(name string) (string, error) { return idOf(d, r, name) },
	}
}

// choices are the things of a kind to choose from, and whether those are all.
func choices[V any](d *desk, r resource[V]) ([]ui.AdminOption, bool, error) {
	t := r.things(d)
	found, err := t.List(d.r.Context(), d.who, d.sub.ID, page.Query{Limit: page.MaxLimit})
	if err != nil {
		return nil, false, err
	}
	out := make([]ui.AdminOption, len(found.Items))
	for i, v := range found.Items {
		out[i] = ui.AdminOption{Value: t.ID(&v), Label: r.name(v)}
	}
	return out, found.Next == "", nil
}

// idOf finds a thing by its id or its exact name.
func idOf[V any](d *desk, r resource[V], name string) (string, error) {
	t := r.things(d)
	if v, err := t.Get(d.r.Context(), d.who, d.sub.ID, name); err == nil {
		return t.ID(&v), nil
	}
	found, err := t.List(d.r.Context(), d.who, d.sub.ID, page.Query{Search: name, Limit: page.MaxLimit})
	if err != nil {
		return "", err
	}
	for _, v := range found.Items {
		if r.name(v) == name {
			return t.ID(&v), nil
		}
	}
	return "", errNoSuch
}

var errNoSuch = problem.New(problem.NotFound, "unknown", "There is no such thing, or it was deleted.")

// filterOf offers the things of a kind as a filter: by name where they are few, else by
// an id.
func filterOf[V any](d *desk, r resource[V], name, label string) (ui.AdminFilter, bool) {
	options, all, err := choices(d, r)
	if err != nil || len(options) == 0 {
		return ui.AdminFilter{}, false
	}
	if !all {
		options = nil
		label += " (id)"
	}
	return ui.AdminFilter{Name: name, Label: label, Options: options}, true
}

func activeFilter() ui.AdminFilter {
	return ui.AdminFilter{Name: "active", Label: "State", Options: []ui.AdminOption{{Value: "true", Label: "Active"}, {Value: "false", Label: "Inactive"}}}
}

// stateOf shows what is switched off; what is on needs no word.
func stateOf(on bool) *ui.AdminBadge {
	if on {
		return nil
	}
	b := active(false)
	return &b
}

func idFact(id string) ui.AdminFact {
	return ui.AdminFact{Name: "ID", AdminCell: ui.AdminCell{Text: id, Mono: true, Copy: true}}
}

func fact(name, value string) ui.AdminFact {
	return ui.AdminFact{Name: name, AdminCell: ui.AdminCell{Text: value}}
}

func copied(name, value string) ui.AdminFact {
	return ui.AdminFact{Name: name, AdminCell: ui.AdminCell{Text: value, Mono: true, Copy: true}}
}

// demands is what a change of a level's own rules means for sign-ins; nil: nothing.
func demands(level tenants.Level, id string, enforced, enforce bool, acr, newACR string) *tenants.Change {
	if enforced == enforce && acr == newACR {
		return nil
	}
	demand := tenants.Demand{Level: level, TargetID: id, EnforceMFA: &enforce}
	if acr != newACR {
		demand.MinACR = &newACR
	}
	return &tenants.Change{Demand: &demand}
}

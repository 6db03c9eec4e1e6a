package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// Things done to many users at once, as they were chosen on a page of the list.

func mountBulk(c *Console, s *mux.Router) {
	s.HandleFunc("/users/bulk", c.at(func(d *desk) error { return d.go303(d.path("users")) })).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/users/bulk", c.at(bulkUsers)).Methods(http.MethodPost)
}

// maxChosen is how many can be chosen: a page of the list.
const maxChosen = page.MaxLimit

// bulkAction is one thing to do with many users.
type bulkAction struct {
	do, label string
	doing     string // of the page that asks, before the number of users
	done      string // of the summary
	loss      string // empty: nothing is lost
	needs     admin.Action
	group     bool
	act       func(ctx context.Context, d *desk, id, group string) error
}

func bulkActions() []bulkAction {
	active := func(on bool) func(context.Context, *desk, string, string) error {
		return func(ctx context.Context, d *desk, id, _ string) error {
			_, err := d.Admin.Users().Update(ctx, d.who, d.sub.ID, id, 0, func(u *tenants.User) error { u.Active = on; return nil })
			return err
		}
	}
	grouped := func(on bool) func(context.Context, *desk, string, string) error {
		return func(ctx context.Context, d *desk, id, group string) error {
			_, err := d.Admin.Link(ctx, d.who, d.sub.ID, tenants.LinkGroupMember, group, id, on)
			return err
		}
	}
	return []bulkAction{
		{"deactivate", "Deactivate", "Deactivate", "deactivated", "They cannot sign in, and all their sessions end at once.", admin.UserWrite, false, active(false)},
		{"activate", "Activate", "Activate", "activated", "", admin.UserWrite, false, active(true)},
		{"group-add", "Add to a group", "Add to a group:", "added", "", admin.GroupWrite, true, grouped(true)},
		{"group-remove", "Remove from a group", "Remove from a group:", "removed", "They lose the roles and second factors that they have by the group.", admin.GroupWrite, true, grouped(false)},
		{
			"delete", "Delete", "Delete", "deleted", "Their passwords, roles and assignments are gone for good, and all their sessions end at once.", admin.UserDelete, false,
			func(ctx context.Context, d *desk, id, _ string) error {
				return d.Admin.Users().Delete(ctx, d.who, d.sub.ID, id, 0)
			},
		},
	}
}

func userBulk(d *desk) *ui.AdminBulk {
	b := &ui.AdminBulk{Action: d.path("users", "bulk"), All: true}
	for _, a := range bulkActions() {
		if d.may(a.needs) {
			b.Actions = append(b.Actions, ui.AdminOption{Value: a.do, Label: a.label})
		}
	}
	if len(b.Actions) == 0 {
		return nil
	}
	return b
}

const fieldGroup = "to_group"

// bulkUsers asks first, then does it to one after the other and says what failed.
func bulkUsers(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	i := slices.IndexFunc(bulkActions(), func(a bulkAction) bool { return a.do == one(d.r, ui.FieldDo) })
	if i < 0 {
		return errVersion
	}
	a, ids := bulkActions()[i], d.chosen()
	switch {
	case !d.may(a.needs):
		return errMayNot
	case one(d.r, ui.FieldAll) == "true" && admin.Sensitive(a.needs) && !d.who.Fresh(d.now()):
		return admin.ErrAgain
	case one(d.r, ui.FieldAll) == "true":
		return bulkMatching(d, a)
	case len(ids) == 0:
		d.flash(flash{Text: "Choose users first.", Bad: true})
		return d.go303(d.path("users"))
	case len(ids) > maxChosen:
		return errVersion
	case admin.Sensitive(a.needs) && !d.who.Fresh(d.now()):
		return admin.ErrAgain
	case one(d.r, ui.FieldConfirmed) != "true":
		return askBulk(d, a, ids, nil)
	}
	group := ""
	if a.group {
		var errs []ui.FieldError
		var err error
		if group, errs, err = chosenGroup(d); err != nil {
			return err
		}
		if len(errs) > 0 {
			return askBulk(d, a, ids, errs)
		}
	}
	return doBulk(d, a, ids, group)
}

// chosenGroup is the group that was named.
func chosenGroup(d *desk) (id string, errs []ui.FieldError, err error) {
	id, err = idOf(d, groups(), one(d.r, fieldGroup))
	if one(d.r, fieldGroup) == "" || problem.Is(err, problem.NotFound) {
		return "", []ui.FieldError{{Field: fieldGroup, Message: "Choose a group."}}, nil
	}
	return id, nil, err
}

// chosen are the ids of the rows that were chosen, each once.
func (d *desk) chosen() []string {
	var ids []string
	for _, id := range d.r.PostForm[ui.FieldID] {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func askBulk(d *desk, a bulkAction, ids []string, errs []ui.FieldError) error {
	p := ui.AdminConfirm{
		AdminPage: d.frame(a.doing + " " + count(int64(len(ids)), "user") + "?"), Action: d.path("users", "bulk"), Do: a.do, Errors: errs,
		Label: a.label, Calm: a.loss == "", BackURL: d.path("users"), BackLabel: "Back",
	}
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	if a.loss != "" {
		p.Losses = []string{a.loss}
	}
	var names []string
	for _, id := range ids {
		p.Hidden = append(p.Hidden, ui.Pair{Name: ui.FieldID, Value: id})
		if u, err := d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, id); err == nil && len(names) <= namesShown {
			names = append(names, u.Name)
		}
	}
	if len(names) > namesShown {
		names[namesShown] = "and others"
	}
	p.Text = strings.Join(names, ", ")
	if a.group {
		f, err := groupField(d)
		if err != nil {
			return err
		}
		p.Asks = []ui.AdminField{f}
	}
	return d.render(status(errs), p)
}

const namesShown = 20

func groupField(d *desk) (ui.AdminField, error) {
	f := required(text(fieldGroup, "Group", one(d.r, fieldGroup), "Its name, as it stands in the list."))
	options, all, err := choices(d, groups())
	if all {
		f.Draw, f.Options, f.Help = ui.DrawSelect, options, ""
	}
	return f, err
}

// doBulk works on one user after the other, each in a transaction of its own: one that
// cannot be changed holds up no other.
func doBulk(d *desk, a bulkAction, ids []string, group string) error {
	p := ui.AdminProgress{AdminPage: d.frame(count(int64(len(ids)), "user") + " " + a.done), Done: len(ids), Total: len(ids)}
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	p.Buttons = []ui.AdminButton{{Label: "Back to the users", URL: d.path("users")}}
	for _, id := range ids {
		err := a.act(d.r.Context(), d, id, group)
		if err == nil {
			continue
		}
		e := problem.From(err)
		if e.Kind == problem.Internal || e.Kind == problem.Unavailable {
			d.Log.ErrorContext(d.r.Context(), "bulk action failed", "do", a.do, "user", id, "error", err)
		}
		item := ui.AdminItem{Title: id, Detail: e.Message}
		if u, err := d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, id); err == nil {
			item.Title, item.URL = u.Name, d.path("users", id)
		}
		p.Failures = append(p.Failures, item)
	}
	if n := len(ids) - len(p.Failures); len(p.Failures) > 0 {
		p.Heading = ui.Figures(n) + " of " + count(int64(len(ids)), "user") + " " + a.done
	}
	d.w.Header().Set("Cache-Control", "no-store")
	return d.render(http.StatusOK, p)
}

package console

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/ui"
)

// Things done to many users at once: to those that were chosen on a page of the list, or
// to all that the list holds. It is asked first; then a job does it, with a page that
// says how far it is and what failed.

func mountBulk(c *Console, s *mux.Router) {
	s.HandleFunc("/users/bulk", c.at(toUsers)).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc("/users/bulk", c.at(bulkUsers)).Methods(http.MethodPost).Name("jobs.create")
}

// toUsers leads from the address of a form back to the list that shows it.
func toUsers(d *desk) error {
	if !d.may(admin.UserRead) {
		return errMayNot
	}
	return d.go303(d.path("users"))
}

// bulkAction is one thing to do with many users.
type bulkAction struct {
	do, label string
	asks      string // before the number of users
	loss      string // empty: nothing is lost
	needs     admin.Action
	group     bool
}

func bulkActions() []bulkAction {
	return []bulkAction{
		{admin.BulkDeactivate, "Deactivate", "Deactivate", "They cannot sign in, and all their sessions end at once.", admin.UserWrite, false},
		{admin.BulkActivate, "Activate", "Activate", "", admin.UserWrite, false},
		{admin.BulkAddToGroup, "Add to a group", "Add to a group:", "", admin.GroupWrite, true},
		{admin.BulkTakeOut, "Remove from a group", "Remove from a group:", "They lose the roles and second factors that they have by the group.", admin.GroupWrite, true},
		{admin.BulkDelete, "Delete", "Delete", "Their passwords, roles and assignments are gone for good, and all their sessions end at once.", admin.UserDelete, false},
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

// bulkUsers asks first, then begins.
func bulkUsers(d *desk) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	i := slices.IndexFunc(bulkActions(), func(a bulkAction) bool { return a.do == one(d.r, ui.FieldDo) })
	if i < 0 {
		return errVersion
	}
	a := bulkActions()[i]
	b := d.chosen(a)
	switch {
	case !d.may(a.needs):
		return errMayNot
	case one(d.r, ui.FieldAll) != "true" && len(b.IDs) == 0:
		d.flash(flash{Text: "Choose users first.", Bad: true})
		return d.go303(d.path("users"))
	case admin.Sensitive(a.needs) && !d.who.Fresh(d.now()):
		return admin.ErrAgain
	case one(d.r, ui.FieldConfirmed) != "true":
		return askBulk(d, a, b, nil)
	}
	if a.group {
		var err error
		b.GroupID, err = idOf(d, groups(), one(d.r, fieldGroup))
		if one(d.r, fieldGroup) == "" || problem.Is(err, problem.NotFound) {
			return askBulk(d, a, b, []ui.FieldError{{Field: fieldGroup, Message: "Choose a group."}})
		}
		if err != nil {
			return err
		}
	}
	if name := d.bulkName(a, b); name != "" && strings.TrimSpace(one(d.r, ui.FieldTyped)) != name {
		return askBulk(d, a, b, []ui.FieldError{{Field: ui.FieldTyped, Message: "This is not the name. Type it as it stands above."}})
	}
	err := d.startBulk(b)
	if errs, ok := atFields(err); ok {
		for i := range errs {
			errs[i].Field = ""
		}
		return askBulk(d, a, b, errs)
	}
	return err
}

// chosen are the users that were chosen: by rows, or all that the list holds.
func (d *desk) chosen(a bulkAction) admin.BulkUsers {
	b := admin.BulkUsers{Do: a.do}
	if one(d.r, ui.FieldAll) == "true" {
		b.Search, b.Filter = one(d.r, ui.FieldSearch), map[string]string{}
		for _, f := range userFilters(d) {
			if v := one(d.r, f.Name); v != "" {
				b.Filter[f.Name] = v
			}
		}
		return b
	}
	r := reading{d: d}
	r.some(ui.FieldID, &b.IDs)
	return b
}

// bulkName is to be typed where all of a list are deleted: one slip would be too many.
func (d *desk) bulkName(a bulkAction, b admin.BulkUsers) string {
	if a.do == admin.BulkDelete && b.IDs == nil {
		return d.sub.Name
	}
	return ""
}

// mostCounted is up to how many users are counted for the question.
const mostCounted = 10_000

func askBulk(d *desk, a bulkAction, b admin.BulkUsers, errs []ui.FieldError) error {
	n := len(b.IDs)
	if b.IDs == nil {
		var err error
		if n, err = d.Admin.CountUsers(d.r.Context(), d.who, d.sub.ID, page.Query{Search: b.Search, Filter: b.Filter}, mostCounted); err != nil {
			return err
		}
	}
	many := count(int64(n), "user")
	if n > mostCounted {
		many = "more than " + count(mostCounted, "user")
	}
	p := ui.AdminConfirm{
		AdminPage: d.frame(a.asks + " " + many + "?"), Action: d.path("users", "bulk"), Do: a.do, Errors: errs, TypeName: d.bulkName(a, b),
		Label: a.label, Calm: a.loss == "", BackURL: d.path("users"), BackLabel: "Back", Hidden: bulkHidden(b),
	}
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	if a.loss != "" {
		p.Losses = []string{a.loss}
	}
	p.Text = d.bulkWords(b)
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

// bulkWords say whom it is about.
func (d *desk) bulkWords(b admin.BulkUsers) string {
	if b.IDs == nil {
		q := ui.AdminQuery{Search: "Search", Filters: userFilters(d), Values: d.r.PostForm}
		var words []string
		for _, c := range q.Chips() {
			words = append(words, c.Label+": "+c.Value)
		}
		if len(words) == 0 {
			return "All users of the list, on every page."
		}
		return "All that match on every page. " + strings.Join(words, ", ") + "."
	}
	var names []string
	for _, id := range b.IDs {
		if len(names) == namesShown {
			names = append(names, "and others")
			break
		}
		if u, err := d.Admin.Users().Get(d.r.Context(), d.who, d.sub.ID, id); err == nil {
			names = append(names, u.Name)
		}
	}
	return strings.Join(names, ", ")
}

// bulkHidden carries the choice from the question to the deed.
func bulkHidden(b admin.BulkUsers) []ui.Pair {
	var out []ui.Pair
	for _, id := range b.IDs {
		out = append(out, ui.Pair{Name: ui.FieldID, Value: id})
	}
	if b.IDs != nil {
		return out
	}
	out = append(out, ui.Pair{Name: ui.FieldAll, Value: "true"})
	if b.Search != "" {
		out = append(out, ui.Pair{Name: ui.FieldSearch, Value: b.Search})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Filter)) {
		out = append(out, ui.Pair{Name: name, Value: b.Filter[name]})
	}
	return out
}

func groupField(d *desk) (ui.AdminField, error) {
	f := required(text(fieldGroup, "Group", one(d.r, fieldGroup), "Its name, as it stands in the list."))
	options, all, err := choices(d, groups())
	if all {
		f.Draw, f.Options, f.Help = ui.DrawSelect, options, ""
	}
	return f, err
}

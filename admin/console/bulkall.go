package console

import (
	"net/http"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/ui"
)

// Things done to all users that a list holds, on all its pages: a job works on them.

// jobsDo are the bulk actions as jobs know them.
var jobsDo = map[string]string{
	"deactivate": admin.BulkDeactivate, "activate": admin.BulkActivate, "group-add": admin.BulkAddToGroup, "group-remove": admin.BulkTakeOut, "delete": admin.BulkDelete,
}

// mostCounted is up to how many users the page that asks counts.
const mostCounted = 2000

// bulkMatching asks first, then begins to do it to all that match.
func bulkMatching(d *desk, a bulkAction) error {
	b := admin.BulkUsers{Do: jobsDo[a.do], Search: one(d.r, ui.FieldSearch), Filter: map[string]string{}}
	for _, f := range userFilters(d) {
		if v := one(d.r, f.Name); v != "" {
			b.Filter[f.Name] = v
		}
	}
	if one(d.r, ui.FieldConfirmed) != "true" {
		return askMatching(d, a, b, nil)
	}
	if a.group {
		group, errs, err := chosenGroup(d)
		if err != nil {
			return err
		}
		if len(errs) > 0 {
			return askMatching(d, a, b, errs)
		}
		b.GroupID = group
	}
	err := d.startBulk(b)
	if errs, ok := atFields(err); ok {
		return askMatching(d, a, b, errs)
	}
	return err
}

// askMatching says how many there are, and has that typed which cannot be taken back.
func askMatching(d *desk, a bulkAction, b admin.BulkUsers, errs []ui.FieldError) error {
	n, err := d.Admin.CountUsers(d.r.Context(), d.who, d.sub.ID, page.Query{Search: b.Search, Filter: b.Filter}, mostCounted)
	if err != nil {
		return err
	}
	number := many(n, "user", "users")
	if n > mostCounted {
		number = "more than " + many(mostCounted, "user", "users")
	}
	p := ui.AdminConfirm{
		AdminPage: d.frame(a.doing + " " + number + "?"), Action: d.path("users", "bulk"), Do: a.do, Errors: errs, Label: a.label, Calm: a.loss == "",
		BackURL: d.path("users"), BackLabel: "Back", Hidden: []ui.Pair{{Name: ui.FieldAll, Value: "true"}, {Name: ui.FieldSearch, Value: b.Search}},
	}
	p.Text = "All users of the list are meant, on all its pages."
	if b.Search != "" || len(b.Filter) > 0 {
		p.Text = "All users are meant that match the search and the filters, on all pages of the list."
	}
	p.Text += " It goes on in the background; you can stop it."
	p.Crumbs = []ui.Link{{Text: "Users", URL: d.path("users")}}
	for _, f := range userFilters(d) {
		if v := b.Filter[f.Name]; v != "" {
			p.Hidden = append(p.Hidden, ui.Pair{Name: f.Name, Value: v})
		}
	}
	if a.loss != "" {
		p.Losses = []string{a.loss}
	}
	if a.group {
		f, err := groupField(d)
		if err != nil {
			return err
		}
		p.Asks = []ui.AdminField{f}
	}
	if len(errs) > 0 {
		return d.render(http.StatusUnprocessableEntity, p)
	}
	return d.render(http.StatusOK, p)
}

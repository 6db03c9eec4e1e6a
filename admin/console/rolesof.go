package console

import (
	"net/url"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// rolesPart lists the roles of a user, a group or a machine on its own page, as far as
// the administrator may see them, and leads to one more.
func (d *desk) rolesPart(kind, id, name string, p *ui.AdminDetail) error {
	if !d.may(admin.RoleRead) {
		return nil
	}
	given, err := d.Admin.RolesOf(d.r.Context(), d.who, d.sub.ID, kind, id)
	if err != nil {
		return err
	}
	part := ui.AdminPart{ID: "roles", Title: "Roles"}
	for _, g := range given {
		item := ui.AdminItem{Title: roleName(g.Role), Time: d.when(g.CreatedAt)}
		if item.Detail, err = d.roleScope(g); err != nil {
			return err
		}
		if d.who.MayGrant(g) && g.SubscriptionID == d.sub.ID {
			item.Buttons = []ui.AdminButton{{Label: "Take back", URL: d.path("roles", g.ID, "revoke"), Danger: true}}
		}
		part.Items = append(part.Items, item)
	}
	if len(given) == 0 {
		part.Intro = "None: nothing can be administered."
	}
	if d.may(admin.RoleWrite) {
		q := url.Values{"subject_kind": {kind}, "subject": {name}}
		part.Buttons = []ui.AdminButton{{Label: "Give a role", URL: d.path("roles", "new") + "?" + q.Encode()}}
	}
	p.Parts = append(p.Parts, part)
	return nil
}

// roleScope says where a role counts.
func (d *desk) roleScope(g tenants.Grant) (string, error) {
	switch {
	case g.SubscriptionID == "":
		return "On the whole server", nil
	case g.SubscriptionID != d.sub.ID:
		return "In another subscription", nil
	case g.TenantID == "":
		return "In the whole subscription", nil
	}
	t, err := d.Admin.TenantsOf().Get(d.r.Context(), d.who, d.sub.ID, g.TenantID)
	if problem.Is(err, problem.NotFound) {
		return "In a tenant that is deleted", nil
	}
	return "In tenant " + titleOf(t.Title, t.Name), err
}

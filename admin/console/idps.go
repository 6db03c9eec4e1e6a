package console

import (
	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
	"twofold/ui"
)

func idps() resource[tenants.IDP] {
	return resource[tenants.IDP]{
		path: "idps", title: "Identity providers", noun: "identity provider", nouns: "identity providers", operation: "idps", searches: "Find identity providers",
		level:  tenants.LevelIDP,
		intro:  "Where a user proves who he is, before any second factor.",
		empty:  "An identity provider of type local keeps names and passwords here; one of type OpenID Connect lets users sign in elsewhere. A tenant needs one before anybody can sign in to it.",
		things: func(d *desk) admin.Things[tenants.IDP] { return d.Admin.IDPs() },
		name:   func(v tenants.IDP) string { return v.Name },
		columns: []ui.AdminColumn{
			{Label: "Name", Sort: "name"}, {Label: "Type"}, {Label: "State"}, {Label: "Created", Sort: "created", Down: true},
		},
		cells: func(d *desk, v tenants.IDP) []ui.AdminCell {
			return []ui.AdminCell{{Text: v.Name, Second: second(v.Title, v.Name)}, {Text: yesNo(v.Type == tenants.IDPOIDC, "OpenID Connect", "Local passwords")}, badge(active(v.Active)), {Time: d.when(v.CreatedAt)}}
		},
		filters: func(*desk) []ui.AdminFilter { return []ui.AdminFilter{activeFilter()} },
		blank:   func(*desk) tenants.IDP { return tenants.IDP{Active: true} },
		first:   func(v tenants.IDP) bool { return v.Type == "" },
		form:    idpForm,
		read:    readIDP,
		show:    showIDP,
		preview: func(_ *desk, before, after *tenants.IDP) (*tenants.Change, error) {
			if before == nil || after == nil {
				return nil, nil
			}
			return demands(tenants.LevelIDP, before.ID, before.EnforceMFA, after.EnforceMFA, "", ""), nil
		},
		fills: true,
		losses: func(d *desk, v tenants.IDP) ([]string, error) {
			lost := []string{"Nobody can sign in by it any more, to any tenant.", "Assignments and exemptions of it are gone for good."}
			if !d.who.May(admin.UserRead, db.Scope{Subscription: d.sub.ID}) {
				return lost, nil
			}
			n, err := d.Admin.UsersOf(d.r.Context(), d.who, d.sub.ID, v.ID)
			return append([]string{count(n, "user") + " sign in by it."}, lost...), err
		},
		typed: func(v tenants.IDP) string { return v.Name },
	}
}

func idpTenants() tie {
	return tie{
		at: "tenants", title: "Tenants", noun: "a tenant", kind: tenants.LinkTenantIDP, backward: true, operation: "tenants.idps.add", write: admin.IDPWrite,
		empty: "No tenant offers it, so nobody can sign in by it.", far: tenantsFar,
	}
}

func tenantsFar(d *desk) far {
	return farOf(d, tenantsPages(), func(v tenants.Tenant) string { return second(v.Title, v.Name) }, func(v tenants.Tenant) *ui.AdminBadge { return stateOf(v.Active) })
}

func showIDP(d *desk, v tenants.IDP, p *ui.AdminDetail) error {
	state := active(v.Active)
	p.State = &state
	p.Facts = []ui.AdminFact{
		fact("Title", v.Title), fact("Type", idpType(v.Type)),
		fact("Second factor", yesNo(v.EnforceMFA, "Enforced for all who sign in by it", "Not enforced here")),
	}
	if d.mayAll(admin.UserRead) {
		n, err := d.Admin.UsersOf(d.r.Context(), d.who, d.sub.ID, v.ID)
		if err != nil {
			return err
		}
		p.Facts = append(p.Facts, fact("Users that it knows", ui.Figures(int(n))))
	}
	p.Facts = append(p.Facts, ui.AdminFact{Name: "Created", AdminCell: ui.AdminCell{Time: d.when(v.CreatedAt)}}, idFact(v.ID))
	of, err := d.Admin.Owners(d.r.Context(), d.who, d.sub.ID, tenants.LinkTenantIDP, v.ID)
	if err != nil {
		return err
	}
	part, err := idpTenants().part(d, "idps", of, ui.Link{})
	p.Parts = append(p.Parts, part)
	if err != nil || v.Type != tenants.IDPOIDC {
		return err
	}
	return showUpstream(d, v, of, p)
}

// second is what a title adds to a name.
func second(title, name string) string {
	if title == name {
		return ""
	}
	return title
}

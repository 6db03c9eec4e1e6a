package apply

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/tenants"
)

// roles reads those of a subscription, or of the platform, in order. Who they are
// given to may belong to any subscription.
func (x *exporter) roles(ctx context.Context, subscriptionID string, tenantNames map[string]string) ([]role, int, error) {
	grants, err1 := x.store.GrantsIn(ctx, subscriptionID)
	subs, err2 := x.store.ListSubscriptions(ctx)
	if err := errors.Join(err1, err2); err != nil || len(grants) == 0 {
		return nil, 0, err
	}
	names := map[string]string{}
	for _, s := range subs {
		names[s.ID] = s.Name
	}
	subjects, err := x.subjects(ctx, grants)
	if err != nil {
		return nil, 0, err
	}
	var out []role
	for _, g := range grants {
		to, ok := subjects[g.SubjectID]
		tenant, inTenant := tenantNames[g.TenantID]
		if !ok || (g.TenantID != "" && !inTenant) {
			continue
		}
		s := role{Role: text{set: true, v: string(g.Role)}, To: target{set: true, v: destination{level: g.SubjectKind, name: to}}}
		s.Tenant = text{set: inTenant, v: tenant}
		s.Of = text{set: g.HomeID != subscriptionID, v: names[g.HomeID]}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b role) int {
		return cmp.Or(strings.Compare(a.Tenant.v, b.Tenant.v), cmp.Compare(rank(a), rank(b)), byTarget(a.To, b.To), strings.Compare(a.Of.v, b.Of.v))
	})
	return out, len(grants) - len(out), nil
}

func rank(r role) int { return slices.Index(tenants.Roles(), tenants.Role(r.Role.v)) }

// subjects names who is given roles, by id.
func (x *exporter) subjects(ctx context.Context, grants []tenants.Grant) (map[string]string, error) {
	users, names := map[string][]string{}, map[string]string{}
	homes := map[string]bool{}
	for _, g := range grants {
		homes[g.HomeID] = true
		if g.SubjectKind == tenants.SubjectUser && !x.opts.NoUsers {
			users[g.HomeID] = append(users[g.HomeID], g.SubjectID)
		}
	}
	for home := range homes {
		ctx := db.WithScope(ctx, db.Scope{Subscription: home})
		people, err1 := x.store.UsersByID(ctx, users[home])
		groups, err2 := x.store.ListGroups(ctx)
		apps, err3 := x.store.ListClientApps(ctx)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		for _, u := range people {
			if !u.Deleted() {
				names[u.ID] = u.Name
			}
		}
		for _, g := range groups {
			names[g.ID] = g.Name
		}
		for _, a := range apps {
			if !a.Deleted() {
				names[a.ID] = a.Name
			}
		}
	}
	return names, nil
}

// platformRoles writes the roles for the whole server.
func (x *exporter) platformRoles(ctx context.Context) error {
	list, left, err := x.roles(ctx, "", nil)
	if err != nil {
		return err
	}
	defer x.section("", "roles")()
	for _, s := range list {
		p := platformRole{Role: s.Role, To: s.To, Of: s.Of}
		item(x, indentStep, "platform role "+s.Role.v+" to "+s.To.v.String(), p, nil)
	}
	x.leftOut("platform roles", left)
	return nil
}

func (e *subExporter) subRoles(ctx context.Context) error {
	list, left, err := e.roles(ctx, e.sub.ID, e.names[kindTenant])
	if err != nil {
		return err
	}
	defer e.section(subIndent, "roles")()
	for _, s := range list {
		item(e.exporter, listIndent, e.label(kindRole, s.Role.v)+" to "+s.To.v.String(), s, nil)
	}
	e.leftOut("roles of "+shownName(e.sub.Name), left)
	return nil
}

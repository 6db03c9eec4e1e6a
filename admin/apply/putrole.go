package apply

import (
	"context"
	"strings"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// grantSpec is an entry of roles, the platform's or a subscription's.
type grantSpec struct {
	at    place
	spec  any
	role  text
	to    target
	of    text
	where text // a tenant, or nothing
	in    tenants.Subscription
	ids   map[string]string // of the subscription's tenants
}

// putRoles comes when all else is there: a role may be given to anybody on the
// server. Who runs this may give any; each is written down.
func (r *run) putRoles(ctx context.Context, jobs []*job) error {
	homes := homes{r: r, known: map[string]*home{}}
	var all []grantSpec
	for _, s := range r.file.doc.Roles {
		all = append(all, grantSpec{at: s.at, spec: s, role: s.Role, to: s.To, of: s.Of})
	}
	for _, j := range jobs {
		for _, s := range j.spec.Roles {
			of := s.Of
			if !of.set {
				of = text{place: s.To.place, v: j.sub.Name}
			}
			all = append(all, grantSpec{at: s.at, spec: s, role: s.Role, to: s.To, of: of, where: s.Tenant, in: j.sub, ids: j.ids[kindTenant]})
		}
	}
	for _, g := range all {
		if err := r.putRole(ctx, homes, g); err != nil {
			return err
		}
	}
	return r.problems.orNil()
}

func (r *run) putRole(ctx context.Context, homes homes, g grantSpec) error {
	h, id, err := homes.find(ctx, g.of, g.to)
	if err != nil || id == "" {
		return err
	}
	want := tenants.Grant{
		SubscriptionID: g.in.ID, TenantID: g.ids[g.where.v], Role: tenants.Role(g.role.v),
		SubjectKind: g.to.v.level, SubjectID: id, HomeID: h.sub.ID, CreatedBy: r.opts.Actor,
	}
	d, err := r.store.PutGrant(ctx, &want)
	if err != nil {
		return r.refused(g.at, g.spec, err)
	}
	name := g.role.v
	if g.where.set {
		name += " in tenant " + shownName(g.where.v)
	}
	name += " to " + g.to.v.String()
	if h.sub.ID != g.in.ID {
		name += " of " + shownName(h.sub.Name)
	}
	c := &change{kind: kindRole, name: name, id: want.ID, subscription: g.in.ID, in: g.in.Name, created: d.Created}
	c.label = r.labelIn(g.in.Name, kindRole+" ") + name
	r.changes = append(r.changes, c)
	if !d.Created || want.SubjectKind == tenants.SubjectClientApp { // which has the REST API
		return nil
	}
	if r.opts.OnGrant == nil {
		r.warn("%s: whoever has it cannot sign in to the administration before the public address is known: apply with --public-url", c.label)
		return nil
	}
	return r.opts.OnGrant(ctx, want)
}

// labelIn is the beginning of a label in a subscription, or on the platform.
func (r *run) labelIn(subscription, before string) string {
	switch {
	case subscription == "":
		return "platform " + before
	case len(r.file.doc.Subscriptions) > 1:
		return before + shownName(subscription) + "/"
	}
	return before
}

// homes are the subscriptions whose users, groups and apps are given roles.
type homes struct {
	r     *run
	known map[string]*home
}

type home struct {
	sub tenants.Subscription
	ids map[string]string // by level and name
}

// find gives the id of who is meant. An empty one was reported.
func (h homes) find(ctx context.Context, of text, to target) (*home, string, error) {
	got, ok := h.known[of.v]
	if !ok {
		var err error
		if got, err = h.load(ctx, of.v); err != nil {
			return nil, "", err
		}
		h.known[of.v] = got
	}
	if got == nil {
		h.r.found(of.place, "there is no subscription %q in this file or on the server", of.v)
		return nil, "", nil
	}
	key := to.v.key()
	if _, ok := got.ids[key]; !ok && to.v.level == kindUser {
		users, err := h.r.store.UsersByName(db.WithScope(ctx, db.Scope{Subscription: got.sub.ID}), []string{to.v.name})
		if err != nil {
			return nil, "", err
		}
		for _, u := range users {
			got.ids[key] = u.ID
		}
	}
	if got.ids[key] == "" {
		h.r.found(to.place, "there is no %s in this file or in subscription %q", strings.TrimSpace(to.v.level+" "+shownName(to.v.name)), of.v)
	}
	return got, got.ids[key], nil
}

func (h homes) load(ctx context.Context, name string) (*home, error) {
	sub, err := h.r.store.SubscriptionByName(ctx, name)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	got := &home{sub: sub, ids: map[string]string{}}
	ctx = db.WithScope(ctx, db.Scope{Subscription: sub.ID})
	groups, err := h.r.store.ListGroups(ctx)
	if err != nil {
		return nil, err
	}
	apps, err := h.r.store.ListClientApps(ctx)
	for _, g := range groups {
		got.ids[destination{level: kindGroup, name: g.Name}.key()] = g.ID
	}
	for _, a := range apps {
		got.ids[destination{level: kindClientApp, name: a.Name}.key()] = a.ID
	}
	return got, err
}

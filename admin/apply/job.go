package apply

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// job is a run's part for one subscription: what the file says, and what the
// database has.
type job struct {
	*run
	spec   *subscription
	sub    tenants.Subscription
	exists bool

	idps       map[string]tenants.IDP
	clientApps map[string]tenants.ClientApp
	tenants    map[string]tenants.Tenant
	users      map[string]tenants.User
	groups     map[string]tenants.Group
	twoFactors map[string]tenants.TwoFactor

	// ids are of all names that can be referred to, by kind: those of the database
	// and, empty until they are put, those of the file.
	ids map[string]map[string]string
	// aside is, by id, what a file cannot name and whose links it leaves alone: what is
	// deleted, so that it can be restored, and the administration's own client app.
	aside   map[string]bool
	console string // the name of that app, if there is one
	// wrote tells whose lines take up what is found out later: memberships,
	// passwords, whom apps are for. By the id of the user or the app.
	wrote map[string]*change
}

// open loads what the database has of a subscription, and looks for names in the
// file that lead nowhere.
func (r *run) open(ctx context.Context, s *subscription) (*job, error) {
	j := &job{run: r, spec: s, users: map[string]tenants.User{}, ids: map[string]map[string]string{}, aside: map[string]bool{}, wrote: map[string]*change{}}
	sub, err := r.store.SubscriptionByName(ctx, s.Name.v)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	if j.sub, j.exists = sub, err == nil; j.exists {
		if err := j.load(db.WithScope(ctx, db.Scope{Subscription: sub.ID})); err != nil {
			return nil, err
		}
	}
	expect(j, kindIDP, s.IDPs, func(v *idp) text { return v.Name })
	expect(j, kindClientApp, s.ClientApps, func(v *clientApp) text { return v.Name })
	expect(j, kindTenant, s.Tenants, func(v *tenant) text { return v.Name })
	expect(j, kindUser, s.Users, func(v *user) text { return v.Name })
	expect(j, kindGroup, s.Groups, func(v *group) text { return v.Name })
	expect(j, kindTwoFactor, s.TwoFactors, func(v *twoFactor) text { return v.Name })
	j.references()
	return j, nil
}

func (j *job) load(ctx context.Context) error {
	idps, err1 := j.store.ListIDPs(ctx)
	apps, err2 := j.store.ListClientApps(ctx)
	ts, err3 := j.store.ListTenants(ctx)
	groups, err4 := j.store.ListGroups(ctx)
	factors, err5 := j.store.ListTwoFactors(ctx)
	users, err6 := j.store.UsersByName(ctx, j.userNames())
	j.idps = remember(j, kindIDP, idps, func(v tenants.IDP) (string, string) { return v.Name, v.ID })
	apps = slices.DeleteFunc(apps, func(v tenants.ClientApp) bool {
		if !isConsole(v, j.sub) {
			return false
		}
		j.aside[v.ID], j.console = true, v.Name
		return true
	})
	j.clientApps = remember(j, kindClientApp, apps, func(v tenants.ClientApp) (string, string) { return v.Name, v.ID })
	j.tenants = remember(j, kindTenant, ts, func(v tenants.Tenant) (string, string) { return v.Name, v.ID })
	j.groups = remember(j, kindGroup, groups, func(v tenants.Group) (string, string) { return v.Name, v.ID })
	j.twoFactors = remember(j, kindTwoFactor, factors, func(v tenants.TwoFactor) (string, string) { return v.Name, v.ID })
	j.users = remember(j, kindUser, users, func(v tenants.User) (string, string) { return v.Name, v.ID })
	return errors.Join(err1, err2, err3, err4, err5, err6)
}

func remember[T any](j *job, kind string, list []T, of func(T) (name, id string)) map[string]T {
	m := map[string]T{}
	for _, v := range list {
		name, id := of(v)
		if isDeleted(v) {
			j.aside[id] = true
			continue
		}
		m[name] = v
		j.put(kind, name, id)
	}
	return m
}

// isConsole reports whether an app is the administration itself, which Twofold keeps
// as it must be.
func isConsole(v tenants.ClientApp, sub tenants.Subscription) bool {
	return v.ClientID == admin.ConsoleID(sub.ID)
}

func isDeleted(v any) bool {
	t, ok := v.(interface{ Deleted() bool })
	return ok && t.Deleted()
}

// present leaves out what is set aside.
func (j *job) present(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return j.aside[id] })
}

// buried is what is set aside among ids.
func (j *job) buried(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !j.aside[id] })
}

// buriedLinks is what is set aside and linked to owner.
func (j *job) buriedLinks(owner string, links []tenants.TenantLink) []string {
	var ids []string
	for _, l := range links {
		if l.TenantID == owner {
			ids = append(ids, l.ID)
		}
	}
	return j.buried(ids)
}

// expect makes the names of the file known before they are put.
func expect[T any](j *job, kind string, list []T, name func(*T) text) {
	for i := range list {
		if n := name(&list[i]).v; !j.knows(kind, n) {
			j.put(kind, n, "")
		}
	}
}

func (j *job) put(kind, name, id string) {
	if j.ids[kind] == nil {
		j.ids[kind] = map[string]string{}
	}
	j.ids[kind][normal(kind, name)] = id
}

func (j *job) knows(kind, name string) bool {
	_, ok := j.ids[kind][normal(kind, name)]
	return ok
}

func (j *job) id(kind, name string) string { return j.ids[kind][normal(kind, name)] }

func (j *job) idsOf(kind string, list texts) []string {
	out := make([]string, len(list.v))
	for i, t := range list.v {
		out[i] = j.id(kind, t.v)
	}
	return out
}

// namesOf turns ids back into names.
func (j *job) namesOf(kind string, ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	names := make(map[string]string, len(j.ids[kind]))
	for name, id := range j.ids[kind] {
		names[id] = name
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = cmp.Or(names[id], id)
	}
	return out
}

// userNames are all users that the file names anywhere in the subscription.
func (j *job) userNames() []string {
	seen := map[string]bool{}
	for _, u := range j.spec.Users {
		seen[normal(kindUser, u.Name.v)] = true
	}
	for _, g := range j.spec.Groups {
		for _, m := range g.Members.v {
			seen[normal(kindUser, m.v)] = true
		}
	}
	for _, c := range j.spec.ClientApps {
		for _, u := range c.Users.v {
			seen[normal(kindUser, u.v)] = true
		}
	}
	for _, a := range j.spec.Assignments {
		seen[userOf(a.To)] = true
	}
	for _, e := range j.spec.Exemptions {
		seen[userOf(e.Of)] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

func userOf(t target) string {
	if t.v.level != kindUser {
		return ""
	}
	return normal(kindUser, t.v.name)
}

// references looks for names that are neither in the file nor in the database.
func (j *job) references() {
	for _, t := range j.spec.Tenants {
		j.refer(kindIDP, t.IDPs.v...)
		j.refer(kindClientApp, t.ClientApps.v...)
	}
	for _, u := range j.spec.Users {
		j.refer(kindIDP, u.IDPs.v...)
		j.refer(kindTenant, u.Tenants.v...)
		j.refer(kindGroup, u.Groups.v...)
	}
	for _, g := range j.spec.Groups {
		j.refer(kindUser, g.Members.v...)
	}
	for _, c := range j.spec.ClientApps {
		j.refer(kindUser, c.Users.v...)
		j.refer(kindGroup, c.Groups.v...)
		for _, r := range c.ClaimRules.v {
			if r.IDP.set {
				j.refer(kindIDP, r.IDP)
			}
		}
	}
	for _, a := range j.spec.Assignments {
		j.refer(kindTwoFactor, a.TwoFactor)
		j.referTo(a.To)
	}
	for _, e := range j.spec.Exemptions {
		j.referTo(e.Of)
	}
	for _, t := range j.spec.Templates {
		j.referTo(t.To)
	}
	for _, r := range j.spec.Roles {
		if r.Tenant.set {
			j.refer(kindTenant, r.Tenant)
		}
	}
}

func (j *job) refer(kind string, names ...text) {
	for _, n := range names {
		if !j.knows(kind, n.v) {
			j.found(n.place, "there is no %s %q in this file or in the subscription", kind, n.v)
		}
	}
}

func (j *job) referTo(t target) {
	if t.v.level != levelSubscription {
		j.refer(t.v.level, text{place: t.place, v: t.v.name})
	}
}

// changed notes what was done to an entity. Its line names the subscription too
// where the file has several.
func (j *job) changed(kind, name, id string, created bool, fields []field) *change {
	c := &change{
		kind: kind, name: name, id: id, subscription: j.sub.ID, in: j.sub.Name, label: j.label(kind+" ") + shownName(name),
		created: created, fields: fields,
	}
	j.changes = append(j.changes, c)
	return c
}

func (j *job) label(before string) string {
	if len(j.file.doc.Subscriptions) > 1 {
		before += shownName(j.spec.Name.v) + "/"
	}
	return before
}

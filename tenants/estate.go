package tenants

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/twofactor"
)

// estate is a subscription as sign-ins meet it, without its users: loaded once, in a
// fixed number of queries, for policies by the thousand.
type estate struct {
	now         time.Time
	sub         Station
	active      bool
	tenants     map[string]tenantOf // the active ones
	idps, apps  map[string]Station  // likewise; only apps that persons sign in to
	groups      map[string]groupOf
	instances   map[string]prepared
	assignments map[string][]Assignment // by target, oldest first; those of users come with them
	exemptions  map[string][]Exemption  // likewise
	admits      map[string][]string     // groups that an app is for, by app; users of one come with them
	within      []string                // the tenants that are looked at; none: all
}

type tenantOf struct {
	Station
	countries  []string // that text messages go to
	idps, apps []string
	special    []string // apps, see estate.specialApps
}

// groupOf is a group and its place among all: policies name them in the order of names
// that the database has.
type groupOf struct {
	Station
	place int
}

func (s *Store) estate(ctx context.Context) (*estate, error) {
	e := &estate{now: s.Now(), assignments: map[string][]Assignment{}, exemptions: map[string][]Exemption{}}
	for _, load := range []func(context.Context, *estate) error{s.loadLevels, s.loadLinks, s.loadInstances, s.loadAssignments} {
		if err := load(ctx, e); err != nil {
			return nil, err
		}
	}
	for id, t := range e.tenants {
		t.special = e.specialApps(t)
		e.tenants[id] = t
	}
	return e, nil
}

func (s *Store) loadLevels(ctx context.Context, e *estate) error {
	var sub subscriptionRow
	if err := s.DB.For(ctx).Where("id = ?", db.ScopeOf(ctx).Subscription).Take(&sub).Error; err != nil {
		return notFound(err, errNoSubscription)
	}
	e.sub, e.active = Station{LevelSubscription, sub.ID, sub.Name, sub.EnforceMFA, Strength(sub.MinACR), false}, sub.Active
	all, err := list(s.links(ctx, &tenantRow{}).Where("active"), func(r tenantRow) Tenant { return r.Tenant })
	if err != nil {
		return err
	}
	e.tenants = map[string]tenantOf{}
	for _, t := range all {
		e.tenants[t.ID] = tenantOf{Station: Station{LevelTenant, t.ID, t.Name, t.EnforceMFA, Strength(t.MinACR), false}, countries: t.SMSCountries}
	}
	idps, err := list(s.links(ctx, &idpRow{}).Where("active"), func(r idpRow) Station {
		return Station{LevelIDP, r.ID, r.Name, r.EnforceMFA, twofactor.StrengthNone, false}
	})
	if err != nil {
		return err
	}
	apps, err := list(s.links(ctx, &clientAppRow{}).Where("active AND type <> ?", AppMachine), func(r clientAppRow) Station {
		return Station{LevelClientApp, r.ID, r.Name, r.EnforceMFA, Strength(r.MinACR), r.Restricted}
	})
	if err != nil {
		return err
	}
	groups, err := list(s.links(ctx, &groupRow{}).Order("name"), func(r groupRow) Station { return Station{Level: LevelGroup, ID: r.ID, Name: r.Name} })
	if err != nil {
		return err
	}
	e.idps, e.apps, e.groups = byID(idps), byID(apps), map[string]groupOf{}
	for i, g := range groups {
		e.groups[g.ID] = groupOf{g, i}
	}
	return nil
}

func byID(list []Station) map[string]Station {
	out := make(map[string]Station, len(list))
	for _, st := range list {
		out[st.ID] = st
	}
	return out
}

// loadLinks gives tenants their IDPs and apps, as far as these are active.
func (s *Store) loadLinks(ctx context.Context, e *estate) error {
	idps, err := list(s.links(ctx, &tenantIDPRow{}).Order("idp_id"), func(r tenantIDPRow) [2]string { return [2]string{r.TenantID, r.IDPID} })
	if err != nil {
		return err
	}
	apps, err := list(s.links(ctx, &tenantClientAppRow{}).Order("client_app_id"), func(r tenantClientAppRow) [2]string { return [2]string{r.TenantID, r.ClientAppID} })
	if err != nil {
		return err
	}
	groups, err := s.AppGroups(ctx)
	if err != nil {
		return err
	}
	e.admits = map[string][]string{}
	for _, g := range groups {
		e.admits[g.ClientAppID] = append(e.admits[g.ClientAppID], g.ID)
	}
	for _, l := range idps {
		t, ok := e.tenants[l[0]]
		if _, active := e.idps[l[1]]; ok && active {
			t.idps = append(t.idps, l[1])
			e.tenants[l[0]] = t
		}
	}
	for _, l := range apps {
		t, ok := e.tenants[l[0]]
		if _, active := e.apps[l[1]]; ok && active {
			t.apps = append(t.apps, l[1])
			e.tenants[l[0]] = t
		}
	}
	return nil
}

func (s *Store) loadInstances(ctx context.Context, e *estate) error {
	rows, err := list(s.DB.For(ctx).Order("id"), func(r twoFactorRow) twoFactorRow { return r })
	if err != nil {
		return err
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return err
	}
	e.instances = make(map[string]prepared, len(rows))
	for _, row := range rows {
		if e.instances[row.ID], err = s.prepare(ctx, row, base); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) loadAssignments(ctx context.Context, e *estate) error {
	assignments, err := list(s.DB.For(ctx).Where("level <> ?", LevelUser).Order("id"), func(r assignmentRow) Assignment { return r.Assignment })
	if err != nil {
		return err
	}
	for _, a := range assignments {
		e.assignments[a.TargetID] = append(e.assignments[a.TargetID], a)
	}
	// Those that have run out too: Resolve passes over them, and a change may renew one.
	exemptions, err := list(s.DB.For(ctx).Where("level <> ?", LevelUser).Order("id"), func(r exemptionRow) Exemption { return r.Exemption })
	if err != nil {
		return err
	}
	for _, x := range exemptions {
		e.exemptions[x.TargetID] = append(e.exemptions[x.TargetID], x)
	}
	return nil
}

// specialApps are the apps of a tenant that ask for, offer or spare something by
// themselves: one of each kind, as those that do so alike are all alike to whoever signs
// in. Any other app is like the tenant's own pages.
func (e *estate) specialApps(t tenantOf) []string {
	kinds := map[string]bool{}
	var out []string
	for _, id := range t.apps {
		app, own := e.apps[id], e.assignments[id]
		if !app.Restricted && !app.EnforceMFA && app.Min == twofactor.StrengthNone && len(own) == 0 && len(e.exemptions[id]) == 0 {
			continue
		}
		kind := fmt.Sprint(app.EnforceMFA, app.Min)
		if app.Restricted {
			kind += id // whom it is for is its own
		}
		for _, a := range own {
			kind += fmt.Sprint("|", a.TwoFactorID, a.Required, a.GraceDays, a.CreatedAt.UnixMicro())
		}
		for _, x := range e.exemptions[id] {
			kind += fmt.Sprint("|", x.Until.UnixMicro())
		}
		if !kinds[kind] {
			kinds[kind] = true
			out = append(out, id)
		}
	}
	return out
}

// with is the estate after a change. What it shares with e neither may alter.
func (e *estate) with(c Change) *estate {
	out := *e
	out.sub = c.station(e.sub)
	out.idps, out.apps = changed(e.idps, c.station), changed(e.apps, c.station)
	out.tenants = changed(e.tenants, func(t tenantOf) tenantOf { t.Station = c.station(t.Station); return t })
	out.instances = changed(e.instances, c.instance)
	out.assignments = maps.Clone(e.assignments)
	for target, have := range e.assignments {
		out.assignments[target] = c.assignments(have[0].Level, target, have, e.now)
	}
	out.exemptions = maps.Clone(e.exemptions)
	if a := c.Access; a != nil {
		out.admits = maps.Clone(e.admits)
		out.admits[a.ClientAppID] = c.access(LevelGroup, a.ClientAppID, e.admits[a.ClientAppID])
	}
	if l, target := c.at(); l != LevelUser && target != "" {
		out.assignments[target] = c.assignments(l, target, e.assignments[target], e.now)
		out.exemptions[target] = c.exemptions(l, target, e.exemptions[target])
	}
	return &out
}

func changed[V any](m map[string]V, f func(V) V) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		out[k] = f(v)
	}
	return out
}

// person is a user with all that bears on his sign-ins.
type person struct {
	User
	tenants     []string
	idps        []string  // of his identities
	groups      []groupOf // by name
	apps        []string  // restricted ones that he himself may use
	assignments []Assignment
	exemptions  []Exemption
	enrolled    map[string]int
	lacks       map[lack]string // see person.lacking
}

type lack struct {
	tenant string
	need   twofactor.Attribute
}

// lacking is lacking of the package, remembered: reading a number takes its time.
func (p *person) lacking(t tenantOf, need twofactor.Attribute) string {
	k := lack{t.ID, need}
	why, known := p.lacks[k]
	if !known {
		why = lacking(p.User, need, t.countries)
		p.lacks[k] = why
	}
	return why
}

// with is the person of an estate after a change.
func (p *person) with(c Change, e *estate) *person {
	out := *p
	out.groups = c.groups(p.ID, p.groups, e.groups)
	out.apps = c.apps(p.ID, p.apps)
	out.assignments = c.assignments(LevelUser, p.ID, p.assignments, e.now)
	out.exemptions = c.exemptions(LevelUser, p.ID, p.exemptions)
	return &out
}

// signIn is where and how a person signs in; without an app he wants to see his own
// account.
type signIn struct{ tenant, idp, app string }

// policy is what Store.Policy answers for a sign-in.
func (e *estate) policy(p *person, at signIn) Policy {
	policy := Resolve(e.reach(p, at))
	policy.User, policy.Epoch, policy.ProveFirst = p.User, p.CredentialEpoch, p.ProveFirst
	return policy
}

// admitsTo is what Store.admits loads.
func (e *estate) admitsTo(app Station, p *person) []string {
	switch {
	case !app.Restricted:
		return nil
	case slices.Contains(p.apps, app.ID):
		return append(slices.Clone(e.admits[app.ID]), p.ID)
	}
	return e.admits[app.ID]
}

// reach is what Store.reach loads.
func (e *estate) reach(p *person, at signIn) Reach {
	t := e.tenants[at.tenant]
	r := Reach{Now: e.now, UserSince: p.CreatedAt, LastUsed: p.LastTwoFactorID, Instances: map[string]Candidate{}}
	r.Stations = append(make([]Station, 0, 5+len(p.groups)), e.sub, t.Station, e.idps[at.idp])
	if at.app != "" {
		r.Stations = append(r.Stations, e.apps[at.app])
		r.Admits = e.admitsTo(e.apps[at.app], p)
	}
	for _, g := range p.groups {
		r.Stations = append(r.Stations, g.Station)
	}
	for _, st := range r.Stations {
		r.Assignments = append(r.Assignments, e.assignments[st.ID]...)
		r.Exemptions = append(r.Exemptions, e.exemptions[st.ID]...)
	}
	r.Stations = append(r.Stations, Station{Level: LevelUser, ID: p.ID, Name: p.Name})
	r.Assignments, r.Exemptions = append(r.Assignments, p.assignments...), append(r.Exemptions, p.exemptions...)
	slices.SortStableFunc(r.Exemptions, func(a, b Exemption) int {
		if a.ID == "" || b.ID == "" { // not made yet: it will be the youngest
			return -strings.Compare(a.ID, b.ID)
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, a := range r.Assignments {
		if i, ok := e.instances[a.TwoFactorID]; ok {
			lacks := func(need twofactor.Attribute) string { return p.lacking(t, need) }
			r.Instances[i.ID] = i.of(p.enrolled[i.ID], 0, len(t.countries) > 0, lacks)
		}
	}
	return r
}

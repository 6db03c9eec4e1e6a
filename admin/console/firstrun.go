package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// setupLife is how long a setup link works (SECURITY R4).
const setupLife = time.Hour

// systemSession is the life of a session of those who administer the server, in seconds.
const systemSession = int64(absoluteLife / time.Second)

// First is what a first run leaves: the link, and what is worth telling of the rest.
type First struct {
	Link   string // the only place where its token stands
	Until  time.Time
	Admins []string // login names of those who administer the server already
	Made   []string // what there was not before, in words
}

// FirstRun prepares the tenant that administrators of the server sign in at, and makes
// a link that makes one of whoever opens it. What is there already stays as it is, but
// for what would keep people from signing in; links of earlier runs end. login is
// suggested to whoever opens the link, and may be empty.
func (c *Console) FirstRun(ctx context.Context, login string) (First, error) {
	now := db.Micros(c.Now())
	out := First{Until: now.Add(setupLife)}
	err := c.DB.Tx(ctx, func(ctx context.Context) error {
		b := &builder{c: c}
		realm, err := b.build(ctx)
		if err != nil {
			return err
		}
		ctx = tenants.WithRealm(ctx, realm)
		if err := c.EnsureConsole(ctx, realm); err != nil {
			return err
		}
		if out.Admins, err = c.systemAdmins(ctx); err != nil {
			return err
		}
		row := linkRow{Role: tenants.RoleSystemAdmin, Login: tenants.NormalName(login), CreatedAt: now, ExpiresAt: out.Until}
		var token string
		token, row.TokenHash = c.newToken()
		if err := c.keepLink(ctx, &row); err != nil {
			return err
		}
		out.Link = c.PublicURL + pathSetup + "?" + url.Values{paramLink: {token}}.Encode()
		out.Made = b.made
		return c.Audit.Record(ctx, audit.Event{Kind: "admin.link_made", Actor: "operator"}, map[string]any{
			"role": row.Role, "until": out.Until, "made": b.changes,
		})
	})
	if err != nil {
		return First{}, err
	}
	return out, nil
}

// systemAdmins names those who administer the server by themselves, not by a group.
func (c *Console) systemAdmins(ctx context.Context) ([]string, error) {
	grants, err := c.Tenants.GrantsIn(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range grants {
		if g.Role != tenants.RoleSystemAdmin || g.SubjectKind != tenants.SubjectUser {
			continue
		}
		users, err := c.Tenants.UsersByID(db.WithScope(ctx, db.Scope{Subscription: g.HomeID}), []string{g.SubjectID})
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if u.Active {
				out = append(out, u.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// builder builds the tenant of the administrators, step by step, and notes what it
// changed.
type builder struct {
	c       *Console
	made    []string
	changes []change
}

type change struct {
	What    string                `json:"what"`
	ID      string                `json:"id"`
	Created bool                  `json:"created"`
	Fields  []tenants.FieldChange `json:"fields,omitempty"`
}

func (b *builder) note(what, id string, d tenants.Difference) {
	if !d.Changed() {
		return
	}
	words := "changed " + what
	if d.Created {
		words = "created " + what
	}
	b.made = append(b.made, words)
	b.changes = append(b.changes, change{what, id, d.Created, d.Fields})
}

func (b *builder) build(ctx context.Context) (tenants.Realm, error) {
	sub, err := b.subscription(ctx)
	if err != nil {
		return tenants.Realm{}, err
	}
	ctx = db.WithScope(ctx, db.Scope{Subscription: sub.ID})
	t, err := b.tenant(ctx)
	if err != nil {
		return tenants.Realm{}, err
	}
	realm := tenants.Realm{Subscription: sub, Tenant: t}
	if err := b.idp(ctx, realm); err != nil {
		return tenants.Realm{}, err
	}
	return realm, b.factors(ctx, realm)
}

func (b *builder) subscription(ctx context.Context) (tenants.Subscription, error) {
	sub, err := b.c.Tenants.SubscriptionByName(ctx, firstTenant)
	if problem.Is(err, problem.NotFound) {
		sub, err = tenants.Subscription{Name: firstTenant, Title: "System"}, nil
	}
	if err != nil {
		return sub, err
	}
	sub.Active = true
	d, err := b.c.Tenants.PutSubscription(ctx, &sub)
	b.note("subscription "+sub.Name, sub.ID, d)
	return sub, err
}

func (b *builder) tenant(ctx context.Context) (tenants.Tenant, error) {
	list, err := b.c.Tenants.ListTenants(ctx)
	if err != nil {
		return tenants.Tenant{}, err
	}
	t := tenants.Tenant{Name: firstTenant, Title: "System", SessionSeconds: systemSession}
	if i := slices.IndexFunc(list, func(v tenants.Tenant) bool { return v.Name == firstTenant }); i >= 0 {
		t = list[i]
	}
	t.Active, t.EnforceMFA = true, true
	d, err := b.c.Tenants.PutTenant(ctx, &t)
	var p *problem.Error
	if errors.As(err, &p) && p.Code == "taken" {
		err = problem.New(problem.Conflict, "taken", "Another subscription has a tenant named "+firstTenant+": that name is for those who administer the server.")
	}
	b.note("tenant "+t.Name, t.ID, d)
	return t, err
}

// idp sees to it that people can sign in to the tenant with a password.
func (b *builder) idp(ctx context.Context, realm tenants.Realm) error {
	have, err := b.c.Tenants.IDPs(tenants.WithRealm(ctx, realm))
	if err != nil {
		return err
	}
	ids := make([]string, len(have))
	for i, v := range have {
		if v.Type == tenants.IDPLocal {
			return nil
		}
		ids[i] = v.ID
	}
	list, err := b.c.Tenants.ListIDPs(ctx)
	if err != nil {
		return err
	}
	v := tenants.IDP{Name: "local", Title: "Local", Type: tenants.IDPLocal}
	if i := slices.IndexFunc(list, func(v tenants.IDP) bool { return v.Type == tenants.IDPLocal && !v.Deleted() }); i >= 0 {
		v = list[i]
	}
	v.Active = true
	d, err := b.c.Tenants.PutIDP(ctx, &v)
	if err != nil {
		return err
	}
	b.note("IDP "+v.Name, v.ID, d)
	_, err = b.c.Tenants.SetTenantIDPs(ctx, realm.Tenant.ID, append(ids, v.ID))
	return err
}

// factors sees to it that people of the tenant can set up a second factor by
// themselves: by every type that needs no configuration and no address, and what stands
// in for it when it is lost.
func (b *builder) factors(ctx context.Context, realm tenants.Realm) error {
	have, err := b.c.Tenants.ListTwoFactors(ctx)
	if err != nil {
		return err
	}
	assigned, err := b.c.Tenants.ListAssignments(ctx)
	if err != nil {
		return err
	}
	for _, p := range b.c.selfService() {
		v, err := b.factor(ctx, p, have)
		if err != nil {
			return err
		}
		reaches := func(a tenants.Assignment) bool {
			return a.TwoFactorID == v.ID && (a.Level == tenants.LevelTenant && a.TargetID == realm.Tenant.ID || a.Level == tenants.LevelSubscription)
		}
		if slices.ContainsFunc(assigned, reaches) {
			continue
		}
		a := tenants.Assignment{TwoFactorID: v.ID, Level: tenants.LevelTenant, TargetID: realm.Tenant.ID}
		d, err := b.c.Tenants.PutAssignment(ctx, &a)
		if err != nil {
			return err
		}
		b.note("assignment of "+v.Name+" to tenant "+realm.Tenant.Name, a.ID, d)
	}
	return nil
}

// factor is an active instance of a type: the first of them, or a new one.
func (b *builder) factor(ctx context.Context, p twofactor.Provider, have []tenants.TwoFactor) (tenants.TwoFactor, error) {
	var mine []tenants.TwoFactor
	for _, v := range have {
		if v.Type == p.Info.Type && !v.Deleted() {
			mine = append(mine, v)
		}
	}
	if i := slices.IndexFunc(mine, func(v tenants.TwoFactor) bool { return v.Active }); i >= 0 {
		return mine[i], nil
	}
	v, options := tenants.TwoFactor{Name: p.Info.Name, Type: p.Info.Type}, tenants.Options{}
	if slices.ContainsFunc(have, func(o tenants.TwoFactor) bool { return o.Name == v.Name }) {
		v.Name += " (" + p.Info.Type + ")" // somebody has called another one so
	}
	if len(mine) > 0 {
		v = mine[0]
		var err error
		if options, err = b.c.Tenants.OptionsOf(ctx, v.ID); err != nil {
			return v, err
		}
	}
	v.Active = true
	d, err := b.c.Tenants.PutTwoFactor(ctx, &v, options)
	b.note("TwoFactor "+v.Name, v.ID, d)
	return v, err
}

// selfService are the types that users set up by themselves and that work with their
// defaults alone, by name.
func (c *Console) selfService() []twofactor.Provider {
	var out []twofactor.Provider
	for _, name := range c.Tenants.Catalog.Types() {
		p := c.Tenants.Catalog[name]
		if !p.Info.Enrolls || len(p.Info.Needs) > 0 {
			continue
		}
		if _, err := p.Open([]byte("{}"), c.Tenants.Env); err == nil {
			out = append(out, p)
		}
	}
	return out
}

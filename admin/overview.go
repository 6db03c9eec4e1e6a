package admin

import (
	"context"
	"slices"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/twofactor/delivery"
)

// Progress is how far a subscription is on the way from nothing to the first user who is
// signed in to the first app. What serves the administration alone does not count.
type Progress struct {
	Tenant, IDP, ClientApp, User bool
	Instance                     *tenants.TwoFactor // the one that is furthest; nil: there is none
	State                        tenants.State      // of it
	Assigned                     bool
	SignedIn                     bool // somebody has signed in to an app
}

// Done reports whether the way is behind.
func (p Progress) Done() bool { return p.SignedIn }

// ownTenant is the tenant in which the administrators of the server sign in.
const ownTenant = "system"

// appsAsked is of how many apps the trail is asked for a first sign-in.
const appsAsked = 5

// Progress finds out how far a subscription is, for who runs all of it.
func (a *Admin) Progress(ctx context.Context, w Who, subscription string) (p Progress, err error) {
	if err := a.may(w, SubscriptionWrite, SubscriptionRead, db.Scope{Subscription: subscription}); err != nil {
		return p, err
	}
	ctx = a.scope(ctx, subscription)
	apps, err := a.Tenants.ClientApps().Page(ctx, page.Query{Limit: page.MaxLimit}, nil)
	if err != nil {
		return p, err
	}
	// Those who sign in by themselves are no app that somebody signs in to.
	apps.Items = slices.DeleteFunc(apps.Items, func(c tenants.ClientApp) bool {
		return c.ClientID == ConsoleID(subscription) || c.Type == tenants.AppMachine
	})
	p.ClientApp = len(apps.Items) > 0
	if p.SignedIn, err = a.signedInTo(ctx, apps.Items); err != nil || p.SignedIn {
		return p, err
	}
	realms, err := a.Tenants.Tenants().Page(ctx, page.Query{Limit: 2}, nil)
	if err != nil {
		return p, err
	}
	p.Tenant = slices.ContainsFunc(realms.Items, func(t tenants.Tenant) bool { return t.Name != ownTenant })
	idps, err := a.Tenants.KeptIDPs().Page(ctx, page.Query{Limit: 1}, nil)
	if err != nil {
		return p, err
	}
	p.IDP = len(idps.Items) > 0
	users, err := a.Tenants.Users().Page(ctx, page.Query{Limit: 2}, nil)
	if err != nil {
		return p, err
	}
	p.User = slices.ContainsFunc(users.Items, func(u tenants.User) bool { return u.ID != w.ID })
	return p, a.furthest(ctx, &p)
}

func (a *Admin) signedInTo(ctx context.Context, apps []tenants.ClientApp) (bool, error) {
	for _, c := range apps[:min(appsAsked, len(apps))] {
		found, err := a.Audit.Search(ctx, page.Query{Filter: map[string]string{audit.FilterClientApp: c.ID, audit.FilterKind: "sign_in.done"}, Limit: 1}, nil)
		if err != nil || len(found.Items) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// furthest finds the instance that is nearest to being of use.
func (a *Admin) furthest(ctx context.Context, p *Progress) error {
	instances, err := a.Tenants.TwoFactors().Page(ctx, page.Query{Limit: page.MaxLimit}, nil)
	if err != nil || len(instances.Items) == 0 {
		return err
	}
	states, err := a.Tenants.States(ctx)
	if err != nil {
		return err
	}
	assigned, err := a.Tenants.CountAssignments(ctx)
	if err != nil {
		return err
	}
	order := []string{"inactive", "invalid", "failing", "untested", "ready"}
	best := -1
	for _, i := range instances.Items {
		far := 2 * slices.Index(order, states[i.ID].Word)
		if assigned[i.ID] > 0 {
			far, p.Assigned = far+1, true
		}
		if far > best || p.Instance == nil {
			best, p.Instance, p.State = far, &i, states[i.ID]
		}
	}
	return nil
}

// Overview is what somebody should know of a subscription today. What he may not read is
// left out: it is nil.
type Overview struct {
	Tenants, ClientApps *Number
	Instances           []Faring            // those that fail, are invalid or untested
	Ready               *Number             // instances that are of use
	Ending              []tenants.Exemption // soon
	Failed              *Messages           // the newest that failed
	SMS                 []audit.Event       // of the last day: what the rules of text messages did
	Verified            *Verified
	MayVerify           bool
}

// Number is how many there are; More says that there are more.
type Number struct {
	N    int
	More bool
}

// Faring is an instance with how it fares.
type Faring struct {
	tenants.TwoFactor
	State tenants.State
}

const (
	endsSoon   = 14 * 24 * time.Hour
	shownAtAll = 5 // of each kind
)

// Overview gathers it, each by an index, of a page at most.
func (a *Admin) Overview(ctx context.Context, w Who, subscription string) (o Overview, err error) {
	if w.Top(db.Scope{Subscription: subscription}) == "" {
		return o, errUnknown
	}
	for _, part := range []struct {
		needs Action
		whole bool // takes the whole subscription
		read  func(context.Context, Who, string, *Overview) error
	}{
		{TenantRead, false, a.overTenants},
		{ClientAppRead, false, a.overApps},
		{TwoFactorRead, false, a.overInstances},
		{ExemptionRead, true, a.overExemptions},
		{MessageRead, false, a.overMessages},
		{AuditRead, false, a.overSMS},
		{AuditRead, true, a.overChain},
	} {
		in := w.Tenants(part.needs, subscription)
		if in != nil && (part.whole || len(in) == 0) {
			continue
		}
		if err := part.read(ctx, w, subscription, &o); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (a *Admin) overTenants(ctx context.Context, w Who, sub string, o *Overview) error {
	p, err := a.TenantsOf().List(ctx, w, sub, page.Query{Limit: page.MaxLimit})
	o.Tenants = &Number{len(p.Items), p.Next != ""}
	return err
}

func (a *Admin) overApps(ctx context.Context, w Who, sub string, o *Overview) error {
	p, err := a.ClientApps().List(ctx, w, sub, page.Query{Limit: page.MaxLimit})
	o.ClientApps = &Number{len(p.Items), p.Next != ""}
	return err
}

func (a *Admin) overInstances(ctx context.Context, w Who, sub string, o *Overview) error {
	p, err := a.TwoFactors().List(ctx, w, sub, page.Query{Limit: page.MaxLimit})
	if err != nil {
		return err
	}
	states, err := a.Tenants.States(a.scope(ctx, sub))
	if err != nil {
		return err
	}
	o.Ready = &Number{0, p.Next != ""}
	for _, i := range p.Items {
		switch states[i.ID].Word {
		case "ready":
			o.Ready.N++
		case "failing", "invalid", "untested":
			o.Instances = append(o.Instances, Faring{i, states[i.ID]})
		}
	}
	return nil
}

func (a *Admin) overExemptions(ctx context.Context, w Who, sub string, o *Overview) error {
	p, err := a.Exemptions().List(ctx, w, sub, page.Query{Sort: "-created", Limit: page.MaxLimit})
	for _, e := range p.Items {
		if e.Until.After(a.Now()) && e.Until.Before(a.Now().Add(endsSoon)) {
			o.Ending = append(o.Ending, e)
		}
	}
	slices.SortFunc(o.Ending, func(x, y tenants.Exemption) int { return x.Until.Compare(y.Until) })
	return err
}

func (a *Admin) overMessages(ctx context.Context, w Who, sub string, o *Overview) error {
	p, err := a.MessageLog(ctx, w, sub, page.Query{Filter: map[string]string{delivery.FilterState: delivery.Failed}, Limit: shownAtAll})
	o.Failed = &p
	return err
}

func (a *Admin) overSMS(ctx context.Context, w Who, sub string, o *Overview) error {
	since := a.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	p, err := a.AuditTrail(ctx, w, sub, page.Query{Filter: map[string]string{audit.FilterKind: "sms.", audit.FilterFrom: since}, Limit: shownAtAll})
	o.SMS = p.Items
	return err
}

func (a *Admin) overChain(ctx context.Context, w Who, sub string, o *Overview) (err error) {
	o.MayVerify = true
	o.Verified, err = a.LastVerified(ctx, w, sub)
	return err
}

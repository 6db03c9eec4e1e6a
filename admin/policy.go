package admin

import (
	"context"
	"slices"

	"twofold/internal/db"
	"twofold/tenants"
	"twofold/twofactor"
)

// WhyAsked names a sign-in that somebody asks about (SPEC §4).
type WhyAsked struct {
	TenantID    string
	UserID      string
	IDPID       string // empty: the first by which he can sign in
	ClientAppID string // empty: the user's own account pages
	Demand      twofactor.Strength
}

// Explain tells what a sign-in would be asked for, and why: by the same rules that
// judge sign-ins, against the database as it is now.
func (a *Admin) Explain(ctx context.Context, w Who, subscription string, q WhyAsked) (tenants.Explanation, error) {
	if err := a.may(w, PolicyRead, TenantRead, db.Scope{Subscription: subscription, Tenant: q.TenantID}); err != nil {
		return tenants.Explanation{}, err
	}
	realm, err := a.Tenants.RealmByID(ctx, q.TenantID)
	if err != nil || realm.Subscription.ID != subscription {
		return tenants.Explanation{}, errUnknown
	}
	ctx = tenants.WithRealm(ctx, realm)
	if q.IDPID == "" {
		if q.IDPID, err = a.firstIDP(ctx, q.TenantID, q.UserID); err != nil {
			return tenants.Explanation{}, err
		}
	}
	standing, err := a.Ceremony.Standing(ctx, q.UserID)
	if err != nil {
		return tenants.Explanation{}, err
	}
	p, err := a.Tenants.Policy(ctx, tenants.Question{
		ClientAppID: q.ClientAppID, IDPID: q.IDPID, UserID: q.UserID, Demand: q.Demand, Enrolled: standing.Count, Away: standing.Away(""), Preferred: standing.Preferred,
		Account: q.ClientAppID == "",
	})
	if err != nil {
		return tenants.Explanation{}, err
	}
	return tenants.Explain(p), nil
}

// Settle fills in what a question leaves open: the first tenant of the user that w may ask
// about, and the first IDP by which he can sign in there.
func (a *Admin) Settle(ctx context.Context, w Who, subscription string, q WhyAsked) (WhyAsked, error) {
	mine := w.Tenants(PolicyRead, subscription)
	if mine != nil && len(mine) == 0 {
		return q, hidden(w, subscription)
	}
	ctx = a.scope(ctx, subscription)
	if q.TenantID == "" {
		of, err := a.Tenants.TenantsOf(ctx, q.UserID)
		if err != nil {
			return q, err
		}
		for _, t := range of {
			if mine == nil || slices.Contains(mine, t) {
				q.TenantID = t
				break
			}
		}
	}
	if q.TenantID == "" || q.IDPID != "" || mine != nil && !slices.Contains(mine, q.TenantID) {
		return q, nil
	}
	var err error
	q.IDPID, err = a.firstIDP(ctx, q.TenantID, q.UserID)
	return q, err
}

// firstIDP is one of the tenant's by which a user can sign in.
func (a *Admin) firstIDP(ctx context.Context, tenantID, userID string) (string, error) {
	known, err := a.Tenants.LinksOf(ctx, tenants.LinkUserIDP, userID)
	if err != nil {
		return "", err
	}
	of, err := a.Tenants.LinksOf(ctx, tenants.LinkTenantIDP, tenantID)
	if err != nil {
		return "", err
	}
	for _, id := range of {
		if slices.Contains(known, id) {
			return id, nil
		}
	}
	return "", nil
}

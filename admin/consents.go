package admin

import (
	"context"
	"time"
)

// Consent is what a user lets a client app have in a tenant.
type Consent struct {
	TenantID, ClientAppID string
	Scopes                []string
	CreatedAt, UpdatedAt  time.Time // of the first and the last time he allowed something
}

// Consents is what this package needs of who keeps them. Both work on the subscription in
// ctx, and on these tenants of it; nil is all.
type Consents struct {
	Of func(ctx context.Context, userID string, tenants []string) ([]Consent, error)
	// Withdraw takes an app's away, with all that it holds for the user, and returns in how
	// many tenants there was one.
	Withdraw func(ctx context.Context, userID, appID string, tenants []string, actor string) (int, error)
}

// ConsentsOf lists what a user lets client apps have, in the tenants where w may see his
// sessions.
func (a *Admin) ConsentsOf(ctx context.Context, w Who, subscription, userID string) ([]Consent, Names, error) {
	in, err := a.consentTenants(ctx, w, SessionRead, subscription, userID)
	if err != nil {
		return nil, nil, err
	}
	ctx = a.scope(ctx, subscription)
	list, err := a.Consents.Of(ctx, userID, in)
	if err != nil {
		return nil, nil, err
	}
	ids := map[string][]string{}
	for _, c := range list {
		ids["tenant"] = append(ids["tenant"], c.TenantID)
		ids["client_app"] = append(ids["client_app"], c.ClientAppID)
	}
	names, err := a.named(ctx, ids)
	return list, names, err
}

// WithdrawConsent takes back for a user what he lets a client app have, in the tenants
// where w may end his sessions: he is asked again, and what the app holds is dead at once.
func (a *Admin) WithdrawConsent(ctx context.Context, w Who, subscription, userID, appID string) error {
	in, err := a.consentTenants(ctx, w, SessionEnd, subscription, userID)
	if err != nil {
		return err
	}
	n, err := a.Consents.Withdraw(a.scope(ctx, subscription), userID, appID, in, w.ID)
	if err == nil && n == 0 {
		return errUnknown
	}
	return err
}

// consentTenants finds the tenants where w may do something about a user that he may see;
// nil is all.
func (a *Admin) consentTenants(ctx context.Context, w Who, needs Action, subscription, userID string) ([]string, error) {
	in := w.Tenants(needs, subscription)
	if in != nil && len(in) == 0 {
		return nil, hidden(w, subscription)
	}
	_, err := a.Users().Get(ctx, w, subscription, userID)
	return in, err
}

package idp

import (
	"context"

	"twofold/idp/op"
	"twofold/internal/audit"
)

// ConsentsOf lists what a user lets apps have in these tenants of the subscription in
// ctx; nil: in all of them.
func (s *IDP) ConsentsOf(ctx context.Context, userID string, tenants []string) ([]op.Consent, error) {
	in, err := s.tenantsOf(ctx, tenants, "")
	if err != nil || len(in) == 0 {
		return nil, err
	}
	return s.Provider.ConsentsIn(ctx, userID, in)
}

// WithdrawConsent takes back for a user, for actor, what he lets an app have in these
// tenants of the subscription in ctx, nil: in all of them; with all that the app holds for
// him there. It returns in how many tenants there was something.
func (s *IDP) WithdrawConsent(ctx context.Context, userID, appID string, tenants []string, actor string) (int, error) {
	held, err := s.ConsentsOf(ctx, userID, tenants)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range held {
		if c.ClientAppID != appID {
			continue
		}
		ctx, err := s.inTenant(ctx, c.TenantID)
		if err != nil {
			return n, err
		}
		err = s.DB.Tx(ctx, func(ctx context.Context) error {
			was, err := s.Provider.WithdrawConsent(ctx, userID, appID)
			if err != nil || !was {
				return err
			}
			n++
			return s.Audit.Record(ctx, audit.Event{Kind: "consent.withdrawn", Actor: actor, User: userID, ClientApp: appID}, map[string]any{"client_app": appID})
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

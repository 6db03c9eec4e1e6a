package main

import (
	"context"

	"twofold/admin"
)

// consents are those of package idp, as administration sees them.
func (h *house) consents() admin.Consents {
	return admin.Consents{
		Of: func(ctx context.Context, userID string, tenants []string) ([]admin.Consent, error) {
			found, err := h.idp.ConsentsOf(ctx, userID, tenants)
			out := make([]admin.Consent, len(found))
			for i, c := range found {
				out[i] = admin.Consent(c)
			}
			return out, err
		},
		Withdraw: h.idp.WithdrawConsent,
	}
}

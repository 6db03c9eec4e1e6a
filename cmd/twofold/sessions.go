package main

import (
	"context"

	"twofold/admin"
	"twofold/idp"
	"twofold/internal/page"
)

// sessions are those of package idp, as administration sees them.
func (h *house) sessions() admin.Sessions {
	return admin.Sessions{
		List: func(ctx context.Context, q page.Query, tenants []string) (page.Page[admin.Session], error) {
			found, err := h.idp.SessionList(ctx, q, tenants)
			return page.Map(found, func(s idp.Session) admin.Session { return admin.Session(s) }), err
		},
		ToldOf: func(ctx context.Context, appID string, tenants []string, n int) ([]admin.Told, error) {
			found, err := h.idp.ToldOf(ctx, appID, tenants, n)
			out := make([]admin.Told, len(found))
			for i, t := range found {
				out[i] = admin.Told(t)
			}
			return out, err
		},
		End: h.idp.EndSession, EndTenant: h.idp.EndTenant, EndAll: h.idp.EndSubscription,
	}
}

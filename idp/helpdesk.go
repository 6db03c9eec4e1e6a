package idp

import (
	"context"

	"gorm.io/gorm"

	"twofold/internal/db"
)

// What a help desk needs of what a user has open.

// CountSessions counts the live sessions of a user in the tenant in ctx.
func (s *IDP) CountSessions(ctx context.Context, userID string) (int, error) {
	var n int64
	now := s.Now()
	err := s.DB.For(ctx).Model(&sessionRow{}).
		Where("user_id = ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ?", userID, now, now).Count(&n).Error
	return int(n), wrap("count sessions", err)
}

// EndUser ends what a user has in the tenant in ctx, or, if ctx is in a subscription
// alone, in all its tenants; on every replica at once: his sessions, also those that
// rest, what was granted to apps, and remembered browsers. actor is who wants it.
// Sign-ins that are under way end by the user's epoch. It returns how many sessions
// there were. Whoever wants several tenants must not call it for each within one
// transaction: the second would take locks while it holds the audit trail.
func (s *IDP) EndUser(ctx context.Context, userID, actor, why string) (sessions int, err error) {
	scope, reach, in := db.ScopeOf(ctx), ctx, []string{db.ScopeOf(ctx).Tenant}
	switch {
	case scope.Subscription == "" && scope.Tenant == "":
		return 0, db.ErrNoScope
	case scope.Tenant == "":
		if in, err = s.tenantsOf(ctx, nil, ""); err != nil {
			return 0, err
		}
		reach = db.AllTenants(ctx)
	}
	his := func(q *gorm.DB) *gorm.DB { return q.Where("user_id = ? AND tenant_id IN ?", userID, in) }
	err = s.DB.Tx(reach, func(ctx context.Context) error {
		if scope.Tenant == "" {
			if err := s.endSignOns(ctx, ofUser(userID)); err != nil {
				return err
			}
		}
		rows, err := s.endSessions(ctx, his)
		if err != nil {
			return err
		}
		if err := s.Provider.RevokeUserIn(ctx, in, userID, why); err != nil {
			return err
		}
		if _, err := s.forgetAll(ctx, his); err != nil {
			return err
		}
		sessions = len(rows)
		return s.tellEnded(ctx, rows, actor, why)
	})
	return sessions, err
}

package tenants

import (
	"context"
	"fmt"

	"twofold/internal/db"
)

// SharedBy lists the tenants between which the sign-ons of a user are shared now: the
// active ones of the subscription in ctx that he is a member of, if it shares sign-ons;
// none otherwise. It is never remembered: what is switched off is off at once.
func (s *Store) SharedBy(ctx context.Context, userID string) ([]string, error) {
	sharing := s.DB.For(db.AllTenants(ctx)).Model(&subscriptionRow{}).Select("id").
		Where("id = ? AND active AND shared_sign_on", db.ScopeOf(ctx).Subscription)
	member := s.links(ctx, &membershipRow{}).Select("tenant_id").Where("user_id = ?", userID)
	var ids []string
	err := s.links(ctx, &tenantRow{}).Where("active AND subscription_id IN (?) AND id IN (?)", sharing, member).Order("id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("tenants: shared sign-ons: %w", err)
	}
	return ids, nil
}

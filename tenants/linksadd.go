package tenants

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
)

// AddTenantClientApp assigns one client app more to a tenant of the subscription in ctx.
func (s *Store) AddTenantClientApp(ctx context.Context, tenantID, appID string) (Difference, error) {
	ctx, sub := inTenant(ctx, tenantID)
	return addLink(ctx, s, &tenantClientAppRow{sub, tenantID, appID}, "client_app_id", appID)
}

// AddTenantMember makes one user more a member of a tenant of the subscription in ctx.
func (s *Store) AddTenantMember(ctx context.Context, tenantID, userID string) (Difference, error) {
	ctx, sub := inTenant(ctx, tenantID)
	return addLink(ctx, s, &membershipRow{sub, tenantID, userID}, "user_id", userID)
}

// addLink leaves the other rows of a link table alone, whoever changes them meanwhile.
func addLink(ctx context.Context, s *Store, row any, field, id string) (Difference, error) {
	res := s.DB.For(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(row)
	switch {
	case db.IsForeignKey(res.Error):
		return Difference{}, invalid(field, "does not exist")
	case res.Error != nil:
		return Difference{}, fmt.Errorf("tenants: add link: %w", res.Error)
	case res.RowsAffected == 0:
		return Difference{}, nil
	}
	s.changed(ctx)
	return Difference{Fields: []FieldChange{{Name: field, New: id}}}, nil
}

package tenants

import (
	"context"
	"fmt"

	"twofold/internal/db"
	"twofold/twofactor"
)

// ByName is Open for an instance that another one's options name: by its name in
// the subscription of ctx.
func (s *Store) ByName(ctx context.Context, name string) (twofactor.Instance, error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Select("id").Where("name = ?", name).Take(&row).Error; err != nil {
		if db.IsNotFound(err) {
			return twofactor.Instance{}, &InvalidError{Instance: name, Reason: "it does not exist"}
		}
		return twofactor.Instance{}, fmt.Errorf("tenants: two factor by name: %w", err)
	}
	return s.Open(ctx, row.ID)
}

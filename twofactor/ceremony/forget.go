package ceremony

import (
	"context"
	"fmt"
)

// Forget erases what was set up by a user, or with an instance, that is erased for good:
// kind is "user" or "two_factor", in the subscription in ctx; nothing hangs on others.
func (c *Ceremony) Forget(ctx context.Context, kind, id string) error {
	column := map[string]string{"user": "user_id", "two_factor": "two_factor_id"}[kind]
	if column == "" {
		return nil
	}
	if err := c.DB.For(ctx).Where(map[string]any{column: id}).Delete(&enrollmentRow{}).Error; err != nil {
		return fmt.Errorf("ceremony: forget: %w", err)
	}
	if kind != "user" {
		return nil
	}
	if err := c.DB.For(ctx).Where("user_id = ?", id).Delete(&failureRow{}).Error; err != nil {
		return fmt.Errorf("ceremony: forget: %w", err)
	}
	return nil
}

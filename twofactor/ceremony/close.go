package ceremony

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"twofold/internal/db"
)

// Close ends all open challenges of a sign-in and erases what they held.
func (c *Ceremony) Close(ctx context.Context, signInID string) error {
	return c.erase(c.DB.For(ctx).Where("sign_in_id = ?", signInID))
}

// Abandon ends one challenge that nobody will answer: the sign-in that it was begun for
// has moved on meanwhile.
func (c *Ceremony) Abandon(ctx context.Context, challengeID string) error {
	return c.erase(c.DB.For(ctx).Where("id = ?", challengeID))
}

// erase closes the open challenges among which: nothing can be read from them any
// more, not even with the master key (N16).
func (c *Ceremony) erase(which *gorm.DB) error {
	err := which.Model(&challengeRow{}).Where("closed_at IS NULL").Updates(map[string]any{"closed_at": db.Micros(c.Now()), "sealed": ""}).Error
	if err != nil {
		return fmt.Errorf("ceremony: close: %w", err)
	}
	return nil
}

// Sweep erases challenges whose life is over, and removes them an hour later.
func (c *Ceremony) Sweep(ctx context.Context) error {
	ctx, now := db.AllTenants(ctx), c.Now()
	if err := c.erase(c.DB.For(ctx).Where("expires_at <= ?", now)); err != nil {
		return err
	}
	if err := c.DB.For(ctx).Where("ends_at < ?", now.Add(-time.Hour)).Delete(&challengeRow{}).Error; err != nil {
		return fmt.Errorf("ceremony: sweep: %w", err)
	}
	return c.sweepSMS(ctx)
}

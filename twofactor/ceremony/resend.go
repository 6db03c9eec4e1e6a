package ceremony

import (
	"context"
	"errors"
	"fmt"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// Resend sends the same code once more (SPEC §5.3), so that a late message still
// works. The lifetime starts again but never passes MaxLife after the code was made.
func (c *Ceremony) Resend(ctx context.Context, challengeID, signInID string) error {
	// A second click comes too soon; it must not take from the destination's budget.
	done, err := c.turns.take(ctx, db.ScopeOf(ctx).Tenant+"/"+challengeID)
	if err != nil {
		return fmt.Errorf("ceremony: resend: %w", err)
	}
	defer done()
	row, err := c.load(ctx, challengeID, signInID)
	if err != nil {
		return err
	}
	now := db.Micros(c.Now())
	switch {
	case row.ClosedAt != nil || !row.ExpiresAt.After(now) || row.Attempts >= row.MaxAttempts:
		return errOver
	case row.Sends >= MaxSends:
		return problem.New(problem.TooMany, "no_more_sends", "We have sent this code as often as we may.")
	case row.NextSendAt.After(now):
		return problem.Busy(problem.TooMany, "resend_too_soon", "Please wait a moment before you ask again.", row.NextSendAt.Sub(now))
	}
	in, err := c.unsealed(row)
	if err != nil {
		return err
	}
	if in.Out == nil {
		return errOver
	}
	inst, err := c.Instances.Open(ctx, row.via())
	if err != nil {
		return failed(fmt.Errorf("ceremony: resend: %w", err))
	}
	if err := c.allowSend(ctx, inst, row.UserID, in.Out); err != nil {
		return err
	}
	sends := row.Sends
	row.Sends++
	if row.ExpiresAt = now.Add(in.Life); row.ExpiresAt.After(row.EndsAt) {
		row.ExpiresAt = row.EndsAt
	}
	row.NextSendAt = now.Add(resendAfter[min(int(sends), len(resendAfter)-1)])
	err = c.DB.Tx(ctx, func(ctx context.Context) error {
		err := db.One(c.DB.For(ctx).Model(&challengeRow{}).
			Where("id = ? AND sends = ? AND via_two_factor_id = ? AND attempts < max_attempts AND closed_at IS NULL AND expires_at > ?", row.ID, sends, row.ViaTwoFactorID, now).
			Updates(map[string]any{"sends": row.Sends, "expires_at": row.ExpiresAt, "next_send_at": row.NextSendAt}))
		if err != nil {
			return err
		}
		return c.enqueue(ctx, row, in)
	})
	if errors.Is(err, db.ErrStale) {
		return problem.Busy(problem.TooMany, "resend_too_soon", "Please wait a moment before you ask again.", resendAfter[0])
	}
	if err != nil {
		return fmt.Errorf("ceremony: resend: %w", err)
	}
	return nil
}

package ceremony

import (
	"context"
	"fmt"

	"twofold/twofactor"
)

// Poll reports whether an open challenge can be answered now because of something
// that happened away from this browser. It counts and decides nothing: the answer
// that follows does. Factors that know nothing of the kind are never settled.
func (c *Ceremony) Poll(ctx context.Context, challengeID, signInID string) (settled bool, err error) {
	row, err := c.load(ctx, challengeID, signInID)
	if err != nil || row.Sealed == "" || row.Attempts >= row.MaxAttempts || !row.ExpiresAt.After(c.Now()) {
		return false, err
	}
	inst, err := c.Instances.Open(ctx, row.TwoFactorID)
	if err != nil {
		return false, failed(fmt.Errorf("ceremony: poll: %w", err))
	}
	f, ok := inst.Factor.(twofactor.Poller)
	if !ok {
		return false, nil
	}
	in, err := c.unsealed(row)
	if err != nil {
		return false, err
	}
	bound, err := c.bound(ctx, row.UserID, inst)
	if err != nil {
		return false, err
	}
	settled, err = f.Poll(ctx, bound.usable(), twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt})
	if err != nil {
		return false, failed(fmt.Errorf("ceremony: poll: %w", err))
	}
	return settled, nil
}

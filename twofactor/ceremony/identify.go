package ceremony

import (
	"context"
	"fmt"

	"twofold/internal/db"
	"twofold/twofactor"
)

// FinishIdentify judges an answer that is to tell who the user is: a passkey's. It
// counts against the challenge first; once the answer claims an enrollment, against
// its owner too, before anything of it is verified.
func (c *Ceremony) FinishIdentify(ctx context.Context, g Give, then func(context.Context, Passed) error) error {
	g.Purpose, g.UserID = Identify, ""
	var row challengeRow
	err := c.DB.Tx(db.Outside(ctx), func(ctx context.Context) (err error) {
		row, err = c.countChallenge(ctx, g)
		return err
	})
	if err != nil {
		return err
	}
	owner, err := c.owner(ctx, row, g.Answer)
	if err != nil {
		return c.settle(context.WithoutCancel(ctx), row, twofactor.Instance{}, 0, err)
	}
	done, err := c.turns.take(ctx, db.ScopeOf(ctx).Subscription+"/"+owner)
	if err != nil {
		return fmt.Errorf("ceremony: identify: %w", err)
	}
	defer done()
	row.claimedBy = owner
	var failures int64
	err = c.DB.Tx(db.Outside(ctx), func(ctx context.Context) (err error) {
		failures, err = c.countUser(ctx, owner)
		return err
	})
	if err != nil {
		return err
	}
	return c.decide(ctx, row, failures, func(ctx context.Context) (judged, error) { return c.judge(ctx, row, g.Answer) }, then)
}

// owner finds whose enrollment an answer claims to come from.
func (c *Ceremony) owner(ctx context.Context, row challengeRow, a twofactor.Answer) (string, error) {
	inst, err := c.Instances.Open(ctx, row.TwoFactorID)
	if err != nil {
		return "", err
	}
	in, err := c.unsealed(row)
	if err != nil {
		return "", err
	}
	bound, err := c.claimed(ctx, row, inst, twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt}, a)
	if err != nil {
		return "", err
	}
	return bound[0].row.UserID, nil
}

// claimed loads the one enrollment that an answer claims to come from.
func (c *Ceremony) claimed(ctx context.Context, row challengeRow, inst twofactor.Instance, ch twofactor.Challenge, a twofactor.Answer) (holdings, error) {
	f, ok := inst.Factor.(twofactor.Identifier)
	if !ok {
		return nil, fmt.Errorf("ceremony: %s identifies nobody: %w", row.TwoFactorID, twofactor.ErrWrongAnswer)
	}
	handle, err := f.Whose(ch, a)
	if err != nil {
		return nil, err
	}
	var rows []enrollmentRow
	err = c.here(ctx, inst).Where("handle = ? AND handle <> ''", handle).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("ceremony: identify: %w", err)
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("ceremony: nobody's: %w", twofactor.ErrWrongAnswer)
	}
	return c.open(rows)
}

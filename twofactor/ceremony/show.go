package ceremony

import (
	"context"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// View is an open challenge as a page shows it.
type View struct {
	ID, TwoFactorID string
	Purpose         Purpose
	Prompt          twofactor.Prompt
	Open            bool          // may still be answered
	Sends           int           // messages so far; 0 when nothing is delivered
	ResendIn        time.Duration // until a resend is allowed; only with MayResend
	MayResend       bool
	Polls           bool // may be settled away from this browser: see Poll
	AttemptsLeft    int
	ExpiresAt       time.Time
}

// Show returns a challenge of a sign-in. A stranger's or an older sign-in's does
// not exist.
func (c *Ceremony) Show(ctx context.Context, challengeID, signInID string) (View, error) {
	row, err := c.load(ctx, challengeID, signInID)
	if err != nil {
		return View{}, err
	}
	now := c.Now()
	v := View{
		ID: row.ID, TwoFactorID: row.TwoFactorID, Purpose: row.Purpose, Sends: int(row.Sends), ExpiresAt: row.ExpiresAt,
		AttemptsLeft: int(max(row.MaxAttempts-row.Attempts, 0)),
		Open:         row.ClosedAt == nil && row.ExpiresAt.After(now) && row.Attempts < row.MaxAttempts,
	}
	if row.Sealed == "" {
		return v, nil
	}
	in, err := c.unsealed(row)
	if err != nil {
		return v, err
	}
	v.Prompt = in.Prompt
	if inst, err := c.Instances.Open(ctx, row.TwoFactorID); err == nil {
		_, v.Polls = inst.Factor.(twofactor.Poller)
	}
	v.MayResend = v.Open && in.Out != nil && row.Sends < MaxSends && row.NextSendAt.Before(row.ExpiresAt)
	if v.MayResend {
		v.ResendIn = max(row.NextSendAt.Sub(now), 0)
	}
	return v, nil
}

var errNoChallenge = problem.New(problem.NotFound, "challenge_unknown", "This question does not belong to your sign-in.")

func (c *Ceremony) load(ctx context.Context, challengeID, signInID string) (challengeRow, error) {
	var row challengeRow
	err := c.DB.For(ctx).Where("id = ? AND sign_in_id = ?", challengeID, signInID).Take(&row).Error
	if db.IsNotFound(err) {
		return row, errNoChallenge
	}
	if err != nil {
		return row, fmt.Errorf("ceremony: %w", err)
	}
	return row, nil
}

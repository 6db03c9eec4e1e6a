package ceremony

import (
	"context"
	"fmt"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// SignIn is the purpose of a challenge that proves a sign-in. A code made for one
// purpose never counts for another.
const SignIn = "sign_in"

// Start names what a challenge is for.
type Start struct {
	SignInID    string
	TwoFactorID string
	User        twofactor.User
}

// Begin makes a challenge and queues its message, both or neither. Any open
// challenge of the same sign-in is closed: one live code per sign-in (N15).
// It must not be called in a transaction, see allowSend.
func (c *Ceremony) Begin(ctx context.Context, st Start) (string, error) {
	inst, err := c.Instances.Open(ctx, st.TwoFactorID)
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	ch, err := inst.Factor.Challenge(ctx, st.User, nil)
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	if err := c.allowSend(ctx, inst, ch.Outgoing); err != nil {
		return "", err
	}
	row, in := c.row(ctx, st, ch)
	err = c.DB.Tx(ctx, func(ctx context.Context) error {
		// Two that begin at once come one after the other, so that the later one
		// sees the earlier one's challenge and closes it.
		if err := c.holdUser(ctx, st.User.ID); err != nil {
			return err
		}
		if err := c.Close(ctx, st.SignInID); err != nil {
			return err
		}
		if err := c.DB.For(ctx).Create(&row).Error; err != nil {
			return err
		}
		return c.enqueue(ctx, row, in)
	})
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	return row.ID, nil
}

func (c *Ceremony) row(ctx context.Context, st Start, ch twofactor.Challenge) (challengeRow, contents) {
	now := db.Micros(c.Now())
	life := defaultLife
	if !ch.ExpiresAt.IsZero() {
		life = min(ch.ExpiresAt.Sub(now), MaxLife)
	}
	scope := db.ScopeOf(ctx)
	row := challengeRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, Purpose: SignIn, SignInID: st.SignInID,
		UserID: st.User.ID, TwoFactorID: st.TwoFactorID, MaxAttempts: MaxAttempts, NextSendAt: now.Add(resendAfter[0]),
		CreatedAt: now, ExpiresAt: now.Add(life), EndsAt: now.Add(MaxLife),
	}
	in := contents{State: ch.State, Prompt: ch.Prompt, Out: ch.Outgoing, Life: life, User: st.User}
	if ch.Outgoing != nil {
		row.Sends = 1
		in.Out.ExpiresAt = row.ExpiresAt
	}
	row.Sealed = c.sealed(row, in)
	return row, in
}

func (c *Ceremony) enqueue(ctx context.Context, row challengeRow, in contents) error {
	if in.Out == nil {
		return nil
	}
	m := *in.Out
	m.ExpiresAt = row.ExpiresAt
	return c.Outbox.Enqueue(ctx, delivery.Item{TwoFactorID: row.via(), ChallengeID: row.ID, UserID: row.UserID, Message: m})
}

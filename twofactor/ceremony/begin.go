package ceremony

import (
	"context"
	"fmt"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// Purpose is what a challenge is for. An answer given for one purpose never counts
// for another (SECURITY M46).
type Purpose string

// Purposes.
const (
	SignIn   Purpose = "sign_in"  // proves the user once more
	Identify Purpose = "identify" // tells who the user is, and proves it
	Enroll   Purpose = "enroll"   // binds an authenticator to the user
	Resync   Purpose = "resync"   // brings one of his authenticators back into step
	Prove    Purpose = "prove"    // proves an address of the user
	bypass   Purpose = "bypass"   // stands in for a factor, see IssueBypass
)

// Start names what a challenge is for.
type Start struct {
	Purpose      Purpose // empty: SignIn
	SignInID     string
	TwoFactorID  string
	User         twofactor.User     // for Prove with the address to prove, not yet his
	Proves       Address            // for Prove
	EnrollmentID string             // for Resync
	MinStrength  twofactor.Strength // what the sign-in demands: nothing weaker may carry the code
}

// Address is an address to prove.
type Address struct {
	Kind  twofactor.Attribute
	Value string
}

// Begin makes a challenge and queues its message, both or neither. Any open
// challenge of the same sign-in is closed: one live code per sign-in (N15).
// It must not be called in a transaction, see allowSend.
func (c *Ceremony) Begin(ctx context.Context, st Start) (string, error) {
	inst, err := c.Instances.Open(ctx, st.TwoFactorID)
	if err != nil {
		return "", fmt.Errorf("ceremony: begin: %w", err)
	}
	if st.Purpose == "" {
		st.Purpose = SignIn
	}
	if err := c.allowAsk(ctx, inst, st); err != nil {
		return "", err
	}
	ch, err := c.ask(ctx, inst, st)
	if err != nil {
		return "", c.broken(ctx, inst, st.User.ID, fmt.Errorf("ceremony: begin: %w", err))
	}
	if err := c.allowSend(ctx, inst, st.User.ID, ch.Outgoing); err != nil {
		return "", err
	}
	row, in := c.row(ctx, st, ch)
	err = c.DB.Tx(ctx, func(ctx context.Context) error {
		// Two that begin at once come one after the other, so that the later one
		// sees the earlier one's challenge and closes it.
		if err := c.holdUser(ctx, st.User.ID); st.Purpose != Identify && err != nil {
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

// ask lets the factor ask its question.
func (c *Ceremony) ask(ctx context.Context, inst twofactor.Instance, st Start) (twofactor.Challenge, error) {
	if st.Purpose == Identify {
		f, ok := inst.Factor.(twofactor.Identifier)
		if !ok {
			return twofactor.Challenge{}, fmt.Errorf("it identifies nobody: %w", twofactor.ErrUnusable)
		}
		return f.Identify(ctx)
	}
	if st.Purpose == Prove {
		return inst.Factor.Challenge(ctx, st.User, nil)
	}
	bound, err := c.bound(ctx, st.User.ID, inst)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	switch st.Purpose {
	case Enroll:
		f, ok := inst.Factor.(twofactor.Enroller)
		if !ok {
			return twofactor.Challenge{}, fmt.Errorf("there is nothing to set up: %w", twofactor.ErrUnusable)
		}
		if len(bound) >= maxEnrollments {
			return twofactor.Challenge{}, errTooMany
		}
		return f.BeginEnroll(ctx, st.User, bound.all())
	case Resync:
		f, ok := inst.Factor.(twofactor.Resyncer)
		mine, found := bound.find(st.EnrollmentID)
		if !ok || !found {
			return twofactor.Challenge{}, errNoEnrollment
		}
		return f.BeginResync(ctx, st.User, mine.Enrollment)
	}
	return inst.Factor.Challenge(ctx, st.User, bound.usable())
}

func (c *Ceremony) row(ctx context.Context, st Start, ch twofactor.Challenge) (challengeRow, contents) {
	now := db.Micros(c.Now())
	life := defaultLife
	if !ch.ExpiresAt.IsZero() {
		life = min(ch.ExpiresAt.Sub(now), MaxLife)
	}
	scope := db.ScopeOf(ctx)
	row := challengeRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, Purpose: st.Purpose, SignInID: st.SignInID,
		UserID: st.User.ID, TwoFactorID: st.TwoFactorID, EnrollmentID: st.EnrollmentID, MinStrength: int64(st.MinStrength), MaxAttempts: MaxAttempts, NextSendAt: now.Add(resendAfter[0]),
		CreatedAt: now, ExpiresAt: now.Add(life), EndsAt: now.Add(MaxLife),
	}
	in := contents{State: ch.State, Prompt: ch.Prompt, Out: ch.Outgoing, Life: life, Proves: st.Proves, User: st.User, Origin: twofactor.OriginFrom(ctx)}
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

package ceremony

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// Outcomes of an answer that is not right. Pages tell them apart; outsiders never
// see them, since all need the first factor before.
var (
	errWrong = problem.New(problem.Invalid, "wrong_code", "That is not the right code. Check it and try again.")
	errOver  = problem.New(problem.Gone, "challenge_over", "This code can no longer be used. We can send a new one.")
)

// Give is an answer to a challenge. All of it must fit: a code made for another
// user or another sign-in never counts.
type Give struct {
	ChallengeID, SignInID, UserID string
	Answer                        twofactor.Answer
}

// Passed is a challenge answered right.
type Passed struct {
	TwoFactorID string
	AMR         []string
	Strength    twofactor.Strength
	At          time.Time
}

// Finish judges an answer. It counts the try first, commits that, and only then
// looks at the answer; if right, it uses the challenge up and runs then in the same
// transaction, so that of any number of right answers at once exactly one counts.
//
// Errors are *problem.Error: Invalid for a wrong answer, Gone when the challenge is
// over, TooMany when the user has to wait, NotFound for somebody else's.
func (c *Ceremony) Finish(ctx context.Context, g Give, then func(context.Context, Passed) error) error {
	row, err := c.count(ctx, g)
	if err != nil {
		return err
	}
	if err := c.countUser(ctx, g.UserID); err != nil {
		return err
	}
	inst, err := c.Instances.Open(ctx, row.TwoFactorID)
	if err != nil {
		return fmt.Errorf("ceremony: finish: %w", err)
	}
	in, err := c.unsealed(row)
	if err != nil {
		return err
	}
	res, err := inst.Factor.Verify(ctx, nil, twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt}, g.Answer)
	if errors.Is(err, twofactor.ErrWrongAnswer) {
		return c.wrong(ctx, row, inst)
	}
	if err != nil {
		return problem.Wrap(problem.Unavailable, "factor_failed", "We cannot check this at the moment. Please try again.", err)
	}
	return c.use(ctx, row, Passed{TwoFactorID: row.TwoFactorID, AMR: res.AMR, Strength: inst.Info.Strength, At: db.Micros(c.Now())}, then)
}

// count takes one of the challenge's tries: one statement, committed on its own.
func (c *Ceremony) count(ctx context.Context, g Give) (challengeRow, error) {
	now := db.Micros(c.Now())
	var rows []challengeRow
	err := c.DB.For(db.Outside(ctx)).Model(&rows).Clauses(clause.Returning{}).
		Where("id = ? AND sign_in_id = ? AND user_id = ? AND purpose = ?", g.ChallengeID, g.SignInID, g.UserID, SignIn).
		Where("attempts < max_attempts AND closed_at IS NULL AND expires_at > ?", now).
		Updates(map[string]any{"attempts": clause.Expr{SQL: "attempts + 1"}}).Error
	if err != nil {
		return challengeRow{}, fmt.Errorf("ceremony: count: %w", err)
	}
	if len(rows) == 1 {
		return rows[0], nil
	}
	row, err := c.load(ctx, g.ChallengeID, g.SignInID)
	if err != nil {
		return challengeRow{}, err
	}
	if row.UserID != g.UserID {
		return challengeRow{}, errNoChallenge
	}
	return challengeRow{}, errOver
}

func (c *Ceremony) wrong(ctx context.Context, row challengeRow, inst twofactor.Instance) error {
	if row.Attempts >= row.MaxAttempts {
		if err := c.Close(ctx, row.SignInID); err != nil {
			return err
		}
	}
	err := c.Audit.Record(ctx, audit.Event{Kind: "factor.wrong", Actor: row.UserID, User: row.UserID}, map[string]any{
		"two_factor": row.TwoFactorID, "type": inst.Info.Type, "sign_in": row.SignInID, "attempt": row.Attempts,
	})
	if err != nil {
		return err
	}
	if row.Attempts >= row.MaxAttempts {
		return errOver
	}
	return errWrong
}

// use consumes the challenge and does what it allows, both or neither.
func (c *Ceremony) use(ctx context.Context, row challengeRow, p Passed, then func(context.Context, Passed) error) error {
	err := c.DB.Tx(ctx, func(ctx context.Context) error {
		err := db.One(c.DB.For(ctx).Model(&challengeRow{}).
			Where("id = ? AND user_id = ? AND closed_at IS NULL AND expires_at > ?", row.ID, row.UserID, p.At).
			Updates(map[string]any{"closed_at": p.At, "sealed": ""}))
		if errors.Is(err, db.ErrStale) {
			return errOver
		}
		if err != nil {
			return fmt.Errorf("ceremony: use: %w", err)
		}
		if err := c.forgive(ctx, row.UserID); err != nil {
			return err
		}
		return then(ctx, p)
	})
	return err
}

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

// failed is a factor that does not work, which says nothing about the answer.
func failed(cause error) error {
	return problem.Wrap(problem.Unavailable, "factor_failed", "We cannot check this at the moment. Please try again.", cause)
}

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
// Neither Finish nor what then does may be part of another transaction or Finish.
//
// Errors are *problem.Error: Invalid for a wrong answer, Gone when the challenge is
// over, TooMany when the user has to wait, NotFound for somebody else's, Unavailable
// when the factor itself failed. The try counts even then: whoever can make a
// factor fail gets no more tries for it.
func (c *Ceremony) Finish(ctx context.Context, g Give, then func(context.Context, Passed) error) error {
	done, err := c.turns.take(ctx, db.ScopeOf(ctx).Subscription+"/"+g.UserID)
	if err != nil {
		return fmt.Errorf("ceremony: finish: %w", err)
	}
	defer done()
	row, failures, err := c.count(ctx, g)
	if err != nil {
		return err
	}
	inst, res, err := c.judge(ctx, row, g.Answer)
	if err != nil {
		// A browser that hangs up takes nothing out of the audit trail.
		return c.settle(context.WithoutCancel(ctx), row, inst, failures, err)
	}
	p := Passed{TwoFactorID: row.TwoFactorID, AMR: res.AMR, Strength: inst.Info.Strength, At: db.Micros(c.Now())}
	if err := c.carried(ctx, row, g.Answer, &p); err != nil {
		return err
	}
	return c.use(ctx, row, p, then)
}

// count takes one of the challenge's tries and one of the user's, both or neither,
// and commits that on its own.
func (c *Ceremony) count(ctx context.Context, g Give) (row challengeRow, failures int64, err error) {
	err = c.DB.Tx(db.Outside(ctx), func(ctx context.Context) error {
		if failures, err = c.countUser(ctx, g.UserID); err != nil {
			return err
		}
		row, err = c.countChallenge(ctx, g)
		return err
	})
	return row, failures, err
}

func (c *Ceremony) countChallenge(ctx context.Context, g Give) (challengeRow, error) {
	var rows []challengeRow
	err := c.DB.For(ctx).Model(&rows).Clauses(clause.Returning{}).
		Where("id = ? AND sign_in_id = ? AND user_id = ? AND purpose = ?", g.ChallengeID, g.SignInID, g.UserID, SignIn).
		Where("attempts < max_attempts AND closed_at IS NULL AND expires_at > ?", c.Now()).
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

// judge looks at the answer. Whatever it reports, it changes nothing.
func (c *Ceremony) judge(ctx context.Context, row challengeRow, a twofactor.Answer) (twofactor.Instance, twofactor.Result, error) {
	inst, err := c.Instances.Open(ctx, row.TwoFactorID)
	if err != nil {
		return inst, twofactor.Result{}, err
	}
	in, err := c.unsealed(row)
	if err != nil {
		return inst, twofactor.Result{}, err
	}
	res, err := inst.Factor.Verify(ctx, nil, twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt}, a)
	return inst, res, err
}

// settle does what an answer that is not right asks for, and says so.
func (c *Ceremony) settle(ctx context.Context, row challengeRow, inst twofactor.Instance, failures int64, cause error) error {
	dead := row.Attempts >= row.MaxAttempts
	if dead {
		if err := c.erase(c.DB.For(ctx).Where("id = ?", row.ID)); err != nil {
			return err
		}
	}
	if !errors.Is(cause, twofactor.ErrWrongAnswer) {
		return failed(fmt.Errorf("ceremony: finish: %w", cause))
	}
	kinds := []string{"factor.wrong"}
	if failures >= maxFailures {
		kinds = append(kinds, "factor.locked")
	}
	for _, kind := range kinds {
		err := c.Audit.Record(ctx, audit.Event{Kind: kind, Actor: row.UserID, User: row.UserID}, map[string]any{
			"two_factor": row.TwoFactorID, "type": inst.Info.Type, "sign_in": row.SignInID, "attempt": row.Attempts, "failures": failures,
		})
		if err != nil {
			return err
		}
	}
	if dead {
		return errOver
	}
	return errWrong
}

// use consumes the challenge and does what it allows, both or neither.
func (c *Ceremony) use(ctx context.Context, row challengeRow, p Passed, then func(context.Context, Passed) error) error {
	return c.DB.Tx(ctx, func(ctx context.Context) error {
		if err := c.Unlock(ctx, row.UserID); err != nil {
			return err
		}
		err := db.One(c.DB.For(ctx).Model(&challengeRow{}).
			Where("id = ? AND user_id = ? AND closed_at IS NULL AND expires_at > ?", row.ID, row.UserID, p.At).
			Updates(map[string]any{"closed_at": p.At, "sealed": ""}))
		if errors.Is(err, db.ErrStale) {
			return errOver
		}
		if err != nil {
			return fmt.Errorf("ceremony: use: %w", err)
		}
		if err := c.proven(ctx, row); err != nil {
			return err
		}
		return then(ctx, p)
	})
}

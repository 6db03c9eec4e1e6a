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
// user, another sign-in or another purpose never counts.
type Give struct {
	Purpose                       Purpose // empty: SignIn
	ChallengeID, SignInID, UserID string
	Answer                        twofactor.Answer
}

// Passed is a challenge answered right.
type Passed struct {
	TwoFactorID string
	UserID      string
	AMR         []string
	Strength    twofactor.Strength
	Alone       bool // the user needs no password beside it
	At          time.Time
	Used        Held    // the enrollment that answered, or the one that was made
	Proved      Address // for Prove
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
	if g.Purpose == "" {
		g.Purpose = SignIn
	}
	done, err := c.turns.take(ctx, db.ScopeOf(ctx).Subscription+"/"+g.UserID)
	if err != nil {
		return fmt.Errorf("ceremony: finish: %w", err)
	}
	defer done()
	row, failures, err := c.count(ctx, g)
	if err != nil {
		return err
	}
	return c.decide(ctx, row, failures, func(ctx context.Context) (judged, error) { return c.judge(ctx, row, g.Answer) }, then)
}

// maxJudged is how often an answer is looked at when others change the enrollment it
// was held against at the same moment.
const maxJudged = 4

// decide looks at an answer whose try has been counted, and does what follows.
func (c *Ceremony) decide(ctx context.Context, row challengeRow, failures int64, judge func(context.Context) (judged, error), then func(context.Context, Passed) error) error {
	var j judged
	var err error
	for range maxJudged {
		if j, err = judge(ctx); err != nil {
			break
		}
		if err = c.use(ctx, row, j, then); !errors.Is(err, errRaced) {
			return err
		}
	}
	if errors.Is(err, errRaced) {
		err = fmt.Errorf("others were faster: %w", twofactor.ErrWrongAnswer)
	}
	// A browser that hangs up takes nothing out of the audit trail.
	return c.settle(context.WithoutCancel(ctx), row, j.inst, failures, err)
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
		Where("id = ? AND sign_in_id = ? AND user_id = ? AND purpose = ?", g.ChallengeID, g.SignInID, g.UserID, g.Purpose).
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
	if row.UserID != g.UserID || row.Purpose != g.Purpose {
		return challengeRow{}, errNoChallenge
	}
	return challengeRow{}, errOver
}

// judged is what a look at an answer has found.
type judged struct {
	inst   twofactor.Instance
	passed Passed
	used   *held                 // the enrollment that answered
	now    twofactor.Enrollment  // and what it has become
	fresh  *twofactor.Enrollment // a new one to keep
}

// judge looks at the answer. Whatever it reports, it changes nothing.
func (c *Ceremony) judge(ctx context.Context, row challengeRow, a twofactor.Answer) (j judged, err error) {
	if j.inst, err = c.Instances.Open(ctx, row.TwoFactorID); err != nil {
		return j, err
	}
	in, err := c.unsealed(row)
	if err != nil {
		return j, err
	}
	if in.Origin != twofactor.OriginFrom(ctx) {
		return j, fmt.Errorf("ceremony: asked at another address: %w", twofactor.ErrWrongAnswer)
	}
	j.passed = Passed{TwoFactorID: row.TwoFactorID, UserID: row.UserID, Strength: j.inst.Info.Strength}
	ch := twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt}
	bound, err := c.bound(ctx, row.UserID, j.inst)
	if err != nil {
		return j, err
	}
	switch row.Purpose {
	case Enroll:
		return c.judgeEnroll(ctx, j, in, ch, bound, a)
	case Resync:
		return c.judgeResync(ctx, j, row, ch, bound, a)
	case Prove:
		j.passed.Proved, bound = in.Proves, nil
	case Identify:
		if bound, err = c.claimed(ctx, row, j.inst, ch, a); err != nil {
			return j, err
		}
		j.passed.UserID = bound[0].row.UserID
	}
	if j, err = c.verify(ctx, j, ch, bound, a); err != nil {
		return j, err
	}
	return j, c.carried(ctx, row, a, &j.passed)
}

func (c *Ceremony) verify(ctx context.Context, j judged, ch twofactor.Challenge, bound holdings, a twofactor.Answer) (judged, error) {
	res, err := j.inst.Factor.Verify(ctx, bound.usable(), ch, a)
	if err != nil {
		return j, err
	}
	j.passed.AMR, j.passed.Alone = res.AMR, res.Alone
	if res.Used.ID == "" {
		return j, nil
	}
	used, ok := bound.find(res.Used.ID)
	if !ok {
		return j, errors.New("ceremony: the factor used an enrollment that it was not given")
	}
	j.used, j.now = &used, res.Used
	j.passed.Used = Held{ID: used.ID, TwoFactorID: used.row.TwoFactorID, Label: used.Label, Uses: res.Used.Uses}
	return j, nil
}

func (c *Ceremony) judgeEnroll(ctx context.Context, j judged, in contents, ch twofactor.Challenge, bound holdings, a twofactor.Answer) (judged, error) {
	f, ok := j.inst.Factor.(twofactor.Enroller)
	if !ok {
		return j, errors.New("ceremony: nothing can be set up with this factor any more")
	}
	e, err := f.FinishEnroll(ctx, in.User, bound.all(), ch, a)
	j.fresh, j.passed.AMR = &e, e.AMR
	return j, err
}

func (c *Ceremony) judgeResync(ctx context.Context, j judged, row challengeRow, ch twofactor.Challenge, bound holdings, a twofactor.Answer) (judged, error) {
	f, ok := j.inst.Factor.(twofactor.Resyncer)
	mine, found := bound.find(row.EnrollmentID)
	if !ok || !found {
		return j, errNoEnrollment
	}
	now, err := f.FinishResync(ctx, mine.Enrollment, ch, a)
	j.used, j.now = &mine, now
	j.passed.Used = Held{ID: mine.ID, TwoFactorID: row.TwoFactorID, Label: mine.Label}
	return j, err
}

// settle does what an answer that is not right asks for, and says so.
func (c *Ceremony) settle(ctx context.Context, row challengeRow, inst twofactor.Instance, failures int64, cause error) error {
	dead := row.Attempts >= row.MaxAttempts
	if dead {
		if err := c.erase(c.DB.For(ctx).Where("id = ?", row.ID)); err != nil {
			return err
		}
	}
	if p := (*problem.Error)(nil); errors.As(cause, &p) {
		return cause // said in words already
	}
	if !errors.Is(cause, twofactor.ErrWrongAnswer) {
		return failed(c.broken(ctx, inst, row.UserID, fmt.Errorf("ceremony: finish: %w", cause)))
	}
	kinds := []string{"factor.wrong"}
	if failures >= maxFailures {
		kinds = append(kinds, "factor.locked")
	}
	user := either(row.UserID, row.claimedBy)
	for _, kind := range kinds {
		// Who claims to be somebody is not yet he.
		err := c.Audit.Record(ctx, audit.Event{Kind: kind, Actor: row.UserID, User: user}, map[string]any{
			"two_factor": row.TwoFactorID, "type": inst.Info.Type, "sign_in": either(row.answeredIn, row.SignInID), "attempt": row.Attempts, "failures": failures,
		})
		if err != nil {
			return err
		}
	}
	if failures == backOffFrom || failures >= maxFailures {
		c.warn(ctx, user, failures)
	}
	if dead {
		return errOver
	}
	return errWrong
}

// warn tells the user that somebody who knows his password guesses (SECURITY M40).
// Whether that reaches him changes nothing for the one who guesses.
func (c *Ceremony) warn(ctx context.Context, userID string, failures int64) {
	if c.Notify == nil || userID == "" {
		return
	}
	event := "wrong_codes"
	if failures >= maxFailures {
		event = "locked"
	}
	if err := c.Notify(ctx, userID, Notice{Event: event}); err != nil {
		c.Log.WarnContext(ctx, "user not told of wrong answers", "user", userID, "error", err)
	}
}

// use consumes the challenge, keeps what the answer made of an enrollment and does
// what it allows: all or nothing.
func (c *Ceremony) use(ctx context.Context, row challengeRow, j judged, then func(context.Context, Passed) error) error {
	j.passed.At = db.Micros(c.Now())
	return c.DB.Tx(ctx, func(ctx context.Context) error {
		if err := c.forgive(ctx, row.Purpose, j.passed.UserID); err != nil {
			return err
		}
		err := db.One(c.DB.For(ctx).Model(&challengeRow{}).
			Where("id = ? AND user_id = ? AND closed_at IS NULL AND expires_at > ?", row.ID, row.UserID, j.passed.At).
			Updates(map[string]any{"closed_at": j.passed.At, "sealed": ""}))
		if errors.Is(err, db.ErrStale) {
			return errOver
		}
		if err != nil {
			return fmt.Errorf("ceremony: use: %w", err)
		}
		switch {
		case j.fresh != nil:
			j.passed.Used, err = c.create(ctx, row, j.inst, *j.fresh)
		case j.used != nil:
			err = c.keep(ctx, *j.used, j.now)
		}
		if err != nil {
			return err
		}
		if err := c.proven(ctx, row); err != nil {
			return err
		}
		return then(ctx, j.passed)
	})
}

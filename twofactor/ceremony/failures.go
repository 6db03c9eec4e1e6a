package ceremony

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// The user-wide counter: consecutive wrong answers of one user over all factors,
// sign-ins, tenants of the subscription and replicas. New codes do not reset it; only a right answer does.
const (
	backOffFrom  = 5  // N4: back-off from the 5th failure
	maxFailures  = 50 // N4: then nothing counts until an administrator resets it
	firstBackOff = 30 * time.Second
	maxBackOff   = time.Hour // N5
)

type failureRow struct {
	SubscriptionID string `gorm:"primaryKey"`
	UserID         string `gorm:"primaryKey"`
	Failures       int64
	LastUS         int64 `gorm:"column:last_us"`
	BlockedUntilUS int64 `gorm:"column:blocked_until_us"`
}

func (failureRow) TableName() string { return "user_failures" }

var errLocked = problem.New(problem.TooMany, "factor_locked", "There were too many wrong answers. Please ask your administrator for help.")

// A try is counted as a failure before it is judged. No row back: not now.
const countTry = `
INSERT INTO user_failures (subscription_id, user_id, failures, last_us, blocked_until_us) VALUES (@subscription, @user, 1, CAST(@now AS bigint), 0)
ON CONFLICT (subscription_id, user_id) DO UPDATE SET failures = user_failures.failures + 1, last_us = CAST(@now AS bigint),
  blocked_until_us = CAST(@now AS bigint) + CASE %s END
WHERE user_failures.blocked_until_us <= CAST(@now AS bigint) AND user_failures.failures < CAST(@max AS bigint)
RETURNING failures`

// backOffCases spells N5 in SQL: 30 s from the 5th failure, doubling to an hour.
// Below there is no pause: the time of the statement minus itself.
func backOffCases() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WHEN user_failures.failures + 1 < %d THEN 0", backOffFrom)
	n, pause := backOffFrom, firstBackOff
	for ; pause < maxBackOff; n, pause = n+1, pause*2 {
		fmt.Fprintf(&b, " WHEN user_failures.failures + 1 = %d THEN %d", n, pause.Microseconds())
	}
	fmt.Fprintf(&b, " ELSE %d", maxBackOff.Microseconds())
	return b.String()
}

// countUser counts a try of the user, in the caller's transaction, and returns
// how many now stand against him.
func (c *Ceremony) countUser(ctx context.Context, userID string) (failures int64, err error) {
	now := c.Now().UnixMicro()
	var got []int64
	err = c.DB.QueryRaw(ctx, &got, fmt.Sprintf(countTry, backOffCases()), map[string]any{
		"subscription": db.ScopeOf(ctx).Subscription, "user": userID, "now": now, "max": maxFailures,
	})
	if err != nil {
		return 0, fmt.Errorf("ceremony: count user: %w", err)
	}
	if len(got) == 1 {
		return got[0], nil
	}
	var row failureRow
	if err := c.DB.For(ctx).Where("user_id = ?", userID).Take(&row).Error; err != nil {
		return 0, fmt.Errorf("ceremony: count user: %w", err)
	}
	if row.Failures >= maxFailures {
		return 0, errLocked
	}
	return 0, problem.Busy(problem.TooMany, "back_off", "There were several wrong answers in a row. Please wait before you try again.",
		max(time.Duration(row.BlockedUntilUS-now)*time.Microsecond, time.Second))
}

const holdCounter = `
INSERT INTO user_failures (subscription_id, user_id, failures, last_us, blocked_until_us) VALUES (@subscription, @user, 0, 0, 0)
ON CONFLICT (subscription_id, user_id) DO UPDATE SET failures = user_failures.failures
RETURNING failures`

// holdUser makes the rest of the transaction the only one that changes what this
// user has open. Whoever touches both takes the counter first and challenges then:
// no two wait for each other. A locked user gets an error, and no more codes.
func (c *Ceremony) holdUser(ctx context.Context, userID string) error {
	var got []int64
	err := c.DB.QueryRaw(ctx, &got, holdCounter, map[string]any{"subscription": db.ScopeOf(ctx).Subscription, "user": userID})
	if err != nil {
		return fmt.Errorf("ceremony: hold user: %w", err)
	}
	if len(got) == 1 && got[0] >= maxFailures {
		return errLocked
	}
	return nil
}

// Hold makes the rest of the transaction in ctx the only one that changes what this
// user has enrolled or has open.
func (c *Ceremony) Hold(ctx context.Context, userID string) error {
	if err := c.holdUser(ctx, userID); err != nil && !errors.Is(err, errLocked) {
		return err
	}
	return nil
}

// Tries is what stands against a user.
type Tries struct {
	Wrong  int64     // answers in a row, over all factors
	Until  time.Time // no answer counts until then; zero: now
	Locked bool      // nor ever, until somebody unlocks him
}

// Tries tells what stands against a user.
func (c *Ceremony) Tries(ctx context.Context, userID string) (Tries, error) {
	var row failureRow
	err := c.DB.For(ctx).Where("user_id = ?", userID).Take(&row).Error
	if db.IsNotFound(err) {
		return Tries{}, nil
	}
	if err != nil {
		return Tries{}, fmt.Errorf("ceremony: tries: %w", err)
	}
	t := Tries{Wrong: row.Failures, Locked: row.Failures >= maxFailures}
	if until := time.UnixMicro(row.BlockedUntilUS).UTC(); until.After(c.Now()) && !t.Locked {
		t.Until = until
	}
	return t, nil
}

// Unlock forgets a user's wrong answers: what an administrator does for somebody
// who is locked out, and what a right answer does.
func (c *Ceremony) Unlock(ctx context.Context, userID string) error {
	err := c.DB.For(ctx).Model(&failureRow{}).Where("user_id = ?", userID).
		Updates(map[string]any{"failures": 0, "blocked_until_us": 0}).Error
	if err != nil {
		return fmt.Errorf("ceremony: unlock: %w", err)
	}
	return nil
}

// forgive takes back what counting the right answer's own try has added. Only who
// proves himself by what he holds already has all his wrong answers forgotten: what is
// set up anew proves nothing of the kind, and must not give fresh tries (N4).
func (c *Ceremony) forgive(ctx context.Context, p Purpose, userID string) error {
	if p == SignIn || p == Identify || p == bypass {
		return c.Unlock(ctx, userID)
	}
	err := c.DB.For(ctx).Model(&failureRow{}).Where("user_id = ? AND failures > 0", userID).
		Updates(map[string]any{"failures": clause.Expr{SQL: "failures - 1"}}).Error
	if err != nil {
		return fmt.Errorf("ceremony: forgive: %w", err)
	}
	return nil
}

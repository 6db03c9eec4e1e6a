package ceremony

import (
	"context"
	"fmt"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// The user-wide counter: consecutive wrong answers of one user over all factors,
// sign-ins and replicas. New codes do not reset it; only a right answer does.
const (
	backOffFrom  = 5  // N4: back-off from the 5th failure
	maxFailures  = 50 // N4: then nothing counts until an administrator resets it
	firstBackOff = 30 * time.Second
	maxBackOff   = time.Hour // N5
)

type failureRow struct {
	TenantID       string `gorm:"primaryKey"`
	UserID         string `gorm:"primaryKey"`
	Failures       int64
	LastUS         int64 `gorm:"column:last_us"`
	BlockedUntilUS int64 `gorm:"column:blocked_until_us"`
}

func (failureRow) TableName() string { return "failure_counters" }

// A try is counted as a failure before it is judged. No row back: not now.
const countTry = `
INSERT INTO failure_counters (tenant_id, user_id, failures, last_us, blocked_until_us) VALUES (@tenant, @user, 1, CAST(@now AS bigint), 0)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET failures = failure_counters.failures + 1, last_us = CAST(@now AS bigint),
  blocked_until_us = CAST(@now AS bigint) + CASE %s END
WHERE failure_counters.blocked_until_us <= CAST(@now AS bigint) AND failure_counters.failures < CAST(@max AS bigint)
RETURNING failures`

// backOffCases spells N5 in SQL: 30 s from the 5th failure, doubling to an hour.
func backOffCases() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WHEN failure_counters.failures + 1 < %d THEN 0", backOffFrom)
	n, pause := backOffFrom, firstBackOff
	for ; pause < maxBackOff; n, pause = n+1, pause*2 {
		fmt.Fprintf(&b, " WHEN failure_counters.failures + 1 = %d THEN %d", n, pause.Microseconds())
	}
	fmt.Fprintf(&b, " ELSE %d", maxBackOff.Microseconds())
	return b.String()
}

// patience: right answers of one user at the same moment hold the counter up for
// as long as they are being judged. They wait for each other instead of failing.
const (
	patience = 40
	pause    = 50 * time.Millisecond
	inFlight = 2 * time.Second
)

func (c *Ceremony) countUser(ctx context.Context, userID string) error {
	ctx = db.Outside(ctx)
	for range patience {
		now := c.Now().UnixMicro()
		var got []int64
		err := c.DB.QueryRaw(ctx, &got, fmt.Sprintf(countTry, backOffCases()), map[string]any{
			"tenant": db.ScopeOf(ctx).Tenant, "user": userID, "now": now, "max": maxFailures,
		})
		if err != nil {
			return fmt.Errorf("ceremony: count user: %w", err)
		}
		if len(got) == 1 {
			return nil
		}
		var row failureRow
		if err := c.DB.For(ctx).Where("user_id = ?", userID).Take(&row).Error; err != nil && !db.IsNotFound(err) {
			return fmt.Errorf("ceremony: count user: %w", err)
		}
		if row.Failures >= maxFailures {
			return problem.New(problem.TooMany, "factor_locked", "There were too many wrong answers. Please ask your administrator for help.")
		}
		if now-row.LastUS > inFlight.Microseconds() {
			return problem.Busy(problem.TooMany, "back_off", "There were several wrong answers in a row. Please wait before you try again.",
				time.Duration(row.BlockedUntilUS-now)*time.Microsecond)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return problem.Busy(problem.TooMany, "back_off", "There were several wrong answers in a row. Please wait before you try again.", firstBackOff)
}

// forgive resets the counter after a right answer.
func (c *Ceremony) forgive(ctx context.Context, userID string) error {
	err := c.DB.For(ctx).Model(&failureRow{}).Where("user_id = ?", userID).
		Updates(map[string]any{"failures": 0, "blocked_until_us": 0}).Error
	if err != nil {
		return fmt.Errorf("ceremony: forgive: %w", err)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

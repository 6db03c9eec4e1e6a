// Package limits counts what must not happen too often, over all replicas.
//
// It owns the table rate_counters. One upsert per question (GCRA): whoever gets a
// row back may go on. Keys are MACs, so the table holds no name, address or number.
package limits

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/seal"
)

// Limit allows Burst events at once and refills them evenly over Per.
type Limit struct {
	Burst int
	Per   time.Duration
}

// Limiter takes from named budgets.
type Limiter struct {
	DB   *db.DB
	Seal *seal.Sealer
	Now  func() time.Time
}

// The CASTs are needed: PostgreSQL cannot guess the type of an untyped sum.
const take = `INSERT INTO rate_counters (key, tat_us) VALUES (@key, CAST(@now AS bigint) + CAST(@iv AS bigint))
ON CONFLICT (key) DO UPDATE SET tat_us =
  (CASE WHEN rate_counters.tat_us > CAST(@now AS bigint) THEN rate_counters.tat_us ELSE CAST(@now AS bigint) END) + CAST(@iv AS bigint)
WHERE (CASE WHEN rate_counters.tat_us > CAST(@now AS bigint) THEN rate_counters.tat_us ELSE CAST(@now AS bigint) END)
  + CAST(@iv AS bigint) - CAST(@now AS bigint) <= CAST(@window AS bigint)
RETURNING tat_us`

// Take takes one from the budget of l named by parts. When it is used up, ok is
// false and after says how long until the next one, a second at least. It commits
// on its own, see db.Outside: a rollback gives nothing back.
func (l *Limiter) Take(ctx context.Context, lim Limit, parts ...string) (ok bool, after time.Duration, err error) {
	if lim.Burst <= 0 || lim.Per.Microseconds() < int64(lim.Burst) {
		return false, 0, fmt.Errorf("limits: %d in %v is no limit", lim.Burst, lim.Per)
	}
	key := hex.EncodeToString(l.Seal.MAC("rate", parts...)[:16])
	now := l.Now().UnixMicro()
	iv := lim.Per.Microseconds() / int64(lim.Burst)
	window := iv * int64(lim.Burst)
	var got []int64
	args := map[string]any{"key": key, "now": now, "iv": iv, "window": window}
	if err := l.DB.QueryRaw(db.Outside(ctx), &got, take, args); err != nil {
		return false, 0, fmt.Errorf("limits: take: %w", err)
	}
	if len(got) == 1 {
		return true, 0, nil
	}
	var tat []int64
	if err := l.DB.QueryRaw(db.Outside(ctx), &tat, "SELECT tat_us FROM rate_counters WHERE key = ?", key); err != nil {
		return false, 0, fmt.Errorf("limits: take: %w", err)
	}
	if len(tat) == 1 {
		after = time.Duration(tat[0]+iv-window-now) * time.Microsecond
	}
	return false, max(after, time.Second), nil
}

// Sweep forgets budgets that are full again.
func (l *Limiter) Sweep(ctx context.Context) error {
	if err := l.DB.For(ctx).Where("tat_us < ?", l.Now().UnixMicro()).Delete(&counter{}).Error; err != nil {
		return fmt.Errorf("limits: sweep: %w", err)
	}
	return nil
}

// counter says until when a budget is used up: GCRA's theoretical arrival time.
type counter struct {
	Key   string `gorm:"primaryKey"`
	TatUS int64  `gorm:"column:tat_us"`
}

func (counter) TableName() string { return "rate_counters" }

// PlatformOwned is true: the keys say nothing, not even whose they are.
func (counter) PlatformOwned() {}

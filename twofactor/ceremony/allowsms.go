package ceremony

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/phone"
	"twofold/internal/problem"
)

// N13: who earns by text messages has codes sent to a block of numbers and proves
// none of them. More than prefixNumbers numbers with the same beginning in an hour,
// of which less than prefixProven percent were ever proven, and nothing goes there
// for prefixPause.
const (
	prefixNumbers = 10
	prefixProven  = 30
	prefixWindow  = time.Hour
	prefixPause   = 24 * time.Hour
	// A number proven within this time still counts: the phones of one company often
	// have numbers in a row, and all sign in at nine.
	provenFor = 30 * 24 * time.Hour
)

// smsNumberRow is a number that codes went to; both keys are MACs.
type smsNumberRow struct {
	Prefix   string `gorm:"primaryKey"`
	Number   string `gorm:"primaryKey"`
	SentUS   int64  `gorm:"column:sent_us"`
	ProvenUS int64  `gorm:"column:proven_us"`
}

func (smsNumberRow) TableName() string { return "sms_numbers" }

// PlatformOwned is true: a block of numbers is the same for all tenants (M73).
func (smsNumberRow) PlatformOwned() {}

type smsBlockRow struct {
	Prefix  string `gorm:"primaryKey"`
	UntilUS int64  `gorm:"column:until_us"`
}

func (smsBlockRow) TableName() string { return "sms_blocks" }
func (smsBlockRow) PlatformOwned()    {}

// smsDayRow counts a tenant's text messages of one day (UTC).
type smsDayRow struct {
	TenantID string `gorm:"primaryKey"`
	Day      string `gorm:"primaryKey"`
	Sent     int64
}

func (smsDayRow) TableName() string { return "sms_days" }

// smsKeys are what the tables know a number by.
func (c *Ceremony) smsKeys(e164 string) (prefix, number string) {
	mac := func(what, text string) string { return hex.EncodeToString(c.Seal.MAC("sms", what, text)[:16]) }
	return mac("prefix", e164[:max(len(e164)-4, 0)]), mac("number", e164)
}

func errBlocked(after time.Duration) error {
	return problem.Busy(problem.TooMany, "sms_blocked", "We send no text messages to numbers like this one for a while. Please use another method.", after)
}

// unblocked refuses what N13 has blocked.
func (c *Ceremony) unblocked(ctx context.Context, n phone.Number) error {
	prefix, _ := c.smsKeys(n.E164)
	now := c.Now().UnixMicro()
	var rows []smsBlockRow
	if err := c.DB.For(db.Outside(ctx)).Where("prefix = ? AND until_us > ?", prefix, now).Find(&rows).Error; err != nil {
		return fmt.Errorf("ceremony: blocks: %w", err)
	}
	if len(rows) > 0 {
		return errBlocked(time.Duration(rows[0].UntilUS-now) * time.Microsecond)
	}
	return nil
}

const noteNumber = `
INSERT INTO sms_numbers (prefix, number, sent_us, proven_us) VALUES (@prefix, @number, CAST(@now AS bigint), 0)
ON CONFLICT (prefix, number) DO UPDATE SET sent_us = CAST(@now AS bigint)
RETURNING sent_us`

// A row back: the prefix is blocked, by this statement if until is its own.
const blockPrefix = `
INSERT INTO sms_blocks (prefix, until_us)
SELECT CAST(@prefix AS text), CAST(@until AS bigint)
FROM (SELECT count(*) AS sent, SUM(CASE WHEN proven_us > CAST(@proven AS bigint) THEN 1 ELSE 0 END) AS proven
  FROM sms_numbers WHERE prefix = @prefix AND sent_us > CAST(@since AS bigint)) AS lately
WHERE lately.sent > @numbers AND lately.proven * 100 < lately.sent * @percent
ON CONFLICT (prefix) DO UPDATE SET until_us =
  CASE WHEN sms_blocks.until_us > CAST(@now AS bigint) THEN sms_blocks.until_us ELSE CAST(@until AS bigint) END
RETURNING until_us`

// allowPrefix is N13. Each statement commits on its own: of many at once the last
// ones see all that came before.
func (c *Ceremony) allowPrefix(ctx context.Context, n phone.Number, masked string) error {
	prefix, number := c.smsKeys(n.E164)
	now := c.Now()
	args := map[string]any{
		"prefix": prefix, "number": number, "now": now.UnixMicro(), "until": now.Add(prefixPause).UnixMicro(),
		"since": now.Add(-prefixWindow).UnixMicro(), "proven": now.Add(-provenFor).UnixMicro(),
		"numbers": prefixNumbers, "percent": prefixProven,
	}
	var got []int64
	if err := c.DB.QueryRaw(db.Outside(ctx), &got, noteNumber, args); err != nil {
		return fmt.Errorf("ceremony: note number: %w", err)
	}
	got = nil
	if err := c.DB.QueryRaw(db.Outside(ctx), &got, blockPrefix, args); err != nil {
		return fmt.Errorf("ceremony: block prefix: %w", err)
	}
	if len(got) == 0 {
		return nil
	}
	if got[0] == args["until"] {
		c.Log.WarnContext(ctx, "numbers blocked: many text messages, few answers", "country", n.Region, "like", masked)
		err := c.Audit.Record(ctx, audit.Event{Kind: "sms.prefix_blocked", Actor: "system"}, map[string]any{"like": masked, "country": n.Region, "hours": prefixPause.Hours()})
		if err != nil {
			return err
		}
	}
	return errBlocked(time.Duration(got[0]-now.UnixMicro()) * time.Microsecond)
}

// proven notes that a code sent to a number was answered right.
func (c *Ceremony) proven(ctx context.Context, row challengeRow) error {
	if row.Sealed == "" {
		return nil
	}
	in, err := c.unsealed(row)
	if err != nil || in.Out == nil || !strings.HasPrefix(in.Out.To, "+") {
		return err
	}
	prefix, number := c.smsKeys(in.Out.To)
	err = c.DB.For(ctx).Model(&smsNumberRow{}).Where("prefix = ? AND number = ?", prefix, number).
		UpdateColumn("proven_us", c.Now().UnixMicro()).Error
	if err != nil {
		return fmt.Errorf("ceremony: proven: %w", err)
	}
	return nil
}

const countDay = `
INSERT INTO sms_days (tenant_id, day, sent) VALUES (@tenant, @day, 1)
ON CONFLICT (tenant_id, day) DO UPDATE SET sent = sms_days.sent + 1 WHERE sms_days.sent < CAST(@most AS bigint)
RETURNING sent`

// allowDay is N14. Each count is reached once, and so is each alarm.
func (c *Ceremony) allowDay(ctx context.Context, most int64) error {
	now := c.Now().UTC()
	tomorrow := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	spent := problem.Busy(problem.TooMany, "sms_budget_spent", "No more text messages can be sent today. Please use another method or ask your administrator.", tomorrow.Sub(now))
	if most < 1 {
		return spent
	}
	var got []int64
	err := c.DB.QueryRaw(db.Outside(ctx), &got, countDay, map[string]any{"tenant": db.ScopeOf(ctx).Tenant, "day": now.Format(time.DateOnly), "most": most})
	if err != nil {
		return fmt.Errorf("ceremony: count day: %w", err)
	}
	if len(got) == 0 {
		return spent
	}
	for _, alarm := range []struct {
		at   int64
		kind string
	}{{(most + 1) / 2, "sms.budget_half"}, {(most*8 + 9) / 10, "sms.budget_80"}, {most, "sms.budget_spent"}} {
		if got[0] != alarm.at {
			continue
		}
		c.Log.WarnContext(ctx, "text messages of today", "event", alarm.kind, "tenant", db.ScopeOf(ctx).Tenant, "sent", got[0], "most", most)
		if err := c.Audit.Record(ctx, audit.Event{Kind: alarm.kind, Actor: "system"}, map[string]any{"sent": got[0], "most": most}); err != nil {
			return err
		}
	}
	return nil
}

// keepDays is how long the counts of days are kept.
const keepDays = 7 * 24 * time.Hour

// sweepSMS forgets what no rule asks for any more. ctx sees all tenants.
func (c *Ceremony) sweepSMS(ctx context.Context) error {
	now := c.Now().UTC()
	err := c.DB.For(ctx).Where("sent_us < ?", now.Add(-provenFor).UnixMicro()).Delete(&smsNumberRow{}).Error
	if err == nil {
		err = c.DB.For(ctx).Where("until_us < ?", now.UnixMicro()).Delete(&smsBlockRow{}).Error
	}
	if err == nil {
		err = c.DB.For(ctx).Where("day < ?", now.Add(-keepDays).Format(time.DateOnly)).Delete(&smsDayRow{}).Error
	}
	if err != nil {
		return fmt.Errorf("ceremony: sweep: %w", err)
	}
	return nil
}

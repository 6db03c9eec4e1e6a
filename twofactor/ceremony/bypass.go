package ceremony

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// A bypass is a code that a help desk gives to somebody who cannot use his second
// factor: for an hour, once, by one user in one tenant (SPEC §5.6). It is kept as a
// challenge that no sign-in has begun.

const (
	bypassLife  = time.Hour
	bypassBytes = 8 // 64 bits: N25 asks for 40 with an identifier
)

// bypassAlphabet has no letters that are read as others over the telephone.
var bypassAlphabet = base32.NewEncoding("ABCDEFGHJKMNPQRSTVWXYZ2345678901").WithPadding(base32.NoPadding)

// BypassStrength is what a sign-in with a bypass is worth: the user is known to a
// help desk, and holds nothing that could be asked for.
const BypassStrength = twofactor.Strength2FA

// IssueBypass makes a bypass for a user of the tenant in ctx, and ends the one before.
// The code is shown to the help desk once and kept as a hash.
func (c *Ceremony) IssueBypass(ctx context.Context, userID string) (code string, until time.Time, err error) {
	var b [bypassBytes]byte
	if _, err := io.ReadFull(c.Rand, b[:]); err != nil {
		return "", time.Time{}, fmt.Errorf("ceremony: bypass: %w", err)
	}
	code = bypassAlphabet.EncodeToString(b[:])
	scope, now := db.ScopeOf(ctx), db.Micros(c.Now())
	row := challengeRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, Purpose: bypass, UserID: userID,
		MaxAttempts: MaxAttempts, NextSendAt: now, CreatedAt: now, ExpiresAt: now.Add(bypassLife), EndsAt: now.Add(bypassLife),
	}
	row.Sealed = c.sealed(row, contents{State: twofactor.State(id.Hash(code))})
	err = c.DB.Tx(ctx, func(ctx context.Context) error {
		// Of two that are issued at once the later one counts.
		if err := c.Hold(ctx, userID); err != nil {
			return err
		}
		if err := c.endBypass(ctx, userID); err != nil {
			return err
		}
		return c.DB.For(ctx).Create(&row).Error
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("ceremony: bypass: %w", err)
	}
	return grouped(code), row.ExpiresAt, nil
}

// grouped writes a code in groups of four.
func grouped(code string) string {
	var parts []string
	for len(code) > 4 {
		parts, code = append(parts, code[:4]), code[4:]
	}
	return strings.Join(append(parts, code), "-")
}

// plainBypass reads a code as somebody typed it: case and what stands between the
// groups do not matter, and letters that look like digits are those.
func plainBypass(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	swap := strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "", " ", "", "\u2010", "", "\u2011", "", "\u2013", "", "\u00a0", "")
	return swap.Replace(strings.ToUpper(strings.TrimSpace(typed)))
}

func (c *Ceremony) endBypass(ctx context.Context, userID string) error {
	return c.erase(c.DB.For(ctx).Where("user_id = ? AND purpose = ?", userID, bypass))
}

// HasBypass reports whether a bypass is out for a user of the tenant in ctx.
func (c *Ceremony) HasBypass(ctx context.Context, userID string) (bool, error) {
	var n int64
	err := c.DB.For(ctx).Model(&challengeRow{}).
		Where("user_id = ? AND purpose = ? AND closed_at IS NULL AND attempts < max_attempts AND expires_at > ?", userID, bypass, c.Now()).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("ceremony: bypass: %w", err)
	}
	return n > 0, nil
}

// FinishBypass judges a bypass code. It counts and consumes as Finish does.
func (c *Ceremony) FinishBypass(ctx context.Context, signInID, userID, code string, then func(context.Context, Passed) error) error {
	done, err := c.turns.take(ctx, db.ScopeOf(ctx).Subscription+"/"+userID)
	if err != nil {
		return fmt.Errorf("ceremony: bypass: %w", err)
	}
	defer done()
	var row challengeRow
	var failures int64
	err = c.DB.Tx(db.Outside(ctx), func(ctx context.Context) (err error) {
		if failures, err = c.countUser(ctx, userID); err != nil {
			return err
		}
		row, err = c.countBypass(ctx, userID)
		return err
	})
	if err != nil {
		return err
	}
	row.answeredIn = signInID
	judge := func(context.Context) (judged, error) {
		in, err := c.unsealed(row)
		if err != nil {
			return judged{}, err
		}
		if subtle.ConstantTimeCompare(in.State, []byte(id.Hash(plainBypass(code)))) != 1 {
			return judged{}, fmt.Errorf("ceremony: bypass: %w", twofactor.ErrWrongAnswer)
		}
		return judged{passed: Passed{UserID: userID, AMR: []string{"bypass"}, Strength: BypassStrength}}, nil
	}
	err = c.decide(ctx, row, failures, judge, then)
	if errors.Is(err, errOver) {
		return errNoBypass
	}
	return err
}

var errNoBypass = problem.New(problem.Gone, "bypass_over", "This code can no longer be used. Ask your help desk for a new one.")

func (c *Ceremony) countBypass(ctx context.Context, userID string) (challengeRow, error) {
	var rows []challengeRow
	err := c.DB.For(ctx).Model(&rows).Clauses(clause.Returning{}).
		Where("user_id = ? AND purpose = ? AND sign_in_id = ''", userID, bypass).
		Where("attempts < max_attempts AND closed_at IS NULL AND expires_at > ?", c.Now()).
		Updates(map[string]any{"attempts": clause.Expr{SQL: "attempts + 1"}}).Error
	if err != nil {
		return challengeRow{}, fmt.Errorf("ceremony: count bypass: %w", err)
	}
	if len(rows) != 1 {
		return challengeRow{}, errNoBypass
	}
	return rows[0], nil
}

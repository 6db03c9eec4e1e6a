package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"twofold/idp/signin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor/ceremony"
)

// A remembered browser need not show a second factor where a rule asks for one, for as
// long as the tenant says (SPEC §5.7). It counts for one user, as long as what he
// proves himself with stays the same, and reaches no strength: what demands more than
// a password is asked for as ever.

// rememberedRow: the cookie is 256 random bits, of which the hash is kept, and new
// after each use.
type rememberedRow struct {
	TenantID        string `gorm:"primaryKey"`
	ID              string `gorm:"primaryKey"`
	TokenHash       string
	UserID          string
	CredentialEpoch int64
	Address         string
	UserAgent       string
	CreatedAt       time.Time
	SeenAt          time.Time
	ExpiresAt       time.Time
}

func (*rememberedRow) TableName() string { return "remembered_browsers" }

const rememberCookieLife = 30 * 24 * time.Hour // the row decides, not the cookie

func rememberCookie() cookie { return cookie{name: "remember"} }

func (s *IDP) rememberDays(ctx context.Context) int {
	return int(tenants.RealmFrom(ctx).Tenant.RememberDays)
}

// checkRemembered finds out whether this browser is remembered for the user of a. What
// the mark is worth, judge decides.
func (s *IDP) checkRemembered(r *http.Request, a *attempt) (err error) {
	a.mark, err = s.rememberedFor(r, a.facts.UserID)
	return err
}

// rememberedFor is the mark that this browser carries for a user, or nil.
func (s *IDP) rememberedFor(r *http.Request, userID string) (*rememberedRow, error) {
	if userID == "" || s.rememberDays(r.Context()) == 0 {
		return nil, nil
	}
	var hashes []string
	for _, v := range s.cookies(r, rememberCookie()) {
		hashes = append(hashes, tenants.HashHere(r.Context(), v))
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	var rows []rememberedRow
	err := s.DB.For(r.Context()).Where("token_hash IN ? AND user_id = ? AND expires_at > ?", hashes, userID, s.Now()).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("idp: remembered browser: %w", err)
	}
	if len(rows) != 1 {
		return nil, nil
	}
	return &rows[0], nil
}

// keepRemembered remembers the browser of a finished sign-in if its user asked for
// that, and gives one that was remembered a new mark if the mark was of use. It
// returns the cookie's new value, or nothing.
func (s *IDP) keepRemembered(ctx context.Context, r *http.Request, a *attempt, v verdict) (string, error) {
	days := s.rememberDays(ctx)
	if days == 0 || a.own() {
		return "", nil
	}
	now := db.Micros(s.Now())
	token := id.Token(s.Rand)
	if a.facts.Remember && provenBySecond(a) {
		row := rememberedRow{
			ID: id.New(), TokenHash: tenants.HashHere(ctx, token), UserID: a.facts.UserID, CredentialEpoch: v.policy.Epoch,
			Address: audit.OriginOf(ctx).Address, UserAgent: cut(r.UserAgent(), 200), CreatedAt: now, SeenAt: now,
			ExpiresAt: now.Add(time.Duration(days) * 24 * time.Hour),
		}
		if err := s.DB.For(ctx).Create(&row).Error; err != nil {
			return "", fmt.Errorf("idp: remember browser: %w", err)
		}
		if err := s.tell(ctx, a, "browser.remembered", map[string]any{"remembered": row.ID, "until": row.ExpiresAt}); err != nil {
			return "", err
		}
		return token, s.Notify(ctx, a.facts.UserID, ceremony.Notice{Event: "browser_remembered", Detail: row.UserAgent})
	}
	if !v.rules.Remembered || !v.rules.SecondFactor || provenBySecond(a) {
		return "", nil
	}
	err := db.One(s.DB.For(ctx).Model(&rememberedRow{}).Where("id = ? AND token_hash = ?", a.mark.ID, a.mark.TokenHash).
		Updates(map[string]any{"token_hash": tenants.HashHere(ctx, token), "seen_at": now}))
	if errors.Is(err, db.ErrStale) {
		return "", nil // another tab was faster, and has the new mark
	}
	if err != nil {
		return "", fmt.Errorf("idp: renew remembered browser: %w", err)
	}
	return token, nil
}

// provenBySecond reports whether a second factor was shown in this very sign-in.
func provenBySecond(a *attempt) bool {
	for _, p := range a.facts.Proofs {
		if p.Method != signin.Password && p.Method != signin.Upstream && p.Method != signin.Bypass && !p.At.Before(a.row.CreatedAt) {
			return true
		}
	}
	return false
}

// remembered lists the browsers that are remembered for a user.
func (s *IDP) remembered(ctx context.Context, userID string) ([]rememberedRow, error) {
	var rows []rememberedRow
	err := s.DB.For(ctx).Where("user_id = ? AND expires_at > ?", userID, s.Now()).Order("id DESC").Limit(100).Find(&rows).Error
	return rows, wrap("remembered browsers", err)
}

// forget takes back that browsers are remembered: one, or all of a user.
func (s *IDP) forget(ctx context.Context, userID, rememberedID string) error {
	q := s.DB.For(ctx).Where("user_id = ?", userID)
	if rememberedID != "" {
		q = q.Where("id = ?", rememberedID)
	}
	res := q.Delete(&rememberedRow{})
	if res.Error != nil {
		return fmt.Errorf("idp: forget browser: %w", res.Error)
	}
	if rememberedID != "" && res.RowsAffected == 0 {
		return problem.New(problem.NotFound, "browser_unknown", "This browser is not remembered any more.")
	}
	return nil
}

package console

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/tenants"
)

// sessionRow is a browser that is signed in. Which tenant it belongs to is found by its
// cookie, and not by its address: only find looks past the guard.
type sessionRow struct {
	TokenHash       string `gorm:"primaryKey"`
	SubscriptionID  string
	TenantID        string
	TenantName      string // in the issuer that vouched for the user
	UserID          string
	CredentialEpoch int64
	SID             string `gorm:"column:sid"`
	AuthTime        time.Time
	ACR             string       `gorm:"column:acr"`
	AMR             tenants.List `gorm:"column:amr"`
	CreatedAt       time.Time
	SeenAt          time.Time
	IdleExpiresAt   time.Time
	ExpiresAt       time.Time
}

func (*sessionRow) TableName() string { return "console_sessions" }

// linkRow makes an administrator of whoever opens the link first.
type linkRow struct {
	TokenHash      string `gorm:"primaryKey"`
	SubscriptionID string
	TenantID       string // where he is to sign in
	Role           tenants.Role
	Login          string // suggested; may be empty
	CreatedAt      time.Time
	ExpiresAt      time.Time
	UsedAt         *time.Time
}

func (*linkRow) TableName() string { return "setup_links" }

// find returns the live session of the tokens that a browser shows, or nil. Of two that
// live there is no telling which is the browser's own: then it is nobody's.
func (c *Console) find(ctx context.Context, tokens []string) (*sessionRow, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	hashes := make([]string, len(tokens))
	for i, t := range tokens {
		hashes[i] = id.Hash(t)
	}
	now := c.Now()
	var rows []sessionRow
	err := c.DB.For(db.AllTenants(ctx)).Where("token_hash IN ? AND expires_at > ? AND idle_expires_at > ?", hashes, now, now).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("console: session: %w", err)
	}
	if len(rows) != 1 {
		return nil, nil
	}
	return &rows[0], nil
}

// keep begins a session.
func (c *Console) keep(ctx context.Context, row *sessionRow) error {
	if err := c.DB.For(ctx).Create(row).Error; err != nil {
		return fmt.Errorf("console: keep session: %w", err)
	}
	return nil
}

// touch notes that a session of the tenant in ctx is in use, at most once a minute.
func (c *Console) touch(ctx context.Context, row *sessionRow) error {
	now := db.Micros(c.Now())
	if now.Sub(row.SeenAt) < seenEvery {
		return nil
	}
	idle := now.Add(idleLife)
	if idle.After(row.ExpiresAt) {
		idle = row.ExpiresAt
	}
	err := c.DB.For(ctx).Model(&sessionRow{}).Where("token_hash = ?", row.TokenHash).
		Updates(map[string]any{"seen_at": now, "idle_expires_at": idle}).Error
	if err != nil {
		return fmt.Errorf("console: touch session: %w", err)
	}
	return nil
}

// drop ends a session, wherever it belongs.
func (c *Console) drop(ctx context.Context, row *sessionRow) error {
	if err := c.DB.For(db.AllTenants(ctx)).Where("token_hash = ?", row.TokenHash).Delete(&sessionRow{}).Error; err != nil {
		return fmt.Errorf("console: end session: %w", err)
	}
	return nil
}

// keepLink keeps a link of the tenant in ctx and ends those before it that give the
// same.
func (c *Console) keepLink(ctx context.Context, row *linkRow) error {
	err := c.DB.For(ctx).Model(&linkRow{}).Where("role = ? AND used_at IS NULL", row.Role).Updates(map[string]any{"used_at": row.CreatedAt}).Error
	if err == nil {
		err = c.DB.For(ctx).Create(row).Error
	}
	if err != nil {
		return fmt.Errorf("console: keep link: %w", err)
	}
	return nil
}

// link finds a link that would still work.
func (c *Console) link(ctx context.Context, token string) (linkRow, error) {
	var row linkRow
	err := c.DB.For(db.AllTenants(ctx)).Where("token_hash = ? AND used_at IS NULL AND expires_at > ?", id.Hash(token), c.Now()).Take(&row).Error
	if db.IsNotFound(err) || len(token) > maxToken {
		return linkRow{}, errLinkOver
	}
	if err != nil {
		return linkRow{}, fmt.Errorf("console: link: %w", err)
	}
	return row, nil
}

// useLink uses a link up: of any number at once one does.
func (c *Console) useLink(ctx context.Context, token string) error {
	now := db.Micros(c.Now())
	var rows []linkRow
	err := c.DB.For(ctx).Model(&rows).Clauses(clause.Returning{}).
		Where("token_hash = ? AND used_at IS NULL AND expires_at > ?", id.Hash(token), now).Updates(map[string]any{"used_at": now}).Error
	switch {
	case err != nil:
		return fmt.Errorf("console: use link: %w", err)
	case len(rows) != 1:
		return errLinkOver
	}
	return nil
}

// Sweep removes what has had its time, in all tenants.
func (c *Console) Sweep(ctx context.Context) error {
	all, now := db.AllTenants(ctx), c.Now()
	if err := c.DB.For(all).Where("idle_expires_at <= ? OR expires_at <= ?", now, now).Delete(&sessionRow{}).Error; err != nil {
		return fmt.Errorf("console: sweep sessions: %w", err)
	}
	if err := c.DB.For(all).Where("expires_at <= ?", now).Delete(&linkRow{}).Error; err != nil {
		return fmt.Errorf("console: sweep links: %w", err)
	}
	return nil
}

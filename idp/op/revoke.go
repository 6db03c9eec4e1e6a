package op

import (
	"context"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/tenants"
)

const whyRevoked = "revoked_by_client"

// Revocation implements the library's Server (RFC 7009). A refresh token ends its
// whole grant, an access token itself. Whatever is not the client's own changes
// nothing, and the answer does not tell (§2.2).
func (s *server) Revocation(ctx context.Context, r *lib.ClientRequest[oidc.RevocationRequest]) (*lib.Response, error) {
	app := r.Client.(*client).ClientApp
	if err := s.p.revokeToken(ctx, app, r.Data.Token); err != nil {
		return nil, s.p.unavailable(ctx, "revoke", err)
	}
	return lib.NewResponse(nil), nil
}

func (p *Provider) revokeToken(ctx context.Context, app tenants.ClientApp, token string) error {
	if grantID, _, ok := p.parseRefreshToken(giver(ctx), token); ok {
		return p.revokeByClient(ctx, app, grantID)
	}
	a, err := p.parseAccess(ctx, token)
	if isTokenError(err) || err == nil && a.ClientID != app.ClientID {
		return nil
	}
	if err != nil {
		return err
	}
	row := revokedTokenRow{TokenID: a.ID, ExpiresAt: time.Unix(a.Expires, 0).Add(time.Minute)}
	if err := p.DB.For(ctx).Create(&row).Error; err != nil && !db.IsDuplicate(err) {
		return wrap("revoke token", err)
	}
	return nil
}

func (p *Provider) revokeByClient(ctx context.Context, app tenants.ClientApp, grantID string) error {
	return p.DB.Tx(ctx, func(ctx context.Context) error {
		res := p.DB.For(ctx).Model(&grantRow{}).Where("id = ? AND client_app_id = ? AND revoked_at IS NULL", grantID, app.ID).
			UpdateColumns(map[string]any{"revoked_at": p.now(), "revoked_why": whyRevoked})
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		e := audit.Event{Kind: "grant.revoked", ClientApp: app.ID}
		return p.Audit.Record(ctx, e, map[string]string{"grant": grantID, "why": whyRevoked})
	})
}

// RevokeSession ends all grants of a session: its tokens are dead at once, on
// every replica. Inside a transaction it records nothing of its own, because that
// would lock the audit chain before the caller is done: the caller's event tells.
func (p *Provider) RevokeSession(ctx context.Context, sessionID, why string) error {
	return p.revokeBy(ctx, "session_id", sessionID, why)
}

// RevokeUser ends all grants of a user in the tenant of ctx, as RevokeSession does.
func (p *Provider) RevokeUser(ctx context.Context, userID, why string) error {
	return p.revokeBy(ctx, "user_id", userID, why)
}

// RevokeOthers ends all grants of a user but those of one session, which may be empty:
// also those that outlive their session. It reaches as far as ctx does.
func (p *Provider) RevokeOthers(ctx context.Context, userID, sessionID, why string) error {
	_, err := p.revoke(ctx, why, func(q *gorm.DB) *gorm.DB {
		return q.Where("user_id = ?", userID).Where("session_id <> ? OR session_id = ''", sessionID)
	})
	return err
}

// RevokeUserIn ends all grants of a user in these tenants. It reaches as far as ctx
// does, and records nothing.
func (p *Provider) RevokeUserIn(ctx context.Context, tenantIDs []string, userID, why string) error {
	_, err := p.revoke(ctx, why, func(q *gorm.DB) *gorm.DB { return q.Where("user_id = ? AND tenant_id IN ?", userID, tenantIDs) })
	return err
}

// RevokeTenant ends all grants in the tenant of ctx and tells how many stood. It
// records nothing.
func (p *Provider) RevokeTenant(ctx context.Context, why string) (int64, error) {
	return p.revoke(ctx, why, func(q *gorm.DB) *gorm.DB { return q })
}

func (p *Provider) revokeBy(ctx context.Context, column, value, why string) error {
	if value == "" {
		return nil
	}
	n, err := p.revoke(ctx, why, func(q *gorm.DB) *gorm.DB { return q.Where(column+" = ?", value) })
	if err != nil || n == 0 || db.InTx(ctx) {
		return err
	}
	e := audit.Event{Kind: "grant.revoked"}
	if column == "user_id" {
		e.User = value
	}
	return p.Audit.Record(ctx, e, map[string]any{"why": why, "grants": n})
}

// revokeAtOnce is how many grants one statement ends.
const revokeAtOnce = 1000

// revoke ends those of the grants that stand, and tells how many. All who end several
// take them in one order, so that none of two waits for the other. What has expired
// is for Sweep, which takes another.
func (p *Provider) revoke(ctx context.Context, why string, those func(*gorm.DB) *gorm.DB) (n int64, err error) {
	err = p.DB.Tx(ctx, func(ctx context.Context) error {
		now, last := p.now(), grantRow{}
		for {
			var rows []grantRow
			err := those(p.DB.For(ctx)).Where("revoked_at IS NULL AND expires_at > ?", now).Where("(tenant_id, id) > (?, ?)", last.TenantID, last.ID).
				Select("tenant_id", "id").Order("tenant_id, id").Limit(revokeAtOnce).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Find(&rows).Error
			if err != nil || len(rows) == 0 {
				return err
			}
			var in, ids []string
			for _, r := range rows {
				in, ids = append(in, r.TenantID), append(ids, r.ID)
			}
			res := p.DB.For(ctx).Model(&grantRow{}).Where("tenant_id IN ? AND id IN ?", slices.Compact(in), ids).
				UpdateColumns(map[string]any{"revoked_at": now, "revoked_why": why})
			if res.Error != nil {
				return res.Error
			}
			n, last = n+res.RowsAffected, rows[len(rows)-1]
			if len(rows) < revokeAtOnce {
				return nil
			}
		}
	})
	if err != nil {
		return 0, wrap("revoke grants", err)
	}
	return n, nil
}

package op

import (
	"context"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

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
	if grantID, _, ok := p.parseRefreshToken(db.ScopeOf(ctx).Tenant, token); ok {
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
	return p.revokeAll(ctx, "session_id", sessionID, why)
}

// RevokeUser ends all grants of a user in the tenant of ctx, as RevokeSession does.
func (p *Provider) RevokeUser(ctx context.Context, userID, why string) error {
	return p.revokeAll(ctx, "user_id", userID, why)
}

// RevokeOthers ends all grants of a user but those of one session, which may be empty:
// also those that outlive their session. It reaches as far as ctx does.
func (p *Provider) RevokeOthers(ctx context.Context, userID, sessionID, why string) error {
	err := p.DB.For(ctx).Model(&grantRow{}).Where("user_id = ? AND revoked_at IS NULL", userID).Where("session_id <> ? OR session_id = ''", sessionID).
		UpdateColumns(map[string]any{"revoked_at": p.now(), "revoked_why": why}).Error
	if err != nil {
		return wrap("revoke grants", err)
	}
	return nil
}

func (p *Provider) revokeAll(ctx context.Context, column, value, why string) error {
	if value == "" {
		return nil
	}
	res := p.DB.For(ctx).Model(&grantRow{}).Where(map[string]any{column: value}).Where("revoked_at IS NULL").
		UpdateColumns(map[string]any{"revoked_at": p.now(), "revoked_why": why})
	if res.Error != nil {
		return wrap("revoke grants", res.Error)
	}
	if res.RowsAffected == 0 || db.InTx(ctx) {
		return nil
	}
	e := audit.Event{Kind: "grant.revoked"}
	if column == "user_id" {
		e.User = value
	}
	return p.Audit.Record(ctx, e, map[string]any{"why": why, "grants": res.RowsAffected})
}

package op

import (
	"context"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/tenants"
)

const (
	whyRefreshReuse = "refresh_reuse"
	badRefresh      = "the refresh token is not valid, has expired or was used"
)

// RefreshToken implements the library's Server: rotation with reuse detection (RFC
// 9700 §4.14.2). Two round trips: read the grant, raise its generation.
func (s *server) RefreshToken(ctx context.Context, r *lib.ClientRequest[oidc.RefreshTokenRequest]) (*lib.Response, error) {
	p, app := s.p, r.Client.(*client).ClientApp
	grantID, generation, ok := p.parseRefreshToken(giver(ctx), r.Data.RefreshToken)
	if !ok {
		return nil, invalidGrant(badRefresh)
	}
	g, err := p.refreshable(ctx, app, grantID)
	if err != nil {
		return nil, err
	}
	scopes, ok := narrow(g.Scopes, r.Data.Scopes)
	if !ok {
		return nil, invalidScope("more than was granted")
	}
	to, err := targets(g.Resources, g.Resources, r.Form)
	if err != nil {
		return nil, err
	}
	if generation == g.Generation {
		won, err := p.rotate(ctx, app, &g)
		if err != nil {
			return nil, p.unavailable(ctx, "rotate", err)
		}
		if won {
			return s.answer(ctx, issued{app: app, grant: &g, scopes: scopes, resources: to, generation: g.Generation})
		}
		// Another caller rotated first, or the grant ended: look again.
		if g, err = p.refreshable(ctx, app, grantID); err != nil {
			return nil, err
		}
	}
	if !p.mayRepeat(&g, generation) {
		return nil, p.reused(ctx, app, &g, generation)
	}
	return s.answer(ctx, issued{app: app, grant: &g, scopes: scopes, resources: to, generation: g.Generation})
}

// refreshable reads a grant that this app may refresh.
func (p *Provider) refreshable(ctx context.Context, app tenants.ClientApp, grantID string) (subject, error) {
	g, err := p.subject(ctx, grantID)
	if notFound(err) {
		return g, invalidGrant(badRefresh)
	}
	if err != nil {
		return g, p.unavailable(ctx, "read grant", err)
	}
	now := p.Now()
	if g.ClientAppID != app.ID || !g.Offline || !g.stands(now) || !g.IdleExpiresAt.After(now) {
		return g, invalidGrant(badRefresh)
	}
	return g, nil
}

// narrow is the scope parameter of a refresh: part of the grant, which keeps all
// of it (RFC 6749 §6).
func narrow(granted tenants.List, asked []string) ([]string, bool) {
	if len(asked) == 0 {
		return granted, true
	}
	var out []string
	for _, s := range granted {
		if slices.Contains(asked, s) {
			out = append(out, s)
		}
	}
	more := slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(granted, s) })
	return out, !more
}

// rotate raises the generation from the one that was read; won is false if it is
// another by now. Everything that would end the grant is in the statement too.
func (p *Provider) rotate(ctx context.Context, app tenants.ClientApp, g *subject) (won bool, err error) {
	now := p.now()
	idle := now.Add(refreshIdle)
	if idle.After(g.ExpiresAt) {
		idle = g.ExpiresAt
	}
	res := p.DB.For(ctx).Model(&grantRow{}).
		Where("id = ? AND generation = ? AND client_app_id = ?", g.ID, g.Generation, app.ID).
		Where("revoked_at IS NULL AND expires_at > ? AND idle_expires_at > ?", now, now).
		UpdateColumns(map[string]any{"generation": g.Generation + 1, "rotated_at": now, "idle_expires_at": idle})
	if res.Error != nil || res.RowsAffected != 1 {
		return false, res.Error
	}
	g.Generation++
	return true, nil
}

// mayRepeat lets a client that lost the answer ask once more for the same
// successor, if a grace is configured.
func (p *Provider) mayRepeat(g *subject, generation int64) bool {
	return p.RefreshGrace > 0 && g.RotatedAt != nil && generation == g.Generation-1 &&
		p.now().Sub(*g.RotatedAt) <= p.RefreshGrace
}

// reused answers a genuine token of another generation. An older one was used
// before: thief and owner cannot be told apart, so the grant ends. A newer one than
// the grant's stems from before a restored backup and is merely refused.
func (p *Provider) reused(ctx context.Context, app tenants.ClientApp, g *subject, generation int64) error {
	if generation < g.Generation {
		if err := p.endGrant(ctx, g.ID, whyRefreshReuse, "refresh.reused", app); err != nil {
			return p.unavailable(ctx, "end grant", err)
		}
	}
	return invalidGrant(badRefresh)
}

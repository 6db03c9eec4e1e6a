package op

import (
	"context"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/tenants"
)

// introspection is the answer of RFC 7662 §2.2.
type introspection struct {
	Active bool `json:"active"`
	*accessClaims
	Username  string `json:"username,omitempty"`
	TokenType string `json:"token_type,omitempty"`
}

// Introspect implements the library's Server. Only a confidential client may ask.
// It sees access tokens issued to itself or meant for it (aud: itself, or an API that it
// is), all of the tenant if
// its app has the scope "introspect", and its own refresh tokens. Of any other
// token it learns what it would learn of a made-up one: not active.
func (s *server) Introspect(ctx context.Context, r *lib.Request[lib.IntrospectionRequest]) (*lib.Response, error) {
	p := s.p
	caller, err := p.verifyClient(ctx, r.Header, r.Form)
	if err != nil {
		return nil, err
	}
	if caller.Public() {
		return nil, invalidClient()
	}
	if grantID, generation, ok := p.parseRefreshToken(giver(ctx), r.Data.Token); ok {
		return s.introspectRefresh(ctx, caller, grantID, generation)
	}
	a, err := p.liveAccess(ctx, r.Data.Token)
	if isTokenError(err) || err == nil && !mayInspect(caller, a) {
		return lib.NewResponse(introspection{}), nil
	}
	if err != nil {
		return nil, p.unavailable(ctx, "introspect", err)
	}
	out := introspection{Active: true, accessClaims: &a.accessClaims, TokenType: "Bearer"}
	if a.grant != nil {
		out.Username = a.grant.UserName
	}
	told, err := a.ruling(ctx).add(out)
	if err != nil {
		return nil, p.unavailable(ctx, "introspect", err)
	}
	return lib.NewResponse(told), nil
}

func mayInspect(caller tenants.ClientApp, a access) bool {
	return a.ClientID == caller.ClientID || meantFor(caller, a) || slices.Contains(caller.Scopes, scopeIntrospect)
}

func (s *server) introspectRefresh(ctx context.Context, caller tenants.ClientApp, grantID string, generation int64) (*lib.Response, error) {
	g, err := s.p.subject(ctx, grantID)
	if notFound(err) {
		return lib.NewResponse(introspection{}), nil
	}
	if err != nil {
		return nil, s.p.unavailable(ctx, "introspect", err)
	}
	now := s.p.Now()
	if g.ClientAppID != caller.ID || g.Generation != generation || !g.Offline || !g.stands(now) || !g.IdleExpiresAt.After(now) {
		return lib.NewResponse(introspection{}), nil
	}
	return lib.NewResponse(map[string]any{
		"active": true, "client_id": caller.ClientID, "sub": g.UserID, "iss": s.p.issuer(ctx), "username": g.UserName,
		"scope": oidc.SpaceDelimitedArray(g.Scopes), "iat": g.CreatedAt.Unix(), "exp": min(g.ExpiresAt.Unix(), g.IdleExpiresAt.Unix()),
	}), nil
}

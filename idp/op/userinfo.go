package op

import (
	"context"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/tenants"
)

// Errors of a bearer token (RFC 6750 §3.1).
const (
	errInvalidToken      = "invalid_token"
	errInsufficientScope = "insufficient_scope"
)

// UserInfo implements the library's Server (Core §5.3). One round trip.
func (s *server) UserInfo(ctx context.Context, r *lib.Request[oidc.UserInfoRequest]) (*lib.Response, error) {
	a, err := s.p.liveAccess(ctx, r.Data.AccessToken)
	callFrom(ctx).allowOrigin(a.app)
	switch {
	case isTokenError(err), err == nil && !a.forUs():
		return nil, refuseBearer(ctx, http.StatusUnauthorized, errInvalidToken, "the access token is not valid")
	case err != nil:
		return nil, s.p.unavailable(ctx, "userinfo", err)
	case a.grant == nil || !slices.Contains(a.scopes(), scopeOpenID):
		return nil, refuseBearer(ctx, http.StatusForbidden, errInsufficientScope, "the access token lacks scope openid")
	}
	claims := a.grant.userClaims(s.p.tenantName(ctx), a.scopes(), parseStoredClaims(a.grant.Claims).Userinfo)
	a.ruling(ctx).apply(tenants.InUserinfo, claims)
	claims["sub"] = a.grant.UserID
	return lib.NewResponse(claims), nil
}

func refuseBearer(ctx context.Context, status int, code, description string) error {
	if c := callFrom(ctx); c != nil {
		c.denied = code
	}
	e := oidc.ErrAccessDenied().WithDescription("%s", description)
	// The library knows neither code, and its type takes constants alone.
	e.ErrorType = errInvalidToken
	if code == errInsufficientScope {
		e.ErrorType = errInsufficientScope
	}
	return lib.NewStatusError(e, status)
}

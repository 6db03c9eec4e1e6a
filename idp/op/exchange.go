package op

import (
	"context"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/tenants"
)

// Token exchange, RFC 8693: an API that was called with a user's token gets one for
// another API, with which it acts for the same user. No app may do it unless it is told so.

// actor is who acts for the subject of a token, and for whom he does (§4.1).
type actor struct {
	Subject string `json:"sub"` // client_id
	Actor   *actor `json:"act,omitempty"`
}

// mostActors bounds a chain of APIs that call one another.
const mostActors = 5

func (a *actor) depth() int {
	n := 0
	for ; a != nil; a = a.Actor {
		n++
	}
	return n
}

// TokenExchange implements the library's Server. The new token names the same user and the
// same sign-in, never more scopes, and is over no later: it stands on the grant of the app
// that the user signed in to, and dies with it.
func (s *server) TokenExchange(ctx context.Context, r *lib.ClientRequest[oidc.TokenExchangeRequest]) (*lib.Response, error) {
	p, app := s.p, r.Client.(*client).ClientApp
	if app.Public() || !slices.Contains(app.GrantTypes, tenants.GrantTokenExchange) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the app may not exchange tokens")
	}
	switch {
	case r.Data.SubjectTokenType != oidc.AccessTokenType:
		return nil, invalidRequest("subject_token_type must be that of an access token")
	case r.Data.RequestedTokenType != "" && r.Data.RequestedTokenType != oidc.AccessTokenType:
		return nil, invalidRequest("requested_token_type must be that of an access token")
	case r.Form.Has("actor_token") || r.Form.Has("actor_token_type"):
		return nil, invalidRequest("actor_token is not supported: who acts is the app that asks")
	case r.Form.Has("audience"):
		return nil, invalidTarget("audience is not supported: name the API by resource")
	}
	to, ok := resourcesOf(app.Resources, r.Form)
	if !ok || len(to) == 0 {
		return nil, invalidTarget("resource must name an API that the app may ask tokens for")
	}
	of, err := p.liveAccess(ctx, r.Data.SubjectToken)
	if isTokenError(err) || err == nil && (of.grant == nil || !meantFor(app, of)) {
		return nil, invalidRequest("subject_token is not valid, or not meant for the app") // §2.2.2
	}
	if err != nil {
		return nil, p.unavailable(ctx, "exchange", err)
	}
	may, err := p.Tenants.MayUse(ctx, app, of.grant.UserID)
	if err != nil {
		return nil, p.unavailable(ctx, "exchange", err)
	}
	if !may {
		return nil, invalidRequest("subject_token is of a user whom the app is not for")
	}
	if of.Actor.depth() >= mostActors {
		return nil, invalidRequest("subject_token has passed through too many hands")
	}
	scopes, ok := exchangedScopes(app, of, words(r.Form.Get("scope")))
	if !ok {
		return nil, invalidScope("a scope that subject_token does not have, or that the app may not ask for")
	}
	return s.exchanged(ctx, issued{app: app, grant: of.grant, scopes: scopes, resources: to}, of)
}

// meantFor reports whether a token was given for an API that the app is, or to the app.
func meantFor(app tenants.ClientApp, a access) bool {
	return slices.ContainsFunc(a.Audience, func(to string) bool { return to == app.ClientID || slices.Contains(app.Serves, to) })
}

// exchangedScopes are those asked for, if they may be had; nothing asked is all of them.
func exchangedScopes(app tenants.ClientApp, of access, asked []string) ([]string, bool) {
	may := tenants.List{}
	for _, s := range of.scopes() {
		if !slices.Contains(standardScopes(), s) && mayAsk(app, s) {
			may = append(may, s)
		}
	}
	if len(asked) == 0 {
		return may, true
	}
	return narrow(may, asked)
}

func (s *server) exchanged(ctx context.Context, is issued, of access) (*lib.Response, error) {
	set, err := s.p.keySet(ctx)
	if err != nil {
		return nil, s.p.unavailable(ctx, "exchange", err)
	}
	c := s.p.accessClaims(ctx, is)
	c.Actor = &actor{Subject: is.app.ClientID, Actor: of.Actor}
	c.Expires = min(c.Expires, of.Expires)
	token, err := s.p.accessToken(ctx, set, is, c)
	if err != nil {
		return nil, s.p.unavailable(ctx, "exchange", err)
	}
	return lib.NewResponse(&oidc.TokenExchangeResponse{
		AccessToken: token, IssuedTokenType: oidc.AccessTokenType, TokenType: oidc.BearerToken, Scopes: is.scopes,
		ExpiresIn: uint64(c.Expires - c.IssuedAt), //nolint:gosec // what lives ends later
	}), nil
}

func invalidTarget(description string) error {
	e := oidc.ErrInvalidRequest().WithDescription("%s", description)
	e.ErrorType = errInvalidTarget
	return e
}

package op

import (
	"context"
	"slices"
	"strings"

	"twofold/internal/problem"
	"twofold/tenants"
)

// access is an access token that is good at this moment.
type access struct {
	accessClaims
	app   tenants.ClientApp // the app it was issued to
	grant *subject          // nil: client credentials
}

// forUs reports whether the token is meant for our own endpoints, and not for an API.
func (a access) forUs() bool { return slices.Contains(a.Audience, a.Issuer) }

// heldBy reports whether the grant is one of the app that has the token: its own, or
// another app's by token exchange, as long as it may do that.
func (a access) heldBy(g subject) bool {
	if a.Actor != nil {
		return slices.Contains(a.app.GrantTypes, tenants.GrantTokenExchange)
	}
	return g.ClientAppID == a.app.ID
}

func (a access) scopes() []string { return strings.Fields(a.Scope) }

// liveAccess verifies an access token and asks the database, once, whether all
// that it stands on still does. Whatever is wrong with it is errToken.
func (p *Provider) liveAccess(ctx context.Context, token string) (access, error) {
	a, err := p.parseAccess(ctx, token)
	if err != nil {
		return a, err
	}
	a.app, err = p.clientApp(ctx, a.ClientID)
	if problem.Is(err, problem.NotFound) {
		return a, errToken
	}
	if err != nil {
		return a, err
	}
	if !a.forUs() && slices.ContainsFunc(a.Audience, func(r string) bool { return !slices.Contains(a.app.Resources, r) }) {
		return a, errToken // for an API that the app may not ask tokens for, or not any more
	}
	if a.GrantID == "" {
		return a, p.machineTokenStands(ctx, a)
	}
	g, err := p.subjectOfToken(ctx, a.GrantID, a.ID)
	if notFound(err) {
		return a, errToken
	}
	if err != nil {
		return a, wrap("read grant", err)
	}
	if g.UserID != a.Subject || !a.heldBy(g) || !g.stands(p.Now()) {
		return a, errToken
	}
	a.grant = &g
	return a, nil
}

// parseAccess checks all that can be checked without a database (RFC 9068 §4).
func (p *Provider) parseAccess(ctx context.Context, token string) (access, error) {
	var a access
	if err := p.verify(ctx, token, typAccess, &a.accessClaims); err != nil {
		return a, err
	}
	iss := p.issuer(ctx)
	if a.Issuer != iss || len(a.Audience) == 0 || a.ID == "" || a.Subject == "" || a.Expires <= p.Now().Unix() {
		return a, errToken
	}
	return a, nil
}

func (p *Provider) machineTokenStands(ctx context.Context, a access) error {
	if a.Subject != a.ClientID || !slices.Contains(a.app.GrantTypes, tenants.GrantClientCredentials) {
		return errToken
	}
	stands, err := p.machineStands(ctx, a.app.ID, a.ID)
	if err != nil {
		return wrap("machine token", err)
	}
	if !stands {
		return errToken
	}
	return nil
}

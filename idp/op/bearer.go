package op

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"twofold/internal/problem"
	"twofold/tenants"
)

// ScopeAdmin is the scope of the administration's REST API. Only a client app that has
// it in its list can ask for it, for itself or for a user.
const ScopeAdmin = "admin"

// ErrBearer is the one answer to every access token that is not good: whoever tries
// tokens learns nothing from it (RFC 6750 §3.1).
var ErrBearer = problem.New(problem.Unauthenticated, "token_invalid", "The access token is not valid.")

// ErrScope is an ErrBearer of a token that is good, but for something else: its bearer may
// know (RFC 6750 §3.1).
var ErrScope = problem.Wrap(problem.Forbidden, "insufficient_scope", "The access token does not have the scope admin.", ErrBearer)

// Bearer is who calls the administration's API, and by what.
type Bearer struct {
	Realm     tenants.Realm // whose issuer vouches for it
	UserID    string        // empty: a machine, which is the client app itself
	ClientApp tenants.ClientApp
	Scopes    []string
	SessionID string    // this and the rest only with a user
	AuthTime  time.Time // when he authenticated
	ACR       string
	AMR       []string
}

// Bearer finds who an access token of any of our issuers stands for at this moment. Those at
// tenants' own host names are none of them: administration is not there either. The token
// must be for administration: given for ScopeAdmin, to a client app that still has
// it. Whatever is wrong with a token is an ErrBearer; any other error is a failure of ours.
func (p *Provider) Bearer(ctx context.Context, token string) (Bearer, error) {
	name, ok := p.tenantOfToken(token)
	if !ok {
		return Bearer{}, ErrBearer
	}
	realm, err := p.Tenants.RealmByName(ctx, name)
	if problem.Is(err, problem.NotFound) {
		return Bearer{}, ErrBearer
	}
	if err != nil {
		return Bearer{}, err
	}
	// From here on the claim is believed no more: the token must be this tenant's.
	a, err := p.liveAccess(tenants.WithRealm(ctx, realm), token)
	if isTokenError(err) {
		return Bearer{}, ErrBearer
	}
	if err != nil {
		return Bearer{}, err
	}
	if !a.forUs() {
		return Bearer{}, ErrBearer // it is for an API of somebody else
	}
	if !slices.Contains(a.scopes(), ScopeAdmin) || !slices.Contains(a.app.Scopes, ScopeAdmin) {
		return Bearer{}, ErrScope
	}
	b := Bearer{Realm: realm, ClientApp: a.app, Scopes: a.scopes()}
	if g := a.grant; g != nil {
		b.UserID, b.SessionID, b.AuthTime, b.ACR, b.AMR = g.UserID, g.SessionID, g.AuthTime, g.ACR, g.AMR
	}
	return b, nil
}

// tenantOfToken reads which tenant a token claims to be of, without believing it.
func (p *Provider) tenantOfToken(token string) (name string, ok bool) {
	iss, _ := claimedIssuer(token)
	return strings.CutPrefix(iss, p.PublicURL+"/t/")
}

// claimedIssuer reads which issuer a token claims to be of, without believing it.
func claimedIssuer(token string) (iss string, ok bool) {
	if !strictCompact(token) {
		return "", false
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return "", false
	}
	return claims.Issuer, true
}

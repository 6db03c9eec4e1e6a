package op

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"twofold/internal/id"
	"twofold/tenants"
)

// accessClaims is the payload of an access token (RFC 9068 §2.2). The grant that
// it names carries its revocation; without one it is a machine's own token.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	ID       string   `json:"jti"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	Session  string   `json:"sid,omitempty"`
	GrantID  string   `json:"gid,omitempty"`
	Actor    *actor   `json:"act,omitempty"` // who acts for the subject (RFC 8693 §4.1)
}

// issued is what a token response is made of.
type issued struct {
	app        tenants.ClientApp
	grant      *subject // nil: client credentials
	scopes     []string
	resources  []string // the APIs that the access token is for; none: our own userinfo
	nonce      string
	generation int64
}

// tokens makes the token response (RFC 6749 §5.1, Core §3.1.3.3). It asks nothing
// of the database.
func (p *Provider) tokens(ctx context.Context, is issued) (*oidc.AccessTokenResponse, error) {
	set, err := p.keySet(ctx)
	if err != nil {
		return nil, err
	}
	out := &oidc.AccessTokenResponse{TokenType: "Bearer", ExpiresIn: uint64(accessLife.Seconds()), Scope: is.scopes}
	if out.AccessToken, err = p.accessToken(ctx, set, is, p.accessClaims(ctx, is)); err != nil {
		return nil, err
	}
	if is.grant == nil {
		return out, nil
	}
	if is.grant.Offline {
		out.RefreshToken = p.refreshToken(giver(ctx), is.grant.ID, is.generation)
	}
	if slices.Contains(is.scopes, scopeOpenID) {
		alg := idTokenAlg(is.app, tenants.RealmFrom(ctx).Tenant)
		if out.IDToken, err = set.sign(alg, typID, p.idTokenClaims(ctx, is, out.AccessToken)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// idTokenAlg is what an app's ID tokens are signed by in a tenant.
func idTokenAlg(app tenants.ClientApp, t tenants.Tenant) jose.SignatureAlgorithm {
	alg := app.IDTokenAlg
	if alg == tenants.AlgOfTenant {
		alg = t.IDTokenAlg
	}
	return jose.SignatureAlgorithm(alg)
}

// accessToken signs an access token. What the rules of the app add is left out of one
// that would be too long for us to take: it must not stop the app from working.
func (p *Provider) accessToken(ctx context.Context, set *keySet, is issued, plain accessClaims) (string, error) {
	claims, err := is.ruling(ctx).add(plain)
	if err != nil {
		return "", err
	}
	token, err := set.sign(jose.ES256, typAccess, claims)
	if err != nil || len(token) <= maxToken {
		return token, err
	}
	p.Log.WarnContext(ctx, "access token too long: claim rules left out", "client_app", is.app.ID)
	return set.sign(jose.ES256, typAccess, plain)
}

func (p *Provider) accessClaims(ctx context.Context, is issued) accessClaims {
	now, iss := p.Now(), p.issuer(ctx)
	c := accessClaims{
		Issuer: iss, Subject: is.app.ClientID, Audience: audience{is.app.ClientID, iss}, ClientID: is.app.ClientID,
		Scope: strings.Join(is.scopes, " "), ID: id.New(), IssuedAt: now.Unix(), Expires: now.Add(accessLife).Unix(),
	}
	if len(is.resources) > 0 {
		c.Audience = is.resources
	}
	if g := is.grant; g != nil {
		c.Subject, c.GrantID, c.Session = g.UserID, g.ID, g.SessionID
		c.AuthTime, c.ACR, c.AMR = g.AuthTime.Unix(), g.ACR, g.AMR
	}
	return c
}

// idTokenClaims is the payload of an ID token (Core §2). Its audience is the app
// alone, so azp has nothing to tell. A refreshed one keeps acr, amr and auth_time
// and has no nonce (Core §12.2).
func (p *Provider) idTokenClaims(ctx context.Context, is issued, accessToken string) map[string]any {
	now, g := p.Now(), is.grant
	asked := parseStoredClaims(g.Claims).IDToken
	var scopes []string
	if is.app.IDTokenProfile {
		scopes = is.scopes
	}
	c := g.userClaims(p.tenantName(ctx), scopes, asked)
	is.ruling(ctx).apply(tenants.InIDToken, c)
	c["iss"], c["sub"], c["aud"] = p.issuer(ctx), g.UserID, is.app.ClientID
	c["iat"], c["exp"], c["auth_time"] = now.Unix(), now.Add(idTokenLife).Unix(), g.AuthTime.Unix()
	c["at_hash"] = halfHash(accessToken)
	if g.ACR != "" {
		c["acr"] = g.ACR
	}
	if len(g.AMR) > 0 {
		c["amr"] = []string(g.AMR)
	}
	if g.SessionID != "" {
		c["sid"] = g.SessionID
	}
	if is.nonce != "" {
		c["nonce"] = is.nonce
	}
	return c
}

// halfHash is the at_hash of both our algorithms: the left half of a SHA-256 (Core
// §3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

package op

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/jwks"
	"twofold/tenants"
)

// private_key_jwt: RFC 7523 §3, OpenID Connect Core §9.

const (
	assertionType    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxAssertionLife = time.Hour
	clockSkew        = 10 * time.Second
)

var assertionAlgs = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ID        string   `json:"jti"`
	Expires   numeric  `json:"exp"`
	IssuedAt  numeric  `json:"iat"`
	NotBefore numeric  `json:"nbf"`
}

// numeric is a NumericDate, which may have a fraction (RFC 7519 §2).
type numeric float64

func (n numeric) time() time.Time {
	const never = 1 << 40 // beyond what int64 nanoseconds and any database hold
	return time.Unix(int64(max(-never, min(never, n))), 0)
}

// assertedClient reads who the assertion says it is from; nothing is verified yet.
func assertedClient(assertion string) string {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c assertionClaims
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return c.Issuer
}

// checkAssertion verifies a client assertion and uses it up: its jti counts once
// on all replicas, by one INSERT.
func (p *Provider) checkAssertion(ctx context.Context, app tenants.ClientApp, assertion string) (bool, error) {
	var c assertionClaims
	if ok, err := p.verifyAssertion(ctx, app, assertion, &c); err != nil || !ok || !p.assertionFits(ctx, app, c) {
		return false, err
	}
	row := replayRow{Key: id.Hash("assertion|" + app.ID + "|" + c.ID), ExpiresAt: c.Expires.time().Add(clockSkew)}
	err := p.DB.For(ctx).Create(&row).Error
	if db.IsDuplicate(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("op: keep assertion: %w", err)
	}
	return true, nil
}

// verifyAssertion checks the signature with the app's registered keys. Keys and
// addresses of keys in the header are never looked at (SECURITY R17).
func (p *Provider) verifyAssertion(ctx context.Context, app tenants.ClientApp, assertion string, c *assertionClaims) (bool, error) {
	if !strictCompact(assertion) {
		return false, nil
	}
	jws, err := jose.ParseSignedCompact(assertion, assertionAlgs)
	if err != nil || len(jws.Signatures) != 1 {
		return false, nil
	}
	h := jws.Signatures[0].Protected
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != "" && !strings.EqualFold(typ, "JWT") &&
		!strings.EqualFold(typ, "client-authentication+jwt") {
		return false, nil
	}
	keys, err := p.keysOf(ctx, app, h)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		if payload, err := jws.Verify(k.Key); err == nil {
			return json.Unmarshal(payload, c) == nil, nil
		}
	}
	return false, nil
}

// keysOf are those of an app's keys that may have made a signature with this header: it has
// registered them, or publishes them at its address.
func (p *Provider) keysOf(ctx context.Context, app tenants.ClientApp, h jose.Header) ([]jose.JSONWebKey, error) {
	if app.JWKSURI == "" {
		keys, err := jwks.Parse([]byte(app.JWKS))
		if err != nil {
			return nil, nil //nolint:nilerr // it was checked when it was registered: no key fits
		}
		return jwks.Fitting(keys, h), nil
	}
	return p.appKeys.at(p.Guarded, p.Now, app.JWKSURI).Find(ctx, h)
}

// appKeys are the keys of apps that are at addresses, each fetched by each replica for
// itself. The zero value works.
type appKeys struct {
	mu   sync.Mutex
	sets map[string]*jwks.Set
}

// appKeysKept bounds them: there is no more than one for each such app.
const appKeysKept = 10_000

func (k *appKeys) at(client *http.Client, now func() time.Time, url string) *jwks.Set {
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.sets[url]
	if !ok {
		if k.sets == nil || len(k.sets) >= appKeysKept {
			k.sets = map[string]*jwks.Set{}
		}
		set = jwks.New(client, now, url)
		k.sets[url] = set
	}
	return set
}

func (p *Provider) assertionFits(ctx context.Context, app tenants.ClientApp, c assertionClaims) bool {
	now, iss := p.Now(), p.issuer(ctx)
	ours := []string{iss, iss + pathToken, iss + pathPAR} // RFC 9126 §2
	switch {
	case c.Issuer != app.ClientID || c.Subject != app.ClientID:
		return false
	case len(c.Audience) == 0 || slices.ContainsFunc(c.Audience, func(a string) bool { return !slices.Contains(ours, a) }):
		return false // not even beside us may another server be named: it could replay
	case c.ID == "" || len(c.ID) > 512:
		return false
	case !c.Expires.time().After(now.Add(-clockSkew)) || c.Expires.time().After(now.Add(maxAssertionLife+clockSkew)):
		return false
	case c.IssuedAt.time().After(now.Add(clockSkew)) || c.NotBefore.time().After(now.Add(clockSkew)):
		return false
	}
	return true
}

package op

import (
	"net/http"
	"net/url"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// A logout token is of a type of its own: it is no access token anywhere, and no ID or
// access token passes for it. What it says is tried where it is sent, in package idp.
func TestLogoutToken(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	g, a := w.tokensOf("web")
	ctx := w.in(w.acme)
	set, err := w.p.keySet(ctx)
	w.must(err)
	for app, alg := range map[string]string{"web": "RS256", "es": "ES256"} {
		token, err := w.p.LogoutToken(ctx, w.apps[app], w.ada.ID, g.session.ID)
		w.must(err)
		jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil || jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != "logout+jwt" {
			t.Errorf("%s: %v", app, err)
		}
		var claims map[string]any
		if err := set.verify(token, typLogout, &claims); err != nil || claims["sid"] != g.session.ID || claims["nonce"] != nil {
			t.Errorf("%s: %v, %v", app, claims, err)
		}
		for _, typ := range []string{typID, typAccess} {
			if set.verify(token, typ, &claims) == nil {
				t.Errorf("%s: passes for %s", app, typ)
			}
		}
		if got := w.userinfo(token); got.status != http.StatusUnauthorized {
			t.Errorf("%s at userinfo: %d", app, got.status)
		}
		if got := w.post("/introspect", "rs", url.Values{"token": {token}}); got.body["active"] != false {
			t.Errorf("%s at introspection: %v", app, got.body)
		}
	}
	for _, other := range []string{"id_token", "access_token"} {
		if set.verify(a.str(other), typLogout, &map[string]any{}) == nil {
			t.Errorf("an %s passes for a logout token", other)
		}
	}
	// An app may leave the algorithm to the tenant.
	w.acme.Tenant.IDTokenAlg = "ES256"
	left := w.apps["web"]
	left.IDTokenAlg = tenants.AlgOfTenant
	token, err := w.p.LogoutToken(w.in(w.acme), left, w.ada.ID, g.session.ID)
	w.must(err)
	if _, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256}); err != nil {
		t.Errorf("as the tenant says: %v", err)
	}
	off := w.apps["web"]
	off.IDTokenAlg = "none"
	if token, err := w.p.LogoutToken(ctx, off, w.ada.ID, g.session.ID); err == nil {
		t.Errorf("unsigned: %s", token)
	}
}

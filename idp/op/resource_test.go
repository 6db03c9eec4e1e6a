package op

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit"
)

func TestUserinfo(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		profile := w.profile()
		delete(profile, "email")
		delete(profile, "email_verified")
		for _, c := range []struct {
			name, scope, claims string
			want                map[string]any
		}{
			{"openid", "openid", "", map[string]any{}},
			{"profile", "openid profile", "", profile},
			{"email", "openid email", "", map[string]any{"email": "ada@acme.example", "email_verified": true}},
			{"phone", "openid phone", "", map[string]any{"phone_number": "+41791234567", "phone_number_verified": false}},
			{"groups", "openid groups", "", map[string]any{"groups": []any{"admins", "staff"}}},
			{"by claims", "openid", `{"userinfo":{"name":{"essential":true},"tenant":null,"password":null},"id_token":{"email":null}}`,
				map[string]any{"name": "Ada Lovelace", "tenant": "acme"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, a := w.tokensOf("web", "scope", c.scope, "claims", c.claims)
				got := w.userinfo(a.str("access_token"))
				want := maps.Clone(c.want)
				want["sub"] = w.ada.ID
				if d := cmp.Diff(want, got.body); d != "" || got.status != 200 {
					t.Error(got.status, d)
				}
				if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
					t.Error(got.header)
				}
				inID := claimsOf(t, a.str("id_token"))
				if _, ok := inID["email"]; ok != (c.name == "by claims") {
					t.Error("email in the ID token:", inID)
				}
				if _, ok := inID["name"]; ok {
					t.Error("name in the ID token:", inID)
				}
			})
		}
		t.Run("POST with the token in the body", func(t *testing.T) {
			_, a := w.tokensOf("web")
			got := w.send(formRequest(http.MethodPost, "/t/acme/userinfo", url.Values{"access_token": {a.str("access_token")}}))
			if got.status != 200 || got.str("sub") != w.ada.ID {
				t.Error(got.status, got.text)
			}
		})
		t.Run("POST with the token in the header", func(t *testing.T) {
			_, a := w.tokensOf("web")
			r := httptest.NewRequest(http.MethodPost, "/t/acme/userinfo", nil)
			r.Header.Set("Authorization", "bearer "+a.str("access_token"))
			if got := w.send(r); got.status != 200 {
				t.Error(got.status, got.text)
			}
		})
	})
}

func TestUserinfoRefuses(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	g, a := w.tokensOf("web")
	_, plain := w.tokensOf("web", "scope", "api")
	bearer := func(method, target, token string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}
	both := formRequest(http.MethodPost, "/t/acme/userinfo", url.Values{"access_token": {a.str("access_token")}})
	both.Header.Set("Authorization", "Bearer "+a.str("access_token"))
	at := "/t/acme/userinfo"
	for _, c := range []struct {
		name      string
		status    int
		challenge string
		r         *http.Request
	}{
		{"no token", 401, `Bearer realm="https://id.example/t/acme"`, httptest.NewRequest(http.MethodGet, at, nil)},
		{"other scheme", 401, `Bearer realm="https://id.example/t/acme"`, func() *http.Request {
			r := httptest.NewRequest(http.MethodGet, at, nil)
			r.Header.Set("Authorization", "DPoP "+a.str("access_token"))
			return r
		}()},
		{"garbage", 401, `Bearer realm="https://id.example/t/acme", error="invalid_token"`, bearer("GET", at, "garbage")},
		{"ID token", 401, `Bearer realm="https://id.example/t/acme", error="invalid_token"`, bearer("GET", at, a.str("id_token"))},
		{"refresh token", 401, `Bearer realm="https://id.example/t/acme", error="invalid_token"`, bearer("GET", at, a.str("refresh_token"))},
		{"code", 401, `Bearer realm="https://id.example/t/acme", error="invalid_token"`, bearer("GET", at, g.code)},
		{"other tenant", 401, `Bearer realm="https://id.example/t/globex", error="invalid_token"`, bearer("GET", "/t/globex/userinfo", a.str("access_token"))},
		{"without openid", 403, `Bearer realm="https://id.example/t/acme", error="insufficient_scope", scope="openid"`, bearer("GET", at, plain.str("access_token"))},
		{"in the query", 400, "", httptest.NewRequest(http.MethodGet, at+"?access_token="+a.str("access_token"), nil)},
		{"in the query of a POST", 400, "", httptest.NewRequest(http.MethodPost, at+"?access_token="+a.str("access_token"), nil)},
		{"in header and body", 400, "", both},
		{"PUT", 405, "", bearer("PUT", at, a.str("access_token"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.send(c.r)
			if got.status != c.status || got.header.Get("WWW-Authenticate") != c.challenge || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %q %s", got.status, got.header.Get("WWW-Authenticate"), got.text)
			}
		})
	}
	t.Run("after ten minutes", func(t *testing.T) {
		w.clock.Advance(10 * time.Minute)
		if got := w.userinfo(a.str("access_token")); got.status != 401 {
			t.Error(got.status)
		}
	})
}

// R16, SECURITY §3 row 70: the forgery set, at userinfo, introspection and as a hint.
func TestTokenForgeries(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, a := w.tokensOf("web")
	access, claims := a.str("access_token"), claimsOf(t, a.str("access_token"))
	set, err := w.p.keySet(w.in(w.acme))
	w.must(err)
	foreign, err := w.p.keySet(w.in(w.globex))
	w.must(err)
	own := set.active[jose.ES256]
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	change := func(name string, v any) map[string]any {
		c := maps.Clone(claims)
		c[name] = v
		if v == nil {
			delete(c, name)
		}
		return c
	}
	ours := func(c map[string]any) string { s, err := set.sign(jose.ES256, typAccess, c); w.must(err); return s }
	header := func(alg jose.SignatureAlgorithm, k any, o *jose.SignerOptions) string {
		return w.signed(jose.SigningKey{Algorithm: alg, Key: k}, o, claims)
	}
	opts := func(kid any) *jose.SignerOptions {
		return (&jose.SignerOptions{}).WithType(typAccess).WithHeader("kid", kid)
	}
	part := strings.Split(access, ".")
	enc := base64.RawURLEncoding.EncodeToString
	public, err := json.Marshal(own.public)
	w.must(err)
	rsKey := set.active[jose.RS256]
	foreignSigned, err := foreign.sign(jose.ES256, typAccess, claims)
	w.must(err)
	asID, err := set.sign(jose.ES256, typID, claims)
	w.must(err)
	rsAccess, err := set.sign(jose.RS256, typAccess, claims)
	w.must(err)
	forged := map[string]string{
		"alg none":                   enc([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + ".",
		"alg none with signature":    enc([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"alg NoNe":                   enc([]byte(`{"alg":"NoNe","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"no alg":                     enc([]byte(`{"typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"HS256 with the public JWK":  header(jose.HS256, public, opts(own.id)),
		"HS256 with an empty key":    header(jose.HS256, make([]byte, 32), opts(own.id)),
		"stranger's key, our kid":    header(jose.ES256, stranger, opts(own.id)),
		"stranger's key, no kid":     header(jose.ES256, stranger, (&jose.SignerOptions{}).WithType(typAccess)),
		"stranger's key inside":      header(jose.ES256, stranger, (&jose.SignerOptions{EmbedJWK: true}).WithType(typAccess)),
		"stranger's key by jku":      header(jose.ES256, stranger, opts(own.id).WithHeader("jku", "https://evil.example/keys")),
		"stranger's key by x5u":      header(jose.ES256, stranger, opts(own.id).WithHeader("x5u", "https://evil.example/cert")),
		"kid a path":                 header(jose.ES256, stranger, opts("../../../../dev/null")),
		"kid SQL":                    header(jose.ES256, stranger, opts("' OR 1=1 --")),
		"kid of the RSA key":         header(jose.ES256, stranger, opts(rsKey.id)),
		"RSA by another":             header(jose.RS256, pair()[1], opts(rsKey.id)),
		"the other tenant's key":     foreignSigned,
		"typ JWT":                    asID,
		"ID token":                   a.str("id_token"),
		"crit":                       header(jose.ES256, stranger, opts(own.id).WithHeader("crit", []string{"x"})),
		"issuer of the other tenant": ours(change("iss", publicURL+"/t/globex")),
		"issuer missing":             ours(change("iss", nil)),
		"audience missing":           ours(change("aud", nil)),
		"audience another":           ours(change("aud", "https://other.example")),
		"expired":                    ours(change("exp", w.clock.Now().Unix())),
		"no expiry":                  ours(change("exp", nil)),
		"no jti":                     ours(change("jti", nil)),
		"no subject":                 ours(change("sub", nil)),
		"subject another user":       ours(change("sub", w.bob.ID)),
		"client another":             ours(change("client_id", "other")),
		"client unknown":             ours(change("client_id", "nobody")),
		"grant unknown":              ours(change("gid", "0190b6a0-5b0a-7c3e-8f00-000000000001")),
		"no grant":                   ours(change("gid", nil)),
		"cut":                        access[:len(access)-1],
		"extended":                   access + "A",
		"last bits changed":          lastBits(access),
		"line break":                 access[:20] + "\n" + access[20:],
		"line break at the end":      access + "\n",
		"padded":                     access + "==",
		"two parts":                  part[0] + "." + part[1],
		"four parts":                 access + ".",
		"five parts":                 access + ".." + part[2],
		"many dots":                  strings.Repeat(".", 8000),
		"payload swapped":            part[0] + "." + enc([]byte(`{"iss":"`+publicURL+`/t/acme","sub":"x"}`)) + "." + part[2],
		"JSON serialisation":         `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"no signature":               part[0] + "." + part[1] + ".",
		"zero signature":             part[0] + "." + part[1] + "." + enc(make([]byte, 64)),
		"huge":                       access + strings.Repeat("A", 10_000),
		"deep JSON":                  ours(map[string]any{"iss": json.RawMessage(strings.Repeat("[", 500) + strings.Repeat("]", 500))}),
		"empty":                      "",
	}
	if len(forged) < 40 {
		t.Fatal("the set has shrunk to", len(forged))
	}
	delete(forged, "empty") // no token at all; the endpoints say so in their own tests
	for name, token := range forged {
		t.Run(name, func(t *testing.T) {
			if got := w.userinfo(token); got.status != 401 {
				t.Error("userinfo:", got.status, got.text)
			}
			if got := w.post("/introspect", "rs", url.Values{"token": {token}}); got.body["active"] == true || got.status >= 500 {
				t.Error("introspection:", got.status, got.text)
			}
			if _, err := w.p.idTokenHint(w.in(w.acme), token); name != "ID token" && name != "typ JWT" && err == nil {
				t.Error("accepted as a hint")
			}
			if got := w.post("/revoke", "web", url.Values{"token": {token}}); got.status >= 500 {
				t.Error("revocation:", got.status, got.text)
			}
		})
	}
	if got := w.userinfo(access); got.status != 200 {
		t.Error("the true one:", got.status, got.text)
	}
	// We never sign access tokens by RS256, but one of ours would be ours.
	if got := w.userinfo(rsAccess); got.status != 200 {
		t.Error(got.status)
	}
}

// lastBits changes the bits of the last character that carry nothing.
func lastBits(token string) string {
	last := strings.IndexByte(base64URLOrdered, token[len(token)-1])
	return token[:len(token)-1] + string(base64URLOrdered[last^1])
}

const base64URLOrdered = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestIntrospection(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		access := a.str("access_token")
		see := func(app, token string) answer {
			t.Helper()
			got := w.post("/introspect", app, url.Values{"token": {token}})
			if got.status != 200 {
				t.Fatal(got.status, got.text)
			}
			checkTokenHeaders(t, got)
			return got
		}
		want := claimsOf(t, access)
		want["active"], want["username"], want["token_type"] = true, "ada", "Bearer"
		for _, app := range []string{"web", "rs"} {
			if d := cmp.Diff(want, see(app, access).body); d != "" {
				t.Error(app, d)
			}
		}
		inactive := map[string]any{"active": false}
		for _, c := range []struct{ name, app, token string }{
			{"another app", "other", access},
			{"another app posting its secret", "post", access},
			{"an app with a key", "jwt", access},
			{"ID token", "rs", a.str("id_token")},
			{"code", "rs", g.code},
			{"garbage", "rs", "garbage"},
			{"another app's refresh token", "rs", a.str("refresh_token")},
		} {
			if d := cmp.Diff(inactive, see(c.app, c.token).body); d != "" {
				t.Error(c.name, d)
			}
		}
		if got := see("web", a.str("refresh_token")); got.body["active"] != true || got.str("client_id") != "web" || got.str("sub") != w.ada.ID {
			t.Error("own refresh token:", got.text)
		}
		next := w.post("/token", "web", refreshForm(a.str("refresh_token")))
		if got := see("web", a.str("refresh_token")); got.body["active"] != false {
			t.Error("used refresh token:", got.text)
		}
		if got := see("web", next.str("refresh_token")); got.body["active"] != true {
			t.Error("its successor:", got.text)
		}
		for name, r := range map[string]*http.Request{
			"nobody":       formRequest(http.MethodPost, "/t/acme/introspect", url.Values{"token": {access}}),
			"public app":   w.form(t.Context(), "acme", "/introspect", "spa", url.Values{"token": {access}}),
			"wrong secret": formRequest(http.MethodPost, "/t/acme/introspect", url.Values{"token": {access}, "client_id": {"post"}, "client_secret": {"x"}}),
		} {
			if got := w.send(r); got.status != 401 || got.str("error") != "invalid_client" {
				t.Error(name, got.status, got.text)
			}
		}
		if got := w.post("/introspect", "web", url.Values{}); got.status != 400 {
			t.Error("no token:", got.status)
		}
		w.clock.Advance(10 * time.Minute)
		if d := cmp.Diff(inactive, see("web", access).body); d != "" {
			t.Error("expired", d)
		}
	})
}

func TestRevocation(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		revoke := func(app, token string, more ...string) {
			t.Helper()
			v := url.Values{"token": {token}}
			for i := 0; i < len(more); i += 2 {
				v.Set(more[i], more[i+1])
			}
			if got := w.post("/revoke", app, v); got.status != 200 {
				t.Error(got.status, got.text)
			}
		}
		t.Run("access token ends itself", func(t *testing.T) {
			_, a := w.tokensOf("web")
			revoke("web", a.str("access_token"), "token_type_hint", "refresh_token")
			revoke("web", a.str("access_token"))
			if got := w.userinfo(a.str("access_token")); got.status != 401 {
				t.Error(got.status)
			}
			if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 200 {
				t.Error("refresh token:", got.status)
			}
		})
		t.Run("refresh token ends the grant", func(t *testing.T) {
			_, a := w.tokensOf("spa")
			revoke("spa", a.str("refresh_token"), "token_type_hint", "access_token")
			if got := w.userinfo(a.str("access_token")); got.status != 401 {
				t.Error(got.status)
			}
			if got := w.post("/token", "spa", refreshForm(a.str("refresh_token"))); got.status != 400 {
				t.Error(got.status)
			}
		})
		t.Run("used refresh token ends the grant", func(t *testing.T) {
			_, a := w.tokensOf("web")
			next := w.post("/token", "web", refreshForm(a.str("refresh_token")))
			revoke("web", a.str("refresh_token"))
			if got := w.post("/token", "web", refreshForm(next.str("refresh_token"))); got.status != 400 {
				t.Error(got.status)
			}
		})
		t.Run("another app's tokens are untouched", func(t *testing.T) {
			_, a := w.tokensOf("web")
			revoke("other", a.str("access_token"))
			revoke("other", a.str("refresh_token"))
			revoke("other", "garbage")
			revoke("other", a.str("id_token"))
			if got := w.userinfo(a.str("access_token")); got.status != 200 {
				t.Error(got.status)
			}
			if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 200 {
				t.Error(got.status)
			}
		})
		if got := w.post("/revoke", "web", url.Values{}); got.status != 400 {
			t.Error("no token:", got.status)
		}
		if got := w.send(formRequest(http.MethodPost, "/t/acme/revoke", url.Values{"token": {"x"}})); got.status != 401 {
			t.Error("nobody:", got.status)
		}
	})
}

// SECURITY §3 row 56: everything of acme, presented at globex by an app that is at
// home in both.
func TestTenantsShareNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		fresh := w.signIn("web")
		at := func(path string, v url.Values) answer { return w.send(w.form(t.Context(), "globex", path, "web", v)) }
		if got := at("/token", fresh.codeForm()); got.status != 400 || got.str("error") != "invalid_grant" {
			t.Error("code:", got.status, got.text)
		}
		if got := at("/token", g.codeForm()); got.status != 400 {
			t.Error("used code:", got.status, got.text)
		}
		if got := at("/token", refreshForm(a.str("refresh_token"))); got.status != 400 {
			t.Error("refresh token:", got.status, got.text)
		}
		for _, name := range []string{"access_token", "id_token", "refresh_token"} {
			if got := w.userinfoAt("globex", a.str(name)); got.status != 401 {
				t.Error(name, "at userinfo:", got.status)
			}
			if got := at("/introspect", url.Values{"token": {a.str(name)}}); got.body["active"] != false {
				t.Error(name, "at introspection:", got.text)
			}
			if got := at("/revoke", url.Values{"token": {a.str(name)}}); got.status != 200 {
				t.Error(name, "at revocation:", got.status)
			}
		}
		if err := w.p.RevokeSession(w.in(w.globex), g.session.ID, "x"); err != nil {
			t.Error(err)
		}
		if err := w.p.RevokeUser(w.in(w.globex), w.ada.ID, "x"); err != nil {
			t.Error(err)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Error("globex touched acme's grant:", got.status, got.text)
		}
		if got := w.send(w.form(t.Context(), "globex", "/token", "other", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})); got.status != 401 {
			t.Error("secret of an app that is not at globex:", got.status)
		}
		if got := w.post("/token", "web", fresh.codeForm()); got.status != 200 {
			t.Error("globex spent acme's code:", got.status, got.text)
		}
	})
}

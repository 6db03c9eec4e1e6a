package op

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	lib "github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"

	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
)

func defaultEndpoints() []string {
	e := lib.DefaultEndpoints
	return []string{e.Authorization.Relative(), e.Token.Relative(), e.Userinfo.Relative(), e.JwksURI.Relative(), e.Introspection.Relative(), e.Revocation.Relative()}
}

func (w *world) get(path string) answer {
	w.Helper()
	return w.send(httptest.NewRequestWithContext(w.Context(), http.MethodGet, path, nil))
}

func TestDiscoverySaysWhatIsTrue(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	list := func(s ...string) (out []any) {
		for _, x := range s {
			out = append(out, x)
		}
		return out
	}
	iss := publicURL + "/t/acme"
	algs := list("RS256", "PS256", "ES256", "EdDSA")
	want := map[string]any{
		"issuer": iss, "authorization_endpoint": iss + "/authorize", "token_endpoint": iss + "/token", "userinfo_endpoint": iss + "/userinfo",
		"jwks_uri": iss + "/keys", "introspection_endpoint": iss + "/introspect", "revocation_endpoint": iss + "/revoke",
		"end_session_endpoint": iss + "/end_session", "device_authorization_endpoint": iss + "/device_authorization", "pushed_authorization_request_endpoint": iss + "/par",
		"scopes_supported":         list("openid", "profile", "email", "phone", "groups", "offline_access"),
		"response_types_supported": list("code"), "response_modes_supported": list("query", "form_post"),
		"grant_types_supported": list("authorization_code", "refresh_token", "client_credentials", tenants.GrantDevice, tenants.GrantTokenExchange),
		"acr_values_supported":  list(twofactor.ACRs()...), "subject_types_supported": list("public"),
		"id_token_signing_alg_values_supported":                    list("RS256", "ES256"),
		"token_endpoint_auth_methods_supported":                    list("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
		"revocation_endpoint_auth_methods_supported":               list("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
		"introspection_endpoint_auth_methods_supported":            list("client_secret_basic", "client_secret_post", "private_key_jwt"),
		"token_endpoint_auth_signing_alg_values_supported":         algs,
		"revocation_endpoint_auth_signing_alg_values_supported":    algs,
		"introspection_endpoint_auth_signing_alg_values_supported": algs,
		"claim_types_supported":                                    list("normal"), "claims_supported": list(supportedClaims()...), "claims_parameter_supported": true,
		"request_parameter_supported": false, "request_uri_parameter_supported": false,
		"code_challenge_methods_supported": list("S256"), "authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
	}
	got := w.get("/t/acme" + pathDiscovery)
	if d := cmp.Diff(want, got.body); d != "" || got.status != 200 {
		t.Error(got.status, d)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Credentials") != "" || !strings.HasPrefix(got.header.Get("Cache-Control"), "public") ||
		!strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Error(got.header)
	}
	t.Run("RFC 8414", func(t *testing.T) {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/.well-known/oauth-authorization-server/t/acme", nil)
		w.p.Discovery(rec, r.WithContext(tenants.WithRealm(r.Context(), w.acme)))
		if rec.Code != 200 || rec.Body.String() != got.text {
			t.Error(rec.Code, rec.Body)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodHead, "/t/acme"+pathDiscovery, nil)
		if got := w.send(r); got.status != 200 {
			t.Error(got.status)
		}
	})
}

// What a stock library would serve as well, or ought not to.
func TestNothingElseIsServed(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	for _, path := range []string{
		"/healthz", "/ready", "/oauth/token", "/oauth/introspect", "/device_authorization", "/authorize/callback", "/token/", "/token/x",
		"/keys/../token", "//token", "/.well-known/webfinger",
	} {
		if got := w.get("/t/acme" + path); got.status == 200 || got.status >= 500 {
			t.Error(path, got.status, got.text)
		}
	}
	for _, path := range []string{pathKeys, pathDiscovery} {
		r := httptest.NewRequest(http.MethodPost, "/t/acme"+path, nil)
		if got := w.send(r); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
			t.Error(path, got.status, got.header)
		}
	}
	if got := w.get("/t/nobody" + pathDiscovery); got.status != 404 {
		t.Error("unknown tenant:", got.status)
	}
}

// R31: the issuer is configuration; headers of the request change nothing.
func TestIssuerIsConfiguration(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	r := httptest.NewRequest(http.MethodGet, "/t/acme"+pathDiscovery, nil)
	r.Host = "evil.example"
	for _, h := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "X-Forwarded-Prefix"} {
		r.Header.Set(h, "host=evil.example")
	}
	if got := w.send(r); strings.Contains(got.text, "evil") {
		t.Error(got.text)
	}
}

func TestKeys(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var set jose.JSONWebKeySet
		got := w.get("/t/acme/keys")
		if err := json.Unmarshal([]byte(got.text), &set); err != nil || got.status != 200 || len(set.Keys) != 2 {
			t.Fatal(got.status, got.text, err)
		}
		for _, k := range set.Keys {
			if !k.IsPublic() || k.Use != "sig" || k.KeyID == "" || k.Algorithm == "" {
				t.Errorf("%+v", k)
			}
		}
		for _, private := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"k"`} {
			if strings.Contains(got.text, private) {
				t.Error("private part", private)
			}
		}
		if other := w.get("/t/globex/keys"); other.text == got.text || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error("keys are shared, or not for everybody")
		}
	})
}

func TestCreateKeys(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := tenants.WithRealm(t.Context(), tenants.Realm{Subscription: w.acme.Subscription, Tenant: w.newTenant()})
		if _, err := w.p.keySet(ctx); err == nil {
			t.Fatal("a key set without keys")
		}
		for range 2 { // the second time there is nothing to do
			w.must(w.p.CreateKeys(ctx))
		}
		set, err := w.p.keySet(ctx)
		w.must(err)
		if len(set.byID) != 2 || set.active[jose.RS256] == nil || set.active[jose.ES256] == nil {
			t.Errorf("%+v", set)
		}
		if err := w.p.CreateKeys(t.Context()); err == nil {
			t.Error("keys without a tenant")
		}
	})
}

func (w *world) newTenant() tenants.Tenant {
	w.Helper()
	v := tenants.Tenant{Name: "initech", Title: "Initech", SessionSeconds: 1, IdleSeconds: 1, Active: true}
	w.put(w.store.PutTenant(w.in(w.acme), &v))
	return v
}

// A next key is published and not used, a retired one is
// accepted; a key that is gone is refused within a minute.
func TestKeyStates(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := w.in(w.acme)
		_, a := w.tokensOf("web")
		old, err := w.p.keySet(ctx)
		w.must(err)
		oldID := old.active[jose.ES256].id
		state := func(id, s string) {
			t.Helper()
			w.must(w.db.For(ctx).Model(&signingKeyRow{}).Where("id = ?", id).UpdateColumn("state", s).Error)
		}
		state(oldID, keyRetired)
		w.must(w.p.CreateKeys(ctx))
		set, err := w.p.keySet(ctx)
		w.must(err)
		newID := set.active[jose.ES256].id
		if newID == oldID || len(set.byID) != 3 {
			t.Fatal("not rotated")
		}
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Error("token of the retired key:", got.status)
		}
		state(newID, keyNext)
		state(oldID, keyActive)
		w.clock.Advance(time.Minute)
		set, err = w.p.keySet(ctx)
		w.must(err)
		if set.active[jose.ES256].id != oldID || !bytes.Contains(set.jwks, []byte(newID)) {
			t.Error("a next key signs, or is not published")
		}
		w.must(w.db.For(ctx).Where("id = ?", oldID).Delete(&signingKeyRow{}).Error)
		state(newID, keyActive)
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Error("within the minute:", got.status)
		}
		w.clock.Advance(time.Minute)
		if got := w.userinfo(a.str("access_token")); got.status != 401 {
			t.Error("token of a key that is gone:", got.status)
		}
	})
}

// N48: only the pages of a browser app may read, and never with credentials.
func TestCORS(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, a := w.tokensOf("spa")
	_, web := w.tokensOf("web")
	with := func(r *http.Request, origin string) answer {
		r.Header.Set("Origin", origin)
		return w.send(r)
	}
	bearer := func(token string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/t/acme/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}
	refresh := func(app, token string) *http.Request {
		return w.form(t.Context(), "acme", "/token", app, refreshForm(token))
	}
	for _, c := range []struct {
		name, origin, want string
		r                  *http.Request
	}{
		{"userinfo from the app", "https://spa.example", "https://spa.example", bearer(a.str("access_token"))},
		{"userinfo from its other origin", "http://localhost:3000", "http://localhost:3000", bearer(a.str("access_token"))},
		{"userinfo from elsewhere", "https://evil.example", "", bearer(a.str("access_token"))},
		{"userinfo from null", "null", "", bearer(a.str("access_token"))},
		{"userinfo of an app with a server", "https://app.example", "", bearer(web.str("access_token"))},
		{"token from the app", "https://spa.example", "https://spa.example", refresh("spa", a.str("refresh_token"))},
		{"token refused, from the app", "https://spa.example", "https://spa.example", refresh("spa", "rt_x")},
		{"token from elsewhere", "https://spa.example.evil.example", "", refresh("spa", "rt_x")},
		{"token of an app with a server", "https://app.example", "", refresh("web", "rt_x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := with(c.r, c.origin)
			if got.header.Get("Access-Control-Allow-Origin") != c.want || got.header.Get("Access-Control-Allow-Credentials") != "" || got.header.Get("Vary") != "Origin" {
				t.Error(got.status, got.header)
			}
		})
	}
	for path, want := range map[string]int{pathToken: 204, pathUserinfo: 204, pathKeys: 204, pathDiscovery: 204, pathIntrospect: 405, pathRevoke: 405} {
		r := httptest.NewRequest(http.MethodOptions, "/t/acme"+path, nil)
		r.Header.Set("Access-Control-Request-Method", "POST")
		got := with(r, "https://spa.example")
		if got.status != want || got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error(path, got.status, got.header)
		}
		if allowed := got.header.Get("Access-Control-Allow-Origin") != ""; allowed != (want == 204) {
			t.Error(path, got.header)
		}
	}
}

// roundTripper serves requests in process.
type roundTripper struct{ h http.Handler }

func (rt roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	server := r.Clone(r.Context())
	server.RequestURI = r.URL.RequestURI()
	if server.Body == nil {
		server.Body = http.NoBody
	}
	rt.h.ServeHTTP(rec, server)
	return rec.Result(), nil
}

// A relying party with a client library of another house.
func TestGoOIDCAgrees(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, app := range []string{"web", "es", "spa", "post"} {
			t.Run(app, func(t *testing.T) {
				ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: roundTripper{w.http}})
				rp, err := oidc.NewProvider(ctx, publicURL+"/t/acme")
				w.must(err)
				style := oauth2.AuthStyleInHeader
				if app == "post" || app == "spa" {
					style = oauth2.AuthStyleInParams
				}
				end := rp.Endpoint()
				end.AuthStyle = style
				cfg := oauth2.Config{
					ClientID: app, ClientSecret: w.secret[app], RedirectURL: w.apps[app].RedirectURIs[0], Endpoint: end,
					Scopes: []string{"openid", "profile", "email", "offline_access"},
				}
				v := oauth2.GenerateVerifier()
				link, err := url.Parse(cfg.AuthCodeURL("the-state", oauth2.S256ChallengeOption(v), oidc.Nonce("the-nonce")))
				w.must(err)
				req, refused, err := w.authorize(link.Query())
				if err != nil || refused != nil {
					t.Fatal(refused, err)
				}
				s := w.newSession(w.ada)
				resp, err := w.p.Grant(w.in(w.acme), req.ID, Authentication{UserID: w.ada.ID, SessionID: s.ID, ACR: "phr", AMR: []string{"swk"}, AuthTime: s.AuthTime})
				w.must(err)
				tok, err := cfg.Exchange(ctx, fieldOf(t, resp, "code"), oauth2.VerifierOption(v))
				w.must(err)
				checkWithGoOIDC(ctx, t, w, rp, cfg, tok)
			})
		}
	})
}

func checkWithGoOIDC(ctx context.Context, t *testing.T, w *world, rp *oidc.Provider, cfg oauth2.Config, tok *oauth2.Token) {
	t.Helper()
	raw, _ := tok.Extra("id_token").(string)
	verify := rp.VerifierContext(ctx, &oidc.Config{ClientID: cfg.ClientID, Now: w.clock.Now})
	idt, err := verify.Verify(ctx, raw)
	w.must(err)
	if idt.Nonce != "the-nonce" || idt.Subject != w.ada.ID || idt.VerifyAccessToken(tok.AccessToken) != nil {
		t.Errorf("%+v", idt)
	}
	info, err := rp.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	w.must(err)
	if info.Subject != w.ada.ID || info.Email != "ada@acme.example" || !info.EmailVerified {
		t.Errorf("%+v", info)
	}
	tok.Expiry = time.Unix(1, 0) // makes the client refresh
	next, err := cfg.TokenSource(ctx, tok).Token()
	w.must(err)
	if next.RefreshToken == tok.RefreshToken || next.AccessToken == tok.AccessToken {
		t.Error("not refreshed")
	}
}

package op

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

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
			{
				"by claims", "openid", `{"userinfo":{"name":{"essential":true},"tenant":null,"password":null},"id_token":{"email":null}}`,
				map[string]any{"name": "Ada Lovelace", "tenant": "acme"},
			},
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

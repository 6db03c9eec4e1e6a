package op

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit"
)

func TestCodeExchange(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, app := range []string{"web", "post", "old", "es", "spa", "native", "jwt", "odd client+id%"} {
			t.Run(app, func(t *testing.T) {
				g, a := w.tokensOf(app)
				checkTokenHeaders(t, a)
				want := map[string]any{
					"token_type": "Bearer", "expires_in": 600.0, "scope": "openid profile email offline_access",
					"access_token": a.body["access_token"], "refresh_token": a.body["refresh_token"], "id_token": a.body["id_token"],
				}
				if d := cmp.Diff(want, a.body); d != "" {
					t.Error(d)
				}
				w.checkAccessToken(t, g, a.str("access_token"))
				w.checkIDToken(t, g, a.str("id_token"), a.str("access_token"), "n-1")
			})
		}
	})
}

func checkTokenHeaders(t *testing.T, a answer) {
	t.Helper()
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.header.Get("Content-Type") != "application/json" {
		t.Error("headers:", a.header)
	}
}

func (w *world) checkAccessToken(t *testing.T, g granted, token string) {
	t.Helper()
	c := claimsOf(t, token)
	now := float64(w.clock.Now().Unix())
	want := map[string]any{
		"iss": publicURL + "/t/acme", "sub": w.ada.ID, "aud": []any{g.app.ClientID, publicURL + "/t/acme"}, "client_id": g.app.ClientID,
		"scope": "openid profile email offline_access", "jti": c["jti"], "gid": c["gid"], "iat": now, "exp": now + 600,
		"auth_time": float64(g.session.AuthTime.Unix()), "acr": "urn:twofold:acr:aal2", "amr": []any{"pwd", "otp", "mfa"}, "sid": g.session.ID,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error("access token:", d)
	}
}

func (w *world) checkIDToken(t *testing.T, g granted, token, access, nonce string) {
	t.Helper()
	c := claimsOf(t, token)
	now := float64(w.clock.Now().Unix())
	want := map[string]any{
		"iss": publicURL + "/t/acme", "sub": w.ada.ID, "aud": g.app.ClientID, "iat": now, "exp": now + 600, "at_hash": halfHash(access),
		"auth_time": float64(g.session.AuthTime.Unix()), "acr": "urn:twofold:acr:aal2", "amr": []any{"pwd", "otp", "mfa"}, "sid": g.session.ID,
	}
	if nonce != "" {
		want["nonce"] = nonce
	}
	if g.app.IDTokenProfile {
		for k, v := range w.profile() {
			want[k] = v
		}
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error("ID token:", d)
	}
}

func (w *world) profile() map[string]any {
	return map[string]any{
		"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "preferred_username": "ada", "locale": "en-GB",
		"updated_at": float64(w.ada.UpdatedAt.Unix()), "tenant": "acme", "email": "ada@acme.example", "email_verified": true,
	}
}

func TestCodeExchangeRefuses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			name, app, by, want string
			status              int
			change              func(*granted, url.Values)
		}{
			{"verifier omitted", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Del("code_verifier") }},
			{"verifier empty", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("code_verifier", "") }},
			{"verifier wrong", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("code_verifier", verifier+"x") }},
			{"verifier is the challenge", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("code_verifier", challengeOf(verifier)) }},
			{"verifier short", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("code_verifier", verifier[:42]) }},
			{"verifier omitted, public", "spa", "spa", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Del("code_verifier") }},
			{"redirect_uri omitted", "web", "web", "invalid_request", 400, func(_ *granted, v url.Values) { v.Del("redirect_uri") }},
			{"redirect_uri another of the app", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("redirect_uri", "https://app.example/a%20b") }},
			{"code omitted", "web", "web", "invalid_request", 400, func(_ *granted, v url.Values) { v.Del("code") }},
			{"code made up", "web", "web", "invalid_grant", 400, func(_ *granted, v url.Values) { v.Set("code", strings.Repeat("A", 43)) }},
			{"code cut", "web", "web", "invalid_grant", 400, func(g *granted, v url.Values) { v.Set("code", g.code[:42]) }},
			{"code of another app", "web", "other", "invalid_grant", 400, func(*granted, url.Values) {}},
			{"at 60 seconds", "web", "web", "invalid_grant", 400, func(*granted, url.Values) { w.clock.Advance(60 * time.Second) }},
			{"session ended meanwhile", "web", "web", "invalid_grant", 400, func(g *granted, _ url.Values) { w.endSession(g.session) }},
			{"grant revoked meanwhile", "web", "web", "invalid_grant", 400, func(g *granted, _ url.Values) {
				w.must(w.p.RevokeSession(w.in(w.acme), g.session.ID, "sign_out"))
			}},
			{"user disabled meanwhile", "web", "web", "invalid_grant", 400, func(*granted, url.Values) { w.setActive(false) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := w.signIn(c.app)
				v := g.codeForm()
				c.change(&g, v)
				a := w.post("/token", c.by, v)
				w.setActive(true)
				if a.status != c.status || a.str("error") != c.want || strings.Contains(a.text, "access_token") {
					t.Errorf("%d %s", a.status, a.text)
				}
				checkTokenHeaders(t, a)
			})
		}
		t.Run("verifier without challenge", func(t *testing.T) {
			g := w.signIn("old", "code_challenge", "", "code_challenge_method", "")
			if a := w.post("/token", "old", g.codeForm()); a.status != 400 || a.str("error") != "invalid_grant" {
				t.Error(a.status, a.text)
			}
		})
		t.Run("no PKCE at all by the app let off", func(t *testing.T) {
			g := w.signIn("old", "code_challenge", "", "code_challenge_method", "")
			if a := w.post("/token", "old", g.codeForm("code_verifier", "")); a.status != 200 {
				t.Error(a.status, a.text)
			}
		})
		t.Run("a failed check spends the code", func(t *testing.T) {
			g := w.signIn("web")
			w.post("/token", "web", g.codeForm("code_verifier", verifier+"x"))
			if a := w.post("/token", "web", g.codeForm()); a.status != 400 {
				t.Error(a.status, a.text)
			}
		})
		t.Run("another app does not spend the code", func(t *testing.T) {
			g := w.signIn("web")
			w.post("/token", "other", g.codeForm())
			if a := w.post("/token", "web", g.codeForm()); a.status != 200 {
				t.Error(a.status, a.text)
			}
		})
		t.Run("an unauthenticated caller does not spend the code", func(t *testing.T) {
			g := w.signIn("web")
			r := w.form(t.Context(), "acme", "/token", "web", g.codeForm())
			r.SetBasicAuth("web", "guess")
			if a := w.send(r); a.status != 401 {
				t.Error(a.status)
			}
			if a := w.post("/token", "web", g.codeForm()); a.status != 200 {
				t.Error(a.status, a.text)
			}
		})
	})
}

func (w *world) endSession(s session) {
	w.Helper()
	w.must(w.db.For(w.in(w.acme)).Model(&session{}).Where("id = ?", s.ID).UpdateColumn("ended_at", w.clock.Now()).Error)
}

func (w *world) setActive(active bool) {
	w.Helper()
	if w.ada.Active == active {
		return
	}
	w.ada.Active = active
	w.put(w.store.PutUser(w.in(w.acme), &w.ada))
}

// Without openid it is plain OAuth: no ID token; without offline_access no refresh token.
func TestWhatIsIssued(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	for _, c := range []struct {
		name, app, scope string
		want             []string
	}{
		{"all", "web", "openid offline_access", []string{"access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"}},
		{"not offline", "web", "openid", []string{"access_token", "expires_in", "id_token", "scope", "token_type"}},
		{"plain OAuth", "web", "api", []string{"access_token", "expires_in", "scope", "token_type"}},
		{"app without refresh", "norefresh", "openid offline_access", []string{"access_token", "expires_in", "id_token", "scope", "token_type"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, a := w.tokensOf(c.app, "scope", c.scope)
			var got []string
			for k := range a.body {
				got = append(got, k)
			}
			slices.Sort(got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// The shape of requests to the token endpoint.
func TestTokenEndpointRefusesBadRequests(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	form := func() url.Values {
		return w.signIn("post").codeForm("client_id", "post", "client_secret", w.secret["post"])
	}
	for _, c := range []struct {
		name   string
		status int
		want   string
		make   func() *http.Request
	}{
		{"GET with all in the query", 405, "invalid_request", func() *http.Request {
			return httptest.NewRequest(http.MethodGet, "/t/acme/token?"+form().Encode(), nil)
		}},
		{"PUT", 405, "invalid_request", func() *http.Request { return formRequest(http.MethodPut, "/t/acme/token", form()) }},
		{"secret in the query", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Del("client_secret")
			return formRequest(http.MethodPost, "/t/acme/token?client_secret="+w.secret["post"], v)
		}},
		{"grant_type in the query", 400, "invalid_request", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token?grant_type=refresh_token", form())
		}},
		{"code twice", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Add("code", "x")
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"secret twice", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Add("client_secret", w.secret["post"])
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"JSON", 400, "invalid_request", func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/t/acme/token", strings.NewReader(`{"grant_type":"authorization_code"}`))
			r.Header.Set("Content-Type", "application/json")
			return r
		}},
		{"no content type", 400, "invalid_request", func() *http.Request {
			return httptest.NewRequest(http.MethodPost, "/t/acme/token", strings.NewReader(form().Encode()))
		}},
		{"body too large", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Set("x", strings.Repeat("x", 70_000))
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"parameter too large", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Set("x", strings.Repeat("x", 9000))
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"bad escape", 400, "invalid_request", func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/t/acme/token", strings.NewReader("grant_type=%zz"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}},
		{"NUL", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Set("client_id", "\x00")
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"no grant_type", 400, "invalid_request", func() *http.Request {
			v := form()
			v.Del("grant_type")
			return formRequest(http.MethodPost, "/t/acme/token", v)
		}},
		{"jwt-bearer", 400, "unsupported_grant_type", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", url.Values{
				"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {w.assertion("ec", nil)},
			})
		}},
		{"token exchange, and no client", 401, "invalid_client", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}})
		}},
		{"device, and no client", 401, "invalid_client", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}})
		}},
		{"password", 400, "unsupported_grant_type", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {"x"}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.send(c.make())
			if a.status != c.status || a.str("error") != c.want {
				t.Errorf("%d %s", a.status, a.text)
			}
			checkTokenHeaders(t, a)
		})
	}
}

func formRequest(method, target string, v url.Values) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

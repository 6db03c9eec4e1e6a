package op

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
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

func TestCodeReplayRevokesTheGrant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Fatal(got.status, got.text)
		}
		if again := w.post("/token", "other", g.codeForm()); again.status != 400 {
			t.Fatal(again.status)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Fatal("another app's replay ended the grant:", got.text)
		}
		if again := w.post("/token", "web", g.codeForm()); again.status != 400 || again.str("error") != "invalid_grant" {
			t.Fatal(again.status, again.text)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 401 {
			t.Error("access token still good")
		}
		if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 400 {
			t.Error("refresh token still good")
		}
		w.post("/token", "web", g.codeForm())
		if d := cmp.Diff([]string{"code.replayed"}, w.events()); d != "" {
			t.Error(d)
		}
	})
}

// R2, SECURITY §3 row 41: of fifty exchanges of one code at once one succeeds.
func TestParallelExchangesOfOneCode(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g := w.signIn("web")
		results := w.parallel(50, func() answer { return w.post("/token", "web", g.codeForm()) })
		if n := count(results, 200); n != 1 || count(results, 400) != 49 {
			t.Fatalf("%d successes, %d refusals of 50", n, count(results, 400))
		}
	})
}

func (w *world) parallel(n int, f func() answer) []answer {
	w.Helper()
	out := make([]answer, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			out[i] = f()
		})
	}
	close(start)
	wg.Wait()
	return out
}

func count(list []answer, status int) (n int) {
	for _, a := range list {
		if a.status == status {
			n++
		}
	}
	return n
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
		{"token exchange", 400, "unsupported_grant_type", func() *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}})
		}},
		{"device", 400, "unsupported_grant_type", func() *http.Request {
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

// R18: a client uses only the grants and scopes it was given.
func TestGrantTypesOfAClient(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, tokens := w.tokensOf("web")
	for _, c := range []struct{ name, app, want string }{
		{"client credentials by a web app", "web", "client_credentials"},
		{"refresh by an app without it", "norefresh", "refresh_token"},
		{"code by a machine", "machine", "authorization_code"},
		{"client credentials by a public app", "spa", "client_credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := url.Values{"grant_type": {c.want}, "refresh_token": {tokens.str("refresh_token")}, "code": {"x"}, "redirect_uri": {appCallback}}
			if a := w.post("/token", c.app, v); a.status != 400 || a.str("error") != "unauthorized_client" {
				t.Error(a.status, a.text)
			}
		})
	}
}

// What is kept: hashes, never codes or tokens (N35, N40, R23).
func TestNothingUsableIsKept(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	g, a := w.tokensOf("web")
	var all strings.Builder
	for _, table := range []string{"signing_keys", "auth_requests", "auth_codes", "grants", "revoked_tokens", "replay", "audit_events"} {
		rows, err := w.db.SQL().QueryContext(t.Context(), "SELECT * FROM "+table) //nolint:gosec // names from above
		w.must(err)
		cols, err := rows.Columns()
		w.must(err)
		for rows.Next() {
			cells := make([]any, len(cols))
			for i := range cells {
				cells[i] = new(any)
			}
			w.must(rows.Scan(cells...))
			for _, c := range cells {
				if s, ok := (*c.(*any)).(string); ok {
					all.WriteString(s + "\n")
				}
			}
		}
		w.must(rows.Err())
		rows.Close()
	}
	for name, secret := range map[string]string{
		"code": g.code, "access token": a.str("access_token"), "refresh token": a.str("refresh_token"), "ID token": a.str("id_token"),
		"client secret": w.secret["web"], "private key": "PRIVATE KEY", "verifier": verifier,
	} {
		if strings.Contains(all.String(), secret) {
			t.Error(name, "is kept readable")
		}
	}
	if !strings.Contains(all.String(), "v1.") {
		t.Error("the dump is empty")
	}
}

func TestClientCredentials(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		issue := func(app string, more ...string) answer {
			v := url.Values{"grant_type": {"client_credentials"}}
			for i := 0; i < len(more); i += 2 {
				v.Set(more[i], more[i+1])
			}
			return w.post("/token", app, v)
		}
		a := issue("machine")
		if a.status != 200 || a.str("scope") != "read write" || a.body["refresh_token"] != nil || a.body["id_token"] != nil {
			t.Fatal(a.status, a.text)
		}
		checkTokenHeaders(t, a)
		c := claimsOf(t, a.str("access_token"))
		if c["sub"] != "machine" || c["client_id"] != "machine" || c["gid"] != nil || c["sid"] != nil {
			t.Error(c)
		}
		if a := issue("machine", "scope", "write"); a.str("scope") != "write" {
			t.Error(a.text)
		}
		for _, scope := range []string{"root", "read root", "openid", "profile"} {
			if a := issue("machine", "scope", scope); a.status != 400 || a.str("error") != "invalid_scope" {
				t.Error(scope, a.status, a.text)
			}
		}
		if a := issue("jwt"); a.status != 200 || claimsOf(t, a.str("access_token"))["sub"] != "jwt" {
			t.Error("private_key_jwt:", a.status, a.text)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 403 || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
			t.Error("userinfo:", got.status, got.header)
		}
		see := w.post("/introspect", "machine", url.Values{"token": {a.str("access_token")}})
		if see.body["active"] != true || see.str("sub") != "machine" || see.str("scope") != "read write" {
			t.Error(see.text)
		}
		w.post("/revoke", "machine", url.Values{"token": {a.str("access_token")}})
		if see := w.post("/introspect", "machine", url.Values{"token": {a.str("access_token")}}); see.body["active"] != false {
			t.Error("after revocation:", see.text)
		}
	})
}

// The budget of round trips to the database, with warm caches.
func TestRoundTrips(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, a := w.tokensOf("web") // warm
		measure := func(r *http.Request) int64 {
			t.Helper()
			ctx, n := db.WithCounter(r.Context())
			if got := w.send(r.WithContext(ctx)); got.status != 200 {
				t.Fatal(got.status, got.text)
			}
			return n.Count()
		}
		get := func(path, bearer string) *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/t/acme"+path, nil)
			r.Header.Set("Authorization", "Bearer "+bearer)
			return r
		}
		machine := w.post("/token", "machine", url.Values{"grant_type": {"client_credentials"}})
		for _, c := range []struct {
			name string
			most int64
			r    *http.Request
		}{
			{"code exchange", 2, w.form(t.Context(), "acme", "/token", "web", w.signIn("web").codeForm())},
			{"refresh", 2, w.form(t.Context(), "acme", "/token", "web", refreshForm(a.str("refresh_token")))},
			{"userinfo", 1, get("/userinfo", a.str("access_token"))},
			{"introspection", 1, w.form(t.Context(), "acme", "/introspect", "web", url.Values{"token": {a.str("access_token")}})},
			{"introspection of a machine's token", 1, w.form(t.Context(), "acme", "/introspect", "machine", url.Values{"token": {machine.str("access_token")}})},
			{"client credentials", 0, w.form(t.Context(), "acme", "/token", "machine", url.Values{"grant_type": {"client_credentials"}})},
			{"client credentials by key", 1, w.form(t.Context(), "acme", "/token", "jwt", url.Values{"grant_type": {"client_credentials"}})},
			{"discovery", 0, get(pathDiscovery, "")},
			{"keys", 0, get(pathKeys, "")},
		} {
			if c.name == "client credentials by key" {
				w.post("/token", "jwt", url.Values{"grant_type": {"client_credentials"}}) // warm
			}
			if got := measure(c.r); got > c.most {
				t.Errorf("%s: %d round trips, budget %d", c.name, got, c.most)
			}
		}
	})
}

// SECURITY §3 row 39, R13: whatever ends, ends at once.
func TestWhatEndsAGrant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			name       string
			end, after func(granted)
		}{
			{"session ended", func(g granted) { w.endSession(g.session) }, nil},
			{"session revoked", func(g granted) { w.must(w.p.RevokeSession(w.in(w.acme), g.session.ID, "sign_out")) }, nil},
			{"user revoked", func(granted) { w.must(w.p.RevokeUser(w.in(w.acme), w.ada.ID, "password_changed")) }, nil},
			{"user disabled", func(granted) { w.setActive(false) }, func(granted) { w.setActive(true) }},
			{"no longer a member", func(granted) {
				w.put(w.store.SetTenantMembers(w.in(w.acme), w.acme.Tenant.ID, nil))
			}, func(granted) {
				w.put(w.store.SetTenantMembers(w.in(w.acme), w.acme.Tenant.ID, []string{w.ada.ID, w.bob.ID}))
			}},
			{"app switched off", func(g granted) {
				off := g.app
				off.Active = false
				w.put(w.store.PutClientApp(w.in(w.acme), &off))
			}, func(g granted) { w.put(w.store.PutClientApp(w.in(w.acme), &g.app)) }},
			{"app taken from the tenant", func(granted) {
				w.put(w.store.SetTenantClientApps(w.in(w.acme), w.acme.Tenant.ID, []string{w.apps["rs"].ID}))
			}, func(granted) {
				var ids []string
				for _, a := range w.apps {
					ids = append(ids, a.ID)
				}
				w.put(w.store.SetTenantClientApps(w.in(w.acme), w.acme.Tenant.ID, ids))
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				g, a := w.tokensOf("web")
				c.end(g)
				if got := w.userinfo(a.str("access_token")); got.status != 401 {
					t.Error("userinfo:", got.status, got.text)
				}
				if got := w.post("/introspect", "rs", url.Values{"token": {a.str("access_token")}}); got.body["active"] != false {
					t.Error("introspection:", got.status, got.text)
				}
				if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 400 && got.status != 401 {
					t.Error("refresh:", got.status, got.text)
				}
				if c.after != nil {
					c.after(g)
				}
			})
		}
		if got := slices.Compact(w.events()); !slices.Equal(got, []string{"grant.revoked"}) {
			t.Error("audit:", got)
		}
	})
}

// An offline grant outlives a session that ran out; an online one does not.
func TestExpiredSession(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	expire := func(g granted) {
		w.must(w.db.For(w.in(w.acme)).Model(&session{}).Where("id = ?", g.session.ID).UpdateColumn("expires_at", w.clock.Now()).Error)
	}
	g, offline := w.tokensOf("web")
	expire(g)
	if a := w.post("/token", "web", refreshForm(offline.str("refresh_token"))); a.status != 200 {
		t.Error("offline:", a.status, a.text)
	}
	w.must(w.db.For(w.in(w.acme)).Where("id = ?", g.session.ID).Delete(&session{}).Error)
	if a := w.userinfo(offline.str("access_token")); a.status != 200 {
		t.Error("offline, session swept:", a.status, a.text)
	}
	g, online := w.tokensOf("web", "scope", "openid")
	if a := w.userinfo(online.str("access_token")); a.status != 200 {
		t.Error("online:", a.status, a.text)
	}
	expire(g)
	if a := w.userinfo(online.str("access_token")); a.status != 401 {
		t.Error("online, session expired:", a.status, a.text)
	}
}

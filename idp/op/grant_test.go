package op

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

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
		rows, err := w.db.SQL().QueryContext(t.Context(), "SELECT * FROM "+table)
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
			}, func(g granted) {
				g.app.Version = 0 // whichever it is
				w.put(w.store.PutClientApp(w.in(w.acme), &g.app))
			}},
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

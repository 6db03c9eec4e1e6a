package op

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit"
)

func TestRefreshRotates(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, app := range []string{"web", "spa", "es"} {
			t.Run(app, func(t *testing.T) {
				g, a := w.tokensOf(app)
				for range 3 {
					w.clock.Advance(13 * 24 * time.Hour / 4)
					next := w.post("/token", app, refreshForm(a.str("refresh_token")))
					if next.status != 200 || next.str("refresh_token") == a.str("refresh_token") {
						t.Fatal(next.status, next.text)
					}
					checkTokenHeaders(t, next)
					// Refreshed ID tokens keep acr, amr, auth_time and sid, and lose the nonce.
					w.checkIDToken(t, g, next.str("id_token"), next.str("access_token"), "")
					w.checkAccessToken(t, g, next.str("access_token"))
					if got := w.userinfo(next.str("access_token")); got.status != 200 {
						t.Error(got.status, got.text)
					}
					a = next
				}
			})
		}
	})
}

func TestRefreshLifetimes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("14 days idle", func(t *testing.T) {
			_, a := w.tokensOf("web")
			w.clock.Advance(14 * 24 * time.Hour)
			if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 400 {
				t.Error(got.status)
			}
		})
		t.Run("30 days in all", func(t *testing.T) {
			_, a := w.tokensOf("web")
			for day := 10; day < 30; day += 10 {
				w.clock.Advance(10 * 24 * time.Hour)
				if a = w.post("/token", "web", refreshForm(a.str("refresh_token"))); a.status != 200 {
					t.Fatal(day, a.status, a.text)
				}
			}
			w.clock.Advance(10 * 24 * time.Hour)
			if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 400 {
				t.Error(got.status)
			}
		})
	})
}

func TestRefreshNarrowsScopes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, a := w.tokensOf("web")
		less := w.post("/token", "web", refreshForm(a.str("refresh_token"), "scope", "email"))
		if less.status != 200 || less.str("scope") != "email" || less.body["id_token"] != nil {
			t.Fatal(less.status, less.text)
		}
		if got := w.userinfo(less.str("access_token")); got.status != 403 {
			t.Error("userinfo without openid:", got.status)
		}
		more := w.post("/token", "web", refreshForm(less.str("refresh_token"), "scope", "openid phone"))
		if more.status != 400 || more.str("error") != "invalid_scope" {
			t.Error("widened:", more.status, more.text)
		}
		all := w.post("/token", "web", refreshForm(less.str("refresh_token")))
		if all.status != 200 || all.str("scope") != "openid profile email offline_access" {
			t.Error("the grant was narrowed:", all.status, all.text)
		}
	})
}

func TestRefreshReuseEndsTheGrant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, first := w.tokensOf("web")
		second := w.post("/token", "web", refreshForm(first.str("refresh_token")))
		if got := w.post("/token", "other", refreshForm(first.str("refresh_token"))); got.status != 400 {
			t.Error("by another app:", got.status)
		}
		if got := w.userinfo(second.str("access_token")); got.status != 200 {
			t.Fatal("another app ended the grant")
		}
		if got := w.post("/token", "web", refreshForm(first.str("refresh_token"))); got.status != 400 || got.str("error") != "invalid_grant" {
			t.Error(got.status, got.text)
		}
		if got := w.post("/token", "web", refreshForm(second.str("refresh_token"))); got.status != 400 {
			t.Error("the successor still works:", got.status)
		}
		if got := w.userinfo(second.str("access_token")); got.status != 401 {
			t.Error("the access token still works:", got.status)
		}
		if d := cmp.Diff([]string{"refresh.reused"}, w.events()); d != "" {
			t.Error(d)
		}
	})
}

func TestRefreshGrace(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.p.RefreshGrace = 10 * time.Second
		_, first := w.tokensOf("web")
		second := w.post("/token", "web", refreshForm(first.str("refresh_token")))
		w.clock.Advance(9 * time.Second)
		again := w.post("/token", "web", refreshForm(first.str("refresh_token")))
		if again.status != 200 || again.str("refresh_token") != second.str("refresh_token") {
			t.Fatal("not the same successor:", again.status, again.text)
		}
		third := w.post("/token", "web", refreshForm(second.str("refresh_token")))
		if third.status != 200 {
			t.Fatal(third.status)
		}
		if got := w.post("/token", "web", refreshForm(first.str("refresh_token"))); got.status != 400 {
			t.Error("two generations behind:", got.status)
		}
		_, first = w.tokensOf("web")
		w.post("/token", "web", refreshForm(first.str("refresh_token")))
		w.clock.Advance(11 * time.Second)
		if got := w.post("/token", "web", refreshForm(first.str("refresh_token"))); got.status != 400 {
			t.Error("after the grace:", got.status)
		}
	})
}

// SECURITY §3 row 37: fifty refreshes at once leave one successor.
func TestParallelRefreshes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, a := w.tokensOf("web")
		got := w.parallel(50, func() answer { return w.post("/token", "web", refreshForm(a.str("refresh_token"))) })
		if count(got, 200) != 1 || count(got, 400) != 49 {
			t.Errorf("%d successors, %d refusals", count(got, 200), count(got, 400))
		}
		t.Run("with grace all get the same", func(t *testing.T) {
			w.p.RefreshGrace = 10 * time.Second
			_, a := w.tokensOf("web")
			successors := map[string]bool{}
			for _, r := range w.parallel(50, func() answer { return w.post("/token", "web", refreshForm(a.str("refresh_token"))) }) {
				if r.status != 200 {
					t.Error(r.status, r.text)
				}
				successors[r.str("refresh_token")] = true
			}
			if len(successors) != 1 {
				t.Errorf("%d successors", len(successors))
			}
		})
	})
}

// SECURITY §3 row 61: whatever is cut, extended or changed is refused, without
// asking the database.
func TestRefreshTokenForgeries(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	tenant, grant := w.acme.Tenant.ID, "0190b6a0-5b0a-7c3e-8f00-000000000001"
	token := w.p.refreshToken(tenant, grant, 7)
	if g, n, ok := w.p.parseRefreshToken(tenant, token); !ok || g != grant || n != 7 {
		t.Fatal(g, n, ok)
	}
	if len(token) != 73 {
		t.Error("length", len(token))
	}
	refused := func(name, s string) {
		t.Helper()
		if _, _, ok := w.p.parseRefreshToken(tenant, s); ok {
			t.Errorf("%s: %q", name, s)
		}
	}
	for i := range token {
		for _, c := range []byte("AB_-.=\n") {
			if token[i] != c {
				refused("changed", token[:i]+string(c)+token[i+1:])
			}
			refused("extended", token[:i]+string(c)+token[i:])
		}
		refused("cut", token[:i])
		refused("cut out", token[:i]+token[i+1:])
	}
	refused("padded", token+"=")
	refused("doubled", token+token)
	b, err := base64.RawURLEncoding.DecodeString(token[3:])
	w.must(err)
	for _, generation := range []byte{6, 8, 0} {
		b[19] = generation
		refused("other generation", "rt_"+base64.RawURLEncoding.EncodeToString(b))
	}
	if _, _, ok := w.p.parseRefreshToken(w.globex.Tenant.ID, token); ok {
		t.Error("good at the other tenant")
	}
}

func TestRefreshRefusesOtherTokens(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	g, a := w.tokensOf("web")
	for name, token := range map[string]string{ // SECURITY §3 row 40
		"access token": a.str("access_token"), "ID token": a.str("id_token"), "code": g.code, "nothing like it": "x",
		"of a grant that is gone": w.p.refreshToken(w.acme.Tenant.ID, "0190b6a0-5b0a-7c3e-8f00-000000000001", 0),
	} {
		if got := w.post("/token", "web", refreshForm(token)); got.status != 400 || got.str("error") != "invalid_grant" {
			t.Error(name, got.status, got.text)
		}
	}
	t.Run("newer than the grant, as after a restored backup", func(t *testing.T) {
		grant := claimsOf(t, a.str("access_token"))["gid"].(string)
		if got := w.post("/token", "web", refreshForm(w.p.refreshToken(w.acme.Tenant.ID, grant, 5))); got.status != 400 {
			t.Error(got.status)
		}
		if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 200 {
			t.Error("it ended the grant:", got.status)
		}
	})
	t.Run("online grant", func(t *testing.T) {
		_, a := w.tokensOf("web", "scope", "openid")
		grant := claimsOf(t, a.str("access_token"))["gid"].(string)
		if got := w.post("/token", "web", refreshForm(w.p.refreshToken(w.acme.Tenant.ID, grant, 0))); got.status != 400 {
			t.Error(got.status)
		}
	})
}

func FuzzRefreshToken(f *testing.F) {
	w := newWorld(f, testkit.SQLite(f))
	tenant, grant := w.acme.Tenant.ID, "0190b6a0-5b0a-7c3e-8f00-000000000001"
	good := w.p.refreshToken(tenant, grant, 7)
	for _, s := range []string{good, "", "rt_", good + "=", strings.ToUpper(good), "rt_" + strings.Repeat("A", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, n, ok := w.p.parseRefreshToken(tenant, s)
		if ok && (w.p.refreshToken(tenant, g, n) != s || s != good) {
			t.Errorf("accepted %q", s)
		}
	})
}

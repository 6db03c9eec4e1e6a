package op

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/tenants"
)

func TestEndSession(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	g, a := w.tokensOf("web")
	hint, out := a.str("id_token"), "https://app.example/out"
	told, err := w.p.LogoutToken(w.in(w.acme), w.apps["web"], w.ada.ID, g.session.ID)
	w.must(err)
	w.clock.Advance(40 * 24 * time.Hour) // hints do not expire
	ask := func(realm tenants.Realm, method string, v url.Values) (EndSessionRequest, error) {
		r := httptest.NewRequest(http.MethodGet, "/end_session?"+v.Encode(), nil)
		if method == http.MethodPost {
			r = formRequest(method, "/end_session", v)
		}
		return w.p.EndSession(w.in(realm), r)
	}
	form := func(kv ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			v.Add(kv[i], kv[i+1])
		}
		return v
	}
	for _, c := range []struct {
		name           string
		v              url.Values
		app, user, url string
		bad            string
	}{
		{"nothing", form(), "", "", "", ""},
		{"hint", form("id_token_hint", hint), "web", w.ada.ID, "", ""},
		{"hint and address", form("id_token_hint", hint, "post_logout_redirect_uri", out), "web", w.ada.ID, out, ""},
		{"hint, address and state", form("id_token_hint", hint, "post_logout_redirect_uri", out, "state", "a&b"), "web", w.ada.ID, out + "?state=a%26b", ""},
		{"hint and its client", form("id_token_hint", hint, "client_id", "web"), "web", w.ada.ID, "", ""},
		{"client and address, no hint", form("client_id", "web", "post_logout_redirect_uri", out), "web", "", out, ""},
		{"logout hint and languages", form("logout_hint", "ada", "ui_locales", "de fr"), "", "", "", ""},
		{"state alone", form("state", "s"), "", "", "", ""},
		{"query added to the address", form("id_token_hint", hint, "post_logout_redirect_uri", out+"?a=b"), "", "", "", "redirect_unknown"},
		{"hint a logout token", form("id_token_hint", told), "", "", "", "hint_unknown"},
		{"address alone", form("post_logout_redirect_uri", out), "", "", "", "client_unknown"},
		{"address not registered", form("id_token_hint", hint, "post_logout_redirect_uri", out+"/"), "", "", "", "redirect_unknown"},
		{"callback is no logout address", form("client_id", "web", "post_logout_redirect_uri", appCallback), "", "", "", "redirect_unknown"},
		{"hint of another client", form("id_token_hint", hint, "client_id", "other"), "", "", "", "hint_unknown"},
		{"hint garbage", form("id_token_hint", "x"), "", "", "", "hint_unknown"},
		{"hint altered", form("id_token_hint", altered(hint)), "", "", "", "hint_unknown"},
		{"hint an access token", form("id_token_hint", a.str("access_token")), "", "", "", "hint_unknown"},
		{"unknown client", form("client_id", "nobody"), "", "", "", "client_unknown"},
		{"twice", form("state", "1", "state", "2"), "", "", "", "request_unreadable"},
		{"NUL", form("state", "\x00"), "", "", "", "request_unreadable"},
		{"state too long", form("state", strings.Repeat("s", 2049)), "", "", "", "request_unreadable"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				got, err := ask(w.acme, method, c.v)
				if c.bad != "" {
					if !problem.Is(err, problem.Invalid) || problem.From(err).Code != c.bad {
						t.Error(err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				app := ""
				if got.ClientApp != nil {
					app = got.ClientApp.Name
				}
				if app != c.app || got.HintUserID != c.user || got.RedirectURL() != c.url {
					t.Errorf("%+v", got)
				}
				if c.user != "" && got.HintSessionID != g.session.ID {
					t.Error("session", got.HintSessionID)
				}
			})
		}
	}
	t.Run("hint of the other tenant", func(t *testing.T) {
		if _, err := ask(w.globex, http.MethodGet, form("id_token_hint", hint)); problem.From(err).Code != "hint_unknown" {
			t.Error(err)
		}
	})
	t.Run("app is gone", func(t *testing.T) {
		off := w.apps["web"]
		off.Active = false
		w.put(w.store.PutClientApp(w.in(w.acme), &off))
		if got, err := ask(w.acme, http.MethodGet, form("id_token_hint", hint)); err != nil || got.HintUserID != w.ada.ID || got.ClientApp != nil {
			t.Error(got, err)
		}
		if _, err := ask(w.acme, http.MethodGet, form("id_token_hint", hint, "post_logout_redirect_uri", out)); problem.From(err).Code != "client_unknown" {
			t.Error(err)
		}
	})
}

func TestRevokeInsideATransactionRecordsNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		w.must(w.db.Tx(w.in(w.acme), func(ctx context.Context) error { return w.p.RevokeSession(ctx, g.session.ID, "sign_out") }))
		if got := w.userinfo(a.str("access_token")); got.status != 401 || len(w.events()) != 0 {
			t.Error(got.status, w.events())
		}
		w.must(w.p.RevokeSession(w.in(w.acme), "", "x"))
	})
}

func TestSweep(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, a := w.tokensOf("web")
		w.tokensOf("web", "scope", "openid")
		w.post("/revoke", "web", url.Values{"token": {a.str("access_token")}})
		w.post("/token", "jwt", url.Values{"grant_type": {"client_credentials"}})
		rows := func() (n [5]int64) {
			t.Helper()
			ctx := db.AllTenants(t.Context())
			for i, m := range []any{&authRequestRow{}, &authCodeRow{}, &grantRow{}, &revokedTokenRow{}, &replayRow{}} {
				w.must(w.db.For(ctx).Model(m).Count(&n[i]).Error)
			}
			return n
		}
		sweep := func(after time.Duration, want [5]int64) {
			t.Helper()
			w.clock.Advance(after)
			w.must(w.p.Sweep(t.Context()))
			if got := rows(); got != want {
				t.Errorf("left %v, want %v", got, want)
			}
		}
		sweep(0, [5]int64{2, 2, 2, 1, 1})
		sweep(12*time.Minute, [5]int64{2, 2, 2, 0, 0})
		sweep(2*time.Hour, [5]int64{0, 2, 2, 0, 0})
		sweep(24*time.Hour, [5]int64{0, 0, 1, 0, 0})
		if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 200 {
			t.Error("the offline grant was swept:", got.status)
		}
		sweep(31*24*time.Hour, [5]int64{0, 0, 0, 0, 0})
		t.Run("more than a batch", func(t *testing.T) {
			var many []replayRow
			for range 2*sweepBatch + 3 {
				many = append(many, replayRow{Key: id.New(), ExpiresAt: w.clock.Now()})
			}
			w.must(w.db.For(w.in(w.acme)).CreateInBatches(many, 200).Error)
			sweep(time.Second, [5]int64{})
		})
	})
}

// altered is a token with another character within its signature.
func altered(token string) string {
	at := len(token) - 20
	other := "A"
	if token[at:at+1] == other {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

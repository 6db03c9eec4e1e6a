package op

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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

package op

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
)

func and(form url.Values, resources ...string) url.Values {
	form["resource"] = resources
	return form
}

// TestResourceIndicators: RFC 8707: a token is good at the API it was asked for, and
// nowhere else.
func TestResourceIndicators(t *testing.T) {
	const api, billing, stock = "https://api.example", "https://billing.example/v1", "urn:example:stock"
	eachWorld(t, func(t *testing.T, w *world) {
		// grant lets the app have tokens for these APIs.
		grant := func(resources ...string) granted {
			t.Helper()
			uri := w.post(pathPAR, "apis", and(asked(w.apps["apis"]), resources...)).str("request_uri")
			req, refused, err := w.authorize(pushed(w.apps["apis"], uri))
			if err != nil || refused != nil {
				t.Fatalf("%+v %v", refused, err)
			}
			s := w.newSession(w.ada)
			resp, err := w.p.Grant(w.in(w.acme), req.ID, Authentication{UserID: w.ada.ID, SessionID: s.ID, AuthTime: s.AuthTime})
			w.must(err)
			return granted{app: w.apps["apis"], code: fieldOf(t, resp, "code"), values: asked(w.apps["apis"])}
		}
		aud := func(a answer) []any {
			t.Helper()
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.text)
			}
			list, _ := claimsOf(t, a.str("access_token"))["aud"].([]any)
			return list
		}

		g := grant(api, billing, api)
		first := w.post("/token", "apis", and(g.codeForm(), billing))
		if d := cmp.Diff([]any{billing}, aud(first)); d != "" {
			t.Error("one of two:", d)
		}
		if c := claimsOf(t, first.str("id_token")); c["aud"] != "apis" {
			t.Errorf("the ID token is for %v", c["aud"])
		}
		all := w.post("/token", "apis", refreshForm(first.str("refresh_token")))
		if d := cmp.Diff([]any{api, billing}, aud(all)); d != "" {
			t.Error("all that was granted:", d)
		}
		beyond := w.post("/token", "apis", and(refreshForm(all.str("refresh_token")), stock))
		if beyond.status != http.StatusBadRequest || beyond.str("error") != "invalid_target" {
			t.Errorf("what was not granted: %d %s", beyond.status, beyond.text)
		}
		again := w.post("/token", "apis", and(refreshForm(all.str("refresh_token")), api))
		if d := cmp.Diff([]any{api}, aud(again)); d != "" {
			t.Error("a refusal has spent the refresh token:", d)
		}

		if u := w.userinfo(again.str("access_token")); u.status != http.StatusUnauthorized || !strings.Contains(u.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("a token of an API at userinfo: %d %s", u.status, u.text)
		}
		if _, err := w.p.Bearer(t.Context(), again.str("access_token")); err == nil {
			t.Error("a token of an API at the administration")
		}
		if i := w.post("/introspect", "rs", url.Values{"token": {again.str("access_token")}}); i.body["active"] != true || !slices.Equal(i.body["aud"].([]any), []any{api}) {
			t.Errorf("introspection: %s", i.text)
		}

		plain := w.post("/token", "apis", grant().codeForm())
		if d := cmp.Diff([]any{"apis", publicURL + "/t/acme"}, aud(plain)); d != "" {
			t.Error("none asked for:", d)
		}
		if a := w.post("/token", "apis", and(grant().codeForm(), api)); a.str("error") != "invalid_target" {
			t.Errorf("none granted: %s", a.text)
		}

		machine := url.Values{"grant_type": {"client_credentials"}}
		if d := cmp.Diff([]any{stock, api}, aud(w.post("/token", "apis", and(machine, stock, api)))); d != "" {
			t.Error("a machine:", d)
		}
		if a := w.post("/token", "apis", and(machine, "https://other.example")); a.str("error") != "invalid_target" {
			t.Errorf("a machine, beyond: %s", a.text)
		}
		for _, bad := range []string{"https://other.example", "https://api.example/", "https://API.example", "not an address", api + "#x"} {
			if _, refused, err := w.authorize(asked(w.apps["apis"], "resource", bad)); err != nil || refused == nil || refused.Error != "invalid_target" {
				t.Errorf("%q: %+v %v", bad, refused, err)
			}
		}

		// Who may not ask for an API any more has no token for it either.
		app := w.apps["apis"]
		app.Resources = nil
		w.put(w.store.PutClientApp(db.WithScope(t.Context(), db.Scope{Subscription: w.acme.Subscription.ID}), &app))
		if i := w.post("/introspect", "rs", url.Values{"token": {again.str("access_token")}}); i.body["active"] != false {
			t.Errorf("introspection after all: %s", i.text)
		}
	})
}

// TestDisabledStopsAtOnce: what is switched off has no tokens, also where another
// replica remembers that it was on.
func TestDisabledStopsAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, name := range []string{"client_apps", "tenants", "subscriptions"} {
			_, tok := w.tokensOf("web")
			machine := w.post("/token", "machine", url.Values{"grant_type": {"client_credentials"}})
			// As another replica does: this one's memory is not told.
			set := func(active bool) {
				_, err := w.db.SQL().ExecContext(t.Context(), "UPDATE "+name+" SET active = "+map[bool]string{true: "true", false: "false"}[active])
				w.must(err)
			}
			set(false)
			if a := w.post("/token", "web", refreshForm(tok.str("refresh_token"))); a.str("error") != "invalid_grant" {
				t.Errorf("%s: refresh: %d %s", name, a.status, a.text)
			}
			if a := w.userinfo(tok.str("access_token")); a.status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo: %d %s", name, a.status, a.text)
			}
			for _, token := range []string{tok.str("access_token"), tok.str("refresh_token"), machine.str("access_token")} {
				if a := w.post("/introspect", "rs", url.Values{"token": {token}}); a.body["active"] == true {
					t.Errorf("%s: introspection: %s", name, a.text)
				}
			}
			set(true)
			if a := w.userinfo(tok.str("access_token")); a.status != http.StatusOK {
				t.Errorf("%s: on again: %d %s", name, a.status, a.text)
			}
		}
	})
}

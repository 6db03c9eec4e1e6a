package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/examples/resourceserver"
	"twofold/internal/testkit"
	"twofold/tenants"
)

const ledgerAPI = "https://api.example.test/ledger"

// TestStepUpByAnAPI is docs/guides/step-up.md: an API that asks for more than the sign-in
// behind a token says so (RFC 9470), the app asks for it, and then the call goes through.
func TestStepUpByAnAPI(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", false)
		w.app(tenants.ClientApp{Name: "books", Resources: tenants.List{ledgerAPI}})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app books"]}))

		api, err := resourceserver.New(t.Context(), w.url+"/t/acme", ledgerAPI, w.clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		says := func(rw http.ResponseWriter, _ *http.Request, who resourceserver.Token) {
			_, _ = rw.Write([]byte(who.Subject))
		}
		mux.Handle("GET /balance", api.Guard(resourceserver.Needs{}, says))
		mux.Handle("POST /transfers", api.Guard(resourceserver.Needs{ACR: "urn:twofold:acr:2fa"}, says))
		mux.Handle("DELETE /ledger", api.Guard(resourceserver.Needs{MaxAge: 5 * time.Minute}, says))
		mux.Handle("GET /audit", api.Guard(resourceserver.Needs{Scope: "audit"}, says))
		srv := httptest.NewServer(mux)
		defer srv.Close()
		call := func(method, path, token string) (int, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode, res.Header.Get("WWW-Authenticate")
		}
		refused := func(method, path, token string, status int, challenge string) {
			t.Helper()
			if got, said := call(method, path, token); got != status || said != challenge {
				t.Errorf("%s %s: %d %s", method, path, got, said)
			}
		}
		passes := func(method, path, token string) {
			t.Helper()
			if got, said := call(method, path, token); got != http.StatusOK {
				t.Errorf("%s %s: %d %s", method, path, got, said)
			}
		}

		c := testkit.NewClient(t)
		ask := func() *rp { return w.rp("acme", "books").with("resource", ledgerAPI) }
		redeem := func(p *rp, page *testkit.Page) tokens {
			t.Helper()
			got := p.token(url.Values{"grant_type": {"authorization_code"}, "code": {p.callback(page).Get("code")}, "redirect_uri": {redirectURI}, "code_verifier": {p.verifier}})
			if got.Status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
			return got
		}
		p := ask()
		weak := redeem(p, p.signIn(c, "anna"))
		passes(http.MethodGet, "/balance", weak.AccessToken)
		refused(http.MethodGet, "/balance", "", 401, "Bearer")
		refused(http.MethodGet, "/balance", weak.IDToken, 401, `Bearer error="invalid_token"`)
		refused(http.MethodGet, "/audit", weak.AccessToken, 403, `Bearer error="insufficient_scope", scope="audit"`)
		other := w.rp("acme", "books") // a token for our own userinfo is none for the API
		refused(http.MethodGet, "/balance", redeem(other, c.Get(other.authorizeURL())).AccessToken, 401, `Bearer error="invalid_token"`)
		refused(http.MethodPost, "/transfers", weak.AccessToken, 401,
			`Bearer error="insufficient_user_authentication", error_description="This needs another sign-in.", acr_values="urn:twofold:acr:2fa"`)

		p = ask().with("acr_values", "urn:twofold:acr:2fa")
		page := c.Get(p.authorizeURL()).Follow()
		if strings.Contains(page.Text, "Password") {
			t.Errorf("asks for more than what lacks: %s", page.Text)
		}
		strong := redeem(p, page.Forms[0].Set("code", w.code("anna@example.test")).Press("Continue"))
		passes(http.MethodPost, "/transfers", strong.AccessToken)
		passes(http.MethodDelete, "/ledger", strong.AccessToken)

		w.clock.Advance(301 * time.Second)
		again := strong.Refresh
		fresh := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again}, "resource": {ledgerAPI}})
		refused(http.MethodDelete, "/ledger", fresh.AccessToken, 401,
			`Bearer error="insufficient_user_authentication", error_description="This needs another sign-in.", max_age="300"`)
		p = ask().with("max_age", "300")
		page = c.Get(p.authorizeURL()).Follow()
		last := redeem(p, page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in"))
		passes(http.MethodDelete, "/ledger", last.AccessToken)
	})
}

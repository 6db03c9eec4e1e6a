package op

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/tenants"
)

const (
	ordersAPI  = "https://orders.example"
	stockAPI   = "https://stock.example"
	accessType = "urn:ietf:params:oauth:token-type:access_token"
)

// chain has two APIs: orders may call stock for the user who called it, and stock may call
// orders. The app "apis" may call orders.
func chain(w *world) {
	w.Helper()
	caller := w.apps["apis"]
	caller.Resources = append(caller.Resources, ordersAPI)
	w.put(w.store.PutClientApp(w.in(w.acme), &caller))
	w.apps["apis"] = caller
	for name, c := range map[string]struct{ serves, calls string }{"orders": {ordersAPI, stockAPI}, "stock": {stockAPI, ordersAPI}} {
		a := tenants.ClientApp{
			Name: name, Title: name, Type: tenants.AppMachine, ClientID: name, AuthMethod: tenants.AuthBasic, IDTokenAlg: "RS256", Active: true,
			GrantTypes: tenants.List{tenants.GrantTokenExchange}, Scopes: tenants.List{"api"}, Serves: tenants.List{c.serves}, Resources: tenants.List{c.calls},
		}
		w.put(w.store.PutClientApp(w.in(w.acme), &a))
		_, err := w.store.Link(w.in(w.acme), tenants.LinkTenantClientApp, w.acme.Tenant.ID, a.ID)
		w.must(err)
		w.secret[name], err = w.store.AddClientSecret(w.in(w.acme), a.ID)
		w.must(err)
		w.apps[name] = a
	}
}

func exchangeForm(token, resource string, more ...string) url.Values {
	v := url.Values{
		"grant_type": {tenants.GrantTokenExchange}, "subject_token": {token}, "subject_token_type": {accessType}, "resource": {resource},
	}
	for i := 0; i < len(more); i += 2 {
		if v.Set(more[i], more[i+1]); more[i+1] == "" {
			v.Del(more[i])
		}
	}
	return v
}

// TestTokenExchange: an API acts at another one for the user who called it (RFC 8693).
func TestTokenExchange(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		chain(w)
		_, first := w.tokensOf("apis", "scope", "openid profile api api.write offline_access", "resource", ordersAPI)
		token := first.str("access_token")
		was := claimsOf(t, token)

		got := w.post("/token", "orders", exchangeForm(token, stockAPI))
		if got.status != http.StatusOK || got.str("issued_token_type") != accessType || got.str("token_type") != "Bearer" ||
			got.str("scope") != "api" || got.str("refresh_token") != "" || got.str("id_token") != "" {
			t.Fatalf("%d %s", got.status, got.text)
		}
		c := claimsOf(t, got.str("access_token"))
		for _, name := range []string{"sub", "acr", "auth_time", "sid", "iss"} {
			if c[name] != was[name] {
				t.Errorf("%s is %v, was %v", name, c[name], was[name])
			}
		}
		want := map[string]any{"aud": []any{stockAPI}, "client_id": "orders", "scope": "api", "act": map[string]any{"sub": "orders"}}
		for name, v := range want {
			if d := cmp.Diff(v, c[name]); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		if c["jti"] == was["jti"] || c["exp"].(float64) > was["exp"].(float64) {
			t.Errorf("jti %v, exp %v of %v", c["jti"], c["exp"], was["exp"])
		}

		t.Run("where it is good", func(t *testing.T) {
			active := func(app, token string) bool {
				return w.post("/introspect", app, url.Values{"token": {token}}).body["active"] == true
			}
			if !active("stock", got.str("access_token")) || !active("orders", got.str("access_token")) || active("apis", got.str("access_token")) {
				t.Error("introspection")
			}
			if !active("orders", token) || active("stock", token) {
				t.Error("introspection of the first")
			}
			if got := w.userinfo(got.str("access_token")); got.status != http.StatusUnauthorized {
				t.Error("userinfo", got.status)
			}
		})
		t.Run("a chain", func(t *testing.T) {
			next, by := got.str("access_token"), "stock"
			for n := 2; n <= mostActors; n++ {
				a := w.post("/token", by, exchangeForm(next, map[string]string{"orders": stockAPI, "stock": ordersAPI}[by]))
				if a.status != http.StatusOK {
					t.Fatalf("%d: %s", n, a.text)
				}
				next, by = a.str("access_token"), map[string]string{"orders": "stock", "stock": "orders"}[by]
				if n == 2 {
					if d := cmp.Diff(map[string]any{"sub": "stock", "act": map[string]any{"sub": "orders"}}, claimsOf(t, next)["act"]); d != "" {
						t.Error(d)
					}
				}
			}
			if a := w.post("/token", by, exchangeForm(next, map[string]string{"orders": stockAPI, "stock": ordersAPI}[by])); a.str("error") != "invalid_request" {
				t.Error("without end:", a.text)
			}
		})
		t.Run("never longer", func(t *testing.T) {
			w.clock.Advance(accessLife - 30*time.Second)
			late := w.post("/token", "orders", exchangeForm(token, stockAPI))
			if late.body["expires_in"] != 30.0 || claimsOf(t, late.str("access_token"))["exp"] != was["exp"] {
				t.Error(late.text)
			}
		})
		t.Run("dies with what it stands on", func(t *testing.T) {
			_, a := w.tokensOf("apis", "scope", "openid api offline_access", "resource", ordersAPI)
			ex := w.post("/token", "orders", exchangeForm(a.str("access_token"), stockAPI)).str("access_token")
			w.post("/revoke", "apis", url.Values{"token": {a.str("refresh_token")}})
			if a := w.post("/introspect", "stock", url.Values{"token": {ex}}); a.body["active"] != false {
				t.Error("the grant was revoked:", a.text)
			}
			if a := w.post("/token", "stock", exchangeForm(ex, ordersAPI)); a.str("error") != "invalid_request" {
				t.Error("exchanged again:", a.text)
			}
		})
		t.Run("not any more", func(t *testing.T) {
			_, a := w.tokensOf("apis", "scope", "openid api", "resource", ordersAPI)
			ex := w.post("/token", "orders", exchangeForm(a.str("access_token"), stockAPI)).str("access_token")
			app := w.apps["orders"]
			app.GrantTypes = tenants.List{tenants.GrantClientCredentials}
			app.Version = 0
			w.put(w.store.PutClientApp(w.in(w.acme), &app))
			if a := w.post("/introspect", "stock", url.Values{"token": {ex}}); a.body["active"] != false {
				t.Error("a token of an app that may not exchange any more:", a.text)
			}
		})
	})
}

// TestTokenExchangeRefuses: whatever is not plainly allowed.
func TestTokenExchangeRefuses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		chain(w)
		_, a := w.tokensOf("apis", "scope", "openid api", "resource", ordersAPI)
		_, plain := w.tokensOf("web", "scope", "openid api")
		token := a.str("access_token")
		machine := w.post("/token", "apis", url.Values{"grant_type": {tenants.GrantClientCredentials}, "resource": {ordersAPI}}).str("access_token")
		for name, c := range map[string]struct {
			app  string
			form url.Values
			want string
		}{
			"an app that may not":                  {"web", exchangeForm(token, stockAPI), "unauthorized_client"},
			"a public app":                         {"spa", exchangeForm(token, stockAPI), "unauthorized_client"},
			"a token for another API":              {"stock", exchangeForm(token, ordersAPI), "invalid_request"},
			"a token for our userinfo":             {"orders", exchangeForm(plain.str("access_token"), stockAPI), "invalid_request"},
			"a machine's token":                    {"orders", exchangeForm(machine, stockAPI), "invalid_request"},
			"an ID token":                          {"orders", exchangeForm(a.str("id_token"), stockAPI), "invalid_request"},
			"an ID token that is called so":        {"orders", exchangeForm(a.str("id_token"), stockAPI, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token"), "invalid_request"},
			"made up":                              {"orders", exchangeForm("x.y.z", stockAPI), "invalid_request"},
			"no token":                             {"orders", exchangeForm("", stockAPI), "invalid_request"},
			"no type":                              {"orders", exchangeForm(token, stockAPI, "subject_token_type", ""), "invalid_request"},
			"a refresh token is wanted":            {"orders", exchangeForm(token, stockAPI, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
			"an ID token is wanted":                {"orders", exchangeForm(token, stockAPI, "requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), "invalid_request"},
			"somebody else acts":                   {"orders", exchangeForm(token, stockAPI, "actor_token", token, "actor_token_type", accessType), "invalid_request"},
			"an API that it may not call":          {"orders", exchangeForm(token, "https://billing.example/v1"), "invalid_target"},
			"its own API":                          {"orders", exchangeForm(token, ordersAPI), "invalid_target"},
			"no API":                               {"orders", exchangeForm(token, stockAPI, "resource", ""), "invalid_target"},
			"an audience":                          {"orders", exchangeForm(token, stockAPI, "audience", "stock"), "invalid_target"},
			"a scope that the token does not have": {"orders", exchangeForm(token, stockAPI, "scope", "api.write"), "invalid_scope"},
			"openid":                               {"orders", exchangeForm(token, stockAPI, "scope", "openid"), "invalid_scope"},
		} {
			t.Run(name, func(t *testing.T) {
				if got := w.post("/token", c.app, maps.Clone(c.form)); got.str("error") != c.want || got.body["access_token"] != nil {
					t.Errorf("%d %s", got.status, got.text)
				}
			})
		}
		// SECURITY §3 row 56: the app is at both tenants, the token of one.
		_, err := w.store.Link(w.in(w.globex), tenants.LinkTenantClientApp, w.globex.Tenant.ID, w.apps["orders"].ID)
		w.must(err)
		if got := w.send(w.form(t.Context(), "globex", "/token", "orders", exchangeForm(token, stockAPI))); got.str("error") != "invalid_request" {
			t.Error("a token of another tenant:", got.text)
		}
		w.clock.Advance(accessLife)
		if got := w.post("/token", "orders", exchangeForm(token, stockAPI)); got.str("error") != "invalid_request" {
			t.Error("a token that is over:", got.text)
		}
	})
}

// TestTokenExchangeRules: an API that is for certain people only acts for nobody else, and
// what its claim rules say is in its token.
func TestTokenExchangeRules(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		chain(w)
		_, first := w.tokensOf("apis", "scope", "openid api", "resource", ordersAPI)
		orders := w.apps["orders"]
		orders.Restricted = true
		orders.ClaimRules = tenants.ClaimRules{{Name: "who", Source: tenants.ClaimAttribute, Attribute: tenants.AttributeDisplayName, In: []string{tenants.InAccessToken}}}
		w.put(w.store.PutClientApp(w.in(w.acme), &orders))
		if got := w.post("/token", "orders", exchangeForm(first.str("access_token"), stockAPI)); got.status != http.StatusBadRequest || got.str("error") != "invalid_request" {
			t.Errorf("whom it is not for: %d %s", got.status, got.text)
		}
		w.put(w.store.SetAppUsers(w.in(w.acme), orders.ID, []string{w.ada.ID}))
		got := w.post("/token", "orders", exchangeForm(first.str("access_token"), stockAPI))
		if c := claimsOf(t, got.str("access_token")); got.status != http.StatusOK || c["who"] != "Ada Lovelace" || c["act"] == nil {
			t.Errorf("%d %v", got.status, c)
		}
	})
}

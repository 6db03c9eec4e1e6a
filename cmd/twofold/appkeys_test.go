package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestKeysAtAnAddressOfOurs: the address of an app's keys leads to no place that is not
// public, unless the operator allows it.
func TestKeysAtAnAddressOfOurs(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		var called atomic.Bool
		inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
		defer inside.Close()
		w := newWorld(t, databaseURL)
		w.tenant("acme", "anna")
		app := tenants.ClientApp{
			Name: "reports", Type: tenants.AppMachine, AuthMethod: tenants.AuthPrivateKeyJWT, JWKSURI: inside.URL + "/jwks",
			GrantTypes: tenants.List{tenants.GrantClientCredentials}, RedirectURIs: tenants.List{},
		}
		w.app(app)
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app reports"]}))
		// {"alg":"ES256"}, {"iss":"reports"}: nobody comes to look at the signature.
		assertion := "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJyZXBvcnRzIn0." + strings.Repeat("A", 86)
		res, err := http.PostForm(w.url+"/t/acme/token", url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusServiceUnavailable || called.Load() {
			t.Errorf("status %d, called: %v", res.StatusCode, called.Load())
		}
	})
}

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"twofold/idp/op"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// robot makes a machine of tenant acme that has the scope of administration, and gives
// it a token.
func (w *world) robot() (token string) {
	w.t.Helper()
	app := tenants.ClientApp{
		Name: "robot", Type: tenants.AppMachine, AuthMethod: tenants.AuthPost, GrantTypes: tenants.List{tenants.GrantClientCredentials}, RedirectURIs: tenants.List{},
	}
	w.app(app)
	app.ClientID, app.Title, app.IDTokenAlg, app.Active, app.Scopes = "robot", "Robot", "RS256", true, tenants.List{op.ScopeAdmin}
	w.must(w.tenants.PutClientApp(w.ctx(), &app))
	if _, err := w.tenants.Link(w.ctx(), tenants.LinkTenantClientApp, w.ids["tenant acme"], app.ID); err != nil {
		w.t.Fatal(err)
	}
	res, err := http.PostForm(w.url+"/t/acme/token", url.Values{
		"grant_type": {tenants.GrantClientCredentials}, "scope": {op.ScopeAdmin}, "client_id": {"robot"}, "client_secret": {secret},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var given struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&given); err != nil || given.AccessToken == "" {
		w.t.Fatalf("no token: %d %v", res.StatusCode, err)
	}
	return given.AccessToken
}

// empower makes the robot an administrator of the subscription.
func (w *world) empower() {
	w.must(w.tenants.PutGrant(w.ctx(), &tenants.Grant{
		SubscriptionID: w.sub.ID, Role: tenants.RoleSubscriptionAdmin, SubjectKind: tenants.SubjectClientApp, SubjectID: w.ids["client_app robot"], HomeID: w.sub.ID,
		CreatedBy: "test",
	}))
}

// callREST calls the API. An Idempotency-Key goes with every POST.
func (w *world) callREST(token, method, path, body string) (status int, out map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/admin/v1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Idempotency-Key": {path + body}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil && res.StatusCode != http.StatusNoContent {
		w.t.Fatalf("%s: %v", text, err)
	}
	return res.StatusCode, out
}

// A machine with a role administers by REST, with a token of its tenant's issuer.
func TestRESTByMachine(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		w.tenant("acme")
		token := w.robot()
		if status, out := w.callREST(token, http.MethodGet, "/me", ""); status != http.StatusForbidden || out["code"] != "no_role" {
			t.Fatalf("without a role: %d %v", status, out)
		}
		w.empower()
		if status, out := w.callREST(token, http.MethodPost, "/subscriptions/"+w.sub.ID+"/two-factors", `{"name":"app","type":"totp"}`); status != http.StatusCreated {
			t.Fatalf("create: %d %v", status, out)
		}
		if status, out := w.callREST("x", http.MethodGet, "/me", ""); status != http.StatusUnauthorized || out["code"] != "token_invalid" {
			t.Errorf("a bad token: %d %v", status, out)
		}
		if status, out := w.callREST(token, http.MethodGet, "/nothing", ""); status != http.StatusNotFound || out["code"] != "operation_unknown" {
			t.Errorf("no such operation: %d %v", status, out)
		}
	})
}

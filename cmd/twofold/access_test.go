package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// closedWorld has the apps "vault" and "cinema", which are for Anna, and for nobody else.
func closedWorld(t *testing.T, databaseURL string) *world {
	w := newWorld(t, databaseURL)
	w.tenant("acme", "anna", "bruno")
	w.app(tenants.ClientApp{Name: "vault", Title: "The Vault", Restricted: true, GrantTypes: tenants.List{tenants.GrantCode, tenants.GrantRefresh, tenants.GrantClientCredentials}})
	w.app(tenants.ClientApp{Name: "cinema", Title: "Cinema", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, Restricted: true, GrantTypes: tenants.List{tenants.GrantDevice, tenants.GrantRefresh}})
	w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app vault"], w.ids["client_app cinema"]}))
	for _, app := range []string{"vault", "cinema"} {
		w.must(w.tenants.SetAppUsers(w.ctx(), w.ids["client_app "+app], []string{w.ids["user anna"]}))
	}
	return w
}

const noAccess = "You have no access to The Vault"

// TestRestrictedApp: who is let in gets in; who is not learns so after he has proven who
// he is, and the app learns no more than that.
func TestRestrictedApp(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := closedWorld(t, db)
		p := w.rp("acme", "vault")
		if got := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "anna")).Get("code")); got.IDToken == "" {
			t.Fatalf("whom it is for: %+v", got)
		}

		c := testkit.NewClient(t)
		first := c.Get(p.authorizeURL()).Follow()
		wrong := first.Forms[0].Set("username", "bruno").Set("password", "not his password").Press("Sign in")
		if strings.Contains(first.Text+wrong.Text, noAccess) {
			t.Error("a stranger learns whom it is for")
		}
		page := wrong.Forms[0].Set("username", "bruno").Set("password", password).Press("Sign in").Follow()
		if page.Status != http.StatusForbidden || !strings.Contains(page.Text, noAccess) || !strings.Contains(page.Text, "Bruno") {
			t.Fatalf("%d %s", page.Status, page.Text)
		}
		c.Get(page.URL.String())
		if n := w.count("audit_events", "kind = 'sign_in.no_access'"); n != 1 {
			t.Errorf("%d entries", n)
		}
		back := p.callback(page.Press("Back to The Vault"))
		if back.Get("error") != "access_denied" || back.Get("error_description") != "The app is not for this user." || back.Get("code") != "" {
			t.Errorf("%v", back)
		}

		// With a session from another app there is nothing left to ask.
		own := w.rp("acme", "expenses")
		own.callback(own.signIn(c, "bruno"))
		if page := c.Get(p.authorizeURL()).Follow(); !strings.Contains(page.Text, noAccess) {
			t.Errorf("signed in already: %s", page.Text)
		}
		if no := p.callback(c.Get(w.rp("acme", "vault").with("prompt", "none").authorizeURL())); no.Get("error") != "access_denied" {
			t.Errorf("silently: %v", no)
		}
		if no := p.callback(testkit.NewClient(t).Get(w.rp("acme", "vault").with("prompt", "none").authorizeURL())); no.Get("error") != "login_required" {
			t.Errorf("silently, a stranger: %v", no)
		}
	})
}

// TestAccessGone: with its link goes all that an app holds for a user, at once; and what
// it holds for itself stays.
func TestAccessGone(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := closedWorld(t, db)
		p := w.rp("acme", "vault")
		c := testkit.NewClient(t)
		got := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		unspent := p.callback(c.Get(p.authorizeURL())).Get("code")
		d := w.device("cinema", "openid offline_access")
		d.connect(c, "anna").Press("Allow")
		machine := p.token(url.Values{"grant_type": {"client_credentials"}})
		if got.Refresh == "" || machine.AccessToken == "" || !w.active(p, got.AccessToken) {
			t.Fatalf("%+v %+v", got, machine)
		}

		group := tenants.Group{Name: "crew"}
		w.must(w.tenants.PutGroup(w.ctx(), &group))
		w.must(w.tenants.SetGroupMembers(w.ctx(), group.ID, []string{w.ids["user anna"]}))
		for _, app := range []string{"vault", "cinema"} {
			w.must(w.tenants.SetAppGroups(w.ctx(), w.ids["client_app "+app], []string{group.ID}))
			w.must(w.tenants.SetAppUsers(w.ctx(), w.ids["client_app "+app], nil))
		}
		if !w.active(p, got.AccessToken) || w.userinfo(p, got.AccessToken) != http.StatusOK {
			t.Error("a member of a group of the app is shut out")
		}
		w.must(w.tenants.SetGroupMembers(w.ctx(), group.ID, nil))
		if w.active(p, got.AccessToken) || w.active(p, got.Refresh) {
			t.Error("introspection says that they are active")
		}
		if status := w.userinfo(p, got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d", status)
		}
		if again := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}); again.Error != "invalid_grant" {
			t.Errorf("refresh: %+v", again)
		}
		if again := p.exchange(unspent); again.Error != "invalid_grant" {
			t.Errorf("a code from before: %+v", again)
		}
		if again := d.poll(); again.Error != "invalid_grant" {
			t.Errorf("a device: %+v", again)
		}
		if !w.active(p, machine.AccessToken) {
			t.Error("the app's own token is no user's")
		}

		d = w.device("cinema", "openid")
		page := d.connect(c, "anna")
		if !strings.Contains(page.Text, "You have no access to Cinema") {
			t.Fatalf("%s", page.Text)
		}
		page.Press("Back to Cinema")
		if again := d.poll(); again.Error != "access_denied" {
			t.Errorf("a device whose user may not: %+v", again)
		}
	})
}

// active asks introspection about a token of the app.
func (w *world) active(p *rp, token string) bool {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, p.base()+"/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.app, secret)
	page := testkit.NewClient(w.t).Do(req)
	if page.Status != http.StatusOK {
		w.t.Fatalf("introspect: %d %s", page.Status, page.Text)
	}
	return strings.Contains(page.Body, `"active":true`)
}

// userinfo is the status of an answer to an access token.
func (w *world) userinfo(p *rp, token string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, p.base()+"/userinfo", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return testkit.NewClient(w.t).Do(req).Status
}

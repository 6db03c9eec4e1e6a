package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// askingWorld has the app "partner", which is not of one's own house.
func askingWorld(t *testing.T, databaseURL string) *world {
	w := newWorld(t, databaseURL)
	w.tenant("acme", "anna", "bruno")
	w.app(tenants.ClientApp{Name: "partner", Title: "Partner", Consent: true})
	w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app partner"]}))
	return w
}

func asksConsent(page *testkit.Page) bool { return strings.Contains(page.Text, "Allow Partner?") }

// TestConsent: an app of another house gets what a user lets it have, once he was asked.
func TestConsent(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := askingWorld(t, db)
		c := testkit.NewClient(t)
		page := w.rp("acme", "partner").signIn(c, "anna").Follow()
		for _, say := range []string{"Allow Partner?", "your name", "your mail address", "to act for you while you are away", "127.0.0.1:1"} {
			if !strings.Contains(page.Text, say) {
				t.Errorf("the page does not say %q: %s", say, page.Text)
			}
		}
		if strings.Contains(page.Text, "phone number") {
			t.Error("the page names what was not asked for")
		}
		if got := testkit.NewClient(t).Get(page.URL.String()); got.Status != http.StatusForbidden {
			t.Errorf("the question is open to another browser: %d", got.Status)
		}
		if no := w.rp("acme", "partner").callback(page.Press("Cancel")); no.Get("error") != "access_denied" || no.Get("code") != "" {
			t.Errorf("refused: %v", no)
		}

		p := w.rp("acme", "partner")
		page = p.signIn(c, "anna").Follow() // to cancel has kept nothing
		got := p.exchange(p.callback(page.Press("Allow")).Get("code"))
		if got.Refresh == "" {
			t.Fatalf("%+v", got)
		}
		if n := w.count("audit_events", "kind = 'consent.given'"); n != 1 {
			t.Errorf("%d entries", n)
		}

		for name, try := range map[string]struct {
			p    *rp
			asks bool
		}{
			"the same again":   {w.rp("acme", "partner"), false},
			"less":             {w.rp("acme", "partner").with("scope", "openid email"), false},
			"silently":         {w.rp("acme", "partner").with("prompt", "none"), false},
			"more":             {w.rp("acme", "partner").with("scope", "openid phone"), true},
			"more by a claim":  {w.rp("acme", "partner").with("scope", "openid").with("claims", `{"userinfo":{"phone_number":null}}`), true},
			"the app wants it": {w.rp("acme", "partner").with("prompt", "consent"), true},
		} {
			page := c.Get(try.p.authorizeURL())
			if try.asks {
				if page = page.Follow(); !asksConsent(page) {
					t.Errorf("%s: not asked: %s %s", name, page.URL, page.Text)
				}
				continue
			}
			if try.p.callback(page).Get("code") == "" {
				t.Errorf("%s: asked again", name)
			}
		}
		silent := w.rp("acme", "partner").with("prompt", "none").with("scope", "openid phone")
		if e := silent.callback(c.Get(silent.authorizeURL())).Get("error"); e != "consent_required" {
			t.Errorf("silently, for more: %q", e)
		}
		own := w.rp("acme", "expenses")
		if own.callback(c.Get(own.authorizeURL())).Get("code") == "" {
			t.Error("an app of the house asks")
		}
		wants := w.rp("acme", "expenses").with("prompt", "consent")
		if page := c.Get(wants.authorizeURL()).Follow(); !strings.Contains(page.Text, "Allow Expenses?") {
			t.Errorf("an app of the house that wants it: %s", page.Text)
		}
		bruno := testkit.NewClient(t)
		if page := w.rp("acme", "partner").signIn(bruno, "bruno").Follow(); !asksConsent(page) {
			t.Errorf("anna's yes is bruno's: %s", page.Text)
		}
	})
}

// TestConsentWithdrawn: what a user takes back is dead at once, and asked for again.
func TestConsentWithdrawn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := askingWorld(t, db)
		c := testkit.NewClient(t)
		p := w.rp("acme", "partner")
		got := p.exchange(p.callback(p.signIn(c, "anna").Follow().Press("Allow")).Get("code"))
		unspent := p.callback(c.Get(p.authorizeURL())).Get("code")
		own := w.rp("acme", "expenses")
		other := own.exchange(own.callback(c.Get(own.authorizeURL())).Get("code"))

		page := c.Get(w.url + "/t/acme/account")
		for _, say := range []string{"Apps you have allowed", "Partner", "your mail address"} {
			if !strings.Contains(page.Text, say) {
				t.Errorf("the account page does not say %q: %s", say, page.Text)
			}
		}
		page.Press("Take back")
		if page = c.Get(w.url + "/t/acme/account"); strings.Contains(page.Text, "Apps you have allowed") {
			t.Error("it is still listed")
		}
		if again := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}); again.Error != "invalid_grant" {
			t.Errorf("refresh: %+v", again)
		}
		if again := p.exchange(unspent); again.Error != "invalid_grant" {
			t.Errorf("a code from before: %+v", again)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base()+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+got.AccessToken)
		if page := testkit.NewClient(t).Do(req); page.Status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d", page.Status)
		}
		if still := own.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {other.Refresh}}); still.Status != http.StatusOK {
			t.Errorf("another app: %+v", still)
		}
		if page := c.Get(p.authorizeURL()).Follow(); !asksConsent(page) {
			t.Errorf("not asked again: %s", page.Text)
		}
		if n := w.count("audit_events", "kind = 'consent.withdrawn'"); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestConsentWithdrawnByAnAdministrator: it is listed, and taken back, by REST.
func TestConsentWithdrawnByAnAdministrator(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := askingWorld(t, db)
		c := testkit.NewClient(t)
		p := w.rp("acme", "partner")
		got := p.exchange(p.callback(p.signIn(c, "anna").Follow().Press("Allow")).Get("code"))
		token := w.robot()
		w.empower()
		of := "/subscriptions/" + w.sub.ID + "/users/" + w.ids["user anna"] + "/consents"
		status, list := w.callREST(token, http.MethodGet, of, "")
		items, _ := list["items"].([]any)
		if status != http.StatusOK || len(items) != 1 {
			t.Fatalf("list: %d %v", status, list)
		}
		if one, _ := items[0].(map[string]any); one["client_app_name"] != "Partner" || one["tenant_name"] != "Acme" {
			t.Errorf("list: %v", one)
		}
		if status, out := w.callREST(token, http.MethodDelete, of+"/"+w.ids["client_app expenses"], ""); status != http.StatusNotFound {
			t.Errorf("of an app of the house: %d %v", status, out)
		}
		if status, out := w.callREST(token, http.MethodDelete, of+"/"+w.ids["client_app partner"], ""); status != http.StatusNoContent {
			t.Fatalf("withdraw: %d %v", status, out)
		}
		if again := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}); again.Error != "invalid_grant" {
			t.Errorf("what the app holds lives: %+v", again)
		}
		if page := c.Get(w.rp("acme", "partner").authorizeURL()).Follow(); !asksConsent(page) {
			t.Errorf("not asked again: %s", page.Text)
		}
		if n := w.count("audit_events", "kind = 'consent.withdrawn' AND actor = '"+w.ids["client_app robot"]+"'"); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestConsentErased: who is erased leaves no consents, nor does an app.
func TestConsentErased(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := askingWorld(t, db)
		for _, user := range []string{"anna", "bruno"} {
			p := w.rp("acme", "partner")
			p.callback(p.signIn(testkit.NewClient(t), user).Follow().Press("Allow"))
		}
		for _, c := range []struct {
			kind, id string
			left     int
		}{{"two_factor", w.ids["user anna"], 2}, {"user", w.ids["user anna"], 1}, {"client_app", w.ids["client_app partner"], 0}} {
			if err := w.forget(w.ctx(), c.kind, c.id); err != nil {
				t.Fatal(err)
			}
			if n := w.count("consents", "true"); n != c.left {
				t.Errorf("%s: %d left", c.kind, n)
			}
		}
	})
}

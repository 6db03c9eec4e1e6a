package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
)

// landing is a web app's callback that a real browser can load.
func landing(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>App</title><link rel=icon href=data:,><p>Back at the app</p>"))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/cb"
}

// password gives name and password in a real browser.
func givePassword(b *browser.Browser, address, name string) {
	b.Open(address)
	b.WaitFor(`input[name="password"]`)
	b.Fill(`input[name="username"]`, name)
	b.Fill(`input[name="password"]`, password)
	b.Press("Enter")
}

// asked tells whether the browser is at the code page rather than at the app.
func asked(b *browser.Browser) bool {
	b.WaitURL(func(u *url.URL) bool { return u.Path == "/cb" || b.Has(`input[name="code"]`) })
	return b.Has(`input[name="code"]`)
}

// TestAssignmentsInABrowser: each level alone, then all together, in Chromium.
func TestAssignmentsInABrowser(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		for _, level := range []string{"tenant acme", "idp staff", "client_app expenses", "user anna"} {
			t.Run(level, func(t *testing.T) {
				w := newWorld(t, freshCopy(t, db))
				cb := landing(t)
				w.tenant("acme", "anna", "bruno")
				w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", RedirectURIs: tenants.List{cb}})
				w.factor("mail", "email")
				w.assign("mail", level, true)
				p := w.rp("acme", "expenses").with("redirect_uri", cb)
				anna := chromium.For(t)
				givePassword(anna, p.authorizeURL(), "anna")
				if !asked(anna) {
					t.Fatal("anna was not asked")
				}
				anna.Fill(`input[name="code"]`, w.code("anna@example.test"))
				anna.Press("Enter")
				anna.WaitText("Back at the app")
				anna.RequireClean(t)
				bruno := chromium.For(t)
				givePassword(bruno, p.authorizeURL(), "bruno")
				if got := asked(bruno); got == (level == "user anna") {
					t.Errorf("bruno asked: %v", got)
				}
			})
		}
		t.Run("together", func(t *testing.T) {
			w := newWorld(t, freshCopy(t, db))
			cb := landing(t)
			w.tenant("acme", "anna")
			w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", RedirectURIs: tenants.List{cb}})
			for _, f := range [][3]string{{"mail", "email", "tenant acme"}, {"mail2", "email", "idp staff"}, {"sms", "twilio", "client_app expenses"}, {"sms2", "ecall", "user anna"}} {
				w.factor(f[0], f[1])
				w.assign(f[0], f[2], f[0] == "mail")
			}
			b := chromium.For(t)
			givePassword(b, w.rp("acme", "expenses").with("redirect_uri", cb).authorizeURL(), "anna")
			if !asked(b) || !strings.HasPrefix(b.Text("h1"), "sms") {
				t.Fatalf("the strongest does not come first: %s", b.Text("h1"))
			}
			b.ClickText("Use another method")
			b.WaitText("Which method")
			if got := b.Text("main"); !strings.Contains(got, "mail2") || !strings.Contains(got, "sms2") {
				t.Errorf("not all are offered: %s", got)
			}
		})
	})
}

// TestTwoReplicasInABrowser is the main job on PostgreSQL with two processes
// behind a round-robin proxy, by a real browser.
func TestTwoReplicasInABrowser(t *testing.T) {
	t.Parallel()
	w, bal, ps := replicas(t, 2)
	cb := landing(t)
	w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", RedirectURIs: tenants.List{cb}})
	p, b := w.rp("acme", "expenses").with("redirect_uri", cb), browser.New(t)
	givePassword(b, p.authorizeURL(), "dora")
	b.WaitFor(`input[name="code"]`)
	code := w.code("dora@example.test")
	ps[0].kill()
	b.Fill(`input[name="code"]`, code)
	b.Press("Enter")
	b.WaitText("Back at the app")
	tok := p.token(url.Values{
		"grant_type": {"authorization_code"}, "code": {b.URL().Query().Get("code")}, "redirect_uri": {cb}, "code_verifier": {p.verifier},
	})
	if tok.Status != http.StatusOK {
		t.Fatalf("%+v", tok)
	}
	if bal.served[ps[0].addr] == 0 || bal.served[ps[1].addr] == 0 {
		t.Errorf("not both served: %v", bal.served)
	}
}

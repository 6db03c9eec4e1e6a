package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
)

// sessionCookie is what a browser holds of its session in a tenant.
func (w *world) sessionCookie(c *testkit.Client, tenant string) string {
	w.t.Helper()
	return c.Cookie(w.url+"/t/"+tenant+"/authorize", "twofold-session")
}

// asksPassword reports whether an app's request ends at a page that asks for a password.
func asksPassword(p *rp, c *testkit.Client) bool {
	p.w.t.Helper()
	page := c.Get(p.authorizeURL()).Follow()
	return len(page.Forms) > 0 && page.Forms[0].Has("password")
}

// browserWith is a request to the app's authorize address with these session cookies alone.
func browserWith(p *rp, sessions ...string) *testkit.Page {
	p.w.t.Helper()
	req, err := http.NewRequestWithContext(p.w.t.Context(), http.MethodGet, p.authorizeURL(), nil)
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, s := range sessions {
		req.AddCookie(&http.Cookie{Name: "twofold-session", Value: s})
	}
	return testkit.NewClient(p.w.t).Do(req)
}

func toApp(page *testkit.Page) bool {
	return strings.HasPrefix(page.Header.Get("Location"), redirectURI) && strings.Contains(page.Header.Get("Location"), "code=")
}

// TestProofsOfAnotherUser: who has a fresh code of his own in the session does not
// get in as somebody whose password he knows.
func TestProofsOfAnotherUser(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "mallory", "anna")
		c := testkit.NewClient(t)
		p := w.rp("acme", "expenses")
		page := p.signIn(c, "mallory").Follow()
		w.clock.Advance(4 * time.Minute) // the password gets old, the code is fresh
		p.callback(page.Forms[0].Set("code", w.code("mallory@example.test")).Submit())
		w.clock.Advance(time.Second)

		aged := w.rp("acme", "expenses").with("max_age", "120")
		page = aged.signIn(c, "anna")
		if strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Fatal("mallory's code stands for anna's")
		}
		if page = page.Follow(); !strings.Contains(page.Text, "mail") || len(page.Forms) == 0 {
			t.Fatalf("anna is not asked for a code: %s", page.Text)
		}
		if n := w.count("sessions", "user_id = '"+w.ids["user anna"]+"'"); n != 0 {
			t.Errorf("%d sessions of anna", n)
		}
		cl := claims(t, p.exchange(p.callback(page.Forms[0].Set("code", w.code("anna@example.test")).Submit()).Get("code")).IDToken)
		if cl["sub"] != w.ids["user anna"] {
			t.Errorf("sub %v", cl["sub"])
		}
	})
}

// TestStepUpOutlivesNoSession: what a sign-in took over from a session counts as
// long as that session (R13, M70).
func TestStepUpOutlivesNoSession(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		for name, end := range map[string]func(w *world, c *testkit.Client){
			"signed out": func(w *world, c *testkit.Client) {
				c.Get(w.url + "/t/acme/end_session").Press("Sign out")
			},
			"ended elsewhere": func(w *world, _ *testkit.Client) {
				if _, err := w.db.SQL().Exec("UPDATE sessions SET ended_at = created_at"); err != nil {
					t.Fatal(err)
				}
			},
			"idle": func(w *world, _ *testkit.Client) {
				if _, err := w.db.SQL().Exec("UPDATE sessions SET idle_expires_at = created_at"); err != nil {
					t.Fatal(err)
				}
			},
			"another user": func(w *world, c *testkit.Client) {
				bruno := w.rp("acme", "expenses").with("prompt", "login")
				bruno.callback(bruno.signIn(c, "bruno"))
			},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, freshCopy(t, db))
				w.tenant("acme", "anna", "bruno")
				w.factor("mail", "email")
				w.assign("mail", "tenant acme", false)
				c := testkit.NewClient(t)
				lax := w.rp("acme", "expenses")
				lax.callback(lax.signIn(c, "anna"))
				w.clock.Advance(time.Minute)
				strict := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:2fa")
				page := c.Get(strict.authorizeURL()).Follow()
				form := page.Forms[0].Set("code", w.code("anna@example.test"))
				end(w, c)
				if got := form.Submit(); strings.HasPrefix(got.Header.Get("Location"), redirectURI) {
					t.Fatal("a password of a session that has ended counts")
				}
				page = c.Get(page.URL.String())
				if len(page.Forms) == 0 || !page.Forms[0].Has("password") {
					t.Errorf("the password is not asked for again: %s", page.Text)
				}
			})
		}
	})
}

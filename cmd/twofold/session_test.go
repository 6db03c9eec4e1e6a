package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/testkit"
)

// sessionCookie is what a browser holds of its session in a tenant.
func (w *world) sessionCookie(c *testkit.Client, tenant string) string {
	w.t.Helper()
	return c.Cookie(w.url+"/t/"+tenant+"/authorize", "twofold-session")
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
	t.Parallel()
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
	t.Parallel()
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

// TestSessionCookieRotates: M67: each authentication makes a new cookie, and the
// old one opens nothing; the session's id stays.
func TestSessionCookieRotates(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		seen := map[string]bool{}
		var sid any
		for n := range 3 {
			again := w.rp("acme", "expenses").with("prompt", "login")
			cl := claims(t, again.exchange(again.callback(again.signIn(c, "anna")).Get("code")).IDToken)
			if sid == nil {
				sid = cl["sid"]
			}
			w.clock.Advance(time.Second)
			now := w.sessionCookie(c, "acme")
			if len(now) != 43 || seen[now] || cl["sid"] != sid {
				t.Errorf("authentication %d: cookie %q, seen before %v, sid %v, first %v", n, now, seen[now], cl["sid"], sid)
			}
			if !toApp(browserWith(p, now)) {
				t.Error("the new cookie does not open the session")
			}
			for old := range seen {
				if toApp(browserWith(p, old)) {
					t.Error("an old cookie opens the session")
				}
			}
			seen[now] = true
		}
		// Single sign-on is no authentication.
		before := w.sessionCookie(c, "acme")
		w.clock.Advance(2 * time.Minute)
		p.callback(c.Get(p.authorizeURL()))
		if w.sessionCookie(c, "acme") != before || w.count("sessions", "1=1") != 1 {
			t.Errorf("single sign-on changed the cookie, or made one of %d sessions", w.count("sessions", "1=1"))
		}
		if n := w.count("sessions", "token_hash IN ('"+before+"') OR id IN ('"+before+"')"); n != 0 {
			t.Error("the cookie is in the database")
		}
	})
}

// TestSignInCookieRotates: I9: what a browser held before the password opens
// nothing after it.
func TestSignInCookieRotates(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := c.Get(p.authorizeURL()).Follow()
		address := page.URL.String()
		before := c.Cookie(address, "twofold-signin")
		page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in").Follow().Require(http.StatusOK)
		after := c.Cookie(address, "twofold-signin")
		if before == after {
			t.Error("the cookie is the old one")
		}
		for _, k := range []struct {
			values []string
			want   int
		}{
			{[]string{before}, http.StatusForbidden},
			{[]string{after}, http.StatusOK},
			{nil, http.StatusForbidden},
			{[]string{"planted", before, after}, http.StatusOK},
			{[]string{"planted"}, http.StatusForbidden},
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range k.values {
				req.AddCookie(&http.Cookie{Name: "twofold-signin", Value: v})
			}
			if got := testkit.NewClient(t).Do(req).Status; got != k.want {
				t.Errorf("%q: status %d, want %d", k.values, got, k.want)
			}
		}
		// It goes nowhere but to its own sign-in, and away when that is done.
		if c.Cookie(w.url+"/t/acme/authorize", "twofold-signin") != "" {
			t.Error("the cookie is sent to other pages")
		}
		c.PostForm(address, url.Values{"do": {"cancel"}})
		if c.Cookie(address, "twofold-signin") != "" {
			t.Error("the cookie stays")
		}
	})
}

// TestTwoUsersOneBrowser: M70: who signs in ends the session of who was there, and
// all that was granted in it.
func TestTwoUsersOneBrowser(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna", "bruno")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		first := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		annas := w.sessionCookie(c, "acme")
		w.clock.Advance(time.Minute)
		other := w.rp("acme", "expenses").with("prompt", "login")
		second := other.exchange(other.callback(other.signIn(c, "bruno")).Get("code"))

		a, b := claims(t, first.IDToken), claims(t, second.IDToken)
		if a["sid"] == b["sid"] || a["sub"] == b["sub"] || annas == w.sessionCookie(c, "acme") {
			t.Errorf("anna %v, bruno %v", a, b)
		}
		if got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}}); got.Error != "invalid_grant" {
			t.Errorf("anna's refresh token: %+v", got)
		}
		if toApp(browserWith(p, annas)) {
			t.Error("anna's cookie opens a session")
		}
		if n := w.count("sessions", "ended_at IS NULL"); n != 1 || !strings.Contains(w.events("acme"), "another user signed in") {
			t.Errorf("%d sessions live, trail:\n%s", n, w.events("acme"))
		}
		if cl := claims(t, p.exchange(p.callback(c.Get(p.authorizeURL())).Get("code")).IDToken); cl["sub"] != w.ids["user bruno"] {
			t.Errorf("single sign-on of %v", cl["sub"])
		}
	})
}

// TestPlantedCookies: M68: a cookie that a sibling host has planted beside ours
// neither signs anybody in nor keeps anybody out of his sign-in.
func TestPlantedCookies(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna", "mallory")
		p, c, attacker := w.rp("acme", "expenses"), testkit.NewClient(t), testkit.NewClient(t)
		for name, client := range map[string]*testkit.Client{"anna": c, "mallory": attacker} {
			page := p.signIn(client, name).Follow()
			p.callback(page.Forms[0].Set("code", w.code(name+"@example.test")).Submit())
		}
		w.clock.Advance(time.Second)
		annas, planted := w.sessionCookie(c, "acme"), w.sessionCookie(attacker, "acme")
		for name, k := range map[string]struct {
			cookies []string
			want    bool
		}{
			"ours alone":              {[]string{annas}, true},
			"garbage before":          {[]string{"garbage", annas}, true},
			"garbage behind":          {[]string{annas, "", "x y", "garbage"}, true},
			"garbage alone":           {[]string{"garbage"}, false},
			"too long":                {[]string{strings.Repeat("a", 4000)}, false},
			"two that live":           {[]string{planted, annas}, false},
			"two that live, reversed": {[]string{annas, planted}, false},
		} {
			if got := toApp(browserWith(p, k.cookies...)); got != k.want {
				t.Errorf("%s: single sign-on %v", name, got)
			}
		}

		// Signing out ends all that the browser holds.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/t/acme/end_session", strings.NewReader("do=signout"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, v := range []string{planted, annas} {
			req.AddCookie(&http.Cookie{Name: "twofold-session", Value: v})
		}
		testkit.NewClient(t).Do(req).Require(http.StatusOK)
		if n := w.count("sessions", "ended_at IS NULL"); n != 0 {
			t.Errorf("%d sessions live on", n)
		}
	})
}

// TestTwoPostsOfOneStep: of two identical posts one takes the step; the other is
// shown where the sign-in stands.
func TestTwoPostsOfOneStep(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := c.Get(p.authorizeURL()).Follow()
		form := page.Forms[0].Values()
		form.Set("username", "anna")
		form.Set("password", password)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				resp, err := raw(c, page, form)
				if err != nil {
					t.Error(err)
				} else if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusForbidden {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		wg.Wait()
		if open, codes := w.count("challenges", "closed_at IS NULL"), w.count("messages", "1=1"); open != 1 || codes != 1 {
			t.Errorf("%d challenges open, %d messages", open, codes)
		}
	})
}

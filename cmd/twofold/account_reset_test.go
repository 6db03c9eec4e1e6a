package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

const newPassword = "another horse, another battery"

func (w *world) ask(c *testkit.Client, name string) *testkit.Page {
	w.t.Helper()
	w.idp.Wait()
	page := c.Get(w.url+"/t/acme/reset").FormWith("username").Set("username", name).Press("answer")
	w.idp.Wait() // the work goes on after the answer
	return page
}

// TestPasswordReset: the link is told to nobody but the mailbox, works once, until the
// next one or any change; it signs nobody in and goes round no second factor.
func TestAccountReset(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna", "bruno")
		w.tenant("globex")
		for _, tenant := range []string{"acme", "globex"} {
			w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant "+tenant], []string{w.ids["user anna"], w.ids["user bruno"]}))
		}
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		a := p.holder(c, "anna")
		p.holder(testkit.NewClient(t), "bruno")
		w.assign("app", "tenant globex", true)
		elsewhere := testkit.NewClient(t)
		pe := w.rp("globex", "expenses")
		tok := pe.exchange(pe.callback(pe.signIn(elsewhere, "anna").Follow().FormWith("code").Set("code", a.next()).Press("Continue")).Get("code"))
		half := p.toCode(testkit.NewClient(t), "anna")

		// Whoever is asked for, the answer is the same.
		known, unknown := w.ask(testkit.NewClient(t), "anna"), w.ask(testkit.NewClient(t), "nobody")
		if known.Status != http.StatusSeeOther || known.Status != unknown.Status || known.Header.Get("Location") != unknown.Header.Get("Location") || known.Body != unknown.Body {
			t.Errorf("%d %q, %d %q", known.Status, known.Header, unknown.Status, unknown.Header)
		}
		first := w.link("anna@example.test")
		if !strings.HasPrefix(first, w.url+"/t/acme/reset/password?") {
			t.Fatalf("link %s", first)
		}
		w.ask(testkit.NewClient(t), "ANNA@example.test")
		second := w.link("anna@example.test", first)
		if got := c.Get(first); got.Status != http.StatusGone {
			t.Errorf("the link before the last one: %d", got.Status)
		}
		page := testkit.NewClient(t).Get(second).Require(http.StatusOK)
		c.Get(second).Require(http.StatusOK) // opening it uses nothing up
		if got := page.FormWith("password").Set("password", "short").Press("answer"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a bad password: %d", got.Status)
		}
		if got := c.PostFormFrom("https://evil.example/", second, url.Values{"password": {newPassword}, "do": {"answer"}}); got.Status != http.StatusForbidden {
			t.Errorf("from another site: %d", got.Status)
		}
		done := page.FormWith("password").Set("password", newPassword).Press("answer").Require(http.StatusOK)
		if got := page.FormWith("password").Set("password", newPassword).Press("answer"); got.Status != http.StatusGone {
			t.Errorf("used twice: %d", got.Status)
		}

		// Nobody is signed in: not here, and nowhere any more.
		for _, k := range done.Header.Values("Set-Cookie") {
			if !strings.HasPrefix(k, "twofold-known=") {
				t.Errorf("a reset sets a cookie: %s", k)
			}
		}
		for _, who := range []*rp{p.quietly(), pe.quietly()} {
			cl := map[string]*testkit.Client{"acme": c, "globex": elsewhere}[who.tenant]
			if got := who.callback(cl.Get(who.authorizeURL())).Get("error"); got != "login_required" {
				t.Errorf("a session in %s outlives the reset: %q", who.tenant, got)
			}
		}
		if got := pe.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); got.Status == http.StatusOK {
			t.Error("a refresh token outlives the reset")
		}
		if n := w.count("grants", "revoked_at IS NULL AND user_id = '"+w.ids["user bruno"]+"'"); n != 1 {
			t.Errorf("%d grants of somebody else", n)
		}
		// What was half done ends (M7), and can be begun again from the page that says so.
		over := half.FormWith("code").Set("code", a.next()).Press("Continue").Follow()
		if over.Status != http.StatusGone {
			t.Fatalf("a half sign-in outlives the reset: %d", over.Status)
		}
		if page = over.Link("Sign in again"); !page.FormWith("username").Has("password") {
			t.Errorf("start again leads to %s", page.Text)
		}
		page = page.FormWith("username").Set("username", "anna").Set("password", newPassword).Press("Sign in")
		if toApp(page) {
			t.Fatal("a reset goes round the second factor")
		}
		p.callback(page.Follow().FormWith("code").Set("code", a.next()).Press("Continue"))
		ev := w.events("acme")
		if !strings.Contains(ev, "password.reset_asked") || !strings.Contains(ev, "password.reset ") || strings.Contains(ev, "link=") || w.logs.Contains(newPassword) {
			t.Errorf("trail: %s", ev)
		}
		w.mailed("anna@example.test", "password")
	})
}

func (p *rp) quietly() *rp { return p.w.rp(p.tenant, p.app).with("prompt", "none") }

// TestAccountPassword: a new password ends all else, makes a new cookie here, and ends
// links that were mailed before.
func TestAccountPassword(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		a := p.holder(c, "anna")
		other := testkit.NewClient(t)
		p.callback(p.toCode(other, "anna").FormWith("code").Set("code", a.next()).Press("Continue"))
		w.ask(testkit.NewClient(t), "anna")
		link := w.link("anna@example.test")
		page := w.act(c, "answer", "").Require(http.StatusOK)
		was := w.sessionCookie(c, "acme")
		page.FormWith("password").Set("password", newPassword).Press("answer").Follow().Require(http.StatusOK)
		if w.sessionCookie(c, "acme") == was {
			t.Error("the cookie is the old one (M67)")
		}
		quiet := p.quietly()
		if got := quiet.callback(c.Get(quiet.authorizeURL())); got.Get("code") == "" {
			t.Errorf("the own session ended: %v", got)
		}
		if got := quiet.callback(other.Get(quiet.authorizeURL())).Get("error"); got != "login_required" {
			t.Errorf("another session lives on: %q", got)
		}
		if got := c.Get(link); got.Status != http.StatusGone {
			t.Errorf("a link of before: %d", got.Status)
		}
		// Old proofs do not do.
		w.clock.Advance(6 * time.Minute)
		got := c.PostForm(w.account("acme"), url.Values{"do": {"answer"}, "password": {"and yet another password"}})
		if !strings.Contains(got.Header.Get("Location"), "/signin/") {
			t.Errorf("changed with old proofs: %d", got.Status)
		}
		if got := p.signIn(testkit.NewClient(t), "anna"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("the old password: %d", got.Status)
		}
	})
}

// TestAccountSessions: one session is ended, or all others, and at once; what is half
// done goes with them.
func TestAccountSessions(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna", "bruno")
		p := w.rp("acme", "expenses")
		var cs []*testkit.Client
		for range 3 {
			c := testkit.NewClient(t)
			p.callback(p.signIn(c, "anna"))
			cs = append(cs, c)
		}
		brunos := testkit.NewClient(t)
		p.callback(p.signIn(brunos, "bruno"))
		in := func(c *testkit.Client) bool {
			quiet := p.quietly()
			return quiet.callback(c.Get(quiet.authorizeURL())).Get("code") != ""
		}
		ids := w.column("SELECT id FROM sessions WHERE user_id = '" + w.ids["user anna"] + "' ORDER BY id")
		w.act(brunos, "end", ids[0])
		if !in(cs[0]) {
			t.Fatal("somebody else ended it")
		}
		w.act(cs[0], "end", ids[1])
		if in(cs[1]) || !in(cs[2]) {
			t.Fatal("not the one that was meant")
		}
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", false)
		strict := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:2fa").with("max_age", "0")
		half, code := openCode(t, w, strict, testkit.NewClient(t), "anna")
		w.act(cs[0], "end", "")
		if in(cs[2]) || !in(cs[0]) || !in(brunos) {
			t.Error("all others, and no more")
		}
		if got := half.FormWith("code").Set("code", code).Press("Continue"); toApp(got) {
			t.Error("a sign-in that was half done ends after it")
		}
	})
}

// TestAccountLastFactor: what only an app asks for, or another tenant, cannot be removed
// either.
func TestAccountLastFactor(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.tenant("globex")
		w.factorWith("app", "totp", true, map[string]any{})
		w.assign("app", "tenant acme", false)
		w.assign("app", "tenant globex", true)
		c, p := testkit.NewClient(t), w.rp("acme", "expenses")
		p.callback(p.signIn(c, "anna"))
		_, page := w.enrol(w.act(c, "add", "enroll "+w.ids["two_factor app"]).Follow())
		page.Follow().Require(http.StatusOK)
		demand := func(acr string) { w.app(tenants.ClientApp{Name: "expenses", MinACR: acr}) }
		member := func(ids ...string) {
			w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant globex"], ids))
		}
		for _, step := range []struct {
			name     string
			do, undo func()
		}{
			{"an app demands it", func() { demand("urn:twofold:acr:aal2") }, func() { demand("") }},
			{"another tenant requires it", func() { member(w.ids["user anna"]) }, func() { member() }},
			{"an app requires it", func() { w.assign("app", "client_app expenses", true) }, func() { w.assign("app", "client_app expenses", false) }},
		} {
			step.do()
			if got := w.act(c, "remove", w.held("anna")[0]).Follow().Press("Remove"); got.Status != http.StatusConflict || len(w.held("anna")) != 1 {
				t.Errorf("%s: %d %s", step.name, got.Status, got.Text)
			}
			step.undo()
		}
		if got := w.act(c, "remove", w.held("anna")[0]).Follow().Press("Remove"); len(w.held("anna")) != 0 {
			t.Errorf("nothing asks for it: %d %s", got.Status, got.Text)
		}
	})
}

// TestAccountGuessed: who guesses at a name from everywhere does not keep its owner out
// of the browser that he uses, and learns nothing by it (docs/adr/0026).
func TestAccountGuessed(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		p.callback(p.signIn(c, "anna"))
		c.Get(w.url + "/t/acme/end_session").Press("Sign out")
		w.clock.Advance(10 * time.Minute)
		tooLong := strings.Repeat("x", 300) // costs a try like any other, and no hash
		guess := func(c *testkit.Client, name, with string) *testkit.Page {
			return c.Get(p.authorizeURL()).Follow().FormWith("username").Set("username", name).Set("password", with).Press("Sign in")
		}
		for _, name := range []string{"anna", "nobody"} {
			stranger := testkit.NewClient(t)
			for range 10 {
				if got := guess(stranger, name, tooLong); got.Status != http.StatusUnprocessableEntity {
					t.Fatalf("%s: %d", name, got.Status)
				}
			}
			if got := guess(stranger, name, password); got.Status != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
				t.Errorf("%s after 10 guesses: %d", name, got.Status)
			}
		}
		p.callback(guess(c, "ANNA", password))
		// The cookie is worth nothing for another name, and nothing by itself.
		c.Get(w.url + "/t/acme/end_session").Press("Sign out")
		if got := guess(c, "nobody", password); got.Status != http.StatusTooManyRequests {
			t.Errorf("known for another name: %d", got.Status)
		}
		for range 9 {
			guess(c, "anna", tooLong)
		}
		if got := guess(c, "anna", tooLong); got.Status != http.StatusTooManyRequests {
			t.Errorf("a known browser guesses without end: %d", got.Status)
		}
		// A mailed link makes another one known.
		fresh := testkit.NewClient(t)
		w.ask(fresh, "anna")
		fresh.Get(w.link("anna@example.test")).FormWith("password").Set("password", newPassword).Press("answer").Require(http.StatusOK)
		p.callback(guess(fresh, "anna", newPassword))
	})
}

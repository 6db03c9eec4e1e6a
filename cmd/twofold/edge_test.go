package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// TestBadRequests: what cannot be answered to an app gets a page and never a
// redirect; what can, gets an OAuth error with state and iss.
func TestBadRequests(t *testing.T) {
	testkit.Later(t)
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p := w.rp("acme", "expenses")
		pages := map[string]struct {
			url    string
			status int
			audit  bool
		}{
			"unknown tenant":        {w.url + "/t/nobody/authorize?client_id=expenses", 404, true},
			"tenant by odd name":    {w.url + "/t/ACME%2F..%2Facme/authorize", 404, false},
			"unknown client":        {w.rp("acme", "nobody").authorizeURL(), 400, true},
			"unknown redirect":      {w.rp("acme", "expenses").with("redirect_uri", "http://127.0.0.1:1/other").authorizeURL(), 400, true},
			"no redirect":           {strings.Replace(p.authorizeURL(), "redirect_uri", "x", 1), 400, true},
			"encoded redirect":      {w.rp("acme", "expenses").with("redirect_uri", "http://127.0.0.1:1/%63b").authorizeURL(), 400, true},
			"no such page":          {w.url + "/t/acme/nothing", 404, false},
			"no such root page":     {w.url + "/nothing", 404, false},
			"unknown sign-in":       {w.url + "/t/acme/signin/01a20164-6232-7012-b333-fb122ae4f854", 410, true},
			"sign-in id of garbage": {w.url + "/t/acme/signin/%00%ff", 410, true},
		}
		for name, c := range pages {
			t.Run(name, func(t *testing.T) {
				before := w.count("audit_events", "kind = 'sign_in.bad_request'")
				page := testkit.NewClient(t).Get(c.url)
				if page.Status != c.status || page.Header.Get("Location") != "" || page.H1 == "" || !strings.HasPrefix(page.Title, "Error") {
					t.Errorf("%d %q to %q: %s", page.Status, page.Title, page.Header.Get("Location"), page.Text)
				}
				if strings.Contains(page.Text, "zitadel") || strings.Contains(page.Text, "sql") {
					t.Errorf("internals on the page: %s", page.Text)
				}
				if got := w.count("audit_events", "kind = 'sign_in.bad_request'") > before; got != c.audit {
					t.Errorf("audited: %v", got)
				}
			})
		}
		for name, c := range map[string]struct{ key, value, want string }{
			"implicit":          {"response_type", "id_token", "unsupported_response_type"},
			"plain PKCE":        {"code_challenge_method", "plain", "invalid_request"},
			"request object":    {"request", "x", "request_not_supported"},
			"request_uri":       {"request_uri", "https://x.example/r", "request_uri_not_supported"},
			"silent, no one in": {"prompt", "none", "login_required"},
			"prompt mix":        {"prompt", "none login", "invalid_request"},
			"max_age of words":  {"max_age", "abc", "invalid_request"},
		} {
			t.Run(name, func(t *testing.T) {
				before := w.count("audit_events", "kind = 'sign_in.bad_request'")
				if got := p.callback(testkit.NewClient(t).Get(w.rp("acme", "expenses").with(c.key, c.value).authorizeURL())).Get("error"); got != c.want {
					t.Errorf("error %q, want %q", got, c.want)
				}
				// A silent question is no mistake: apps ask it all day long.
				if after := w.count("audit_events", "kind = 'sign_in.bad_request'"); (after == before) != (c.want == "login_required") {
					t.Errorf("audited %d times", after-before)
				}
			})
		}
		if n := w.count("sign_ins", "1=1"); n != 0 {
			t.Errorf("%d sign-ins were written", n)
		}
	})
}

// TestOtherBrowser: M44, M69 and OIDC-LIBRARY §1.3: a sign-in's address alone is
// worth nothing, at any step, in another browser.
func TestOtherBrowser(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p := w.rp("acme", "expenses")
		attacker, victim := testkit.NewClient(t), testkit.NewClient(t)
		page := attacker.Get(p.authorizeURL()).Follow()
		if got := victim.Get(page.URL.String()); got.Status != http.StatusForbidden || len(got.Forms) != 0 {
			t.Errorf("the victim sees %d %s", got.Status, got.Text)
		}
		got := victim.PostForm(page.URL.String(), url.Values{"username": {"anna"}, "password": {password}})
		if got.Status != http.StatusForbidden || len(w.inbox.Messages()) != 0 {
			t.Errorf("the victim's password went into the attacker's sign-in: %d", got.Status)
		}
		// The attacker goes on alone; then the victim's browser cannot take the code.
		page = page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in").Follow()
		got = victim.PostForm(page.URL.String(), answer(page, w.code("anna@example.test")))
		if got.Status != http.StatusForbidden {
			t.Errorf("a code was taken from another browser: %d", got.Status)
		}
		// A form from another site is refused even with the cookie.
		got = attacker.PostFormFrom("http://evil.example/", page.URL.String(), answer(page, w.code("anna@example.test")))
		if got.Status != http.StatusForbidden {
			t.Errorf("cross-site post: %d", got.Status)
		}
	})
}

// TestEmptyAnswers: M3, rows 11 and 16: nothing, twice, or garbage moves nothing on.
func TestEmptyAnswers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		code := w.code("anna@example.test")
		id := page.Forms[0].Value("challenge")
		for name, form := range map[string]url.Values{
			"empty":           {},
			"no code":         {"do": {"answer"}, "challenge": {id}},
			"empty code":      {"do": {"answer"}, "challenge": {id}, "code": {""}},
			"code twice":      {"do": {"answer"}, "challenge": {id}, "code": {code, code}},
			"challenge twice": {"do": {"answer"}, "challenge": {id, id}, "code": {code}},
			"no challenge":    {"do": {"answer"}, "code": {code}},
			"an array":        {"do": {"answer"}, "challenge": {id}, "code[]": {code}},
			"unknown act":     {"do": {"let-me-in"}, "challenge": {id}, "code": {code}},
			"pick nothing":    {"do": {"pick"}, "method": {"none"}},
			"password again":  {"username": {"anna"}, "password": {password}},
		} {
			t.Run(name, func(t *testing.T) {
				got := c.PostForm(page.URL.String(), form)
				if strings.HasPrefix(got.Header.Get("Location"), redirectURI) || got.Status >= 500 {
					t.Errorf("%d %s", got.Status, got.Header.Get("Location"))
				}
			})
		}
		if w.count("sessions", "1=1") != 0 {
			t.Error("a session was made")
		}
	})
}

// TestExpiry: codes live 5 minutes, sign-ins 10; a resend repeats the same code.
func TestExpiry(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		code := w.code("anna@example.test")

		tooSoon := url.Values{"do": {"resend"}, "challenge": {page.Forms[0].Value("challenge")}}
		if got := c.PostForm(page.URL.String(), tooSoon); got.Status != http.StatusTooManyRequests {
			t.Errorf("resent too soon: %d", got.Status)
		}
		w.clock.Advance(31 * time.Second)
		page = c.Get(page.URL.String())
		if page = page.Press("Send the code again").Follow(); page.Status != http.StatusOK {
			t.Fatalf("resend: %d %s", page.Status, page.Text)
		}
		w.waitMails(2)
		for _, m := range w.inbox.Messages() {
			if !strings.Contains(m.Text, code) {
				t.Errorf("another code was sent: %q", m.Text)
			}
			if strings.Contains(m.Subject, code) {
				t.Error("the code is in the subject")
			}
		}
		w.clock.Advance(5*time.Minute + time.Second)
		if got := page.Forms[0].Set("code", code).Submit().Follow(); got.Status == http.StatusSeeOther || !strings.Contains(got.Text, "no longer") {
			t.Errorf("an expired code: %d %s", got.Status, got.Text)
		}
		w.clock.Advance(5 * time.Minute)
		if got := c.Get(page.URL.String()); got.Status != http.StatusGone {
			t.Errorf("an expired sign-in: %d %s", got.Status, got.Text)
		}
	})
}

func (w *world) waitMails(n int) {
	w.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		list, changed := w.inbox.Watch()
		if len(list) >= n {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("%d of %d messages", len(list), n)
		}
	}
}

// TestDeadMailServer: the page answers at once, tells that delivery failed, and
// nothing lets anybody in.
func TestDeadMailServer(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		w.smtp.Script(fakes.SMTPFault{Stage: fakes.SMTPRcpt, Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user", Forever: true})
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		w.logs.Wait(t, "message failed")
		page = c.Get(page.URL.String())
		if !strings.Contains(page.Text, "did not get through") {
			t.Errorf("the page does not tell: %s", page.Text)
		}
		if strings.Contains(page.Text, "anna@example.test") || w.logs.Contains("anna@example.test") {
			t.Error("the address is shown in full")
		}
		if ev := w.events("acme"); !strings.Contains(ev, "factor.failed") {
			t.Errorf("trail:\n%s", ev)
		}
	})
}

// TestUnknownLooksLikeKnown: the same status, text and headers for unknown,
// disabled and wrong (M61).
func TestUnknownLooksLikeKnown(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna", "bruno")
		u, err := w.tenants.User(w.in("acme"), w.ids["user bruno"])
		if err != nil {
			t.Fatal(err)
		}
		u.Active = false
		w.must(w.tenants.PutUser(w.ctx(), &u))
		p := w.rp("acme", "expenses")
		var want string
		for _, c := range []struct{ name, password string }{{"anna", "wrong password"}, {"nobody", password}, {"bruno", password}, {"ANNA", "wrong password"}} {
			page := testkit.NewClient(t).Get(p.authorizeURL()).Follow()
			got := page.Forms[0].Set("username", c.name).Set("password", c.password).Press("Sign in")
			text := strings.ReplaceAll(got.Body, c.name, "NAME")
			text = strings.ReplaceAll(text, got.URL.Path, "PATH")
			if want == "" {
				want = text
			}
			if got.Status != http.StatusUnprocessableEntity || text != want {
				t.Errorf("%s differs: %d\n%s", c.name, got.Status, text)
			}
		}
	})
}

// TestCancelAndSignOut.
func TestCancelAndSignOut(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := c.Get(p.authorizeURL()).Follow()
		if got := p.callback(c.PostForm(page.URL.String(), url.Values{"do": {"cancel"}})).Get("error"); got != "access_denied" {
			t.Errorf("cancel: %q", got)
		}
		tok := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))

		// Any site can send a browser here: it asks first.
		bare := c.Get(p.base() + "/end_session")
		if bare.Status != http.StatusOK || len(bare.Forms) == 0 {
			t.Fatalf("no question: %d %s", bare.Status, bare.Text)
		}
		if w.count("sessions", "ended_at IS NULL") != 1 {
			t.Error("signed out without a question")
		}
		// With the session's own token it is done at once, and back at the app.
		out := c.Get(p.base() + "/end_session?" + url.Values{
			"id_token_hint": {tok.IDToken}, "post_logout_redirect_uri": {"http://127.0.0.1:1/bye"}, "state": {"s"},
		}.Encode())
		if got := out.Header.Get("Location"); !strings.HasPrefix(got, "http://127.0.0.1:1/bye") || !strings.Contains(got, "state=s") {
			t.Errorf("after sign-out: %d %s %s", out.Status, got, out.Text)
		}
		if w.count("sessions", "ended_at IS NULL") != 0 {
			t.Error("the session lives on")
		}
		if got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); got.Error != "invalid_grant" {
			t.Errorf("refresh after sign-out: %+v", got)
		}
		if page := c.Get(p.authorizeURL()).Follow(); !page.Forms[0].Has("password") {
			t.Error("single sign-on after sign-out")
		}
	})
}

// TestConfirmedSignOut: asked first, a user who says yes is brought back to the
// app all the same (RP-Initiated Logout §3).
func TestConfirmedSignOut(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		p.callback(p.signIn(c, "anna"))
		q := url.Values{"client_id": {"expenses"}, "post_logout_redirect_uri": {"http://127.0.0.1:1/bye"}, "state": {"s 1"}}
		page := c.Get(p.base() + "/end_session?" + q.Encode())
		out := page.Press("Sign out")
		if got := out.Header.Get("Location"); got != "http://127.0.0.1:1/bye?state=s+1" {
			t.Errorf("%d to %q: %s", out.Status, got, out.Text)
		}
		if w.count("sessions", "ended_at IS NULL") != 0 {
			t.Error("the session lives on")
		}
		// Without a session, a post from the app's page is sent on by GET, once.
		again := c.PostFormFrom("http://app.example/", p.base()+"/end_session", q)
		if got := again.Header.Get("Location"); again.Status != http.StatusSeeOther || !strings.HasPrefix(got, "/t/acme/end_session?") {
			t.Errorf("post: %d to %q", again.Status, got)
		}
	})
}

// TestFreshness: prompt=login and max_age ask again; the sid stays.
func TestFreshness(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		first := claims(t, p.exchange(p.callback(p.signIn(c, "anna")).Get("code")).IDToken)
		w.clock.Advance(10 * time.Minute)
		if got := p.callback(c.Get(p.authorizeURL())); got.Get("code") == "" {
			t.Fatal("no single sign-on")
		}
		for _, q := range [][2]string{{"prompt", "login"}, {"max_age", "60"}, {"max_age", "0"}} {
			fresh := w.rp("acme", "expenses").with(q[0], q[1])
			answer := fresh.callback(fresh.signIn(c, "anna"))
			cl := claims(t, fresh.exchange(answer.Get("code")).IDToken)
			if cl["sid"] != first["sid"] || cl["auth_time"].(float64) < float64(w.clock.Now().Unix())-1 {
				t.Errorf("%v: sid %v was %v, auth_time %v", q, cl["sid"], first["sid"], cl["auth_time"])
			}
			w.clock.Advance(2 * time.Minute)
		}
		// Idle for more than an hour, the session is over.
		w.clock.Advance(61 * time.Minute)
		if page := c.Get(p.authorizeURL()).Follow(); len(page.Forms) == 0 {
			t.Error("an idle session lives on")
		}
	})
}

// TestOpenSignInsAreCapped: N27, and the newest always works.
func TestOpenSignInsAreCapped(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		p := w.rp("acme", "expenses")
		var last *testkit.Page
		for range 14 {
			last = p.signIn(testkit.NewClient(t), "anna")
			w.clock.Advance(4 * time.Second)
			if err := w.limits.Sweep(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count("sign_ins", "state = 'open' AND user_id <> ''"); n > 10 {
			t.Errorf("%d open", n)
		}
		_ = last
	})
}

// TestSwitchedOff: what an administrator switches off between two steps, or under
// a live session, lets nobody on (rows 36, 39; M51).
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		off := map[string]func(w *world){
			"user": func(w *world) {
				u, err := w.tenants.User(w.in("acme"), w.ids["user anna"])
				if err != nil {
					t.Fatal(err)
				}
				u.Active = false
				w.must(w.tenants.PutUser(w.ctx(), &u))
			},
			"membership": func(w *world) { w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], nil)) },
		}
		for name, do := range off {
			t.Run(name, func(t *testing.T) {
				w := mailWorld(t, freshCopy(t, db), "anna")
				p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
				page := p.signIn(c, "anna").Follow()
				tok := p.exchange(p.callback(page.Forms[0].Set("code", w.code("anna@example.test")).Submit()).Get("code"))
				first := w.code("anna@example.test")
				half := testkit.NewClient(t)
				open := p.signIn(half, "anna").Follow()
				code := w.newCode("anna@example.test", first)
				do(w)
				w.tenants.Forget()
				if got := open.Forms[0].Set("code", code).Submit(); strings.HasPrefix(got.Header.Get("Location"), redirectURI) {
					t.Error("a sign-in that was open went through")
				}
				if got := c.Get(p.authorizeURL()); strings.HasPrefix(got.Header.Get("Location"), redirectURI) {
					t.Error("single sign-on went through")
				}
				quiet := w.rp("acme", "expenses").with("prompt", "none")
				if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "login_required" {
					t.Errorf("silent: %q", got)
				}
				if got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); got.Error != "invalid_grant" {
					t.Errorf("refresh: %+v", got)
				}
			})
		}
	})
}

// TestReplicaClockBehind: a password taken by a replica whose clock is a little
// behind the one that began the sign-in still counts, and dates rightly.
func TestReplicaClockBehind(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses").with("max_age", "0"), testkit.NewClient(t)
		page := c.Get(p.authorizeURL()).Follow()
		w.clock.Advance(-3 * time.Second)
		page = page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in")
		cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken)
		if at := cl["auth_time"].(float64); at < float64(w.clock.Now().Unix())-5 {
			t.Errorf("auth_time %v", at)
		}
	})
}

package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

func replayRows() []row {
	return []row{
		{"M14", "A; D in the sign-in it was used in", "A used code once more: in its own sign-in, in the next one, on the other replica.", usedCode},
		{"M15", "A; B with the old page", "The code of a challenge after a new one was begun by another method and back.", olderCode},
		{"M16", "A", "An app's code of one step in a second sign-in, on the other replica, at prompt=login and at the account pages.", sameStep},
		{"M17", "A", "An app's code of the step before one that was taken; the code of setting up at the first sign-in.", olderStep},
		{"M18", "A", "A passkey's answer once more, and the answer of setting up in place of one.", replayedPasskey},
		{"M19", "A", "A recovery code twice, one of a set that was renewed, and a second one in the same sign-in after a reset of the password.", spareTwice},
		{"M20", "no session; counted", "A webhook's signed approval of another question, one for a sign-in that was cancelled, one after the code's life.", replayedApproval},
		{"M21", "B", "A mailed link opened by GET any number of times, used twice, used in two browsers at once, and after a newer one.", linkTwice},
		{"M22", "D", "A session's cookie after sign-out, after it was renewed, and when its user is switched off.", oldCookie},
	}
}

func usedCode(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	m.expect(nothing, name, func() *testkit.Page { return give(page, "code", code) })
	fresh := m.browser()
	next, rightful := m.half(fresh, name)
	m.expect(refused, name, func() *testkit.Page { return give(next, "code", code) })
	there := m.browser(1)
	third, _ := m.half(there, name)
	m.expect(refused, name, func() *testkit.Page { return give(third, "code", code) })
	m.expect(success, name, func() *testkit.Page { return give(next, "code", rightful) })
}

func olderCode(m *matrix) {
	name := m.person("anna", "mail", "sms")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	m.texted(name)
	page = do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	old := m.mailed(name)
	sms := do(c, page, "pick", "method", m.world.ids["two_factor sms"]).Follow()
	m.texted(name)
	m.expect(refused, name, func() *testkit.Page { return give(sms, "code", old) })
	newer := do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	code := m.mailed(name)
	m.expect(refused, name, func() *testkit.Page { return give(newer, "code", old) })
	m.expect(again, name, func() *testkit.Page { return give(page, "code", old) })
	m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
	m.expect(success, name, func() *testkit.Page { return give(newer, "code", code) })
}

func sameStep(m *matrix) {
	name := m.person("anna", "app")
	app := m.withApp(m.browser(), name)
	c := m.browser()
	code := app.at(0)
	m.expect(success, name, func() *testkit.Page { return give(m.enter(c, "expenses", name), "code", code) })
	m.expect(refused, name, func() *testkit.Page { return give(m.enter(m.browser(), "expenses", name), "code", code) })
	m.expect(refused, name, func() *testkit.Page { return give(m.enter(m.browser(1), "expenses", name), "code", code) })
	m.expect(refused, name, func() *testkit.Page {
		p := m.world.rp("acme", "expenses").with("prompt", "login")
		return give(p.signIn(c, name).Follow(), "code", code)
	})
	m.expect(refused, name, func() *testkit.Page {
		page := m.browser().Get(m.url + "/t/acme/account").Follow()
		return give(page.Forms[0].Set("username", name).Set("password", password).Submit().Follow(), "code", code)
	})
	m.clock.Advance(time.Hour)
	m.expect(success, name, func() *testkit.Page { return give(m.enter(m.browser(), "expenses", name), "code", app.at(0)) })
}

func olderStep(m *matrix) {
	name := m.person("anna", "app")
	app, page := m.pairApp(m.enter(m.browser(), "expenses", name))
	if !toApp(page) {
		m.t.Fatalf("not set up: %d %s", page.Status, page.Text)
	}
	try := func(steps int) func() *testkit.Page {
		return func() *testkit.Page { return give(m.enter(m.browser(), "expenses", name), "code", app.at(steps)) }
	}
	m.expect(refused, name, try(0)) // of setting up
	m.expect(refused, name, try(-1))
	m.clock.Advance(30 * time.Second)
	m.expect(refused, name, try(-1)) // of setting up, in the window
	m.expect(success, name, try(1))
	m.expect(refused, name, try(0))
	m.expect(refused, name, try(1))
	m.clock.Advance(30 * time.Second)
	m.expect(refused, name, try(2)) // too early
	m.clock.Advance(30 * time.Second)
	m.expect(success, name, try(0))
}

func replayedPasskey(m *matrix) {
	name := m.person("anna", "passkey")
	d := m.device()
	page := m.enter(m.browser(), "expenses", name)
	creation := d.create(page)
	m.expect(anything, "", func() *testkit.Page { return page })
	give(page, "credential", creation)
	first := m.enter(m.browser(), "expenses", name)
	assertion := d.use(first)
	m.expect(success, name, func() *testkit.Page { return give(first, "credential", assertion) })
	second := m.enter(m.browser(), "expenses", name)
	m.expect(refused, name, func() *testkit.Page { return give(second, "credential", assertion) })
	m.expect(refused, name, func() *testkit.Page { return give(second, "credential", creation) })
	third := m.browser(1)
	m.expect(refused, name, func() *testkit.Page { return give(m.enter(third, "expenses", name), "credential", assertion) })
	m.expect(success, name, func() *testkit.Page { return give(second, "credential", d.use(second)) })
}

// withSpare brings a browser to the page that asks for a recovery code.
func (m *matrix) withSpare(name, password string) *testkit.Page {
	m.t.Helper()
	c := m.browser()
	page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	return do(c, page, "pick", "method", m.world.ids["two_factor spare"]).Follow()
}

func spareTwice(m *matrix) {
	name := m.person("anna", "app", "spare?")
	c := m.browser()
	_, codes := m.withSpares(c, name)
	m.expect(success, name, func() *testkit.Page { return give(m.withSpare(name, password), "code", codes[0]) })
	page := m.withSpare(name, password)
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", codes[0]) })
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", strings.ToLower(codes[0])) })
	// Renewed: none of the old ones counts.
	renewed := m.spares(m.addAtAccount(c, "enroll "+m.world.ids["two_factor spare"]))
	page = m.withSpare(name, password)
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", codes[1]) })
	// Getting a new password takes no recovery code, and gives none away.
	m.secret.Add("the new password", freshPassword)
	m.resetPassword(name)
	m.expect(again, name, func() *testkit.Page { return give(page, "code", renewed[0]) })
	page = m.withSpare(name, freshPassword)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", renewed[0]) })
	m.expect(nothing, name, func() *testkit.Page { return give(page, "code", renewed[1]) })
	m.waitMail(name, "recovery code")
}

func replayedApproval(m *matrix) {
	m.errors = true // a hook that says something else is a failure of ours to check
	name := m.person("anna", "decide")
	m.decide.Ask = "number"
	m.t.Cleanup(func() { m.decide.Ask, m.decide.Tamper = "", nil })
	asked := func() string {
		calls := m.decide.Calls()
		for i := len(calls) - 1; i >= 0; i-- {
			if calls[i].Type == "start" {
				return calls[i].Number
			}
		}
		return ""
	}
	var references []string
	var approval fakes.WebhookAnswer
	m.decide.Tamper = func(a *fakes.WebhookAnswer) {
		switch a.Call.Type {
		case "start":
			references = append(references, between(string(a.Body), `"reference":"`, `"`))
		case "check":
			approval = *a
		}
	}
	open := func() (*testkit.Client, *testkit.Page) {
		c := m.browser()
		return c, m.enter(c, "expenses", name)
	}
	_, page := open()
	m.decide.Confirm(references[0], asked())
	m.expect(success, name, func() *testkit.Page { return give(page, "x", "") })
	if approval.Call.Type != "check" {
		m.t.Fatal("nothing was approved")
	}

	// The same bytes with the same signature for another question.
	_, page = open()
	m.decide.Tamper = func(a *fakes.WebhookAnswer) {
		if a.Call.Type == "check" {
			a.Body, a.At = approval.Body, approval.At
		}
	}
	sessions := m.count("sessions", "1=1")
	if got := give(page, "x", ""); toApp(got) || m.failures(name) != 1 || m.count("sessions", "1=1") != sessions {
		m.t.Errorf("a replayed approval: %d, %d counted", got.Status, m.failures(name))
	}
	m.decide.Tamper = func(a *fakes.WebhookAnswer) {
		if a.Call.Type == "start" {
			references = append(references, between(string(a.Body), `"reference":"`, `"`))
		}
	}
	m.clock.Advance(10 * time.Minute)
	// Approved when the sign-in is over.
	c, page := open()
	do(c, page, "cancel")
	m.decide.Confirm(references[1], asked())
	m.expect(nothing, name, func() *testkit.Page { return give(page, "x", "") })
	// Approved too late.
	_, page = open()
	m.clock.Advance(5*time.Minute + time.Second)
	m.decide.Confirm(references[2], asked())
	m.expect(again, name, func() *testkit.Page { return give(page, "x", "") })
}

func linkTwice(m *matrix) {
	name := m.person("anna", "mail")
	m.secret.Add("the new password", freshPassword)
	c := m.browser()
	c.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}}).Require(http.StatusSeeOther)
	link := m.mailedLink(name)
	for range 3 { // mail scanners
		m.browser().Get(link).Require(http.StatusOK)
	}
	set := url.Values{"password": {freshPassword}}
	var done int
	for _, r := range m.many(8, func(int) reply {
		b := m.browser()
		return m.fire(b, &testkit.Page{URL: mustURL(link)}, set)
	}) {
		if r.status == http.StatusOK {
			done++
		}
	}
	if done != 1 {
		m.t.Errorf("%d of 8 used the link", done)
	}
	for _, get := range []func() *testkit.Page{func() *testkit.Page { return c.Get(link) }, func() *testkit.Page { return c.PostForm(link, set) }} {
		if got := m.expect(again, name, get); got.Status != http.StatusGone {
			m.t.Errorf("a used link: %d", got.Status)
		}
	}
	// Only the newest works.
	m.clock.Advance(time.Hour)
	c.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}})
	m.waitLinks(name, 2)
	older := m.lastLink(name)
	c.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}})
	m.waitLinks(name, 3)
	if got := c.PostForm(older, set); got.Status != http.StatusGone {
		m.t.Errorf("an older link: %d %s", got.Status, got.Text)
	}
	if got := c.PostForm(m.lastLink(name), url.Values{"password": {"short"}}); got.Status != http.StatusUnprocessableEntity {
		m.t.Errorf("a bad password: %d", got.Status)
	}
	c.PostForm(m.lastLink(name), url.Values{"password": {"yet another long passphrase"}}).Require(http.StatusOK)
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// links are those in somebody's mail, oldest first.
func (m *matrix) links(name string) (out []string) {
	for _, msg := range m.inbox.Messages() {
		if _, rest, ok := strings.Cut(msg.Text, m.url); ok && msg.To == name+"@example.test" && strings.Contains(rest, "link=") {
			out = append(out, m.url+strings.Fields(rest)[0])
		}
	}
	return out
}

func (m *matrix) lastLink(name string) string {
	all := m.links(name)
	return all[len(all)-1]
}

func (m *matrix) waitLinks(name string, n int) {
	m.t.Helper()
	late := time.After(10 * time.Second)
	for {
		_, changed := m.inbox.Watch()
		if len(m.links(name)) >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			m.t.Fatalf("%d of %d links", len(m.links(name)), n)
		}
	}
}

func oldCookie(m *matrix) {
	name := m.person("anna")
	p := m.world.rp("acme", "expenses")
	fresh := func() (*testkit.Client, string) {
		c := m.browser()
		p.callback(p.signIn(c, name))
		m.clock.Advance(time.Second)
		return c, m.sessionCookie(c, "acme")
	}
	dead := func(what, cookie string) {
		m.t.Helper()
		for _, i := range []int{0, 1} {
			c := m.browser(i)
			got := m.expect(nothing, name, func() *testkit.Page {
				req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, p.authorizeURL(), nil)
				if err != nil {
					m.t.Fatal(err)
				}
				req.AddCookie(&http.Cookie{Name: "twofold-session", Value: cookie})
				return c.Do(req)
			})
			if toApp(got) {
				m.t.Errorf("%s: the cookie opens a session on replica %d", what, i)
			}
		}
	}
	c, cookie := fresh()
	c.Get(m.url + "/t/acme/end_session").Press("Sign out")
	dead("signed out", cookie)
	c, cookie = fresh()
	q := m.world.rp("acme", "expenses").with("prompt", "login")
	q.callback(q.signIn(c, name))
	dead("renewed", cookie)
	_, cookie = fresh()
	u, err := m.tenants.User(m.in("acme"), m.userID(name))
	if err != nil {
		m.t.Fatal(err)
	}
	u.Active = false
	m.must(m.tenants.PutUser(m.ctx(), &u))
	dead("switched off", cookie)
}

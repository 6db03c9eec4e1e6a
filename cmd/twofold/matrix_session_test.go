package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"twofold/internal/testkit"
)

func sessionRows() []row {
	return []row{
		{"M67", "new each time", "The cookies before and after password, code, prompt=login, step-up and a new password: always new, the old ones dead on both replicas.", newCookies},
		{"M68", "ignored", "A sign-in's and a session's cookie that a sibling host has planted before ours or beside it. Tenants share a host by path, so the cookies are __Secure- with the tenant's path, not __Host-.", plantedCookies},
		{"M69", "D", "An attacker's sign-in, at each of its steps, opened and answered in a victim's browser, and posted from another site.", foreignSignIn},
		{"M70", "no mix", "Two users one after the other in one browser, and the pages of the first after sign-out: nothing is cached, nothing is shown.", twoUsers},
	}
}

// asked opens the app's authorize address on a replica with this session's cookie alone.
func (m *matrix) asked(replica int, session string) *testkit.Page {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.world.rp("acme", "expenses").authorizeURL(), nil)
	m.ok(err)
	req.AddCookie(&http.Cookie{Name: "twofold-session", Value: session})
	return m.browser(replica).Do(req)
}

func newCookies(m *matrix) {
	name := m.person("anna", "mail", "sms?")
	m.secret.Add("the new password", freshPassword)
	c := m.browser()
	page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	at := page.URL.String()
	before := c.Cookie(at, "twofold-signin")
	page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	after := c.Cookie(at, "twofold-signin")
	if before == after || len(after) != 43 || m.sessionCookie(c, "acme") != "" {
		m.t.Error("the sign-in's cookie stays, or there is a session before the code")
	}
	for _, i := range []int{0, 1} {
		req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, at, nil)
		m.ok(err)
		req.AddCookie(&http.Cookie{Name: "twofold-signin", Value: before})
		m.expect(nothing, name, func() *testkit.Page { return m.browser(i).Do(req) })
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", m.texted(name)) })
	seen := []string{m.sessionCookie(c, "acme")}
	next := func(what string) {
		m.t.Helper()
		m.clock.Advance(time.Second)
		now := m.sessionCookie(c, "acme")
		for _, old := range seen {
			for _, i := range []int{0, 1} {
				if old == now || toApp(m.asked(i, old)) {
					m.t.Errorf("%s: an older cookie still opens the session on replica %d", what, i)
				}
			}
		}
		if !toApp(m.asked(1, now)) {
			m.t.Errorf("%s: the new cookie opens nothing", what)
		}
		seen = append(seen, now)
	}
	m.clock.Advance(10 * time.Minute)
	page = m.world.rp("acme", "expenses").with("prompt", "login").signIn(c, name).Follow()
	give(page, "code", m.texted(name))
	next("prompt=login")
	m.clock.Advance(10 * time.Minute)
	page = c.Get(m.world.rp("acme", "expenses").with("max_age", "60").authorizeURL()).Follow()
	page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	m.texted(name) // begun at once, and left for another method
	page = do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	give(page, "code", m.mailed(name))
	next("max_age")
	// A second browser, and a new password in the first: that one's session ends.
	other := m.browser()
	m.clock.Advance(10 * time.Minute)
	page = m.enter(other, "expenses", name)
	give(page, "code", m.texted(name))
	m.clock.Advance(10 * time.Minute)
	page = c.Get(m.url + "/t/acme/account?password").Follow()
	page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	give(page, "code", m.texted(name)).Follow().Require(http.StatusOK)
	next("the account pages")
	c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"answer"}, "password": {freshPassword}}).Require(http.StatusSeeOther)
	next("password")
	if toApp(m.asked(0, m.sessionCookie(other, "acme"))) || m.live(name) != 1 {
		m.t.Errorf("%d sessions outlive the new password", m.live(name))
	}
}

func plantedCookies(m *matrix) {
	anna, mallory := m.person("anna", "mail"), m.person("mallory", "mail")
	a, b := m.browser(), m.browser()
	for c, name := range map[*testkit.Client]string{a: anna, b: mallory} {
		page, code := m.half(c, name)
		m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	}
	m.clock.Advance(time.Second)
	ours, planted := m.sessionCookie(a, "acme"), m.sessionCookie(b, "acme")
	for what, k := range map[string]struct {
		cookies []string
		want    bool
	}{
		"ours": {[]string{ours}, true}, "garbage before": {[]string{"x", ours}, true}, "two that live": {[]string{planted, ours}, false},
		"reversed": {[]string{ours, planted}, false}, "five": {[]string{"a", "b", "c", "d", ours}, false},
	} {
		req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.world.rp("acme", "expenses").authorizeURL(), nil)
		m.ok(err)
		for _, v := range k.cookies {
			req.AddCookie(&http.Cookie{Name: "twofold-session", Value: v})
		}
		if got := toApp(m.browser().Do(req)); got != k.want {
			m.t.Errorf("%s: single sign-on %v", what, got)
		}
	}
	// A sign-in's cookie that an attacker chose does not become the victim's.
	victim := m.browser()
	page := victim.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	victim.HTTP.Jar.SetCookies(mustURL(page.URL.String()), []*http.Cookie{{Name: "twofold-signin", Value: strings.Repeat("A", 43), Path: "/t/acme"}})
	page = page.Forms[0].Set("username", anna).Set("password", password).Submit().Follow()
	code := m.mailed(anna)
	thief := m.browser()
	thief.HTTP.Jar.SetCookies(mustURL(page.URL.String()), []*http.Cookie{{Name: "twofold-signin", Value: strings.Repeat("A", 43), Path: "/t/acme"}})
	m.expect(nothing, anna, func() *testkit.Page { return thief.PostForm(page.URL.String(), coded(page, "code", code)) })
	m.expect(success, anna, func() *testkit.Page { return give(page, "code", code) })
}

func foreignSignIn(m *matrix) {
	mallory := m.person("mallory", "mail")
	attacker, victim := m.browser(), m.browser()
	page := attacker.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	step := func(form url.Values) {
		m.t.Helper()
		address := page.URL.String()
		m.expect(nothing, mallory, func() *testkit.Page { return victim.Get(address) })
		m.expect(nothing, mallory, func() *testkit.Page { return victim.PostForm(address, form) })
		m.expect(nothing, mallory, func() *testkit.Page { return attacker.PostFormFrom("https://evil.example/", address, form) })
		m.expect(nothing, mallory, func() *testkit.Page {
			return attacker.PostFormFrom(strings.Replace(m.url, "localhost", "evil.localhost", 1)+"/", address, form)
		})
	}
	step(url.Values{"do": {"answer"}, "username": {mallory}, "password": {password}})
	page = page.Forms[0].Set("username", mallory).Set("password", password).Submit().Follow()
	code := m.mailed(mallory)
	step(coded(page, "code", code))
	step(url.Values{"do": {"cancel"}})
	m.expect(success, mallory, func() *testkit.Page { return give(page, "code", code) })
	step(url.Values{})
	if cookie := m.sessionCookie(victim, "acme"); cookie != "" {
		m.t.Error("the victim is signed in")
	}
}

func twoUsers(m *matrix) {
	anna, bruno := m.person("anna"), m.person("bruno")
	c := m.browser()
	p := m.world.rp("acme", "expenses")
	first := p.exchange(p.callback(p.signIn(c, anna)).Get("code"))
	account := c.Get(m.url + "/t/acme/account").Require(http.StatusOK)
	if account.Header.Get("Cache-Control") != "no-store" || !strings.Contains(account.Text, strings.ToUpper(anna)) {
		m.t.Errorf("account page: %q", account.Header.Get("Cache-Control"))
	}
	m.clock.Advance(time.Minute)
	q := m.world.rp("acme", "expenses").with("prompt", "login")
	second := q.exchange(q.callback(q.signIn(c, bruno)).Get("code"))
	a, b := claims(m.t, first.IDToken), claims(m.t, second.IDToken)
	if a["sub"] == b["sub"] || a["sid"] == b["sid"] || m.live(anna) != 0 || m.live(bruno) != 1 {
		m.t.Errorf("sub %v and %v, sid %v and %v", a["sub"], b["sub"], a["sid"], b["sid"])
	}
	if got := c.Get(m.url + "/t/acme/account"); strings.Contains(got.Body, anna) || !strings.Contains(got.Text, strings.ToUpper(bruno)) {
		m.t.Error("the account of the one before")
	}
	c.Get(m.url + "/t/acme/end_session").Press("Sign out")
	if got := c.Get(m.url + "/t/acme/account").Follow(); strings.Contains(got.Body, bruno) || !got.Forms[0].Has("password") {
		m.t.Errorf("after sign-out: %s", got.Text)
	}
	for _, tok := range []tokens{first, second} {
		if got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); got.Error != "invalid_grant" {
			m.t.Errorf("refresh after sign-out: %+v", got)
		}
	}
}

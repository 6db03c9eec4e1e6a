package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

func floodRows() []row {
	return []row{
		{"M71", "C", "Sending again 100 times at once, new sign-ins that each send again, new users from one network, and a new address to prove each time: the limits for code, destination, source and user hold.", manySends},
		{"M72", "403, nothing sent", "SMS to premium, satellite, toll-free and short numbers, a landline, a country that is not allowed, and no number.", dearNumbers},
		{"M73", "C", "Tenants of two subscriptions send to one number and to one mailbox: one limit for all.", sharedDestination},
		{"M74", "C; told", "Who knows the password has codes sent to the user, by mail, SMS and webhook, also in turn: bounded, and other methods still work.", bombing},
		{"M75", "E", "16 sign-ins of one user half-finished, over two replicas: ten stay open, and the user gets in.", manyOpen},
	}
}

func manySends(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser(0, 1)
	page, code := m.half(c, name)
	again := url.Values{"do": {"resend"}, "challenge": {page.Forms[0].Value("challenge")}}
	queued := func() int { return m.count("messages", "user_id = '"+m.userID(name)+"'") }
	m.many(50, func(int) reply { return m.fire(c, page, again) }) // too soon
	if n := queued(); n != 1 {
		m.t.Errorf("%d messages before 30 s", n)
	}
	m.expect(wait, name, func() *testkit.Page { return c.PostForm(page.URL.String(), again) })
	m.clock.Advance(31 * time.Second)
	m.many(100, func(int) reply { return m.fire(c, page, again) })
	if n := queued(); n != 2 {
		m.t.Errorf("%d messages after 30 s", n)
	}
	m.clock.Advance(61 * time.Second)
	m.many(20, func(int) reply { return m.fire(c, page, again) })
	m.clock.Advance(61 * time.Second)
	m.many(20, func(int) reply { return m.fire(c, page, again) })
	// Who loses against the other replica has taken from the budget too: fewer, never more.
	if n := queued(); n > 3 {
		m.t.Errorf("%d messages of one code", n)
	}
	// New sign-ins do not help: three to one destination.
	for range 3 {
		b := m.browser()
		got := m.enter(b, "expenses", name)
		if got.Status != http.StatusTooManyRequests && got.Status != http.StatusOK {
			m.t.Errorf("status %d", got.Status)
		}
	}
	if n := queued(); n > 4 { // one every 200 s comes back
		m.t.Errorf("%d messages to one destination", n)
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })

	// N11: text messages asked for from one network.
	m.clock.Advance(3 * time.Hour)
	texted := 0
	for i := range 8 {
		who := m.person(fmt.Sprintf("n%d", i), "sms", "sms2")
		c := m.browser(i % 2)
		page := m.enter(c, "expenses", who)
		at := &testkit.Page{URL: page.URL}
		for _, f := range []string{"", "sms2", "sms"} { // N10: three to one destination
			if f != "" {
				page = do(c, at, "pick", "method", m.world.ids["two_factor "+f]).Follow()
			}
			if page.Status == http.StatusTooManyRequests && page.Header.Get("Retry-After") == "" {
				m.t.Error("no Retry-After")
			}
		}
		texted += m.count("messages", "user_id = '"+m.userID(who)+"'")
	}
	if texted != 20 {
		m.t.Errorf("%d text messages from one network in an hour", texted)
	}

	// Whoever may prove an address cannot have mail sent to all the world.
	m.clock.Advance(3 * time.Hour)
	c = m.browser()
	page, code = m.half(c, name)
	give(page, "code", code)
	page = c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {"prove email"}}).Follow()
	stopped := false
	for i := range 12 {
		page = do(c, page, "choose").Follow()
		page = do(c, page, "enroll", "method", m.world.ids["two_factor mail"]).Follow()
		got := do(c, page, "address", "address", fmt.Sprintf("m71-stranger-%d@example.test", i))
		if got.Status == http.StatusTooManyRequests {
			stopped = true
			break
		}
	}
	if !stopped {
		m.t.Error("twelve strangers were mailed to in one sign-in")
	}
}

func dearNumbers(m *matrix) {
	before := len(m.twilio.Sent())
	for what, phone := range map[string]string{
		"premium": "+41900123456", "shared cost": "+41848123456", "toll-free": "+41800123456", "landline": "+41443344455", "satellite": "+881612345678",
		"inmarsat": "+870773111632", "country": "+4915112345678", "US premium": "+19005551234", "short": "+41123", "personal": "+41878123456",
	} {
		name := m.person(strings.ReplaceAll(what, " ", "-"), "sms")
		_, err := m.db.SQL().Exec("UPDATE users SET phone = '" + phone + "' WHERE id = '" + m.userID(name) + "'")
		m.ok(err)
		page := m.expect(anything, name, func() *testkit.Page { return m.enter(m.browser(), "expenses", name) })
		// He may prove another number; nothing goes to this one.
		if strings.Contains(page.Body, `name="code"`) {
			m.t.Errorf("%s: asked for a code: %s", what, page.Text)
		}
		if n := m.count("messages", "user_id = '"+m.userID(name)+"'"); n != 0 {
			m.t.Errorf("%s: %d messages", what, n)
		}
	}
	// Nor when it is typed.
	name := m.person("typed", "mail", "sms?")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	give(page, "code", m.texted(name))
	page = c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {"prove phone"}}).Follow()
	page = do(c, page, "enroll", "method", m.world.ids["two_factor sms"]).Follow()
	for _, typed := range []string{"+41900123456", "0900 123 456", "+881612345678", "+4915112345678", "112", "+41", "+41 44 334 44 55", "tel:+41791234567;ext=1", "+41791234567,+41791234568"} {
		got := m.expect(anything, name, func() *testkit.Page { return do(c, page, "address", "address", typed) })
		if got.Status != http.StatusUnprocessableEntity && got.Status != http.StatusForbidden {
			m.t.Errorf("%s: %d %s", typed, got.Status, got.Text)
		}
	}
	if n := len(m.twilio.Sent()) - before; n != 1 {
		m.t.Errorf("%d text messages", n)
	}
}

func sharedDestination(m *matrix) {
	m.rival.changeTenant("initech", func(v *tenants.Tenant) { v.SMSCountries = tenants.List{"CH"} })
	const phone, mail = "+41791110073", "m73-shared@example.test"
	share := func(w *world, name string) {
		_, err := w.db.SQL().Exec("UPDATE users SET phone = '" + phone + "', email = '" + mail + "' WHERE id = '" + w.ids["user "+name] + "'")
		m.ok(err)
	}
	for _, factor := range []string{"sms", "mail"} {
		asked := 0
		for i := range 3 {
			here := m.person(fmt.Sprintf("%s-%d", factor, i), factor)
			share(m.world, here)
			there := m.member(m.rival, "initech", fmt.Sprintf("m73-rival-%s-%d", factor, i), factor)
			share(m.rival, there)
			for _, page := range []*testkit.Page{
				m.enter(m.browser(0), "expenses", here),
				m.rival.rp("initech", "rival-expenses").signIn(m.browser(1), there).Follow(),
			} {
				if page.Status == http.StatusOK {
					asked++
				} else if page.Status != http.StatusTooManyRequests {
					m.t.Errorf("status %d: %s", page.Status, page.Text)
				}
			}
		}
		if asked != 3 {
			m.t.Errorf("%s: %d messages to one destination from two subscriptions", factor, asked)
		}
	}
}

func bombing(m *matrix) {
	name := m.person("anna", "mail", "sms", "hook", "decide", "app?")
	first := m.browser()
	page := m.enter(first, "expenses", name)
	give(page, "code", m.texted(name))
	app, _ := m.pairApp(m.addAtAccount(first, "enroll "+m.world.ids["two_factor app"]))
	m.clock.Advance(3 * time.Hour)

	starts := func() (n int) {
		for _, c := range m.decide.Calls() {
			if c.Type == "start" && c.User.ID == m.userID(name) {
				n++
			}
		}
		return n
	}
	queued := m.count("messages", "user_id = '"+m.userID(name)+"' AND kind = 'code'")
	asked := starts()
	for range 3 {
		c := m.browser()
		page := m.enter(c, "expenses", name)
		at := &testkit.Page{URL: mustURL(page.URL.String())}
		for range 5 {
			for _, f := range []string{"decide", "mail", "hook", "sms"} {
				do(c, at, "pick", "method", m.world.ids["two_factor "+f])
			}
		}
	}
	if n := m.count("messages", "user_id = '"+m.userID(name)+"' AND kind = 'code'") - queued; n > 9 {
		m.t.Errorf("%d messages by three ways at once", n)
	}
	if n := starts() - asked; n > 3 {
		m.t.Errorf("the hook was asked to disturb the user %d times at once", n)
	}
	// He still gets in by what sends nothing.
	c := m.browser()
	page = m.enter(c, "expenses", name)
	page = do(c, page, "pick", "method", m.world.ids["two_factor app"]).Follow()
	m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
}

func manyOpen(m *matrix) {
	name := m.person("anna", "app")
	app := m.withApp(m.browser(), name)
	var oldest *testkit.Page
	for i := range 16 {
		page := m.enter(m.browser(i%2), "expenses", name)
		if oldest == nil {
			oldest = page
		}
		m.clock.Advance(time.Second)
		_, err := m.db.SQL().Exec("DELETE FROM rate_counters") // that of passwords is not what this is about
		m.ok(err)
	}
	if n := m.count("sign_ins", "state = 'open' AND user_id = '"+m.userID(name)+"'"); n > 10 {
		m.t.Errorf("%d sign-ins of one user are open", n)
	}
	m.expect(nothing, name, func() *testkit.Page { return give(oldest, "code", app.at(0)) })
	page := m.enter(m.browser(), "expenses", name)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
}

package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

func bruteRows() []row {
	return []row{
		{"M31", "A, then B", "Wrong codes at one challenge: it is dead after five, also for the right code.", perChallenge},
		{"M32", "C", "A new code after each fourth wrong one, with new sign-ins, browsers, apps, the other replica and the other tenant: one counter pauses all, doubling, and at the 50th nothing counts.", newChallenges},
		{"M33", "C", "Wrong answers to mail, SMS, app, recovery code and webhook in turn share one counter.", rotatedFactors},
		{"M34", "C", "The same with another X-Forwarded-For, Forwarded, user agent and language each time.", rotatedHeaders},
		{"M35", "429", "Twelve spellings of one name, and the mail address, share one budget of passwords and one counter of codes.", spellings},
		{"M36", "A or E", "Codes with spaces and hyphens are read; other scripts, signs, exponents and a thousand digits are wrong, each for one try.", oddDigits},
		{"M38", "C", "Codes of devices are guessed: after five in a minute from one network not even the right one counts.", deviceCodes},
		{"M39", "C", "Wrong codes at prompt=login, at the account pages' question before a change, and when setting up share the counter.", otherPrompts},
		{"M40", "one mail an hour", "The user is told by mail after five wrong codes, once an hour, and when he is locked.", toldOfGuesses},
	}
}

func perChallenge(m *matrix) {
	name := m.person("anna", "mail")
	page, code := m.half(m.browser(), name)
	for i := range 5 {
		m.expect(refused, name, func() *testkit.Page { return give(page, "code", wrong(code, i)) })
	}
	m.expect(wait, name, func() *testkit.Page { return give(page, "code", code) })
	m.clock.Advance(time.Minute)
	m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
}

func newChallenges(m *matrix) {
	name := m.person("anna", "app")
	app := m.withApp(m.browser(), name)
	if _, err := m.db.SQL().Exec("INSERT INTO memberships (subscription_id, tenant_id, user_id) VALUES ('" + m.sub.ID + "', '" + m.world.ids["tenant globex"] + "', '" + m.userID(name) + "')"); err != nil {
		m.t.Fatal(err)
	}
	guesses := 0
	for i, tenant := range []string{"acme", "globex"} {
		page := m.world.rp(tenant, "expenses").signIn(m.browser(i), name).Follow()
		for n := range 4 {
			if m.failures(name) >= 5 {
				break
			}
			guesses++
			m.expect(refused, name, func() *testkit.Page { return give(page, "code", fmt.Sprintf("00000%d", n)) })
		}
	}
	if guesses != 5 || m.failures(name) != 5 {
		m.t.Errorf("%d guesses, %d counted", guesses, m.failures(name))
	}
	// Whatever is new, it has to wait; and longer each time.
	for pause, n := 30*time.Second, 5; n < 9; pause, n = pause*2, n+1 {
		page := m.world.rp([]string{"acme", "globex"}[n%2], "expenses").signIn(m.browser(n%2), name).Follow()
		try := func() *testkit.Page { return give(page, "code", "000000") }
		m.expect(wait, name, try)
		m.clock.Advance(pause - time.Second)
		m.expect(wait, name, try)
		m.clock.Advance(time.Second)
		m.expect(refused, name, try)
	}
	// The rest of the way in short.
	if _, err := m.db.SQL().Exec("UPDATE user_failures SET failures = 49, blocked_until_us = 0 WHERE user_id = '" + m.userID(name) + "'"); err != nil {
		m.t.Fatal(err)
	}
	m.clock.Advance(time.Hour)
	page := m.enter(m.browser(), "expenses", name)
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", "000000") })
	m.waitMail(name, "locked") // before its life is over
	m.clock.Advance(48 * time.Hour)
	page = m.enter(m.browser(), "expenses", name)
	m.expect(anything, name, func() *testkit.Page {
		return m.browser().PostForm(page.URL.String(), map[string][]string{"do": {"answer"}, "code": {app.at(0)}})
	})
	if n := m.heard(name, "factor.locked"); n != 1 {
		m.t.Errorf("%d times locked in the trail", n)
	}
	// Not even setting up another factor is asked of somebody locked, or sent to.
	if page.Status != http.StatusTooManyRequests {
		m.t.Errorf("a new challenge for somebody locked: %d %s", page.Status, page.Text)
	}
}

func rotatedFactors(m *matrix) {
	name := m.person("anna", "app", "mail", "sms", "hook", "spare?")
	c := m.browser()
	page := m.enter(c, "expenses", name) // asks for the SMS: the app is not set up
	m.expect(success, name, func() *testkit.Page { return give(page, "code", m.texted(name)) })
	m.pairApp(m.addAtAccount(c, "enroll "+m.world.ids["two_factor app"]))
	m.clock.Advance(10 * time.Minute)

	c = m.browser(0, 1)
	page = m.enter(c, "expenses", name)
	for i, f := range []string{"mail", "sms", "app", "hook", "app"} {
		page := do(c, page, "pick", "method", m.world.ids["two_factor "+f]).Follow()
		m.expect(refused, name, func() *testkit.Page { return give(page, "code", fmt.Sprintf("00000%d", i)) })
	}
	for _, f := range []string{"mail", "app", "hook"} {
		page := do(c, page, "pick", "method", m.world.ids["two_factor "+f]).Follow()
		m.expect(wait, name, func() *testkit.Page { return give(page, "code", "000000") })
	}
	if m.failures(name) != 5 {
		m.t.Errorf("%d counted", m.failures(name))
	}
}

func rotatedHeaders(m *matrix) {
	name := m.person("anna", "app")
	m.withApp(m.browser(), name)
	for i := range 8 {
		c := m.browser(i % 2)
		for k, v := range map[string]string{
			"X-Forwarded-For": fmt.Sprintf("203.0.%d.7", i), "Forwarded": fmt.Sprintf("for=\"[2001:db8:%d::1]\"", i), "X-Real-Ip": fmt.Sprintf("2001:db8:%d::2", i),
			"User-Agent": fmt.Sprintf("Browser/%d", i), "Accept-Language": []string{"de", "fr", "it", "en"}[i%4], "True-Client-Ip": fmt.Sprintf("198.51.100.%d", i),
		} {
			c.Header.Set(k, v)
		}
		page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
		want := rune(refused)
		if i >= 5 {
			want = wait
		}
		m.expect(want, name, func() *testkit.Page { return give(page, "code", "000000") })
	}
	if n := m.count("audit_events", "user_id = '"+m.userID(name)+"' AND address NOT IN ('127.0.0.1', '::1', '')"); n != 0 {
		m.t.Errorf("%d events from an address that a header made up", n)
	}
}

func spellings(m *matrix) {
	name := m.person("zoë", "app") // composed
	m.withApp(m.browser(), name)
	m.clock.Advance(time.Hour)
	forms := []string{
		name, strings.ToUpper(name), " " + name + " ", "m35-zoe\u0308", "M35-Zo\u00cb", "\uff4d\uff13\uff15-zo\u00eb", "m35\u00ad-zo\u00eb", "m35-zo\u00eb\u200b",
		name + "\t", "m35-ZO\u0045\u0308", "\u2060" + name, name + "\u00a0",
	}
	// Codes first: their counter does not care by which spelling one came in.
	for i, form := range forms[:6] {
		page := m.world.rp("acme", "expenses").signIn(m.browser(), form).Follow()
		want := rune(refused)
		if i >= 5 {
			want = wait
		}
		m.expect(want, name, func() *testkit.Page { return give(page, "code", "000000") })
	}
	m.clock.Advance(time.Hour)
	tries, stopped := 0, 0
	for _, form := range append(forms, name, name) {
		page := m.browser().Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		got := m.expect(anything, name, func() *testkit.Page {
			return page.Forms[0].Set("username", form).Set("password", "not the password").Submit()
		})
		switch got.Status {
		case http.StatusUnprocessableEntity:
			tries++
		case http.StatusTooManyRequests:
			stopped++
		default:
			m.t.Errorf("%q: %d", form, got.Status)
		}
	}
	if tries != 10 || stopped != 4 {
		m.t.Errorf("%d passwords were looked at, %d not", tries, stopped)
	}
}

func oddDigits(m *matrix) {
	name := m.person("anna", "app")
	app := m.withApp(m.browser(), name)
	open := func() (*testkit.Page, string) {
		m.clock.Advance(90 * time.Second)
		return m.enter(m.browser(), "expenses", name), app.at(0)
	}
	arabic := strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩")
	wide := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９")
	odd := []func(code string) string{
		arabic.Replace, wide.Replace, func(c string) string { return "+" + c }, func(c string) string { return c + ".0" },
		func(string) string { return "1e5" }, func(string) string { return "0x1e240" }, func(c string) string { return strings.Repeat(c, 170) },
		func(c string) string { return "0" + c }, func(c string) string { return c[:5] }, func(c string) string { return c + "\x00" },
		func(c string) string { return "-" + c[:5] + "x" }, func(c string) string { return "%" + c },
	}
	for from := 0; from < len(odd); from += 4 {
		page, code := open()
		for _, spell := range odd[from:min(from+4, len(odd))] {
			m.expect(refused, name, func() *testkit.Page { return give(page, "code", spell(code)) })
		}
		m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	}
	for _, spell := range []func(string) string{
		func(c string) string { return " " + c[:3] + " " + c[3:] + "\r\n" }, func(c string) string { return c[:3] + "-" + c[3:] },
		func(c string) string { return c[:3] + "\u2011" + c[3:] + "\u00a0" },
	} {
		page, code := open()
		m.expect(success, name, func() *testkit.Page { return give(page, "code", spell(code)) })
	}
}

func otherPrompts(m *matrix) {
	name := m.person("anna", "app")
	c := m.browser()
	app := m.withApp(c, name)
	m.clock.Advance(10 * time.Minute) // no longer recent
	m.expect(refused, name, func() *testkit.Page {
		return give(m.world.rp("acme", "expenses").with("prompt", "login").signIn(c, name).Follow(), "code", "000000")
	})
	// The question before a change.
	own := c.PostForm(m.url+"/t/acme/account", map[string][]string{"do": {"remove"}, "id": m.enrolled(name)}).Follow()
	own = own.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	for i := range 4 {
		m.expect(refused, name, func() *testkit.Page { return give(own, "code", fmt.Sprintf("00000%d", i)) })
	}
	page := m.enter(m.browser(), "expenses", name)
	m.expect(wait, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
	m.expect(wait, name, func() *testkit.Page { return give(own, "code", app.at(0)) })
	m.clock.Advance(30 * time.Second)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })

	// Setting up: wrong codes count, and a right one gives back no more than its own try.
	m.clock.Advance(90 * time.Second)
	page = m.enter(m.browser(), "expenses", name)
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", "000000") })
	add := m.addAtAccountAfter(c, app, name)
	key := strings.ReplaceAll(m.kept(add)[0], " ", "")
	m.book.clear()
	second := appOf(m, key)
	before := m.failures(name)
	m.expect(refused, name, func() *testkit.Page { return give(add, "code", "000000") })
	give(add, "code", second.at(0))
	if m.failures(name) != before+1 {
		m.t.Errorf("%d counted, %d before", m.failures(name), before)
	}
}

// addAtAccountAfter proves the user once more and goes on to set up another app.
func (m *matrix) addAtAccountAfter(c *testkit.Client, app authenticator, name string) *testkit.Page {
	m.t.Helper()
	what := "enroll " + m.world.ids["two_factor app"]
	page := c.PostForm(m.url+"/t/acme/account", map[string][]string{"do": {"add"}, "id": {what}}).Follow()
	page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
	m.clock.Advance(30 * time.Second)
	return give(page, "code", app.at(0)).Follow()
}

func toldOfGuesses(m *matrix) {
	name := m.person("anna", "app")
	app := m.withApp(m.browser(), name)
	told := func() (n int) {
		for _, msg := range m.inbox.Messages() {
			if msg.To == name+"@example.test" && strings.Contains(msg.Text, "wrong code") {
				n++
			}
		}
		return n
	}
	for round := range 2 {
		page := m.enter(m.browser(), "expenses", name)
		for i := range 5 {
			m.expect(refused, name, func() *testkit.Page { return give(page, "code", fmt.Sprintf("00000%d", i)) })
		}
		m.clock.Advance(30 * time.Second)
		page = m.enter(m.browser(), "expenses", name)
		m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
		m.waitMail(name, "wrong code")
		if told() != 1 {
			m.t.Errorf("told %d times in round %d", told(), round)
		}
		m.clock.Advance(time.Minute)
	}
}

// screen is a device of an app of this row's own.
func (m *matrix) screen(name string) *screen {
	m.t.Helper()
	return m.world.device(m.ownAppLike(tenants.ClientApp{
		Name: name, Type: tenants.AppNative, AuthMethod: tenants.AuthNone, GrantTypes: tenants.List{tenants.GrantDevice},
	}), "openid")
}

func deviceCodes(m *matrix) {
	m.clock.Advance(time.Minute) // what other rows have tried
	name := m.person("anna", "mail")
	tv, c := m.screen("tv"), m.browser()
	try := func(code string, status int) {
		m.t.Helper()
		page := m.expect(anything, name, func() *testkit.Page {
			return c.Get(tv.URI).Forms[0].Set("user_code", code).Press("Continue")
		})
		if page.Status != status || (page.Header.Get("Retry-After") == "") == (status == http.StatusTooManyRequests) {
			m.t.Errorf("%s: %d, Retry-After %q", code, page.Status, page.Header.Get("Retry-After"))
		}
	}
	for range 5 {
		try("BCDF-GHJK", http.StatusUnprocessableEntity)
	}
	try(tv.UserCode, http.StatusTooManyRequests)
	m.clock.Advance(time.Minute)
	try(tv.UserCode, http.StatusSeeOther)
}

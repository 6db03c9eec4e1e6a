package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
)

func downgradeRows() []row {
	return []row{
		{"M52", "D", "A user with a passkey picks SMS or mail, or a recovery code, where only the passkey is strong enough.", weakerPicked},
		{"M53", "E, told truly", "SMS that fails: without a successor nothing is mailed; with one the page and the token say mail; where mail is too weak it never falls through.", forcedFallback},
		{"M54", "A, D", "After a reset of the factors the password alone sets nothing up; a wrong bypass, a used one and another user's are refused. Recovery codes never stand alone, nor for a stronger demand.", lostDevice},
		{"M55", "F", "A remembered browser at step-up, max_age, prompt=login, the account pages, for another user and after a new password.", rememberedBrowser},
		{"M56", "F", "The policy is raised while a code is asked for: it counts at once. Lowered, the current one counts at the next step (I1).", movedPolicy},
		{"M58", "F", "acr_values below what the app demands.", lowerRequest},
	}
}

func weakerPicked(m *matrix) {
	name := m.person("anna", "passkey", "spare?")
	strong := m.ownApp("strong", "phr")
	first := m.browser()
	d := m.device()
	page := m.enter(first, "expenses", name)
	page = give(page, "credential", d.create(page)).Follow()
	spare := m.spares(page)[0]
	m.assign("sms", "user "+name, false)
	m.assign("mail", "user "+name, false)
	m.clock.Advance(time.Second)
	for what, p := range map[string]*rp{"app": m.world.rp("acme", strong), "request": m.world.rp("acme", "expenses").with("acr_values", "phr")} {
		c := m.browser()
		page := p.signIn(c, name).Follow()
		for _, f := range []string{"sms", "mail", "spare"} {
			m.expect(nothing, name, func() *testkit.Page { return do(c, page, "pick", "method", m.world.ids["two_factor "+f]) })
		}
		m.expect(refused, name, func() *testkit.Page { return give(page, "code", spare) })
		if n := m.count("messages", "user_id = '"+m.userID(name)+"' AND kind = 'code'"); n != 0 {
			m.t.Errorf("%s: %d codes were sent", what, n)
		}
		if list := c.Get(page.URL.String() + "?choose"); strings.Contains(list.Text, "sms") || strings.Contains(list.Text, "spare") {
			m.t.Errorf("%s: weaker ones are offered: %s", what, list.Text)
		}
		m.expect(success, name, func() *testkit.Page { return give(page, "credential", d.use(page)) })
	}
}

// refusesNumber makes the SMS service refuse every number.
func (m *matrix) refusesNumber() {
	m.twilio.Script(fakes.Fault{
		Status: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"code":21211,"message":"The 'To' number is not a valid phone number.","status":400}`, Forever: true,
	})
	m.t.Cleanup(m.twilio.Heal)
}

// untilDelivery waits until the page says that delivery stands so.
func (m *matrix) untilDelivery(c *testkit.Client, page *testkit.Page, state string) {
	m.t.Helper()
	for late := time.Now().Add(10 * time.Second); ; {
		if strings.Contains(c.Get(page.URL.String()+"/status").Body, `"state":"`+state+`"`) {
			return
		}
		if time.Now().After(late) {
			m.t.Fatalf("delivery is never %s", state)
		}
		time.Sleep(5 * time.Millisecond) // as the page's script asks
	}
}

func forcedFallback(m *matrix) {
	m.factorWith("m53-sms", "twilio", true, map[string]any{
		"TwilioAccountSid": m.twilio.AccountSid, "TwilioAuthToken": m.twilio.AuthToken, "TwilioSmsFromNumber": "+15005550006", "OnDeliveryFailure": "mail",
	})
	strong := m.ownApp("strong", "urn:twofold:acr:aal2")
	chained, plain := m.person("anna", "m53-sms"), m.person("bruno", "sms")
	m.refusesNumber()

	c := m.browser()
	m.untilDelivery(c, m.enter(c, "expenses", plain), "failed")
	c = m.browser()
	m.untilDelivery(c, m.enter(c, strong, chained), "failed")
	for _, name := range []string{plain, chained} {
		for _, msg := range m.inbox.Messages() {
			if msg.To == name+"@example.test" {
				m.t.Errorf("%s was mailed to", name)
			}
		}
	}
	c = m.browser()
	p := m.world.rp("acme", "expenses")
	page := p.signIn(c, chained).Follow()
	code := m.mailed(chained)
	if text := c.Get(page.URL.String()).Text; !strings.Contains(text, "mail") {
		m.t.Errorf("the page does not say which way the code went: %s", text)
	}
	answer := p.callback(m.expect(success, chained, func() *testkit.Page { return give(page, "code", code) }))
	if cl := claims(m.t, p.exchange(answer.Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:2fa" || strings.Contains(str(cl["amr"]), "sms") || strings.Contains(str(cl["amr"]), "mfa") {
		m.t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
	}
	// What it gave is not worth more at the strong app.
	m.expect(stepUp, chained, func() *testkit.Page { return c.Get(m.world.rp("acme", strong).authorizeURL()) })
}

func lostDevice(m *matrix) {
	name, other := m.person("anna", "app"), m.person("bruno", "app", "spare?")
	strong := m.ownApp("strong", "phr")
	m.withApp(m.browser(), name)
	m.withSpares(m.browser(), other)
	// Recovery codes do not reach what demands more.
	c := m.browser()
	page := m.enter(c, strong, other)
	if page.Status != http.StatusForbidden || strings.Contains(page.Text, "spare") {
		m.t.Errorf("more is demanded than he has: %d %s", page.Status, page.Text)
	}
	// The help desk resets.
	ctx := m.in("acme")
	if _, err := m.ceremony.RemoveAll(ctx, m.userID(name)); err != nil {
		m.t.Fatal(err)
	}
	for _, err := range []error{m.tenants.SetProveFirst(ctx, m.userID(name), true), m.tenants.RaiseEpoch(ctx, m.userID(name))} {
		if err != nil {
			m.t.Fatal(err)
		}
	}
	c = m.browser()
	page = m.enter(c, "expenses", name)
	if page.Status != http.StatusForbidden {
		m.t.Errorf("without a bypass: %d %s", page.Status, page.Text)
	}
	for _, act := range []string{"enroll", "bypass", "later", "answer"} {
		m.expect(nothing, name, func() *testkit.Page {
			return do(c, page, act, "method", m.world.ids["two_factor app"], "bypass", "AAAA-AAAA-AAAA-A")
		})
	}
	issue := func(who string) string {
		code, _, err := m.ceremony.IssueBypass(ctx, m.userID(who))
		if err != nil {
			m.t.Fatal(err)
		}
		return m.secret.Add("a bypass", code)
	}
	older, others := issue(name), issue(other)
	code := issue(name)
	page = c.Get(page.URL.String()).Require(http.StatusOK)
	for _, act := range []string{"enroll", "later"} {
		m.expect(nothing, name, func() *testkit.Page { return do(c, page, act, "method", m.world.ids["two_factor app"]) })
	}
	for _, bad := range []string{"AAAA-AAAA-AAAA-A", others, older} {
		m.expect(refused, name, func() *testkit.Page { return do(c, page, "bypass", "bypass", bad) })
	}
	page = do(c, page, "bypass", "bypass", code).Follow()
	// It opens setting up, and nothing else; once.
	live := m.live(name)
	if _, page = m.pairApp(page); !toApp(page) || m.live(name) != live+1 || m.failures(name) != 0 {
		m.t.Errorf("not signed in after all: %d %s", page.Status, page.Text)
	}
	m.clock.Advance(2 * time.Minute)
	c = m.browser()
	page = m.enter(c, "expenses", name)
	m.expect(anything, name, func() *testkit.Page { return do(c, page, "bypass", "bypass", code) })
	m.waitMail(name, "help desk")

	// Codes alone: the factor that they stand in for is gone, so they are too.
	_, err := m.db.SQL().Exec("DELETE FROM enrollments WHERE user_id = '" + m.userID(other) + "' AND two_factor_id = '" + m.world.ids["two_factor app"] + "'")
	m.ok(err)
	m.expect(nothing, other, func() *testkit.Page {
		c := m.browser()
		page := m.enter(c, "expenses", other)
		return do(c, page, "pick", "method", m.world.ids["two_factor spare"])
	})
}

func rememberedBrowser(m *matrix) {
	m.secret.Add("the new password", freshPassword)
	m.changeTenant("acme", func(v *tenants.Tenant) { v.RememberDays = 30 })
	defer m.changeTenant("acme", func(v *tenants.Tenant) { v.RememberDays = 0 })
	name, other := m.person("anna", "mail", "sms?"), m.person("bruno", "mail")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	sent := m.texted(name)
	if !page.Forms[0].Has("remember") {
		m.t.Fatalf("nothing to remember by: %s", page.Text)
	}
	m.expect(success, name, func() *testkit.Page { return page.Forms[0].Forge("remember", "true").Forge("code", sent).Submit() })
	signOut := func() { c.Get(m.url + "/t/acme/end_session").Press("Sign out") }
	fresh := func() *rp { return m.world.rp("acme", "expenses") }
	signOut()
	m.expect(success, name, func() *testkit.Page { return fresh().signIn(c, name) }) // what it is for
	m.clock.Advance(10 * time.Minute)
	strong := m.ownApp("strong", "urn:twofold:acr:aal2")
	for what, p := range map[string]*rp{
		"prompt=login": fresh().with("prompt", "login"), "max_age": fresh().with("max_age", "60"), "another app": m.world.rp("acme", strong),
		"acr_values": fresh().with("acr_values", "urn:twofold:acr:aal2"),
	} {
		got := m.expect(stepUp, name, func() *testkit.Page {
			page := c.Get(p.authorizeURL()).Follow()
			if page.Forms[0].Has("password") {
				return page.Forms[0].Set("username", name).Set("password", password).Submit()
			}
			return c.Get(p.authorizeURL())
		})
		if toApp(got) {
			m.t.Errorf("%s: remembered", what)
		}
		m.clock.Advance(10 * time.Minute)
	}
	m.expect(stepUp, name, func() *testkit.Page {
		return c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {"prove email"}})
	})
	m.expect(stepUp, other, func() *testkit.Page { return fresh().with("prompt", "select_account").signIn(c, other) })
	signOut()
	m.resetPassword(name)
	m.clock.Advance(10 * time.Minute)
	m.expect(stepUp, name, func() *testkit.Page {
		page := c.Get(fresh().authorizeURL()).Follow()
		return page.Forms[0].Set("username", name).Set("password", freshPassword).Submit()
	})
}

func movedPolicy(m *matrix) {
	name := m.person("anna", "mail", "sms?")
	app := m.ownApp("app", "")
	c := m.browser()
	page := m.enter(c, app, name)
	m.texted(name)
	page = do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	code := m.mailed(name)
	m.world.app(tenants.ClientApp{Name: app, MinACR: "urn:twofold:acr:aal2"})
	page = m.expect(stepUp, name, func() *testkit.Page { return give(page, "code", code) })
	m.clock.Advance(5 * time.Minute)
	page = page.Follow()
	if got := page; strings.Contains(got.Text, "Enter the code we sent to m") {
		m.t.Errorf("asked for the weaker one once more: %s", got.Text)
	}
	m.world.app(tenants.ClientApp{Name: app})

	// Withdrawn while it is open: its code is worth nothing.
	other := m.person("bruno", "mail", "sms?")
	c = m.browser()
	page = m.enter(c, app, other)
	m.texted(other)
	page = do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	code = m.mailed(other)
	if _, err := m.db.SQL().Exec("DELETE FROM assignments WHERE target_id = '" + m.userID(other) + "' AND two_factor_id = '" + m.world.ids["two_factor mail"] + "'"); err != nil {
		m.t.Fatal(err)
	}
	m.assign("sms", "user "+other, true)
	m.expect(stepUp, other, func() *testkit.Page { return give(page, "code", code) })
}

func lowerRequest(m *matrix) {
	name := m.person("anna", "mail", "sms?")
	strong := m.ownApp("strong", "urn:twofold:acr:aal2")
	for _, acr := range []string{"urn:twofold:acr:1fa", "urn:twofold:acr:2fa urn:twofold:acr:1fa", "0", "urn:mace:incommon:iap:silver", twofactor.Strength1FA.ACR()} {
		c := m.browser()
		p := m.world.rp("acme", strong).with("acr_values", acr)
		page := m.expect(stepUp, name, func() *testkit.Page { return p.signIn(c, name) }).Follow()
		m.expect(stepUp, name, func() *testkit.Page { return do(c, page, "pick", "method", m.world.ids["two_factor mail"]) })
		answer := p.callback(give(page, "code", m.texted(name)))
		if cl := claims(m.t, p.exchange(answer.Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:aal2" {
			m.t.Errorf("%s: acr %v", acr, cl["acr"])
		}
		m.clock.Advance(10 * time.Minute)
	}
}

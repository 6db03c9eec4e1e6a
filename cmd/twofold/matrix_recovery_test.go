package main

import (
	"net/url"
	"strings"
	"time"

	"twofold/internal/testkit"
	"twofold/twofactor"
)

func recoveryRows() []row {
	return []row{
		{"M59", "B", "The password, the mail address, the phone, a factor, or the account changes, is switched off or reset, between password and code: by the user elsewhere or by an administrator.", staleChallenge},
		{"M60", "F; both told", "Phone and mail address are changed with a session that is ten minutes old: password and factor are asked for first, the new address is proven, and the user is told at the old and the new one.", changedAddress},
	}
}

func staleChallenge(m *matrix) {
	m.secret.Add("the new password", freshPassword)
	changes := []struct {
		what   string
		change func(name string)
	}{
		{"password", func(name string) {
			u, err := m.tenants.User(m.in("acme"), m.userID(name))
			if err == nil {
				err = m.tenants.SetPassword(m.ctx(), u, freshPassword, true)
			}
			m.ok(err)
		}},
		{"mail", func(name string) {
			m.ok(m.tenants.SetAddress(m.in("acme"), m.userID(name), twofactor.NeedsEmail, name+"-new@example.test"))
		}},
		{"phone", func(name string) {
			m.ok(m.tenants.SetAddress(m.in("acme"), m.userID(name), twofactor.NeedsPhone, number(name+"-new")))
		}},
		{"administrator", func(name string) {
			u, err := m.tenants.User(m.in("acme"), m.userID(name))
			m.ok(err)
			u.Phone = number(name + "-other")
			m.must(m.tenants.PutUser(m.ctx(), &u))
		}},
		{"off", func(name string) {
			u, err := m.tenants.User(m.in("acme"), m.userID(name))
			m.ok(err)
			u.Active = false
			m.must(m.tenants.PutUser(m.ctx(), &u))
		}},
		{"reset", func(name string) {
			_, err := m.ceremony.RemoveAll(m.in("acme"), m.userID(name))
			m.ok(err)
			m.ok(m.tenants.SetProveFirst(m.in("acme"), m.userID(name), true))
			m.ok(m.tenants.RaiseEpoch(m.in("acme"), m.userID(name)))
		}},
		{"factor", func(name string) {
			m.assign("app", "user "+name, false)
			c := m.browser()
			page := m.enter(c, "expenses", name)
			give(page, "code", m.mailed(name))
			m.pairApp(m.addAtAccount(c, "enroll "+m.world.ids["two_factor app"]))
		}},
	}
	for _, c := range changes {
		name := m.person(c.what, "mail")
		page, code := m.half(m.browser(), name)
		asked := page.Forms[0].Value("challenge")
		c.change(name)
		m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
		m.expect(again, name, func() *testkit.Page { return give(page, "challenge", asked) })
	}
}

// ok ends the row unless err is nil.
func (m *matrix) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func changedAddress(m *matrix) {
	name := m.person("anna", "mail", "sms?")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", m.texted(name)) })
	m.clock.Advance(10 * time.Minute)
	account := m.url + "/t/acme/account"
	prove := func(kind, method, address string) *testkit.Page {
		m.t.Helper()
		page := m.expect(stepUp, name, func() *testkit.Page {
			return c.PostForm(account, url.Values{"do": {"add"}, "id": {"prove " + kind}})
		}).Follow()
		// Nothing goes on without proof.
		for _, act := range []string{"enroll", "address", "answer"} {
			m.expect(anything, name, func() *testkit.Page {
				return do(c, page, act, "method", m.world.ids["two_factor "+method], "address", address)
			})
		}
		page = m.expect(anything, name, func() *testkit.Page {
			return page.Forms[0].Set("username", name).Set("password", password).Submit()
		}).Follow()
		page = m.expect(anything, name, func() *testkit.Page { return give(page, "code", m.texted(name)) }).Follow()
		if !strings.Contains(page.Body, `name="address"`) {
			page = do(c, page, "enroll", "method", m.world.ids["two_factor "+method]).Follow()
		}
		return do(c, page, "address", "address", address).Follow()
	}
	user := func() (mail, phone string) {
		u, err := m.tenants.User(m.in("acme"), m.userID(name))
		m.ok(err)
		return u.Email, u.Phone
	}
	page = prove("email", "mail", name+"-new@example.test")
	if mail, _ := user(); mail != name+"@example.test" {
		m.t.Errorf("%s before it is proven", mail)
	}
	give(page, "code", m.mailed(name+"-new"))
	if mail, _ := user(); mail != name+"-new@example.test" {
		m.t.Errorf("%s after it was proven", mail)
	}
	m.waitMail(name, "mail address of your account was changed")
	m.waitMail(name+"-new", "mail address of your account was changed")

	m.clock.Advance(15 * time.Minute)
	page = prove("phone", "sms", number(name+"-new"))
	if _, phone := user(); phone != number(name) {
		m.t.Errorf("%s before it is proven", phone)
	}
	give(page, "code", m.texted(name+"-new"))
	if _, phone := user(); phone != number(name+"-new") {
		m.t.Errorf("%s after it was proven", phone)
	}
	m.waitMail(name+"-new", "phone number of your account was changed")
}

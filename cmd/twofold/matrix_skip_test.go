package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/descope/virtualwebauthn"

	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
)

func skipRows() []row {
	return []row{
		{"M1", "D, F", "The cookie of a half-finished sign-in on authorize, account, sign-out, userinfo, introspection and reset: each behaves as for a stranger.", halfCookie},
		{"M2", "A, not counted", "A right code in a sign-in that has no password yet, with the id of its challenge. Who lacks the password moves no counter.", codeWithoutPassword},
		{"M3", "A", "No code, an empty one, two, null, an array, JSON in place of a form. What names the challenge costs a try.", oddForms},
		{"M4", "A, not counted", "A method that does not exist, is switched off, is another user's, or is called none. The open question stays.", oddMethods},
		{"M5", "E", "Other redirect addresses in form and query when the code is given: the stored one is used.", tamperedRedirect},
		{"M6", "D", "Reload, language, list of methods, a second tab, prompt=create and another app while a code is asked for.", detours},
		{"M7", "B", "The password is reset by a mailed link while a code is asked for; the next sign-in asks for a code.", resetInTheMiddle},
		{"M8", "F", "Setting up a factor with the password alone while another is held; allowed to who has none.", enrolFromHalf},
		{"M9", "D", "A user who has set up an app where none is required is asked for it.", optionalButHeld},
		{"M10", "A, D", "A passkey that does not check its user in place of a password; a device is let in by the same steps; token exchange is for apps that are told so; back-channel and password grants, and magic links, do not exist.", otherPaths},
		{"M11", "D", "Name and password by Basic on authorize, account, userinfo and token, and by the password grant.", sideDoors},
		{"M12", "D", "A machine user at the sign-in page; a person's name and password, and a web app, at the client credentials grant.", machineAndPerson},
		{"M13", "503", "The database or the instance's options fail between password and code: nobody gets in, and the code still works when all is well again.", failuresClose},
	}
}

func halfCookie(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	base := m.url + "/t/acme"
	for _, address := range []string{
		m.world.rp("acme", "expenses").authorizeURL(), base + "/account", base + "/account?password", base + "/account?remove=x", base + "/userinfo",
		base + "/introspect", base + "/reset/password", base + "/end_session", base + "/account/cancelled",
	} {
		got := m.expect(anything, name, func() *testkit.Page { return c.Get(address) })
		if got.IsRedirect() {
			if got = got.Follow(); len(got.Forms) == 0 || !got.Forms[0].Has("password") {
				m.t.Errorf("%s: not asked for the password: %d %s", address, got.Status, got.Text)
			}
		}
		if strings.Contains(got.Body, name+"@example.test") {
			m.t.Errorf("%s knows who it is", address)
		}
	}
	for _, act := range []string{"add", "remove", "rename", "prefer", "resync", "forget", "end", "answer"} {
		m.expect(stepUp, name, func() *testkit.Page {
			return c.PostForm(base+"/account", url.Values{"do": {act}, "id": {"x"}, "password": {"a quite new password"}, "confirmed": {"true"}})
		})
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
}

func codeWithoutPassword(m *matrix) {
	name := m.person("anna", "mail")
	page, code := m.half(m.browser(), name)
	c := m.browser()
	fresh := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	for _, form := range []url.Values{
		{"do": {"answer"}, "challenge": {page.Forms[0].Value("challenge")}, "code": {code}},
		{"do": {"answer"}, "challenge": {page.Forms[0].Value("challenge")}, "code": {code}, "username": {name}},
		{"do": {"answer"}, "challenge": {page.Forms[0].Value("challenge")}, "code": {code}, "username": {name}, "password": {""}},
		{"do": {"pick"}, "method": {m.world.ids["two_factor mail"]}, "username": {name}},
	} {
		m.expect(anything, name, func() *testkit.Page { return c.PostForm(fresh.URL.String(), form) })
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
}

func oddForms(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	id := page.Forms[0].Value("challenge")
	for what, form := range map[string]url.Values{
		"absent": {"do": {"answer"}, "challenge": {id}},
		"twice":  {"do": {"answer"}, "challenge": {id}, "code": {code, code}},
		"array":  {"do": {"answer"}, "challenge": {id}, "code[]": {code}, "code[0]": {code}},
		"null":   {"do": {"answer"}, "challenge": {id}, "code": {"null"}},
	} {
		m.t.Log(what)
		m.expect(refused, name, func() *testkit.Page { return c.PostForm(page.URL.String(), form) })
	}
	for what, form := range map[string]url.Values{
		"nothing": {}, "no challenge": {"do": {"answer"}, "code": {code}}, "two challenges": {"do": {"answer"}, "challenge": {id, id}, "code": {code}},
		"two acts": {"do": {"answer", "answer"}, "challenge": {id}, "code": {code}}, "unknown act": {"do": {"done"}, "challenge": {id}, "code": {code}},
	} {
		m.t.Log(what)
		m.expect(anything, name, func() *testkit.Page { return c.PostForm(page.URL.String(), form) })
	}
	for _, kind := range []string{"application/json", "text/plain", "multipart/form-data; boundary=x", ""} {
		m.expect(anything, name, func() *testkit.Page {
			body := `{"do":"answer","challenge":"` + id + `","code":"` + code + `"}`
			req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, page.URL.String(), strings.NewReader(body))
			if err != nil {
				m.t.Fatal(err)
			}
			req.Header.Set("Content-Type", kind)
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			return c.Do(req)
		})
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
}

func oddMethods(m *matrix) {
	m.factorWith("off", "email", false, map[string]any{})
	name, other := m.person("anna", "mail", "off?"), m.person("bruno", "sms")
	c := m.browser()
	page, code := m.half(c, name)
	_ = other
	for _, method := range []string{"", "none", "password", "bypass", "01a20164-6232-7012-b333-fb122ae4f854", m.world.ids["two_factor off"], m.world.ids["two_factor sms"], "' OR '1'='1"} {
		m.expect(anything, name, func() *testkit.Page { return do(c, page, "pick", "method", method) })
	}
	for _, act := range []string{"enroll", "address", "later", "link", "passkey", "bypass"} {
		m.expect(anything, name, func() *testkit.Page {
			return do(c, page, act, "method", m.world.ids["two_factor sms"], "bypass", "AAAA-BBBB-CCCC", "link", "x", "address", "a@example.test")
		})
	}
	if n := m.count("challenges", "user_id = '"+m.userID(name)+"'"); n != 1 {
		m.t.Errorf("%d challenges", n)
	}
	m.expect(success, name, func() *testkit.Page {
		return page.Forms[0].Forge("method", "none").Forge("factor", "none").Forge("code", code).Submit()
	})
}

func tamperedRedirect(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	const evil = "https://evil.example/cb"
	f := page.Forms[0].Forge("code", code)
	f.Action.RawQuery = url.Values{"redirect_uri": {evil}, "next": {evil}, "return_to": {evil}, "state": {"evil"}}.Encode()
	for _, k := range []string{"redirect_uri", "next", "return_to", "returnTo", "state", "client_id"} {
		f.Forge(k, evil)
	}
	got := m.expect(success, name, f.Submit)
	m.world.rp("acme", "expenses").callback(got) // also holds the state
}

func detours(m *matrix) {
	name := m.person("anna", "mail")
	other := m.ownApp("other", "")
	c := m.browser()
	page, code := m.half(c, name)
	at := page.URL.String()
	p := m.world.rp("acme", "expenses")
	for _, address := range []string{
		at, at + "?lang=de", at + "?choose", at + "?bypass", at + "?keep", at + "?link=x", at + "?done", at + "/status", p.authorizeURL(),
		m.world.rp("acme", other).authorizeURL(), m.world.rp("acme", "expenses").with("prompt", "create").authorizeURL(),
		m.world.rp("acme", "expenses").with("ui_locales", "fr").authorizeURL(), m.url + "/t/acme/account",
	} {
		got := m.expect(anything, name, func() *testkit.Page { return c.Get(address) })
		if loc := got.Header.Get("Location"); strings.HasPrefix(loc, redirectURI) {
			m.t.Logf("%s: %s", address, loc)
			continue
		}
		if got = got.Follow(); got.Status >= 500 {
			m.t.Errorf("%s: %d", address, got.Status)
		}
	}
	quiet := m.world.rp("acme", "expenses").with("prompt", "none")
	if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "login_required" {
		m.t.Errorf("silent: %q", got)
	}
	m.expect(success, name, func() *testkit.Page { return give(c.Get(at), "code", code) })
}

const freshPassword = "an entirely other passphrase"

// mailedLink waits for the link in a mail of the house.
func (m *matrix) mailedLink(name string) string {
	m.t.Helper()
	m.waitMail(name, "link=")
	for _, msg := range m.inbox.Messages() {
		if _, rest, ok := strings.Cut(msg.Text, m.url); ok && msg.To == name+"@example.test" {
			link := m.url + strings.Fields(rest)[0]
			if m.logs.Contains(link[strings.Index(link, "link=")+5:]) {
				m.t.Error("the link is in the log")
			}
			return link
		}
	}
	m.t.Fatal("no link")
	return ""
}

// resetPassword lets somebody choose a new password by mail, in another browser.
func (m *matrix) resetPassword(name string) {
	m.t.Helper()
	c := m.browser()
	c.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}}).Follow()
	link := m.mailedLink(name)
	c.PostForm(link, url.Values{"password": {freshPassword}}).Require(http.StatusOK)
}

func resetInTheMiddle(m *matrix) {
	name := m.person("anna", "mail")
	m.secret.Add("the new password", freshPassword)
	c := m.browser()
	page, code := m.half(c, name)
	m.resetPassword(name)
	m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
	fresh := m.browser().Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	next := m.expect(anything, name, func() *testkit.Page {
		return fresh.Forms[0].Set("username", name).Set("password", freshPassword).Submit()
	}).Follow()
	m.expect(success, name, func() *testkit.Page { return give(next, "code", m.mailed(name)) })
}

func enrolFromHalf(m *matrix) {
	name := m.person("anna", "mail", "app?", "passkey?", "spare?")
	c := m.browser()
	page, code := m.half(c, name)
	for _, f := range []string{"app", "passkey", "spare", "sms"} {
		for _, act := range []string{"enroll", "add", "pick"} {
			m.expect(stepUp, name, func() *testkit.Page {
				return do(c, page, act, "method", m.world.ids["two_factor "+f], "id", "enroll "+m.world.ids["two_factor "+f])
			})
		}
		m.expect(stepUp, name, func() *testkit.Page {
			return c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {"enroll " + m.world.ids["two_factor "+f]}})
		})
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })

	// An app demands more than the mail code that is held: that is proven before.
	strong := m.ownApp("strong", "urn:twofold:acr:aal2")
	held := m.person("bruno", "mail", "app?")
	page = m.enter(m.browser(), strong, held)
	if strings.Contains(page.Body, `id="keep"`) {
		m.t.Fatal("the key is shown to who has only the password")
	}
	page = m.expect(anything, held, func() *testkit.Page { return give(page, "code", m.mailed(held)) }).Follow()
	_, page = m.pairApp(page)
	if !toApp(page) {
		m.t.Errorf("not set up: %d %s", page.Status, page.Text)
	}
	// Who has none sets one up at once.
	m.withApp(m.browser(), m.person("carla", "app"))
}

// addAtAccount sets one more thing up from the account pages of a browser that has
// proven its user, and returns the page that asks for it.
func (m *matrix) addAtAccount(c *testkit.Client, what string) *testkit.Page {
	m.t.Helper()
	page := c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {what}}).Follow()
	_, method, _ := strings.Cut(what, " ")
	return do(c, page, "enroll", "method", method).Follow()
}

func optionalButHeld(m *matrix) {
	name := m.person("anna", "app?")
	c := m.browser()
	m.expect(success, name, func() *testkit.Page { return m.world.rp("acme", "expenses").signIn(c, name) })
	app, _ := m.pairApp(m.addAtAccount(c, "enroll "+m.world.ids["two_factor app"]))
	m.clock.Advance(90 * 1e9)
	page := m.expect(anything, name, func() *testkit.Page { return m.enter(m.browser(), "expenses", name) })
	m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
}

func otherPaths(m *matrix) {
	name := m.person("anna", "passkey")
	keys := m.ownApp("keys", "")
	m.assign("passkey", "client_app "+keys, false)
	m.passkeySignIn(true)
	defer m.passkeySignIn(false)
	d := m.withPasskey(m.browser(), name)
	begin := func() *testkit.Page {
		c := m.browser()
		return do(c, c.Get(m.world.rp("acme", keys).authorizeURL()).Follow(), "passkey").Follow()
	}
	d.auth.Options.UserNotVerified = true
	m.expect(refused, name, func() *testkit.Page { page := begin(); return give(page, "credential", d.use(page)) })
	d.auth.Options = virtualwebauthn.AuthenticatorOptions{UserHandle: d.auth.Options.UserHandle}
	m.expect(success, name, func() *testkit.Page { page := begin(); return give(page, "credential", d.use(page)) })

	careful := m.person("bruno", "mail")
	tv := m.screen("tv")
	page := m.expect(anything, careful, func() *testkit.Page { return tv.connect(m.browser(), careful) })
	if len(page.Forms) == 0 || !page.Forms[0].Has("code") || tv.poll().Error != "authorization_pending" {
		m.t.Errorf("a device by the password alone: %d %s", page.Status, page.Text)
	}

	p := m.world.rp("acme", "expenses")
	for grant, want := range map[string]string{
		"urn:ietf:params:oauth:grant-type:token-exchange": "unauthorized_client",
		"urn:openid:params:grant-type:ciba":               "unsupported_grant_type", "password": "unsupported_grant_type", "implicit": "unsupported_grant_type",
		"urn:ietf:params:oauth:grant-type:jwt-bearer": "unsupported_grant_type",
	} {
		got := p.token(url.Values{
			"grant_type": {grant}, "username": {name}, "password": {password}, "auth_req_id": {"x"}, "assertion": {"x"},
			"subject_token": {"x"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		})
		if got.Error != want && got.Error != "unauthorized_client" || got.AccessToken != "" {
			m.t.Errorf("%s: %+v", grant, got)
		}
	}
	for _, path := range []string{"/bc-authorize", "/magic", "/signin", "/login", "/oauth/token", "/federated"} {
		m.expect(nothing, name, func() *testkit.Page { return m.browser().Get(m.url + "/t/acme" + path) })
	}
}

// passkeySignIn lets passkeys stand for name and password at acme, or not.
func (m *matrix) passkeySignIn(on bool) {
	m.t.Helper()
	m.changeTenant("acme", func(v *tenants.Tenant) { v.PasskeySignIn = on })
}

func sideDoors(m *matrix) {
	name := m.person("anna", "mail")
	base := m.url + "/t/acme"
	for _, address := range []string{base + "/userinfo", base + "/account", m.world.rp("acme", "expenses").authorizeURL(), base + "/introspect", base + "/end_session"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := m.expect(anything, name, func() *testkit.Page {
				req, err := http.NewRequestWithContext(m.t.Context(), method, address, nil)
				if err != nil {
					m.t.Fatal(err)
				}
				req.SetBasicAuth(name, password)
				return m.browser().Do(req)
			})
			if strings.Contains(got.Body, name) {
				m.t.Errorf("%s %s knows who it is", method, address)
			}
		}
	}
	p := m.world.rp("acme", "expenses")
	for _, form := range []url.Values{
		{"grant_type": {"password"}, "username": {name}, "password": {password}, "scope": {"openid"}},
		{"grant_type": {"authorization_code"}, "username": {name}, "password": {password}, "code": {"x"}, "redirect_uri": {redirectURI}},
		{"username": {name}, "password": {password}},
	} {
		if got := p.token(form); got.AccessToken != "" || got.Status < 400 || got.Status >= 500 {
			m.t.Errorf("%v: %+v", form, got)
		}
	}
}

func machineAndPerson(m *matrix) {
	name := m.person("anna", "mail")
	robot := tenants.User{Name: "m12-robot", Kind: tenants.Machine, Active: true, DisplayName: "Robot"}
	m.must(m.tenants.PutUser(m.ctx(), &robot))
	m.must(m.tenants.SetIdentities(m.ctx(), robot, []string{m.world.ids["idp staff"]}))
	m.world.ids["user m12-robot"] = robot.ID
	for _, q := range []string{
		"INSERT INTO passwords (user_id, subscription_id, hash, changed_at) SELECT '" + robot.ID + "', '" + m.sub.ID + "', hash, changed_at FROM passwords WHERE user_id = '" + m.userID(name) + "'",
		"INSERT INTO memberships (subscription_id, tenant_id, user_id) VALUES ('" + m.sub.ID + "', '" + m.world.ids["tenant acme"] + "', '" + robot.ID + "')",
	} {
		if _, err := m.db.SQL().Exec(q); err != nil { // what no store would ever write
			m.t.Fatal(err)
		}
	}
	got := m.expect(anything, "m12-robot", func() *testkit.Page { return m.world.rp("acme", "expenses").signIn(m.browser(), "m12-robot") })
	if got.Status != http.StatusUnprocessableEntity {
		m.t.Errorf("a machine at the page: %d %s", got.Status, got.Text)
	}
	p := m.world.rp("acme", "expenses")
	if tok := p.token(url.Values{"grant_type": {"client_credentials"}}); tok.Error != "unauthorized_client" {
		m.t.Errorf("a web app: %+v", tok)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, p.base()+"/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(name, password)
	if got := m.expect(anything, name, func() *testkit.Page { return m.browser().Do(req) }); got.Status != http.StatusUnauthorized {
		m.t.Errorf("a person at the machines' grant: %d %s", got.Status, got.Body)
	}
}

func failuresClose(m *matrix) {
	m.errors = true
	name := m.person("anna", "mail")
	sealer, err := seal.New(testKey)
	if err != nil {
		m.t.Fatal(err)
	}
	h, err := build(m.t.Context(), parts{DatabaseURL: m.databaseURL, Seal: sealer, Log: m.house.log, Now: m.clock.Now, providerFlags: providerFlags{PublicURL: m.url}})
	if err != nil {
		m.t.Fatal(err)
	}
	s := httptest.NewServer(h.handler(false, nil))
	m.t.Cleanup(s.Close)
	c := m.browser()
	page, code := m.half(c, name)
	// A replica that has lost its database.
	if err := h.close(); err != nil {
		m.t.Fatal(err)
	}
	there := &transport{book: m.book, addrs: []string{s.Listener.Addr().String()}}
	here := c.HTTP.Transport
	c.HTTP.Transport = there
	sessions := m.count("sessions", "1=1")
	if got := give(page, "code", code); got.Status < 500 || toApp(got) || m.count("sessions", "1=1") != sessions {
		m.t.Errorf("without a database: %d %s", got.Status, got.Text)
	}
	c.HTTP.Transport = here
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })

	// An instance that an administrator has broken meanwhile.
	m.factor("m13", "email")
	other := m.person("bruno", "m13")
	page, code = m.half(m.browser(), other)
	m.factorWith("m13", "email", true, map[string]any{"EMailSenderAddress": "noreply@example.test"})
	got := m.expect(anything, other, func() *testkit.Page { return give(page, "code", code) })
	if got = got.Follow(); got.Status != http.StatusForbidden {
		m.t.Errorf("with a broken instance: %d %s", got.Status, got.Text)
	}
}

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/descope/virtualwebauthn"

	"twofold/internal/testkit"
)

func confuseRows() []row {
	return []row{
		{"M41", "D", "A sign-in of one tenant, its cookie and its session under the paths of another tenant and of another subscription.", otherTenant},
		{"M42", "A", "The same name and mail address in two subscriptions: the code of one at the other.", samePerson},
		{"M43", "A", "The codes of two users of one tenant, exchanged while both sign-ins are open.", exchangedCodes},
		{"M44", "D", "One user's cookie with another's challenge, and with the address of another's sign-in.", exchangedChallenges},
		{"M45", "A; B with the older challenge", "A code by mail where the app is asked for, and the app's where the mail is.", swappedFactors},
		{"M46", "A", "A sign-in's code to prove a new address, that one's to sign in, either as a code of the help desk and the other way round.", swappedPurposes},
		{"M47", "A", "The passkey of another user, one made for another host, and an answer from a subdomain.", otherPasskey},
		{"M48", "A", "A passkey whose counter goes back, that has not checked its user, with another id outside than inside, from a frame of another site, signed by another key, by another algorithm. There is no alert beyond the audit trail.", badPasskey},
		{"M49", "F", "A session with a code by mail at an app that demands more.", otherApp},
		{"M50", "configuration", "Host, Forwarded and X-Forwarded headers of another host and tenant: issuer, redirects and mailed links stay as configured.", otherHost},
		{"M51", "B", "The user is renamed and switched off, and another gets his name, between password and code.", renamed},
	}
}

func otherTenant(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	signIn := page.URL.Path[len("/t/acme"):]
	cookie := c.Cookie(page.URL.String(), "twofold-signin")
	send := func(method, tenant string, cookies ...string) func() *testkit.Page {
		return func() *testkit.Page {
			body := coded(page, "code", code).Encode()
			if method == http.MethodGet {
				body = ""
			}
			req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+"/t/"+tenant+signIn, strings.NewReader(body))
			if err != nil {
				m.t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			for i := 0; i+1 < len(cookies); i += 2 {
				req.AddCookie(&http.Cookie{Name: cookies[i], Value: cookies[i+1]})
			}
			return m.browser().Do(req)
		}
	}
	for _, tenant := range []string{"globex", "initech", "ACME", "acme%2f..%2fglobex"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			m.expect(nothing, name, send(method, tenant, "twofold-signin", cookie))
		}
	}
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	m.clock.Advance(time.Second)
	session := m.sessionCookie(c, "acme")
	for _, tenant := range []string{"globex", "initech"} {
		for _, path := range []string{"/account", "/authorize?" + strings.SplitN(m.world.rp("acme", "expenses").authorizeURL(), "?", 2)[1], "/end_session"} {
			got := m.expect(anything, name, func() *testkit.Page {
				req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.url+"/t/"+tenant+path, nil)
				if err != nil {
					m.t.Fatal(err)
				}
				req.AddCookie(&http.Cookie{Name: "twofold-session", Value: session})
				return m.browser().Do(req)
			})
			if strings.Contains(got.Body, strings.ToUpper(name)) {
				m.t.Errorf("%s%s knows who it is", tenant, path)
			}
		}
	}
}

func samePerson(m *matrix) {
	name := m.person("anna", "mail")
	here, code := m.half(m.browser(), name)
	m.member(m.rival, "initech", name, "mail")
	there := m.rival.rp("initech", "rival-expenses").signIn(m.browser(), name).Follow()
	other := m.mailed(name)
	m.expect(refused, name, func() *testkit.Page { return give(here, "code", other) })
	if got := give(there, "code", code); toApp(got) || got.Status != http.StatusUnprocessableEntity {
		m.t.Errorf("the other way: %d %s", got.Status, got.Text)
	}
	m.expect(success, name, func() *testkit.Page { return give(here, "code", code) })
	if got := give(there, "code", other); !toApp(got) {
		m.t.Errorf("the rightful one: %d %s", got.Status, got.Text)
	}
}

func exchangedCodes(m *matrix) {
	anna, bruno := m.person("anna", "mail"), m.person("bruno", "mail")
	annas, annasCode := m.half(m.browser(), anna)
	brunos, brunosCode := m.half(m.browser(), bruno)
	m.expect(refused, anna, func() *testkit.Page { return give(annas, "code", brunosCode) })
	m.expect(refused, bruno, func() *testkit.Page { return give(brunos, "code", annasCode) })
	m.expect(success, anna, func() *testkit.Page { return give(annas, "code", annasCode) })
	m.expect(success, bruno, func() *testkit.Page { return give(brunos, "code", brunosCode) })
}

func exchangedChallenges(m *matrix) {
	anna, bruno := m.person("anna", "mail"), m.person("bruno", "mail")
	a, b := m.browser(), m.browser()
	annas, annasCode := m.half(a, anna)
	brunos, brunosCode := m.half(b, bruno)
	id := brunos.Forms[0].Value("challenge")
	for _, code := range []string{annasCode, brunosCode} {
		for _, who := range []string{anna, bruno} {
			m.expect(nothing, who, func() *testkit.Page { return do(a, annas, "answer", "challenge", id, "code", code) })
			m.expect(nothing, who, func() *testkit.Page { return do(a, brunos, "answer", "challenge", id, "code", code) })
		}
	}
	for _, act := range []string{"resend", "cancel", "choose", "pick"} {
		m.expect(nothing, bruno, func() *testkit.Page { return do(a, brunos, act, "challenge", id) })
	}
	m.expect(nothing, bruno, func() *testkit.Page { return a.Get(brunos.URL.String()) })
	m.expect(nothing, bruno, func() *testkit.Page { return a.Get(brunos.URL.String() + "/status") })
	m.expect(success, bruno, func() *testkit.Page { return give(brunos, "code", brunosCode) })
}

func swappedFactors(m *matrix) {
	name := m.person("anna", "app", "mail")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", m.mailed(name)) })
	app, _ := m.pairApp(m.addAtAccount(c, "enroll "+m.world.ids["two_factor app"]))
	m.clock.Advance(10 * time.Minute)

	c = m.browser()
	page = m.enter(c, "expenses", name) // asks for the app
	mail := do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	code := m.mailed(name)
	m.expect(refused, name, func() *testkit.Page { return give(mail, "code", app.at(0)) })
	page = do(c, page, "pick", "method", m.world.ids["two_factor app"]).Follow()
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", code) })
	m.expect(again, name, func() *testkit.Page { return give(mail, "code", code) })
	m.expect(refused, name, func() *testkit.Page {
		return page.Forms[0].Forge("method", m.world.ids["two_factor mail"]).Forge("type", "email").Forge("code", code).Submit()
	})
	m.expect(success, name, func() *testkit.Page { return give(page, "code", app.at(0)) })
}

// proveAt goes to prove an address of a kind at the account pages, and returns the
// page that asks for the code.
func (m *matrix) proveAt(c *testkit.Client, kind, method, address string) *testkit.Page {
	m.t.Helper()
	page := c.PostForm(m.url+"/t/acme/account", url.Values{"do": {"add"}, "id": {"prove " + kind}}).Follow()
	page = do(c, page, "enroll", "method", m.world.ids["two_factor "+method]).Follow()
	return do(c, page, "address", "address", address).Follow()
}

func swappedPurposes(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser()
	page, code := m.half(c, name)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	elsewhere := name + "-new"
	proof := m.proveAt(c, "email", "mail", elsewhere+"@example.test")
	proving := m.mailed(elsewhere)
	b := m.browser()
	page, code = m.half(b, name)
	m.expect(refused, name, func() *testkit.Page { return give(proof, "code", code) })
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", proving) })
	// Challenge and sign-in do not fit either.
	m.expect(nothing, name, func() *testkit.Page {
		return do(b, page, "answer", "challenge", proof.Forms[0].Value("challenge"), "code", proving)
	})
	m.expect(nothing, name, func() *testkit.Page {
		return do(c, proof, "answer", "challenge", page.Forms[0].Value("challenge"), "code", code)
	})
	// A code of the help desk is none of these.
	bypass, _, err := m.ceremony.IssueBypass(m.in("acme"), m.userID(name))
	if err != nil {
		m.t.Fatal(err)
	}
	m.secret.Add("a bypass", bypass)
	m.expect(refused, name, func() *testkit.Page { return give(page, "code", bypass) })
	m.expect(refused, name, func() *testkit.Page { return do(b, page, "bypass", "bypass", code) })
	m.clock.Advance(time.Minute)
	m.expect(success, name, func() *testkit.Page { return give(page, "code", code) })
	u, err := m.tenants.User(m.in("acme"), m.userID(name))
	if err != nil || u.Email != name+"@example.test" {
		m.t.Errorf("the address has become %q, %v", u.Email, err)
	}
}

func otherPasskey(m *matrix) {
	anna, bruno := m.person("anna", "passkey"), m.person("bruno", "passkey")
	annas, brunos := m.withPasskey(m.browser(), anna), m.withPasskey(m.browser(), bruno)
	page := m.enter(m.browser(), "expenses", anna)
	m.expect(refused, anna, func() *testkit.Page { return give(page, "credential", brunos.use(page)) })
	// His key under her id.
	stolen := annas.auth.Credentials[0]
	forged := *brunos
	forged.auth.Credentials = []virtualwebauthn.Credential{{ID: stolen.ID, Key: brunos.auth.Credentials[0].Key, Counter: 100}}
	m.expect(refused, anna, func() *testkit.Page { return give(page, "credential", forged.use(page)) })
	for _, rp := range []virtualwebauthn.RelyingParty{
		{ID: "localhost", Origin: strings.Replace(m.url, "localhost", "evil.localhost", 1)},
		{ID: "evil.localhost", Origin: m.url},
	} {
		d := *annas
		d.rp = rp
		m.expect(refused, anna, func() *testkit.Page { return give(page, "credential", d.use(page)) })
	}
	m.expect(success, anna, func() *testkit.Page { return give(page, "credential", annas.use(page)) })
	// Nor does his passkey become hers.
	page = m.addAtAccountAgain(anna, annas)
	given := brunos.create(page)
	own := brunos.auth.Credentials[0].ID
	m.expect(anything, "", func() *testkit.Page {
		return give(page, "credential", m.edited(given, func(body, _ map[string]any) {
			body["id"], body["rawId"] = b64(own), b64(own)
		}))
	})
}

// addAtAccountAgain signs somebody in with a passkey and goes on to add another.
func (m *matrix) addAtAccountAgain(name string, d *device) *testkit.Page {
	m.t.Helper()
	c := m.browser()
	page := m.enter(c, "expenses", name)
	give(page, "credential", d.use(page))
	return m.addAtAccount(c, "enroll "+m.world.ids["two_factor passkey"])
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// resigned changes what is under an assertion's signature and signs it again with key.
func (m *matrix) resigned(raw string, key *virtualwebauthn.Key, change func(client map[string]any, auth []byte)) string {
	m.t.Helper()
	return m.edited(raw, func(_, response map[string]any) {
		var client map[string]any
		text, err := base64.RawURLEncoding.DecodeString(response["clientDataJSON"].(string))
		if err != nil {
			m.t.Fatal(err)
		}
		auth, err := base64.RawURLEncoding.DecodeString(response["authenticatorData"].(string))
		if err != nil {
			m.t.Fatal(err)
		}
		if err := json.Unmarshal(text, &client); err != nil {
			m.t.Fatal(err)
		}
		change(client, auth)
		if text, err = json.Marshal(client); err != nil {
			m.t.Fatal(err)
		}
		hash := sha256.Sum256(text)
		digest := sha256.Sum256(append(append([]byte{}, auth...), hash[:]...))
		sig, err := key.Sign(digest[:])
		if err != nil {
			m.t.Fatal(err)
		}
		response["clientDataJSON"], response["authenticatorData"], response["signature"] = b64(text), b64(auth), b64(sig)
	})
}

func badPasskey(m *matrix) {
	name := m.person("anna", "passkey")
	d := m.withPasskey(m.browser(), name)
	key := d.auth.Credentials[0].Key
	other := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA).Key
	same := func(map[string]any, []byte) {}
	forgeries := []func(raw string) string{
		func(raw string) string {
			return m.resigned(raw, key, func(_ map[string]any, auth []byte) { copy(auth[33:37], []byte{0, 0, 0, 1}) })
		},
		func(raw string) string {
			return m.resigned(raw, key, func(_ map[string]any, auth []byte) { auth[32] &^= 1 << 2 })
		},
		func(raw string) string {
			return m.resigned(raw, key, func(_ map[string]any, auth []byte) { auth[32] &^= 1 })
		},
		func(raw string) string {
			return m.resigned(raw, key, func(client map[string]any, _ []byte) {
				client["crossOrigin"] = true
				client["topOrigin"] = "https://evil.example"
			})
		},
		func(raw string) string {
			return m.resigned(raw, key, func(client map[string]any, _ []byte) { client["type"] = "webauthn.create" })
		},
		func(raw string) string {
			return m.resigned(raw, key, func(client map[string]any, _ []byte) { client["challenge"] = b64([]byte(strings.Repeat("x", 32))) })
		},
		func(raw string) string { return m.resigned(raw, other, same) },
		func(raw string) string {
			return m.edited(raw, func(body, _ map[string]any) { body["id"] = b64([]byte("another credential")) })
		},
		func(raw string) string {
			return m.edited(raw, func(body, _ map[string]any) { body["rawId"] = b64([]byte("another credential")) })
		},
		func(raw string) string {
			return m.edited(raw, func(_, response map[string]any) { response["signature"] = "" })
		},
		func(string) string { return "{}" },
		func(raw string) string { return raw[:len(raw)-1] },
	}
	for from := 0; from < len(forgeries); from += 4 {
		page := m.enter(m.browser(), "expenses", name)
		for _, forge := range forgeries[from:min(from+4, len(forgeries))] {
			m.expect(refused, name, func() *testkit.Page { return give(page, "credential", forge(d.use(page))) })
		}
		m.expect(success, name, func() *testkit.Page { return give(page, "credential", m.resigned(d.use(page), key, same)) })
	}
}

func otherApp(m *matrix) {
	name := m.person("anna", "mail", "sms?")
	strong := m.ownApp("strong", "urn:twofold:acr:aal2")
	c := m.browser()
	page := m.enter(c, "expenses", name)
	m.texted(name)
	page = do(c, page, "pick", "method", m.world.ids["two_factor mail"]).Follow()
	m.expect(success, name, func() *testkit.Page { return give(page, "code", m.mailed(name)) })
	m.clock.Advance(10 * time.Minute)
	p := m.world.rp("acme", strong)
	page = m.expect(stepUp, name, func() *testkit.Page { return c.Get(p.authorizeURL()) }).Follow()
	if page.Forms[0].Has("password") || !strings.Contains(page.Text, "sms") {
		m.t.Errorf("not asked for more alone: %s", page.Text)
	}
	m.expect(stepUp, name, func() *testkit.Page { return do(c, page, "pick", "method", m.world.ids["two_factor mail"]) })
	answer := p.callback(give(page, "code", m.texted(name)))
	if cl := claims(m.t, p.exchange(answer.Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:aal2" {
		m.t.Errorf("acr %v", cl["acr"])
	}
}

func otherHost(m *matrix) {
	name := m.person("anna", "mail")
	spoofed := func(method, address string, form url.Values) *testkit.Page {
		req, err := http.NewRequestWithContext(m.t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			m.t.Fatal(err)
		}
		req.Host = "globex.evil.example"
		for k, v := range map[string]string{
			"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=https", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/t/globex",
			"X-Original-Url": "/t/globex/account", "X-Rewrite-Url": "/t/globex/account", "X-Tenant": "globex",
		} {
			req.Header.Set(k, v)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		return m.browser().Do(req)
	}
	base := m.url + "/t/acme"
	for _, address := range []string{
		base + "/.well-known/openid-configuration", m.url + "/.well-known/oauth-authorization-server/t/acme", m.world.rp("acme", "expenses").authorizeURL(), base + "/account",
	} {
		got := m.expect(anything, name, func() *testkit.Page { return spoofed(http.MethodGet, address, nil) })
		if all := got.Body + got.Header.Get("Location"); strings.Contains(all, "evil.example") || strings.Contains(all, "globex") {
			m.t.Errorf("%s: %s", address, all)
		}
	}
	spoofed(http.MethodPost, base+"/reset", url.Values{"username": {name}})
	if link := m.mailedLink(name); !strings.HasPrefix(link, base+"/reset/password?") {
		m.t.Errorf("link %s", strings.SplitN(link, "?", 2)[0])
	}
}

func renamed(m *matrix) {
	name := m.person("anna", "mail")
	page, code := m.half(m.browser(), name)
	old := m.userID(name)
	u, err := m.tenants.User(m.in("acme"), old)
	if err != nil {
		m.t.Fatal(err)
	}
	u.Active = false
	m.must(m.tenants.PutUser(m.ctx(), &u))
	for _, q := range []string{"UPDATE users SET name = 'm51-gone', email = 'm51-gone@example.test' WHERE id = '" + old + "'", "UPDATE identities SET subject = 'm51-gone' WHERE user_id = '" + old + "'"} {
		if _, err := m.db.SQL().Exec(q); err != nil {
			m.t.Fatal(err)
		}
	}
	m.person("anna", "mail")
	if m.userID(name) == old {
		m.t.Fatal("nobody new")
	}
	m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
	next := m.enter(m.browser(), "expenses", name)
	answer := m.world.rp("acme", "expenses").callback(give(next, "code", m.mailed(name)))
	if cl := claims(m.t, m.world.rp("acme", "expenses").exchange(answer.Get("code")).IDToken); cl["sub"] != m.userID(name) {
		m.t.Errorf("sub %v", cl["sub"])
	}
}

package main

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/testkit"
)

// TestMatrixBeyond is what an attacker finds beside the matrix.
func TestMatrixBeyond(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		t.Parallel()
		a := newArena(t, url)
		for _, r := range []row{
			{id: "PasswordEndsSessionsElsewhere", run: sessionsElsewhere},
			{id: "PasswordBesideSignIn", run: passwordBesideSignIn},
			{id: "PasswordWhileHashing", run: passwordWhileHashing},
			{id: "CodeBesideSignOut", run: codeBesideSignOut},
			{id: "PasskeyOwnerIsNamed", run: passkeyOwner},
			{id: "LinkOfAnotherSignIn", run: linkOfAnother},
		} {
			t.Run(r.id, func(t *testing.T) { a.row(t, r) })
		}
	})
}

// sessionsElsewhere: a new password ends the sessions of all tenants, for it is the
// password of all.
func sessionsElsewhere(m *matrix) {
	name := m.person("anna")
	_, err := m.db.SQL().Exec("INSERT INTO memberships (subscription_id, tenant_id, user_id) VALUES ('" + m.sub.ID + "', '" + m.world.ids["tenant globex"] + "', '" + m.userID(name) + "')")
	m.ok(err)
	thief := m.browser(1)
	there := m.world.rp("globex", "expenses")
	tok := there.exchange(there.callback(there.signIn(thief, name)).Get("code"))
	m.clock.Advance(time.Minute)
	m.secret.Add("the new password", freshPassword)
	m.resetPassword(name)
	if got := thief.Get(there.authorizeURL()); toApp(got) {
		m.t.Error("the session in the other tenant outlives the password")
	}
	if got := there.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); got.Error != "invalid_grant" {
		m.t.Errorf("and its refresh token works: %+v", got)
	}
	if m.live(name) != 0 {
		m.t.Errorf("%d sessions", m.live(name))
	}
}

// holding keeps the end of the audit trail locked, which every request that changes
// anything comes to last: so two of them can be had at the same point of their
// transactions. release lets them go on. PostgreSQL alone has more than one writer.
func (m *matrix) holding() (waiting func(n int), release func()) {
	m.t.Helper()
	if m.db.Dialect() != "postgres" {
		return func(int) {}, func() {}
	}
	tx, err := m.second.db.SQL().Begin()
	m.ok(err)
	_, err = tx.Exec("SELECT id FROM audit_chains WHERE id = '" + m.sub.ID + "' FOR UPDATE")
	m.ok(err)
	var once sync.Once
	release = func() { once.Do(func() { _ = tx.Rollback() }) }
	m.t.Cleanup(release)
	return func(n int) {
		m.t.Helper()
		for late := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) { // a server tells nobody of locks
			var got int
			err := m.db.SQL().QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&got)
			m.ok(err)
			if got >= n {
				return
			}
			if time.Now().After(late) {
				m.t.Fatalf("%d of %d wait", got, n)
			}
		}
	}, release
}

// atOnce starts first, and second when first has come to the end of its transaction.
func (m *matrix) atOnce(first, second func() reply) (reply, reply) {
	m.t.Helper()
	waiting, release := m.holding()
	var a, b reply
	var wg sync.WaitGroup
	wg.Go(func() { a = first() })
	waiting(1)
	wg.Go(func() { b = second() })
	waiting(2)
	release()
	wg.Wait()
	return a, b
}

// passwordBesideSignIn: of a sign-in with the old password and a change of it, neither
// of which sees the other yet, no session is left.
func passwordBesideSignIn(m *matrix) {
	m.secret.Add("the new password", freshPassword)
	for _, c := range []struct {
		who    string
		factor []string
		swap   bool
	}{{"anna", nil, false}, {"bruno", nil, true}, {"carla", []string{"mail"}, false}, {"dora", []string{"mail"}, true}} {
		name := m.person(c.who, c.factor...)
		b := m.browser()
		b.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}})
		link := &testkit.Page{URL: mustURL(m.mailedLink(name))}
		browser := m.browser(1)
		page := browser.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		form := url.Values{"do": {"answer"}, "username": {name}, "password": {password}}
		if c.factor != nil {
			page = page.Forms[0].Set("username", name).Set("password", password).Submit().Follow()
			form = coded(page, "code", m.mailed(name))
		}
		signIn := func() reply { return m.fire(browser, page, form) }
		reset := func() reply { return m.fire(m.browser(), link, url.Values{"password": {freshPassword}}) }
		var in, done reply
		if c.swap {
			done, in = m.atOnce(reset, signIn)
		} else {
			in, done = m.atOnce(signIn, reset)
		}
		if done.status != http.StatusOK || in.status >= 500 {
			m.t.Errorf("%s: reset %d, sign-in %d", c.who, done.status, in.status)
		}
		if n := m.live(name); n != 0 {
			m.t.Errorf("%s: %d sessions of the old password are left", c.who, n)
		}
		if n := m.count("grants", "revoked_at IS NULL AND user_id = '"+m.userID(name)+"'"); n != 0 {
			m.t.Errorf("%s: %d grants of the old password stand", c.who, n)
		}
	}
}

// passwordWhileHashing: a password that is changed while the old one waits to be hashed
// lets nobody in.
func passwordWhileHashing(m *matrix) {
	name := m.person("anna")
	m.secret.Add("the new password", freshPassword)
	u, err := m.tenants.User(m.in("acme"), m.userID(name))
	m.ok(err)
	set, err := m.tenants.NewPassword(m.in("acme"), u, freshPassword, true)
	m.ok(err)
	c := m.browser()
	page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	// The gate is full, so that the sign-in waits with the hash that it has read.
	hold, full := make(chan struct{}), make(chan struct{}, 64)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() { _ = m.house.tenants.Gate.Do(context.Background(), func() { full <- struct{}{}; <-hold }) })
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		<-full
	}
	before := m.count("rate_counters", "1=1")
	var got reply
	wg.Go(func() {
		got = m.fire(c, page, url.Values{"do": {"answer"}, "username": {name}, "password": {password}})
	})
	for m.count("rate_counters", "1=1") < before+2 {
		time.Sleep(time.Millisecond) // the budgets of the name are taken just before
	}
	time.Sleep(50 * time.Millisecond) // one query later it waits at the gate
	m.ok(set(m.in("acme")))
	close(hold)
	wg.Wait()
	if got.toApp() || m.live(name) != 0 {
		m.t.Errorf("the old password let in: %d, %d sessions", got.status, m.live(name))
	}
}

// codeBesideSignOut: single sign-on that is about to answer an app while the session is
// signed out leaves no code that works.
func codeBesideSignOut(m *matrix) {
	for _, swap := range []bool{false, true} {
		name := m.person(map[bool]string{false: "anna", true: "bruno"}[swap])
		c := m.browser()
		p := m.world.rp("acme", "expenses")
		p.callback(p.signIn(c, name))
		m.clock.Advance(time.Second)
		session := m.sessionCookie(c, "acme")
		sso := func() reply {
			got := m.asked(1, session)
			return reply{status: got.Status, location: got.Header.Get("Location")}
		}
		out := func() reply {
			return m.fire(c, &testkit.Page{URL: mustURL(m.url + "/t/acme/end_session")}, url.Values{"do": {"signout"}})
		}
		var in, done reply
		if swap {
			done, in = m.atOnce(out, sso)
		} else {
			in, done = m.atOnce(sso, out)
		}
		if done.status != http.StatusOK || in.status >= 500 {
			m.t.Errorf("sign-out %d, single sign-on %d", done.status, in.status)
		}
		if m.live(name) != 0 {
			m.t.Error("the session lives on")
		}
		if in.toApp() {
			u := mustURL(in.location)
			if tok := p.exchange(u.Query().Get("code")); tok.AccessToken != "" {
				m.t.Error("a code of a session that has ended gave tokens")
			}
		}
	}
}

// passkeyOwner: who claims somebody's passkey moves his counter, so he is named in the
// trail and told.
func passkeyOwner(m *matrix) {
	name := m.person("anna", "passkey")
	keys := m.ownApp("keys", "")
	m.assign("passkey", "client_app "+keys, false)
	m.passkeySignIn(true)
	defer m.passkeySignIn(false)
	d := m.withPasskey(m.browser(), name)
	d.auth.Options.UserNotVerified = true
	c := m.browser()
	page := do(c, c.Get(m.world.rp("acme", keys).authorizeURL()).Follow(), "passkey").Follow()
	for range 5 {
		m.expect(refused, name, func() *testkit.Page { return give(page, "credential", d.use(page)) })
	}
	m.waitMail(name, "wrong code")
}

// linkOfAnother: a link that sets an app up belongs to the sign-in that it was mailed
// in: in another of the same user it sets nothing up.
func linkOfAnother(m *matrix) {
	m.factorWith("linked", "totp", true, map[string]any{"EnrollBy": "email-link"})
	name := m.person("anna", "linked")
	first, second := m.browser(), m.browser()
	page := m.enter(first, "expenses", name)
	other := m.enter(second, "expenses", name)
	pick := func(c *testkit.Client, page *testkit.Page) *testkit.Page {
		return do(c, page, "enroll", "method", m.world.ids["two_factor linked"])
	}
	pick(first, page)
	link := m.mailedLink(name)
	token := mustURL(link).Query().Get("link")
	if strings.Contains(other.Body, `id="keep"`) || strings.Contains(page.Body, `id="keep"`) {
		m.t.Fatal("the key is shown without the link")
	}
	m.expect(nothing, name, func() *testkit.Page { return do(second, other, "link", "link", token) })
	m.expect(nothing, name, func() *testkit.Page { return second.Get(link) })
	if got := second.Get(other.URL.String()); strings.Contains(got.Body, `id="keep"`) {
		m.t.Error("the link of another sign-in shows the key")
	}
}

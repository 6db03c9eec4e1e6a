package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"twofold/internal/testkit"
)

func raceRows() []row {
	return []row{
		{"M23", "E", "The right code 64 times at once, over two replicas.", sameCodeAtOnce},
		{"M24", "E or none", "The right code beside sending again, cancelling and a new password, at once. Beside removing a factor: M27.", codeBesideOthers},
		{"M25", "A", "100 wrong codes at once, over two replicas: at most 5 are judged, and the right one is worth nothing after.", guessesAtOnce},
		{"M26", "E each", "Two sign-ins of one user, both codes right at once: each gets its session.", bothRight},
		{"M27", "E, and one refused", "Two apps set up at once are both kept. Of two last factors removed at once one stays, also beside a sign-in.", factorsAtOnce},
		{"M28", "E", "One recovery code in eight browsers at once, over two replicas.", spareAtOnce},
		{"M29", "D after", "A refresh token used 16 times at once while its session is ended and its user switched off: nothing works once that is acknowledged.", refreshBesideRevoke},
		{"M30", "at most one judged", "The fifth try of a code, right and wrong at once.", lastTry},
	}
}

// coded is the form of a code page, filled in.
func coded(page *testkit.Page, name, value string) url.Values {
	v := page.Forms[0].Values()
	v.Set(name, value)
	v.Set("do", "answer")
	return v
}

// live counts somebody's sessions.
func (m *matrix) live(name string) int {
	m.t.Helper()
	return m.count("sessions", "ended_at IS NULL AND user_id = '"+m.userID(name)+"'")
}

func sameCodeAtOnce(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser(0, 1)
	page, code := m.half(c, name)
	form := coded(page, "code", code)
	all := m.many(64, func(int) reply { return m.fire(c, page, form) })
	if won(all) != 1 || m.live(name) != 1 || m.heard(name, "sign_in.done") != 1 {
		m.t.Errorf("%d got in, %d sessions, %d in the trail", won(all), m.live(name), m.heard(name, "sign_in.done"))
	}
}

func codeBesideOthers(m *matrix) {
	m.secret.Add("the new password", freshPassword)
	for what, other := range map[string]func(name string, c *testkit.Client, page *testkit.Page) func() reply{
		"resend": func(_ string, c *testkit.Client, page *testkit.Page) func() reply {
			return func() reply {
				return m.fire(c, page, url.Values{"do": {"resend"}, "challenge": {page.Forms[0].Value("challenge")}})
			}
		},
		"cancel": func(_ string, c *testkit.Client, page *testkit.Page) func() reply {
			return func() reply { return m.fire(c, page, url.Values{"do": {"cancel"}}) }
		},
		"password": func(name string, c *testkit.Client, _ *testkit.Page) func() reply {
			c.PostForm(m.url+"/t/acme/reset", url.Values{"username": {name}})
			link := m.mailedLink(name)
			b := m.browser(1)
			return func() reply {
				return m.fire(b, &testkit.Page{URL: mustURL(link)}, url.Values{"password": {freshPassword}})
			}
		},
	} {
		name := m.person(what, "mail")
		c := m.browser(0, 1)
		page, code := m.half(c, name)
		beside := other(name, c, page)
		m.clock.Advance(31 * time.Second)
		form := coded(page, "code", code)
		all := m.many(8, func(i int) reply {
			if i == 4 {
				return beside()
			}
			return m.fire(c, page, form)
		})
		in := won(all)
		sessions, done := m.live(name), m.heard(name, "sign_in.done")
		refusedToApp := m.heard(name, "sign_in.refused")
		switch {
		case in > 1, done != in, in+refusedToApp > 1:
			m.t.Errorf("%s: %d got in, %d done and %d refused in the trail", what, in, done, refusedToApp)
		case what == "password" && sessions != 0:
			m.t.Errorf("%d sessions outlive a change of the password that was acknowledged", sessions)
		case what != "password" && sessions != in:
			m.t.Errorf("%s: %d got in, %d sessions", what, in, sessions)
		}
	}
}

func guessesAtOnce(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser(0, 1)
	page, code := m.half(c, name)
	all := m.many(100, func(i int) reply {
		guess := fmt.Sprintf("%06d", 900000+i)
		if guess == code {
			guess = "899999"
		}
		return m.fire(c, page, coded(page, "code", guess))
	})
	if n := m.heard(name, "factor.wrong"); won(all) != 0 || n == 0 || n > 5 {
		m.t.Errorf("%d got in, %d guesses were judged", won(all), n)
	}
	m.expect(anything, name, func() *testkit.Page { return give(page, "code", code) })
	m.clock.Advance(time.Minute)
	m.expect(again, name, func() *testkit.Page { return give(page, "code", code) })
}

func bothRight(m *matrix) {
	name := m.person("anna", "mail")
	var browsers []*testkit.Client
	var pages []*testkit.Page
	var forms []url.Values
	for i := range 2 {
		c := m.browser(i)
		page, code := m.half(c, name)
		browsers, pages, forms = append(browsers, c), append(pages, page), append(forms, coded(page, "code", code))
	}
	all := m.many(2, func(i int) reply { return m.fire(browsers[i], pages[i], forms[i]) })
	if won(all) != 2 || m.live(name) != 2 || m.failures(name) != 0 {
		m.t.Errorf("%d got in, %d sessions, %d failures", won(all), m.live(name), m.failures(name))
	}
}

// enrolled lists the ids of what somebody has set up.
func (m *matrix) enrolled(name string) (ids []string) {
	m.t.Helper()
	list, err := m.ceremony.Held(m.in("acme"), m.userID(name))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

func factorsAtOnce(m *matrix) {
	name := m.person("anna", "app")
	c := m.browser()
	first := m.withApp(c, name)
	// Two pages, two keys, one moment.
	var pages []*testkit.Page
	var forms []url.Values
	for range 2 {
		page := m.addAtAccount(c, "enroll "+m.world.ids["two_factor app"])
		key := strings.ReplaceAll(m.kept(page)[0], " ", "")
		pages, forms = append(pages, page), append(forms, coded(page, "code", appOf(m, key).at(0)))
	}
	m.book.clear() // both pages show their keys
	m.many(2, func(i int) reply { return m.fire(c, pages[i], forms[i]) })
	ids := m.enrolled(name)
	if len(ids) < 2 {
		m.t.Fatalf("%d apps are set up", len(ids))
	}
	// All of them at once, beside a sign-in with one of them.
	m.clock.Advance(90 * time.Second)
	c = m.browser(0, 1)
	m.expect(success, name, func() *testkit.Page { return give(m.enter(c, "expenses", name), "code", first.at(0)) })
	m.clock.Advance(90 * time.Second)
	other := m.browser(1)
	page := m.enter(other, "expenses", name)
	signIn := coded(page, "code", first.at(0))
	account := &testkit.Page{URL: mustURL(m.url + "/t/acme/account")}
	ids = m.enrolled(name)
	all := m.many(len(ids)+1, func(i int) reply {
		if i == len(ids) {
			return m.fire(other, page, signIn)
		}
		return m.fire(c, account, url.Values{"do": {"remove"}, "id": {ids[i]}, "confirmed": {"true"}})
	})
	if left := m.enrolled(name); len(left) != 1 {
		m.t.Errorf("%d of %d factors are left", len(left), len(ids))
	}
	id := page.URL.Path[strings.LastIndex(page.URL.Path, "/")+1:]
	if done := m.count("audit_events", "kind = 'sign_in.done' AND detail LIKE '%"+id+"%'"); won(all) != done {
		m.t.Errorf("%d got in, %d in the trail", won(all), done)
	}
}

func spareAtOnce(m *matrix) {
	name := m.person("anna", "app", "spare?")
	_, codes := m.withSpares(m.browser(), name)
	const n = 8
	var browsers []*testkit.Client
	var pages []*testkit.Page
	var forms []url.Values
	for i := range n {
		c := m.browser(i % 2)
		page := do(c, m.enter(c, "expenses", name), "pick", "method", m.world.ids["two_factor spare"]).Follow()
		browsers, pages, forms = append(browsers, c), append(pages, page), append(forms, coded(page, "code", codes[0]))
	}
	before := m.live(name)
	all := m.many(n, func(i int) reply { return m.fire(browsers[i], pages[i], forms[i]) })
	if won(all) != 1 || m.live(name) != before+1 || m.heard(name, "factor.spent") != 1 {
		m.t.Errorf("%d got in, %d sessions more, %d spent", won(all), m.live(name)-before, m.heard(name, "factor.spent"))
	}
}

func refreshBesideRevoke(m *matrix) {
	for _, what := range []string{"ended", "switched off"} {
		name := m.person(strings.ReplaceAll(what, " ", "-"))
		c := m.browser(0, 1)
		p := m.world.rp("acme", "expenses")
		tok := p.exchange(p.callback(p.signIn(c, name)).Get("code"))
		var mu sync.Mutex
		newest := []string{tok.Refresh}
		revoke := func() {
			if what == "ended" {
				m.fire(c, &testkit.Page{URL: mustURL(m.url + "/t/acme/account")}, url.Values{"do": {"end"}, "id": {m.sessionOf(name)}})
				return
			}
			u, err := m.tenants.User(m.in("acme"), m.userID(name))
			if err == nil {
				u.Active = false
				_, err = m.tenants.PutUser(m.ctx(), &u)
			}
			if err != nil {
				m.t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if i == 8 {
					revoke()
					return
				}
				got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}})
				if got.Refresh != "" {
					mu.Lock()
					newest = append(newest, got.Refresh)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(newest) > 2 {
			m.t.Errorf("%s: %d successors of one token", what, len(newest)-1)
		}
		for _, refresh := range newest {
			if got := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); got.Error != "invalid_grant" {
				m.t.Errorf("%s, and the refresh token works: %+v", what, got)
			}
		}
		m.expect(nothing, name, func() *testkit.Page { return c.Get(p.authorizeURL()) })
	}
}

// sessionOf is the id of somebody's one session.
func (m *matrix) sessionOf(name string) (id string) {
	m.t.Helper()
	if err := m.db.SQL().QueryRow("SELECT id FROM sessions WHERE ended_at IS NULL AND user_id = '" + m.userID(name) + "'").Scan(&id); err != nil {
		m.t.Fatal(err)
	}
	return id
}

func lastTry(m *matrix) {
	name := m.person("anna", "mail")
	c := m.browser(0, 1)
	page, code := m.half(c, name)
	for i := range 4 {
		m.expect(refused, name, func() *testkit.Page { return give(page, "code", wrong(code, i)) })
	}
	all := m.many(10, func(i int) reply {
		guess := code
		if i%2 == 0 {
			guess = wrong(code, i)
		}
		return m.fire(c, page, coded(page, "code", guess))
	})
	if judged := won(all) + m.heard(name, "factor.wrong") - 4; judged != 1 || m.live(name) != won(all) {
		m.t.Errorf("%d judged, %d got in, %d sessions", judged, won(all), m.live(name))
	}
	if err := m.audit.Verify(context.Background(), m.sub.ID); err != nil {
		m.t.Error(err)
	}
}

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

func leakRows() []row {
	return []row{
		{"M61", "same", "Wrong password for a known, unknown, switched-off, locked, machine and factorless user, and the password reset for each: status, headers, length and round trips to the database are the same. Time itself is not measured: under load it would say nothing; the work is counted, one hash each.", sameForAll},
		{"M62", "no difference", "The answer to password and resend does not wait for a mail server that hangs, and costs the same round trips.", sendsLater},
		{"M63", "same mask", "Where a code went: nothing before the right password, and the same mask however often it is asked for.", maskedDestination},
		{"M64", "same text", "Wrong, used, foreign and expired codes: the same words for wrong ones, and for those that are over. That one is locked is told after the right password only.", sameWords},
		{"M65", "never", "Codes by mail, SMS and webhook in no answer, log, title, address, subject or trail; asked after every row too.", nowhereElse},
		{"M66", "same work", "Wrong codes that share none to five digits with the right one: the same status, length and round trips. The comparison itself is in constant time; its time is not measured.", samePrefix},
	}
}

// measured is an answer with what it cost.
type measured struct {
	*httptest.ResponseRecorder
	trips int64
}

// counted serves a request in process, and counts the round trips to the database.
func (m *matrix) counted(req *http.Request) measured {
	ctx, n := db.WithCounter(req.Context())
	w := httptest.NewRecorder()
	req.RemoteAddr = "127.0.0.1:1"
	m.house.handler(false, nil).ServeHTTP(w, req.WithContext(ctx))
	m.book.add(req.Method + " " + req.URL.Path + "\n" + w.Body.String())
	return measured{w, n.Count()}
}

// posted is a form posted with a client's cookies, counted.
func (m *matrix) posted(c *testkit.Client, address string, form url.Values) measured {
	req := httptest.NewRequestWithContext(m.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, k := range c.Cookies(address) {
		req.AddCookie(k)
	}
	return m.counted(req)
}

// plain is all of an answer but what names the request itself.
func (r measured) plain(replace ...string) string {
	h := r.Header().Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	var b strings.Builder
	_ = h.Write(&b)
	text := fmt.Sprintf("%d\n%s\n%s", r.Code, b.String(), r.Body.String())
	return strings.NewReplacer(replace...).Replace(regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(text, "ID"))
}

func sameForAll(m *matrix) {
	known, off, locked, bare := m.person("aaaa", "mail"), m.person("bbbb", "mail"), m.person("cccc", "mail"), m.person("dddd")
	u, err := m.tenants.User(m.in("acme"), m.userID(off))
	m.ok(err)
	u.Active = false
	m.must(m.tenants.PutUser(m.ctx(), &u))
	now := m.clock.Now().UnixMicro()
	_, err = m.db.SQL().Exec(fmt.Sprintf("INSERT INTO user_failures (subscription_id, user_id, failures, last_us, blocked_until_us) VALUES ('%s', '%s', 50, %d, %d)", m.sub.ID, m.userID(locked), now, now+3600e6))
	m.ok(err)
	robot := tenants.User{Name: "m61-eeee", Kind: tenants.Machine, Active: true, DisplayName: "Robot"}
	m.must(m.tenants.PutUser(m.ctx(), &robot))
	nobody := "m61-ffff"
	names := []string{known, nobody, off, locked, robot.Name, bare}

	var want string
	var trips int64
	for i, name := range names {
		c := m.browser()
		page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		got := m.posted(c, page.URL.String(), url.Values{"do": {"answer"}, "username": {name}, "password": {"not the password"}})
		text := got.plain(name, "NAME")
		if i == 0 {
			want, trips = text, got.trips
		}
		if text != want || got.trips != trips {
			m.t.Errorf("%s: %d round trips, not %d, or another text:\n%s", name, got.trips, trips, text)
		}
	}
	for i, name := range names {
		got := m.posted(m.browser(), m.url+"/t/acme/reset", url.Values{"do": {"answer"}, "username": {name}})
		m.house.idp.Wait() // what goes on after the answer must not be counted with the next
		text := got.plain(name, "NAME")
		if i == 0 {
			want = text
		}
		if text != want || got.Code != http.StatusSeeOther {
			m.t.Errorf("reset of %s:\n%s", name, text)
		}
	}
}

func sendsLater(m *matrix) {
	with, without := m.person("anna", "mail"), m.person("bruno", "decide")
	m.smtp.Script(fakes.SMTPFault{Stage: fakes.SMTPConnect, Hang: true})
	open := func(name string) (*testkit.Client, *testkit.Page, measured) {
		c := m.browser()
		page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		got := m.posted(c, page.URL.String(), url.Values{"do": {"answer"}, "username": {name}, "password": {password}})
		return c, page, got
	}
	_, _, got := open(with)
	if got.Code != http.StatusSeeOther {
		m.t.Errorf("with a mail server that hangs: %d", got.Code)
	}
	if _, _, other := open(without); other.Code != got.Code || other.Header().Get("Location") == "" {
		m.t.Errorf("without a message: %d", other.Code)
	}
	// The same work whether the server hangs or not.
	m.smtp.Heal()
	m.clock.Advance(10 * time.Minute)
	_, _, healthy := open(with)
	if healthy.trips != got.trips || healthy.Code != got.Code {
		m.t.Errorf("%d round trips with a server that hangs, %d with one that does not", got.trips, healthy.trips)
	}
	m.mailed(with)
}

func maskedDestination(m *matrix) {
	name := m.person("anna", "sms")
	phone, mail := number(name), name+"@example.test"
	c := m.browser()
	page := c.Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
	bad := page.Forms[0].Set("username", name).Set("password", "not the password").Submit()
	for _, p := range []*testkit.Page{page, bad, c.Get(m.url + "/t/acme/reset/sent")} {
		if strings.Contains(p.Text, "•") || strings.Contains(p.Body, phone[len(phone)-2:]+"<") {
			m.t.Errorf("before the password: %s", p.Text)
		}
	}
	page = m.enter(m.browser(), "expenses", name)
	mask := regexp.MustCompile(`\+41[ •\d]+`)
	want := mask.FindString(page.Text)
	if want == "" {
		m.t.Fatalf("no mask: %s", page.Text)
	}
	for i := range 3 {
		m.clock.Advance(5 * time.Minute)
		b := m.browser(i % 2)
		page := m.enter(b, "expenses", name)
		m.texted(name)
		for _, p := range []*testkit.Page{page, b.Get(page.URL.String()), b.Get(page.URL.String() + "?lang=de").Follow(), give(page, "code", "000000")} {
			if got := mask.FindString(p.Text); got != want {
				m.t.Errorf("mask %q, before %q", got, want)
			}
		}
	}
	longer := "m63-somebody-with-a-long-name"
	m.member(m.world, "acme", longer, "mail")
	m.member(m.world, "acme", "m63-b", "mail")
	masks := map[string]bool{}
	for _, n := range []string{longer, "m63-b"} {
		page, _ := m.half(m.browser(), n)
		masks[regexp.MustCompile(`\S*•\S*`).FindString(page.Text)] = true
	}
	if len(masks) != 1 {
		m.t.Errorf("the mask tells the length: %v", masks)
	}
	for _, e := range m.book.all() {
		if strings.Contains(e, phone) || strings.Contains(e, mail) {
			m.t.Errorf("in full in %s", strings.SplitN(e, "\n", 2)[0])
		}
	}
}

func sameWords(m *matrix) {
	name, other := m.person("anna", "mail"), m.person("bruno", "mail")
	used, usedCode := m.half(m.browser(), name)
	m.expect(success, name, func() *testkit.Page { return give(used, "code", usedCode) })
	_, foreign := m.half(m.browser(), other)
	page, code := m.half(m.browser(), name)
	texts := map[string]bool{}
	for i, bad := range []string{wrong(code, 0), usedCode, foreign} {
		got := m.expect(refused, name, func() *testkit.Page { return give(page, "code", bad) })
		if i >= 0 {
			// How the message fares has nothing to do with the answer.
			texts[strings.NewReplacer("Sending the code.", "", "The code is on its way.", "").Replace(got.Text)] = true
		}
	}
	if len(texts) != 1 {
		m.t.Errorf("%d texts for wrong codes: %v", len(texts), texts)
	}
	m.clock.Advance(5*time.Minute + time.Second)
	over := map[string]bool{}
	for _, c := range []string{code, wrong(code, 1)} {
		over[m.expect(again, name, func() *testkit.Page { return give(page, "code", c) }).Follow().Text] = true
	}
	if len(over) != 1 {
		m.t.Errorf("an expired code says whether it was right: %v", over)
	}
	// Locked: told with the right password only.
	_, err := m.db.SQL().Exec("UPDATE user_failures SET failures = 50 WHERE user_id = '" + m.userID(name) + "'")
	m.ok(err)
	ask := func(who, pw string) *testkit.Page {
		p := m.browser().Get(m.world.rp("acme", "expenses").authorizeURL()).Follow()
		return p.Forms[0].Set("username", who).Set("password", pw).Submit().Follow()
	}
	if a, b := ask(name, "not the password"), ask(other, "not the password"); a.Text != b.Text || a.Status != b.Status {
		m.t.Errorf("locked is told to strangers: %s", a.Text)
	}
	if got := ask(name, password); got.Status != http.StatusTooManyRequests {
		m.t.Errorf("locked: %d %s", got.Status, got.Text)
	}
}

func nowhereElse(m *matrix) {
	name := m.person("anna", "mail", "sms", "sms2", "hook")
	c := m.browser()
	page := m.enter(c, "expenses", name) // SMS by one or the other
	m.texted(name)
	for _, f := range []string{"mail", "sms2", "sms", "hook"} {
		page = do(c, page, "pick", "method", m.world.ids["two_factor "+f]).Follow()
		switch f {
		case "mail":
			m.mailed(name)
		case "hook":
			m.secret.Add("a code by the hook", m.hooked(name))
		}
		for _, path := range []string{"", "?choose", "/status"} {
			c.Get(page.URL.String() + path)
		}
		give(page, "code", "12345")
	}
	for _, msg := range m.inbox.Messages() {
		if strings.HasPrefix(msg.To, number(name)) {
			m.secret.Add("a code by SMS", digits.FindString(msg.Text))
		}
		if digits.MatchString(msg.Subject) {
			m.t.Errorf("digits in the subject %q", msg.Subject)
		}
	}
	for _, e := range m.book.all() {
		if strings.Contains(e, "text/html") && !strings.Contains(e, "Referrer-Policy: no-referrer") || strings.Contains(e, "name=\"code\"") && !strings.Contains(e, "Cache-Control: no-store") {
			m.t.Errorf("headers of %s", strings.SplitN(e, "\n", 2)[0])
		}
	}
}

// hooked waits for the next code by the webhook to somebody.
func (m *matrix) hooked(name string) string {
	m.t.Helper()
	for late := time.Now().Add(10 * time.Second); ; {
		calls := m.hook.Calls()
		for i := len(calls) - 1; i >= 0; i-- {
			if c := calls[i]; c.To != nil && c.To.ID == m.userID(name) {
				return digits.FindString(c.Text)
			}
		}
		if time.Now().After(late) {
			m.t.Fatal("the hook is not called")
		}
		time.Sleep(time.Millisecond) // the fake has no event to wait for
	}
}

func samePrefix(m *matrix) {
	name := m.person("anna", "mail")
	var want string
	var trips int64
	for shared := range 6 {
		c := m.browser()
		page, code := m.half(c, name)
		m.untilDelivery(c, page, "sent")
		bad := []byte(code)
		for i := shared; i < len(bad); i++ {
			bad[i] = '0' + (bad[i]-'0'+5)%10
		}
		got := m.posted(c, page.URL.String(), coded(page, "code", string(bad)))
		if text := got.plain(); shared == 0 {
			want, trips = text, got.trips
		} else if text != want || got.trips != trips {
			m.t.Errorf("%d digits shared: %d round trips, not %d, or another text:\n%s", shared, got.trips, trips, text)
		}
		if _, err := m.db.SQL().Exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0 WHERE user_id = '" + m.userID(name) + "'"); err != nil {
			m.t.Fatal(err)
		}
		m.clock.Advance(10 * time.Minute)
	}
}

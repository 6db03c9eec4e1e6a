package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// texted is a tenant whose users are asked for a code by text message.
func (w *chainWorld) texted(tenant string, perDay int64, users ...tenants.User) {
	w.t.Helper()
	w.tenant(tenant)
	var members []string
	for _, u := range users {
		u.PhoneVerified = u.Phone != ""
		members = append(members, w.user(u))
	}
	w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant "+tenant], members))
	w.assign("SMS", "tenant "+tenant, true)
	list, err := w.tenants.ListTenants(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(v tenants.Tenant) bool { return v.Name == tenant })
	list[i].SMSPerDay = perDay
	w.must(w.tenants.PutTenant(w.ctx(), &list[i]))
}

// numbers makes users with numbers of one block, or of a block each.
func numbers(prefix string, n int, phone string) (out []tenants.User) {
	for i := range n {
		out = append(out, tenants.User{Name: fmt.Sprintf("%s%d", prefix, i), Phone: fmt.Sprintf(phone, i)})
	}
	return out
}

// again presses Resend.
func resent(page *testkit.Page) *testkit.Page { return page.Press("resend").Follow() }

// TestLimitsSeen: N8 to N14 as people and administrators see them. Both databases are
// asked in package ceremony.
func TestLimitsSeen(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	w.factor("SMS", "twilio")
	w.texted("acme", 0, append(
		numbers("block", 11, "+4179555%04d"),
		append(numbers("far", 7, "+4178%d112233"), tenants.User{Name: "anna"}, tenants.User{Name: "fritz", Phone: "+4915112345678"})...)...)
	w.texted("globex", 5, numbers("glob", 2, "+4176%d112233")...)
	from := func(address string) *testkit.Client {
		c := testkit.NewClient(t)
		c.Header.Set("X-Forwarded-For", address)
		return c
	}
	t.Run("N8, N9: resending", func(t *testing.T) { w.limitResend(from("192.0.2.1")) })
	t.Run("N10: one destination", func(t *testing.T) { w.limitDestination(t, from) })
	t.Run("N11: one network", func(t *testing.T) { w.limitSource(t, from) })
	t.Run("N12: countries", func(t *testing.T) { w.limitCountry(t, from("192.0.2.2")) })
	t.Run("N13: a block of numbers", func(t *testing.T) { w.limitPrefix(t, from) })
	t.Run("N14: a tenant's day", func(t *testing.T) { w.limitDay(t, from) })
	for _, to := range []string{w.phone("anna"), "+4179555", "112233"} {
		for _, kind := range []string{"factor.not_sent", "sms.prefix_blocked", "sms.budget_half"} {
			if strings.Contains(strings.Join(w.trail(kind), ""), to) {
				t.Errorf("%s tells a number", kind)
			}
		}
	}
}

func (w *chainWorld) limitResend(c *testkit.Client) {
	p := w.rp("acme", "expenses")
	page := p.signIn(c, "anna").Follow()
	code := w.code(w.phone("anna"))
	resent(page).Require(http.StatusTooManyRequests).RequireText("Please wait a moment before you ask again.")
	c.Header.Set("Accept-Language", "de")
	resent(page).Require(http.StatusTooManyRequests).RequireText("Warten Sie einen Moment, bevor Sie erneut fragen.")
	c.Header.Del("Accept-Language")
	w.clock.Advance(30 * time.Second)
	page = resent(page).Require(http.StatusOK)
	w.clock.Advance(30 * time.Second)
	resent(page).Require(http.StatusTooManyRequests)
	w.clock.Advance(30 * time.Second)
	last := resent(page).Require(http.StatusOK)
	w.clock.Advance(2 * time.Minute)
	if strings.Contains(last.Body, `value="resend"`) {
		w.t.Error("a third time is offered")
	}
	resent(page).Require(http.StatusTooManyRequests).RequireText("We have sent this code as often as we may.")
	w.ended("anna")
	for _, m := range w.inbox.Messages() {
		if digits.FindString(m.Text) != code {
			w.t.Errorf("another code: %s", m.Text)
		}
	}
	if n := len(w.log()); n != 3 {
		w.t.Errorf("%d messages", n)
	}
	p.letIn(page, code)
}

func (w *chainWorld) limitDestination(t *testing.T, from func(string) *testkit.Client) {
	w.clock.Advance(20 * time.Minute)
	p := w.rp("acme", "expenses")
	for n := range 3 {
		p.signIn(from(fmt.Sprintf("192.0.%d.1", n+3)), "anna").Follow().Require(http.StatusOK)
	}
	page := p.signIn(from("192.0.9.1"), "anna").Follow().Require(http.StatusTooManyRequests)
	page.RequireText("We have sent several codes there already.")
	if page.Header.Get("Retry-After") == "" && !strings.Contains(page.Text, "minute") {
		t.Errorf("no word of how long: %s", page.Text)
	}
	w.told("factor.not_sent", `"why":"too_many_sends"`, `"to":"+41 •• •••`)
	w.clock.Advance(10 * time.Minute)
	p.signIn(from("192.0.9.1"), "anna").Follow().Require(http.StatusOK)
}

func (w *chainWorld) limitSource(t *testing.T, from func(string) *testkit.Client) {
	p := w.rp("acme", "expenses")
	var pages []*testkit.Page
	for n := range 7 {
		pages = append(pages, p.signIn(from(fmt.Sprintf("198.51.100.%d", n+1)), fmt.Sprintf("far%d", n)).Follow().Require(http.StatusOK))
	}
	for round, pause := range []time.Duration{30 * time.Second, 60 * time.Second} {
		w.clock.Advance(pause)
		for n, page := range pages {
			if got := resent(page); round == 0 || n < 6 {
				pages[n] = got.Require(http.StatusOK)
			} else {
				got.Require(http.StatusTooManyRequests).RequireText("Many codes were asked for from your network.")
			}
		}
	}
	w.told("factor.not_sent", `"why":"too_many_sends_here"`)
	p.signIn(from("198.51.101.1"), "anna").Follow().Require(http.StatusOK) // the next network
	if n := len(w.trail("factor.not_sent")); n != 2 {
		t.Errorf("%q", w.trail("factor.not_sent"))
	}
}

func (w *chainWorld) limitCountry(t *testing.T, c *testkit.Client) {
	page := w.rp("acme", "expenses").signIn(c, "fritz").Follow()
	before := len(w.twilio.Sent())
	for number, says := range map[string]string{
		"+33612345678":  "We cannot send codes to this country.",
		"0900 123 456":  "Codes can only go to a mobile phone.",
		"044 668 18 00": "Codes can only go to a mobile phone.",
		"12":            "number",
	} {
		got := page.FormWith("address").Set("address", number).Submit()
		if got.Status < 400 || got.Status >= 500 || !strings.Contains(got.Text, says) {
			t.Errorf("%s: %d %s", number, got.Status, got.Text)
		}
	}
	if len(w.twilio.Sent()) != before {
		t.Error("something was sent")
	}
}

func (w *chainWorld) limitPrefix(t *testing.T, from func(string) *testkit.Client) {
	p := w.rp("acme", "expenses")
	for n := range 11 {
		page := p.signIn(from(fmt.Sprintf("203.0.%d.1", n)), fmt.Sprintf("block%d", n)).Follow()
		if n < 10 {
			page.Require(http.StatusOK)
			continue
		}
		page.Require(http.StatusTooManyRequests).RequireText("We send no text messages to numbers like this one for a while.")
	}
	w.told("sms.prefix_blocked", `"hours":24`, `"country":"CH"`)
	w.told("factor.not_sent", `"why":"sms_blocked"`)
	if len(w.trail("sms.prefix_blocked")) != 1 {
		t.Errorf("%q", w.trail("sms.prefix_blocked"))
	}
	w.clock.Advance(24 * time.Hour)
	p.signIn(from("203.0.10.1"), "block10").Follow().Require(http.StatusOK)
}

func (w *chainWorld) limitDay(t *testing.T, from func(string) *testkit.Client) {
	p := w.rp("globex", "expenses")
	var pages []*testkit.Page
	for n := range 2 {
		pages = append(pages, p.signIn(from(fmt.Sprintf("192.0.%d.1", n+20)), fmt.Sprintf("glob%d", n)).Follow().Require(http.StatusOK))
	}
	for round, pause := range []time.Duration{30 * time.Second, 60 * time.Second} {
		w.clock.Advance(pause)
		for n, page := range pages {
			if got := resent(page); round == 0 || n == 0 {
				pages[n] = got.Require(http.StatusOK)
			} else {
				got.Require(http.StatusTooManyRequests).RequireText("No more text messages can be sent today.")
			}
		}
	}
	trail := w.events("globex")
	for _, alarm := range []string{`sms.budget_half {"most":5,"sent":3}`, `sms.budget_80 {"most":5,"sent":4}`, `sms.budget_spent {"most":5,"sent":5}`} {
		if strings.Count(trail, alarm) != 1 {
			t.Errorf("%s is not once in\n%s", alarm, trail)
		}
	}
	w.clock.Advance(24 * time.Hour)
	p.signIn(from("192.0.22.1"), "glob1").Follow().Require(http.StatusOK)
}

package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/twofactor/delivery"
)

// calls are those of a type that the hook took.
func (w *chainWorld) calls(callType string) (out []fakes.WebhookCall) {
	for _, c := range w.hook.Calls() {
		if c.Type == callType {
			out = append(out, c)
		}
	}
	return out
}

// TestHookDelivers: we make and check the code, the customer's service carries it.
func TestHookDelivers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.tenant("acme", "anna")
		w.hooked("Hook", "deliver", "")
		w.assign("Hook", "tenant acme", true)
		p := w.rp("acme", "expenses")
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		w.ended("anna")
		call := w.calls("deliver")[0]
		if call.To.ID != w.ids["user anna"] || call.To.Phone != w.phone("anna") || call.To.Email != "anna@example.test" {
			t.Errorf("to %+v", call.To)
		}
		e := w.log()[0]
		if e.ProviderStatus != "accepted" || !strings.HasPrefix(e.ProviderID, "sent-") || e.Masked != "•••" {
			t.Errorf("%+v", e)
		}
		code := digits.FindString(call.Text)
		if bad := page.FormWith("code").Set("code", wrongOne(code)).Submit(); bad.Status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong code: %d", bad.Status)
		}
		if cl := p.letIn(page, code); cl["acr"] != acr2FA || str(cl["amr"]) != " pwd mca" {
			t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
		}
		w.told("factor.sent", `"two_factor":"`+w.ids["two_factor Hook"]+`"`, `"provider_status":"accepted"`)
		if w.logs.Contains(code) || strings.Contains(strings.Join(w.trail("factor.sent"), ""), "anna@") {
			t.Error("a code or an address is in the log or in the trail")
		}
		w.hookLimits(t, p)
	})
}

// hookLimits: N10 counts the user, whatever the message says about him.
func (w *chainWorld) hookLimits(t *testing.T, p *rp) {
	t.Helper()
	for range 2 {
		p.signIn(testkit.NewClient(t), "anna").Follow().Require(http.StatusOK)
	}
	user, err := w.tenants.User(w.in("acme"), w.ids["user anna"])
	if err != nil {
		t.Fatal(err)
	}
	user.Email = "anna.new@example.test" // another address in the message, the same person
	w.must(w.tenants.PutUser(w.ctx(), &user))
	page := p.signIn(testkit.NewClient(t), "anna").Follow().Require(http.StatusTooManyRequests)
	page.RequireText("We have sent several codes there already.")
	w.told("factor.not_sent", `"why":"too_many_sends"`, `"type":"webhook"`)
	if n := len(w.log()); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// wrongOne is another code.
func wrongOne(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// TestHookCannotDeliver: down, slow or not to be believed, the hook lets nobody in; who
// has a fallback gets the code from there.
func TestHookCannotDeliver(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	// All of them last: a message of another case may be tried again meanwhile.
	ways := map[string]struct {
		prepare func()
		entry   string // of the log, without a fallback
		page    string
	}{
		"down":            {func() { w.hook.Script(fakes.Fault{Status: 503, Forever: true}) }, "queued 2 retry", "We are trying again."},
		"gone":            {func() { w.hook.Script(fakes.Fault{Status: 404, Forever: true}) }, "failed 1 account", "We could not deliver the code."},
		"wrong signature": {func() { w.tampers(func(a *fakes.WebhookAnswer) { a.Secret = "x" }) }, "failed 1 account", "We could not deliver the code."},
		"another's reply": {func() { w.tampers(func(a *fakes.WebhookAnswer) { a.Body = swapID(a.Body) }) }, "failed 1 account", "We could not deliver the code."},
		"stale":           {func() { w.tampers(func(a *fakes.WebhookAnswer) { a.At = a.At.Add(-6 * time.Minute) }) }, "failed 1 account", "We could not deliver the code."},
		"redirect": {func() {
			w.hook.Script(fakes.Fault{Status: 302, Header: http.Header{"Location": {w.hookURL}}, Forever: true})
		}, "failed 1 account", "We could not deliver the code."},
	}
	var users []string
	for way := range ways {
		name := strings.ReplaceAll(strings.ReplaceAll(way, " ", ""), "'", "")
		users = append(users, name, name+"2")
	}
	w.tenant("acme", users...)
	w.factor("Mail", "email")
	p := w.rp("acme", "expenses")
	for way, c := range ways {
		user := strings.ReplaceAll(strings.ReplaceAll(way, " ", ""), "'", "")
		for _, fallback := range []string{"", "Mail"} {
			who, hook := user+map[string]string{"": "", "Mail": "2"}[fallback], "Hook of "+way+" "+fallback
			w.hooked(hook, "deliver", fallback)
			w.assign(hook, "user "+who, true)
			c.prepare()
			browser := testkit.NewClient(t)
			page := p.signIn(browser, who).Follow()
			if fallback == "" {
				w.until(way, func([]delivery.Entry) bool {
					l := w.lines(who)
					return len(l) == 1 && l[0] == hook+"  "+c.entry
				})
				browser.Get(page.URL.String()).RequireText(c.page)
				p.notLetIn(page.FormWith("code").Set("code", "000000").Submit())
			} else {
				w.ended(who)
				if cl := p.letIn(page, w.code(who+"@example.test")); cl["acr"] != acr2FA || str(cl["amr"]) != " pwd email mca" {
					t.Errorf("%s: acr %v, amr %v", way, cl["acr"], cl["amr"])
				}
			}
			w.hook.Heal()
			w.tampers(nil)
		}
	}
	if n := w.count("sessions", "1=1"); n != len(ways) {
		t.Errorf("%d sessions", n)
	}
	if trail := strings.Join(w.trail("factor.failed"), "\n"); !strings.Contains(trail, "code signature") || !strings.Contains(trail, "code replay") || !strings.Contains(trail, "code stale") {
		t.Error(trail)
	}
}

// swapID is a reply to another call.
func swapID(body []byte) []byte {
	var said map[string]any
	if json.Unmarshal(body, &said) != nil {
		return body
	}
	said["id"] = strings.Repeat("X", 26)
	out, _ := json.Marshal(said)
	return out
}

// TestHookDecidesByCode: the hook owns the code; what it says of how is believed as
// far as that goes.
func TestHookDecidesByCode(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.hook.AMR, w.hook.Say = []string{"otp", "hwk", "pwd"}, "Read the code from your token."
		w.tenant("acme", "anna", "bruno")
		w.hooked("Hook", "decide", "")
		w.assign("Hook", "tenant acme", true)
		p := w.rp("acme", "expenses")
		page := p.signIn(testkit.NewClient(t), "anna").Follow().RequireText("Read the code from your token.")
		code := w.hook.Code(w.reference())
		bad := page.FormWith("code").Set("code", wrongOne(code)).Submit()
		bad.Require(http.StatusUnprocessableEntity)
		w.told("factor.wrong", `"type":"webhook"`)
		if cl := p.letIn(page, code); cl["acr"] != acr2FA || str(cl["amr"]) != " pwd otp" {
			t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
		}
		p.notLetIn(page.FormWith("code").Set("code", code).Submit()) // once
		// It demands more than the hook is worth.
		if page := w.rp("acme", "expenses").with("acr_values", acrAAL2).signIn(testkit.NewClient(t), "bruno").Follow(); page.Status != http.StatusForbidden {
			t.Errorf("aal2: %d %s", page.Status, page.Text)
		}
		if strings.HasPrefix(url, "sqlite:") { // the database has no part in it
			w.hookCannotDecide(t, p)
		}
	})
}

// hookCannotDecide: what the hook does not say in due form counts for nothing.
func (w *chainWorld) hookCannotDecide(t *testing.T, p *rp) {
	t.Helper()
	sessions := w.count("sessions", "1=1")
	approve := regexp.MustCompile(`"(denied|pending)"`)
	ways := []struct {
		name   string
		fault  fakes.Fault
		change func(*fakes.WebhookAnswer)
	}{
		{"down", fakes.Fault{Status: 503}, nil},
		{"garbage", fakes.Fault{Status: 200, Body: `{"decision":"approved"}`}, nil},
		{"wrong signature", fakes.Fault{}, func(a *fakes.WebhookAnswer) {
			a.Body, a.Secret = approve.ReplaceAll(a.Body, []byte(`"approved"`)), "x"
		}},
		{"another's reply", fakes.Fault{}, func(a *fakes.WebhookAnswer) {
			a.Body = swapID(approve.ReplaceAll(a.Body, []byte(`"approved"`)))
		}},
		{"not signed", fakes.Fault{}, func(a *fakes.WebhookAnswer) { a.Header["Twofold-Signature"] = nil }},
	}
	for n, way := range ways {
		page := p.signIn(testkit.NewClient(t), "bruno").Follow().Require(http.StatusOK)
		if way.fault.Status != 0 {
			w.hook.Script(way.fault)
		}
		w.tampers(way.change)
		got := page.FormWith("code").Set("code", wrongOne(w.hook.Code(w.reference()))).Submit()
		if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Text, "The second factor does not work at the moment") {
			t.Errorf("%s: %d %s", way.name, got.Status, got.Text)
		}
		if n == 0 {
			w.told("factor.broken", `"type":"webhook"`, "status 503")
		}
		// Nor does a sign-in begin.
		if way.fault.Status != 0 {
			w.hook.Script(way.fault)
		}
		got = p.signIn(testkit.NewClient(t), "bruno").Follow()
		if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Text, "The second factor does not work at the moment") {
			t.Errorf("%s, at the start: %d %s", way.name, got.Status, got.Text)
		}
		w.hook.Heal()
		w.tampers(nil)
		w.clock.Advance(10 * time.Minute) // tries of one name, and of one user
	}
	if n := w.count("sessions", "1=1"); n != sessions {
		t.Errorf("%d sessions more", n-sessions)
	}
	if n := len(w.trail("factor.broken")); n != len(ways) {
		t.Errorf("%d in the trail: %q", n, w.trail("factor.broken"))
	}
}

// TestHookDecidesByNumber: our page shows a number, the user confirms it in the hook's
// app; the page's script hears of it and posts once.
func TestHookDecidesByNumber(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.hook.Ask = "number"
		w.tenant("acme", "anna", "bruno")
		w.hooked("Hook", "decide", "")
		w.assign("Hook", "tenant acme", true)
		p := w.rp("acme", "expenses")
		settled := func(c *testkit.Client, page *testkit.Page) bool {
			t.Helper()
			_, _, is := w.via(c, page)
			return is
		}

		c := testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		number := w.calls("start")[0].Number
		page.RequireText(number)
		if !strings.Contains(page.Body, `data-poll="`+page.URL.Path+`/status"`) || page.Forms[0].Has("code") {
			t.Errorf("the page does not ask by itself: %s", page.Body)
		}
		for range 3 {
			if settled(c, page) {
				t.Error("settled before the user did anything")
			}
		}
		w.hook.Confirm(w.reference(), number)
		if !settled(c, page) || w.count("sessions", "1=1") != 0 {
			t.Error("not settled, or let in by asking")
		}
		done := page.Forms[0].Submit()
		cl := claims(t, p.exchange(p.callback(done).Get("code")).IDToken)
		if cl["acr"] != acr2FA || str(cl["amr"]) != " pwd mca" {
			t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
		}
		p.notLetIn(page.Forms[0].Submit()) // once
		if c.Get(page.URL.String()+"/status").Status == http.StatusOK {
			t.Error("still asked for")
		}

		// Denied: settled too, and nobody is let in.
		c = testkit.NewClient(t)
		page = p.signIn(c, "bruno").Follow()
		w.hook.Confirm(w.reference(), "000")
		if !settled(c, page) {
			t.Error("not settled by a denial")
		}
		denied := page.Forms[0].Submit().Require(http.StatusUnprocessableEntity)
		p.notLetIn(denied)
		w.told("factor.wrong", `"type":"webhook"`)
		if n := w.count("sessions", "1=1"); n != 1 {
			t.Errorf("%d sessions", n)
		}
		// Another sign-in's confirmation counts for it alone.
		denied = denied.Press("Cancel")
		if got := denied.Header.Get("Location"); !strings.Contains(got, "error=access_denied") {
			t.Errorf("%d %s", denied.Status, got)
		}
		var asked []string
		for _, call := range w.calls("start") {
			asked = append(asked, call.User.ID)
		}
		if diff := cmp.Diff([]string{w.ids["user anna"], w.ids["user bruno"]}, asked); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHookIsSlow: who hears nothing for ten seconds is told that it does not work.
func TestHookIsSlow(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	w.tenant("acme", "anna")
	w.hooked("Hook", "decide", "")
	w.assign("Hook", "tenant acme", true)
	w.hook.Script(fakes.Fault{Hang: true})
	begun := time.Now()
	page := w.rp("acme", "expenses").signIn(testkit.NewClient(t), "anna").Follow().Require(http.StatusServiceUnavailable)
	page.RequireText("The second factor does not work at the moment")
	if took := time.Since(begun); took < 9*time.Second {
		t.Errorf("gave up after %v", took)
	}
	w.told("factor.broken", "code timeout")
	if n := w.count("sessions", "1=1"); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor/delivery"
)

const (
	acr2FA  = "urn:twofold:acr:2fa"
	acrAAL2 = "urn:twofold:acr:aal2"
)

// breakSMS makes eCall fail twice, and Twilio ask to slow down and then fail.
func (w *chainWorld) breakSMS() {
	w.ecall.Script(fakes.Fault{Status: 500}, fakes.Fault{Status: 503})
	w.twilio.Script(
		fakes.Fault{Status: 429, Header: http.Header{"Retry-After": {"2"}}, Body: `{"code":20429,"message":"Too Many Requests","status":429}`},
		fakes.Fault{Status: 500, Body: "<html>"},
	)
}

// TestChain: one gateway is down, the next asks to slow down and then breaks, the mail
// takes over. Page, delivery log, audit trail and ID token tell the same story.
func TestChain(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.tenant("acme", "anna")
		w.links()
		w.assign("eCall", "tenant acme", true)
		w.apps("acme", map[string]string{"payroll": acr2FA, "vault": acrAAL2})
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)

		w.breakSMS()
		page := p.signIn(c, "anna").Follow()
		w.ended("anna")
		w.fellToMail(t, c, page)

		code := w.code("anna@example.test")
		cl := p.letIn(page, code)
		if cl["acr"] != acr2FA || str(cl["amr"]) != " pwd email mca" {
			t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
		}
		w.told("sign_in.done", `"acr":"`+acr2FA+`"`, `"email"`)
		if w.logs.Contains(code) || w.logs.Contains("anna@example.test") || strings.Contains(strings.Join(w.trail("factor.failed"), ""), w.phone("anna")) {
			t.Error("a code or an address is in the log or in the trail")
		}

		// SSO: worth 2fa at the next app, and no more.
		if got := w.rp("acme", "payroll").with("prompt", "none"); got.callback(c.Get(got.authorizeURL())).Get("code") == "" {
			t.Error("not worth 2fa at the next app")
		}
		quiet := w.rp("acme", "vault").with("prompt", "none")
		if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "interaction_required" {
			t.Errorf("at an app that demands more: %q", got)
		}
		vault := w.rp("acme", "vault")
		w.clock.Advance(30 * time.Minute) // breakers and budgets of the number
		w.tenants.Forget()
		page = c.Get(vault.authorizeURL()).Follow()
		if cl := vault.letIn(page, w.newCode(w.phone("anna"), code)); cl["acr"] != acrAAL2 || !strings.Contains(str(cl["amr"]), "sms") {
			t.Errorf("acr %v, amr %v", cl["acr"], cl["amr"])
		}
		if err := w.audit.Verify(t.Context(), w.sub.ID); err != nil {
			t.Error(err)
		}
	})
}

// fellToMail looks at all that is said of a code that went by mail in the end.
func (w *chainWorld) fellToMail(t *testing.T, c *testkit.Client, page *testkit.Page) {
	t.Helper()
	for lang, says := range map[string][2]string{
		"en": {"We could not reach you by eCall, so the code went out by Mail.", "Enter the code we sent to a•••@example.test"},
		"de": {"Über eCall konnten wir Sie nicht erreichen. Der Code ging deshalb über Mail hinaus.", ""},
	} {
		c.Header.Set("Accept-Language", lang)
		c.Get(page.URL.String()).Require(http.StatusOK).RequireText(says[:]...)
		if state, text, _ := w.via(c, page); state != "sent" || text != says[0] {
			t.Errorf("%s: %s %q", lang, state, text)
		}
	}
	c.Header.Del("Accept-Language")
	want := []string{"eCall sms failed 2 retry", "Twilio sms failed 2 retry", "Mail mail sent 1 "}
	if diff := cmp.Diff(want, w.lines("anna")); diff != "" {
		t.Error(diff)
	}
	log := w.log()
	for n, tries := range [][]string{{"status 500", "status 503"}, {"status 429, code 20429", "status 500"}} {
		if parts := strings.Split(log[n].Error, "; "); len(parts) != 2 || !strings.HasSuffix(parts[0], tries[0]) || !strings.HasSuffix(parts[1], tries[1]) {
			t.Errorf("%q, want %q", log[n].Error, tries)
		}
	}
	if log[1].FellFrom != log[0].ID || log[2].FellFrom != log[1].ID || log[2].ProviderStatus == "" || log[2].Masked != "a•••@example.test" {
		t.Errorf("%+v", log)
	}
	if n := w.asked.of("ecall") + w.asked.of("twilio"); n != 4 {
		t.Errorf("%d calls", n)
	}
	ids := [...]string{w.ids["two_factor eCall"], w.ids["two_factor Twilio"], w.ids["two_factor Mail"]}
	failed, fell := w.trail("factor.failed"), w.trail("factor.fell_through")
	if len(failed) != 2 || len(fell) != 2 || len(w.trail("factor.sent")) != 1 {
		t.Fatalf("%q\n%q\n%q", failed, fell, w.trail("factor.sent"))
	}
	for n := range 2 {
		if !strings.Contains(failed[n], `"two_factor":"`+ids[n]+`"`) || !strings.Contains(fell[n], `"from":"`+ids[n]+`"`) || !strings.Contains(fell[n], `"to":"`+ids[n+1]+`"`) {
			t.Errorf("%s\n%s", failed[n], fell[n])
		}
	}
	if !strings.Contains(failed[1], "status 429, code 20429") || !strings.Contains(w.trail("factor.sent")[0], ids[2]) {
		t.Errorf("%s\n%s", failed[1], w.trail("factor.sent"))
	}
}

// TestChainNotBelowDemand: where more is demanded than a mail is worth, none is sent,
// nobody is let in, and the page says that the code could not be delivered.
func TestChainNotBelowDemand(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.tenant("acme", "anna", "bruno")
		w.links()
		w.assign("eCall", "tenant acme", true)
		w.apps("acme", map[string]string{"vault": acrAAL2})
		for user, p := range map[string]*rp{"anna": w.rp("acme", "vault"), "bruno": w.rp("acme", "expenses").with("acr_values", acrAAL2)} {
			w.ecall.Script(fakes.Fault{Status: 401, Body: `{"errorCode":"Unauthorized"}`})
			w.twilio.Script(fakes.Fault{Status: 401, Body: `{"code":20003,"status":401}`})
			c := testkit.NewClient(t)
			page := p.signIn(c, user).Follow()
			w.ended(user)
			c.Get(page.URL.String()).RequireText("We could not deliver the code.")
			c.Header.Set("Accept-Language", "de")
			page = c.Get(page.URL.String()).RequireText("Wir konnten den Code nicht zustellen.")
			if state, _, _ := w.via(c, page); state != "failed" || strings.Contains(page.Text, "hinaus") {
				t.Errorf("%s: %s %s", user, state, page.Text)
			}
			if diff := cmp.Diff([]string{"eCall sms failed 1 account", "Twilio sms failed 1 account"}, w.lines(user)); diff != "" {
				t.Errorf("%s: %s", user, diff)
			}
			w.told("factor.not_fallen_through", "Mail: it is weaker than the sign-in demands")
			p.notLetIn(page.FormWith("code").Set("code", "000000").Submit())
		}
		if n := len(w.inbox.Messages()); n != 0 || w.count("sessions", "1=1") != 0 {
			t.Errorf("%d messages, %d sessions", n, w.count("sessions", "1=1"))
		}
		// The administrator sees it at the instance.
		st, err := w.tenants.StateOf(w.ctx(), w.ids["two_factor eCall"])
		if err != nil || st.Word != "failing" {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

// TestEachWayToFail: whatever a gateway does that is no delivery, the next one carries
// the code.
func TestEachWayToFail(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	w.tenant("acme")
	w.links()
	ways := []struct {
		name  string
		fault fakes.Fault
		tries int64
		class string
	}{
		{"server error", fakes.Fault{Status: 500}, 2, "retry"},
		{"too many", fakes.Fault{Status: 429, Header: http.Header{"Retry-After": {"2"}}}, 2, "retry"},
		{"asks for more than there is time", fakes.Fault{Status: 503, Header: http.Header{"Retry-After": {"60"}}}, 1, "retry"},
		{"garbage", fakes.Fault{Status: 200, Body: "<html>maintenance</html>"}, 2, "retry"},
		{"credentials", fakes.Fault{Status: 401, Body: `{"errorCode":"Unauthorized"}`}, 1, "account"},
		{"no credit", fakes.Fault{Status: 402}, 1, "account"},
		{"redirect", fakes.Fault{Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, 1, "account"},
		{"sender", fakes.Fault{Status: 400, Body: `{"errorCode":"InvalidContent","errorDetails":{"errors":[{"parameter":"From"}]}}`}, 1, "account"},
		{"number", fakes.Fault{Status: 400, Body: `{"errorCode":"InvalidContent","errorDetails":{"errors":[{"parameter":"To"}]}}`}, 1, "recipient"},
		{"content", fakes.Fault{Status: 400, Body: `{"errorCode":"InvalidContent"}`}, 1, "content"},
		{"an error in a success", fakes.Fault{Status: 200, Body: `{"errorCode":"InvalidContent"}`}, 1, "content"},
		{"silence", fakes.Fault{Hang: true}, 1, "retry"},
	}
	var members []string
	for n := range ways {
		user := fmt.Sprintf("user%d", n)
		members = append(members, w.user(tenants.User{Name: user}))
		w.ecalled("way"+user, "Twilio")
		w.assign("way"+user, "user "+user, true)
	}
	w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], members))
	p := w.rp("acme", "expenses")
	for n, way := range ways {
		user := fmt.Sprintf("user%d", n)
		for range way.tries {
			w.ecall.Script(way.fault)
		}
		c := testkit.NewClient(t)
		page := p.signIn(c, user).Follow()
		if way.fault.Hang {
			w.clock.Advance(5 * time.Second) // which it takes, by the world's clock too
		}
		w.ended(user)
		w.ecall.Heal()
		lines := w.lines(user)
		want := []string{fmt.Sprintf("way%s sms failed %d %s", user, way.tries, way.class), "Twilio sms sent 1 "}
		if len(lines) < 2 || !slices.Equal(lines[len(lines)-2:], want) {
			t.Errorf("%s: %q, want %q", way.name, lines, want)
			continue
		}
		if cl := p.letIn(page, w.code(w.phone(user))); cl["acr"] != acrAAL2 {
			t.Errorf("%s: acr %v", way.name, cl["acr"])
		}
	}
}

// TestChainNobodyTakesOver: who named a fallback that cannot reach the user goes on
// trying by himself, and the page says so.
func TestChainNobodyTakesOver(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newChainWorld(t, url, 1)
		w.tenant("acme")
		w.factor("Mail", "email")
		w.ecalled("eCall", "Mail")
		w.assign("eCall", "tenant acme", true)
		id := w.user(tenants.User{Name: "anna", Email: "anna@example.test"}) // not proven
		w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], []string{id}))
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		w.ecall.Script(fakes.Fault{Status: 500}, fakes.Fault{Status: 500}, fakes.Fault{Status: 500}, fakes.Fault{Status: 500})
		page := p.signIn(c, "anna").Follow()
		w.until("three tries", func(log []delivery.Entry) bool { return log[0].Attempts >= 3 && log[0].State == delivery.Queued })
		c.Get(page.URL.String()).RequireText("The first try did not get through. We are trying again.")
		w.until("sent", func(log []delivery.Entry) bool { return log[0].State == delivery.Sent })
		if diff := cmp.Diff([]string{"eCall sms sent 5 "}, w.lines("anna")); diff != "" || len(w.trail("factor.failed")) != 0 {
			t.Errorf("%s%q", diff, w.trail("factor.failed"))
		}
		if cl := p.letIn(page, w.code(w.phone("anna"))); cl["acr"] != acrAAL2 {
			t.Errorf("acr %v", cl["acr"])
		}
	})
}

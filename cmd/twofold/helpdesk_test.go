package main

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
	"twofold/twofactor/factortest"
)

// desk is a world with a help desk, in which anna must hold a token that only the test
// knows the codes of.
type desk struct {
	*world
	*admin.HelpDesk
	token *factortest.Fake
	ctx   context.Context
	anna  string
}

func newDesk(t *testing.T, url string) *desk {
	t.Helper()
	d := &desk{token: factortest.NewFake(factortest.FakeConfig{Type: "token", Enrolls: true})}
	all := catalog.Builtin()
	all["token"] = d.token.Provider()
	d.world = newWorldWith(t, url, all)
	d.tenant("acme", "anna")
	d.factor("mail", "email") // for what the house itself has to say
	d.factorWith("Token", "token", true, map[string]any{"Greeting": "What does the token say?", "Key": "secret-of-the-token"})
	d.assign("Token", "tenant acme", true)
	realm, err := d.tenants.RealmByName(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	d.ctx, d.anna, d.HelpDesk = tenants.WithRealm(t.Context(), realm), d.ids["user anna"], d.helpDesk()
	return d
}

// answer gives the code of the token, to sign in or to set it up.
func (d *desk) answer(page *testkit.Page) *testkit.Page {
	d.t.Helper()
	return page.FormWith("code").Set("code", d.token.Code(d.anna)).Submit()
}

// TestLostFactor is what a help desk does for somebody who has lost his second factor,
// as he sees it: signed out and shut out at once, let in by a bypass, made to set up a
// new one, and then as before.
func TestLostFactor(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		d := newDesk(t, at)
		p, c := d.rp("acme", "expenses"), testkit.NewClient(t)
		before := p.exchange(p.callback(d.answer(p.signIn(c, "anna").Follow())).Get("code"))
		underWay := p.signIn(testkit.NewClient(t), "anna").Follow()

		done, err := d.Reset(d.ctx, d.anna, admin.By{Actor: "operator", Reason: "lost her bag"}, admin.Reset{})
		if err != nil || done.Factors != 1 || !done.Phone || done.Sessions != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		if tok := p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.Refresh}}); before.Refresh == "" || tok.Error != "invalid_grant" {
			t.Errorf("what was granted goes on: %+v", tok)
		}
		if page := d.answer(underWay); strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Error("a sign-in that was under way goes on")
		}
		if page := c.Get(p.authorizeURL()).Follow(); !page.FormWith("password").Has("username") {
			t.Errorf("the session goes on: %s", page.Text)
		}
		if page := p.signIn(testkit.NewClient(t), "anna").Follow(); !strings.Contains(page.Text, "You cannot sign in here yet") {
			t.Errorf("shut out until a bypass is given: %s", page.Text)
		}

		code, _, err := d.Bypass(d.ctx, d.anna, admin.By{Actor: "operator", Reason: "she showed her badge"})
		if err != nil {
			t.Fatal(err)
		}
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		page = page.FormWith("bypass").Set("bypass", strings.ToLower(code)).Press("bypass").Follow()
		if !strings.Contains(page.Text, "Confirm with the code.") {
			t.Fatalf("the bypass leads to setting up: %s", page.Text)
		}
		p.callback(d.answer(page))

		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		if !strings.Contains(page.Text, "What does the token say?") {
			t.Fatalf("the next time is as ever: %s", page.Text)
		}
		p.callback(d.answer(page))
		for _, want := range []string{
			`factor.reset {"phone_unproven":true,"reason":"lost her bag","removed":[{`, `"label":"Fake of Anna"`, `factor.bypass_issued {"reason":"she showed her badge","until":"`,
		} {
			if got := d.events("acme"); !strings.Contains(got, want) {
				t.Errorf("not in the audit trail: %s\n%s", want, got)
			}
		}
		if strings.Contains(d.events("acme"), code) || d.logs.Contains(code) {
			t.Error("the code is in the audit trail, or in the log")
		}
		for _, want := range []string{"The second factors of your account were reset", "issued a one-time code", "one-time code of the help desk was used"} {
			d.told("anna@example.test", want)
		}
	})
}

// told waits for a mail that says so.
func (d *desk) told(to, words string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := d.inbox.Wait(ctx, func(m fakes.Message) bool {
		return m.To == to && strings.Contains(strings.Join(strings.Fields(m.Text), " "), words)
	})
	if err != nil {
		d.t.Errorf("%s was not told: %s", to, words)
	}
}

// TestLostPhone: a number that text messages go to is proven again after a reset, and
// the sign-ins after that ask for no bypass.
func TestLostPhone(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		d := newDesk(t, at)
		d.tenant("globex")
		d.must(d.tenants.SetTenantMembers(d.world.ctx(), d.ids["tenant globex"], []string{d.anna}))
		d.factor("sms", "twilio")
		d.assign("sms", "tenant globex", true)
		p := d.rp("globex", "expenses")
		phone := d.user_(t).Phone
		if _, err := d.Reset(d.ctx, d.anna, admin.By{Actor: "operator", Reason: "lost her phone"}, admin.Reset{}); err != nil {
			t.Fatal(err)
		}
		if page := p.signIn(testkit.NewClient(t), "anna").Follow(); !strings.Contains(page.Text, "You cannot sign in here yet") {
			t.Fatalf("the lost phone still counts, or another tenant does not know: %s", page.Text)
		}
		realm, err := d.tenants.RealmByName(t.Context(), "globex")
		if err != nil {
			t.Fatal(err)
		}
		code, _, err := d.Bypass(tenants.WithRealm(t.Context(), realm), d.anna, admin.By{Actor: "operator", Reason: "known by voice"})
		if err != nil {
			t.Fatal(err)
		}
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		page = page.FormWith("bypass").Set("bypass", code).Press("bypass").Follow()
		page = page.FormWith("address").Set("address", "+41791234567").Submit().Follow()
		p.callback(page.FormWith("code").Set("code", d.code("+41791234567")).Submit())
		if u := d.user_(t); u.Phone == phone || !u.PhoneVerified || u.ProveFirst {
			t.Errorf("%+v", u)
		}
		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		if !page.FormWith("code").Has("code") {
			t.Fatalf("a bypass is asked for again: %s", page.Text)
		}
	})
}

func (d *desk) user_(t *testing.T) tenants.User {
	t.Helper()
	u, err := d.tenants.User(d.ctx, d.anna)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestBypassOnceOnly: a bypass stands in for a factor in one sign-in, leaves the factor
// as it is, and is worth no more than a code by mail.
func TestBypassOnceOnly(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		d := newDesk(t, at)
		p := d.rp("acme", "expenses")
		p.callback(d.answer(p.signIn(testkit.NewClient(t), "anna").Follow()))
		code, _, err := d.Bypass(d.ctx, d.anna, admin.By{Actor: "operator", Reason: "forgot her token"})
		if err != nil {
			t.Fatal(err)
		}
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		page = page.Press("bypass").Follow()
		page = page.FormWith("bypass").Set("bypass", code).Press("bypass")
		cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken)
		if cl["acr"] != twofactor.Strength2FA.ACR() {
			t.Errorf("acr %v", cl["acr"])
		}
		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		if len(page.Forms) == 0 || page.Forms[0].Has("bypass") || !strings.Contains(page.Text, "What does the token say?") {
			t.Errorf("the token is asked for again: %s", page.Text)
		}
	})
}

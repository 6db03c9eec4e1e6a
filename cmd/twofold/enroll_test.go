package main

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// recoveryCode is a code as the page shows it.
var recoveryCode = regexp.MustCompile(`\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b`)

// link waits for the newest link that is mailed to an address.
func (w *world) link(to string, but ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	pick := func(m fakes.Message) string { return mailedLink.FindString(m.Text) }
	m, err := w.inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == to && pick(m) != "" && !slices.Contains(but, pick(m)) })
	if err != nil {
		w.t.Fatalf("no link to %s: %v", to, err)
	}
	return pick(m)
}

var mailedLink = regexp.MustCompile(`http://[^\s"<>]+[?&]link=[\w-]+`)

// toCode gives anna's password and leaves the page that follows.
func (p *rp) toCode(c *testkit.Client, name string) *testkit.Page {
	p.w.t.Helper()
	return p.signIn(c, name).Follow()
}

// TestEnrolForced: who must have a second factor and has none sets one up in the
// sign-in, is given what stands in for it, and is in.
func TestEnrolForced(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		w.factorWith("spare", "recovery", true, map[string]any{})
		w.assign("spare", "tenant acme", false)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		quiet := w.rp("acme", "expenses").with("prompt", "none")

		page := p.toCode(c, "anna").RequireText("Anna")
		a := w.readKey(page)
		if got := page.FormWith("code").Set("code", "000000").Press("Continue"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong code: %d", got.Status)
		}
		page = page.FormWith("code").Set("code", a.code()).Press("Continue").Follow().RequireText("Anna")
		codes := recoveryCode.FindAllString(page.Text, -1)
		if len(codes) != 8 {
			t.Fatalf("%d recovery codes: %s", len(codes), page.Text)
		}
		file := c.Get(page.URL.String() + "?keep")
		if !strings.Contains(file.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.Body, codes[7]) ||
			file.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the file: %v %s", file.Header, file.Body)
		}
		if len(w.held("anna")) != 1 {
			t.Error("recovery codes count before they are kept")
		}
		page = page.FormWith("saved").Set("saved", "true").Press("Continue")
		tok := p.exchange(p.callback(page).Get("code"))
		if cl := claims(t, tok.IDToken); cl["acr"] != "urn:twofold:acr:aal2" || !strings.Contains(str(cl["amr"]), "otp") {
			t.Errorf("acr %v amr %v", cl["acr"], cl["amr"])
		}
		if got := c.Get(page.URL.String() + "?keep"); strings.Contains(got.Body, codes[0]) {
			t.Error("the codes can be fetched afterwards")
		}
		if got := quiet.callback(c.Get(quiet.authorizeURL())); got.Get("code") == "" {
			t.Errorf("no single sign-on afterwards: %v", got)
		}

		// The code that set it up counts no more (M17), the next does, and a recovery
		// code once (M19).
		page = p.toCode(testkit.NewClient(t), "anna")
		if got := page.FormWith("code").Set("code", a.code()).Press("Continue"); toApp(got) {
			t.Error("the enrolment's code let in")
		}
		page = page.FormWith("code").Set("code", a.next()).Press("Continue")
		p.callback(page)
		for i, want := range []bool{true, false} {
			page = p.toCode(testkit.NewClient(t), "anna").Press("Use another method").Follow().Press(w.ids["two_factor spare"]).Follow()
			if got := page.FormWith("code").Set("code", codes[0]).Press("Continue"); toApp(got) != want {
				t.Errorf("use %d of a recovery code: %d %s", i+1, got.Status, got.Text)
			}
		}
		w.mailed("anna@example.test", "recovery")
		for _, s := range append(codes, a.secret) {
			if w.logs.Contains(s) || strings.Contains(w.events("acme"), s) {
				t.Error("a secret is in log or trail")
			}
		}
	})
}

// TestEnrolSilent: with something to set up, a silent request is told that the user has
// to take part.
func TestEnrolSilent(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		p.callback(p.signIn(c, "anna"))
		w.factorWith("app", "totp", true, map[string]any{})
		w.assign("app", "tenant acme", true)
		quiet := w.rp("acme", "expenses").with("prompt", "none")
		if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "interaction_required" {
			t.Errorf("error %q", got)
		}
		// And the account asks the session for more: no page before the factor is there.
		page := c.Get(w.account("acme")).Follow()
		w.readKey(page)
	})
}

// TestEnrolLater: during a grace the user may put it off, as often as he signs in, and
// not a day longer.
func TestEnrolLater(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factorWith("app", "totp", true, map[string]any{})
		w.assignWithGrace("app", "tenant acme", 7)
		p := w.rp("acme", "expenses")
		page := p.toCode(testkit.NewClient(t), "anna")
		if cl := claims(t, p.exchange(p.callback(page.Press("later")).Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:1fa" {
			t.Errorf("acr %v", cl["acr"])
		}
		strict := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:aal2")
		page = strict.toCode(testkit.NewClient(t), "anna")
		if got := page.FormWith("code").Forge("do", "later").Submit(); toApp(got) {
			t.Error("put off what the app demands")
		}
		w.clock.Advance(8 * 24 * time.Hour)
		page = p.toCode(testkit.NewClient(t), "anna")
		if strings.Contains(page.Body, `value="later"`) {
			t.Error("later is offered after the grace")
		}
		if got := page.FormWith("code").Forge("do", "later").Submit(); toApp(got) {
			t.Error("put off after the grace")
		}
	})
}

// TestEnrolNotBesideWhatIsHeld: a password alone sets nothing up beside a factor that is
// held, be it out of order or not.
func TestEnrolNotBesideWhatIsHeld(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		p := w.rp("acme", "expenses")
		p.holder(testkit.NewClient(t), "anna")
		w.factorWith("other", "totp", true, map[string]any{})
		w.assign("other", "tenant acme", false)
		w.factorWith("app", "totp", false, map[string]any{})
		c := testkit.NewClient(t)
		page := p.toCode(c, "anna")
		if page.Status != http.StatusForbidden || totpKey.MatchString(page.Text) {
			t.Errorf("%d %s", page.Status, page.Text)
		}
		if got := w.forgeSetUp(c, page, "other").Follow(); totpKey.MatchString(got.Text) {
			t.Error("set up by a forged form")
		}
		// An exemption lets him in, and no more than that.
		w.must(w.tenants.PutExemption(w.ctx(), &tenants.Exemption{
			Level: tenants.LevelUser, TargetID: w.ids["user anna"], Reason: "x", Until: w.clock.Now().Add(time.Hour), CreatedBy: "operator",
		}))
		c = testkit.NewClient(t)
		w.signInOwn(c, "anna").Follow().Require(http.StatusOK)
		if got := w.act(c, "add", "enroll "+w.ids["two_factor other"]).Follow(); got.Status != http.StatusForbidden || totpKey.MatchString(got.Text) {
			t.Errorf("exempt, and sets up: %d %s", got.Status, got.Text)
		}
	})
}

// forgeSetUp posts that an instance shall be set up, whatever the page offers.
func (w *world) forgeSetUp(c *testkit.Client, page *testkit.Page, factor string) *testkit.Page {
	w.t.Helper()
	return c.PostForm(page.URL.String(), url.Values{"do": {"enroll"}, "method": {w.ids["two_factor "+factor]}})
}

// TestEnrolGate: a weaker factor tells who may set up the stronger one that an app asks
// for.
func TestEnrolGate(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		w.factorWith("app", "totp", true, map[string]any{})
		w.assign("app", "tenant acme", false)
		p, c := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:aal2"), testkit.NewClient(t)
		page := p.toCode(c, "anna")
		if totpKey.MatchString(page.Text) {
			t.Fatal("set up before the mailbox was proven")
		}
		if got := w.forgeSetUp(c, page, "app").Follow(); totpKey.MatchString(got.Text) {
			t.Fatal("set up by a forged form")
		}
		page = page.FormWith("code").Set("code", w.code("anna@example.test")).Press("Continue").Follow()
		_, page = w.enrol(page)
		if cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken); cl["acr"] != "urn:twofold:acr:aal2" {
			t.Errorf("acr %v", cl["acr"])
		}
	})
}

// TestEnrolSteps: the back button, an old page and a second tab never break what is
// being set up.
func TestEnrolSteps(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		w.factorWith("other", "totp", true, map[string]any{})
		w.assign("other", "tenant acme", false)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		list := p.toCode(c, "anna")
		first := list.Press(w.ids["two_factor app"]).Follow()
		old := w.readKey(first)
		second := first.Press("Use another method").Follow().Press(w.ids["two_factor other"]).Follow()
		if got := first.FormWith("code").Set("code", old.code()).Press("Continue"); toApp(got) || len(w.held("anna")) != 0 {
			t.Fatal("an old page has set something up")
		}
		if got := first.FormWith("code").Forge("challenge", second.FormWith("code").Value("challenge")).Set("code", old.code()).Press("Continue"); toApp(got) {
			t.Fatal("the old app's code fits the new one")
		}
		list.Press(w.ids["two_factor other"]).Follow() // goes back, and chooses the same again
		page := c.Get(second.URL.String()).Require(http.StatusOK)
		a := w.readKey(page)
		p.callback(page.FormWith("code").Set("code", a.code()).Press("Continue"))
		if got := page.FormWith("code").Set("code", a.next()).Press("Continue"); toApp(got) || len(w.held("anna")) != 1 {
			t.Error("the last page counts twice")
		}
	})
}

// TestEnrolWithdrawn: what an administrator takes away while it is being set up is not
// set up.
func TestEnrolWithdrawn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		p := w.rp("acme", "expenses")
		page := p.toCode(testkit.NewClient(t), "anna")
		a := w.readKey(page)
		w.factorWith("app", "totp", false, map[string]any{})
		if got := page.FormWith("code").Set("code", a.code()).Press("Continue"); toApp(got) || len(w.held("anna")) != 0 {
			t.Error("set up what was withdrawn")
		}
	})
}

// TestEnrolByLink: the link that is mailed leads back into the sign-in, in its browser,
// once; opening it changes nothing.
func TestEnrolByLink(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.factorWith("app", "totp", true, map[string]any{"EnrollBy": "email-link"})
		w.assign("app", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page := p.toCode(c, "anna").RequireText("a•••@example.test")
		link := w.link("anna@example.test")
		if totpKey.MatchString(page.Text) || totpKey.MatchString(c.Get(link).Text) {
			t.Fatal("the key is shown before the link was used")
		}
		if got := testkit.NewClient(t).Get(link); got.Status != http.StatusForbidden {
			t.Errorf("the link in another browser: %d", got.Status)
		}
		opened := c.Get(link).Require(http.StatusOK)
		page = opened.Press("Continue").Follow()
		w.readKey(page)
		// A second use says so, and breaks nothing.
		if got := opened.Press("Continue"); got.Status >= http.StatusInternalServerError {
			t.Errorf("used twice: %d", got.Status)
		}
		if got := c.Get(link); got.Status >= http.StatusInternalServerError {
			t.Errorf("opened after use: %d", got.Status)
		}
		page = c.Get(page.URL.String())
		a := w.readKey(page)
		p.callback(page.FormWith("code").Set("code", a.code()).Press("Continue"))
	})
}

// TestResync: an app that is out of step is brought back by two codes, from the account.
func TestResync(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		a := p.holder(c, "anna")
		page := w.act(c, "resync", w.held("anna")[0]).Follow()
		form := page.FormWith("code")
		// Five wrong ones end it, and it can be begun again from the page that says so.
		for range 5 {
			page = form.Set("code", "000000").Set("next", "000001").Press("Continue").Follow()
		}
		page = page.Press("resend").Follow()
		w.clock.Advance(time.Minute)
		ahead := func(d time.Duration) string { return a.codeAt(w.clock.Now().Add(4*time.Minute + d)) }
		page = page.FormWith("code").Set("code", ahead(0)).Set("next", ahead(30*time.Second)).Press("Continue")
		if got := page.Header.Get("Location"); got != "/t/acme/account" {
			t.Fatalf("%d %s %s", page.Status, got, page.Text)
		}
		w.clock.Advance(time.Minute)
		p.callback(p.toCode(testkit.NewClient(t), "anna").FormWith("code").Set("code", ahead(0)).Press("Continue"))
		if ev := w.events("acme"); !strings.Contains(ev, "factor.resynced") {
			t.Errorf("trail: %s", ev)
		}
	})
}

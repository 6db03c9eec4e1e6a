package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
)

// latchkey is a factor like a passkey, whose answers a test can type: the name of a key
// and what is cut into it.
type latchkey struct{}

type latchkeyOptions struct {
	Brand string `json:"Brand" label:"Brand" help:"Changes nothing."`
}

func latchkeys() twofactor.Catalog {
	all := catalog.Builtin()
	all["latchkey"] = twofactor.Define(twofactor.Info{Type: "latchkey", Name: "Latchkey", Strength: twofactor.StrengthPHR, Enrolls: true}, latchkeyOptions{},
		func(latchkeyOptions, twofactor.Env) (twofactor.Factor, error) { return latchkey{}, nil })
	return all
}

var _ twofactor.Identifier = latchkey{}

func (latchkey) ask() (twofactor.Challenge, error) {
	return twofactor.Challenge{Prompt: twofactor.Prompt{Message: "Turn the key.", Fields: []twofactor.Field{
		{Name: "key", Label: "Key", Kind: twofactor.KindText}, {Name: "cut", Label: "Cut", Kind: twofactor.KindText},
	}}}, nil
}

func (l latchkey) Challenge(context.Context, twofactor.User, []twofactor.Enrollment) (twofactor.Challenge, error) {
	return l.ask()
}
func (l latchkey) Identify(context.Context) (twofactor.Challenge, error) { return l.ask() }
func (l latchkey) BeginEnroll(context.Context, twofactor.User, []twofactor.Enrollment) (twofactor.Challenge, error) {
	return l.ask()
}

func (latchkey) FinishEnroll(_ context.Context, _ twofactor.User, _ []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	return twofactor.Enrollment{Label: a["key"], Handle: a["key"], State: twofactor.State(a["cut"]), AMR: []string{"hwk", "user"}}, nil
}

func (latchkey) Whose(_ twofactor.Challenge, a twofactor.Answer) (string, error) {
	if a["key"] == "" {
		return "", fmt.Errorf("no key: %w", twofactor.ErrWrongAnswer)
	}
	return a["key"], nil
}

func (latchkey) Verify(_ context.Context, bound []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	for _, e := range bound {
		if e.Handle == a["key"] && string(e.State) == a["cut"] {
			return twofactor.Result{Used: e, AMR: []string{"hwk", "user"}, Alone: true}, nil
		}
	}
	return twofactor.Result{}, fmt.Errorf("does not turn: %w", twofactor.ErrWrongAnswer)
}

// TestAccountPasskey: where the tenant wants it, a passkey stands for name and password;
// the same rules hold for who comes in that way.
func TestAccountPasskey(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorldWith(t, db, latchkeys())
		w.tenant("acme", "anna", "bruno")
		w.factorWith("key", "latchkey", true, map[string]any{})
		w.assign("key", "tenant acme", false)
		p := w.rp("acme", "expenses")
		setUp := func(name string) {
			t.Helper()
			c := testkit.NewClient(t)
			p.callback(p.signIn(c, name))
			page := w.act(c, "add", "enroll "+w.ids["two_factor key"]).Follow()
			page.FormWith("key").Set("key", "key of "+name).Set("cut", "cut of "+name).Press("Continue").Follow().Require(http.StatusOK)
		}
		setUp("anna")
		setUp("bruno")

		// Not wanted: not offered, and not to be had.
		c := testkit.NewClient(t)
		page := c.Get(p.authorizeURL()).Follow()
		if got := c.PostForm(page.URL.String(), url.Values{"do": {"passkey"}}).Follow(); strings.Contains(page.Body, `value="passkey"`) || strings.Contains(got.Text, "Turn the key") {
			t.Fatal("a passkey may be used where the tenant does not want it")
		}
		w.tune("acme", func(v *tenants.Tenant) { v.PasskeySignIn = true })
		turn := func(p *rp, c *testkit.Client, key, cut string) *testkit.Page {
			t.Helper()
			page := c.Get(p.authorizeURL()).Follow().Press("passkey").Follow().RequireText("Turn the key")
			return page.FormWith("key").Set("key", key).Set("cut", cut).Press("Continue")
		}
		for what, try := range map[string][2]string{
			"nobody's": {"key of nobody", "cut of anna"}, "badly cut": {"key of anna", "cut of bruno"}, "none": {"", ""},
		} {
			if got := turn(p, testkit.NewClient(t), try[0], try[1]); got.Status != http.StatusUnprocessableEntity || strings.Contains(got.Text, "Anna") {
				t.Errorf("%s: %d %s", what, got.Status, got.Text)
			}
		}
		c = testkit.NewClient(t)
		tok := p.exchange(p.callback(turn(p, c, "key of anna", "cut of anna")).Get("code"))
		cl := claims(t, tok.IDToken)
		if cl["sub"] != w.ids["user anna"] || cl["acr"] != "phr" || !strings.Contains(str(cl["amr"]), "mfa") || strings.Contains(str(cl["amr"]), "pwd") {
			t.Errorf("claims %v", cl)
		}
		c.Get(w.account("acme")).Follow().Require(http.StatusOK).RequireText("key of anna")
		hint := w.rp("acme", "expenses").with("id_token_hint", tok.IDToken).with("prompt", "login")
		if got := hint.callback(turn(hint, testkit.NewClient(t), "key of bruno", "cut of bruno")).Get("error"); got != "login_required" {
			t.Errorf("somebody else than the app asked for: %q", got)
		}
		aged := w.rp("acme", "expenses").with("max_age", "60")
		w.clock.Advance(2 * time.Minute)
		if got := c.Get(aged.authorizeURL()).Follow(); !got.FormWith("username").Has("password") {
			t.Errorf("an old passkey is good enough for max_age: %s", got.Text)
		}
		p.callback(turn(aged, c, "key of anna", "cut of anna"))

		// Who may not sign in here does not, whatever his key.
		u, err := w.tenants.User(w.in("acme"), w.ids["user bruno"])
		if err != nil {
			t.Fatal(err)
		}
		u.Active = false
		w.must(w.tenants.PutUser(w.ctx(), &u))
		if got := turn(p, testkit.NewClient(t), "key of bruno", "cut of bruno"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a disabled user: %d", got.Status)
		}
		w.tenant("globex", "carla")
		w.assign("key", "tenant globex", false)
		w.tune("globex", func(v *tenants.Tenant) { v.PasskeySignIn = true })
		if got := turn(w.rp("globex", "expenses"), testkit.NewClient(t), "key of anna", "cut of anna"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("who is no member: %d", got.Status)
		}

		// What the tenant does not want any more counts no more, in sessions too.
		w.tune("acme", func(v *tenants.Tenant) { v.PasskeySignIn = false })
		quiet := p.quietly()
		if got := quiet.callback(c.Get(quiet.authorizeURL())).Get("error"); got != "login_required" {
			t.Errorf("a session by passkey alone: %q", got)
		}
	})
}

// TestAccountOldPages: what is posted from a page of another step shows where the
// sign-in stands.
func TestAccountOldPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		w.app(tenants.ClientApp{Name: "vault", MinACR: "urn:twofold:acr:2fa"})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app vault"]}))
		c, p := testkit.NewClient(t), w.rp("acme", "expenses")
		page, code := openCode(t, w, p, c, "anna")
		p.callback(page.FormWith("code").Set("code", code).Press("Continue"))
		aged := w.rp("acme", "vault").with("max_age", "120")
		w.clock.Advance(time.Minute)
		for _, do := range []string{"answer", "resend", "choose", "pick", "bypass", "enroll", "address", "later", "link", "passkey", "nonsense", ""} {
			got := c.PostForm(page.URL.String(), url.Values{"do": {do}})
			if got.Status != http.StatusGone {
				t.Errorf("%q after the end: %d", do, got.Status)
			}
		}
		// A code page whose session was ended meanwhile leads back to the password.
		w.clock.Advance(2 * time.Minute)
		half := aged.toCode(c, "anna")
		for _, do := range []string{"resend", "choose", "pick", "bypass", "enroll", "address", "later", "link", "passkey", "nonsense"} {
			got := c.PostForm(half.URL.String(), url.Values{"do": {do}}).Follow()
			if got.Status >= http.StatusInternalServerError || got.Status == http.StatusNotFound || got.Status == http.StatusGone {
				t.Errorf("%q: %d %s", do, got.Status, got.Text)
			}
		}
		aged.callback(c.Get(half.URL.String()).FormWith("code").Set("code", w.newCode("anna@example.test", code)).Press("Continue"))
	})
}

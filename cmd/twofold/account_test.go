package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// account is the address of the account pages.
func (w *world) account(tenant string) string { return w.url + "/t/" + tenant + "/account" }

// tune changes a tenant as it is.
func (w *world) tune(tenant string, change func(*tenants.Tenant)) {
	w.t.Helper()
	list, err := w.tenants.ListTenants(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range list {
		if v.Name == tenant {
			change(&v)
			w.must(w.tenants.PutTenant(w.ctx(), &v))
		}
	}
	w.tenants.Forget()
}

// totpKey is the key that a page shows for an app.
var totpKey = regexp.MustCompile(`\b(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}\b`)

// app is an authenticator app that holds a key.
type app struct {
	w      *world
	secret string
}

// readKey sets up an app from the page that shows its key.
func (w *world) readKey(page *testkit.Page) app {
	w.t.Helper()
	key := strings.ReplaceAll(totpKey.FindString(page.Text), " ", "")
	if _, err := base32.StdEncoding.DecodeString(key); err != nil || key == "" {
		w.t.Fatalf("no key on the page: %s", page.Text)
	}
	return app{w, key}
}

// code is what the app shows now.
func (a app) code() string { return a.codeAt(a.w.clock.Now()) }

func (a app) codeAt(at time.Time) string {
	a.w.t.Helper()
	key, err := base32.StdEncoding.DecodeString(a.secret)
	if err != nil {
		a.w.t.Fatal(err)
	}
	// RFC 4226 §5.3, written down once more.
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// next lets the app's code change, and returns the new one.
func (a app) next() string {
	a.w.clock.Advance(30 * time.Second)
	return a.code()
}

// enrol sets up an app in a sign-in that asks for that, and leaves what comes after.
func (w *world) enrol(page *testkit.Page) (app, *testkit.Page) {
	w.t.Helper()
	a := w.readKey(page)
	return a, page.FormWith("code").Set("code", a.code()).Press("Continue")
}

// holder is a user who has set up an app at the instance "app" by signing in to p.
func (p *rp) holder(c *testkit.Client, name string) app {
	p.w.t.Helper()
	a, page := p.w.enrol(p.signIn(c, name).Follow())
	p.callback(page)
	return a
}

// signInOwn gives name and password on the way to the account pages.
func (w *world) signInOwn(c *testkit.Client, name string) *testkit.Page {
	w.t.Helper()
	return c.Get(w.account("acme")).Follow().FormWith("username").Set("username", name).Set("password", password).Press("Sign in")
}

// act posts what a button of the account page posts.
func (w *world) act(c *testkit.Client, do, id string) *testkit.Page {
	w.t.Helper()
	return c.PostForm(w.account("acme"), url.Values{"do": {do}, "id": {id}})
}

// held lists the ids of a user's enrollments.
func (w *world) held(name string) (ids []string) {
	w.t.Helper()
	list, err := w.ceremony.Held(w.in("acme"), w.ids["user "+name])
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

// appWorld has the instance "app" of authenticator apps, required in the tenant acme.
func appWorld(t *testing.T, db string, users ...string) *world {
	w := newWorld(t, db)
	w.tenant("acme", users...)
	w.factor("mail", "email") // assigned to nobody: notices go out by it
	w.factorWith("app", "totp", true, map[string]any{})
	w.assign("app", "tenant acme", true)
	return w
}

// TestAccountPage: who signs in for the account sees what he has; nothing of it needs
// an app, nothing leads round in circles.
func TestAccountPage(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna")
		c := testkit.NewClient(t)
		p := w.rp("acme", "expenses")
		a := p.holder(c, "anna")
		c.Get(w.account("acme")).Follow().Require(http.StatusOK).RequireText("Authenticator app", "anna@example.test", "This browser")
		c = testkit.NewClient(t)
		page := w.signInOwn(c, "anna").Follow().RequireText("Anna")
		page = page.FormWith("code").Set("code", a.next()).Press("Continue")
		if got := page.Header.Get("Location"); got != "/t/acme/account" {
			t.Fatalf("a sign-in of our own ends at %q", got)
		}
		page.Follow().Require(http.StatusOK).RequireText("Authenticator app")
		if w.count("grants", "1=1") != 1 {
			t.Error("a sign-in of our own has granted something")
		}
		// Its page, long after, leads to a new one.
		w.clock.Advance(11 * time.Minute)
		c.Get(page.URL.String()).Require(http.StatusGone).Link("Sign in again").Require(http.StatusOK).RequireText("This browser")
		if done := c.Get(w.account("acme")); done.Status != http.StatusOK {
			t.Errorf("asked again: %d", done.Status)
		}
	})
}

// TestAccountLeadsNowhereRound: whatever lets a sign-in of our own end lets the user see
// his account: what else would send the browser round in circles.
func TestAccountLeadsNowhereRound(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		t.Run("remembered", func(t *testing.T) {
			w := mailWorld(t, freshCopy(t, db), "anna")
			w.tune("acme", func(v *tenants.Tenant) { v.RememberDays = 30 })
			p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
			page, code := openCode(t, w, p, c, "anna")
			p.callback(page.FormWith("code").Set("code", code).Set("remember", "true").Press("Continue"))
			c.Get(w.url + "/t/acme/end_session").Press("Sign out")
			w.clock.Advance(time.Minute)
			sent := w.count("challenges", "1=1")
			p.callback(p.signIn(c, "anna"))
			c.Get(w.account("acme")).Follow().Require(http.StatusOK).RequireText("This browser")
			// Single sign-on stands on the mark too, also where no page may be shown.
			quiet := w.rp("acme", "expenses").with("prompt", "none")
			if got := quiet.callback(c.Get(quiet.authorizeURL())); got.Get("code") == "" {
				t.Errorf("remembered, and yet %v", got)
			}
			if n := w.count("challenges", "1=1"); n != sent {
				t.Errorf("%d codes were made for nothing", n-sent)
			}
		})
		t.Run("put off", func(t *testing.T) {
			w := newWorld(t, freshCopy(t, db))
			w.tenant("acme", "anna")
			w.factorWith("app", "totp", true, map[string]any{})
			w.assignWithGrace("app", "tenant acme", 7)
			c := testkit.NewClient(t)
			w.signInOwn(c, "anna").Follow().Press("later").Follow().Require(http.StatusOK).RequireText("This browser")
		})
		t.Run("bypass", func(t *testing.T) {
			w := appWorld(t, freshCopy(t, db), "anna")
			w.rp("acme", "expenses").holder(testkit.NewClient(t), "anna")
			if _, _, err := w.ceremony.IssueBypass(w.in("acme"), w.ids["user anna"]); err != nil {
				t.Fatal(err)
			}
			page := w.signInOwn(testkit.NewClient(t), "anna").Follow().Require(http.StatusOK)
			if strings.Contains(page.Body, `value="bypass"`) {
				t.Error("a bypass is offered where it leads nowhere")
			}
		})
	})
}

func (w *world) assignWithGrace(factor, target string, days int64) {
	w.t.Helper()
	level, _, _ := strings.Cut(target, " ")
	w.must(w.tenants.PutAssignment(w.ctx(), &tenants.Assignment{
		TwoFactorID: w.ids["two_factor "+factor], Level: tenants.Level(level), TargetID: w.ids[target], Required: true, GraceDays: days,
	}))
}

// TestAccountChanges: renaming, preferring and removing; each asks for what it must.
func TestAccountChanges(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := appWorld(t, db, "anna", "bruno")
		c := testkit.NewClient(t)
		p := w.rp("acme", "expenses")
		a := p.holder(c, "anna")
		brunos := testkit.NewClient(t)
		p.holder(brunos, "bruno")
		mine, his := w.held("anna")[0], w.held("bruno")[0]

		if got := w.act(c, "rename", mine).FormWith("name").Set("name", "  ").Press("rename"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("an empty name: %d", got.Status)
		}
		w.act(c, "rename", mine).FormWith("name").Set("name", "Phone of <Anna>").Press("rename").Follow().RequireText("Phone of <Anna>")

		// Somebody else's is not there.
		for _, do := range []string{"rename", "prefer", "remove", "resync"} {
			form := url.Values{"do": {do}, "id": {his}, "confirmed": {"true"}}
			if do == "rename" {
				form.Set("name", "taken")
			}
			if got := c.PostForm(w.account("acme"), form); got.Status != http.StatusNotFound {
				t.Errorf("%s of somebody else's: %d %s", do, got.Status, got.Header.Get("Location"))
			}
		}
		if list := w.held("bruno"); len(list) != 1 {
			t.Error("somebody else's is gone")
		}

		// From another site nothing changes.
		for _, do := range []string{"add", "rename", "prefer", "remove", "resync", "forget", "end", "answer"} {
			got := c.PostFormFrom("https://evil.example/", w.account("acme"), url.Values{"do": {do}, "id": {mine}, "confirmed": {"true"}, "name": {"x"}, "password": {"x"}})
			if got.Status != http.StatusForbidden {
				t.Errorf("%s from another site: %d", do, got.Status)
			}
		}

		// The last one stays while the rules ask for one.
		page := w.act(c, "remove", mine).Follow().RequireText("Phone of <Anna>")
		if page = page.Press("Remove"); page.Status != http.StatusConflict || len(w.held("anna")) != 1 {
			t.Fatalf("the last factor was removed: %d %s", page.Status, page.Text)
		}

		// With two, one may go; and after five minutes only for who proves himself.
		w.clock.Advance(30 * time.Second)
		page = w.act(c, "add", "enroll "+w.ids["two_factor app"]).Follow()
		second, page := w.enrol(page)
		page.Follow().Require(http.StatusOK)
		if n := len(w.held("anna")); n != 2 {
			t.Fatalf("%d set up", n)
		}
		w.clock.Advance(6 * time.Minute)
		page = w.act(c, "remove", mine)
		if !strings.Contains(page.Header.Get("Location"), "/signin/") {
			t.Fatalf("removed with old proofs: %d %s", page.Status, page.Text)
		}
		page = page.Follow().FormWith("username").Set("username", "anna").Set("password", password).Press("Sign in").Follow()
		page = page.FormWith("code").Set("code", second.code()).Press("Continue").Follow().RequireText("Phone of <Anna>")
		page.Press("Remove").Follow().Require(http.StatusOK)
		if list := w.held("anna"); len(list) != 1 || list[0] == mine {
			t.Fatalf("%v", list)
		}
		w.clock.Advance(time.Minute)
		if got := p.signIn(testkit.NewClient(t), "anna").Follow().FormWith("code").Set("code", a.code()).Press("Continue"); toApp(got) {
			t.Error("a removed app lets in")
		}
		ev := w.events("acme")
		for _, kind := range []string{"factor.enrolled", "factor.renamed", "factor.removed"} {
			if !strings.Contains(ev, kind) {
				t.Errorf("no %s in the trail", kind)
			}
		}
		if !strings.Contains(ev, "Phone of") || strings.Contains(ev, a.secret) || strings.Contains(ev, second.secret) || w.logs.Contains(a.secret) {
			t.Errorf("trail: %s", ev)
		}
		w.mailed("anna@example.test", "removed")
	})
}

// mailed waits for a mail to an address that says something.
func (w *world) mailed(to, text string) fakes.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := w.inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == to && strings.Contains(m.Text+m.Subject, text) })
	if err != nil {
		w.t.Fatalf("no mail to %s that says %q: %v", to, text, err)
	}
	return m
}

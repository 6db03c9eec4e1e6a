package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

const adminPassword = "a long and quiet sentence"

// firstLink runs the command's work and returns its link, and all that it prints.
func (w *world) firstLink(name string) (link, out string) {
	w.t.Helper()
	var buf bytes.Buffer
	if err := w.firstRun(context.Background(), streams{Out: &buf}, name); err != nil {
		w.t.Fatal(err)
	}
	link = setupLink.FindString(buf.String())
	if link == "" {
		w.t.Fatalf("no link: %s", buf.String())
	}
	return link, buf.String()
}

var setupLink = regexp.MustCompile(`http://\S+/admin/setup\?link=[\w-]{43}\b`)

// setUpAdmin goes through the link's page and signs in for the first time: password,
// authenticator app, recovery codes. It returns the page that follows, and the app.
func (w *world) setUpAdmin(c *testkit.Client, link, login string) (*testkit.Page, app) {
	w.t.Helper()
	page := c.Get(link).Require(http.StatusOK)
	page = page.FormWith("password").Set("name", login).Set("display_name", "Sue Root").Set("email", "sue@example.test").
		Set("password", adminPassword).Press("Create the account").Follow()
	page = page.FormWith("username").Set("username", login).Set("password", adminPassword).Press("Sign in").Follow()
	if !totpKey.MatchString(page.Text) {
		page = page.Press("Authenticator app").Follow()
	}
	a := w.readKey(page)
	page = page.FormWith("code").Set("code", a.code()).Press("Continue").Follow()
	return page.FormWith("saved").Set("saved", "true").Press("Continue").Follow(), a
}

// adminSignsIn gives password and code on the sign-in page.
func adminSignsIn(page *testkit.Page, login string, a app) *testkit.Page {
	page = page.FormWith("username").Set("username", login).Set("password", adminPassword).Press("Sign in").Follow()
	return page.FormWith("code").Set("code", a.next()).Press("Continue").Follow()
}

func (w *world) inConsole(c *testkit.Client) bool {
	page := c.Get(w.url + "/admin/")
	return page.Status == http.StatusSeeOther && strings.HasPrefix(page.Location().Path, "/admin/s/")
}

// realmNamed puts a tenant into a context.
func (w *world) realmNamed(name string) (context.Context, tenants.Realm) {
	w.t.Helper()
	realm, err := w.tenants.RealmByName(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return tenants.WithRealm(context.Background(), realm), realm
}

// TestFirstRun: from an empty database to a signed-in administrator of the server, who
// has a second factor, by the real pages; and out and in again.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		c := testkit.NewClient(t)
		if page := c.Get(w.url + "/admin/").Follow(); page.Status != http.StatusNotFound || !strings.Contains(page.Text, "twofold admin create") {
			t.Errorf("before: %d %s", page.Status, page.Text)
		}
		link, out := w.firstLink("sue")
		for _, want := range []string{"created tenant system", "created TwoFactor Authenticator app", "created TwoFactor Passkey", "created TwoFactor Recovery codes", "works once"} {
			if !strings.Contains(out, want) {
				t.Errorf("not said: %s in %s", want, out)
			}
		}
		page, a := w.setUpAdmin(c, link, "sue")
		page.Require(http.StatusOK).RequireText("Sue Root", "System administrator")
		if !strings.HasPrefix(page.URL.Path, "/admin/s/") {
			t.Error(page.URL)
		}
		ctx, realm := w.realmNamed("system")
		u, ok, err := w.tenants.PersonByLogin(ctx, "sue")
		if err != nil || !ok {
			t.Fatal(err)
		}
		// He is what the link promised, for package admin too.
		adm := &admin.Admin{DB: w.db, Tenants: w.tenants, Audit: w.audit, Now: w.clock.Now}
		who, err := adm.Who(ctx, admin.Signed{Home: homeOf(realm), UserID: u.ID, AuthTime: w.clock.Now(), ACR: "urn:twofold:acr:aal2"})
		if err != nil || who.Top(homeOf(realm)) != tenants.RoleSystemAdmin || !who.May(admin.SubscriptionCreate, homeOf(tenants.Realm{})) {
			t.Errorf("%+v %v", who, err)
		}
		// Another browser: single sign-on knows nothing of it, all is proven again.
		other := testkit.NewClient(t)
		adminSignsIn(other.Get(w.url+"/admin/?x=1").Follow(), "sue", a).Require(http.StatusOK).RequireText("Sue Root")

		// Out: here, and after a question there.
		page = page.Press("Sign out").Follow()
		page = page.Press("Sign out").Follow()
		if !strings.HasPrefix(page.URL.Path, "/t/system/signin/") {
			t.Errorf("after signing out: %s %s", page.URL, page.Text)
		}
		if w.inConsole(c) || !w.inConsole(other) {
			t.Error("the wrong one is signed out")
		}
		adminSignsIn(page, "sue", a).Require(http.StatusOK).RequireText("Sue Root")

		// A further link names who is there, and nothing is made anew.
		if _, out := w.firstLink(""); !strings.Contains(out, "administrators of the server already: sue\n") || strings.Contains(out, "created") {
			t.Error(out)
		}
		for name, s := range map[string]string{"password": adminPassword, "token of the link": link[strings.Index(link, "link=")+5:], "key": a.secret} {
			if w.logs.Contains(s) || strings.Contains(w.trail(ctx), s) {
				t.Errorf("the %s is in log or trail", name)
			}
		}
	})
}

// trail is all that the audit trail says in the scope of ctx.
func (w *world) trail(ctx context.Context) string {
	w.t.Helper()
	list, err := w.audit.List(ctx, 500)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// TestConsoleSession: the console's session ends with what it stands on, and single
// sign-on brings it back only while the proofs are young.
func TestConsoleSession(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		link, _ := w.firstLink("")
		c := testkit.NewClient(t)
		_, a := w.setUpAdmin(c, link, "sue")
		ctx, _ := w.realmNamed("system")
		u, _, err := w.tenants.PersonByLogin(ctx, "sue")
		if err != nil {
			t.Fatal(err)
		}
		asked := func(page *testkit.Page) bool { return strings.HasPrefix(page.URL.Path, "/t/system/signin/") }

		// A sign-in for the account opens the console without a question, while it is young.
		jar := testkit.NewClient(t)
		adminSignsIn(jar.Get(w.url+"/t/system/account").Follow(), "sue", a).Require(http.StatusOK)
		w.clock.Advance(14 * time.Minute)
		if page := jar.Get(w.url + "/admin/").Follow(); !strings.HasPrefix(page.URL.Path, "/admin/s/") {
			t.Errorf("single sign-on: %s %s", page.URL, page.Text)
		}
		w.clock.Advance(16 * time.Minute)
		page := jar.Get(w.url + "/admin/signin?to=/admin/switch%3Fx").Follow()
		if !asked(page) {
			t.Errorf("an old sign-in opens the console: %s %s", page.URL, page.Text)
		}
		page = adminSignsIn(page, "sue", a)
		if page.URL.Path != "/admin/switch" || page.URL.RawQuery != "x" {
			t.Fatal(page.Status, page.URL)
		}
		w.clock.Advance(14 * time.Minute)
		if !w.inConsole(jar) {
			t.Error("ended early")
		}
		w.clock.Advance(14 * time.Minute)
		if !w.inConsole(jar) {
			t.Error("a session in use ended")
		}
		// Left alone for a quarter of an hour, it asks; the session at the issuer lives.
		w.clock.Advance(15 * time.Minute)
		page = jar.Get(w.url + "/admin/").Follow()
		if !asked(page) {
			t.Errorf("idle: %s %s", page.URL, page.Text)
		}
		adminSignsIn(page, "sue", a).Require(http.StatusOK)

		// A fresh sign-in asks at once, even after a minute.
		page = jar.Get(w.url + "/admin/signin?fresh=1&to=/admin/switch%3Fy").Follow()
		if !asked(page) {
			t.Errorf("fresh: %s %s", page.URL, page.Text)
		}
		if page = adminSignsIn(page, "sue", a); page.URL.Path != "/admin/switch" || page.URL.RawQuery != "y" {
			t.Errorf("fresh: %s %d", page.URL, page.Status)
		}
		// Ended by somebody else, it is over with the next request.
		if _, err := w.idp.EndUser(ctx, u.ID, "operator", "test"); err != nil {
			t.Fatal(err)
		}
		if w.inConsole(jar) || w.inConsole(c) {
			t.Error("a console session outlives the session behind it")
		}
		adminSignsIn(jar.Get(w.url+"/admin/").Follow(), "sue", a).Require(http.StatusOK)
		if err := w.tenants.SetPassword(ctx, u, "another long and quiet sentence", true); err != nil {
			t.Fatal(err)
		}
		if w.inConsole(jar) {
			t.Error("a console session outlives a change of the password")
		}
		if err := w.console.Sweep(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestConsoleNeedsSecondFactor: whatever the tenant asks for, the console asks for more
// than a password.
func TestConsoleNeedsSecondFactor(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.tenant("acme", "anna")
		_, acme := w.realmNamed("acme")
		if err := w.console.EnsureConsole(context.Background(), acme); err != nil {
			t.Fatal(err)
		}
		w.tenants.Forget()
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		p.callback(p.signIn(c, "anna")) // signed in by password alone
		page := c.Get(w.url + "/admin/signin?tenant=acme").Follow()
		if page.Status == http.StatusOK && strings.HasPrefix(page.URL.Path, "/admin/s/") || w.inConsole(c) {
			t.Errorf("a password opens the console: %s %s", page.URL, page.Text)
		}
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", false)
		page = c.Get(w.url + "/admin/signin?tenant=acme").Follow()
		page = page.FormWith("code").Set("code", w.code("anna@example.test")).Press("Continue").Follow()
		page.Require(http.StatusForbidden).RequireText("no role")
		// And the tenant is remembered for the next time.
		if page := c.Get(w.url + "/admin/signin").FollowOnce(); page.URL.Path != "/t/acme/authorize" {
			t.Error(page.URL)
		}
	})
}

// TestOwnClient: the console reaches the server's own addresses and nothing else, and
// what it asks belongs to the request that it asks for.
func TestOwnClient(t *testing.T) {
	t.Parallel()
	var got *http.Request
	c := ownClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		_ = r.ParseForm()
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-B", "too late")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("tea for " + r.PostForm.Get("who")))
	}), "https://id.example.test")
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "v")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://id.example.test/t/x/token?a=1", strings.NewReader("who=sue"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := new(bytes.Buffer)
	_, _ = body.ReadFrom(res.Body)
	if res.StatusCode != http.StatusTeapot || body.String() != "tea for sue" || res.Header.Get("X-A") != "1" || res.Header.Get("X-B") != "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if got.RequestURI != "/t/x/token?a=1" || got.URL.Path != "/t/x/token" || got.Context().Value(key{}) != "v" {
		t.Errorf("%s %s", got.RequestURI, got.URL)
	}
	far := httptest.NewServer(http.NotFoundHandler())
	defer far.Close()
	for _, address := range []string{far.URL, "https://id.example.test.evil.example/", "http://id.example.test/", "https://id.example.test:444/", "https://a@id.example.test/"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := c.Do(r); err == nil {
			_ = res.Body.Close()
			t.Errorf("%s is reached", address)
		}
	}
}

// TestAdminCommand: the command as an operator types it.
func TestAdminCommand(t *testing.T) {
	t.Parallel()
	database := testkit.SQLite(t)
	try := func(args ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = run(append([]string{"admin", "create", "--database", database, "--rsa-bits", "2048"}, args...), &o, &e)
		return code, o.String(), e.String()
	}
	if code, _, errs := try(); code != 1 || !strings.Contains(errs, "--public-url") {
		t.Errorf("without an address: %d %s", code, errs)
	}
	code, first, errs := try("--public-url", "http://localhost:8080/", "--name", "sue")
	if code != 0 || !setupLink.MatchString(first) || strings.Contains(first, "8080//") {
		t.Fatalf("%d %s %s", code, first, errs)
	}
	code, second, _ := try("--public-url", "http://localhost:8080")
	if code != 0 || strings.Contains(second, "created") || setupLink.FindString(first) == setupLink.FindString(second) {
		t.Errorf("%d %s", code, second)
	}
	if slices.Contains(strings.Fields(errs), "link=") {
		t.Error("the link is in the log")
	}
}

func homeOf(r tenants.Realm) db.Scope {
	return db.Scope{Subscription: r.Subscription.ID, Tenant: r.Tenant.ID}
}

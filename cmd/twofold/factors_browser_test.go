package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/internal/testkit/need"
	"twofold/tenants"
)

// newSite is newWorld at a host name, without which browsers have no passkeys, with a
// customer's webhook beside the other services.
func newSite(t *testing.T, databaseURL string) (*world, *fakes.Webhook) {
	t.Helper()
	w, hook := emptySite(t, databaseURL)
	w.sub = tenants.Subscription{Name: "sample", Title: "Sample Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &w.sub))
	w.ids["subscription sample"] = w.sub.ID
	return w, hook
}

// emptySite is a site with nothing in its database.
func emptySite(t *testing.T, databaseURL string) (*world, *fakes.Webhook) {
	t.Helper()
	w := &world{
		t: t, clock: testkit.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), inbox: &fakes.Inbox{}, ids: map[string]string{}, databaseURL: databaseURL,
	}
	var err error
	if w.smtp, err = fakes.StartSMTP(fakes.SMTPOptions{Inbox: w.inbox, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.smtp.Close() })
	w.twilio = &fakes.Twilio{AccountSid: "AC" + strings.Repeat("0", 32), AuthToken: "twilio-token", Inbox: w.inbox, Now: w.clock.Now}
	w.ecall = &fakes.ECall{Account: "ecall", Password: "ecall-password", Inbox: w.inbox, Now: w.clock.Now}
	hook := &fakes.Webhook{Secret: strings.Repeat("hook-secret ", 3), Ask: "number", Now: w.clock.Now}
	mux := http.NewServeMux()
	mux.Handle("/twilio/", http.StripPrefix("/twilio", w.twilio))
	mux.Handle("/ecall/", http.StripPrefix("/ecall", w.ecall))
	mux.Handle("/hook", hook)
	vendors := httptest.NewServer(mux)
	t.Cleanup(vendors.Close)
	w.ids["hook"] = vendors.URL + "/hook"
	srv := httptest.NewUnstartedServer(nil)
	w.url = strings.Replace("http://"+srv.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	log, buf := testkit.Logs(t)
	w.logs = buf
	sealer, err := seal.New(testKey)
	if err != nil {
		t.Fatal(err)
	}
	w.house, err = build(context.Background(), parts{
		DatabaseURL: databaseURL, Seal: sealer, Log: log, Now: w.clock.Now, RSABits: 2048, NewRSA: testkit.RSA, Argon2: hashing(t),
		providerFlags: providerFlags{
			PublicURL: w.url, endpointFlags: endpointFlags{
				EndpointTwilio: vendors.URL + "/twilio", EndpointEcall: vendors.URL + "/ecall",
			}, AllowPrivateAddresses: []string{"127.0.0.0/8"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.work(ctx); close(done) }()
	srv.Config.Handler = w.handler(false, nil)
	srv.Start()
	t.Cleanup(func() { srv.Close(); stop(); <-done; _ = w.close() })
	return w, hook
}

// person is somebody at a real browser who wants to use an app.
type person struct {
	*browser.Browser
	t    *testing.T
	w    *world
	name string
	cb   string // the app's callback
	app  *rp    // of the last request
	lang string // what the app asks for; empty: nothing
	shot string // what pictures of this flow are called; empty: none are taken
}

// at puts a person at a browser, with the tenant "acme" and the app "expenses".
func (w *world) at(t *testing.T, chromium *browser.Browser, name string, users ...tenants.User) *person {
	t.Helper()
	if w.ids["tenant acme"] == "" {
		w.tenant("acme")
		var members []string
		for _, u := range append(users, tenants.User{Name: name}) {
			if w.ids["user "+u.Name] == "" {
				members = append(members, w.user(u))
			}
		}
		w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], members))
	}
	u := &person{Browser: chromium.For(t), t: t, w: w, name: name, cb: landing(t)}
	w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", RedirectURIs: tenants.List{u.cb}})
	return u
}

// tenantWith changes the tenant "acme".
func (w *world) tenantWith(change func(*tenants.Tenant)) {
	w.t.Helper()
	list, err := w.tenants.ListTenants(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range list {
		if v.Name == "acme" {
			change(&v)
			w.must(w.tenants.PutTenant(w.ctx(), &v))
		}
	}
}

// ask opens the app, which sends the browser to sign in.
func (u *person) ask(parameters ...string) {
	u.t.Helper()
	u.app = u.w.rp("acme", "expenses").with("redirect_uri", u.cb)
	if u.lang != "" {
		u.app.with("ui_locales", u.lang)
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		u.app.with(parameters[i], parameters[i+1])
	}
	u.Open(u.app.authorizeURL())
}

// signIn opens the app and gives name and password.
func (u *person) signIn(parameters ...string) {
	u.t.Helper()
	u.ask(parameters...)
	u.password()
}

func (u *person) password() {
	u.t.Helper()
	u.WaitFor(`input[name="password"]`)
	u.Fill("#username", u.name)
	u.Fill("#password", password)
	u.Press("Enter")
}

// arrived waits until the browser is back at the app, and returns the claims that the
// app then gets.
func (u *person) arrived() map[string]any {
	u.t.Helper()
	u.WaitText("Back at the app")
	tok := u.app.token(url.Values{
		"grant_type": {"authorization_code"}, "code": {u.URL().Query().Get("code")}, "redirect_uri": {u.cb}, "code_verifier": {u.app.verifier},
	})
	if tok.Status != http.StatusOK {
		u.t.Fatalf("token: %+v", tok)
	}
	return claims(u.t, tok.IDToken)
}

// requireClaims waits until the browser is back at the app and compares what it gets.
func (u *person) requireClaims(acr string, amr ...string) {
	u.t.Helper()
	cl := u.arrived()
	if cl["acr"] != "urn:twofold:acr:"+acr && cl["acr"] != acr || str(cl["amr"]) != " "+strings.Join(amr, " ") {
		u.t.Errorf("acr %v amr %v, want %s %v", cl["acr"], cl["amr"], acr, amr)
	}
}

// signOut signs out as a person does, from the account page.
func (u *person) signOut() {
	u.t.Helper()
	u.account()
	u.Click(".who a")
	u.WaitFor(`button[value="signout"]`)
	u.picture("sign-out")
	u.Click(`button[value="signout"]`)
	u.picture("signed-out")
}

// account opens the account page.
func (u *person) account() {
	u.t.Helper()
	u.Open(u.w.url + "/t/acme/account")
	u.WaitFor(".panel")
}

// answer gives a code.
func (u *person) answer(code string) {
	u.t.Helper()
	u.Fill(`#answer input[type="text"]`, code)
	u.Press("Enter")
}

// on is the primary button of a page.
func (u *person) on() { u.t.Helper(); u.Click("main .primary") }

// act presses a button of the account page: do on what is called thing.
func (u *person) act(thing, do string) {
	u.t.Helper()
	var sel string
	u.Eval(fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll(".things > li, .adds > form")];
		const row = all.find(e => (e.querySelector(".what") ?? e).innerText.trim() === %q && e.querySelector("button[value=%s]"));
		const button = row?.querySelector("button[value=%s]");
		if (!button) return "";
		button.id = "now";
		return "#now";
	})()`, thing, do, do), &sel)
	if sel == "" {
		u.t.Fatalf("%s of %q is not offered:\n%s", do, thing, u.Text("main"))
	}
	u.Click(sel)
}

// requireFieldError fails unless the page says at a field what is wrong, with the focus
// on it and the title saying so first.
func (u *person) requireFieldError(id, words string) {
	u.t.Helper()
	u.WaitFor("#" + id + "-error")
	if got := u.Text("#" + id + "-error"); !strings.Contains(got, words) {
		u.t.Errorf("error %q, want %q", got, words)
	}
	u.WaitFor("#" + id + ":focus")
	if got := u.Title(); !strings.Contains(got, ": ") {
		u.t.Errorf("the title does not begin with the error: %q", got)
	}
}

// appCode is what an authenticator app shows for a key, by another implementation.
func (u *person) appCode(key string) string {
	u.t.Helper()
	oathtool := need.Command(u.t, "oathtool", "apt-get install oathtool")
	key = strings.ReplaceAll(key, " ", "")
	out, err := exec.Command(oathtool, "--totp", "-b", "-N", u.w.clock.Now().Format("2006-01-02 15:04:05 UTC"), key).CombinedOutput() //nolint:gosec // a test's own key
	if err != nil {
		u.t.Fatalf("oathtool: %v %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// nextStep lets the authenticator app show a new code.
func (u *person) nextStep() { u.w.clock.Advance(30 * time.Second) }

var linkInMail = regexp.MustCompile(`http://localhost:\d+/\S+`)

// mail waits for a mail to an address that says something.
func (u *person) mail(to, words string) fakes.Message {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := u.w.inbox.Wait(ctx, func(m fakes.Message) bool {
		return m.To == to && strings.Contains(m.Subject+"\n"+m.Text, words)
	})
	if err != nil {
		u.t.Fatalf("no mail to %s with %q: %v\n%v", to, words, err, u.w.inbox.Messages())
	}
	return m
}

// picture takes pictures of the page, for people to look at.
func (u *person) picture(name string) {
	u.t.Helper()
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" || u.shot == "" {
		return
	}
	for _, width := range []int{320, 390, 1280} {
		u.Screenshot(fmt.Sprintf("%s-%s-%d-light", u.shot, name, width), width, 0, false)
		if width > 320 {
			u.Screenshot(fmt.Sprintf("%s-%s-%d-dark", u.shot, name, width), width, 0, true)
		}
	}
}

// fits fails if something sticks out of the page on the smallest phone, which is also
// what 400 % zoom makes of a desk's screen.
func (u *person) fits() {
	u.t.Helper()
	u.SetViewport(320, 640)
	var over int
	u.Eval("document.documentElement.scrollWidth - innerWidth", &over)
	if over > 0 {
		u.t.Errorf("%s: %d pixels stick out at 320", u.URL().Path, over)
	}
	u.SetViewport(1280, 800)
}

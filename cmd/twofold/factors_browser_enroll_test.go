package main

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
)

// withApp requires an authenticator app of everybody at acme, and offers recovery codes.
func withApp(t *testing.T, db string) *world {
	w, _ := newSite(t, db)
	w.factorWith("Authenticator app", "totp", true, map[string]any{})
	w.factorWith("Recovery codes", "recovery", true, map[string]any{})
	w.factor("E-mail", "email") // sends what the house has to say
	return w
}

func (w *world) require(target string, required ...string) {
	for _, f := range required {
		w.assign(f, target, true)
	}
}

// setUpApp goes through the page that sets up an authenticator app and returns its key.
func (u *person) setUpApp() (key string) {
	u.t.Helper()
	u.WaitFor("svg.qr")
	key = u.Text("#keep li")
	u.picture("app")
	u.fits()
	u.answer("000000")
	u.requireFieldError("f-code", "")
	u.picture("app-wrong")
	if again := u.Text("#keep li"); again != key {
		u.t.Errorf("after a wrong code there is another key")
	}
	u.answer(u.appCode(key))
	return key
}

// saveCodes goes through the page with the recovery codes, and returns them.
func (u *person) saveCodes() []string {
	u.t.Helper()
	u.WaitFor("#f-saved")
	codes := strings.Fields(u.Text("#keep"))
	if len(codes) != 8 {
		u.t.Fatalf("codes: %v", codes)
	}
	u.picture("codes")
	u.fits()
	u.on() // without the box
	u.requireFieldError("f-saved", "")
	name, file := u.Download("a[download]")
	if want := strings.Join(codes, "\r\n") + "\r\n"; name != "acme-codes.txt" || !strings.HasSuffix(string(file), want) {
		u.t.Errorf("%s holds %q", name, file)
	}
	u.Click("#f-saved")
	u.on()
	return codes
}

// flow is one flow of a person, in one manner.
type flow struct {
	name     string
	lang     string
	noScript bool
}

// flows are with script, and without in the other languages.
func flows() []flow {
	return []flow{{"script", "", false}, {"no script", "de", true}, {"French", "fr", true}, {"Italian", "it", false}}
}

// as puts a person at a browser in the manner of a flow.
func (f flow) as(t *testing.T, w *world, chromium *browser.Browser, name string, users ...tenants.User) *person {
	t.Helper()
	u := w.at(t, chromium, name, users...)
	u.lang = f.lang
	if f.noScript {
		u.DisableScript()
	}
	return u
}

// TestBrowserSetUpApp: who has no second factor sets up an authenticator app in the
// sign-in, gets recovery codes, and signs in with the app the next time.
func TestBrowserSetUpApp(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	run := func(t *testing.T, db string, f flow) {
		w := withApp(t, db)
		u := f.as(t, w, chromium, "anna")
		w.require("tenant acme", "Authenticator app", "Recovery codes")
		if f.name == "script" || f.name == "Italian" {
			u.shot = "setup-" + u.lang
		}
		u.signIn()
		key := u.setUpApp()
		u.saveCodes()
		u.requireClaims("aal2", "pwd", "otp", "mfa")
		u.mail("anna@example.test", "")
		u.signOut()
		u.nextStep()
		u.signIn()
		u.WaitFor("#f-code")
		u.picture("challenge")
		u.answer(u.appCode(key))
		u.requireClaims("aal2", "pwd", "otp", "mfa")
		u.RequireClean(t)
	}
	testkit.EachDatabase(t, func(t *testing.T, db string) { run(t, db, flows()[0]) })
	for _, f := range flows()[1:] {
		t.Run(f.name, func(t *testing.T) { run(t, testkit.SQLite(t), f) })
	}
}

// withPasskey requires a passkey of everybody at acme.
func withPasskey(t *testing.T, db string) *world {
	w, _ := newSite(t, db)
	w.factorWith("Passkey", "webauthn", true, map[string]any{"RelyingPartyName": "Acme"})
	return w
}

// TestBrowserPasskey: a passkey is set up in the sign-in, asked for in the next one,
// and then signs in by itself where the tenant wants that.
func TestBrowserPasskey(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := withPasskey(t, db)
		u := w.at(t, browser.New(t), "anna")
		w.require("tenant acme", "Passkey")
		u.shot = "passkey"
		device := u.AddAuthenticator()
		u.signIn()
		u.WaitText("Set up a passkey")
		u.picture("create")
		device.VerifyUser(false)
		u.on()
		u.WaitText("The passkey was not used")
		u.picture("create-cancelled")
		device.VerifyUser(true)
		u.on()
		u.requireClaims("phr", "pwd", "hwk", "user", "mfa")
		if keys := device.Passkeys(); len(keys) != 1 || keys[0].RelyingParty != "localhost" {
			t.Errorf("passkeys on the device: %+v", keys)
		}
		u.signOut()

		// As a second factor it is asked for at once; a cancelled prompt can be tried again.
		device.VerifyUser(false)
		u.signIn()
		u.WaitFor("#answer[data-prompt]")
		u.picture("challenge")
		u.on()
		u.WaitText("The passkey was not used")
		u.picture("challenge-cancelled")
		device.VerifyUser(true)
		u.on()
		u.requireClaims("phr", "pwd", "hwk", "user", "mfa")
		u.signOut()

		// Alone.
		w.tenantWith(func(v *tenants.Tenant) { v.PasskeySignIn = true })
		u.ask()
		u.WaitText("Sign in with a passkey")
		u.picture("signin")
		u.ClickText("Sign in with a passkey")
		u.WaitFor("#answer[data-prompt]")
		u.picture("identify")
		u.on()
		u.requireClaims("phr", "hwk", "user", "mfa")
		u.RequireClean(t)
	})
}

// TestBrowserLostPhone: the help desk takes away a lost app; its code comes before a new
// one is set up.
func TestBrowserLostPhone(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range flows()[:2] {
		t.Run(f.name, func(t *testing.T) {
			w := withApp(t, testkit.SQLite(t))
			u := f.as(t, w, chromium, "anna")
			w.require("tenant acme", "Authenticator app")
			u.signIn()
			old := u.setUpApp()
			u.arrived()
			u.signOut()
			code := w.reset("anna")
			if f.name == "script" {
				u.shot = "lost"
			}
			u.signIn()
			u.WaitFor("#bypass")
			u.picture("bypass")
			u.fits()
			u.Fill("#bypass", "ABCD-EFGH-JKMN")
			u.Press("Enter")
			u.requireFieldError("bypass", "")
			u.picture("bypass-wrong")
			u.Fill("#bypass", strings.ToLower(code))
			u.Press("Enter")
			u.nextStep()
			if key := u.setUpApp(); key == old {
				t.Error("the old key is back")
			}
			u.requireClaims("aal2", "pwd", "bypass", "otp", "mfa")
			u.RequireClean(t)
		})
	}
}

// reset is what a help desk does for somebody who has lost his second factor.
func (w *world) reset(name string) (code string) {
	w.t.Helper()
	ctx, id := w.in("acme"), w.ids["user "+name]
	err := w.db.Tx(ctx, func(ctx context.Context) error {
		if _, err := w.ceremony.RemoveAll(ctx, id); err != nil {
			return err
		}
		if err := w.tenants.SetProveFirst(ctx, id, true); err != nil {
			return err
		}
		return w.tenants.RaiseEpoch(ctx, id)
	})
	if err == nil {
		code, _, err = w.ceremony.IssueBypass(ctx, id)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// TestBrowserEnrolLink: setting up begins with a mailed link, which counts in the
// browser that the sign-in is in, and in no other.
func TestBrowserEnrolLink(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range flows()[:2] {
		t.Run(f.name, func(t *testing.T) {
			w, _ := newSite(t, testkit.SQLite(t))
			w.factorWith("Authenticator app", "totp", true, map[string]any{"EnrollBy": "email-link"})
			w.factor("E-mail", "email")
			u := f.as(t, w, chromium, "anna")
			w.require("tenant acme", "Authenticator app")
			if f.name == "script" {
				u.shot = "link"
			}
			u.signIn()
			u.WaitFor(`button[value="enroll"]`)
			u.picture("sent")
			link := linkInMail.FindString(u.mail("anna@example.test", "http://localhost").Text)
			other := w.at(t, chromium, "anna")
			w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses", RedirectURIs: tenants.List{u.cb}})
			other.shot = u.shot
			other.Open(link)
			other.WaitText("This sign-in began in another browser")
			other.picture("other-browser")
			u.Open(link)
			u.WaitFor(`button[value="link"]`)
			u.picture("opened")
			u.on()
			u.setUpApp()
			u.requireClaims("aal2", "pwd", "otp", "mfa")
			u.Open(link)
			u.WaitURL(func(*url.URL) bool { return true })
			if u.Status() < 400 {
				t.Errorf("a link that was used: %d %s", u.Status(), u.Text("main"))
			}
			u.picture("used")
		})
	}
}

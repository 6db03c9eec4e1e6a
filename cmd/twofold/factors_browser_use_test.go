package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
)

// some are the flows in both manners, one of them in another language.
func some(lang string) []flow {
	return []flow{flows()[0], {"no script", lang, true}}
}

// methods are the names on the page that lists them, in order.
func (u *person) methods() (names []string) {
	u.t.Helper()
	u.WaitFor(".methods")
	u.Eval(`[...document.querySelectorAll(".methods .what")].map(e => e.innerText.trim())`, &names)
	return names
}

// pick chooses one of them.
func (u *person) pick(name string) {
	u.t.Helper()
	for i, n := range u.methods() {
		if n == name {
			u.Click(".methods li:nth-child(" + string(rune('1'+i)) + ") button")
			return
		}
	}
	u.t.Fatalf("%s is not offered: %v", name, u.methods())
}

func (u *person) another() { u.t.Helper(); u.Click(`button[value="choose"]`) }

// TestBrowserRecovery: a recovery code takes the place of a lost app, once; its owner is
// told, and makes a new set on the account page.
func TestBrowserRecovery(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range some("it") {
		t.Run(f.name, func(t *testing.T) {
			w := withApp(t, testkit.SQLite(t))
			u := f.as(t, w, chromium, "anna")
			w.require("tenant acme", "Authenticator app", "Recovery codes")
			u.signIn()
			key := u.setUpApp()
			codes := u.saveCodes()
			u.arrived()
			u.signOut()
			if f.name == "script" {
				u.shot = "recovery"
			}

			u.signIn()
			u.another()
			u.picture("choose")
			u.pick("Recovery codes")
			u.WaitFor("#f-code")
			u.picture("challenge")
			u.answer(strings.ToLower(strings.ReplaceAll(codes[0], "-", " ")))
			u.requireClaims("aal2", "pwd", "otp", "mfa")
			if m := u.mail("anna@example.test", "7"); m.Subject == "" {
				t.Error("the notice has no subject")
			}

			// A new set asks for a fresh proof; the code used is worth nothing any more.
			w.clock.Advance(6 * time.Minute)
			u.account()
			u.picture("account")
			u.Click(".panel:nth-of-type(2) .adds button")
			u.password()
			u.another()
			u.pick("Recovery codes")
			u.answer(codes[0])
			u.requireFieldError("f-code", "")
			u.picture("challenge-used")
			u.another()
			u.pick("Authenticator app")
			u.answer(u.appCode(key))
			renewed := u.saveCodes()
			u.WaitFor(".panel")
			if slices.Contains(renewed, codes[1]) {
				t.Error("the new set has a code of the old one")
			}
			u.signOut()
			u.signIn()
			u.another()
			u.pick("Recovery codes")
			u.answer(codes[1])
			u.requireFieldError("f-code", "")
			u.answer(renewed[0])
			u.requireClaims("aal2", "pwd", "otp", "mfa")
		})
	}
}

// TestBrowserAnotherMethod: all methods are offered, the strongest first, and the one
// used last first among equals.
func TestBrowserAnotherMethod(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	w, _ := newSite(t, testkit.SQLite(t))
	for _, f := range [][2]string{{"Passkey", "webauthn"}, {"Authenticator app", "totp"}, {"Recovery codes", "recovery"}} {
		w.factorWith(f[0], f[1], true, map[string]any{})
	}
	w.factor("SMS", "twilio")
	w.factor("Text message", "ecall")
	w.factor("E-mail", "email")
	u := w.at(t, chromium, "anna")
	u.shot = "methods"
	device := u.AddAuthenticator()
	w.require("tenant acme", "Passkey")
	u.signIn()
	u.WaitFor("#answer[data-prompt]")
	u.on()
	u.arrived()
	for _, f := range []string{"Authenticator app", "Recovery codes", "SMS", "Text message", "E-mail"} {
		w.assign(f, "tenant acme", false)
	}
	u.account()
	u.picture("account")
	u.act("Add Authenticator app", "add")
	if u.Has("#answer[data-prompt]") {
		u.on()
	}
	key := u.setUpApp()
	codes := u.saveCodes()
	u.WaitFor(".panel")
	u.picture("account-more")

	u.signOut()
	device.VerifyUser(false)
	u.signIn()
	u.WaitFor("#answer[data-prompt]")
	u.on()
	u.WaitText("The passkey was not used")
	u.picture("passkey-cancelled")
	u.another()
	want := []string{"Passkey", "Authenticator app", "SMS", "Text message", "E-mail", "Recovery codes"}
	if got := u.methods(); !slices.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
	u.picture("choose")
	u.fits()
	u.pick("E-mail")
	u.WaitFor("#f-code")
	u.picture("mail")
	u.another()
	u.pick("SMS")
	u.WaitFor("#f-code")
	u.picture("sms")
	u.answer(w.code(w.phone("anna")))
	u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
	u.signOut()

	u.signIn()
	u.WaitFor("#answer[data-prompt]")
	u.another()
	want = []string{"Passkey", "SMS", "Authenticator app", "Text message", "E-mail", "Recovery codes"}
	if got := u.methods(); !slices.Equal(got, want) {
		t.Errorf("after SMS offered %v, want %v", got, want)
	}
	u.picture("choose-last")
	u.pick("Recovery codes")
	u.answer(codes[3])
	u.requireClaims("aal2", "pwd", "otp", "mfa")
	u.signOut()
	u.nextStep()
	u.signIn()
	u.another()
	u.pick("Authenticator app")
	u.answer(u.appCode(key))
	u.requireClaims("aal2", "pwd", "otp", "mfa")
	u.signOut()

	// Without script the page of the passkey says so, and the others work.
	u.DisableScript()
	u.signIn()
	u.WaitFor("noscript")
	u.picture("passkey-no-script")
	u.another()
	u.pick("E-mail")
	u.answer(w.code("anna@example.test"))
	u.requireClaims("2fa", "pwd", "email", "mca")
}

// TestBrowserRemembered: a remembered browser is not asked where a rule asks, but still
// where an app demands strength; until it is forgotten.
func TestBrowserRemembered(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range some("fr") {
		t.Run(f.name, func(t *testing.T) {
			w, _ := newSite(t, testkit.SQLite(t))
			w.factor("SMS", "twilio")
			w.factor("E-mail", "email")
			u := f.as(t, w, chromium, "anna")
			w.tenantWith(func(v *tenants.Tenant) { v.RememberDays = 30 })
			w.assign("SMS", "tenant acme", true)
			if f.name == "script" {
				u.shot = "remember"
			}
			u.signIn()
			u.WaitFor("#remember")
			u.picture("challenge")
			u.fits()
			u.Click("#remember")
			used := w.code(w.phone("anna"))
			u.answer(used)
			u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
			u.signOut()
			u.signIn()
			u.requireClaims("1fa", "pwd")
			u.signOut()
			w.clock.Advance(time.Minute)
			u.signIn("acr_values", "urn:twofold:acr:aal2")
			u.WaitFor("#f-code")
			if u.Has("#remember") {
				t.Error("a step-up offers to be left out")
			}
			step := w.newCode(w.phone("anna"), used)
			u.answer(step)
			u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
			u.account()
			u.picture("account")
			u.Click(`button[value="forget"]`)
			u.WaitFor(".panel")
			if u.Has(`button[value="forget"]`) {
				t.Error("the browser is still remembered")
			}
			u.signOut()
			w.clock.Advance(time.Minute)
			u.signIn()
			u.WaitFor("#f-code")
			u.answer(w.newCode(w.phone("anna"), used, step))
			u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
		})
	}
}

// TestBrowserReset: a forgotten password is chosen anew by a mailed link, and the second
// factor is asked for as ever.
func TestBrowserReset(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range some("de") {
		t.Run(f.name, func(t *testing.T) {
			w, _ := newSite(t, testkit.SQLite(t))
			w.factor("SMS", "twilio")
			w.factor("E-mail", "email")
			u := f.as(t, w, chromium, "anna")
			w.assign("SMS", "tenant acme", true)
			if f.name == "script" {
				u.shot = "reset"
			}
			u.ask()
			u.Click(`.ways a[href$="/reset"]`)
			u.WaitFor("#username")
			u.picture("ask")
			u.on()
			u.requireFieldError("username", "")
			u.Fill("#username", "anna")
			u.Press("Enter")
			u.WaitURL(func(at *url.URL) bool { return strings.HasSuffix(at.Path, "/reset/sent") })
			u.picture("sent")
			link := linkInMail.FindString(u.mail("anna@example.test", "http://localhost").Text)
			u.Open(link)
			u.WaitFor("#password")
			u.picture("password")
			u.Fill("#password", "password")
			u.Press("Enter")
			u.requireFieldError("password", "")
			u.picture("password-wrong")
			const chosen = "another horse altogether"
			u.Fill("#password", chosen)
			u.Press("Enter")
			u.WaitFor("a.primary")
			u.picture("done")
			u.Open(link)
			if u.Status() != 410 {
				t.Errorf("the link a second time: %d", u.Status())
			}
			u.picture("twice")

			u.ask()
			u.WaitFor("#password")
			u.Fill("#username", "anna")
			u.Fill("#password", password)
			u.Press("Enter")
			u.requireFieldError("password", "")
			u.Fill("#password", chosen)
			u.Press("Enter")
			u.WaitFor("#f-code")
			u.answer(w.code(w.phone("anna")))
			u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
		})
	}
}

// TestBrowserNumber: a phone number is proven in the sign-in. What codes cannot go to is
// refused in words.
func TestBrowserNumber(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range some("fr") {
		t.Run(f.name, func(t *testing.T) {
			w, _ := newSite(t, testkit.SQLite(t))
			w.factor("SMS", "twilio")
			w.factor("E-mail", "email")
			u := f.as(t, w, chromium, "carla", tenants.User{Name: "carla", Phone: "none"})
			w.assign("SMS", "tenant acme", true)
			if f.name == "script" {
				u.shot = "number"
			}
			u.signIn()
			u.WaitFor("#address")
			u.picture("ask")
			u.fits()
			for _, bad := range [][2]string{
				{"12", "This is not a phone number"},
				{"+41 44 668 18 00", "Codes can only go to a mobile phone"},
				{"+41 900 112 233", ""},
				{"+44 7400 123456", "We cannot send codes to this country"},
			} {
				u.Fill("#address", bad[0])
				u.Press("Enter")
				words := bad[1]
				if f.lang != "" {
					words = ""
				}
				u.requireFieldError("address", words)
			}
			u.picture("wrong")
			u.Fill("#address", "079 123 45 67")
			u.Press("Enter")
			u.WaitFor("#f-code")
			u.picture("code")
			u.answer(w.code("+41791234567"))
			u.requireClaims("aal2", "pwd", "sms", "mca", "mfa")
			u.mail("carla@example.test", "")
			u.RequireClean(t)
		})
	}
}

// TestBrowserWebhook: a customer's app shows numbers to match. The page goes on by
// itself once the right one is confirmed, and by its button without script.
func TestBrowserWebhook(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range flows()[:2] {
		t.Run(f.name, func(t *testing.T) {
			w, hook := newSite(t, testkit.SQLite(t))
			w.factorWith("Acme app", "webhook", true, map[string]any{"Url": w.ids["hook"], "SigningSecret": hook.Secret, "Mode": "decide"})
			u := f.as(t, w, chromium, "anna")
			w.assign("Acme app", "tenant acme", true)
			if f.name == "script" {
				u.shot = "hook"
			}
			u.signIn()
			last := func(kind string) (call fakes.WebhookCall) {
				for _, c := range hook.Calls() {
					if c.Type == kind {
						call = c
					}
				}
				return call
			}
			number := last("start").Number
			u.WaitText(number)
			u.picture("number")
			u.on() // nothing is confirmed yet
			u.WaitFor("[role=alert]")
			u.picture("not-yet")
			u.Open(u.URL().String())
			hook.Confirm(last("check").Reference, number)
			if f.noScript {
				u.on()
			}
			u.requireClaims("2fa", "pwd", "mca")
		})
	}
}

package main

import (
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// TestBrowserFirstRun: a person with a browser goes from the link that the command
// prints to the console, and sets up an authenticator app on the way; then signs out and
// in again. Nothing of it needs script.
func TestBrowserFirstRun(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range flows()[:2] {
		t.Run(f.name, func(t *testing.T) {
			w, _ := newSite(t, testkit.SQLite(t))
			u := &person{Browser: chromium.For(t), t: t, w: w, name: "sue"}
			if f.noScript {
				u.DisableScript()
			} else {
				u.shot = "firstrun"
			}
			link, _ := w.firstLink("sue")
			u.Open(w.url + "/admin/")
			u.WaitText("Sign in") // the tenant is there, but nobody in it yet
			u.Open(link)
			u.WaitText("Set up your account")
			u.picture("setup")
			u.fits()
			u.Fill("#f-display_name", "Sue Root")
			u.Fill("#f-password", "short")
			u.on()
			u.requireFieldError("f-password", "at least 12 characters")
			u.picture("setup-wrong")
			u.fits()
			if strings.Contains(u.URL().String(), "link=") {
				t.Error("the link is in the address after the form was sent:", u.URL())
			}
			u.Fill("#f-password", adminPassword)
			u.on()

			u.consoleSignIn()
			u.WaitText("Authenticator app")
			u.picture("choose")
			u.ClickText("Authenticator app")
			key := u.setUpApp()
			u.consoleCodes()
			u.WaitText("System administrator")
			u.WaitText("Sue Root")
			u.picture("home")
			u.fits()
			if got := u.URL().Path; !strings.HasPrefix(got, "/admin/s/") {
				t.Error(got)
			}

			u.ClickText("Sign out")
			u.WaitFor(`button[value="signout"]`)
			u.picture("sign-out")
			u.Click(`button[value="signout"]`)
			u.nextStep()
			u.consoleSignIn()
			u.WaitFor("#f-code")
			u.answer(u.appCode(key))
			u.WaitText("Sue Root")

			// The link is over, and says what to do.
			u.Open(link)
			u.WaitText("twofold admin create")
			u.picture("link-over")
			u.RequireClean(t)
		})
	}
}

// consoleSignIn gives name and password of the administrator.
func (u *person) consoleSignIn() {
	u.t.Helper()
	u.WaitFor(`#username`)
	u.Fill("#username", u.name)
	u.Fill("#password", adminPassword)
	u.Press("Enter")
}

// consoleCodes keeps the recovery codes.
func (u *person) consoleCodes() {
	u.t.Helper()
	u.WaitFor("#f-saved")
	u.picture("codes")
	u.Click("#f-saved")
	u.on()
}

package main

import (
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// TestBrowserAccount: a person looks after his second factors, addresses and sessions.
func TestBrowserAccount(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for _, f := range some("de") {
		t.Run(f.name, func(t *testing.T) {
			w := withApp(t, testkit.SQLite(t))
			w.factor("SMS", "twilio")
			u := f.as(t, w, chromium, "anna")
			w.require("tenant acme", "Authenticator app")
			w.assign("Recovery codes", "tenant acme", false)
			if f.name == "script" {
				u.shot = "account"
			}
			u.signIn()
			key := u.setUpApp()
			u.saveCodes()
			u.arrived()
			u.account()
			u.picture("fresh")
			u.fits()
			item := func() string { return u.Text(".things .what") }
			first := item()

			// The last one that is required stays.
			u.act(first, "remove")
			u.WaitFor(".solid")
			u.picture("remove")
			u.fits()
			u.Click(".solid")
			u.WaitFor("[role=alert]")
			u.picture("remove-last")
			if item() != first {
				t.Fatalf("the last factor is gone")
			}

			w.assign("E-mail", "tenant acme", false)
			w.assign("SMS", "tenant acme", false)
			// A second app, by proving the first.
			w.clock.Advance(6 * time.Minute)
			u.Click(".panel:first-of-type .adds button")
			u.password()
			u.WaitFor("#f-code")
			u.answer(u.appCode(key))
			another := u.setUpApp()
			u.WaitFor(".panel")
			u.act(first, "rename")
			u.WaitFor("#name")
			u.picture("rename")
			u.Fill("#name", "")
			u.Press("Enter")
			u.requireFieldError("name", "")
			u.Fill("#name", "Phone of Anna")
			u.Press("Enter")
			u.WaitText("Phone of Anna")
			u.act("Phone of Anna", "prefer")
			u.WaitFor(".badge")
			u.picture("two")
			u.fits()

			// Its clock is off by five minutes.
			u.act("Phone of Anna", "resync")
			u.WaitFor("#f-next")
			u.picture("resync")
			now := w.clock.Now()
			w.clock.Advance(5 * time.Minute)
			one := u.appCode(key)
			w.clock.Advance(30 * time.Second)
			two := u.appCode(key)
			w.clock.Set(now)
			u.Fill("#f-code", one)
			u.Fill("#f-next", one)
			u.Press("Enter")
			u.requireFieldError("f-code", "")
			u.Fill("#f-code", one)
			u.Fill("#f-next", two)
			u.Press("Enter")
			u.WaitFor(".panel")

			u.act("Phone of Anna", "remove")
			u.Click(".solid")
			u.WaitFor(".panel")
			if strings.Contains(u.Text("main"), "Phone of Anna") {
				t.Error("what was removed is still there")
			}
			u.mail("anna@example.test", "Phone of Anna")

			// Another address: notices go to the old and the new.
			u.Click(`input[value="prove email"] + button`)
			u.WaitFor("#address")
			u.picture("mail")
			u.Fill("#address", "anna.new@example.test")
			u.Press("Enter")
			u.WaitFor("#f-code")
			u.picture("mail-code")
			u.answer(w.code("anna.new@example.test"))
			u.WaitText("anna.new@example.test")
			u.mail("anna@example.test", "")
			u.mail("anna.new@example.test", "")

			// Other browsers of hers.
			w.nextSteps(10)
			other := w.at(t, chromium, "anna")
			other.signIn()
			other.WaitFor("#f-code")
			other.answer(other.appCode(another))
			other.WaitText("Back at the app")
			third := w.at(t, chromium, "anna")
			w.nextSteps(1)
			third.signIn()
			third.WaitFor("#f-code")
			third.answer(third.appCode(another))
			third.WaitText("Back at the app")
			third.account()
			third.shot = u.shot
			third.picture("sessions")
			third.Click(`button[value="end"]`)
			third.WaitFor(".panel")
			third.Click(`.adds button[value="end"]`)
			third.WaitFor(".panel")
			if third.Has(`button[value="end"]`) {
				t.Error("there are other sessions still")
			}
			third.picture("activity")
			for _, b := range []*person{u, other} {
				b.Open(w.url + "/t/acme/account")
				b.WaitFor("#password")
			}
			third.RequireClean(t)
		})
	}
}

func (w *world) nextSteps(n time.Duration) { w.clock.Advance(n * 30 * time.Second) }

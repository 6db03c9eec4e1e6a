package main

import (
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// TestBrowserPeople: an administrator goes through the pages about people and sign-in.
func TestBrowserPeople(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	w, _ := newSite(t, testkit.SQLite(t))
	u := &person{Browser: chromium.For(t), t: t, w: w, name: "sue"}
	u.intoConsole()
	u.shot = "people"
	base := w.url + "/admin/s/" + w.firstSubscription() + "/"
	look := func(name, path string) {
		t.Helper()
		u.Open(base + path)
		u.WaitFor("h1")
		u.picture(name)
		u.fits()
	}
	look("groups-none", "groups")
	look("app-type", "client-apps/new")

	// A tenant, with its sign-in page drawn as the form is filled in.
	u.Open(base + "tenants/new")
	u.Fill("#f-name", "acme")
	u.Fill("#f-title", "Acme Industries")
	u.Fill("#f-accent", "#0a7d4f")
	var sheet bool
	u.Eval(`new Promise((done) => setTimeout(() => done(document.querySelector('link[data-sample-sheet][href$="0a7d4f.css"]') !== null), 600))`, &sheet)
	if !sheet {
		t.Error("the sample does not follow the accent")
	}
	if got := u.Text("[data-sample=name]"); got != "Acme Industries" {
		t.Errorf("the sample says %q", got)
	}
	u.Fill("#f-session_seconds", "soon")
	u.on()
	u.requireFieldError("f-session_seconds", "such as 30 minutes")
	u.picture("tenant-wrong")
	u.Fill("#f-session_seconds", "8 hours")
	u.Fill("#f-sms_countries", "CH DE")
	u.on()
	u.WaitText("Tenant created.")
	u.picture("tenant")
	u.fits()
	tenant := strings.TrimPrefix(u.URL().String(), base)
	look("logo", tenant+"/logo")
	look("tenant-delete", tenant+"/delete")
	look("tenants", "tenants")
	look("idp-new", "idps/new")
	look("idps", "idps")

	// An app of it, with a secret.
	u.Open(base + "client-apps/new?type=web")
	u.Fill("#f-name", "expenses")
	u.Fill("#f-title", "Expenses")
	u.Fill("#f-redirect_uris", "http://expenses.example/callback\nexpenses")
	u.Click("#f-require_pkce")
	u.on()
	u.requireFieldError("f-redirect_uris", "must use https")
	u.picture("app-wrong")
	u.fits()
	u.Fill("#f-redirect_uris", "https://expenses.example/callback")
	u.on()
	u.WaitText("Client app created.")
	app := strings.TrimPrefix(u.URL().String(), base)
	u.Eval("document.querySelector('#f-tenants').value = [...document.querySelectorAll('#f-tenants option')].find(o => o.text === 'acme').value", nil)
	u.Click("#tenants form.mini button")
	u.WaitText("Added.")
	u.Open(base + app + "/secrets/new")
	u.on()
	u.WaitText("shown once")
	u.picture("secret")
	u.fits()
	look("app", app)
	look("apps", "client-apps")

	// A user, with what a help desk does.
	u.Open(base + "users/new")
	u.Fill("#f-name", "nora.with.a.rather.long.login.name@subsidiary.acme.example")
	u.Fill("#f-display_name", "Nora Neumann-Hochstrasser")
	u.Fill("#f-email", "nora@acme.example")
	u.Click("#f-email_verified")
	u.Fill("#f-phone", "+41791234567")
	u.Click("#f-phone_verified")
	u.Fill("#f-password", "short")
	u.on()
	u.WaitFor("[role=alert]")
	u.picture("user-wrong")
	u.fits()
	u.Fill("#f-password", password)
	u.Click("#f-tenants-0")
	u.on()
	u.WaitText("User created.")
	user := strings.TrimPrefix(u.URL().String(), base)
	u.picture("user")
	u.fits()
	look("user-edit", user+"/edit")
	look("reset", user+"/reset")
	look("password", user+"/password")
	look("unlock", user+"/unlock")
	u.Open(base + user + "/bypass")
	u.picture("bypass")
	u.Fill("#f-reason", "lost the phone on the train")
	u.on()
	u.WaitText("shown once")
	u.picture("bypass-shown")
	u.fits()
	u.Open(base + "users/new")
	u.Click("#f-kind-1")
	u.Fill("#f-name", "robot")
	u.on()
	u.WaitText("User created.")
	u.picture("machine")
	u.Open(base + "groups/new")
	u.Fill("#f-name", "Board")
	u.on()
	u.WaitText("Group created.")
	u.Fill("#f-members", "robot")
	u.Click("#members form.mini button")
	u.WaitText("Added.")
	u.picture("group")
	u.fits()

	// Many at once.
	look("users", "users")
	u.Open(base + "users")
	u.Click("[data-pick-all]")
	u.picture("users-chosen")
	u.Click("#bulk button")
	u.WaitText("What is lost")
	u.picture("bulk")
	u.fits()
	u.Click("main .solid")
	u.WaitText("1 failed")
	u.picture("bulk-done")
	u.fits()
	u.RequireClean(t)
}

// intoConsole makes the first administrator by the link and signs him in.
func (u *person) intoConsole() {
	u.t.Helper()
	link, _ := u.w.firstLink("sue")
	u.Open(link)
	u.WaitFor("#f-display_name")
	u.Fill("#f-display_name", "Sue Root")
	u.Fill("#f-password", adminPassword)
	u.on()
	u.consoleSignIn()
	u.WaitText("Authenticator app")
	u.ClickText("Authenticator app")
	u.setUpApp()
	u.consoleCodes()
	u.WaitText("Sue Root")
}

func (w *world) firstSubscription() string {
	_, realm := w.realmNamed("system")
	return realm.Subscription.ID
}

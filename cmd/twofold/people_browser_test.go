package main

import (
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// TestBrowserPeople: an administrator goes through the pages about people and sign-in.
func TestBrowserPeople(t *testing.T) {
	chromium := browser.New(t)
	w, _ := newSite(t, testkit.SQLite(t))
	u := &person{Browser: chromium.For(t), t: t, w: w, name: "sue"}
	u.intoConsole()
	u.shot = "people"
	base := "/admin/s/" + w.firstSubscription() + "/"
	look := func(name, path string) {
		t.Helper()
		u.Open(w.url + base + path)
		u.WaitFor("h1")
		u.picture(name)
		u.fits()
	}
	look("tenants", "tenants")
	look("tenant-new", "tenants/new")
	look("idps", "idps")
	look("apps", "client-apps")
	look("app-type", "client-apps/new")
	look("app-new-web", "client-apps/new?type=web")
	look("users", "users")
	look("user-new", "users/new")
	look("groups", "groups")
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

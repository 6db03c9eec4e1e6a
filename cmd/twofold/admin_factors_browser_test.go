package main

import (
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
)

// TestBrowserTwoFactorPages goes through the pages of second factors with a browser: in
// every state nothing sticks out, nothing complains, and axe-core has nothing serious
// against them.
func TestBrowserTwoFactorPages(t *testing.T) {
	t.Parallel()
	w, _ := newSite(t, testkit.SQLite(t))
	u := &person{Browser: browser.New(t), t: t, w: w, name: "sue", shot: "factors"}
	link, _ := w.firstLink("sue")
	u.Open(link)
	u.WaitText("Set up your account")
	u.Fill("#f-display_name", "Sue Root")
	u.Fill("#f-password", adminPassword)
	u.shot = ""
	u.on()
	u.consoleSignIn()
	u.WaitText("Authenticator app")
	u.ClickText("Authenticator app")
	u.setUpApp()
	u.consoleCodes()
	u.WaitText("Sue Root")
	u.shot = "factors"

	base, mail := w.exampleFactors()
	base = w.url + "/admin/s/" + base + "/"
	see := func(name, path string) {
		t.Helper()
		if !strings.HasPrefix(path, "http") {
			path = base + path
		}
		u.Open(path)
		u.look(name)
	}
	see("list", "two-factors")
	see("new", "two-factors/new?type=email")
	u.Fill("#f-instance_name", "Code by mail")
	u.ClickText("Save")
	u.WaitText("It cannot be used yet")
	u.look("created")
	see("edit", "two-factors/"+mail+"/edit")
	u.Fill(`[name="MailServerConfig.Host"]`, "localhost")
	u.ClickText("Save")
	u.WaitText("must be given again")
	u.look("secret-again")
	see("detail", "two-factors/"+mail)
	u.ClickText("Send test")
	u.WaitText("Nothing was sent")
	u.look("test-nowhere")
	w.prove("sue")
	see("detail-proven", "two-factors/"+mail)
	u.ClickText("Send test")
	u.WaitText("The test message was not sent")
	u.look("test-failed")
	see("switch", "two-factors/"+mail+"/switch")
	see("delete", "two-factors/"+mail+"/delete")
	see("assignments", "assignments")
	see("assign", "assignments/new?two_factor="+mail)
	see("assign-where", "assignments/new?two_factor="+mail+"&level=tenant")
	u.Open(base + "assignments/new?two_factor=" + w.ids["two_factor SMS"] + "&level=tenant&target=" + w.ids["tenant globex"])
	u.Click("#f-required")
	u.ClickText("Create assignment")
	u.WaitText("Whom this affects")
	u.look("preview")
	see("explain", "explain?user=anna&client_app="+w.ids["client_app expenses"])
	see("explain-ask", "explain")
	see("exemptions", "exemptions")
	see("settings", "settings")
	see("settings-edit", "settings/email")
	see("settings-server", w.url+"/admin/settings/twilio")
	see("texts", "templates")
	see("text", "templates/edit?kind=code&lang=de&level=subscription")
	u.ClickText("Preview text message")
	u.WaitText("characters.")
	u.look("text-sms")
	u.RequireClean(t)
}

// look takes pictures of a page and holds it to what all pages are held to.
func (u *person) look(name string) {
	u.t.Helper()
	u.picture(name)
	u.fits()
	u.Axe(u.t, name)
}

// prove gives an administrator of the first run a proven address.
func (w *world) prove(name string) {
	w.t.Helper()
	ctx, _ := w.realmNamed("system")
	v, ok, err := w.tenants.PersonByLogin(ctx, name)
	if err != nil || !ok {
		w.t.Fatal(err)
	}
	v.Email, v.EmailVerified = name+"@example.test", true
	w.must(w.tenants.PutUser(ctx, &v))
}

// exampleFactors fills the subscription "sample": instances in all states, assigned here
// and there. It returns the subscription and an instance with a password.
func (w *world) exampleFactors() (subscription, mail string) {
	w.t.Helper()
	w.tenant("acme", "anna", "bob", "carla-maria.muster-von-und-zu-hohenlohe")
	w.tenant("globex", "dora")
	w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant globex"], []string{
		w.ids["user dora"], w.user(tenants.User{Name: "emil", Email: "emil@example.test", Phone: "none"}), w.ids["user anna"],
	}))
	w.must(w.tenants.PutSettings(w.ctx(), "twilio", tenants.Options{"TwilioAccountSid": []byte(`"AC00000000000000000000000000000000"`), "TwilioAuthToken": []byte(`"hidden"`)}))
	mail = w.factorWith("Mail code", "email", true, map[string]any{"EMailSenderAddress": "noreply@example.test", "CodeLength": 8, "MailServerConfig": map[string]any{
		"Host": "127.0.0.1", "Port": 1, "EnableSSL": false, "UserName": "anna", "Password": mailPassword,
	}})
	w.factorWith("Authenticator app", "totp", true, map[string]any{"Issuer": "Acme"})
	w.factorWith("SMS", "twilio", true, map[string]any{})
	w.factorWith("SMS of old", "ecall", false, map[string]any{})
	w.assign("Mail code", "subscription sample", false)
	w.assign("Authenticator app", "tenant acme", true)
	w.assign("SMS", "user bob", true)
	return w.sub.ID, mail
}

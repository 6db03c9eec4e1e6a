package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
)

// TestBrowserAdministration goes the whole way in a real browser, from an empty
// PostgreSQL and with no file edited: the link that the command prints, a system
// administrator with an authenticator app, a subscription, a tenant, an identity
// provider, a client app, a user, a TwoFactor instance that is invalid with its reason,
// configured, tested and assigned; and then that user signs in to a real app with the
// code that came by mail.
func TestBrowserAdministration(t *testing.T) {
	t.Parallel()
	w, _ := emptySite(t, testkit.Postgres(t))
	u := &person{Browser: browser.New(t), t: t, w: w, name: "sue", shot: "admin", cb: landing(t)}
	link, _ := w.firstLink("sue")
	u.Open(link)
	u.form(map[string]string{"#f-display_name": "Sue Root", "#f-email": "sue@example.test", "#f-password": adminPassword})
	u.on()
	u.consoleSignIn()
	u.WaitText("Authenticator app")
	u.ClickText("Authenticator app")
	u.setUpApp()
	u.consoleCodes()
	u.WaitText("System administrator")
	u.seen("start-empty")

	// The administrator's own address is proven by who knows him: himself, here.
	u.rail("Users")
	u.ClickText("sue")
	u.ClickText("Edit")
	u.toggle("email_verified")
	u.save()

	u.rail("Subscriptions")
	u.seen("subscriptions")
	u.ClickText("Create subscription")
	u.form(map[string]string{"#f-name": "acme", "#f-title": "Acme Ltd"})
	u.seen("subscription-new")
	u.save()
	u.Open(w.url + "/admin/switch?subscription=" + w.idOf("acme"))
	u.WaitText("Acme Ltd")
	u.seen("start-acme")

	u.rail("Identity providers")
	u.ClickText("Create identity provider")
	u.seen("idp-type")
	u.ClickText("Continue")
	u.form(map[string]string{"#f-name": "staff", "#f-title": "Staff"})
	u.seen("idp-new")
	u.save()
	u.seen("idp")

	u.rail("Tenants")
	u.seen("tenants-empty")
	u.ClickText("Create tenant")
	u.form(map[string]string{"#f-name": "acme", "#f-title": "Acme", "#f-accent": "#0b6e4f"})
	u.seen("tenant-new")
	u.save()
	u.add("Identity providers", "staff")
	u.seen("tenant")

	u.rail("Client apps")
	u.ClickText("Create client app")
	u.ClickText("Web app")
	u.on()
	u.form(map[string]string{"#f-name": "expenses", "#f-title": "Expenses", "#f-client_id": "expenses", "#f-redirect_uris": u.cb})
	u.seen("client-app-new")
	u.save()
	u.ClickText("Add secret")
	u.seen("secret-new")
	u.on()
	secret := regexp.MustCompile(`tfs_[\w-]{43}`).FindString(u.Text("main"))
	u.seen("secret")
	u.ClickText("I have kept it")
	u.seen("client-app")
	u.rail("Tenants")
	u.Click("main tbody a")
	u.add("Client apps", "expenses")

	u.rail("Users")
	u.seen("users-empty")
	u.ClickText("Create user")
	u.form(map[string]string{"#f-name": "anna", "#f-display_name": "Anna Muster", "#f-email": "anna@example.test", "#f-password": password})
	u.toggle("email_verified")
	u.seen("user-new")
	u.save()
	u.seen("user")

	u.instance()

	u.rail("Assignments")
	u.seen("assignments-empty")
	u.ClickText("Create assignment")
	u.ClickText("Tenant")
	u.on()
	u.choose("#f-two_factor", "Mail code")
	u.choose("#f-target", "acme")
	u.seen("assignment-new")
	u.toggle("required")
	u.on()
	u.WaitText("Anna Muster") // whom it affects, before it is saved
	u.seen("assignment-preview")
	u.on()
	u.WaitText("Required")
	u.seen("assignment")

	u.rail("Explain")
	u.seen("explain-ask")
	u.Fill("#f-user", "anna")
	u.Press("Enter")
	u.WaitText("Mail code")
	u.seen("explain")

	u.signsIn(secret)

	for _, page := range []string{"Sessions", "Audit trail", "Delivery log", "Roles", "Base settings", "Messages and texts", "Exemptions", "Groups", "TwoFactor instances", "Start"} {
		u.rail(page)
		u.seen("last-" + strings.ReplaceAll(strings.ToLower(page), " ", "-"))
	}
	u.RequireClean(t)
}

// instance makes an instance of type email, incomplete at first, and tests it.
func (u *person) instance() {
	u.t.Helper()
	u.rail("TwoFactor instances")
	u.seen("two-factors-empty")
	u.ClickText("Create TwoFactor instance")
	u.seen("two-factor-types")
	u.ClickText("E-mail code")
	u.on()
	u.form(map[string]string{"#f-instance_name": "Mail code"})
	u.seen("two-factor-new")
	u.save()
	u.WaitText("Invalid")
	u.WaitText("MailServerConfig")
	u.seen("two-factor-invalid")
	u.form(map[string]string{
		"#f-EMailSenderAddress": "codes@example.test", "#f-MailServerConfig-Host": u.w.smtp.Host(), "#f-MailServerConfig-Port": strconv.Itoa(u.w.smtp.Port()),
	})
	if u.Has("#f-MailServerConfig-EnableSSL:checked") {
		u.Click("#f-MailServerConfig-EnableSSL")
	}
	u.seen("two-factor-edit")
	u.save()
	u.WaitText("Untested")
	u.seen("two-factor-untested")
	u.ClickText("Send test")
	u.WaitText("accepted")
	u.seen("two-factor-tested")
	u.mail("sue@example.test", "test")
	u.rail("TwoFactor instances")
	u.WaitText("Ready")
	u.seen("two-factors")
}

// signsIn is anna, in another browser, at the real app.
func (u *person) signsIn(secret string) {
	u.t.Helper()
	anna := &person{Browser: u.NewContext(), t: u.t, w: u.w, name: "anna", shot: "admin-anna", cb: u.cb}
	anna.ask()
	anna.password()
	anna.WaitFor("#f-code")
	anna.picture("code")
	anna.answer(u.w.code("anna@example.test"))
	anna.WaitText("Back at the app")
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {anna.URL().Query().Get("code")}, "redirect_uri": {anna.cb}, "code_verifier": {anna.app.verifier},
	}
	r, err := http.NewRequest(http.MethodPost, anna.app.base()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("expenses", secret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.IDToken == "" {
		u.t.Fatalf("the app gets no ID token: %d, %v", resp.StatusCode, err)
	}
}

// idOf is the id of a subscription.
func (w *world) idOf(subscription string) string {
	w.t.Helper()
	s, err := w.tenants.SubscriptionByName(w.t.Context(), subscription)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.ID
}

// add chooses one of what a thing can have, in the part of this title.
func (u *person) add(part, name string) {
	u.t.Helper()
	u.Eval(`(() => {
		const part = [...document.querySelectorAll("main section")].find((s) => s.querySelector("h2")?.textContent.trim() === "`+part+`");
		const select = part.querySelector("form select");
		select.value = [...select.options].find((o) => o.textContent.includes("`+name+`")).value;
		select.form.querySelector("button[name='do'][value='add'], button:not([type=button])").click();
	})()`, nil)
	u.WaitText(name)
}

// seen is a page that was reached: its picture is taken, it fits on the smallest phone,
// and axe-core has nothing serious against it.
func (u *person) seen(name string) {
	u.t.Helper()
	u.picture(name)
	u.fits()
	u.Axe(u.t, name)
}

// rail goes to a place in the rail.
func (u *person) rail(label string) {
	u.t.Helper()
	u.ClickText(label)
	u.WaitFor("h1")
}

func (u *person) form(values map[string]string) {
	u.t.Helper()
	for sel, value := range values {
		u.WaitFor(sel)
		u.Fill(sel, value)
	}
}

// choose chooses an option by what it reads.
func (u *person) choose(sel, label string) {
	u.t.Helper()
	var value string
	u.Eval(`[...document.querySelectorAll("`+sel+` option")].find((o) => o.textContent.includes("`+label+`"))?.value ?? ""`, &value)
	u.Fill(sel, value)
}

// toggle turns a switch.
func (u *person) toggle(name string) {
	u.t.Helper()
	u.Click("#f-" + name)
}

// save sends the form, which must be accepted.
func (u *person) save() {
	u.t.Helper()
	u.on()
	if u.Status() >= http.StatusBadRequest {
		u.t.Fatalf("not saved: %d %s", u.Status(), u.Text("main"))
	}
}

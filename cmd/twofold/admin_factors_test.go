package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// office is the administration, with somebody signed in who administers the server.
type office struct {
	*world
	c    *testkit.Client
	app  app
	base string // of his subscription
}

func newOffice(t *testing.T, database string) *office {
	t.Helper()
	w := newWorld(t, database)
	o := &office{world: w, c: testkit.NewClient(t)}
	link, _ := w.firstLink("sue")
	page, a := w.setUpAdmin(o.c, link, "sue")
	o.app = a
	o.base, _ = strings.CutSuffix(page.URL.String(), "/")
	return o
}

// open opens a page of the subscription.
func (o *office) open(path string) *testkit.Page {
	o.t.Helper()
	return o.c.Get(o.base + "/" + path).Follow().Require(http.StatusOK)
}

// proves gives the administrator a proven address. That ends his session here; single
// sign-on brings it back.
func (o *office) proves() {
	o.t.Helper()
	ctx, _ := o.realmNamed("system")
	u, ok, err := o.tenants.PersonByLogin(ctx, "sue")
	if err != nil || !ok {
		o.t.Fatal(err)
	}
	u.EmailVerified = true
	o.must(o.tenants.PutUser(ctx, &u))
	o.c.Get(o.url + "/admin/").Follow().Require(http.StatusOK).RequireText("Sue Root")
}

// TestTwoFactorStory is SPEC §3, word by word, without script.
func TestTwoFactorStory(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		o := newOffice(t, database)
		// 3.1: it may be saved incomplete, and is invalid then.
		page := o.open("two-factors").RequireText("Authenticator app", "Ready", "sends nothing").Link("Create TwoFactor instance")
		page = page.FormWith("instance_name").Set("type", "email").Press("Save").Require(http.StatusUnprocessableEntity).RequireText("Give it a name.")
		page = page.FormWith("instance_name").Set("instance_name", "Mail code").Press("Save").Follow()
		page.Require(http.StatusOK).RequireText("TwoFactor instance created.", "Invalid", "EMailSenderAddress", "Sender address is required.", "Mail server is required.")
		o.open("two-factors").RequireText("Invalid", "EMailSenderAddress is required", "never")

		// 3.2: a host that nobody answers at, with a password.
		f := page.FormWith("EMailSenderAddress").Set("EMailSenderAddress", "noreply@example.test").Set("MailServerConfig.Port", "x")
		f.Set("MailServerConfig.Host", "127.0.0.1").Set("MailServerConfig.EnableSSL", "").Set("MailServerConfig.UserName", "anna").Set("MailServerConfig.Password", mailPassword)
		page = f.Press("Save").Require(http.StatusUnprocessableEntity).RequireText("Port must be a whole number.")
		f = page.FormWith("EMailSenderAddress").Set("MailServerConfig.Port", "1").Set("MailServerConfig.Password", mailPassword)
		page = f.Press("Save").Follow().Require(http.StatusOK).RequireText("TwoFactor instance saved.", "Untested", "Nothing has been sent yet", "Assigned to nobody")

		// 3.3: the test says what is wrong, and the state too.
		page.Press("Send test").Require(http.StatusConflict).RequireText("you have proven none", "Your account page")
		o.proves()
		page = o.open(pathOf(page)).Press("Send test").Require(http.StatusOK).RequireText("The test message was not sent", "Connect to the provider", "failed", "Failing", "since")
		if len(o.inbox.Messages()) != 0 {
			t.Error("something was sent")
		}

		// Another host takes the password again, at its field.
		page = page.Link("Edit").RequireText("Set here", "Set · Replace Password")
		if strings.Contains(page.Body, mailPassword) {
			t.Error("the page shows the password")
		}
		port := strconv.Itoa(o.smtp.Port())
		page = page.FormWith("EMailSenderAddress").Set("MailServerConfig.Port", port).Press("Save").Require(http.StatusUnprocessableEntity)
		page.RequireText("Password must be given again", "Type it again, since what it belongs to has changed")
		page = page.FormWith("EMailSenderAddress").Set("MailServerConfig.UserName", "").Set("inherit.MailServerConfig.Password", "true").Press("Save").Follow()
		page = page.Require(http.StatusOK).RequireText("Untested").Press("Send test").Require(http.StatusOK)
		page.RequireText("The provider took the test message", "sue@example.test", "Ready")
		m, err := o.inbox.Wait(t.Context(), func(m fakes.Message) bool { return m.To == "sue@example.test" })
		if err != nil || digits.MatchString(m.Text) || !strings.Contains(m.Text, "test message") {
			t.Errorf("%v %q", err, m.Text)
		}
		log := o.open("messages?kind=test").Require(http.StatusOK).RequireText("Test", "Mail code", "Sent", "Failed", "What went wrong")
		if strings.Contains(log.Text, "sue@example.test") || strings.Contains(log.Text, mailPassword) {
			t.Errorf("the log tells too much: %s", log.Text)
		}

		// Two at once: nothing is lost.
		first, second := o.open(pathOf(page)+"/edit"), o.open(pathOf(page)+"/edit")
		first.FormWith("CodeLength").Set("CodeLength", "8").Press("Save").Follow().Require(http.StatusOK)
		late := second.FormWith("CodeLength").Set("CodeLength", "7").Set("instance_name", "Code by mail").Press("Save").Require(http.StatusPreconditionFailed)
		late.RequireText("Somebody else changed this meanwhile", "Code length 7 8", "Name Code by mail Mail code")
		page = late.Press("Save yours").Follow().Require(http.StatusOK).RequireText("Code by mail")
		page = page.Link("Edit").RequireText(`Use the inherited value "6", the default for Code length`)
		page = page.FormWith("CodeLength").Set("inherit.CodeLength", "true").Press("Save").Follow().Require(http.StatusOK)
		if page = page.Link("Edit"); page.FormWith("CodeLength").Value("CodeLength") != "6" {
			t.Error("the value was not taken back")
		}
		o.assigned(pathOf(page))
	})
}

// assigned assigns the instance to everybody, sees first whom that affects, and finds it
// in the explanation (SPEC §4).
func (o *office) assigned(instance string) {
	o.t.Helper()
	page := o.open(instance).RequireText("Assigned to nobody").Link("Assign it")
	page = page.FormWith("two_factor").Set("level", "user").Press("Continue").Require(http.StatusOK)
	page.FormWith("target").Set("target", "nobody").Press("Create assignment").Require(http.StatusUnprocessableEntity).RequireText("There is none of this name.")
	page = o.open(instance).Link("Assign it").FormWith("two_factor").Set("level", "subscription").Press("Continue").Require(http.StatusOK)
	page = page.FormWith("required").Set("required", "on").Press("Create assignment").Require(http.StatusOK)
	page.RequireText("Nothing has been saved yet", "Whom this affects", "person signs in there 1", "asked otherwise 1", "sue")
	page.Link("1").RequireText("Nothing has been changed yet", "sue", "Asked for one")
	back := page.Link("Back to the form")
	if f := back.FormWith("required"); f.Value("required") != "true" || f.Value("two_factor") == "" {
		o.t.Errorf("what was typed is lost: %v", f.Values())
	}
	page.Press("Save it").Follow().Require(http.StatusOK).RequireText("Assignment created.", "Code by mail for System", "Required")
	o.open("assignments").RequireText("Code by mail", "Subscription", "Required")
	o.open(instance).RequireText("Subscription System", "1 assignment would offer nothing")

	page = o.open("explain").FormWith("user").Set("user", "nobody").Press("Explain").Require(http.StatusUnprocessableEntity).RequireText("There is no user with this login name.")
	page = page.FormWith("user").Set("user", "sue").Press("Explain").Require(http.StatusOK)
	page.RequireText("A second factor is asked for", "Assigns Code by mail (required)", "Offered, in this order", "Has set up Authenticator app")

	// What would be if it were switched off, and off and on.
	page = o.open(instance).Link("What if it were switched off").RequireText("Whom it affects", "person signs in there 1")
	page = page.Press("Switch it off").Follow().Require(http.StatusOK).RequireText("Code by mail is switched off.", "Inactive")
	o.c.Get(page.URL.String()).RequireText("It can be tested once it is switched on.")
	page = page.Link("Switch it on").Press("Switch it on").Follow().Require(http.StatusOK).RequireText("Code by mail is switched on.")
	page = o.spoilt(page.Link("Edit"))
	page.Link("Remove Subscription System").RequireText("Whom it affects").Press("Delete assignment").Follow().RequireText("was deleted")
	o.open(instance).RequireText("Assigned to nobody")
	o.grouped(instance)
}

// grouped takes somebody into a group with a second factor of its own, and deletes the
// group: whom that affects comes first.
func (o *office) grouped(instance string) {
	o.t.Helper()
	page := o.open("groups/new").FormWith("name").Set("name", "board").Press("Create group").Follow().Require(http.StatusOK)
	_, group, _ := strings.Cut(page.URL.Path, "/groups/")
	_, factor, _ := strings.Cut(instance, "/")
	page = o.open("assignments/new?level=group&target="+group+"&two_factor="+factor).FormWith("required").Set("required", "on").Press("Create assignment")
	page.Follow().Require(http.StatusOK).RequireText("Assignment created.") // it has no members
	add := func(name string) *testkit.Page {
		return o.open("groups/"+group).FormWith("other").Set("other", name).Press("Add")
	}
	page = add("sue").Require(http.StatusOK).RequireText("Nothing has been saved yet", "Whom this affects", "sue")
	o.open("groups/" + group).RequireText("It has none yet.")
	page.Press("Save it").Follow().Require(http.StatusOK).RequireText("Added.", "sue")
	o.open("groups/"+group+"/delete").RequireText("Whom it affects", "person signs in there 1", "sue")
	page = o.open("groups/"+group).Press("Remove sue").Require(http.StatusOK).RequireText("Nothing has been saved yet", "sue")
	page.Press("Save it").Follow().Require(http.StatusOK).RequireText("Removed.", "It has none yet.")
}

func (o *office) isValid(instance string) {
	o.t.Helper()
	if page := o.open(instance); strings.Contains(page.Text, "Invalid") {
		o.t.Errorf("it is invalid: %s", page.Text)
	}
}

// spoilt saves options that make the instance invalid: whom that affects comes first.
func (o *office) spoilt(page *testkit.Page) *testkit.Page {
	o.t.Helper()
	page = page.FormWith("EMailSenderAddress").Set("EMailSenderAddress", "").Press("Save").Require(http.StatusOK)
	page.RequireText("Nothing has been saved yet", "Code by mail would be invalid", "Sender address is required", "Whom it affects", "person signs in there 1")
	o.isValid(pathOf(page))
	// Another fault than the one that was shown is shown anew.
	page = page.FormWith("EMailSenderAddress").Set("MailServerConfig.Host", "").Set("MailServerConfig.Password", mailPassword).Press("Save it all the same").Require(http.StatusOK)
	page.RequireText("Nothing has been saved yet", "must be typed again")
	if strings.Contains(page.Body, mailPassword) {
		o.t.Error("the page shows the password")
	}
	page = page.FormWith("EMailSenderAddress").Set("MailServerConfig.Host", "127.0.0.1").Press("Save it all the same").Require(http.StatusOK)
	page = page.Press("Save it all the same").Follow().Require(http.StatusOK).RequireText("It cannot be used yet", "Invalid")
	page = page.FormWith("EMailSenderAddress").Set("EMailSenderAddress", "noreply@example.test").Press("Save").Follow()
	return page.Require(http.StatusOK).RequireText("TwoFactor instance saved.")
}

const mailPassword = "hunter2-of-the-mail-server"

// pathOf is the page of the instance that a page is about.
func pathOf(page *testkit.Page) string {
	_, rest, _ := strings.Cut(page.URL.Path, "/two-factors/")
	id, _, _ := strings.Cut(rest, "/")
	return "two-factors/" + id
}

// TestBaseSettingsPages: what is set for the server and the subscription is what an
// instance begins with.
func TestBaseSettingsPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		o := newOffice(t, database)
		page := o.c.Get(o.url+"/admin/settings").Require(http.StatusOK).RequireText("Base settings of the server", "E-mail code").Link("E-mail code")
		page = page.FormWith("CodeLength").Set("CodeLength", "8").Set("EMailSenderAddress", "server@example.test").Press("Save").Follow()
		page.Require(http.StatusOK).RequireText("Base settings of E-mail code saved.", "2 options")
		page = o.open("settings").Link("E-mail code").RequireText("Inherited from the platform's base settings")
		f := page.FormWith("CodeLength").Set("MailServerConfig.Host", o.smtp.Host()).Set("MailServerConfig.Port", strconv.Itoa(o.smtp.Port())).Set("MailServerConfig.EnableSSL", "")
		f.Set("CodeLength", "7").Press("Save").Follow().Require(http.StatusOK)
		o.open("settings").Link("E-mail code").RequireText("Set here", `Use the inherited value "8", from the platform's base settings`)

		page = o.open("two-factors/new").FormWith("instance_name").Set("type", "email").Set("instance_name", "Mail code").Press("Save").Follow()
		page = page.Require(http.StatusOK).RequireText("Untested").Link("Edit").RequireText("Inherited from the subscription's base settings", "Inherited from the platform's base settings")
		if f := page.FormWith("CodeLength"); f.Value("CodeLength") != "7" || f.Value("EMailSenderAddress") != "server@example.test" {
			t.Errorf("%v", f.Values())
		}
		// Saved as it is, nothing is set here; one member changed, the group is.
		page = page.Press("Save").Follow().Link("Edit")
		if strings.Contains(page.Text, "Set here") {
			t.Error("an inherited value was set")
		}
		page = page.FormWith("CodeLength").Set("MailServerConfig.Timeout", "3000").Press("Save").Follow().Require(http.StatusOK).RequireText("Untested").Link("Edit")
		page = page.RequireText("Set here", "Use the inherited value, from the subscription's base settings for Mail server")
		if f := page.FormWith("CodeLength"); f.Value("MailServerConfig.Port") != strconv.Itoa(o.smtp.Port()) {
			t.Error("what was inherited is lost")
		}
		page = page.FormWith("CodeLength").Set("inherit.MailServerConfig", "true").Press("Save").Follow().Link("Edit")
		o.spoiltBySettings(pathOf(page))
		if strings.Contains(page.Text, "Set here") {
			t.Error("the group was not taken back")
		}
	})
}

// spoiltBySettings takes back what an assigned instance inherits: whom that affects comes
// first.
func (o *office) spoiltBySettings(instance string) {
	o.t.Helper()
	o.proves()
	page := o.open(instance).Link("Assign it").FormWith("two_factor").Set("level", "subscription").Press("Continue").Require(http.StatusOK)
	page.FormWith("required").Set("required", "on").Press("Create assignment").Press("Save it").Follow().Require(http.StatusOK)
	page = o.open("settings").Link("E-mail code")
	page = page.FormWith("CodeLength").Set("inherit.MailServerConfig", "true").Press("Save").Require(http.StatusOK)
	page.RequireText("Nothing has been saved yet", "Mail code would be invalid", "Whom it affects")
	o.isValid(instance)
	page.Press("Save it all the same").Follow().Require(http.StatusOK).RequireText("Base settings of E-mail code saved.")
	o.open(instance).RequireText("Invalid")
}

// TestTextPages: a text is set, looked at, saved, inherited and taken back.
func TestTextPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		o := newOffice(t, database)
		o.open("templates").RequireText("Second-factor code", "Deutsch", "Inherited")
		edit := o.base + "/templates/edit?kind=code&lang=de&level=subscription"
		page := o.c.Get(edit).Require(http.StatusOK).RequireText("{{.Code}}", "Inherited from what Twofold comes with, in Deutsch", "123456")
		page = page.FormWith("subject").Set("subject", "{{.Nothing}}").Press("Preview mail").Require(http.StatusUnprocessableEntity).RequireText("Put right what is wrong")
		page = page.FormWith("subject").Set("subject", "Code für {{.Realm}}").Set("sms", "Ihr Code: {{.Code}} €").Press("Preview mail").Require(http.StatusOK)
		page.RequireText("Subject Code für")
		page = page.Press("Preview text message").Require(http.StatusOK).RequireText("Ihr Code: 123456 €", "1 text message, ")
		page.Press("Save").Follow().Require(http.StatusOK).RequireText("Text saved.", "Set here")
		o.open("templates").RequireText("Set here", "Subject, Text message")

		realm, err := o.tenants.RealmByName(t.Context(), "system")
		if err != nil {
			t.Fatal(err)
		}
		tenant := o.base + "/templates/edit?kind=code&lang=de&level=tenant&target=" + realm.Tenant.ID
		o.c.Get(tenant).Require(http.StatusOK).RequireText("Inherited from the subscription, in Deutsch", "Code für {{.Realm}}")
		old := o.c.Get(edit)
		o.c.Get(edit).FormWith("subject").Set("subject", "Neuer").Press("Save").Follow().Require(http.StatusOK)
		old.FormWith("subject").Set("subject", "Alter").Press("Save").Require(http.StatusPreconditionFailed).RequireText("Subject Alter Neuer")
		page = o.c.Get(edit).Press("Restore the inherited text").Require(http.StatusOK).RequireText("What is set here: Subject, Text message")
		page.Press("Restore it").Follow().Require(http.StatusOK).RequireText("Text saved.")
		if strings.Contains(o.open("templates").Text, "Set here") {
			t.Error("it is still set")
		}
		begun := o.c.Get(edit).Press("Begin with the inherited text").Require(http.StatusOK).FormWith("subject")
		if !strings.Contains(begun.Value("subject"), "Anmeldecode") || !strings.Contains(begun.Value("sms"), "{{.Code}}") {
			t.Errorf("%v", begun.Values())
		}
		o.c.Get(o.url + "/admin/templates").Require(http.StatusOK).RequireText("Texts of the server")
		o.c.Get(o.base + "/templates/edit?kind=nothing&lang=de").Require(http.StatusNotFound)
	})
}

// TestTestSendByHook: a hook that delivers gets the administrator's own address, and no
// code.
func TestTestSendByHook(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w, hook := newSite(t, database)
		w.tenant("acme", "tina")
		id := w.factorWith("Hook", "webhook", true, map[string]any{"Url": w.ids["hook"], "SigningSecret": hook.Secret})
		who := admin.Who{Kind: tenants.SubjectUser, ID: w.ids["user tina"], Home: db.Scope{Subscription: w.sub.ID, Tenant: w.ids["tenant acme"]}, ProvenAt: w.clock.Now()}
		who.Grants = []tenants.Grant{{SubscriptionID: w.sub.ID, Role: tenants.RoleSubscriptionAdmin}}
		got, err := w.admin.TestSend(t.Context(), who, w.sub.ID, id)
		if err != nil || !got.Passed || got.State.Word != "ready" {
			t.Fatalf("%+v %v", got, err)
		}
		calls := hook.Calls()
		if len(calls) != 1 || calls[0].Type != "deliver" || calls[0].To.Email != "tina@example.test" || digits.MatchString(calls[0].Text) {
			t.Errorf("%+v", calls)
		}
	})
}

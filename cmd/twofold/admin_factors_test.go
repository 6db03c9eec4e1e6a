package main

import (
	"net/http"
	"strings"
	"testing"

	"twofold/internal/testkit"
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

// TestTwoFactorStory is SPEC §3, word by word, without script.
func TestTwoFactorStory(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		o := newOffice(t, database)
		page := o.open("two-factors").RequireText("Authenticator app", "Ready").Link("Create TwoFactor instance")
		page = page.FormWith("instance_name").Set("type", "email").Set("instance_name", "Mail code").Press("Save").Follow()
		page.Require(http.StatusOK).RequireText("TwoFactor instance created.", "Invalid", "EMailSenderAddress", "Sender address must be a mail address", "Mail server is required.")
		f := page.FormWith("EMailSenderAddress").Set("EMailSenderAddress", "noreply@example.test")
		f.Set("MailServerConfig.Host", "127.0.0.1").Set("MailServerConfig.Port", "1").Set("MailServerConfig.EnableSSL", "").Set("MailServerConfig.UserName", "anna").Set("MailServerConfig.Password", "hunter2hunter2")
		page = f.Press("Save").Follow().Require(http.StatusOK)
		t.Log(page.Text)
	})
}

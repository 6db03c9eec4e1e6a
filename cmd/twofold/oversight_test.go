package main

import (
	"net/http"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

// TestOversightPages goes through trail, delivery log and sessions as the first
// administrator does.
func TestOversightPages(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		c := testkit.NewClient(t)
		link, _ := w.firstLink("sue")
		page, _ := w.setUpAdmin(c, link, "sue")
		base := page.URL.String()

		page = c.Get(base + "audit").Require(http.StatusOK)
		page.RequireText("Audit trail", "Signed in", "sign_in.done", "Sue Root", "Administration prepared", "The operator")
		page = page.FormWith("kind").Set("kind", "sign_in.").Submit().Require(http.StatusOK).RequireText("1 entry")
		entry := page.Link("All about this entry").Require(http.StatusOK)
		entry.RequireText("sign_in.done", "Why", "Result:", "As it is kept")
		export := page.Link("Export as JSON lines").Require(http.StatusOK)
		if d := export.Header.Get("Content-Disposition"); !strings.Contains(d, `filename="twofold-audit-`) || strings.Count(export.Body, "\n") != 1 {
			t.Errorf("%s: %s", d, export.Body)
		}
		page = page.Link("Verify the chain").Require(http.StatusOK).RequireText("It has not been checked here yet.")
		page.Press("Verify the chain").Follow().Require(http.StatusOK).RequireText("entries hold")
		c.Get(base + "audit?from=2026-11-22&to=2026-11-22&user=sue").Require(http.StatusOK).RequireText("Signed in")
		c.Get(base + "audit?from=x").Require(http.StatusBadRequest)
		c.Get(base + "audit?user=nobody-here").Require(http.StatusOK).RequireText("No entries match")
		c.Get(w.url+"/admin/audit").Require(http.StatusOK).RequireText("Audit trail", "the whole server")

		c.Get(base+"messages").Require(http.StatusOK).RequireText("Delivery log", "No message yet")

		page = c.Get(base+"sessions").Require(http.StatusOK).RequireText("Sue Root", "1 session")
		ask := c.Get(base+"sessions/end").Require(http.StatusOK).RequireText("End all sessions of", "1 session in use now")
		ask.FormWith("typed").Set("typed", "wrong").Submit().Follow().RequireText("Nothing has ended")
		chosen := page.FormWith("do")
		chosen.Set("id", chosen.Attr("id", "value")).Submit()
		if w.inConsole(c) {
			t.Error("a session that was ended goes on")
		}
	})
}

// TestServerPages: a system administrator makes, changes, deletes and brings back a
// customer, gives a role and takes it back, searches, and reads the API's reference.
func TestServerPages(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		c := testkit.NewClient(t)
		link, _ := w.firstLink("sue")
		home, _ := w.setUpAdmin(c, link, "sue")
		base := home.URL.String()
		list := c.Get(w.url+"/admin/subscriptions").Require(http.StatusOK).RequireText("Sample Ltd", "System")
		page := list.Link("Create subscription").Require(http.StatusOK)
		page.FormWith("name").Set("name", "sample").Press("Create subscription").Require(http.StatusUnprocessableEntity).RequireText("taken")
		page = page.FormWith("name").Set("name", "acme").Set("title", "Acme AG").Press("Create subscription").Follow().Require(http.StatusOK)
		page.RequireText("Set up Acme AG", "1 of 10 done", "Create a tenant")
		acme := page.URL.String()

		page = c.Get(acme+"subscription").Require(http.StatusOK).RequireText("Acme AG", "Other levels decide").Link("Edit")
		old := page.FormWith("title")
		page = page.FormWith("title").Set("title", "Acme Ltd").Set("enforce_mfa", "true").Press("Save").Follow().Require(http.StatusOK).RequireText("Subscription saved", "Acme Ltd", "Every sign-in asks for one")
		old.Set("title", "Acme GmbH").Press("Save").Require(http.StatusPreconditionFailed).RequireText("Acme GmbH", "Acme Ltd")

		page = page.Link("Delete subscription").Require(http.StatusOK).RequireText("acme")
		page.FormWith("typed").Set("typed", "Acme").Submit().Require(http.StatusUnprocessableEntity).RequireText("That is not the name")
		page = page.FormWith("typed").Set("typed", "acme").Submit().Follow().Require(http.StatusOK).RequireText("Acme Ltd was deleted")
		page.Press("Undo").Follow().Require(http.StatusOK).RequireText("is back", "Inactive")

		page = c.Get(base + "roles").Require(http.StatusOK).RequireText("Who administers what")
		page = page.Link("Give a role").Require(http.StatusOK)
		page.FormWith("role").Set("subject", "nobody-here").Set("role", "auditor").Press("Give the role").Require(http.StatusUnprocessableEntity).RequireText("Does not exist here")
		page = page.FormWith("role").Set("subject", "sue").Set("role", "auditor").Press("Give the role").Follow().Require(http.StatusOK).RequireText("Auditor", "Sue Root (sue)", "In the whole subscription")
		page = page.Link("Take back Sue Root (sue)").Require(http.StatusOK).RequireText("This is your own role")
		page.FormWith("confirmed").Submit().Follow().Require(http.StatusOK).RequireText("The role was taken back", "No roles yet")
		// The last administrator of the server stays one.
		page = c.Get(w.url+"/admin/roles").Require(http.StatusOK).RequireText("System administrator", "Sue Root")
		page = page.Link("Take back Sue Root (sue) of System").Require(http.StatusOK)
		page.FormWith("confirmed").Submit().Require(http.StatusConflict).RequireText("This is the last system administrator")

		c.Get(base + "search").Require(http.StatusOK).RequireText("What are you looking for?")
		c.Get(base+"search?q=su").Require(http.StatusOK).RequireText("Search for “su”", "Sue Root", "sue")
		c.Get(base + "search?q=zzz").Require(http.StatusOK).RequireText("Nothing found")
		c.Get(w.url+"/admin/api").Require(http.StatusOK).RequireText("API reference", "GET", "/admin/v1/subscriptions", "system admin")
		c.Get(base).Require(http.StatusOK).RequireText("System", "Never verified")
	})
}

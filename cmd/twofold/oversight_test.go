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

package main

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
)

const adminPassword = "a long and quiet sentence"

// firstLink runs the command's work and returns its link, and all that it prints.
func (w *world) firstLink(name string) (link, out string) {
	w.t.Helper()
	var buf bytes.Buffer
	if err := w.firstRun(w.t.Context(), streams{Out: &buf}, name); err != nil {
		w.t.Fatal(err)
	}
	link = setupLink.FindString(buf.String())
	if link == "" {
		w.t.Fatalf("no link: %s", buf.String())
	}
	return link, buf.String()
}

var setupLink = regexp.MustCompile(`http://\S+/admin/setup\?link=[\w-]{43}\b`)

// setUpAdmin goes through the link's page and signs in for the first time: password,
// authenticator app, recovery codes. It returns the page of the console, and the app.
func (w *world) setUpAdmin(c *testkit.Client, link, login string) (*testkit.Page, app) {
	w.t.Helper()
	page := c.Get(link).Require(http.StatusOK)
	page = page.FormWith("password").Set("name", login).Set("display_name", "Sue Root").Set("email", "sue@example.test").
		Set("password", adminPassword).Press("Create the account").Follow()
	page = page.FormWith("username").Set("username", login).Set("password", adminPassword).Press("Sign in").Follow()
	if len(page.Forms) > 0 && !totpKey.MatchString(page.Text) {
		page = page.Press("Authenticator app").Follow()
	}
	a := w.readKey(page)
	page = page.FormWith("code").Set("code", a.code()).Press("Continue").Follow()
	page = page.FormWith("saved").Set("saved", "true").Press("Continue").Follow()
	return page.Require(http.StatusOK), a
}

// TestFirstRun: from an empty database to an administrator who is signed in.
func TestFirstRun(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		c := testkit.NewClient(t)
		if page := c.Get(w.url + "/admin/").Follow(); page.Status != http.StatusNotFound || !strings.Contains(page.Text, "twofold admin create") {
			t.Errorf("before: %d %s", page.Status, page.Text)
		}
		link, out := w.firstLink("sue")
		t.Log(out)
		page, _ := w.setUpAdmin(c, link, "sue")
		page.RequireText("Administration", "Sue Root", "System")
		if page.URL.Path != "/admin/" {
			t.Error(page.URL)
		}
	})
}

var _ = url.Values{}
var _ = time.Second

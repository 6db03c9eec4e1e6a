package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestOversightPages goes through trail, delivery log and sessions as the first
// administrator does.
func TestOversightPages(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

		page = c.Get(acme+"subscription").Require(http.StatusOK).RequireText("Acme AG", "Other levels decide", "Within each tenant").Link("Edit")
		old := page.FormWith("title")
		page = page.FormWith("title").Set("title", "Acme Ltd").Set("enforce_mfa", "true").Set("shared_sign_on", "true").Press("Save").Follow().Require(http.StatusOK).RequireText("Subscription saved", "Acme Ltd", "Every sign-in asks for one", "Across its tenants")
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

// TestOversightByRole: each role gets to exactly the pages of oversight that are its own,
// and its rail offers no other. An auditor has two.
func TestOversightByRole(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		who := map[string]*officer{
			"owner": w.officer("olga", tenants.RoleSubscriptionAdmin, ""), "tenant": w.officer("tina", tenants.RoleTenantAdmin, "acme"),
			"help": w.officer("hela", tenants.RoleHelpDesk, "acme"), "auditor": w.officer("otto", tenants.RoleAuditor, ""),
		}
		globex, acme := w.ids["tenant globex"], w.ids["tenant acme"]
		entry := w.newest("console.signed_in")
		const yes, no, gone = http.StatusOK, http.StatusForbidden, http.StatusNotFound
		for _, tt := range []struct {
			path                         string
			owner, tenant, help, auditor int
		}{
			{"", yes, yes, yes, yes},
			{"audit", yes, yes, no, yes},
			{"audit/" + entry, yes, yes, no, yes},
			{"audit/export", yes, yes, no, yes},
			{"audit/verify", yes, no, no, yes},
			{"messages", yes, yes, no, yes},
			{"messages/x", gone, gone, no, gone},
			{"sessions", yes, yes, no, no},
			{"sessions/end", yes, no, no, no},
			{"sessions/end?tenant=" + acme, yes, yes, no, no},
			{"sessions/end?tenant=" + globex, yes, no, no, no},
			{"roles", yes, yes, no, no},
			{"roles/new", yes, yes, no, no},
			{"search?q=a", yes, yes, yes, yes},
			{"jobs", yes, yes, yes, no},
			{"jobs/x", gone, gone, gone, gone},
			{"subscription", yes, no, no, no},
			{"subscription/edit", yes, no, no, no},
			{"subscription/delete", no, no, no, no},
			{"../../audit", no, no, no, no},
			{"../../subscriptions", no, no, no, no},
			{"../../roles", gone, gone, gone, gone},
		} {
			for name, want := range map[string]int{"owner": tt.owner, "tenant": tt.tenant, "help": tt.help, "auditor": tt.auditor} {
				address := who[name].base + tt.path
				if strings.HasPrefix(tt.path, "../../") {
					address = w.url + "/admin/" + tt.path[6:]
				}
				if page := who[name].Get(address); page.Status != want {
					t.Errorf("%s of %s: %d, want %d: %s", tt.path, name, page.Status, want, page.Text)
				}
			}
		}
		for _, tt := range []struct {
			path, values                 string
			owner, tenant, help, auditor int
		}{
			{"audit/verify", "", 303, no, no, 303},
			{"sessions/end", "confirmed=true&tenant=" + globex, 303, gone, gone, gone},
			{"sessions/end", "confirmed=true&typed=sample", 0, gone, gone, gone},
			{"roles/new", "role=system_admin&subject_kind=user&subject=anna", no, gone, no, no},
			{"roles/new", "role=subscription_admin&subject_kind=user&subject=anna", 303, gone, no, no},
			{"subscription/edit", "version=1&title=x", 0, no, no, no},
			{"subscription/delete", "version=1&confirmed=true&typed=sample", no, no, no, no},
			{"jobs/x/stop", "", gone, gone, gone, gone},
			{"users/bulk", "do=delete&all=true&confirmed=true&typed=sample&search=gina", 303, 303, no, no},
		} {
			for name, want := range map[string]int{"owner": tt.owner, "tenant": tt.tenant, "help": tt.help, "auditor": tt.auditor} {
				v, err := url.ParseQuery(tt.values)
				w.check(err)
				if want == 0 {
					continue
				}
				if page := who[name].PostFormFrom(w.url, who[name].base+tt.path, v); page.Status != want {
					t.Errorf("POST %s %s of %s: %d, want %d: %s", tt.path, tt.values, name, page.Status, want, page.Text)
				}
			}
		}
		// What is offered is what is allowed.
		rail := who["auditor"].open("").Require(http.StatusOK)
		for _, place := range []string{"users", "groups", "tenants", "idps", "client-apps", "two-factors", "assignments", "sessions", "roles", "settings", "subscription", "messages", "audit"} {
			if offered, want := strings.Contains(rail.Body, `href="`+who["auditor"].open("").URL.Path+place+`"`), place == "messages" || place == "audit"; offered != want {
				t.Errorf("%s is offered to an auditor: %v", place, offered)
			}
		}
		// Who runs acme sees nothing of globex, in no way there is.
		w.check(w.audit.Record(w.in("globex"), audit.Event{Kind: "sign_in.done"}, map[string]string{"mark": "only-of-globex"}))
		for _, path := range []string{"audit", "audit?tenant=" + globex, "audit?kind=sign_in.", "audit/export", "audit/export?tenant=" + globex} {
			if page := who["tenant"].open(path).Require(http.StatusOK); strings.Contains(page.Body, "only-of-globex") {
				t.Errorf("%s tells of another tenant", path)
			}
		}
		if page := who["auditor"].open("audit/export").Require(http.StatusOK); !strings.Contains(page.Body, "only-of-globex") {
			t.Error("an auditor of all misses something")
		}
	})
}

// TestOversightHoldsNoSecrets: with passwords, codes, cookies and secrets of apps about,
// none of them is on a page of oversight, in the export or in the log.
func TestOversightHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		var reg testkit.SecretRegister
		reg.Add("password", password)
		reg.Add("secret of an app", secret)
		reg.Add("account of the mail server", "twilio-token")
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		p, c := w.rp("acme", "expenses").with("acr_values", "urn:twofold:acr:2fa"), testkit.NewClient(t)
		page := p.signIn(c, "anna").Follow()
		code := w.code("anna@example.test")
		tokens := p.exchange(p.callback(page.FormWith("code").Set("code", code).Press("Continue")).Get("code"))
		reg.Add("refresh token", tokens.Refresh)
		reg.Add("access token", tokens.AccessToken)
		for _, cookies := range []*testkit.Client{c, o.Client} {
			for _, path := range []string{"/admin/", "/t/acme/"} {
				for _, k := range cookies.Cookies(w.url + path) {
					if len(k.Value) >= 32 { // the others name a tenant or a language
						reg.Add("cookie "+k.Name, k.Value)
					}
				}
			}
		}
		made, err := w.admin.AddClientSecret(w.ctx(), admin.Operator(), w.sub.ID, w.ids["client_app expenses"], 0)
		w.check(err)
		reg.Add("another secret of an app", made)
		w.check(w.admin.SetPassword(w.ctx(), admin.Operator(), w.sub.ID, w.ids["user bert"], reg.Add("new password", "a new and quiet sentence")))
		for _, path := range []string{"", "audit", "audit?kind=config.", "audit/export", "audit/verify", "messages", "sessions", "roles", "search?q=a", "jobs", "subscription", "api"} {
			reg.Forbid(t, path, o.open(path).Require(http.StatusOK).Body)
		}
		for _, kind := range []string{"sign_in.done", "factor.sent", "config.changed", "console.signed_in"} {
			reg.Forbid(t, kind, o.open("audit/"+w.newest(kind)).Require(http.StatusOK).Body)
		}
		reg.Forbid(t, "log", w.logs.String())
		// A code is six figures: looked for as a word of its own.
		if body := o.open("audit/export").Body; regexp.MustCompile(`\b`+code+`\b`).MatchString(body) || !strings.Contains(body, "factor.sent") {
			t.Error("the code is in the export")
		}
	})
}

// TestBulkByPages: all that match are counted, asked about, and worked off with progress.
func TestBulkByPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, at string) {
		w := newWorld(t, at)
		w.customer()
		o := w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		for i := range 4 {
			n := admin.NewUser{User: tenants.User{Name: fmt.Sprint("crowd", i), Kind: tenants.Person, Active: true}, Tenants: []string{w.ids["tenant acme"]}}
			w.check(w.admin.CreateUser(w.ctx(), admin.Operator(), w.sub.ID, &n))
		}
		list := o.open("users?search=crowd").Require(http.StatusOK)
		page := list.FormWith("all").Set("all", "true").Set("do", "deactivate").Press("Go on").Require(http.StatusOK)
		page.RequireText("Deactivate 4 users?", "all their sessions end")
		page = o.settled(page.FormWith("confirmed").Submit())
		page.RequireText("Users deactivated", "Done", "4 of 4 done")
		o.open("users?search=crowd&active=true").RequireText("No users match")
		o.open("users?active=true").RequireText("anna", "bert", "gina", "sue")
		o.open("jobs").Require(http.StatusOK).RequireText("Users deactivated", "Sue")
	})
}

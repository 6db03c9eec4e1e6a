package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/testkit"
	"twofold/internal/testkit/browser"
	"twofold/tenants"
)

// TestBrowserOversight: an administrator goes through the pages of oversight and of the
// server, with something on each of them.
func TestBrowserOversight(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	w, _ := newSite(t, testkit.SQLite(t))
	u := &person{Browser: chromium.For(t), t: t, w: w, name: "sue"}
	u.intoConsole()
	u.shot = "watch"
	base := w.url + "/admin/s/" + w.sub.ID + "/"
	look := func(name, path string) {
		t.Helper()
		address := base + path
		if strings.HasPrefix(path, "/") {
			address = w.url + path
		}
		u.Open(address)
		u.WaitFor("h1")
		u.picture(name)
		u.fits()
	}
	look("start-empty", "")
	w.busy()
	look("start", "")
	look("start-server", "/admin/s/"+w.firstSubscription()+"/")
	look("audit", "audit")
	look("audit-none", "audit?user=nobody-here")
	look("audit-changes", "audit?kind=config.")
	u.Eval(`document.querySelectorAll(".log details").forEach((d, i) => { d.open = i < 2 })`, nil)
	u.picture("audit-open")
	look("audit-sign-in", "audit/"+w.newest("sign_in.done"))
	look("audit-change", "audit/"+w.newest("config.changed"))
	look("verify", "audit/verify")
	look("messages", "messages")
	look("message", "messages/"+w.oldestFailed())
	look("sessions", "sessions")
	look("sessions-end", "sessions/end")
	look("roles", "roles")
	look("role-new", "roles/new")
	look("search", "search?q=a")
	look("search-none", "search?q=zzzz")
	look("jobs", "jobs")
	look("subscription", "subscription")
	look("subscription-edit", "subscription/edit")
	look("subscription-delete", "subscription/delete")
	look("subscriptions", "/admin/subscriptions")
	look("administrators", "/admin/roles")
	look("audit-server", "/admin/audit")
	u.Open(w.url + "/admin/api") // too long for a picture of all of it
	u.WaitFor("h1")
	u.fits()
	if os.Getenv("TWOFOLD_SCREENSHOTS") != "" {
		u.Screenshot("watch-api-390-light", 390, 1600, false)
		u.Screenshot("watch-api-1280-dark", 1280, 1600, true)
	}
	job, err := w.admin.StartBulk(context.Background(), admin.Operator(), w.sub.ID, admin.BulkUsers{Do: admin.BulkDeactivate, Search: "crowd"})
	if err != nil {
		t.Fatal(err)
	}
	look("job", "jobs/"+job.ID)
	u.Open(base + "users?search=crowd")
	u.WaitFor("[data-pick]")
	u.Click("[data-pick]")
	u.picture("users-all")
	u.RequireClean(t)
}

// busy makes a subscription in which something has happened.
func (w *world) busy() {
	w.t.Helper()
	w.tenant("acme", "anna", "bruno")
	w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses"})
	w.factor("mail", "email")
	w.assign("mail", "tenant acme", true)
	for _, user := range []string{"anna", "bruno"} {
		p, c := w.rp("acme", "expenses"), testkit.NewClient(w.t)
		page := p.signIn(c, user).Follow()
		p.callback(page.FormWith("code").Set("code", w.code(user+"@example.test")).Press("Continue"))
	}
	ctx, root := w.ctx(), admin.Operator()
	for _, name := range []string{"crowd1", "crowd2", "crowd3"} {
		n := admin.NewUser{User: tenants.User{Name: name, Kind: tenants.Person, Active: true}, Tenants: []string{w.ids["tenant acme"]}}
		w.check(w.admin.CreateUser(ctx, root, w.sub.ID, &n))
	}
	_, err := w.admin.ClientApps().Update(ctx, root, w.sub.ID, w.ids["client_app expenses"], 0, func(v *tenants.ClientApp) error {
		v.Title, v.EnforceMFA = "Expenses and travel", true
		return nil
	})
	w.check(err)
	w.check(w.admin.Grant(ctx, root, &tenants.Grant{
		SubscriptionID: w.sub.ID, TenantID: w.ids["tenant acme"], Role: tenants.RoleHelpDesk, SubjectKind: tenants.SubjectUser, SubjectID: w.ids["user anna"],
	}))
	_, err = w.admin.VerifyAudit(ctx, root, w.sub.ID)
	w.check(err)
	// A message that failed, and one that took its place.
	_, err = w.db.SQL().ExecContext(ctx, `UPDATE messages SET state = 'failed', error_class = 'recipient', error = 'recipient: 550 no such mailbox' WHERE id = (SELECT min(id) FROM messages)`)
	w.check(err)
	_, err = w.db.SQL().ExecContext(ctx, `UPDATE messages SET fell_from = (SELECT min(id) FROM messages), challenge_id = (SELECT challenge_id FROM messages WHERE id = (SELECT min(id) FROM messages)) WHERE id = (SELECT max(id) FROM messages)`)
	w.check(err)
	_, err = w.admin.StartBulk(ctx, root, w.sub.ID, admin.BulkUsers{Do: admin.BulkActivate, IDs: []string{w.ids["user anna"], id.New()}})
	w.check(err)
	for {
		if some, err := w.admin.WorkJobs(ctx); !some {
			w.check(err)
			return
		}
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// newest is the last event of a kind in the subscription.
func (w *world) newest(kind string) string {
	w.t.Helper()
	list, err := w.audit.List(db.WithScope(context.Background(), db.Scope{Subscription: w.sub.ID}), 200)
	w.check(err)
	for _, e := range list {
		if e.Kind == kind {
			return e.ID
		}
	}
	w.t.Fatal("no " + kind)
	return ""
}

func (w *world) oldestFailed() (messageID string) {
	w.t.Helper()
	w.check(w.db.SQL().QueryRowContext(context.Background(), "SELECT min(id) FROM messages WHERE state = 'failed'").Scan(&messageID))
	return messageID
}

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// administers lets a user of a tenant administer it, and signs him in with a code by mail.
func (w *world) administers(name, tenant string, role tenants.Role, whole bool) (c *testkit.Client, base string) {
	w.t.Helper()
	g := tenants.Grant{SubscriptionID: w.sub.ID, TenantID: w.ids["tenant "+tenant], Role: role, SubjectKind: tenants.SubjectUser, SubjectID: w.ids["user "+name]}
	if whole {
		g.TenantID = ""
	}
	if err := w.admin.Grant(w.ctx(), admin.Operator(), &g); err != nil {
		w.t.Fatal(err)
	}
	return w.signsIn(name, tenant)
}

// signsIn signs somebody in to the administration with a code by mail.
func (w *world) signsIn(name, tenant string) (c *testkit.Client, base string) {
	w.t.Helper()
	var before []string // what an earlier sign-in got is no answer to this one
	for _, m := range w.inbox.Messages() {
		before = append(before, digits.FindString(m.Text))
	}
	c = testkit.NewClient(w.t)
	page := c.Get(w.url + "/admin/signin?tenant=" + tenant).Follow()
	page = page.FormWith("username").Set("username", name).Set("password", password).Press("Sign in").Follow()
	page.FormWith("code").Set("code", w.newCode(name+"@example.test", before...)).Press("Continue").Follow().Require(http.StatusOK)
	return c, w.url + "/admin/s/" + w.sub.ID + "/"
}

// TestTenantAdminsFactors: who runs a tenant sees what reaches it, may assign to it, and
// neither sees nor changes how an instance is configured.
func TestTenantAdminsFactors(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.tenant("acme", "tina", "anna")
		w.tenant("globex", "gina")
		mail, sms := w.factor("Mail code", "email"), w.factor("SMS", "twilio")
		w.assign("Mail code", "subscription sample", true)
		c, base := w.administers("tina", "acme", tenants.RoleTenantAdmin, false)

		page := c.Get(base+"two-factors").Require(http.StatusOK).RequireText("Mail code", "SMS", "Ready", "Untested")
		if strings.Contains(page.Text, "Create TwoFactor instance") {
			t.Error("may create")
		}
		page = c.Get(base+"two-factors/"+mail).Require(http.StatusOK).RequireText("Subscription Sample Ltd", "Required", "Assign it")
		for _, no := range []string{"Edit", "Send test", "Delete TwoFactor instance", "On or off", "Change", "Remove", w.smtp.Host()} {
			if strings.Contains(page.Text, no) {
				t.Errorf("is offered: %s", no)
			}
		}
		for _, path := range []string{"/edit", "/switch", "/delete", "/new"} {
			url := base + "two-factors/" + mail + path
			if path == "/new" {
				url = base + "two-factors/new"
			}
			if got := c.Get(url); got.Status != http.StatusForbidden {
				t.Errorf("%s: %d %s", path, got.Status, got.Text)
			}
		}
		c.PostForm(base+"two-factors/"+mail+"/test", nil).Require(http.StatusForbidden)

		// To his tenant he may assign, to the other not, and he sees his own users alone.
		page = c.Get(base + "assignments/new?two_factor=" + sms).Require(http.StatusOK)
		if strings.Contains(page.Text, "Everybody, in all tenants") {
			t.Error("may assign to the subscription")
		}
		page = page.FormWith("level").Set("level", "tenant").Press("Continue").Require(http.StatusOK)
		if strings.Contains(page.Text, "globex") {
			t.Error("sees another tenant")
		}
		page = page.FormWith("target").Set("target", w.ids["tenant acme"]).Press("Create assignment").Require(http.StatusOK).RequireText("Nothing has been saved yet", "tina", "anna", "people sign in there 2")
		page = page.Press("Save it").Follow().Require(http.StatusOK).RequireText("SMS for acme", "Optional")
		// What is required he may not make optional again.
		page = page.Link("Edit").FormWith("required").Set("required", "on").Press("Save").Follow().Require(http.StatusOK)
		page.Link("Edit").FormWith("required").Set("required", "").Press("Save").Require(http.StatusUnprocessableEntity).RequireText("stricter, but not looser")
		c.PostForm(base+"assignments/new", map[string][]string{"two_factor": {sms}, "level": {"tenant"}, "target": {w.ids["tenant globex"]}, "whole": {"true"}, "confirmed": {"true"}}).
			Require(http.StatusUnprocessableEntity).RequireText("There is none of this name.")
		c.Get(base + "exemptions/new").Require(http.StatusForbidden)
		c.Get(base + "settings").Require(http.StatusForbidden)
		c.Get(w.url + "/admin/settings").Require(http.StatusForbidden)
		c.Get(base + "explain?user=gina").Require(http.StatusUnprocessableEntity).RequireText("There is no user")
		c.Get(base+"explain?user="+w.ids["user anna"]+"&tenant="+w.ids["tenant acme"]).Require(http.StatusOK).RequireText("A second factor is asked for", "Assigns SMS (required)")
	})
}

// TestExemptionPages: a reason and an end, after a fresh sign-in, for nobody himself.
func TestExemptionPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.tenant("acme", "tina", "anna")
		w.factor("Mail code", "email")
		w.assign("Mail code", "subscription sample", true)
		c, base := w.administers("tina", "acme", tenants.RoleSubscriptionAdmin, true)
		p := c.Get(base + "exemptions").Require(http.StatusOK).RequireText("No exemptions yet").Link("Create exemption")
		p = p.FormWith("level").Set("level", "user").Press("Continue").Require(http.StatusOK)
		p = p.FormWith("target").Set("target", "anna").Set("until", "2026-01-01").Press("Create exemption").Require(http.StatusUnprocessableEntity).RequireText("Give the reason.")
		p = p.FormWith("target").Set("until", "2026-12-24").Set("reason", "Lost her phone").Press("Create exemption").Require(http.StatusOK)
		p.RequireText("Nothing has been saved yet", "asked no more 1", "anna")
		p.Press("Save it").Follow().Require(http.StatusOK).RequireText("Exemption of anna", "Lost her phone", "tina")
		c.Get(base+"explain?user=anna").Require(http.StatusOK).RequireText("No second factor: exempt", "Is exempt until")

		p = c.Get(base + "exemptions/new?level=user&target=tina&reason=Me&until=2026-12-24").Require(http.StatusOK)
		p = p.Press("Create exemption").Require(http.StatusOK)
		p.Press("Save it").Require(http.StatusForbidden).RequireText("Nobody may let himself off")

		// Later it asks for a fresh sign-in first, and in the end it is over and still there.
		w.clock.Advance(10 * time.Minute)
		if got := c.Get(base + "exemptions/new"); !got.IsRedirect() {
			t.Errorf("asked nothing: %d %s", got.Status, got.Text)
		}
		e, err := w.admin.Exemptions().List(t.Context(), admin.Operator(), w.sub.ID, page.Query{})
		if err != nil || len(e.Items) != 1 || e.Items[0].CreatedBy != w.ids["user tina"] {
			t.Errorf("%+v %v", e, err)
		}
		w.clock.Advance(40 * 24 * time.Hour)
		c, base = w.signsIn("tina", "acme")
		c.Get(base+"exemptions").Require(http.StatusOK).RequireText("anna", "Ended")
	})
}

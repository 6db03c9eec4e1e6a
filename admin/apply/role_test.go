package apply_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin"
	"twofold/admin/apply"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

const someRoles = `
roles:
  - {role: system_admin, to: {user: Anna}, of: sample}
  - {role: auditor, to: {group: watch}, of: other}
subscriptions:
  - name: sample
    roles:
      - {role: subscription_admin, to: {user: bob}}
      - {role: tenant_admin, tenant: acme, to: {group: managers}}
      - {role: help_desk, to: {user: olga}, of: other}
      - {role: auditor, tenant: globex, to: {client_app: expenses}}
  - name: other
    users: [{name: olga}]
    groups: [{name: watch}]
`

// TestRoles: roles are given once, to whomever, and each is in the trail.
func TestRoles(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		var got []string
		for _, l := range w.apply(someRoles) {
			if strings.HasPrefix(l, "+") && strings.Contains(l, "role ") {
				got = append(got, l)
			}
		}
		want := []string{
			"+ platform role system_admin to user Anna of sample",
			"+ platform role auditor to group watch of other",
			"+ role sample/subscription_admin to user bob",
			"+ role sample/tenant_admin in tenant acme to group managers",
			"+ role sample/help_desk to user olga of other",
			"+ role sample/auditor in tenant globex to client_app expenses",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := w.apply(someRoles); got[0] != "= nothing to change" {
			t.Errorf("again: %q", got)
		}
		grants := must[[]tenants.Grant](t)(w.store.GrantsIn(t.Context(), ""))
		if len(grants) != 2 || grants[0].Role != tenants.RoleSystemAdmin || grants[0].CreatedBy != "tester" || grants[0].HomeID != w.sub("sample").ID {
			t.Errorf("the platform's: %+v", grants)
		}
		roleEvents := 0
		for _, e := range w.events("sample") {
			if strings.HasPrefix(e, `config.created {"entity":"role"`) {
				roleEvents++
			}
		}
		if roleEvents != 4 {
			t.Errorf("%d events of sample's roles, want 4", roleEvents)
		}
		for _, e := range must[[]audit.Event](t)(w.trail.List(w.in("sample"), 1000)) {
			if e.Actor != "tester" {
				t.Errorf("by %q", e.Actor)
			}
		}
		if err := w.trail.Verify(t.Context(), "platform"); err != nil {
			t.Error(err)
		}
		// Alone, a subscription names where its administrators come from.
		text, _ := w.export(apply.ExportOptions{Subscription: "sample", NoUsers: true})
		for _, line := range []string{"- role: tenant_admin\n        tenant: acme\n        to: {group: managers}\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("the export lacks %q:\n%s", line, text)
			}
		}
		if strings.Contains(text, "olga") || strings.Contains(text, "system_admin") {
			t.Errorf("the export holds too much:\n%s", text)
		}
	})
}

func TestRoleMistakes(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		for text, want := range map[string]string{
			"roles: [{role: system_admin, to: {user: zoe}, of: sample}]":                                                               `conf/f.yaml:1:34: roles[0].to: there is no user zoe in this file or in subscription "sample"`,
			"roles: [{role: system_admin, to: {user: anna}, of: nobody}]":                                                              `conf/f.yaml:1:52: roles[0].of: there is no subscription "nobody" in this file or on the server`,
			"subscriptions: [{name: sample, roles: [{role: help_desk, tenant: moon, to: {user: anna}}]}]":                              `conf/f.yaml:1:66: subscriptions[0].roles[0].tenant: there is no tenant "moon" in this file or in the subscription`,
			"subscriptions: [{name: sample, roles: [{role: tenant_admin, to: {user: anna}}]}]":                                         `conf/f.yaml:1:47: subscriptions[0].roles[0].role: tenant_admin is for a tenant`,
			"subscriptions: [{name: sample, title: T, roles: [{role: subscription_admin, tenant: acme, to: {client_app: expenses}}]}]": `conf/f.yaml:1:57: subscriptions[0].roles[0].role: subscription_admin is for a whole subscription`,
		} {
			if got := w.refused(text); len(got) != 1 || got[0] != want {
				t.Errorf("%s:\n got %q\nwant %q", text, got, want)
			}
		}
		for text, want := range map[string]string{
			"roles: [{role: tenant_admin, to: {user: a}, of: b}]":                                                        `must be system_admin or auditor`,
			"roles: [{role: auditor, to: {tenant: a}, of: b}]":                                                           `must be {LEVEL: NAME} with one level of user, group, client_app`,
			"roles: [{role: auditor, to: {user: a}}]":                                                                    `roles[0].of: is required`,
			"roles: [{role: auditor, to: {user: a}, of: b}, {role: auditor, to: {user: A}, of: b}]":                      `is taken already`,
			"subscriptions: [{name: s, roles: [{role: auditor, to: {user: a}}, {role: auditor, to: {user: A}, of: s}]}]": `is taken already`,
		} {
			if _, err := apply.Parse("f.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", text, err, want)
			}
		}
	})
}

// TestConsole: the administration's own app is in no file, and no file takes it away.
func TestConsole(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		own := tenants.ClientApp{
			Name: "twofold-console", Title: "Administration", Type: tenants.AppWeb, ClientID: admin.ConsoleID(w.sub("sample").ID), AuthMethod: tenants.AuthNone,
			RedirectURIs: tenants.List{"https://id.example.org/admin/callback"}, GrantTypes: tenants.List{tenants.GrantCode}, IDTokenAlg: "RS256", Active: true,
		}
		told := 0
		o := w.options()
		o.OnGrant = func(ctx context.Context, g tenants.Grant) error {
			told++
			ctx = db.WithScope(ctx, db.Scope{Subscription: g.HomeID})
			if _, err := w.store.PutClientApp(ctx, &own); err != nil {
				return err
			}
			_, err := w.store.Link(ctx, tenants.LinkTenantClientApp, w.tenantIn(ctx, "acme"), own.ID)
			return err
		}
		if rep := must[apply.Report](t)(w.try("roles: [{role: system_admin, to: {user: anna}, of: sample}, {role: auditor, to: {client_app: expenses}, of: sample}]\n", o)); told != 1 || len(rep.Warnings) > 0 {
			t.Errorf("told of %d roles, %q", told, rep.Warnings)
		}
		text, warnings := w.export(apply.ExportOptions{})
		if strings.Contains(text, "console") || len(warnings) > 0 {
			t.Errorf("%q\n%s", warnings, text)
		}
		before := w.dump()
		if got := w.apply(text); got[0] != "= nothing to change" {
			t.Errorf("got %q", got)
		}
		w.same(before)
		want := "conf/f.yaml:1:54: subscriptions[0].client_apps[0].name: is the administration itself: Twofold keeps it as it must be"
		if got := w.refused("subscriptions: [{name: sample, client_apps: [{ name: twofold-console, type: spa, title: Mine}]}]\n"); len(got) != 1 || got[0] != want {
			t.Errorf("got %q", got)
		}
	})
}

func (w *world) tenantIn(ctx context.Context, name string) string {
	w.Helper()
	for _, v := range must[[]tenants.Tenant](w.T)(w.store.ListTenants(ctx)) {
		if v.Name == name {
			return v.ID
		}
	}
	w.Fatal("no tenant " + name)
	return ""
}

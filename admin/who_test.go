package admin_test

import (
	"slices"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/tenants"
)

var (
	platform = db.Scope{}
	acme     = db.Scope{Subscription: "s1"}
	staff    = db.Scope{Subscription: "s1", Tenant: "t1"}
	guests   = db.Scope{Subscription: "s1", Tenant: "t2"}
	globex   = db.Scope{Subscription: "s2"}
)

func with(grants ...tenants.Grant) admin.Who {
	return admin.Who{Kind: tenants.SubjectUser, ID: "u", Grants: grants}
}

func grant(r tenants.Role, in db.Scope) tenants.Grant {
	return tenants.Grant{Role: r, SubscriptionID: in.Subscription, TenantID: in.Tenant}
}

// TestMay holds each role against what SPEC §1 and §8.3 say of it: written down here
// once more, so that a slip in the table of package admin is seen.
func TestMay(t *testing.T) {
	who := map[string]admin.Who{
		"nobody":             with(),
		"SystemAdmin":        with(grant(tenants.RoleSystemAdmin, platform)),
		"SubscriptionAdmin":  with(grant(tenants.RoleSubscriptionAdmin, acme)),
		"TenantAdmin":        with(grant(tenants.RoleTenantAdmin, staff)),
		"HelpDesk":           with(grant(tenants.RoleHelpDesk, acme)),
		"HelpDesk of staff":  with(grant(tenants.RoleHelpDesk, staff)),
		"Auditor":            with(grant(tenants.RoleAuditor, acme)),
		"Auditor of servers": with(grant(tenants.RoleAuditor, platform)),
	}
	for _, c := range []struct {
		do  admin.Action
		in  db.Scope
		who string // those who may, by name
	}{
		{admin.SubscriptionCreate, platform, "SystemAdmin"},
		{admin.SubscriptionDelete, acme, "SystemAdmin"},
		{admin.SubscriptionWrite, acme, "SubscriptionAdmin SystemAdmin"},
		{admin.SubscriptionWrite, globex, "SystemAdmin"},
		{admin.SettingsWrite, platform, "SystemAdmin"},
		{admin.SettingsWrite, acme, "SubscriptionAdmin SystemAdmin"},
		{admin.TwoFactorWrite, acme, "SubscriptionAdmin SystemAdmin"},
		{admin.TwoFactorCreate, staff, "SubscriptionAdmin SystemAdmin"},
		{admin.TwoFactorRead, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.TenantWrite, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.TenantWrite, guests, "SubscriptionAdmin SystemAdmin"},
		{admin.TenantCreate, staff, "SubscriptionAdmin SystemAdmin"},
		{admin.UserWrite, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.UserWrite, guests, "SubscriptionAdmin SystemAdmin"},
		{admin.UserRead, guests, "HelpDesk SubscriptionAdmin SystemAdmin"},
		{admin.UserRead, globex, "SystemAdmin"},
		{admin.UserHelp, staff, "HelpDesk HelpDesk of staff SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.UserHelp, guests, "HelpDesk SubscriptionAdmin SystemAdmin"},
		{admin.UserPassword, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.ExemptionCreate, staff, "SubscriptionAdmin SystemAdmin"},
		{admin.RoleWrite, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.AuditRead, staff, "Auditor Auditor of servers SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.AuditRead, guests, "Auditor Auditor of servers SubscriptionAdmin SystemAdmin"},
		{admin.AuditRead, globex, "Auditor of servers SystemAdmin"},
		{admin.MessageRead, acme, "Auditor Auditor of servers SubscriptionAdmin SystemAdmin"},
		{admin.SessionEnd, staff, "SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.TenantRead, staff, "Auditor Auditor of servers HelpDesk HelpDesk of staff SubscriptionAdmin SystemAdmin TenantAdmin"},
		{admin.GroupWrite, staff, "SubscriptionAdmin SystemAdmin"},
		{"nonsense", acme, "SubscriptionAdmin SystemAdmin"},
	} {
		var may []string
		for name, w := range who {
			if w.May(c.do, c.in) {
				may = append(may, name)
			}
		}
		slices.Sort(may)
		got := ""
		for i, n := range may {
			if i > 0 {
				got += " "
			}
			got += n
		}
		if got != c.who {
			t.Errorf("%s in %v: %q, want %q", c.do, c.in, got, c.who)
		}
	}
}

// TestMayGrant: nobody gives more than he has, or elsewhere.
func TestMayGrant(t *testing.T) {
	system, subscription := with(grant(tenants.RoleSystemAdmin, platform)), with(grant(tenants.RoleSubscriptionAdmin, acme))
	tenant, desk := with(grant(tenants.RoleTenantAdmin, staff)), with(grant(tenants.RoleHelpDesk, acme))
	both := with(grant(tenants.RoleTenantAdmin, staff), grant(tenants.RoleAuditor, platform))
	for _, c := range []struct {
		name string
		who  admin.Who
		g    tenants.Grant
		want bool
	}{
		{"system gives all", system, grant(tenants.RoleSystemAdmin, platform), true},
		{"subscription its own", subscription, grant(tenants.RoleSubscriptionAdmin, acme), true},
		{"and narrower", subscription, grant(tenants.RoleTenantAdmin, guests), true},
		{"but not above", subscription, grant(tenants.RoleSystemAdmin, platform), false},
		{"nor another's", subscription, grant(tenants.RoleHelpDesk, globex), false},
		{"nor for all", subscription, grant(tenants.RoleAuditor, platform), false},
		{"tenant its own", tenant, grant(tenants.RoleTenantAdmin, staff), true},
		{"and a help desk", tenant, grant(tenants.RoleHelpDesk, staff), true},
		{"not in another", tenant, grant(tenants.RoleHelpDesk, guests), false},
		{"not for the subscription", tenant, grant(tenants.RoleHelpDesk, acme), false},
		{"not above", tenant, grant(tenants.RoleSubscriptionAdmin, acme), false},
		{"a help desk none", desk, grant(tenants.RoleHelpDesk, staff), false},
		{"two roles do not add up", both, grant(tenants.RoleAuditor, platform), false},
	} {
		if got := c.who.MayGrant(c.g); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestWhereSomebodyMay(t *testing.T) {
	w := with(grant(tenants.RoleTenantAdmin, staff), grant(tenants.RoleHelpDesk, guests), grant(tenants.RoleAuditor, globex))
	if got := w.Tenants(admin.UserWrite, "s1"); !slices.Equal(got, []string{"t1"}) {
		t.Errorf("writes users in %v", got)
	}
	if got := w.Tenants(admin.UserRead, "s1"); !slices.Equal(got, []string{"t1", "t2"}) {
		t.Errorf("reads users in %v", got)
	}
	if got := w.Tenants(admin.AuditRead, "s2"); got != nil {
		t.Errorf("audits %v", got)
	}
	if got := w.Tenants(admin.UserRead, "s3"); got == nil || len(got) != 0 {
		t.Errorf("elsewhere: %v", got)
	}
	if got := w.Subscriptions(admin.SubscriptionRead); !slices.Equal(got, []string{"s1", "s2"}) {
		t.Errorf("subscriptions %v", got)
	}
	for in, want := range map[db.Scope]tenants.Role{
		acme: tenants.RoleTenantAdmin, staff: tenants.RoleTenantAdmin, guests: tenants.RoleHelpDesk, globex: tenants.RoleAuditor, {Subscription: "s3"}: "",
	} {
		if got := w.Top(in); got != want {
			t.Errorf("top in %v: %q", in, got)
		}
	}
}

func TestFresh(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	w := with()
	w.ProvenAt = now.Add(-admin.FreshFor)
	if !w.Fresh(now) || w.Fresh(now.Add(time.Second)) {
		t.Error("5 minutes")
	}
	if !(admin.Who{Kind: tenants.SubjectClientApp}).Fresh(now) {
		t.Error("a machine proves itself each time")
	}
}

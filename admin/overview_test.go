package admin_test

import (
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/tenants"
)

// TestProgress: each step is derived from what there is, and the last one from the trail.
func TestProgress(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx, root := t.Context(), admin.Operator()
		sub := tenants.Subscription{Name: "fresh", Active: true}
		must(t, h.CreateSubscription(ctx, root, &sub))
		is := func(what string, ok func(p admin.Progress) bool) {
			t.Helper()
			p, err := h.Progress(ctx, root, sub.ID)
			if must(t, err); !ok(p) {
				t.Errorf("%s: %+v", what, p)
			}
		}
		is("nothing", func(p admin.Progress) bool { return p == admin.Progress{} })
		realm := tenants.Tenant{Name: "fresh", Title: "Fresh", SessionSeconds: 7200, IdleSeconds: 3600, Active: true}
		must(t, h.TenantsOf().Create(ctx, root, sub.ID, &realm))
		is("tenant", func(p admin.Progress) bool { return p.Tenant && !p.IDP && !p.User })
		must(t, h.IDPs().Create(ctx, root, sub.ID, &tenants.IDP{Name: "staff", Title: "Staff", Type: tenants.IDPLocal, Active: true}))
		n := admin.NewUser{User: tenants.User{Name: "first", Kind: tenants.Person, Active: true}, Tenants: []string{realm.ID}}
		must(t, h.CreateUser(ctx, root, sub.ID, &n))
		is("user", func(p admin.Progress) bool { return p.IDP && p.User && !p.ClientApp && p.Instance == nil })
		own := tenants.ClientApp{Name: "console", Title: "Console", Type: tenants.AppWeb, ClientID: admin.ConsoleID(sub.ID), AuthMethod: "client_secret_basic", IDTokenAlg: "RS256", RedirectURIs: tenants.List{"https://id.example.test/cb"}, GrantTypes: tenants.List{"authorization_code"}, Active: true}
		must(t, h.ClientApps().Create(ctx, root, sub.ID, &own))
		is("the administration itself is no app", func(p admin.Progress) bool { return !p.ClientApp })
		app := own
		app.ID, app.Stamp, app.Name, app.ClientID = "", tenants.Stamp{}, "shop", "shop"
		must(t, h.ClientApps().Create(ctx, root, sub.ID, &app))
		is("app", func(p admin.Progress) bool { return p.ClientApp && !p.SignedIn && !p.Done() })
		in := db.WithScope(ctx, db.Scope{Subscription: sub.ID, Tenant: realm.ID})
		must(t, h.Admin.Audit.Record(in, audit.Event{Kind: "sign_in.done", ClientApp: own.ID}, nil))
		must(t, h.Admin.Audit.Record(in, audit.Event{Kind: "sign_in.refused", ClientApp: app.ID}, nil))
		is("signed in to the administration, refused at the app", func(p admin.Progress) bool { return !p.Done() })
		must(t, h.Admin.Audit.Record(in, audit.Event{Kind: "sign_in.done", ClientApp: app.ID}, nil))
		is("signed in", func(p admin.Progress) bool { return p.Done() })

		w := h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, h.scope("acme"))
		_, err := h.Progress(ctx, w, h.one)
		wantCode(t, err, "unknown")
	})
}

// TestOverview: each role is told what it may read, and no more.
func TestOverview(t *testing.T) {
	watched(t, func(t *testing.T, h *house, _ *[]string) {
		ctx := t.Context()
		owner := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		soon := tenants.Exemption{Level: tenants.LevelUser, TargetID: h.ids["bob"], Reason: "lost her phone", Until: h.clock.Now().Add(48 * time.Hour)}
		must(t, h.Exemptions().Create(ctx, owner, h.one, &soon))
		late := tenants.Exemption{Level: tenants.LevelUser, TargetID: h.user("acme", "carl"), Reason: "later", Until: h.clock.Now().Add(100 * 24 * time.Hour)}
		must(t, h.Exemptions().Create(ctx, owner, h.one, &late))
		for _, realm := range []string{"acme", "globex"} {
			must(t, h.Admin.Audit.Record(h.in(realm), audit.Event{Kind: "sms.budget_half", Actor: "system"}, nil))
		}
		_, err := h.VerifyAudit(ctx, owner, h.one)
		must(t, err)
		o, err := h.Overview(ctx, owner, h.one)
		must(t, err)
		if o.Tenants == nil || o.Tenants.N != 2 || o.ClientApps == nil || o.Ready == nil || len(o.Ending) != 1 || len(o.SMS) != 2 || !o.MayVerify || o.Verified == nil || o.Failed == nil {
			t.Errorf("%+v", o)
		}
		o, err = h.Overview(ctx, h.as("acme", h.named("tom"), tenants.RoleTenantAdmin, h.scope("acme")), h.one)
		if must(t, err); o.Tenants.N != 1 || len(o.SMS) != 1 || o.MayVerify || o.Verified != nil || len(o.Ending) != 0 {
			t.Errorf("tenant: %+v", o)
		}
		o, err = h.Overview(ctx, h.as("acme", h.named("aude"), tenants.RoleAuditor, db.Scope{Subscription: h.one}), h.one)
		if must(t, err); o.ClientApps != nil || o.Ready != nil || len(o.Ending) != 0 || o.Failed == nil || len(o.SMS) != 2 || !o.MayVerify {
			t.Errorf("auditor: %+v", o)
		}
		o, err = h.Overview(ctx, h.as("acme", h.named("hal"), tenants.RoleHelpDesk, h.scope("acme")), h.one)
		if must(t, err); o.ClientApps != nil || o.Failed != nil || len(o.SMS) != 0 || o.MayVerify {
			t.Errorf("help desk: %+v", o)
		}
		_, err = h.Overview(ctx, h.as("other", "olga", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.two}), h.one)
		wantCode(t, err, "unknown")
	})
}

package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// house is a world with all use cases.
type house struct {
	*world
	*admin.Admin
	one, two string // ids of the subscriptions
}

func eachHouse(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) {
		a := &admin.Admin{
			DB: w.HelpDesk.DB, Tenants: w.Tenants, Ceremony: w.Ceremony, Audit: w.Audit, Limits: w.Ceremony.Limits, HelpDesk: w.HelpDesk, Outbox: w.Ceremony.Outbox, Now: w.clock.Now,
			PublicURL: "https://id.example.test", OnGrant: func(context.Context, tenants.Grant) error { return nil },
			Preview: func(context.Context, tenants.Template, twofactor.Medium) (twofactor.Message, error) {
				return twofactor.Message{}, nil
			},
		}
		f(t, &house{w, a, w.realms["acme"].Subscription.ID, w.realms["other"].Subscription.ID})
	})
}

// as is a user of a tenant with a role given to him, who has just signed in.
func (h *house) as(tenant, user string, role tenants.Role, in db.Scope) admin.Who {
	h.t.Helper()
	realm := h.realms[tenant]
	g := tenants.Grant{
		SubscriptionID: in.Subscription, TenantID: in.Tenant, Role: role, SubjectKind: tenants.SubjectUser, SubjectID: h.ids[user], HomeID: realm.Subscription.ID,
	}
	put(h.t)(h.Admin.Tenants.PutGrant(h.t.Context(), &g))
	home := db.Scope{Subscription: realm.Subscription.ID, Tenant: realm.Tenant.ID}
	w, err := h.Who(h.t.Context(), admin.Signed{Home: home, UserID: h.ids[user], AuthTime: h.clock.Now(), ACR: twofactor.Strength2FA.ACR()})
	must(h.t, err)
	return w
}

// user makes one more user of a tenant.
func (h *house) user(tenant, name string) string {
	h.t.Helper()
	n := admin.NewUser{User: tenants.User{Name: name, Kind: tenants.Person, Active: true}, Tenants: []string{h.realms[tenant].Tenant.ID}, Password: "correct horse battery staple"}
	must(h.t, h.CreateUser(h.t.Context(), admin.Operator(), h.realms[tenant].Subscription.ID, &n))
	h.ids[name] = n.ID
	return n.ID
}

func (h *house) scope(tenant string) db.Scope {
	r := h.realms[tenant]
	return db.Scope{Subscription: r.Subscription.ID, Tenant: r.Tenant.ID}
}

func (h *house) events(subscription string) string {
	h.t.Helper()
	list, err := h.Admin.Audit.List(db.WithScope(h.t.Context(), db.Scope{Subscription: subscription}), 50)
	must(h.t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Kind+" by "+h.name(e.Actor)+" "+e.Detail)
	}
	return strings.Join(out, "\n")
}

func TestWho(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		signed := admin.Signed{Home: h.scope("acme"), UserID: h.ids["anna"], AuthTime: h.clock.Now(), ACR: twofactor.Strength2FA.ACR()}
		for _, c := range []struct {
			name, code string
			change     func(*admin.Signed)
		}{
			{"as she is", "", func(*admin.Signed) {}},
			{"by password alone", "second_factor_needed", func(s *admin.Signed) { s.ACR = twofactor.Strength1FA.ACR() }},
			{"without acr", "second_factor_needed", func(s *admin.Signed) { s.ACR = "" }},
			{"without a role", "no_role", func(s *admin.Signed) { s.UserID = h.ids["bob"] }},
			{"of another subscription", "signed_out", func(s *admin.Signed) { s.UserID = h.ids["olga"] }},
			{"nobody", "signed_out", func(s *admin.Signed) { s.UserID = "nobody" }},
			{"a machine that is not there", "signed_out", func(s *admin.Signed) { s.UserID = "" }},
		} {
			s := signed
			c.change(&s)
			_, err := h.Who(t.Context(), s)
			wantCode(t, err, c.code)
		}
	})
}

// TestThings follows one thing from its making to its end.
func TestThings(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		groups := h.Groups()
		g := tenants.Group{Name: "finance"}
		must(t, groups.Create(ctx, w, h.one, &g))
		wantCode(t, groups.Create(ctx, w, h.one, &tenants.Group{Name: "finance"}), "taken")
		changed, err := groups.Update(ctx, w, h.one, g.ID, g.Version, func(v *tenants.Group) error { v.Name = "money"; return nil })
		must(t, err)
		if changed.ID != g.ID || changed.Version != g.Version+1 {
			t.Errorf("%+v", changed)
		}
		var stale *admin.StaleError[tenants.Group]
		_, err = groups.Update(ctx, w, h.one, g.ID, g.Version, func(v *tenants.Group) error { v.Name = "late"; return nil })
		if !errors.As(err, &stale) || stale.Yours.Name != "late" || stale.Theirs.Name != "money" || !errors.Is(err, tenants.ErrStale) {
			t.Errorf("two at once: %v", err)
		}
		if err := groups.Delete(ctx, w, h.one, g.ID, g.Version); !errors.Is(err, tenants.ErrStale) {
			t.Errorf("deleted an old version: %v", err)
		}
		must(t, groups.Delete(ctx, w, h.one, g.ID, changed.Version))
		_, err = groups.Get(ctx, w, h.one, g.ID)
		wantCode(t, err, "unknown")
		ev := h.events(h.one)
		for _, want := range []string{
			`config.deleted by anna {"entity":"group","name":"money"`, `config.changed by anna {"entity":"group","name":"money"`,
			`"before":{"name":"finance"},"after":{"name":"money"}`, `config.created by anna {"entity":"group","name":"finance"`,
		} {
			if !strings.Contains(ev, want) {
				t.Errorf("%s is not in\n%s", want, ev)
			}
		}
	})
}

// TestBorders: what belongs to others is not there, by any way.
func TestBorders(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		users := h.Users()
		_, err := users.List(ctx, w, h.two, page.Query{})
		wantCode(t, err, "unknown")
		_, err = users.Get(ctx, w, h.two, h.ids["olga"])
		wantCode(t, err, "unknown")
		_, err = users.Get(ctx, w, h.one, h.ids["olga"])
		wantCode(t, err, "unknown")
		_, err = users.Update(ctx, w, h.one, h.ids["olga"], 0, func(u *tenants.User) error { u.Active = false; return nil })
		wantCode(t, err, "unknown")
		wantCode(t, users.Delete(ctx, w, h.two, h.ids["olga"], 0), "unknown")
		wantCode(t, users.Create(ctx, w, h.two, &tenants.User{Name: "x", Kind: tenants.Person}), "unknown")
		_, err = h.Link(ctx, w, h.one, tenants.LinkTenantMember, h.realms["acme"].Tenant.ID, h.ids["olga"], true)
		wantCode(t, err, "unknown")
		_, err = h.Link(ctx, w, h.one, tenants.LinkTenantMember, h.realms["other"].Tenant.ID, h.ids["anna"], true)
		wantCode(t, err, "unknown")
		_, err = h.TwoFactor(ctx, w, h.one, h.ids["token two"])
		wantCode(t, err, "unknown")
		_, err = h.Help(ctx, w, h.one, h.ids["olga"])
		wantCode(t, err, "unknown")
		_, err = h.Explain(ctx, w, h.one, admin.WhyAsked{TenantID: h.realms["other"].Tenant.ID, UserID: h.ids["olga"]})
		wantCode(t, err, "unknown")
		wantCode(t, h.Assignments().Create(ctx, w, h.one, &tenants.Assignment{TwoFactorID: h.ids["token two"], Level: tenants.LevelSubscription, TargetID: h.one}), "invalid")
		wantCode(t, h.Assignments().Create(ctx, w, h.one, &tenants.Assignment{TwoFactorID: h.ids["token one"], Level: tenants.LevelUser, TargetID: h.ids["olga"]}), "invalid")
	})
}

// TestNobodyReachesAbove: no way of one's own to a wider role than one has.
func TestNobodyReachesAbove(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		boss := h.user("acme", "boss")
		h.as("acme", "boss", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		bob := h.as("acme", "bob", tenants.RoleTenantAdmin, h.scope("acme"))
		desk := h.user("acme", "desk")
		helper := h.as("acme", "desk", tenants.RoleHelpDesk, db.Scope{Subscription: h.one})
		crew := tenants.Group{Name: "crew"}
		must(t, h.Groups().Create(ctx, admin.Operator(), h.one, &crew))
		must(t, h.Grant(ctx, admin.Operator(), &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectGroup, SubjectID: crew.ID, HomeID: h.one}))
		chief := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		app := tenants.ClientApp{
			Name: "robot", ClientID: "robot", Type: tenants.AppMachine, AuthMethod: tenants.AuthBasic, GrantTypes: tenants.List{tenants.GrantClientCredentials},
			IDTokenAlg: "RS256", Active: true,
		}
		must(t, h.ClientApps().Create(ctx, chief, h.one, &app))
		must(t, h.Grant(ctx, admin.Operator(), &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectClientApp, SubjectID: app.ID, HomeID: h.one}))

		change := func(u *tenants.User) error { u.Email = "evil@example.test"; u.EmailVerified = true; return nil }
		_, err := h.Users().Update(ctx, bob, h.one, boss, 0, change)
		wantCode(t, err, "above")
		wantCode(t, h.SetPassword(ctx, bob, h.one, boss, "correct horse battery staple"), "above")
		wantCode(t, h.Users().Delete(ctx, bob, h.one, boss, 0), "above")
		_, _, err = h.Bypass(ctx, helper, h.one, boss, "please")
		wantCode(t, err, "above")
		_, err = h.Reset(ctx, helper, h.one, h.ids["bob"], "please", admin.Reset{})
		wantCode(t, err, "above")
		_, _, err = h.Bypass(ctx, helper, h.one, desk, "for myself")
		wantCode(t, err, "not_oneself")
		_, err = h.Users().Update(ctx, helper, h.one, desk, 0, change)
		wantCode(t, err, "may_not")
		_, err = h.Link(ctx, chief, h.one, tenants.LinkGroupMember, crew.ID, h.ids["anna"], true)
		wantCode(t, err, "above")
		_, err = h.AddClientSecret(ctx, chief, h.one, app.ID, 0)
		wantCode(t, err, "above")
		_, err = h.ClientApps().Update(ctx, chief, h.one, app.ID, 0, func(v *tenants.ClientApp) error { v.Title = "x"; return nil })
		wantCode(t, err, "above")
		wantCode(t, h.Grant(ctx, chief, &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectUser, SubjectID: h.ids["anna"], HomeID: h.one}), "unknown")
		wantCode(t, h.Grant(ctx, chief, &tenants.Grant{SubscriptionID: h.two, Role: tenants.RoleHelpDesk, SubjectKind: tenants.SubjectUser, SubjectID: h.ids["anna"], HomeID: h.one}), "unknown")
		wantCode(t, h.Grant(ctx, bob, &tenants.Grant{SubscriptionID: h.one, TenantID: h.scope("globex").Tenant, Role: tenants.RoleHelpDesk, SubjectKind: tenants.SubjectUser, SubjectID: h.ids["bob"]}), "unknown")
		wantCode(t, h.Grant(ctx, helper, &tenants.Grant{SubscriptionID: h.one, TenantID: h.scope("acme").Tenant, Role: tenants.RoleHelpDesk, SubjectKind: tenants.SubjectUser, SubjectID: desk}), "may_not")
		// A user of other tenants too is not for who runs one of them.
		wantCode(t, h.SetPassword(ctx, bob, h.one, h.ids["anna"], "correct horse battery staple"), "other_tenants")
		until := h.clock.Now().Add(time.Hour)
		wantCode(t, h.Exemptions().Create(ctx, chief, h.one, &tenants.Exemption{Level: tenants.LevelUser, TargetID: h.ids["anna"], Reason: "x", Until: until}), "not_oneself")
		wantCode(t, h.Exemptions().Create(ctx, bob, h.one, &tenants.Exemption{Level: tenants.LevelUser, TargetID: boss, Reason: "x", Until: until}), "may_not")
	})
}

// TestTightens: who runs a tenant may ask for more, never for less.
func TestTightens(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx, in := t.Context(), h.scope("acme")
		bob := h.as("acme", "bob", tenants.RoleTenantAdmin, in)
		set := func(change func(*tenants.Tenant)) error {
			_, err := h.TenantsOf().Update(ctx, bob, h.one, in.Tenant, 0, func(v *tenants.Tenant) error { change(v); return nil })
			return err
		}
		must(t, set(func(v *tenants.Tenant) {
			v.Title, v.Accent, v.EnforceMFA, v.MinACR, v.IdleSeconds = "Acme", "#123456", true, twofactor.Strength2FA.ACR(), 60
		}))
		for name, loosen := range map[string]func(*tenants.Tenant){
			"enforce_mfa": func(v *tenants.Tenant) { v.EnforceMFA = false }, "min_acr": func(v *tenants.Tenant) { v.MinACR = "" },
			"idle_seconds": func(v *tenants.Tenant) { v.IdleSeconds = 61 }, "session_seconds": func(v *tenants.Tenant) { v.SessionSeconds++ },
			"remember_days": func(v *tenants.Tenant) { v.RememberDays = 1 }, "passkey_sign_in": func(v *tenants.Tenant) { v.PasskeySignIn = true },
			"sms_countries": func(v *tenants.Tenant) { v.SMSCountries = tenants.List{"CH"} }, "sms_per_day": func(v *tenants.Tenant) { v.SMSPerDay = 501 },
			"active": func(v *tenants.Tenant) { v.Active = false },
		} {
			var p *problem.Error
			if err := set(loosen); !errors.As(err, &p) || p.Code != "loosens" || p.Fields[0].Name != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		// What is inherited counts as what it comes to.
		inherit := func(v *tenants.Tenant) { v.SessionSeconds, v.IdleSeconds = 0, 0 }
		wantCode(t, set(inherit), "loosens")
		_, err := h.UpdateSubscription(ctx, admin.Operator(), h.one, 0, func(v *tenants.Subscription) error { v.SessionSeconds, v.IdleSeconds = 3600, 60; return nil })
		must(t, err)
		must(t, set(inherit))
		wantCode(t, set(func(v *tenants.Tenant) { v.SessionSeconds = 3601 }), "loosens")

		v := tenants.Assignment{TwoFactorID: h.ids["token one"], Level: tenants.LevelTenant, TargetID: in.Tenant, Required: true}
		must(t, h.Assignments().Create(ctx, bob, h.one, &v))
		wantCode(t, h.Assignments().Delete(ctx, bob, h.one, v.ID, 0), "loosens")
		_, err = h.Assignments().Update(ctx, bob, h.one, v.ID, 0, func(a *tenants.Assignment) error { a.Required = false; return nil })
		wantCode(t, err, "loosens")
		wide := tenants.Assignment{TwoFactorID: h.ids["token one"], Level: tenants.LevelSubscription, TargetID: h.one, Required: true}
		wantCode(t, h.Assignments().Create(ctx, bob, h.one, &wide), "may_not")
		must(t, h.Assignments().Create(ctx, admin.Operator(), h.one, &wide))
		if _, err := h.Assignments().Get(ctx, bob, h.one, wide.ID); err != nil {
			t.Errorf("what comes from above is shown: %v", err)
		}
		wantCode(t, h.Assignments().Delete(ctx, bob, h.one, wide.ID, 0), "may_not")
	})
}

// TestFreshSignIn: what matters asks for a sign-in of the last minutes.
func TestFreshSignIn(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		h.clock.Advance(admin.FreshFor + time.Second)
		again := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, admin.ErrAgain) {
				t.Errorf("%s: %v", what, err)
			}
		}
		again("delete", h.Users().Delete(ctx, w, h.one, h.ids["bob"], 0))
		again("password", h.SetPassword(ctx, w, h.one, h.ids["bob"], "correct horse battery staple"))
		_, _, err := h.Bypass(ctx, w, h.one, h.ids["bob"], "x")
		again("bypass", err)
		again("role", h.Grant(ctx, w, &tenants.Grant{SubscriptionID: h.one, Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectUser, SubjectID: h.ids["bob"]}))
		again("exemption", h.Exemptions().Create(ctx, w, h.one, &tenants.Exemption{Level: tenants.LevelUser, TargetID: h.ids["bob"], Reason: "x", Until: h.clock.Now().Add(time.Hour)}))
		h.loosens(w, again)
		if _, err := h.Users().Update(ctx, w, h.one, h.ids["bob"], 0, func(u *tenants.User) error { u.DisplayName = "Bob"; return nil }); err != nil {
			t.Errorf("what does not matter: %v", err)
		}
	})
}

// loosens makes what is strict looser, which asks, and stricter, which does not.
func (h *house) loosens(w admin.Who, again func(string, error)) {
	h.t.Helper()
	ctx, acme := h.t.Context(), h.realms["acme"].Tenant.ID
	tenant := func(change func(*tenants.Tenant)) error {
		_, err := h.TenantsOf().Update(ctx, w, h.one, acme, 0, func(v *tenants.Tenant) error { change(v); return nil })
		return err
	}
	must(h.t, tenant(func(v *tenants.Tenant) { v.EnforceMFA, v.MinACR, v.Title = true, twofactor.Strength2FA.ACR(), "New" }))
	again("a tenant enforces no more", tenant(func(v *tenants.Tenant) { v.EnforceMFA = false }))
	again("a weaker sign-in", tenant(func(v *tenants.Tenant) { v.MinACR = "" }))
	again("browsers are remembered", tenant(func(v *tenants.Tenant) { v.RememberDays = 30 }))
	sub := func(on bool) error {
		_, err := h.UpdateSubscription(ctx, w, h.one, 0, func(v *tenants.Subscription) error { v.EnforceMFA = on; return nil })
		return err
	}
	must(h.t, sub(true))
	again("a subscription enforces no more", sub(false))
	share := func(on bool) error {
		_, err := h.UpdateSubscription(ctx, w, h.one, 0, func(v *tenants.Subscription) error { v.SharedSignOn = on; return nil })
		return err
	}
	again("tenants share sign-ons", share(true))
	_, err := h.UpdateSubscription(ctx, admin.Operator(), h.one, 0, func(v *tenants.Subscription) error { v.SharedSignOn = true; return nil })
	must(h.t, err)
	must(h.t, share(false))
	v := tenants.Assignment{TwoFactorID: h.ids["token one"], Level: tenants.LevelTenant, TargetID: acme, Required: true}
	must(h.t, h.Assignments().Create(ctx, w, h.one, &v))
	again("delete an assignment", h.Assignments().Delete(ctx, w, h.one, v.ID, 0))
	_, err = h.Assignments().Update(ctx, w, h.one, v.ID, 0, func(v *tenants.Assignment) error { v.Required = false; return nil })
	again("required no more", err)

	group := tenants.Group{Name: "board"}
	must(h.t, h.Groups().Create(ctx, w, h.one, &group))
	link := func(on bool) error {
		_, err := h.Link(ctx, w, h.one, tenants.LinkGroupMember, group.ID, h.ids["bob"], on)
		return err
	}
	must(h.t, link(true))
	must(h.t, link(false))
	put(h.t)(h.Admin.Tenants.PutGrant(ctx, &tenants.Grant{SubscriptionID: h.one, Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectGroup, SubjectID: group.ID, HomeID: h.one}))
	again("into a group with a role", link(true))
	_, err = h.StartBulk(ctx, w, h.one, admin.BulkUsers{Do: admin.BulkAddToGroup, GroupID: group.ID, IDs: []string{h.ids["bob"]}})
	again("many into a group with a role", err)
	must(h.t, link(false))
}

// TestSubscriptionsOfMine: the list of who has roles in some subscriptions is paged, sorted
// and searched as that of who has all.
func TestSubscriptionsOfMine(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		var mine []tenants.Grant
		for _, name := range []string{"beta", "alpha", "gamma", "foreign"} {
			v := tenants.Subscription{Name: name, Active: name != "gamma"}
			must(t, h.CreateSubscription(ctx, admin.Operator(), &v))
			if name != "foreign" {
				mine = append(mine, tenants.Grant{SubscriptionID: v.ID, Role: tenants.RoleSubscriptionAdmin})
			}
		}
		w := admin.Who{Kind: tenants.SubjectClientApp, Grants: mine}
		for _, c := range []struct {
			q    page.Query
			want string
		}{
			{page.Query{}, "alpha beta gamma"},
			{page.Query{Sort: "-name", Limit: 1}, "gamma beta alpha"},
			{page.Query{Sort: "created", Limit: 2}, "beta alpha gamma"},
			{page.Query{Search: "G"}, "gamma"},
			{page.Query{Filter: map[string]string{"active": "true"}}, "alpha beta"},
			{page.Query{Search: "foreign"}, ""},
		} {
			var got []string
			for {
				p, err := h.Subscriptions(ctx, w, c.q)
				must(t, err)
				for _, v := range p.Items {
					got = append(got, v.Name)
				}
				if c.q.After = p.Next; p.Next == "" || c.q.Limit > 0 && len(p.Items) > c.q.Limit {
					break
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%+v: %q, want %q", c.q, s, c.want)
			}
		}
		if p, err := h.Subscriptions(ctx, admin.Who{Kind: tenants.SubjectClientApp}, page.Query{}); err != nil || len(p.Items) != 0 {
			t.Errorf("without a role: %+v, %v", p.Items, err)
		}
	})
}

// TestLastSystemAdmin: the last one stays, whatever is tried.
func TestLastSystemAdmin(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSystemAdmin, db.Scope{})
		roles, err := h.Roles(ctx, w, "")
		must(t, err)
		wantCode(t, h.Revoke(ctx, w, roles[0].ID), "last_system_admin")
		wantCode(t, h.Users().Delete(ctx, w, h.one, h.ids["anna"], 0), "last_system_admin")
		_, err = h.Users().Update(ctx, w, h.one, h.ids["anna"], 0, func(u *tenants.User) error { u.Active = false; return nil })
		wantCode(t, err, "last_system_admin")
		must(t, h.Grant(ctx, w, &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectUser, SubjectID: h.ids["olga"], HomeID: h.two}))
		must(t, h.Revoke(ctx, w, roles[0].ID))
		if _, err := h.Who(ctx, admin.Signed{Home: w.Home, UserID: w.ID, AuthTime: h.clock.Now(), ACR: twofactor.Strength2FA.ACR()}); problem.From(err).Code != "no_role" {
			t.Errorf("at once: %v", err)
		}
	})
}

// TestSecretsOfInstances: no way leads to a secret, nor sends it elsewhere.
func TestSecretsOfInstances(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		w := h.as("acme", "anna", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one})
		inst, err := h.CreateTwoFactor(ctx, w, h.one, "mine", "token", true, tenants.Options{"Greeting": []byte(`"Hi"`), "Key": []byte(`"very secret"`)})
		must(t, err)
		for _, o := range inst.Options {
			if strings.Contains(string(o.Value)+string(o.Own), "very secret") {
				t.Errorf("%s is shown", o.Field.Name)
			}
			if o.Field.Secret && !o.Set {
				t.Errorf("%s is not said to be set", o.Field.Name)
			}
		}
		inst, err = h.UpdateTwoFactor(ctx, w, h.one, inst.ID, inst.Version, admin.TwoFactorChange{Options: tenants.Options{"Greeting": []byte(`"Hello"`)}})
		must(t, err)
		if inst.State.Word == "invalid" {
			t.Errorf("the secret that was not named is gone: %+v", inst.State)
		}
		inst, err = h.UpdateTwoFactor(ctx, w, h.one, inst.ID, 0, admin.TwoFactorChange{Options: tenants.Options{"Key": []byte(`null`)}})
		must(t, err)
		if strings.Contains(h.events(h.one), "very secret") {
			t.Error("the trail holds a secret")
		}
		_, err = h.UpdateTwoFactor(ctx, w, h.one, inst.ID, 1, admin.TwoFactorChange{})
		if !errors.Is(err, tenants.ErrStale) {
			t.Errorf("an old version: %v", err)
		}
		_, err = h.CreateTwoFactor(ctx, w, h.one, "other", "token", true, tenants.Options{"Nonsense": []byte(`1`)})
		wantCode(t, err, "invalid")
	})
}

// TestEndsAtOnce: what a user has open in all his tenants ends by one call. By one for
// each, the second would wait for sessions while it holds the trail, and somebody else
// the other way round.
func TestEndsAtOnce(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx, who := t.Context(), admin.Operator()
		_, err := h.Users().Update(ctx, who, h.one, h.ids["anna"], 0, func(u *tenants.User) error { u.Active = false; return nil })
		must(t, err)
		must(t, h.SetPassword(ctx, who, h.one, h.ids["anna"], "correct horse battery staple"))
		must(t, h.Users().Delete(ctx, who, h.one, h.ids["anna"], 0))
		if want := []string{"everywhere anna operator", "everywhere anna operator", "everywhere anna operator"}; !slices.Equal(h.ended, want) {
			t.Errorf("ended %q, want %q", h.ended, want)
		}
	})
}

// Only who runs the server gives a tenant a host name, and takes it away; with a sign-in of
// just now, for apps go by it.
func TestHostNamesAreTheOperators(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ctx, in := t.Context(), h.scope("acme")
		set := func(w admin.Who, host string) error {
			_, err := h.TenantsOf().Update(ctx, w, h.one, in.Tenant, 0, func(v *tenants.Tenant) error { v.HostName = host; return nil })
			return err
		}
		system := h.as("acme", "anna", tenants.RoleSystemAdmin, db.Scope{})
		h.user("acme", "carla")
		for name, w := range map[string]admin.Who{
			"subscription": h.as("acme", "bob", tenants.RoleSubscriptionAdmin, db.Scope{Subscription: h.one}),
			"tenant":       h.as("acme", "carla", tenants.RoleTenantAdmin, in),
		} {
			must(t, set(system, ""))
			for _, host := range []string{"login.acme.example", "x"} {
				wantField(t, name, set(w, host), "may_not", "host_name")
			}
			must(t, set(system, "login.acme.example"))
			wantField(t, name, set(w, ""), "may_not", "host_name")
			wantField(t, name, set(w, "sso.acme.example"), "may_not", "host_name")
			must(t, set(w, "LOGIN.acme.example")) // it is what it was
			if w.Tenants(admin.TenantCreate, h.one) == nil {
				v := tenants.Tenant{Name: "new", HostName: "new.acme.example", Active: true}
				wantField(t, name, h.TenantsOf().Create(ctx, w, h.one, &v), "may_not", "host_name")
			}
		}
		must(t, set(system, "sso.acme.example"))
		if got := h.events(h.one); !strings.Contains(got, "HostName") && !strings.Contains(got, "host_name") || !strings.Contains(got, "sso.acme.example") {
			t.Errorf("the trail does not tell: %s", got)
		}
		v := tenants.Tenant{Name: "theirs", HostName: "SSO.acme.example", Active: true}
		wantField(t, "taken", h.TenantsOf().Create(ctx, system, h.two, &v), "host_taken", "host_name")

		h.clock.Advance(time.Hour)
		wantCode(t, set(system, ""), "sign_in_again")
	})
}

func wantField(t *testing.T, what string, err error, code, field string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != code || len(p.Fields) != 1 || p.Fields[0].Name != field {
		t.Errorf("%s: got %v, want %s of %s", what, err, code, field)
	}
}

package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/page"
	"twofold/internal/problem"
)

func namesOn[V any](p page.Page[V], name func(V) string) string {
	var out []string
	for _, v := range p.Items {
		out = append(out, name(v))
	}
	return strings.Join(out, " ")
}

func userName(u User) string { return u.Name }

// TestPages goes through a list both ways, in both orders, by all filters.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for i := range 7 {
			u := w.user(c, User{Name: fmt.Sprintf("bob%d", 6-i), Active: i%2 == 0})
			if i < 3 {
				done[Difference](t)(w.SetGroupMembers(c.admin, c.group.ID, []string{c.anna.ID, u.ID}))
			}
		}
		users := w.Users()
		for _, tc := range []struct {
			name string
			q    page.Query
			want string
		}{
			{"by name", page.Query{}, "anna bob0 bob1 bob2 bob3 bob4 bob5 bob6"},
			{"backwards", page.Query{Sort: "-name"}, "bob6 bob5 bob4 bob3 bob2 bob1 bob0 anna"},
			{"by age", page.Query{Sort: "created"}, "anna bob6 bob5 bob4 bob3 bob2 bob1 bob0"},
			{"youngest first", page.Query{Sort: "-created"}, "bob0 bob1 bob2 bob3 bob4 bob5 bob6 anna"},
			{"beginning", page.Query{Search: "BOB"}, "bob0 bob1 bob2 bob3 bob4 bob5 bob6"},
			{"beginning of an address", page.Query{Search: "anna@acme"}, "anna"},
			{"not in the middle", page.Query{Search: "nna"}, ""},
			{"no wildcard", page.Query{Search: "%"}, ""},
			{"inactive", page.Query{Filter: map[string]string{"active": "false"}}, "bob1 bob3 bob5"},
			{"of a group", page.Query{Filter: map[string]string{"group": c.group.ID}}, "anna bob4"},
			{"of a tenant", page.Query{Filter: map[string]string{"tenant": c.tenant.ID}, Search: "a"}, "anna"},
			{"with a second factor", page.Query{Filter: map[string]string{"second_factor": "enabled"}}, ""},
			{"without", page.Query{Filter: map[string]string{"second_factor": "none"}, Search: "bob0"}, "bob0"},
			{"by method", page.Query{Filter: map[string]string{"method": "letter"}}, "anna"},
			{"by what is set up", page.Query{Filter: map[string]string{"method": "enrolled"}}, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				tc.q.Limit = 3
				var got []string
				for {
					p, err := users.Page(c.admin, tc.q, nil)
					must(t, err)
					if len(p.Items) > 3 {
						t.Fatalf("%d rows on a page", len(p.Items))
					}
					for _, u := range p.Items {
						got = append(got, u.Name)
					}
					if p.Next == "" {
						break
					}
					tc.q.After = p.Next
				}
				if s := strings.Join(got, " "); s != tc.want {
					t.Errorf("got %q, want %q", s, tc.want)
				}
			})
		}
		for field, q := range map[string]page.Query{
			"active": {Filter: map[string]string{"active": "perhaps"}}, "second_factor": {Filter: map[string]string{"second_factor": "x"}},
			"method": {Filter: map[string]string{"method": "x"}}, "sort": {Sort: "email"}, "limit": {Limit: -1},
		} {
			var p *problem.Error
			if _, err := users.Page(c.admin, q, nil); !errors.As(err, &p) || len(p.Fields) != 1 || p.Fields[0].Name != field {
				t.Errorf("%s: %v", field, err)
			}
		}
	})
}

// TestPagesOfTenants: who runs one tenant sees what it has, and no more.
func TestPagesOfTenants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		second := Tenant{Name: "second", Active: true}
		done[Difference](t)(w.PutTenant(c.admin, &second))
		outsider := User{Name: "outsider", Kind: Person, Active: true}
		done[Difference](t)(w.PutUser(c.admin, &outsider))
		done[Difference](t)(w.SetTenantMembers(c.admin, second.ID, []string{outsider.ID}))
		done[Difference](t)(w.PutGroup(c.admin, &Group{Name: "empty"}))
		done[Difference](t)(w.PutIDP(c.admin, &IDP{Name: "unused", Type: IDPLocal, Active: true}))
		first := []string{c.tenant.ID}
		check := func(what, got, want string, err error) {
			t.Helper()
			if err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", what, got, err, want)
			}
		}
		users, err := w.Users().Page(c.admin, page.Query{}, first)
		check("users", namesOn(users, userName), "anna", err)
		all, err := w.Tenants().Page(c.admin, page.Query{}, first)
		check("tenants", namesOn(all, func(v Tenant) string { return v.Name }), "acme", err)
		idps, err := w.KeptIDPs().Page(c.admin, page.Query{}, first)
		check("idps", namesOn(idps, func(v IDP) string { return v.Name }), "local", err)
		groups, err := w.Groups().Page(c.admin, page.Query{}, first)
		check("groups", namesOn(groups, func(v Group) string { return v.Name }), "all", err)
		apps, err := w.ClientApps().Page(c.admin, page.Query{}, []string{second.ID})
		check("apps of the second", namesOn(apps, func(v ClientApp) string { return v.Name }), "", err)
		users, err = w.Users().Page(c.admin, page.Query{}, []string{})
		check("of no tenant", namesOn(users, userName), "", err)
	})
}

// TestDeleteAndRestore: what is deleted is nowhere, its name is free, and who gets the
// name inherits nothing.
func TestDeleteAndRestore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		must(t, w.SetPassword(c.admin, c.anna, goodPassword, false))
		done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: c.letter.ID, Level: LevelUser, TargetID: c.anna.ID, Required: true}))
		grant := Grant{Role: RoleSystemAdmin, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID}
		done[Difference](t)(w.PutGrant(c.admin, &grant))
		users := w.Users()
		old, err := users.Get(c.admin, c.anna.ID)
		must(t, err)
		if err := users.Delete(c.admin, old.ID, old.Version+1); !errors.Is(err, ErrStale) {
			t.Errorf("another version: %v", err)
		}
		must(t, users.Delete(c.admin, old.ID, old.Version))
		if err := users.Delete(c.admin, old.ID, 0); !problem.Is(err, problem.NotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if _, err := users.Get(c.admin, old.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("read afterwards: %v", err)
		}
		if _, err := w.PutUser(c.admin, &User{ID: old.ID, Name: "anna", Kind: Person}); !problem.Is(err, problem.NotFound) {
			t.Errorf("changed afterwards: %v", err)
		}
		if who, err := w.CheckPassword(c.ctx, "anna", goodPassword); err == nil {
			t.Errorf("signed in afterwards: %+v", who)
		}
		p, err := users.Page(c.admin, page.Query{}, nil)
		if must(t, err); len(p.Items) != 0 {
			t.Errorf("listed afterwards: %+v", p.Items)
		}
		left, err := w.ListAssignments(c.admin)
		if must(t, err); len(left) != 0 {
			t.Errorf("assignments left: %+v", left)
		}
		if roles, err := w.GrantsIn(c.admin, ""); err != nil || len(roles) != 0 {
			t.Errorf("roles left: %+v, %v", roles, err)
		}
		anew := w.user(c, User{Name: "anna", Active: true})
		if anew.ID == old.ID || anew.CredentialEpoch < 0 || anew.EmailVerified {
			t.Errorf("%+v", anew)
		}
		if _, err := users.Restore(c.admin, old.ID); problem.From(err).Code != "taken" {
			t.Errorf("restored beside another: %v", err)
		}
		must(t, users.Delete(c.admin, anew.ID, 0))
		back, err := users.Restore(c.admin, old.ID)
		must(t, err)
		if back.Name != "anna" || back.Active || back.EmailVerified || back.Deleted() || back.CredentialEpoch == old.CredentialEpoch {
			t.Errorf("%+v", back)
		}
		back.Active = true
		done[Difference](t)(w.PutUser(c.admin, &back))
		if ok, err := w.PasswordFits(c.admin, back.ID, goodPassword); ok {
			t.Errorf("the old password fits, %v", err)
		}
		must(t, w.SetPassword(c.admin, back, goodPassword, false))
		done[Login](t)(w.CheckPassword(c.ctx, "anna", goodPassword))
		must(t, users.Delete(c.admin, old.ID, 0))
		w.clock.Advance(KeepDeleted + time.Second)
		if _, err := users.Restore(c.admin, old.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("restored after 30 days: %v", err)
		}
	})
}

// TestDeleteOthers: all other kinds go and come back, and are of no use meanwhile.
func TestDeleteOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		gone := func(what string, err error, restored func() (bool, string, error)) {
			t.Helper()
			must(t, err)
			if active, name, err := restored(); err != nil || active || strings.Contains(name, "~") {
				t.Errorf("%s: restored %q, active %v, %v", what, name, active, err)
			}
		}
		gone("app", w.ClientApps().Delete(c.admin, c.app.ID, 1), func() (bool, string, error) {
			if _, err := w.ClientApp(c.ctx, c.app.ClientID); err == nil {
				t.Error("a deleted app is found")
			}
			v, err := w.ClientApps().Restore(c.admin, c.app.ID)
			return v.Active, v.Name, err
		})
		gone("idp", w.KeptIDPs().Delete(c.admin, c.idp.ID, 1), func() (bool, string, error) {
			v, err := w.KeptIDPs().Restore(c.admin, c.idp.ID)
			return v.Active, v.Name, err
		})
		gone("two factor", w.TwoFactors().Delete(c.admin, c.letter.ID, 0), func() (bool, string, error) {
			if _, err := w.Open(c.admin, c.letter.ID); err == nil {
				t.Error("a deleted instance opens")
			}
			v, err := w.TwoFactors().Restore(c.admin, c.letter.ID)
			return v.Active, v.Name, err
		})
		gone("tenant", w.Tenants().Delete(c.admin, c.tenant.ID, 1), func() (bool, string, error) {
			if _, err := w.RealmByName(t.Context(), "acme"); err == nil {
				t.Error("a deleted tenant is found")
			}
			v, err := w.Tenants().Restore(c.admin, c.tenant.ID)
			return v.Active, v.Name, err
		})
		must(t, w.Groups().Delete(c.admin, c.group.ID, 1))
		if m, err := w.MembersOfGroup(c.admin, c.group.ID); err != nil || len(m) != 0 {
			t.Errorf("members of a deleted group: %v, %v", m, err)
		}
		gone("subscription", w.Subscriptions().Delete(t.Context(), c.sub.ID, 1), func() (bool, string, error) {
			v, err := w.Subscriptions().Restore(t.Context(), c.sub.ID)
			return v.Active, v.Name, err
		})
	})
}

// TestRename: a thing that has an id keeps it under another name, and a user signs in by
// the new one.
func TestRename(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		must(t, w.SetPassword(c.admin, c.anna, goodPassword, false))
		v := c.anna
		v.Name = "anna.of.acme"
		d, err := w.PutUser(c.admin, &v)
		must(t, err)
		if v.ID != c.anna.ID || !slices.ContainsFunc(d.Fields, func(f FieldChange) bool { return f.Name == "Name" && f.Old == "anna" }) {
			t.Errorf("%+v, %+v", v, d)
		}
		done[Login](t)(w.CheckPassword(c.ctx, "anna.of.acme", goodPassword))
		if _, err := w.CheckPassword(c.ctx, "anna", goodPassword); err == nil {
			t.Error("the old name still works")
		}
		stale := c.anna
		stale.DisplayName = "late"
		if _, err := w.PutUser(c.admin, &stale); !errors.Is(err, ErrStale) {
			t.Errorf("an old version: %v", err)
		}
		tenant := c.tenant
		tenant.Name = "elsewhere"
		if _, err := w.PutTenant(c.admin, &tenant); !problem.Is(err, problem.Invalid) {
			t.Errorf("the issuer moved: %v", err)
		}
	})
}

func TestGrants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		ctx := context.Background()
		put := func(g Grant) (Grant, error) {
			_, err := w.PutGrant(ctx, &g)
			return g, err
		}
		mine, err := put(Grant{SubscriptionID: c.sub.ID, Role: RoleSubscriptionAdmin, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID})
		must(t, err)
		again, err := put(Grant{SubscriptionID: c.sub.ID, Role: RoleSubscriptionAdmin, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID})
		if err != nil || again.ID != mine.ID {
			t.Errorf("given twice: %+v, %v", again, err)
		}
		_, err = put(Grant{SubscriptionID: c.sub.ID, TenantID: c.tenant.ID, Role: RoleHelpDesk, SubjectKind: SubjectGroup, SubjectID: c.group.ID, HomeID: c.sub.ID})
		must(t, err)
		_, err = put(Grant{Role: RoleSystemAdmin, SubjectKind: SubjectGroup, SubjectID: other.group.ID, HomeID: other.sub.ID})
		must(t, err)
		got, err := w.GrantsOf(c.admin, SubjectUser, c.anna.ID)
		if err != nil || len(got) != 2 {
			t.Errorf("by herself and by her group: %+v, %v", got, err)
		}
		if got, err := w.GrantsOf(c.admin, SubjectClientApp, c.app.ID); err != nil || len(got) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if n, err := w.SystemAdmins(ctx); err != nil || n != 1 {
			t.Errorf("%d system admins, %v", n, err)
		}
		must(t, w.DeleteGrant(ctx, mine.ID))
		if err := w.DeleteGrant(ctx, mine.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("taken back twice: %v", err)
		}
		for name, g := range map[string]Grant{
			"role":       {Role: "king", SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"no scope":   {Role: RoleSubscriptionAdmin, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"wide":       {Role: RoleTenantAdmin, SubscriptionID: c.sub.ID, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"narrow":     {Role: RoleSystemAdmin, SubscriptionID: c.sub.ID, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"tenant":     {Role: RoleTenantAdmin, SubscriptionID: c.sub.ID, TenantID: other.tenant.ID, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"lost scope": {Role: RoleAuditor, TenantID: c.tenant.ID, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: c.sub.ID},
			"home":       {Role: RoleAuditor, SubjectKind: SubjectUser, SubjectID: c.anna.ID, HomeID: other.sub.ID},
			"no home":    {Role: RoleAuditor, SubjectKind: SubjectUser, SubjectID: c.anna.ID},
			"subject":    {Role: RoleAuditor, SubjectKind: "king", SubjectID: c.anna.ID, HomeID: c.sub.ID},
		} {
			if _, err := put(g); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

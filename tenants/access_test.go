package tenants

import (
	"slices"
	"strings"
	"testing"

	"twofold/internal/page"
	"twofold/internal/problem"
)

// A restricted app is for its users and the members of its groups, and for nobody else.
func TestAccess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		asked := func() Policy {
			t.Helper()
			p, err := w.Policy(c.ctx, c.question())
			must(t, err)
			return p
		}
		if p := asked(); p.NoAccess || len(p.Chain[3].Adds) > 0 {
			t.Fatalf("open to everybody: %+v", p)
		}
		c.app.Restricted = true
		done[Difference](t)(w.PutClientApp(c.admin, &c.app))
		for _, step := range []struct {
			name     string
			do       func() (Difference, error)
			noAccess bool
		}{
			{"nobody", func() (Difference, error) { return Difference{}, nil }, true},
			{"she herself", func() (Difference, error) { return w.Link(c.admin, LinkAppUser, c.app.ID, c.anna.ID) }, false},
			{"not any more", func() (Difference, error) { return w.Unlink(c.admin, LinkAppUser, c.app.ID, c.anna.ID) }, true},
			{"her group", func() (Difference, error) { return w.SetAppGroups(c.admin, c.app.ID, []string{c.group.ID}) }, false},
			{"out of the group", func() (Difference, error) { return w.SetGroupMembers(c.admin, c.group.ID, nil) }, true},
			{"into it", func() (Difference, error) { return w.SetGroupMembers(c.admin, c.group.ID, []string{c.anna.ID}) }, false},
			{"the group goes", func() (Difference, error) { return Difference{}, w.Groups().Delete(c.admin, c.group.ID, 0) }, true},
		} {
			done[Difference](t)(step.do())
			p := asked()
			e := Explain(p)
			if may, err := w.MayUse(c.admin, c.app, c.anna.ID); err != nil || may == step.noAccess {
				t.Errorf("%s: may use it: %v, %v", step.name, may, err)
			}
			if p.NoAccess != step.noAccess || e.NoAccess != step.noAccess || (p.Outcome() == OutcomeNoAccess) != step.noAccess || strings.HasPrefix(e.Result, "no access: ") != step.noAccess {
				t.Errorf("%s: %+v, %s", step.name, p, e.Result)
			}
			if !slices.ContainsFunc(e.Chain, func(l Link) bool {
				return l.Level == LevelClientApp && strings.Contains(strings.Join(l.Adds, ""), "restricted")
			}) {
				t.Errorf("%s: %+v", step.name, e.Chain)
			}
		}
		account := c.question()
		account.ClientAppID, account.Account = "", true
		if p, err := w.Policy(c.ctx, account); err != nil || p.NoAccess {
			t.Errorf("her own pages: %+v, %v", p, err)
		}
		done[Difference](t)(w.SetAppUsers(c.admin, c.app.ID, []string{c.anna.ID}))
		if found, err := w.Users().Page(c.admin, page.Query{Filter: map[string]string{"client_app": c.app.ID}}, nil); err != nil || len(found.Items) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
		for name, err := range map[string]error{
			"no app":  second(w.Link(c.admin, LinkAppUser, c.group.ID, c.anna.ID)),
			"no user": second(w.Link(c.admin, LinkAppUser, c.app.ID, c.app.ID)),
			"no kind": second(w.Link(c.admin, "client_app_idp", c.app.ID, c.idp.ID)),
		} {
			if !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Whoever restricts an app sees before whom he shuts out, and so does who takes a user or
// a group from one.
func TestPreviewAccess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := newStaff(w)
		restrict := func(on bool) Change {
			return Change{Demand: &Demand{Level: LevelClientApp, TargetID: s.customer.app.ID, Restricted: &on}}
		}
		access := func(l Level, target, to string) Change {
			return Change{Access: &Access{ClientAppID: s.customer.app.ID, Level: l, TargetID: target, To: to}}
		}
		expect := func(name string, c Change, want string) {
			t.Helper()
			if got := s.preview(c); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
		done[Difference](t)(w.SetAppUsers(s.admin, s.customer.app.ID, []string{s.called.ID}))
		done[Difference](t)(w.SetAppGroups(s.admin, s.customer.app.ID, []string{s.group.ID}))
		done[Difference](t)(w.SetGroupMembers(s.admin, s.group.ID, []string{s.mailed.ID}))
		expect("restricted", restrict(true), "4 reached; no_access: enrolled nobody")
		expect("of no effect yet", access(LevelUser, s.called.ID, RegroupOut), "4 reached; ")
		s.customer.app.Restricted = true
		done[Difference](t)(w.PutClientApp(s.admin, &s.customer.app))
		expect("open again", restrict(false), "4 reached; let_in: enrolled nobody")
		expect("a user out", access(LevelUser, s.called.ID, RegroupOut), "4 reached; no_access: called")
		expect("a user in", access(LevelUser, s.nobody.ID, RegroupIn), "4 reached; let_in: nobody")
		expect("a group out", access(LevelGroup, s.group.ID, RegroupOut), "4 reached; no_access: mailed")
		expect("out of the group", Change{Regroup: &Regroup{s.group.ID, s.mailed.ID, RegroupOut}}, "1 reached; no_access: mailed")
		expect("the group deleted", Change{Regroup: &Regroup{GroupID: s.group.ID, To: RegroupDelete}}, "1 reached; no_access: mailed")
		for name, c := range map[string]Change{
			"a tenant":   {Demand: &Demand{Level: LevelTenant, TargetID: s.tenant.ID, Restricted: new(true)}},
			"an IDP":     access(LevelIDP, s.idp.ID, RegroupOut),
			"delete":     access(LevelGroup, s.group.ID, RegroupDelete),
			"nobody":     access(LevelUser, "nobody", RegroupIn),
			"and no app": {Access: &Access{ClientAppID: "none", Level: LevelGroup, TargetID: s.group.ID, To: RegroupIn}},
		} {
			if _, err := w.Preview(s.admin, c, s.ask); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

package tenants

import (
	"testing"

	"twofold/internal/problem"
	"twofold/internal/testkit"
)

// One link more leaves the others alone, and a second time nothing changes.
func TestAddLinks(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		a, b := w.customer("acme"), w.customer("globex")
		bob := w.user(a, User{Name: "bob", Active: true})
		done[Difference](t)(w.SetTenantMembers(a.admin, a.tenant.ID, []string{a.anna.ID}))
		for i, want := range []int{1, 0} {
			d, err := w.Link(a.admin, LinkTenantMember, a.tenant.ID, bob.ID)
			must(t, err)
			if len(d.Fields) != want {
				t.Errorf("time %d: %+v", i+1, d)
			}
		}
		if list, err := w.MembersOfTenant(a.admin, a.tenant.ID); err != nil || len(list) != 2 {
			t.Errorf("members: %+v %v", list, err)
		}
		app := a.app
		app.ID, app.Name, app.ClientID, app.Stamp = "", "another", "another", Stamp{}
		done[Difference](t)(w.PutClientApp(a.admin, &app))
		if _, err := w.ClientApp(a.ctx, app.ClientID); !problem.Is(err, problem.NotFound) {
			t.Error("assigned already:", err)
		}
		done[Difference](t)(w.Link(a.admin, LinkTenantClientApp, a.tenant.ID, app.ID))
		for _, id := range []string{app.ClientID, a.app.ClientID} {
			if _, err := w.ClientApp(a.ctx, id); err != nil {
				t.Error(id, err)
			}
		}
		for name, err := range map[string]error{
			"another's user":   second(w.Link(a.admin, LinkTenantMember, a.tenant.ID, b.anna.ID)),
			"another's tenant": second(w.Link(a.admin, LinkTenantMember, b.tenant.ID, bob.ID)),
			"another's app":    second(w.Link(a.admin, LinkTenantClientApp, a.tenant.ID, b.app.ID)),
			"nobody":           second(w.Link(a.admin, LinkTenantMember, a.tenant.ID, "nobody")),
		} {
			if !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second(_ Difference, err error) error { return err }

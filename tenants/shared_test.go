package tenants

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit"
)

func TestSharedBy(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		c := w.customer("acme")
		annex := Tenant{Name: "annex", Title: "Annex", Active: true}
		done[Difference](t)(w.PutTenant(c.admin, &annex))
		done[Difference](t)(w.SetTenantMembers(c.admin, annex.ID, []string{c.anna.ID}))
		share := func(on, active bool) {
			c.sub.SharedSignOn, c.sub.Active = on, active
			done[Difference](t)(w.PutSubscription(c.admin, &c.sub))
		}
		want := func(name string, tenants ...string) {
			t.Helper()
			if got, err := w.SharedBy(c.ctx, c.anna.ID); err != nil || !cmp.Equal(got, tenants) {
				t.Errorf("%s: %v, %v, want %v", name, got, err, tenants)
			}
		}
		none := []string{}
		want("off", none...)
		share(true, true)
		want("on", c.tenant.ID, annex.ID)
		annex.Active = false
		done[Difference](t)(w.PutTenant(c.admin, &annex))
		want("a tenant is inactive", c.tenant.ID)
		annex.Active = true
		done[Difference](t)(w.PutTenant(c.admin, &annex))
		done[Difference](t)(w.SetTenantMembers(c.admin, annex.ID, nil))
		want("no member any more", c.tenant.ID)
		share(true, false)
		want("the subscription is inactive", none...)
	})
}

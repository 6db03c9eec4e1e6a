package tenants

import (
	"fmt"
	"testing"

	"twofold/internal/problem"
)

// All that arrives is there as if it had been made one by one.
func TestArrive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		second := c.tenant
		second.ID, second.Name, second.Stamp = "", "acme-two", Stamp{}
		done[Difference](t)(w.PutTenant(c.admin, &second))
		var list []*Arrival
		for i := range 600 {
			list = append(list, &Arrival{
				User: User{Name: fmt.Sprintf(" User %03d ", i), Kind: Person, Active: true}, Hash: foreignHashes[0].hash,
				IDPs: []string{c.idp.ID}, Groups: []string{c.group.ID}, In: []string{c.tenant.ID, second.ID}[:1+i%2],
			})
		}
		must(t, w.Arrive(c.admin, list))
		l, err := w.CheckPassword(c.ctx, "user 007", foreignPassword)
		if err != nil || l.ID != list[7].User.ID || l.CredentialEpoch != 1 {
			t.Errorf("%+v %v", l, err)
		}
		for id, want := range map[string]int{c.tenant.ID: 601, second.ID: 300} {
			if m, err := w.MembersOfTenant(c.admin, id); len(m) != want || err != nil {
				t.Errorf("members: %d, want %d, %v", len(m), want, err)
			}
		}
		if m, err := w.MembersOfGroup(c.admin, c.group.ID); len(m) != 601 || err != nil {
			t.Errorf("in the group: %d %v", len(m), err)
		}
		u := func(name string) User { return User{Name: name, Kind: Person, Active: true} }
		for name, bad := range map[string]*Arrival{
			"a name that is taken":  {User: u("ANNA")},
			"no name":               {User: u(" ")},
			"a bad hash":            {User: u("new"), Hash: "secret"},
			"another's tenant":      {User: u("new"), In: []string{other.tenant.ID}},
			"another's IDP":         {User: u("new"), IDPs: []string{other.idp.ID}},
			"another's group":       {User: u("new"), Groups: []string{other.group.ID}},
			"one tenant twice":      {User: u("new"), In: []string{c.tenant.ID, c.tenant.ID}},
			"an IDP that is no IDP": {User: u("new"), IDPs: []string{c.tenant.ID}},
		} {
			err := w.Arrive(c.admin, []*Arrival{{User: u("first")}, bad})
			if !problem.Is(err, problem.Invalid) && !problem.Is(err, problem.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
			if left, err := w.UsersByName(c.admin, []string{"first", "new"}); len(left) != 0 || err != nil {
				t.Errorf("%s: %v are there, %v", name, left, err)
			}
		}
	})
}

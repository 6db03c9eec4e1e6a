package tenants

import (
	"testing"

	"twofold/internal/testkit"
)

// TestCalled checks that names are told of what is there and of what was deleted.
func TestCalled(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		a := w.customer("acme")
		bob := w.user(a, User{Name: "bob", DisplayName: "Bob B", Active: true})
		must(t, w.Users().Delete(a.admin, bob.ID, 0))
		got, err := w.Called(a.admin, "user", []string{a.anna.ID, bob.ID, "nobody"})
		must(t, err)
		if len(got) != 2 || got[bob.ID] != (Named{Name: "Bob B", Login: "bob", Gone: true}) || got[a.anna.ID].Login != a.anna.Name || got[a.anna.ID].Gone {
			t.Errorf("%+v", got)
		}
		if got, err := w.Called(a.admin, "tenant", nil); err != nil || len(got) != 0 {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := w.Called(a.admin, "password", []string{"x"}); err == nil {
			t.Error("an unknown kind has names")
		}
	})
}

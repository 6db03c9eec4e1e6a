package demo_test

import (
	"testing"

	"twofold/cmd/twofold/demo"
	"twofold/tenants"
)

func TestPasswordsKeepTheRules(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		_, f := sample(t, demo.Facts{}, noon)
		for _, u := range f.Users {
			if why := tenants.CheckPasswordRules(u.Password, false, u.Name, u.Email, u.DisplayName(), "Acme", "Globex", "Twofold"); why != "" {
				t.Errorf("%q: %s", u.Password, why)
			}
			if seen[u.Password] {
				t.Errorf("%q came twice", u.Password)
			}
			seen[u.Password] = true
		}
	}
}

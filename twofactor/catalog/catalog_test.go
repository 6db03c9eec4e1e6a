package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
	"twofold/twofactor/catalog"
)

func TestBuiltin(t *testing.T) {
	c := catalog.Builtin()
	for _, name := range []string{"ecall", "email", "twilio", "webauthn"} {
		if _, ok := c[name]; !ok {
			t.Errorf("lacks %s", name)
		}
	}
	for _, name := range c.Types() {
		p := c[name]
		if p.Info.Type != name || p.Info.Name == "" || p.Open == nil || p.Info.Strength == twofactor.StrengthNone {
			t.Errorf("%s is incomplete: %+v", name, p.Info)
		}
	}
	if diff := cmp.Diff(c.Types(), catalog.Builtin().Types()); diff != "" {
		t.Errorf("two calls differ:\n%s", diff)
	}
}

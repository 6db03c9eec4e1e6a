package tenants

import (
	"errors"
	"testing"

	"twofold/internal/problem"
)

func TestCheckNumber(t *testing.T) {
	r := Realm{Tenant: Tenant{SMSCountries: List{"CH", "DE"}}}
	for name, c := range map[string]struct{ number, want string }{
		"mobile":          {"+41791234567", ""},
		"landline":        {"+41446681800", "number of a mobile phone"},
		"premium":         {"+41900123456", "number of a mobile phone"},
		"satellite":       {"+881612345678", "number of a mobile phone"},
		"another country": {"+33612345678", "number in a country that text messages may go to"},
		"none":            {"", "valid phone number"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checkNumber(r, c.number); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := checkNumber(Realm{}, "+41791234567"); got != "number in a country that text messages may go to" {
		t.Errorf("a tenant that allows no country: %q", got)
	}
}

func TestSMSRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		if countries, perDay, err := w.SMSRules(c.ctx); err != nil || len(countries) != 0 || perDay != DefaultSMSPerDay {
			t.Errorf("%v, %d, %v", countries, perDay, err)
		}
		c.tenant.SMSCountries, c.tenant.SMSPerDay = List{"CH", "LI"}, 7
		done[Difference](t)(w.PutTenant(c.admin, &c.tenant))
		if countries, perDay, err := w.SMSRules(c.ctx); err != nil || len(countries) != 2 || perDay != 7 {
			t.Errorf("at once: %v, %d, %v", countries, perDay, err)
		}
		if _, _, err := w.SMSRules(c.admin); !problem.Is(err, problem.NotFound) {
			t.Errorf("without a tenant: %v", err)
		}
	})
}

func TestByName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		if inst, err := w.ByName(c.ctx, "letter"); err != nil || inst.ID != c.letter.ID || inst.Info.Type != "letter" {
			t.Errorf("%+v, %v", inst, err)
		}
		c.letter.Active = false
		done[Difference](t)(w.PutTwoFactor(c.admin, &c.letter, goodOptions))
		for _, name := range []string{"letter", "Letter", ""} {
			var bad *InvalidError
			if _, err := w.ByName(c.ctx, name); !errors.As(err, &bad) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

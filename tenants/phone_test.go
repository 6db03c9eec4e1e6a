package tenants

import (
	"errors"
	"testing"

	"twofold/internal/problem"
	"twofold/twofactor"
)

func TestCheckNumber(t *testing.T) {
	countries := []string{"CH", "DE"}
	for name, c := range map[string]struct{ number, want string }{
		"mobile":          {"+41791234567", ""},
		"landline":        {"+41446681800", "number of a mobile phone"},
		"premium":         {"+41900123456", "number of a mobile phone"},
		"satellite":       {"+881612345678", "number of a mobile phone"},
		"another country": {"+33612345678", "number in a country that text messages may go to"},
		"none":            {"", "valid phone number"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checkNumber(countries, c.number); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := checkNumber(nil, "+41791234567"); got != "number in a country that text messages may go to" {
		t.Errorf("a tenant that allows no country: %q", got)
	}
}

func TestSMSRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		if countries, perDay, err := w.SMSRules(c.ctx); err != nil || len(countries) != 1 || perDay != DefaultSMSPerDay {
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

func TestReadAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		read := func(kind twofactor.Attribute, typed string) string {
			got, err := w.ReadAddress(c.ctx, kind, typed)
			if err != nil {
				return problem.From(err).Code
			}
			return got
		}
		for typed, want := range map[string]string{
			"+41 79 123 45 67": "+41791234567", "079 123 45 67": "+41791234567", " 0041791234567": "+41791234567", "+33612345678": "phone_country",
			"+41446681800": "phone_kind", "+881612345678": "phone_kind", "x": "phone_invalid", "": "phone_invalid", "117": "phone_invalid",
			"+41791234567,+41791234568": "phone_invalid", "٠٧٩١٢٣٤٥٦٧": "+41791234567",
		} {
			if got := read(twofactor.NeedsPhone, typed); got != want {
				t.Errorf("%q: %s, want %s", typed, got, want)
			}
		}
		for typed, want := range map[string]string{
			" Anna@Example.test ": "anna@example.test", "anna": "email_invalid", "": "email_invalid", "a@b.c, d@e.f": "email_invalid",
			"anna@example.test\r\nBcc: x@y.z": "email_invalid", "Anna <anna@example.test>": "email_invalid",
		} {
			if got := read(twofactor.NeedsEmail, typed); got != want {
				t.Errorf("%q: %s, want %s", typed, got, want)
			}
		}
		c.tenant.SMSCountries = nil
		done[Difference](t)(w.PutTenant(c.admin, &c.tenant))
		if got := read(twofactor.NeedsPhone, "+41 79 123 45 67"); got != "phone_country" {
			t.Errorf("no country is allowed: %s", got)
		}
	})
}

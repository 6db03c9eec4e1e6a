package tenants

import (
	"context"
	"strings"

	"twofold/internal/db"
	"twofold/internal/phone"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// checkNumber says what a user's number lacks for a text message of a tenant, in
// words that follow "the user has no"; empty: nothing. It is what sending asks too,
// so that nothing is offered that would be refused then.
func checkNumber(countries []string, number string) string {
	switch _, refused := phone.Text(number, countries); refused {
	case phone.NoNumber:
		return "valid phone number"
	case phone.WrongKind:
		return "number of a mobile phone"
	case phone.WrongCountry:
		return "number in a country that text messages may go to"
	}
	return ""
}

// SMSRules are where text messages of the tenant in ctx may go, and how many a day.
func (s *Store) SMSRules(ctx context.Context) (countries []string, perDay int64, err error) {
	var row tenantRow
	if err := s.DB.For(ctx).Where("id = ?", db.ScopeOf(ctx).Tenant).Take(&row).Error; err != nil {
		return nil, 0, notFound(err, errNoTenant)
	}
	return row.SMSCountries, perDayOf(row.Tenant), nil
}

func perDayOf(t Tenant) int64 {
	if t.SMSPerDay == 0 {
		return DefaultSMSPerDay
	}
	return t.SMSPerDay
}

var (
	errPhoneInvalid = problem.New(problem.Invalid, "phone_invalid", "This is not a phone number. Enter it with the country code.")
	errPhoneKind    = problem.New(problem.Invalid, "phone_kind", "Codes can only go to a mobile phone. Enter its number.")
	errPhoneCountry = problem.New(problem.Invalid, "phone_country", "We cannot send codes to this country. Use another number or another method.")
	errEmailInvalid = problem.New(problem.Invalid, "email_invalid", "This is not an e-mail address. Check it and try again.")
)

// ReadAddress reads an address that somebody wants to prove, as he has typed it. A
// number without a country code is one of the tenant's country, if it has just one.
func (s *Store) ReadAddress(ctx context.Context, kind twofactor.Attribute, typed string) (string, error) {
	if kind == twofactor.NeedsEmail {
		address := strings.ToLower(strings.TrimSpace(typed))
		if !validEmail(address) || address != NormalName(address) {
			return "", errEmailInvalid
		}
		return address, nil
	}
	countries, _, err := s.SMSRules(ctx)
	if err != nil {
		return "", err
	}
	region := ""
	if len(countries) == 1 {
		region = countries[0]
	}
	n, err := phone.Parse(strings.TrimSpace(typed), region)
	if err != nil {
		return "", errPhoneInvalid
	}
	switch _, refused := phone.Text(n.E164, countries); refused {
	case phone.NoNumber:
		return "", errPhoneInvalid
	case phone.WrongKind:
		return "", errPhoneKind
	case phone.WrongCountry:
		return "", errPhoneCountry
	}
	return n.E164, nil
}

// RealmOf is the tenant that the scope of ctx names, for work without a request.
func (s *Store) RealmOf(ctx context.Context) (Realm, error) {
	return s.RealmByID(ctx, db.ScopeOf(ctx).Tenant)
}

package tenants

import (
	"context"

	"twofold/internal/db"
	"twofold/internal/phone"
)

// checkNumber says what a user's number lacks for a text message of a tenant, in
// words that follow "the user has no"; empty: nothing. It is what sending asks too,
// so that nothing is offered that would be refused then.
func checkNumber(r Realm, number string) string {
	switch _, refused := phone.Text(number, r.Tenant.SMSCountries); refused {
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
	if perDay = row.SMSPerDay; perDay == 0 {
		perDay = DefaultSMSPerDay
	}
	return row.SMSCountries, perDay, nil
}

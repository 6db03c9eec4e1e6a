package tenants

import (
	"context"

	"twofold/internal/problem"
)

// Spoils lists the instances of a type in the subscription in ctx that are valid now and
// would not be if these were the subscription's base settings: by name.
func (s *Store) Spoils(ctx context.Context, factorType string, base Options) ([]TwoFactor, error) {
	if err := s.knownOptions(factorType, base); err != nil {
		return nil, err
	}
	rows, err := list(s.DB.For(ctx).Where("type = ? AND deleted_at IS NULL", factorType).Order("name"), func(r twoFactorRow) twoFactorRow { return r })
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	platform, now, err := s.BaseLayers(ctx, factorType)
	if err != nil {
		return nil, err
	}
	var out []TwoFactor
	for _, row := range rows {
		own, err := s.openOptions(row.OptionsSealed, "two_factors", row.SubscriptionID, row.ID)
		if err != nil {
			continue // invalid now
		}
		wrong := func(base Options) []problem.Field { return s.fieldsOf(factorType, mergeOptions(platform, base, own)) }
		if len(wrong(now)) == 0 && len(wrong(base)) > 0 {
			out = append(out, row.TwoFactor)
		}
	}
	return out, nil
}

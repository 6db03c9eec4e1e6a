package admin

import (
	"context"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Spoilt is what options would make invalid that is valid now.
type Spoilt struct {
	Instances []tenants.TwoFactor
	Wrong     []problem.Field // of an instance: what would lack or be wrong
}

// Change is it as Foresee takes it; nil: nothing is spoilt.
func (s Spoilt) Change() *tenants.Change {
	if len(s.Instances) == 0 {
		return nil
	}
	i := &tenants.Invalidate{}
	for _, v := range s.Instances {
		i.TwoFactorIDs = append(i.TwoFactorIDs, v.ID)
	}
	return &tenants.Change{Invalidate: i}
}

// SpoiltBy tells whether a change of its options would make an instance invalid. Nothing
// is changed; what UpdateTwoFactor would refuse, it refuses.
func (a *Admin) SpoiltBy(ctx context.Context, w Who, subscription, id string, options tenants.Options) (Spoilt, error) {
	v, err := a.TwoFactors().Get(ctx, w, subscription, id)
	if err != nil {
		return Spoilt{}, err
	}
	if !w.May(TwoFactorWrite, db.Scope{Subscription: subscription}) {
		return Spoilt{}, errMayNot
	}
	ctx = a.scope(ctx, subscription)
	had, err := a.Tenants.OptionsOf(ctx, id)
	if err != nil {
		return Spoilt{}, err
	}
	own, err := mergeOwn(a.Tenants.Catalog[v.Type].Fields, had, options)
	if err != nil {
		return Spoilt{}, err
	}
	before, err := a.Tenants.Check(ctx, v.Type, had)
	if err != nil || len(before) > 0 {
		return Spoilt{}, err
	}
	after, err := a.Tenants.Check(ctx, v.Type, own)
	if err != nil || len(after) == 0 {
		return Spoilt{}, err
	}
	return Spoilt{[]tenants.TwoFactor{v}, after}, nil
}

// SpoiltBySettings tells which instances of a subscription a change of its base settings
// would make invalid. Nothing is changed.
func (a *Admin) SpoiltBySettings(ctx context.Context, w Who, subscription, factorType string, change tenants.Options) (Spoilt, error) {
	if err := a.may(w, SettingsWrite, SettingsRead, db.Scope{Subscription: subscription}); err != nil {
		return Spoilt{}, err
	}
	p, ok := a.Tenants.Catalog[factorType]
	if !ok {
		return Spoilt{}, errUnknown
	}
	ctx = a.scope(ctx, subscription)
	had, err := a.Tenants.SettingsOf(ctx, factorType)
	if err != nil {
		return Spoilt{}, err
	}
	base, err := mergeOwn(p.Fields, had.Options, change)
	if err != nil {
		return Spoilt{}, err
	}
	all, err := a.Tenants.Spoils(ctx, factorType, base)
	return Spoilt{Instances: all}, err
}

package admin

import (
	"context"
	"errors"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// BaseSettings are the defaults for the options of every instance of a type: of a
// subscription, or with an empty one of the whole server.
type BaseSettings struct {
	Type    string
	Options []Option // Own is what is set at this level
	Version int64    // 0: nothing is set
}

// BaseSettings reads them. Secrets are shown as set.
func (a *Admin) BaseSettings(ctx context.Context, w Who, subscription, factorType string) (BaseSettings, error) {
	if err := a.may(w, SettingsRead, SubscriptionRead, db.Scope{Subscription: subscription}); err != nil {
		return BaseSettings{}, err
	}
	p, ok := a.Tenants.Catalog[factorType]
	if !ok {
		return BaseSettings{}, errUnknown
	}
	ctx = a.scope(ctx, subscription)
	own, err := a.Tenants.SettingsOf(ctx, factorType)
	if err != nil {
		return BaseSettings{}, err
	}
	out := BaseSettings{Type: factorType, Version: own.Version}
	if subscription == "" {
		out.Options = optionsOf(p.Fields, layer{own.Options, tenants.SourcePlatform})
		return out, nil
	}
	platform, _, err := a.Tenants.BaseLayers(ctx, factorType)
	if err != nil {
		return BaseSettings{}, err
	}
	out.Options = optionsOf(p.Fields, layer{own.Options, tenants.SourceSubscription}, layer{platform, tenants.SourcePlatform})
	return out, nil
}

// SetBaseSettings merges a change into them; null takes an option back. If version is not
// the present one it returns a *StaleError. As with an
// instance, a change of where something is sent needs its secrets again.
func (a *Admin) SetBaseSettings(ctx context.Context, w Who, subscription, factorType string, version int64, change tenants.Options) (BaseSettings, error) {
	if err := a.may(w, SettingsWrite, SettingsRead, db.Scope{Subscription: subscription}); err != nil {
		return BaseSettings{}, err
	}
	p, ok := a.Tenants.Catalog[factorType]
	if !ok {
		return BaseSettings{}, errUnknown
	}
	ctx = a.scope(ctx, subscription)
	var yours tenants.Options
	err := a.DB.Tx(ctx, func(ctx context.Context) error {
		had, err := a.Tenants.SettingsOf(ctx, factorType)
		if err != nil {
			return err
		}
		own, err := mergeOwn(p.Fields, had.Options, change)
		if err != nil {
			return err
		}
		if yours = own; version != had.Version {
			return tenants.ErrStale
		}
		var above tenants.Options
		if subscription != "" {
			if above, _, err = a.Tenants.BaseLayers(ctx, factorType); err != nil {
				return err
			}
		}
		if again := secretsAgain(p.Fields, inForce(above, had.Options), inForce(above, own), change); len(again) > 0 {
			return &problem.Error{Kind: problem.Invalid, Code: "secret_again", Message: again[0].Name + " " + again[0].Message, Fields: again}
		}
		d, err := a.Tenants.PutSettings(ctx, factorType, own)
		if err != nil || !d.Changed() {
			return err
		}
		if d.Created {
			for name := range own {
				d.Fields = append(d.Fields, tenants.FieldChange{Name: name, New: "(set)"})
			}
		}
		return a.record(ctx, w, "config.changed", thing{"settings", factorType, ""}, d.Fields)
	})
	if errors.Is(err, tenants.ErrStale) {
		if now, err := a.BaseSettings(ctx, w, subscription, factorType); err == nil {
			source := tenants.SourceSubscription
			if subscription == "" {
				source = tenants.SourcePlatform
			}
			mine := BaseSettings{Type: factorType, Version: version, Options: optionsOf(p.Fields, layer{yours, source})}
			return BaseSettings{}, &StaleError[BaseSettings]{Yours: mine, Theirs: now}
		}
	}
	if err != nil {
		return BaseSettings{}, err
	}
	return a.BaseSettings(ctx, w, subscription, factorType)
}

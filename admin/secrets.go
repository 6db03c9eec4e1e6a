package admin

import (
	"context"
	"time"

	"twofold/internal/db"
	"twofold/tenants"
)

// ClientSecrets lists an app's secrets: when they were made and when they end.
func (a *Admin) ClientSecrets(ctx context.Context, w Who, subscription, appID string) ([]tenants.ClientSecret, error) {
	if _, err := a.ClientApps().Get(ctx, w, subscription, appID); err != nil {
		return nil, err
	}
	return a.Tenants.ClientSecrets(a.scope(ctx, subscription), appID)
}

// maxSecrets of one app that live at once: an old one and a new one, and one by mistake.
const maxSecrets = 3

// AddClientSecret makes one more secret, for rotation. It is returned here and never
// again. life ends it by itself; 0: it has no end.
func (a *Admin) AddClientSecret(ctx context.Context, w Who, subscription, appID string, life time.Duration) (secret string, err error) {
	app, err := a.maySecret(ctx, w, subscription, appID)
	if err != nil {
		return "", err
	}
	if app.AuthMethod != tenants.AuthBasic && app.AuthMethod != tenants.AuthPost {
		return "", fieldError("auth_method", "of this app takes no secret")
	}
	err = a.DB.Tx(a.scope(ctx, subscription), func(ctx context.Context) error {
		have, err := a.Tenants.ClientSecrets(ctx, appID)
		if err != nil {
			return err
		}
		live := 0
		for _, s := range have {
			if s.ExpiresAt == nil || s.ExpiresAt.After(a.Now()) {
				live++
			}
		}
		if live >= maxSecrets {
			return errSecrets
		}
		var until *time.Time
		if life > 0 {
			end := db.Micros(a.Now().Add(life))
			until = &end
		}
		if secret, err = a.Tenants.NewClientSecret(ctx, appID, until); err != nil {
			return err
		}
		return a.record(ctx, w, "config.changed", thing{"client_app", app.Name, app.ID}, []tenants.FieldChange{{Name: "ClientSecret", New: "(added)"}})
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// DeleteClientSecret ends a secret at once.
func (a *Admin) DeleteClientSecret(ctx context.Context, w Who, subscription, appID, secretID string) error {
	app, err := a.maySecret(ctx, w, subscription, appID)
	if err != nil {
		return err
	}
	return a.DB.Tx(a.scope(ctx, subscription), func(ctx context.Context) error {
		if err := a.Tenants.DeleteClientSecret(ctx, appID, secretID); err != nil {
			return err
		}
		return a.record(ctx, w, "config.changed", thing{"client_app", app.Name, app.ID}, []tenants.FieldChange{{Name: "ClientSecret", Old: "(set)", New: "(ended)"}})
	})
}

// maySecret finds an app whose secrets w may change: who has one is the app, so he must
// be able to give all roles that it has.
func (a *Admin) maySecret(ctx context.Context, w Who, subscription, appID string) (tenants.ClientApp, error) {
	app, err := a.ClientApps().Get(ctx, w, subscription, appID)
	if err != nil {
		return app, err
	}
	if err := a.may(w, ClientAppSecret, ClientAppRead, db.Scope{Subscription: subscription}); err != nil {
		return app, err
	}
	return app, a.mayTouch(a.scope(ctx, subscription), w, tenants.SubjectClientApp, appID)
}

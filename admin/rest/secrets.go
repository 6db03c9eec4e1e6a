package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
	"twofold/tenants"
)

// Password is a new one.
type Password struct {
	Password string `json:"password" maxLength:"256" writeOnly:"true" doc:"The new password."`
}

// ClientSecret is one of an app, without itself.
type ClientSecret struct {
	ID        string     `json:"id" format:"uuid" doc:"Its id."`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"When it ends; absent: it has no end."`
}

// ClientSecretCreate is what a secret is made of.
type ClientSecretCreate struct {
	Days int64 `json:"days" minimum:"0" maximum:"3650" doc:"In how many days it ends; 0: never." example:"365"`
}

// ClientSecretShown is a new secret. It is shown this once.
type ClientSecretShown struct {
	Secret string `json:"secret" doc:"The secret. It is shown this once."`
}

func (a *API) secrets() {
	const apps = "/subscriptions/{subscription}/client-apps/{id}/secrets"
	act[none, Items[ClientSecret]](a, spec{
		id: "client_apps.secrets.list", method: http.MethodGet, path: apps, summary: "List the secrets of a client app, without themselves", action: admin.ClientAppRead,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		all, err := a.Admin.ClientSecrets(ctx, c.who, c.subscription, c.id)
		return items(all, func(v tenants.ClientSecret) ClientSecret { return take[ClientSecret](&v) }), err
	})
	act[ClientSecretCreate, ClientSecretShown](a, spec{
		id: "client_apps.secrets.create", method: http.MethodPost, path: apps, summary: "Make one more secret", action: admin.ClientAppSecret, status: http.StatusCreated, once: true,
		about: "For rotation: old and new live side by side. The secret is shown this once.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c *call, b ClientSecretCreate) (*answer, error) {
		secret, err := a.Admin.AddClientSecret(ctx, c.who, c.subscription, c.id, time.Duration(b.Days)*24*time.Hour)
		return &answer{body: ClientSecretShown{secret}, location: c.URL.Path}, err
	})
	act[none, none](a, spec{
		id: "client_apps.secrets.delete", method: http.MethodDelete, path: apps + "/{secret}", summary: "End a secret at once", action: admin.ClientAppSecret,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return &answer{}, a.Admin.DeleteClientSecret(ctx, c.who, c.subscription, c.id, c.other)
	})
	act[Password, none](a, spec{
		id: "users.password.set", method: http.MethodPut, path: "/subscriptions/{subscription}/users/{id}/password", summary: "Give a user another password",
		about: "What the user has open ends.", action: admin.UserPassword, must: []string{"password"},
	}, func(ctx context.Context, c *call, b Password) (*answer, error) {
		return &answer{}, a.Admin.SetPassword(ctx, c.who, c.subscription, c.id, b.Password)
	})
}

package rest

import (
	"context"
	"net/http"

	"twofold/admin"
	"twofold/tenants"
)

// logos adds the operations on the logos of tenants and client apps.
func (a *API) logos() {
	picture := &fileShape{
		media: []string{"image/png", "image/jpeg"}, format: "binary", limit: admin.MaxLogo,
		doc: "A picture of 128 KiB at most, and 1024 pixels on each side. It is drawn anew, so that nothing travels with it.",
	}
	logo(a, "tenants", "tenants", "a tenant", admin.TenantWrite, picture, func(ctx context.Context, w admin.Who, sub, id string, file []byte) error {
		return a.Admin.SetTenantLogo(ctx, w, sub, id, file)
	}, func() keeper[tenants.Tenant] { return a.Admin.TenantsOf() },
		func(v *tenants.Tenant) Tenant { return take[Tenant](v) })
	logo(a, "client_apps", "client-apps", "a client app", admin.ClientAppWrite, picture, func(ctx context.Context, w admin.Who, sub, id string, file []byte) error {
		return a.Admin.SetClientAppLogo(ctx, w, sub, id, file)
	}, func() keeper[tenants.ClientApp] { return a.Admin.ClientApps() },
		func(v *tenants.ClientApp) ClientApp { return take[ClientApp](v) })
}

// logo adds PUT and DELETE of the logo of one kind of thing.
func logo[V, R any](
	a *API, tag, plural, one string, action admin.Action, picture *fileShape,
	set func(ctx context.Context, w admin.Who, subscription, id string, file []byte) error, things func() keeper[V], show func(*V) R,
) {
	path := "/subscriptions/{subscription}/" + plural + "/{id}/logo"
	changed := func(ctx context.Context, c *call, file []byte) (*answer, error) {
		if err := set(ctx, c.who, c.subscription, c.id, file); err != nil {
			return nil, err
		}
		v, err := things().Get(ctx, c.who, c.subscription, c.id)
		return &answer{body: show(&v), version: things().Version(&v)}, err
	}
	act[none, R](a, spec{
		id: tag + ".logo.set", method: http.MethodPut, path: path, summary: "Give " + one + " a logo", action: action, file: picture, etag: true, problems: []int{http.StatusConflict},
		about: "The server keeps it and serves it: logo_url is its address then.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		file, err := c.whole()
		if err == nil && len(file) == 0 {
			err = invalid(Fault{"logo", "is empty"})
		}
		if err != nil {
			return nil, err
		}
		return changed(ctx, c, file)
	})
	act[none, R](a, spec{
		id: tag + ".logo.delete", method: http.MethodDelete, path: path, summary: "Take the logo of " + one + " away", action: action, etag: true, problems: []int{http.StatusConflict},
		about: "Also one that is elsewhere: logo_url is empty then.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) { return changed(ctx, c, nil) })
}

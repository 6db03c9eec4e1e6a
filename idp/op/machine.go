package op

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"
)

// ClientCredentialsExchange implements the library's Server (RFC 6749 §4.4): a
// token for the app itself. There is no grant and no user, so it never works at
// userinfo, and no refresh token (§4.4.3). No round trip.
func (s *server) ClientCredentialsExchange(ctx context.Context, r *lib.ClientRequest[oidc.ClientCredentialsRequest]) (*lib.Response, error) {
	app := r.Client.(*client).ClientApp
	may := machineScopes(app)
	scopes := []string(may)
	if asked := words(r.Form.Get("scope")); len(asked) > 0 {
		var ok bool
		if scopes, ok = narrow(may, asked); !ok {
			return nil, invalidScope("a scope that the app may not ask for")
		}
	}
	to, err := targets(app.Resources, nil, r.Form)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, issued{app: app, scopes: scopes, resources: to})
}

// usableApp is a client app that may be used in a tenant, as every replica sees it: a row
// of the view usable_apps.
type usableApp struct{ TenantID, ClientAppID string }

func (usableApp) TableName() string { return "usable_apps" }

// machineStands reports whether an app may still be used in the tenant in ctx, and its
// token was not revoked. One round trip.
func (p *Provider) machineStands(ctx context.Context, appID, tokenID string) (bool, error) {
	var n int64
	err := p.DB.For(ctx).Model(&usableApp{}).Where("client_app_id = ?", appID).
		Where("NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.tenant_id = usable_apps.tenant_id AND r.token_id = ?)", tokenID).
		Count(&n).Error
	return n > 0, err
}

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
	return s.answer(ctx, issued{app: app, scopes: scopes})
}

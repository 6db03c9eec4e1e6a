package op

import (
	"net/http"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/tenants"
)

// server is our side of the library: it routes, decodes and encodes, we decide.
// What is not overridden (jwt-bearer grant, and
// /authorize and /end_session, which package idp serves) stays unimplemented.
type server struct {
	lib.UnimplementedServer
	p *Provider
}

// newLibraryHandler registers the server under our own endpoints value: the
// library's options for endpoints write into a variable shared by the process.
func newLibraryHandler(p *Provider) http.Handler {
	endpoints := lib.Endpoints{
		Token:         lib.NewEndpoint(pathToken),
		Userinfo:      lib.NewEndpoint(pathUserinfo),
		Introspection: lib.NewEndpoint(pathIntrospect),
		Revocation:    lib.NewEndpoint(pathRevoke),
		JwksURI:       lib.NewEndpoint(pathKeys),
	}
	return lib.RegisterServer(&server{p: p}, endpoints, lib.WithServerCORSOptions(nil))
}

// client shows a client app to the library. It asks for little: the grant types,
// and whether the app is public.
type client struct{ tenants.ClientApp }

var _ lib.Client = (*client)(nil)

func (c *client) GetID() string                    { return c.ClientID }
func (c *client) RedirectURIs() []string           { return c.ClientApp.RedirectURIs }
func (c *client) PostLogoutRedirectURIs() []string { return c.ClientApp.PostLogoutRedirectURIs }
func (c *client) AuthMethod() oidc.AuthMethod      { return oidc.AuthMethod(c.ClientApp.AuthMethod) }

func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c *client) LoginURL(string) string { return "" }
func (c *client) AccessTokenType() lib.AccessTokenType {
	return lib.AccessTokenTypeJWT
}
func (c *client) IDTokenLifetime() time.Duration       { return idTokenLife }
func (c *client) DevMode() bool                        { return false }
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return c.IDTokenProfile }
func (c *client) ClockSkew() time.Duration             { return 0 }
func (c *client) IsScopeAllowed(scope string) bool     { return slices.Contains(c.Scopes, scope) }

func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:staticcheck // the library's spelling
	return func(s []string) []string { return s }
}

func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}

func (c *client) ApplicationType() lib.ApplicationType {
	switch c.Type {
	case tenants.AppSPA:
		return lib.ApplicationTypeUserAgent
	case tenants.AppNative:
		return lib.ApplicationTypeNative
	}
	return lib.ApplicationTypeWeb
}

func (c *client) GrantTypes() []oidc.GrantType {
	out := make([]oidc.GrantType, len(c.ClientApp.GrantTypes))
	for i, g := range c.ClientApp.GrantTypes {
		out[i] = oidc.GrantType(g)
	}
	return out
}

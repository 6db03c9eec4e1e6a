package op

import (
	"context"
	"fmt"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	lib "github.com/zitadel/oidc/v3/pkg/op"

	"twofold/twofactor"
)

// Paths of the machine endpoints below the issuer.
const (
	pathDiscovery  = "/.well-known/openid-configuration"
	pathKeys       = "/keys"
	pathToken      = "/token"
	pathUserinfo   = "/userinfo"
	pathIntrospect = "/introspect"
	pathRevoke     = "/revoke"
	pathPAR        = "/par"
	pathDeviceAuth = "/device_authorization"
)

// metadata is OpenID Connect Discovery §3 and RFC 8414 §2 in one document. It
// says exactly what is true: what is absent is not offered.
type metadata struct {
	*oidc.DiscoveryConfiguration
	RequestParameter bool   `json:"request_parameter_supported"`
	IssInResponse    bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	PAR              string `json:"pushed_authorization_request_endpoint"`          // RFC 9126 §5
}

// Discovery implements the library's Server.
func (s *server) Discovery(ctx context.Context, _ *lib.Request[struct{}]) (*lib.Response, error) {
	iss := s.p.issuer(ctx)
	confidential := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost, oidc.AuthMethodPrivateKeyJWT}
	all := append([]oidc.AuthMethod{oidc.AuthMethodNone}, confidential...)
	algs := make([]string, len(assertionAlgs))
	for i, a := range assertionAlgs {
		algs[i] = string(a)
	}
	doc := &oidc.DiscoveryConfiguration{
		Issuer:                                             iss,
		AuthorizationEndpoint:                              iss + PathAuthorize,
		TokenEndpoint:                                      iss + pathToken,
		UserinfoEndpoint:                                   iss + pathUserinfo,
		JwksURI:                                            iss + pathKeys,
		IntrospectionEndpoint:                              iss + pathIntrospect,
		RevocationEndpoint:                                 iss + pathRevoke,
		DeviceAuthorizationEndpoint:                        iss + pathDeviceAuth,
		EndSessionEndpoint:                                 iss + PathEndSession,
		BackChannelLogoutSupported:                         true,
		BackChannelLogoutSessionSupported:                  true,
		ScopesSupported:                                    standardScopes(),
		ResponseTypesSupported:                             []string{"code"},
		ResponseModesSupported:                             []string{modeQuery, modeFormPost},
		GrantTypesSupported:                                []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials, oidc.GrantTypeDeviceCode, oidc.GrantTypeTokenExchange},
		ACRValuesSupported:                                 twofactor.ACRs(),
		SubjectTypesSupported:                              []string{"public"},
		IDTokenSigningAlgValuesSupported:                   []string{"RS256", "ES256"},
		TokenEndpointAuthMethodsSupported:                  all,
		TokenEndpointAuthSigningAlgValuesSupported:         algs,
		IntrospectionEndpointAuthMethodsSupported:          confidential,
		IntrospectionEndpointAuthSigningAlgValuesSupported: algs,
		RevocationEndpointAuthMethodsSupported:             all,
		RevocationEndpointAuthSigningAlgValuesSupported:    algs,
		ClaimTypesSupported:                                []string{"normal"},
		ClaimsSupported:                                    supportedClaims(),
		ClaimsParameterSupported:                           true,
		CodeChallengeMethodsSupported:                      []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
	}
	resp := lib.NewResponse(metadata{DiscoveryConfiguration: doc, IssInResponse: true, PAR: iss + pathPAR})
	resp.Header.Set("Cache-Control", "public, max-age=300")
	return resp, nil
}

// Keys implements the library's Server: the JWK set of the tenant.
func (s *server) Keys(ctx context.Context, _ *lib.Request[struct{}]) (*lib.Response, error) {
	set, err := s.p.keySet(ctx)
	if err != nil {
		return nil, s.p.unavailable(ctx, "keys", err)
	}
	resp := lib.NewResponse(set.jwks)
	resp.Header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(verifiersFor.Seconds())))
	return resp, nil
}

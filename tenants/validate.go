package tenants

import (
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Client authentication methods offered.
const (
	AuthBasic         = "client_secret_basic"
	AuthPost          = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
	AuthNone          = "none"
)

// Grant types offered.
const (
	GrantCode              = "authorization_code"
	GrantRefresh           = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

func checkClientApp(c *ClientApp) error {
	switch {
	case !slices.Contains([]string{AppWeb, AppSPA, AppNative, AppMachine}, c.Type):
		return invalid("type", "must be web, spa, native or machine")
	case c.ClientID == "" || len(c.ClientID) > 128 || strings.ContainsFunc(c.ClientID, notVSChar):
		return invalid("client_id", "must be 1 to 128 printable ASCII characters without spaces")
	case !slices.Contains([]string{AuthBasic, AuthPost, AuthPrivateKeyJWT, AuthNone}, c.AuthMethod):
		return invalid("auth_method", "must be client_secret_basic, client_secret_post, private_key_jwt or none")
	case c.AuthMethod == AuthPrivateKeyJWT && c.JWKS == "":
		return invalid("jwks", "is required for private_key_jwt")
	case c.Public() && c.PKCEOptional:
		return invalid("pkce_optional", "cannot be set for a public app")
	case c.Public() && slices.Contains(c.GrantTypes, GrantClientCredentials):
		return invalid("grant_types", "client_credentials needs an app that can keep a secret")
	case c.IDTokenAlg != "RS256" && c.IDTokenAlg != "ES256":
		return invalid("id_token_alg", "must be RS256 or ES256")
	}
	for _, g := range c.GrantTypes {
		if g != GrantCode && g != GrantRefresh && g != GrantClientCredentials {
			return invalid("grant_types", "names an unknown grant "+g)
		}
	}
	if slices.Contains(c.GrantTypes, GrantCode) && len(c.RedirectURIs) == 0 {
		return invalid("redirect_uris", "needs at least one address")
	}
	for _, list := range []struct {
		name string
		uris List
	}{{"redirect_uris", c.RedirectURIs}, {"post_logout_redirect_uris", c.PostLogoutRedirectURIs}} {
		for _, u := range list.uris {
			if why := checkRedirect(u, c.Type); why != "" {
				return invalid(list.name, u+" "+why)
			}
		}
	}
	return nil
}

func notVSChar(r rune) bool { return r <= ' ' || r > '~' }

// checkRedirect keeps addresses out that could never be safe: OAuth compares the
// exact string (RFC 9700 §2.1), so only its form matters here.
func checkRedirect(raw, appType string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !u.IsAbs() || strings.ContainsFunc(raw, notVSChar):
		return "is not an absolute address"
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return "must have no fragment"
	case u.User != nil:
		return "must have no user name"
	case u.Scheme == "https" && u.Host != "":
		return ""
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	case u.Scheme == "http":
		return "must use https"
	case appType == AppNative && strings.Contains(u.Scheme, "."):
		return "" // RFC 8252 §7.1: a private-use scheme is a domain name reversed
	}
	return "has a scheme that is not allowed"
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == "" && len(s) <= 254 && !strings.ContainsAny(s, "\r\n\"<>")
}

func validPhone(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

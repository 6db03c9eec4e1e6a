package tenants

import (
	"encoding/json"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
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
	GrantDevice            = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
)

func checkClientApp(c *ClientApp) error {
	switch {
	case !slices.Contains([]string{AppWeb, AppSPA, AppNative, AppMachine}, c.Type):
		return invalid("type", "must be web, spa, native or machine")
	case c.ClientID == "" || len(c.ClientID) > 128 || strings.ContainsFunc(c.ClientID, notVSChar):
		return invalid("client_id", "must be 1 to 128 printable ASCII characters without spaces")
	case !slices.Contains([]string{AuthBasic, AuthPost, AuthPrivateKeyJWT, AuthNone}, c.AuthMethod):
		return invalid("auth_method", "must be client_secret_basic, client_secret_post, private_key_jwt or none")
	case c.AuthMethod == AuthPrivateKeyJWT && c.JWKS == "" && c.JWKSURI == "":
		return invalid("jwks", "is required for private_key_jwt, or jwks_uri")
	case c.JWKS != "" && c.JWKSURI != "": // OpenID Connect Dynamic Client Registration §2
		return invalid("jwks_uri", "cannot be set beside jwks")
	case c.JWKS != "" && !publicKeys(c.JWKS):
		return invalid("jwks", "must be a JSON Web Key Set of public keys")
	case c.Public() && c.PKCEOptional:
		return invalid("pkce_optional", "cannot be set for a public app")
	case c.Public() && slices.Contains(c.GrantTypes, GrantClientCredentials):
		return invalid("grant_types", "client_credentials needs an app that can keep a secret")
	case c.Public() && slices.Contains(c.GrantTypes, GrantTokenExchange):
		return invalid("grant_types", "token exchange needs an app that can keep a secret")
	case slices.Contains(c.GrantTypes, GrantTokenExchange) && len(c.Resources) == 0:
		return invalid("resources", "must name the APIs that the app may exchange tokens for")
	case !slices.Contains([]string{"RS256", "ES256", AlgOfTenant}, c.IDTokenAlg):
		return invalid("id_token_alg", "must be RS256, ES256 or tenant")
	case c.Accent != "" && !validColour(c.Accent):
		return invalid("accent", "must be a colour such as #1a73e8")
	case !ValidLogo(c.LogoURL):
		return invalid("logo_url", "must be an https address")
	case c.LogoutURI != "" && c.Type == AppMachine:
		return invalid("backchannel_logout_uri", "is for apps that people sign in to")
	case c.LogoutURI == "" && c.LogoutSession:
		return invalid("backchannel_logout_session_required", "needs a back-channel logout address")
	}
	if why := CheckCalledURI(c.LogoutURI); why != "" {
		return invalid("backchannel_logout_uri", why)
	}
	if why := CheckCalledURI(c.JWKSURI); why != "" {
		return invalid("jwks_uri", why)
	}
	if err := checkClaimRules(c.ClaimRules); err != nil {
		return err
	}
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsFunc(s, notScopeChar) {
			return invalid("scopes", "must be words of printable ASCII without quotes and backslashes")
		}
	}
	for _, g := range c.GrantTypes {
		if g != GrantCode && g != GrantRefresh && g != GrantClientCredentials && g != GrantDevice && g != GrantTokenExchange {
			return invalid("grant_types", "names an unknown grant "+g)
		}
	}
	for _, apis := range []struct {
		name string
		list List
	}{{"resources", c.Resources}, {"serves", c.Serves}} {
		if slices.ContainsFunc(apis.list, func(r string) bool { return !validResource(r) }) {
			return invalid(apis.name, "must be absolute addresses without a fragment, such as https://api.example.com")
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
	return checkEntity(c.Name, &c.MinACR)
}

// validResource reports whether s can name an API: an absolute URI without a fragment
// (RFC 8707 §2).
func validResource(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 512 && u.IsAbs() && (u.Host != "" || u.Opaque != "") && !strings.Contains(s, "#") &&
		!strings.ContainsFunc(s, notVSChar)
}

// publicKeys reports whether s is a JSON Web Key Set with nothing secret in it: no
// private part of a key, no symmetric key (RFC 7517 §9.2, RFC 7518 §6).
func publicKeys(s string) bool {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if json.Unmarshal([]byte(s), &set) != nil || len(set.Keys) == 0 {
		return false
	}
	for _, k := range set.Keys {
		_, private := k["d"]
		_, symmetric := k["k"]
		if typ, _ := k["kty"].(string); typ == "" || private || symmetric {
			return false
		}
	}
	return true
}

// The life of a session and its idle time, in seconds (SECURITY N36).
const (
	usualSession = 24 * 3600
	usualIdle    = 3600
	maxSession   = 90 * 24 * 3600
)

const (
	maxRemember  = 30 // days, SECURITY N28
	maxSMSPerDay = 1_000_000
	maxGrace     = 365 // days

	// DefaultSMSPerDay is a tenant's budget of text messages (SECURITY N14).
	DefaultSMSPerDay = 500
)

func notCountry(s string) bool {
	return len(s) != 2 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""
}

func validLocale(s string) bool {
	_, err := language.Parse(s)
	return err == nil && len(s) <= 35
}

// checkLife checks the times of sessions; 0 is inherited.
func checkLife(session, idle int64) error {
	switch {
	case session < 0 || session > maxSession:
		return invalid("session_seconds", "must be at most 90 days")
	case idle < 0 || idle > maxSession || session != 0 && idle > session:
		return invalid("idle_seconds", "must be at most the life of a session")
	}
	return nil
}

func checkSubscription(v *Subscription) error {
	if err := checkLife(v.SessionSeconds, v.IdleSeconds); err != nil {
		return err
	}
	return checkEntity(v.Name, &v.MinACR)
}

// checkTenant also sets the algorithm that is not given.
func checkTenant(t *Tenant) error {
	if t.IDTokenAlg == "" {
		t.IDTokenAlg = "RS256"
	}
	switch {
	case !validName(t.Name):
		return invalid("name", "must be 1 to 63 lower-case letters, digits or hyphens")
	case t.Accent != "" && !validColour(t.Accent):
		return invalid("accent", "must be a colour such as #1a73e8")
	case !ValidLogo(t.LogoURL):
		return invalid("logo_url", "must be an https address")
	case !slices.Contains([]string{"RS256", "ES256"}, t.IDTokenAlg):
		return invalid("id_token_alg", "must be RS256 or ES256")
	case t.RememberDays < 0 || t.RememberDays > maxRemember:
		return invalid("remember_days", "must be at most 30")
	case t.SMSPerDay < 0 || t.SMSPerDay > maxSMSPerDay:
		return invalid("sms_per_day", "must be at most 1,000,000")
	case slices.ContainsFunc(t.SMSCountries, notCountry):
		return invalid("sms_countries", "must be country codes of two capital letters, such as CH")
	case t.Locale != "" && !validLocale(t.Locale):
		return invalid("locale", "must be a language tag such as de or de-CH")
	}
	if err := checkLife(t.SessionSeconds, t.IdleSeconds); err != nil {
		return err
	}
	return checkEntity(t.Name, &t.MinACR)
}

// checkUser expects the mail address in lower case.
func checkUser(u *User) error {
	switch {
	case u.Kind != Person && u.Kind != Machine:
		return invalid("kind", "must be person or machine")
	case strings.ContainsFunc(u.Name, unicode.IsControl):
		return invalid("name", "must hold no control characters")
	case u.Email != "" && !validEmail(u.Email):
		return invalid("email", "is not a mail address")
	case u.Email != NormalName(u.Email):
		// Mail goes to the address as it is, people are found by its normal form: two
		// people must never share one.
		return invalid("email", "holds characters that can be mistaken for others")
	case u.Phone != "" && !validPhone(u.Phone):
		return invalid("phone", "must be a number in international form, such as +41791234567")
	}
	return checkEntity(u.Name, nil)
}

func validColour(s string) bool {
	return len(s) == 7 && s[0] == '#' && strings.Trim(s[1:], "0123456789abcdefABCDEF") == ""
}

func notVSChar(r rune) bool { return r <= ' ' || r > '~' }

// RFC 6749 §3.3
func notScopeChar(r rune) bool { return notVSChar(r) || r == '"' || r == '\\' }

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
	case strings.Contains(u.Host, "*"):
		return "must name one host"
	case u.Scheme == "https" && u.Hostname() != "":
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

// CheckCalledURI says why an address cannot be one that logout tokens are posted to, or
// nothing (Back-Channel Logout §2.2). Whether it may be called is found out when it is:
// a name can stand for another address by then.
func CheckCalledURI(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || !u.IsAbs() || strings.ContainsFunc(raw, notVSChar) || len(raw) > maxCalledURI:
		return "is not an absolute address"
	case strings.Contains(raw, "#"):
		return "must have no fragment"
	case u.User != nil:
		return "must have no user name"
	case u.Hostname() == "" || strings.Contains(u.Host, "*"):
		return "must name one host"
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	}
	return "must use https"
}

const maxCalledURI = 2048

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

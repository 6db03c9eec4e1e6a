package op

import (
	"slices"
	"strings"

	"twofold/tenants"
)

// Scopes with a meaning of their own. Any other name in a client app's list is
// merely carried in its access tokens.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email"
	scopePhone   = "phone"
	scopeGroups  = "groups"
	scopeOffline = "offline_access"
	// scopeIntrospect in the list of a confidential client app lets it see any
	// token of its tenant: it is a resource server. It is never put into a token.
	scopeIntrospect = "introspect"
)

func standardScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeGroups, scopeOffline}
}

// allowedScopes narrows what was asked to what the app may have; the rest is
// dropped (RFC 6749 §3.3). openid is everybody's; offline_access goes with the
// refresh_token grant; an app without a list may ask for profile and email.
func allowedScopes(app tenants.ClientApp, asked []string) tenants.List {
	var out tenants.List
	for _, s := range asked {
		if !slices.Contains(out, s) && mayAsk(app, s) {
			out = append(out, s)
		}
	}
	return out
}

func mayAsk(app tenants.ClientApp, scope string) bool {
	switch {
	case scope == scopeOpenID:
		return true
	case scope == scopeIntrospect:
		return false
	case scope == scopeOffline:
		return slices.Contains(app.GrantTypes, tenants.GrantRefresh)
	case len(app.Scopes) == 0:
		return scope == scopeProfile || scope == scopeEmail
	}
	return slices.Contains(app.Scopes, scope)
}

// machineScopes are those that make sense without a user.
func machineScopes(app tenants.ClientApp) tenants.List {
	var out tenants.List
	for _, s := range app.Scopes {
		if s != scopeIntrospect && !slices.Contains(standardScopes(), s) {
			out = append(out, s)
		}
	}
	return out
}

func words(s string) []string { return strings.Fields(s) }

func join(list []string) string { return strings.Join(list, ", ") }

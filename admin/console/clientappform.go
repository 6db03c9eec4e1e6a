package console

import (
	"fmt"
	"slices"
	"strings"

	"twofold/internal/id"
	"twofold/tenants"
	"twofold/ui"
)

// The form of a client app.

func appForm(d *desk, v tenants.ClientApp, fresh bool) ([]ui.AdminSection, error) {
	if !fresh && d.own(v) {
		return nil, errOwnApp
	}
	names := ui.AdminSection{Title: "Names and looks", Fields: []ui.AdminField{
		fixed("Type", typeName(v.Type), ""),
		required(text("name", "Name", v.Name, "For administrators.")),
		text("title", "Title", v.Title, "What people read: “to continue to Expenses”."),
	}}
	if fresh {
		f := text("client_id", "Client ID", v.ClientID, "What the app calls itself. Leave it empty to have one made.")
		f.Mono = true
		names.Fields = append(names.Fields, f)
	}
	if v.Type != tenants.AppMachine {
		accent := text("accent", "Accent colour", v.Accent, "In place of the tenant's, for people who come from this app. Empty: the tenant's.")
		accent.Draw = ui.DrawColour
		names.Fields = append(names.Fields, accent)
	}
	names.Fields = append(names.Fields, toggle("active", "Active", v.Active, "It can be used.", "Nobody can sign in to it, and it gets no tokens."))
	out := []ui.AdminSection{names}
	if v.Type != tenants.AppMachine {
		out = append(out, appAddresses(v))
	}
	if keepsSecret(v.Type) {
		out = append(out, appProof(v))
	}
	out = append(out, appTokens(v))
	if v.Type != tenants.AppMachine {
		out = append(out, ui.AdminSection{Title: "Sign-in rules", Fields: []ui.AdminField{
			toggle("consent", "Ask for consent", v.Consent, "People are asked once whether the app may have what it asks for, and can take that back.", "The app is of your own house: nobody is asked."),
			toggle("enforce_mfa", "Enforce a second factor", v.EnforceMFA, "Whoever signs in to this app is asked for a second factor.", "Whether one is asked for is up to the other levels."),
			choose("min_acr", "Strength at least", v.MinACR, "Weaker second factors are not offered.", strengths()...),
			toggle("restricted", "For certain people only", v.Restricted, "Only the users and groups that are listed on the app's page can use it.", "Whoever is a member of one of its tenants can use it."),
		}})
	}
	return out, nil
}

func appAddresses(v tenants.ClientApp) ui.AdminSection {
	help := "Where people are sent back to, one address a line. They are compared letter by letter."
	if v.Type == tenants.AppNative {
		help += " A scheme of the app's own must hold a dot, such as com.example.app:/callback; on http://127.0.0.1 any port will do."
	}
	address := text("backchannel_logout_uri", "Back-channel logout", v.LogoutURI, "Where this server tells the app that a session has ended, by posting a logout token. Empty: nowhere.")
	address.Mono = true
	return ui.AdminSection{Title: "Addresses", Fields: []ui.AdminField{
		required(lines("redirect_uris", "Redirect URIs", v.RedirectURIs, help)),
		lines("post_logout_redirect_uris", "After signing out", v.PostLogoutRedirectURIs, "Where people may be sent after signing out, one address a line."),
		address,
		toggle("backchannel_logout_session_required", "Tell which session", v.LogoutSession, "The app needs to know which session ended.", "The app does not mind. It is told anyway."),
	}}
}

func appProof(v tenants.ClientApp) ui.AdminSection {
	s := ui.AdminSection{Title: "How it proves itself", Fields: []ui.AdminField{
		required(choose("auth_method", "Method", v.AuthMethod, "",
			ui.AdminOption{Value: tenants.AuthBasic, Label: "Secret in the header (client_secret_basic)"},
			ui.AdminOption{Value: tenants.AuthPost, Label: "Secret in the form (client_secret_post)"},
			ui.AdminOption{Value: tenants.AuthPrivateKeyJWT, Label: "Signature with a key of its own (private_key_jwt)"})),
		lines("jwks", "Public keys", strings.Split(v.JWKS, "\n"), "For private_key_jwt alone: its JSON Web Key Set, with public keys only."),
		text("jwks_uri", "Address of its keys", v.JWKSURI, "Where the app publishes them, in place of the field above. New keys are found there by themselves."),
	}}
	if v.Type == tenants.AppWeb {
		s.Fields = append(s.Fields, toggle("require_par", "Pushed requests only", v.RequirePAR, "It hands us its requests itself, so nobody can read or change them on the way.", "Its requests come by the browser, or are pushed, as it likes."))
		s.Fields = append(s.Fields, toggle("require_pkce", "Require PKCE", !v.PKCEOptional, "A code is of use only to the browser that asked for it.", pkceWarning))
	}
	return s
}

func appTokens(v tenants.ClientApp) ui.AdminSection {
	scopes := text("scopes", "Scopes", strings.Join(v.Scopes, " "), "What it may ask for, set apart by spaces.")
	scopes.Mono = true
	apis := lines("resources", "APIs that it calls", v.Resources, "Addresses of APIs that it may ask tokens for by the parameter resource, one a line. Such a token is good there alone.")
	s := ui.AdminSection{Title: "Tokens", Fields: []ui.AdminField{scopes, apis}}
	if keepsSecret(v.Type) {
		s.Fields = append(s.Fields,
			lines("serves", "APIs that it is", v.Serves, "Addresses of APIs that it is itself, one a line. It may introspect tokens for them."),
			toggle("token_exchange", "Token exchange", slices.Contains(v.GrantTypes, tenants.GrantTokenExchange),
				"Called with a user's token, it may get one for the APIs above and act there for the user.", "It calls other APIs for itself only."))
	}
	if v.Type == tenants.AppMachine {
		return s
	}
	s.Fields = append(s.Fields,
		toggle("refresh", "Refresh tokens", slices.Contains(v.GrantTypes, tenants.GrantRefresh), "It stays signed in while the session lasts.", "It sends people here again when its token ends."))
	s.Fields = append(s.Fields, toggle("device", "Devices without a browser", slices.Contains(v.GrantTypes, tenants.GrantDevice),
		"It may show a code that people type in elsewhere, as on a television. They are always asked for consent.", "Who signs in has a browser."))
	if v.Type == tenants.AppWeb {
		s.Fields = append(s.Fields, toggle("client_credentials", "Client credentials", slices.Contains(v.GrantTypes, tenants.GrantClientCredentials),
			"It may also act by itself, with nobody signed in.", "It acts for people only."))
	}
	s.Fields = append(s.Fields,
		required(choose("id_token_alg", "ID token signed by", v.IDTokenAlg, "", ui.AdminOption{Value: tenants.AlgOfTenant, Label: "What each tenant says"}, ui.AdminOption{Value: "RS256", Label: "RS256 (understood everywhere)"}, ui.AdminOption{Value: "ES256", Label: "ES256 (shorter)"})),
		toggle("id_token_profile", "Profile in the ID token", v.IDTokenProfile, "Name and addresses are in the ID token too: for libraries that never call userinfo.", "Name and addresses come from userinfo."))
	return s
}

func readApp(d *desk, v *tenants.ClientApp, fresh bool) []ui.FieldError {
	r := reading{d: d}
	if fresh {
		*v = blankApp(one(d.r, "type"))
		r.text("client_id", &v.ClientID)
		if v.ClientID == "" && one(d.r, ui.FieldDo) != "preview" {
			v.ClientID = id.New()
		}
	}
	r.text("name", &v.Name)
	r.text("title", &v.Title)
	if v.Title == "" {
		v.Title = v.Name
	}
	r.toggle("active", &v.Active)
	r.words("scopes", &v.Scopes)
	r.lines("resources", (*[]string)(&v.Resources))
	if keepsSecret(v.Type) {
		r.lines("serves", (*[]string)(&v.Serves))
		r.grant(v, "token_exchange", tenants.GrantTokenExchange)
		r.text("auth_method", &v.AuthMethod)
		r.text("jwks", &v.JWKS)
		r.text("jwks_uri", &v.JWKSURI)
	}
	if v.Type == tenants.AppMachine {
		return r.errs
	}
	r.text("accent", &v.Accent)
	r.addresses("redirect_uris", v.Type, (*[]string)(&v.RedirectURIs))
	r.addresses("post_logout_redirect_uris", v.Type, (*[]string)(&v.PostLogoutRedirectURIs))
	r.text("backchannel_logout_uri", &v.LogoutURI)
	r.toggle("backchannel_logout_session_required", &v.LogoutSession)
	if v.LogoutURI == "" {
		v.LogoutSession = false // it says nothing then
	}
	r.toggle("consent", &v.Consent)
	r.toggle("enforce_mfa", &v.EnforceMFA)
	r.text("min_acr", &v.MinACR)
	r.toggle("restricted", &v.Restricted)
	r.text("id_token_alg", &v.IDTokenAlg)
	r.toggle("id_token_profile", &v.IDTokenProfile)
	r.grant(v, "refresh", tenants.GrantRefresh)
	r.grant(v, "device", tenants.GrantDevice)
	if v.Type == tenants.AppWeb {
		r.grant(v, "client_credentials", tenants.GrantClientCredentials)
		r.toggle("require_par", &v.RequirePAR)
		var pkce bool
		r.toggle("require_pkce", &pkce)
		v.PKCEOptional = !pkce
	}
	return r.errs
}

// grant adds or removes a grant type.
func (r *reading) grant(v *tenants.ClientApp, field, grant string) {
	var on bool
	r.toggle(field, &on)
	has := slices.Contains(v.GrantTypes, grant)
	switch {
	case on && !has:
		v.GrantTypes = append(slices.Clone(v.GrantTypes), grant)
	case !on && has:
		v.GrantTypes = slices.DeleteFunc(slices.Clone(v.GrantTypes), func(g string) bool { return g == grant })
	}
}

// addresses reads redirect URIs, and says of each line what is wrong with it.
func (r *reading) addresses(name, appType string, into *[]string) {
	r.lines(name, into)
	var wrong []string
	for i, u := range *into {
		if why := tenants.CheckRedirect(u, appType); why != "" {
			wrong = append(wrong, fmt.Sprintf("Line %d: %s %s.", i+1, u, why))
		}
	}
	if len(wrong) > 0 {
		r.wrong(name, strings.Join(wrong, " "))
	}
}

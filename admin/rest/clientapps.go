package rest

import (
	"encoding/json"

	"twofold/tenants"
)

// ClientAppUpdate is what can be changed of a client app.
type ClientAppUpdate struct {
	Name                   string   `json:"name" maxLength:"254" doc:"Its name." example:"shop"`
	Title                  string   `json:"title" maxLength:"254" doc:"What people read." example:"Shop"`
	Type                   string   `json:"type" enum:"web,spa,native,machine" doc:"Where it runs, and so whether it can keep a secret." example:"web"`
	ClientID               string   `json:"client_id" maxLength:"128" doc:"What it calls itself." example:"shop"`
	AuthMethod             string   `json:"auth_method" enum:"client_secret_basic,client_secret_post,private_key_jwt,none" doc:"How it proves itself."`
	RedirectURIs           []string `json:"redirect_uris" maxItems:"100" doc:"Where users may be sent back to, compared character by character." example:"[\"https://shop.example/callback\"]"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris" maxItems:"100" doc:"Where users may be sent after signing out."`
	LogoutURI              string   `json:"backchannel_logout_uri" maxLength:"2048" doc:"Where the server posts a logout token when a session ends that the app holds; empty: nowhere. It must be at a public address, unless the operator allows others." example:"https://shop.example/backchannel-logout"`
	LogoutSession          bool     `json:"backchannel_logout_session_required" doc:"The app needs to be told which session it is. Twofold always tells."`
	GrantTypes             []string `json:"grant_types" maxItems:"10" doc:"What it may ask for tokens by."`
	Scopes                 []string `json:"scopes" maxItems:"100" doc:"What it may ask for."`
	Resources              []string `json:"resources" maxItems:"100" doc:"APIs that it may ask tokens for, by their addresses: a token is then good there alone (RFC 8707)." example:"[\"https://shop.example/api\"]"`
	Serves                 []string `json:"serves" maxItems:"100" doc:"APIs that it is itself, by their addresses: it may introspect tokens for them, and exchange them (RFC 8693)." example:"[\"https://shop.example/api\"]"`
	JWKS                   string   `json:"jwks" maxLength:"32768" doc:"Its public keys, for private_key_jwt."`
	JWKSURI                string   `json:"jwks_uri" maxLength:"2048" doc:"Where it publishes them instead. It must be at a public address, unless the operator allows others." example:"https://shop.example/jwks"`
	PKCEOptional           bool     `json:"pkce_optional" doc:"Lets an older confidential app off PKCE. Avoid it."`
	RequirePAR             bool     `json:"require_par" doc:"Takes pushed authorization requests only (RFC 9126)."`
	IDTokenAlg             string   `json:"id_token_alg" enum:"tenant,RS256,ES256" doc:"Signature of its ID tokens; tenant: as each tenant says."`
	IDTokenProfile         bool     `json:"id_token_profile" doc:"Puts profile claims into ID tokens too."`
	Consent                bool     `json:"consent" doc:"Users are asked before it gets what it wants: it is not of their own house."`
	EnforceMFA             bool     `json:"enforce_mfa" doc:"Sign-ins for this app ask for a second factor."`
	MinACR                 string   `json:"min_acr" maxLength:"64" doc:"Weakest sign-in that it accepts; empty: none is refused."`
	Restricted             bool     `json:"restricted" doc:"Only its users and the members of its groups can use it; nobody else gets or keeps an answer from it. A machine that acts for itself is not concerned."`
	Accent                 string   `json:"accent" maxLength:"7" doc:"Colour of its sign-in page; empty: the tenant's." example:"#1a73e8"`
	LogoURL                string   `json:"logo_url" maxLength:"2048" doc:"Logo on its sign-in page; empty: the tenant's."`
	Active                 bool     `json:"active" doc:"Whether it can be used."`

	ClaimRules []ClaimRule `json:"claim_rules" maxItems:"50" doc:"What it is told of its users, other than by scopes: in this order."`
}

// ClaimRule makes one claim, or drops one.
type ClaimRule struct {
	Name      string          `json:"name" maxLength:"64" doc:"The claim. It takes the place of what a scope gives; those that say who made a token, and for whom, are refused (claim_protected)." example:"roles"`
	Source    string          `json:"source" enum:"constant,attribute,groups,tenant,omit" doc:"Where its value comes from; omit: the app is not told, whatever its scopes."`
	Scope     string          `json:"scope,omitempty" maxLength:"254" doc:"Only where this scope was granted; absent: always."`
	In        []string        `json:"in,omitempty" maxItems:"3" enum:"userinfo,id_token,access_token" doc:"Where the claim is; absent: in userinfo, and in ID tokens with id_token_profile. What is dropped is dropped in both. What is in access tokens introspection tells too."`
	Value     json.RawMessage `json:"value,omitempty" doc:"Of a constant: text, a number, true, false or a list of these." example:"\"internal\""`
	Attribute string          `json:"attribute,omitempty" enum:"id,name,display_name,given_name,family_name,email,email_verified,phone,phone_verified,locale,subject,title" doc:"Of the user: name is the login name, subject what another provider knows the user by. Of the tenant: name or title."`
	IDP       string          `json:"idp,omitempty" maxLength:"254" doc:"With the attribute subject: name of the IDP, of type oidc."`
	Prefix    string          `json:"prefix,omitempty" maxLength:"254" doc:"Of groups: only those whose names begin so."`
	Map       []string        `json:"map,omitempty" maxItems:"100" doc:"Of groups: what they are called, as group = role; no other is told then." example:"[\"managers = approver\"]"`
}

// ClientAppCreate is what a client app is made of.
type ClientAppCreate struct{ ClientAppUpdate }

// ClientApp is an app that sends its users here to sign in, or a machine.
type ClientApp struct {
	Stamp
	ClientAppUpdate
}

func (a *API) clientApps() {
	crud(a, resource[tenants.ClientApp, ClientApp, ClientAppCreate, ClientAppUpdate]{
		one: "client app", many: "client apps", kind: "client_app", plural: "client_apps", things: func() keeper[tenants.ClientApp] { return a.Admin.ClientApps() }, trash: true,
		about: "A client app sends its users here to sign in, or is a machine. Whom a restricted one is for is listed by users.list and groups.list, with the filter client_app.",
		fresh: ClientAppCreate{ClientAppUpdate{IDTokenAlg: tenants.AlgOfTenant, Active: true}}, must: []string{"name", "type"}, complete: usualApp,
		filters: []filter{
			active(),
			{"type", "Where it runs.", []string{tenants.AppWeb, tenants.AppSPA, tenants.AppNative, tenants.AppMachine}},
			{"client_id", "What it calls itself, exactly.", nil},
		},
		sorts: []string{"name", "created"},
	})
}

// usualApp fills in what apps of a type usually have.
func usualApp(c *ClientAppCreate, given body) {
	usual := func(member string, set func()) {
		if !given.given(member) {
			set()
		}
	}
	machine, public := c.Type == tenants.AppMachine, c.Type == tenants.AppSPA || c.Type == tenants.AppNative
	usual("client_id", func() { c.ClientID = c.Name })
	usual("auth_method", func() {
		if c.AuthMethod = tenants.AuthBasic; public {
			c.AuthMethod = tenants.AuthNone
		}
	})
	usual("grant_types", func() {
		if c.GrantTypes = []string{tenants.GrantCode, tenants.GrantRefresh}; machine {
			c.GrantTypes = []string{tenants.GrantClientCredentials}
		}
	})
	usual("scopes", func() {
		if c.Scopes = []string{"openid", "profile", "email", "phone", "groups", "offline_access"}; machine {
			c.Scopes = []string{}
		}
	})
}

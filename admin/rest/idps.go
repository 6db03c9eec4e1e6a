package rest

import "twofold/tenants"

// IDPUpdate is what can be changed of an IDP.
type IDPUpdate struct {
	Name       string `json:"name" maxLength:"254" doc:"Its name." example:"staff"`
	Title      string `json:"title" maxLength:"254" doc:"What people read, on its button too." example:"Staff"`
	EnforceMFA bool   `json:"enforce_mfa" doc:"Sign-ins by this IDP ask for a second factor."`
	Active     bool   `json:"active" doc:"Whether it can be used."`
	IDPUpstream
}

// IDPUpstream is what IDPs of type oidc have besides.
type IDPUpstream struct {
	Issuer      string   `json:"issuer" maxLength:"2048" doc:"oidc: address of the provider, the very issuer that it names. It cannot be changed while users are linked by it." example:"https://login.example"`
	ClientID    string   `json:"client_id" maxLength:"256" doc:"oidc: what the provider calls this server."`
	Scopes      []string `json:"scopes" maxItems:"100" doc:"oidc: what is asked for beside openid; none: profile and email."`
	ACRValues   []string `json:"acr_values" maxItems:"100" doc:"oidc: how strongly users shall sign in there, in the provider's words."`
	Domains     []string `json:"domains" maxItems:"1000" doc:"oidc: whose mail address ends in one of these signs in there." example:"[\"example.com\"]"`
	NameClaim   string   `json:"name_claim" maxLength:"256" doc:"oidc: claim of the display name; empty: name."`
	EmailClaim  string   `json:"email_claim" maxLength:"256" doc:"oidc: claim of the mail address; empty: email, which alone can be verified."`
	PhoneClaim  string   `json:"phone_claim" maxLength:"256" doc:"oidc: claim of the phone number; empty: phone_number, which alone can be verified."`
	GroupsClaim string   `json:"groups_claim" maxLength:"256" doc:"oidc: claim of the groups; empty: they are not looked at."`
	GroupMap    []string `json:"group_map" maxItems:"1000" doc:"oidc: which group there is which here." example:"[\"engineers = Developers\"]"`
	Trust       []string `json:"trust" maxItems:"100" doc:"oidc: what its acr and amr count for: 2fa, aal2 or phr. All else counts as a password does." example:"[\"amr:mfa = aal2\"]"`
	CreateUsers bool     `json:"create_users" doc:"oidc: whoever it vouches for gets an account."`
	UpdateUsers bool     `json:"update_users" doc:"oidc: names and groups follow it at each sign-in."`
}

// IDPSecret is given and never shown.
type IDPSecret struct {
	ClientSecret string `json:"client_secret" maxLength:"1024" doc:"oidc: how this server proves itself to the provider; empty: as it is. Needed again where issuer or client_id change. Never shown."`
}

// IDPType is chosen once.
type IDPType struct {
	Type string `json:"type" maxLength:"32" enum:"local,oidc" doc:"local: names and passwords are kept here. oidc: another OpenID Provider." example:"local"`
}

// IDPChange is what can be changed of an IDP, with what is never shown.
type IDPChange struct {
	IDPUpdate
	IDPSecret
}

// IDPCreate is what an IDP is made of.
type IDPCreate struct {
	IDPType
	IDPChange
}

// IDP is where users prove who they are.
type IDP struct {
	Stamp
	IDPType
	IDPUpdate
	HasSecret bool `json:"has_secret" doc:"oidc: whether it has a client secret."`
}

func (a *API) idps() {
	crud(a, resource[tenants.IDP, IDP, IDPCreate, IDPChange]{
		one: "IDP", many: "IDPs", kind: "idp", plural: "idps", things: func() keeper[tenants.IDP] { return a.Admin.IDPs() }, trash: true,
		about: "An IDP is where users prove who they are.",
		fresh: IDPCreate{IDPType{tenants.IDPLocal}, IDPChange{IDPUpdate: IDPUpdate{Active: true}}}, must: []string{"name"},
		filters: []filter{active(), {"type", "What kind it is.", []string{tenants.IDPLocal, tenants.IDPOIDC}}}, sorts: []string{"name", "created"},
	})
}

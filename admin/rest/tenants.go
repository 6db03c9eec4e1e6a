package rest

import "twofold/tenants"

// TenantUpdate is what can be changed of a tenant.
type TenantUpdate struct {
	Title          string   `json:"title" maxLength:"254" doc:"What people read on its pages." example:"Acme"`
	HostName       string   `json:"host_name" maxLength:"253" doc:"By which it is reached too, as an issuer of its own: https and this name. Unique on the server. Only a system_admin may change it. Empty: none." example:"login.acme.example"`
	Accent         string   `json:"accent" maxLength:"7" doc:"Colour of its pages; empty: the standard one." example:"#1a73e8"`
	LogoURL        string   `json:"logo_url" maxLength:"2048" doc:"Address of its logo; empty: none." example:"https://acme.example/logo.svg"`
	EnforceMFA     bool     `json:"enforce_mfa" doc:"Every sign-in asks for a second factor."`
	MinACR         string   `json:"min_acr" maxLength:"64" doc:"Weakest sign-in that is accepted; empty: none is refused." example:"urn:twofold:acr:2fa"`
	SessionSeconds int64    `json:"session_seconds" doc:"How long a session lives at most; 0: as the subscription says." example:"86400"`
	IdleSeconds    int64    `json:"idle_seconds" doc:"And how long without use; 0: as the subscription says." example:"3600"`
	RememberDays   int64    `json:"remember_days" doc:"For how many days a browser may be remembered; 0: never." example:"0"`
	PasskeySignIn  bool     `json:"passkey_sign_in" doc:"A passkey may stand for name and password too."`
	IDTokenAlg     string   `json:"id_token_alg" enum:"RS256,ES256" doc:"Signature of the ID tokens of apps that leave it to the tenant."`
	SMSCountries   []string `json:"sms_countries" maxItems:"250" doc:"Countries that text messages may go to." example:"[\"CH\"]"`
	SMSPerDay      int64    `json:"sms_per_day" doc:"How many text messages may be sent in a day; 0: 500."`
	Locale         string   `json:"locale" maxLength:"35" doc:"Language when nobody asks for another; empty: English." example:"de-CH"`
	Active         bool     `json:"active" doc:"Whether anybody can sign in to it."`
}

// TenantCreate is what a tenant is made of.
type TenantCreate struct {
	Name string `json:"name" maxLength:"63" doc:"In its address: lower-case letters, digits and hyphens. It cannot be changed later." example:"acme"`
	TenantUpdate
}

// Tenant is a realm with an issuer of its own.
type Tenant struct {
	Stamp
	TenantCreate
}

func (a *API) tenants() {
	crud(a, resource[tenants.Tenant, Tenant, TenantCreate, TenantUpdate]{
		one: "tenant", many: "tenants", kind: "tenant", plural: "tenants", things: func() keeper[tenants.Tenant] { return a.Admin.TenantsOf() }, trash: true,
		about: "A tenant is a realm: its own issuer, looks and rules.",
		fresh: TenantCreate{TenantUpdate: TenantUpdate{IDTokenAlg: "RS256", Active: true}}, must: []string{"name"},
		filters: []filter{active()}, sorts: []string{"name", "created"},
	})
}

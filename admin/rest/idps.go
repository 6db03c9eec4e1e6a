package rest

import "twofold/tenants"

// IDPUpdate is what can be changed of an IDP.
type IDPUpdate struct {
	Name       string `json:"name" maxLength:"254" doc:"Its name." example:"staff"`
	Title      string `json:"title" maxLength:"254" doc:"What people read." example:"Staff"`
	EnforceMFA bool   `json:"enforce_mfa" doc:"Sign-ins by this IDP ask for a second factor."`
	Active     bool   `json:"active" doc:"Whether it can be used."`
}

// IDPCreate is what an IDP is made of.
type IDPCreate struct {
	Type string `json:"type" maxLength:"32" doc:"local: names and passwords are kept here." example:"local"`
	IDPUpdate
}

// IDP is where users prove who they are.
type IDP struct {
	Stamp
	IDPCreate
}

func (a *API) idps() {
	crud(a, resource[tenants.IDP, IDP, IDPCreate, IDPUpdate]{
		one: "IDP", many: "IDPs", kind: "idp", plural: "idps", things: func() keeper[tenants.IDP] { return a.Admin.IDPs() }, trash: true,
		about: "An IDP is where users prove who they are.",
		fresh: IDPCreate{Type: tenants.IDPLocal, IDPUpdate: IDPUpdate{Active: true}}, must: []string{"name"},
		filters: []filter{active(), {"type", "What kind it is.", nil}}, sorts: []string{"name", "created"},
	})
}

package rest

import (
	"time"

	"twofold/tenants"
)

// ExemptionUpdate is what can be changed of an exemption.
type ExemptionUpdate struct {
	Reason string    `json:"reason" maxLength:"500" doc:"Why; it is kept in the audit trail." example:"migration of the old shop"`
	Until  time.Time `json:"until" doc:"When it ends." example:"2027-01-31T00:00:00Z"`
}

// ExemptionCreate is what an exemption is made of.
type ExemptionCreate struct {
	Level    string `json:"level" enum:"idp,client_app,user" doc:"What kind of thing is let off."`
	TargetID string `json:"target" format:"uuid" doc:"Id of what is let off."`
	ExemptionUpdate
}

// Exemption lets a user, a client app or an IDP off the second factor for a while.
type Exemption struct {
	Stamp
	ExemptionCreate
	CreatedBy string `json:"created_by" doc:"Id of who made it."`
}

func (a *API) exemptions() {
	crud(a, resource[tenants.Exemption, Exemption, ExemptionCreate, ExemptionUpdate]{
		one: "exemption", many: "exemptions", kind: "exemption", plural: "exemptions", things: func() keeper[tenants.Exemption] { return a.Admin.Exemptions() },
		about: "An exemption lets a user, a client app or an IDP off the second factor for a while.",
		must:  []string{"level", "target", "reason", "until"},
		filters: []filter{
			levelFilter([]tenants.Level{tenants.LevelIDP, tenants.LevelClientApp, tenants.LevelUser}), {"target", "Id of a target.", nil},
		},
		sorts: []string{"created"},
	})
}

package rest

import "twofold/tenants"

// AssignmentUpdate is what can be changed of an assignment.
type AssignmentUpdate struct {
	Required  bool  `json:"required" doc:"Whether sign-ins that it reaches must use a second factor; false only offers it."`
	GraceDays int64 `json:"grace_days" doc:"For how many days who has nothing to use yet may sign in without." example:"14"`
}

// AssignmentCreate is what an assignment is made of.
type AssignmentCreate struct {
	TwoFactorID string `json:"two_factor" format:"uuid" doc:"Id of the TwoFactor instance."`
	Level       string `json:"level" enum:"subscription,tenant,idp,client_app,group,user" doc:"What kind of thing it is assigned to."`
	TargetID    string `json:"target" format:"uuid" doc:"Id of what it is assigned to."`
	AssignmentUpdate
}

// Assignment puts a TwoFactor instance to a target.
type Assignment struct {
	Stamp
	AssignmentCreate
}

func (a *API) assignments() {
	crud(a, resource[tenants.Assignment, Assignment, AssignmentCreate, AssignmentUpdate]{
		one: "assignment", many: "assignments", kind: "assignment", plural: "assignments", things: func() keeper[tenants.Assignment] { return a.Admin.Assignments() },
		about: "An assignment puts a TwoFactor instance to a target: sign-ins that it reaches may, or must, use it.",
		fresh: AssignmentCreate{AssignmentUpdate: AssignmentUpdate{Required: true}}, must: []string{"two_factor", "level", "target"},
		filters: []filter{{"two_factor", "Id of a TwoFactor instance.", nil}, levelFilter(tenants.Levels()), {"target", "Id of a target.", nil}},
		sorts:   []string{"created"},
	})
}

func levelFilter(levels []tenants.Level) filter {
	f := filter{name: "level", doc: "What kind of thing the target is."}
	for _, l := range levels {
		f.choices = append(f.choices, string(l))
	}
	return f
}

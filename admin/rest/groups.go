package rest

import "twofold/tenants"

// GroupUpdate is what can be changed of a group.
type GroupUpdate struct {
	Name string `json:"name" maxLength:"254" doc:"Its name." example:"sales"`
}

// GroupCreate is what a group is made of.
type GroupCreate struct{ GroupUpdate }

// Group is a set of users.
type Group struct {
	Stamp
	GroupUpdate
}

func (a *API) groups() {
	crud(a, resource[tenants.Group, Group, GroupCreate, GroupUpdate]{
		one: "group", many: "groups", kind: "group", plural: "groups", things: func() keeper[tenants.Group] { return a.Admin.Groups() },
		about: "A group is a set of users: roles and assignments can go to it. It is deleted for good.",
		must:  []string{"name"}, sorts: []string{"name", "created"},
		filters: []filter{{"client_app", "Id of a client app that is for the members of the group, if it is restricted.", nil}},
	})
}

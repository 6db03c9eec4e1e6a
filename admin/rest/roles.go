package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"twofold/admin"
	"twofold/tenants"
)

// RoleCreate is what a role is given by.
type RoleCreate struct {
	Role        string `json:"role" enum:"system_admin,subscription_admin,tenant_admin,help_desk,auditor" doc:"The role."`
	TenantID    string `json:"tenant" maxLength:"36" doc:"Id of the tenant in which it counts; empty: the whole subscription."`
	SubjectKind string `json:"subject_kind" enum:"user,group,client_app" doc:"What kind of thing has it."`
	SubjectID   string `json:"subject" format:"uuid" doc:"Id of who has it."`
	HomeID      string `json:"home" maxLength:"36" doc:"Id of the subscription that the subject belongs to; empty: this one."`
}

// RoleGrant is a role that was given.
type RoleGrant struct {
	ID string `json:"id" format:"uuid" doc:"Its id."`
	RoleCreate
	CreatedBy string    `json:"created_by" doc:"Id of who gave it."`
	CreatedAt time.Time `json:"created_at" doc:"When it was given."`
}

func (a *API) roles() {
	for _, at := range []struct{ id, path, where string }{
		{"roles", "/subscriptions/{subscription}/roles", "in a subscription"}, {"platform_roles", "/roles", "on the whole server"},
	} {
		act[none, Items[RoleGrant]](a, spec{id: at.id + ".list", method: http.MethodGet, path: at.path, summary: "List the roles given " + at.where, action: admin.RoleRead},
			func(ctx context.Context, c *call, _ none) (*answer, error) {
				all, err := a.Admin.Roles(ctx, c.who, c.subscription)
				return items(all, func(g tenants.Grant) RoleGrant { return take[RoleGrant](&g) }), err
			})
		act[RoleCreate, RoleGrant](a, spec{
			id: at.id + ".create", method: http.MethodPost, path: at.path, summary: "Give a role " + at.where, action: admin.RoleWrite,
			about: "Nobody gives a role that is wider than his own.", must: []string{"role", "subject_kind", "subject"}, status: http.StatusCreated, once: true,
			problems: []int{http.StatusConflict},
		}, func(ctx context.Context, c *call, b RoleCreate) (*answer, error) {
			g := tenants.Grant{SubscriptionID: c.subscription}
			give(&g, &b)
			if err := a.Admin.Grant(ctx, c.who, &g); err != nil {
				return nil, err
			}
			return &answer{body: take[RoleGrant](&g), location: c.URL.Path + "/" + g.ID}, nil
		})
		act[none, none](a, spec{
			id: at.id + ".delete", method: http.MethodDelete, path: at.path + "/{id}", summary: "Take back a role given " + at.where, action: admin.RoleWrite, problems: []int{http.StatusConflict, http.StatusNotFound},
		}, func(ctx context.Context, c *call, _ none) (*answer, error) {
			all, err := a.Admin.Roles(ctx, c.who, c.subscription)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(all, func(g tenants.Grant) bool { return g.ID == c.id && g.SubscriptionID == c.subscription }) {
				return nil, errUnknown // a role of elsewhere is not at this address
			}
			return &answer{}, a.Admin.Revoke(ctx, c.who, c.id)
		})
	}
}

package rest

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Me is who calls.
type Me struct {
	Kind         string     `json:"kind" enum:"user,client_app" doc:"A user, or a machine by its client app." example:"user"`
	ID           string     `json:"id" format:"uuid" doc:"Of the user or the client app."`
	Name         string     `json:"name" doc:"What people read." example:"Anna Muster"`
	Subscription string     `json:"subscription" doc:"Where he signed in."`
	Tenant       string     `json:"tenant" doc:"Where he signed in."`
	SignedInAt   *time.Time `json:"signed_in_at,omitempty" doc:"When a user signed in; machines prove themselves each time."`
	Scopes       []string   `json:"scopes" doc:"What the access token is good for."`
	Roles        []MyRole   `json:"roles" doc:"What he may do."`
}

// MyRole is a role in its scope.
type MyRole struct {
	Role         string `json:"role" doc:"The role." example:"subscription_admin"`
	Subscription string `json:"subscription" doc:"Where it counts; empty: on the whole server."`
	Tenant       string `json:"tenant" doc:"Where it counts; empty: in the whole subscription."`
}

func (a *API) me() {
	op := &operation{handle: func(_ context.Context, c *call) (*answer, error) {
		w := c.who
		out := Me{Kind: w.Kind, ID: w.ID, Name: w.Name, Subscription: w.Home.Subscription, Tenant: w.Home.Tenant, Scopes: c.scopes, Roles: []MyRole{}}
		if !w.ProvenAt.IsZero() {
			at := w.ProvenAt.UTC()
			out.SignedInAt = &at
		}
		for _, g := range w.Grants {
			out.Roles = append(out.Roles, MyRole{string(g.Role), g.SubscriptionID, g.TenantID})
		}
		return &answer{body: out}, nil
	}}
	op.Operation = huma.Operation{
		OperationID: "me.get", Method: http.MethodGet, Path: "/me", Summary: "Who am I, and what may I do", Tags: []string{"me"},
		Responses: map[string]*huma.Response{},
	}
	documenter{a, op}.ok(http.StatusOK, reflect.TypeFor[Me]())
	a.add(op)
}

package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
)

// Consent is what a user lets a client app have in a tenant.
type Consent struct {
	TenantID    string    `json:"tenant" doc:"Id of the tenant."`
	Tenant      string    `json:"tenant_name" doc:"What the tenant is called."`
	ClientAppID string    `json:"client_app" doc:"Id of the client app."`
	ClientApp   string    `json:"client_app_name" doc:"What the client app is called; empty: it is gone."`
	Scopes      []string  `json:"scopes" doc:"What the user allowed."`
	CreatedAt   time.Time `json:"created_at" doc:"When he allowed something for the first time."`
	UpdatedAt   time.Time `json:"updated_at" doc:"When he did so last."`
}

// ConsentList is all that there are.
type ConsentList struct {
	Items []Consent `json:"items" doc:"By tenant and client app; 200 at most."`
}

func (a *API) consents() {
	const of = "/subscriptions/{subscription}/users/{id}/consents"
	act[none, ConsentList](a, spec{
		id: "users.consents.list", method: http.MethodGet, path: of, summary: "List what a user lets apps have", action: admin.SessionRead,
		about: "In the tenants where the caller may. Apps of one's own house ask nobody, and are not here.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		list, names, err := a.Admin.ConsentsOf(ctx, c.who, c.subscription, c.id)
		if err != nil {
			return nil, err
		}
		out := ConsentList{Items: []Consent{}}
		for _, v := range list {
			out.Items = append(out.Items, Consent{
				TenantID: v.TenantID, Tenant: nameIn(names, "tenant", v.TenantID), ClientAppID: v.ClientAppID,
				ClientApp: nameIn(names, "client_app", v.ClientAppID), Scopes: v.Scopes, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
		return &answer{body: out}, nil
	})
	act[none, none](a, spec{
		id: "users.consents.withdraw", method: http.MethodDelete, path: of + "/{client_app}", summary: "Withdraw what a user lets an app have", action: admin.SessionEnd,
		about: "In the tenants where the caller may. What the app holds for the user ends at once, and he is asked again.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return &answer{}, a.Admin.WithdrawConsent(ctx, c.who, c.subscription, c.id, c.other)
	})
}

package rest

import (
	"context"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/tenants"
)

// SubscriptionUpdate is what can be changed of a subscription.
type SubscriptionUpdate struct {
	Name           string `json:"name" maxLength:"254" doc:"Its name. Only operators change it." example:"acme"`
	Title          string `json:"title" maxLength:"254" doc:"What people read." example:"Acme AG"`
	EnforceMFA     bool   `json:"enforce_mfa" doc:"Every sign-in asks for a second factor."`
	MinACR         string `json:"min_acr" maxLength:"64" doc:"Weakest sign-in that is accepted; empty: none is refused."`
	SessionSeconds int64  `json:"session_seconds" doc:"How long a session lives at most in its tenants that do not say it themselves; 0: 24 hours." example:"86400"`
	IdleSeconds    int64  `json:"idle_seconds" doc:"And how long without use; 0: an hour." example:"3600"`
	SharedSignOn   bool   `json:"shared_sign_on" doc:"Who has signed in at one tenant is signed in at the others that he is a member of, as far as their rules ask for no more. Signing out of one signs out of all."`
	Active         bool   `json:"active" doc:"Whether anybody can sign in at all. Only operators change it."`
}

// SubscriptionCreate is what a subscription is made of.
type SubscriptionCreate struct{ SubscriptionUpdate }

// Subscription is a customer; it owns everything else.
type Subscription struct {
	Stamp
	SubscriptionUpdate
}

func (a *API) subscriptions() {
	crud(a, resource[tenants.Subscription, Subscription, SubscriptionCreate, SubscriptionUpdate]{
		one: "subscription", many: "subscriptions", kind: "subscription", plural: "subscriptions", path: "/subscriptions", trash: true,
		things: func() keeper[tenants.Subscription] { return subscriptions{a.Admin} },
		about:  "A subscription is a customer: it owns everything else. Only those are listed that the caller has a role in.",
		fresh:  SubscriptionCreate{SubscriptionUpdate{Active: true}}, must: []string{"name"},
		filters: []filter{active()}, sorts: []string{"name", "created"},
	})
}

// subscriptions are the use cases of subscriptions in the form of all others.
type subscriptions struct{ admin *admin.Admin }

func (s subscriptions) List(ctx context.Context, w admin.Who, _ string, q page.Query) (page.Page[tenants.Subscription], error) {
	return s.admin.Subscriptions(ctx, w, q)
}

func (s subscriptions) Get(ctx context.Context, w admin.Who, _, id string) (tenants.Subscription, error) {
	return s.admin.Subscription(ctx, w, id)
}

func (s subscriptions) Create(ctx context.Context, w admin.Who, _ string, v *tenants.Subscription) error {
	return s.admin.CreateSubscription(ctx, w, v)
}

func (s subscriptions) Update(ctx context.Context, w admin.Who, _, id string, version int64, change func(*tenants.Subscription) error) (tenants.Subscription, error) {
	return s.admin.UpdateSubscription(ctx, w, id, version, change)
}

func (s subscriptions) Delete(ctx context.Context, w admin.Who, _, id string, version int64) error {
	return s.admin.DeleteSubscription(ctx, w, id, version)
}

func (s subscriptions) Restore(ctx context.Context, w admin.Who, _, id string) (tenants.Subscription, error) {
	return s.admin.RestoreSubscription(ctx, w, id)
}

func (subscriptions) Version(v *tenants.Subscription) int64 { return v.Version }

func (subscriptions) ID(v *tenants.Subscription) string { return v.ID }

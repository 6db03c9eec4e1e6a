package rest

import (
	"context"
	"net/http"

	"twofold/admin"
	"twofold/internal/id"
	"twofold/tenants"
	"twofold/twofactor"
)

// Explanation is what a sign-in would be asked for, and why.
type Explanation struct {
	Result   string    `json:"result" doc:"What would happen, in words."`
	Required bool      `json:"required" doc:"A second factor is required."`
	NoAccess bool      `json:"no_access" doc:"The app is restricted, and not for this user."`
	Demands  string    `json:"demands" doc:"Weakest sign-in that is accepted, as acr."`
	Request  string    `json:"request_demands" doc:"What the request asked for itself, as acr."`
	Offered  []string  `json:"offered" doc:"Names of the instances that the user can choose from."`
	Settable []string  `json:"may_set_up" doc:"Names of the instances that the user may set up on the way."`
	Unusable []Useless `json:"unusable" doc:"Instances that reach the sign-in, and why they do not help."`
	Grace    string    `json:"grace_until" doc:"Until when it is let go without; empty: it is not."`
	Exempt   string    `json:"exempt" doc:"Reason of the exemption that applies; empty: none does."`
	Chain    []Station `json:"chain" doc:"What each level adds, from the outside in."`
}

// Useless is an instance that does not help.
type Useless struct {
	ID     string `json:"id" doc:"Its id."`
	Name   string `json:"name" doc:"Its name."`
	Reason string `json:"reason" doc:"Why it does not help."`
}

// Station is what one level adds.
type Station struct {
	Level string   `json:"level" doc:"What kind of thing it is."`
	ID    string   `json:"id" doc:"Its id."`
	Name  string   `json:"name" doc:"Its name."`
	Adds  []string `json:"adds" doc:"What it adds, in words."`
}

// Hit is something that a search has found.
type Hit struct {
	Kind   string `json:"kind" doc:"What it is." example:"user"`
	ID     string `json:"id" doc:"Its id."`
	Name   string `json:"name" doc:"Its name."`
	Second string `json:"second" doc:"What tells it from others of that name."`
}

func (a *API) policy() {
	act[none, Explanation](a, spec{
		id: "policy.explain", method: http.MethodGet, path: "/subscriptions/{subscription}/tenants/{id}/explain", summary: "Explain what a sign-in is asked for, and why", action: admin.PolicyRead,
		about: "By the same rules that judge sign-ins, against the database as it is now.", must: []string{"user"},
		query: []filter{
			{"user", "Id of the user.", nil},
			{"client_app", "Id of the client app; absent: the user's own account pages.", nil},
			{"idp", "Id of the IDP; absent: the first by which the user can sign in.", nil},
			{"acr", "What the app asks for.", twofactor.ACRs()},
		},
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		q := c.URL.Query()
		for _, name := range []string{"user", "client_app", "idp"} {
			if v := q.Get(name); (v != "" || name == "user") && !id.Valid(v) {
				return nil, invalid(Fault{name, "is not an id"})
			}
		}
		demand, ok := twofactor.ParseACR(q.Get("acr"))
		if !ok && q.Get("acr") != "" {
			return nil, invalid(Fault{"acr", "is not known here"})
		}
		// The user must be one that the caller sees: others are not there.
		if _, err := a.Admin.Users().Get(ctx, c.who, c.subscription, q.Get("user")); err != nil {
			return nil, err
		}
		e, err := a.Admin.Explain(ctx, c.who, c.subscription, admin.WhyAsked{TenantID: c.id, UserID: q.Get("user"), IDPID: q.Get("idp"), ClientAppID: q.Get("client_app"), Demand: demand})
		return &answer{body: showExplanation(e)}, err
	})
	act[none, Items[Hit]](a, spec{
		id: "search.get", method: http.MethodGet, path: "/subscriptions/{subscription}/search", summary: "Search for things by what their names begin with", action: admin.SubscriptionRead,
		query: []filter{{"search", "What a name, an address or a client_id begins with; or an id.", nil}}, must: []string{"search"},
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		found, err := a.Admin.Search(ctx, c.who, c.subscription, c.URL.Query().Get("search"))
		out := []Hit{}
		for _, kind := range found {
			for _, f := range kind.Items {
				out = append(out, Hit(f))
			}
		}
		return &answer{body: Items[Hit]{out}}, err
	})
}

func showExplanation(e tenants.Explanation) Explanation {
	out := Explanation{
		Result: e.Result, Required: e.Required, NoAccess: e.NoAccess, Demands: e.Demands, Request: e.Request, Grace: e.Grace, Exempt: e.Exempt,
		Offered: append([]string{}, e.Offered...), Settable: append([]string{}, e.Settable...), Unusable: []Useless{}, Chain: []Station{},
	}
	for _, u := range e.Unusable {
		out.Unusable = append(out.Unusable, Useless(u))
	}
	for _, l := range e.Chain {
		out.Chain = append(out.Chain, Station{string(l.Level), l.ID, l.Name, append([]string{}, l.Adds...)})
	}
	return out
}

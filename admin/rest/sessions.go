package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
)

// Session is a sign-in that lives.
type Session struct {
	ID            string    `json:"id" doc:"Its id."`
	TenantID      string    `json:"tenant" doc:"Id of the tenant."`
	Tenant        string    `json:"tenant_name" doc:"What the tenant is called."`
	UserID        string    `json:"user" doc:"Id of the user."`
	User          string    `json:"user_name" doc:"What the user is called."`
	IDPID         string    `json:"idp" doc:"Id of the IDP by which the user signed in."`
	Address       string    `json:"address" doc:"Network address that it began at."`
	UserAgent     string    `json:"user_agent" doc:"What the browser calls itself."`
	CreatedAt     time.Time `json:"created_at" doc:"When it began."`
	SeenAt        time.Time `json:"seen_at" doc:"When it was used last, within a minute or so."`
	AuthTime      time.Time `json:"signed_in_at" doc:"When the user proved himself last."`
	IdleExpiresAt time.Time `json:"idle_expires_at" doc:"When it ends if it is not used."`
	ExpiresAt     time.Time `json:"expires_at" doc:"When it ends in any case."`
	ACR           string    `json:"acr" doc:"What the sign-in reaches."`
	AMR           []string  `json:"amr" doc:"How the user proved himself."`
	ClientApps    []string  `json:"client_apps" doc:"Ids of the client apps that the user signed in to by it."`
	AppNames      []string  `json:"client_app_names" doc:"What they are called, in the same order."`
}

// Ended is how many sessions were ended.
type Ended struct {
	Sessions int `json:"sessions" doc:"Sessions that were ended, also those at rest."`
}

func (a *API) sessions() {
	const (
		sub    = "/subscriptions/{subscription}"
		things = "It holds on every replica at once, with what apps were granted there, access without the user too. No browser is remembered any more."
	)
	act[none, List[Session]](a, spec{
		id: "sessions.list", method: http.MethodGet, path: sub + "/sessions", summary: "List sessions", action: admin.SessionRead,
		about: "A session is a sign-in that lives.",
		list:  &lists{[]filter{{"user", "Id of the user.", nil}, {"tenant", "Id of the tenant.", nil}}, []string{"-created"}},
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		q, err := pageQuery(c.Request)
		if err != nil {
			return nil, err
		}
		p, err := a.Admin.SessionsIn(ctx, c.who, c.subscription, q)
		return listed(c, p.Page, func(s admin.Session) Session { return showSession(s, p.Names) }), err
	})
	act[none, none](a, spec{
		id: "sessions.end", method: http.MethodDelete, path: sub + "/tenants/{id}/sessions/{session}", summary: "End a session", action: admin.SessionEnd,
		about: "It holds on every replica at once, with what apps were granted in it.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return &answer{}, a.Admin.EndSession(ctx, c.who, c.subscription, c.id, c.other)
	})
	ended := func(n int, err error) (*answer, error) { return &answer{body: Ended{n}}, err }
	act[none, Ended](a, spec{
		id: "users.sessions.end", method: http.MethodDelete, path: sub + "/users/{id}/sessions", summary: "End all sessions of a user", action: admin.SessionEnd,
		about: "In the tenants where the caller may. " + things,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return ended(a.Admin.EndSessionsOf(ctx, c.who, c.subscription, c.id))
	})
	act[none, Ended](a, spec{
		id: "tenants.sessions.end", method: http.MethodDelete, path: sub + "/tenants/{id}/sessions", summary: "End all sessions of a tenant", action: admin.SessionEnd, about: things,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return ended(a.Admin.EndSessions(ctx, c.who, c.subscription, c.id))
	})
	act[none, Ended](a, spec{
		id: "sessions.end_all", method: http.MethodDelete, path: sub + "/sessions", summary: "End all sessions of a subscription", action: admin.SessionEnd,
		about: "By who may in the whole subscription. " + things,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		return ended(a.Admin.EndSessions(ctx, c.who, c.subscription, ""))
	})
}

func showSession(s admin.Session, names admin.Names) Session {
	apps := []string{}
	for _, a := range s.ClientApps {
		apps = append(apps, nameIn(names, "client_app", a))
	}
	return Session{
		AppNames: apps,
		ID:       s.ID, TenantID: s.TenantID, Tenant: nameIn(names, "tenant", s.TenantID), UserID: s.UserID, User: nameIn(names, "user", s.UserID), IDPID: s.IDPID,
		Address: s.Address, UserAgent: s.UserAgent, CreatedAt: s.CreatedAt, SeenAt: s.SeenAt, AuthTime: s.AuthTime,
		IdleExpiresAt: s.IdleExpiresAt, ExpiresAt: s.ExpiresAt, ACR: s.ACR, AMR: append([]string{}, s.AMR...), ClientApps: append([]string{}, s.ClientApps...),
	}
}

// nameIn is what one of a kind is called; empty: that is not known, or not the caller's
// to know.
func nameIn(names admin.Names, kind, id string) string {
	n, _ := names.Of(kind, id)
	return n.Name
}

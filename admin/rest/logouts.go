package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
)

// Logout is what became of telling a client app that a session has ended.
type Logout struct {
	TenantID  string     `json:"tenant" doc:"Id of the tenant."`
	SessionID string     `json:"session" doc:"Id of the session: the sid of its ID tokens."`
	State     string     `json:"state" enum:"queued,sending,told,refused,failed" doc:"refused: the app did not accept the token. failed: given up."`
	Error     string     `json:"error" doc:"What the last try ran into; empty: nothing."`
	Attempts  int64      `json:"attempts" doc:"How often it was tried."`
	EndedAt   time.Time  `json:"ended_at" doc:"When the session ended."`
	NextAt    *time.Time `json:"next_at,omitempty" doc:"When it is tried again."`
	DoneAt    *time.Time `json:"done_at,omitempty" doc:"When the app was told, or it was given up."`
}

func (a *API) logouts() {
	act[none, Items[Logout]](a, spec{
		id: "client_apps.logouts.list", method: http.MethodGet, path: "/subscriptions/{subscription}/client-apps/{id}/logouts",
		summary: "List how a client app was told of sessions that have ended", action: admin.ClientAppRead,
		about: "By back-channel logout: the last 50 of the last 30 days, the last one first.",
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		all, err := a.Admin.ToldOf(ctx, c.who, c.subscription, c.id)
		return items(all, func(t admin.Told) Logout { return Logout(t) }), err
	})
}

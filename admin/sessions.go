package admin

import (
	"context"
	"slices"
	"time"

	"twofold/internal/db"
	"twofold/internal/page"
)

// Session is a live session, as administration sees it.
type Session struct {
	ID, TenantID, UserID, IDPID string
	Address, UserAgent          string // of the browser that it began in
	CreatedAt, SeenAt           time.Time
	AuthTime                    time.Time // of the last proof
	IdleExpiresAt, ExpiresAt    time.Time // whichever comes first ends it
	ACR                         string
	AMR                         []string
	ClientApps                  []string // ids of those that somebody signed in to by it
}

// Sessions is what this package needs of who keeps sessions. All work on the
// subscription in ctx.
type Sessions struct {
	// List lists the live ones of these tenants, nil is all, youngest first, filtered by
	// "user" and "tenant".
	List func(ctx context.Context, q page.Query, tenants []string) (page.Page[Session], error)
	// End ends one of a tenant, with what was granted in it, for actor and this reason.
	End func(ctx context.Context, tenantID, sessionID, actor, why string) error
	// EndTenant ends all of a tenant, with all that was granted there and all remembered
	// browsers; EndAll those of all tenants. They say how many sessions there were.
	EndTenant func(ctx context.Context, tenantID, actor, why string) (int, error)
	EndAll    func(ctx context.Context, actor, why string) (int, error)
	// ToldOf lists how a client app was told of sessions of these tenants, nil is all,
	// that have ended lately, the last one first, n at most.
	ToldOf func(ctx context.Context, appID string, tenants []string, n int) ([]Told, error)
}

// SessionPage is a page of sessions.
type SessionPage struct {
	page.Page[Session]
	Names Names
}

// whyEnded is what users, apps and the trail are told.
const whyEnded = "ended by an administrator"

// SessionsIn lists the live sessions of a subscription that w may see.
func (a *Admin) SessionsIn(ctx context.Context, w Who, subscription string, q page.Query) (SessionPage, error) {
	in := w.Tenants(SessionRead, subscription)
	if in != nil && len(in) == 0 {
		return SessionPage{}, hidden(w, subscription)
	}
	ctx = a.scope(ctx, subscription)
	found, err := a.Sessions.List(ctx, q, in)
	if err != nil {
		return SessionPage{}, err
	}
	ids := map[string][]string{}
	for _, s := range found.Items {
		ids["user"] = append(ids["user"], s.UserID)
		ids["tenant"] = append(ids["tenant"], s.TenantID)
		ids["idp"] = append(ids["idp"], s.IDPID)
		ids["client_app"] = append(ids["client_app"], s.ClientApps...)
	}
	names, err := a.named(ctx, ids)
	return SessionPage{found, names}, err
}

// EndSession ends a session of a tenant, on every replica at once.
func (a *Admin) EndSession(ctx context.Context, w Who, subscription, tenantID, sessionID string) error {
	if err := a.may(w, SessionEnd, SessionRead, db.Scope{Subscription: subscription, Tenant: tenantID}); err != nil {
		return err
	}
	return a.Sessions.End(a.scope(ctx, subscription), tenantID, sessionID, w.ID, whyEnded)
}

// EndSessions ends all sessions of a tenant, or with an empty one of the whole
// subscription, with all that was granted there. It says how many sessions there were.
func (a *Admin) EndSessions(ctx context.Context, w Who, subscription, tenantID string) (int, error) {
	if err := a.may(w, SessionEnd, SessionRead, db.Scope{Subscription: subscription, Tenant: tenantID}); err != nil {
		return 0, err
	}
	if subscription == "" {
		return 0, errUnknown
	}
	if tenantID == "" {
		return a.Sessions.EndAll(a.scope(ctx, subscription), w.ID, whyEnded)
	}
	return a.Sessions.EndTenant(a.scope(ctx, subscription), tenantID, w.ID, whyEnded)
}

// EndSessionsOf ends all that a user has open in the tenants where w may: sessions, what
// was granted to apps, and remembered browsers. It says how many sessions there were.
func (a *Admin) EndSessionsOf(ctx context.Context, w Who, subscription, userID string) (int, error) {
	in := w.Tenants(SessionEnd, subscription)
	if in != nil && len(in) == 0 {
		return 0, hidden(w, subscription)
	}
	if _, err := a.Users().Get(ctx, w, subscription, userID); err != nil {
		return 0, err
	}
	ctx = a.scope(ctx, subscription)
	if in == nil {
		return a.HelpDesk.EndUser(ctx, userID, w.ID, whyEnded)
	}
	of, err := a.Tenants.TenantsOf(ctx, userID)
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, t := range of { // each by itself: see idp.EndUser
		if !slices.Contains(in, t) {
			continue
		}
		n, err := a.HelpDesk.EndUser(db.WithScope(ctx, db.Scope{Subscription: subscription, Tenant: t}), userID, w.ID, whyEnded)
		if err != nil {
			return ended, err
		}
		ended += n
	}
	return ended, nil
}

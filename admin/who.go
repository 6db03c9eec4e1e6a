package admin

import (
	"context"
	"slices"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// Who administers: somebody who has proven himself, with the roles that he has now.
type Who struct {
	Kind     string   // tenants.SubjectUser, tenants.SubjectClientApp or "operator"
	ID       string   // of the user or the client app
	Name     string   // what people read
	Home     db.Scope // where he signed in; empty for an operator
	Grants   []tenants.Grant
	ProvenAt time.Time // when a user signed in; zero for machines, who prove themselves each time
}

// kindOperator has the server's command line, and so the database.
const kindOperator = "operator"

// Operator is who sits at the server's command line: he may do everything.
func Operator() Who {
	return Who{Kind: kindOperator, ID: "operator", Name: "operator", Grants: []tenants.Grant{{Role: tenants.RoleSystemAdmin}}}
}

// Signed is how somebody has proven himself: a user by a sign-in, a machine by its
// credentials.
type Signed struct {
	Home        db.Scope // subscription and tenant that he signed in to
	UserID      string   // empty: a machine
	ClientAppID string   // of a machine
	AuthTime    time.Time
	ACR         string
}

var (
	errWeak    = problem.New(problem.Forbidden, "second_factor_needed", "Administration takes a sign-in with a second factor.")
	errNoRole  = problem.New(problem.Forbidden, "no_role", "You have no role here. Ask an administrator for one.")
	errOver    = problem.New(problem.Unauthenticated, "signed_out", "Your sign-in is over. Sign in again.")
	errMayNot  = problem.New(problem.Forbidden, "may_not", "Your role does not allow this.")
	errUnknown = problem.New(problem.NotFound, "unknown", "There is no such thing, or it was deleted.")
	// ErrAgain asks for a new sign-in before something that matters (SPEC §5.8, RFC 9470).
	ErrAgain = problem.New(problem.Unauthenticated, "sign_in_again", "This needs a sign-in of the last 5 minutes. Sign in again to go on.")
)

// FreshFor is how young a sign-in must be for what matters (SECURITY N38).
const FreshFor = 5 * time.Minute

// Who finds out what somebody may do. Roles are read anew each time: one that is taken
// back is gone with the next request, on every replica.
func (a *Admin) Who(ctx context.Context, s Signed) (Who, error) {
	ctx = db.WithScope(ctx, s.Home)
	w := Who{Kind: tenants.SubjectClientApp, ID: s.ClientAppID, Home: s.Home}
	if s.UserID != "" {
		if tenants.Strength(s.ACR) < twofactor.Strength2FA {
			return Who{}, errWeak
		}
		u, err := a.Tenants.User(ctx, s.UserID)
		if problem.Is(err, problem.NotFound) || err == nil && !u.Active {
			return Who{}, errOver
		}
		if err != nil {
			return Who{}, err
		}
		w.Kind, w.ID, w.Name, w.ProvenAt = tenants.SubjectUser, u.ID, u.DisplayName, s.AuthTime
		if w.Name == "" {
			w.Name = u.Name
		}
	} else {
		app, err := a.Tenants.ClientAppByID(ctx, s.ClientAppID)
		if err != nil || !app.Active {
			return Who{}, errOver
		}
		w.Name = app.Title
	}
	var err error
	if w.Grants, err = a.Tenants.GrantsOf(ctx, w.Kind, w.ID); err != nil {
		return Who{}, err
	}
	if len(w.Grants) == 0 {
		return Who{}, errNoRole
	}
	return w, nil
}

// covers reports whether a role given in one scope counts in another.
func covers(g tenants.Grant, in db.Scope) bool {
	switch {
	case g.SubscriptionID == "":
		return true
	case g.SubscriptionID != in.Subscription:
		return false
	}
	return g.TenantID == "" || g.TenantID == in.Tenant
}

// May reports whether w may do something in a scope: a tenant, a whole subscription, or
// with an empty one the whole server.
func (w Who) May(a Action, in db.Scope) bool {
	return slices.ContainsFunc(w.Grants, func(g tenants.Grant) bool { return covers(g, in) && allows(g.Role, a) })
}

// Tenants lists those of a subscription in which w may do something; nil means the whole
// subscription, an empty list none.
func (w Who) Tenants(a Action, subscription string) []string {
	if w.May(a, db.Scope{Subscription: subscription}) {
		return nil
	}
	ids := []string{}
	for _, g := range w.Grants {
		if g.SubscriptionID == subscription && g.TenantID != "" && allows(g.Role, a) && !slices.Contains(ids, g.TenantID) {
			ids = append(ids, g.TenantID)
		}
	}
	return ids
}

// Subscriptions lists those in which w may do something, somewhere; nil means all.
func (w Who) Subscriptions(a Action) []string {
	ids := []string{}
	for _, g := range w.Grants {
		switch {
		case !allows(g.Role, a):
		case g.SubscriptionID == "":
			return nil
		case !slices.Contains(ids, g.SubscriptionID):
			ids = append(ids, g.SubscriptionID)
		}
	}
	return ids
}

// Top is the widest role that counts in a scope or anywhere below it; empty if none does.
func (w Who) Top(in db.Scope) tenants.Role {
	for _, role := range tenants.Roles() {
		for _, g := range w.Grants {
			if g.Role == role && (covers(g, in) || in.Tenant == "" && g.SubscriptionID == in.Subscription) {
				return role
			}
		}
	}
	return ""
}

// MayGrant reports whether w may give or take back a role: where he may at all, and
// never one wider than his own (SPEC §8.3).
func (w Who) MayGrant(g tenants.Grant) bool {
	in := db.Scope{Subscription: g.SubscriptionID, Tenant: g.TenantID}
	return slices.ContainsFunc(w.Grants, func(own tenants.Grant) bool {
		return covers(own, in) && allows(own.Role, RoleWrite) &&
			slices.Index(tenants.Roles(), own.Role) <= slices.Index(tenants.Roles(), g.Role)
	})
}

// Fresh reports whether w proved himself lately enough for what matters.
func (w Who) Fresh(now time.Time) bool {
	return w.Kind != tenants.SubjectUser || now.Sub(w.ProvenAt) <= FreshFor
}

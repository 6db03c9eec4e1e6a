package admin

import (
	"context"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Owners lists what something is linked from, as w sees it: the tenants of a user, of an
// IDP or of a client app, the groups of a user. What w may not see is not among it.
func (a *Admin) Owners(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, other string) ([]string, error) {
	if err := a.maySeeOther(ctx, w, subscription, kind, other); err != nil {
		return nil, err
	}
	ids, err := a.Tenants.OwnersOf(a.scope(ctx, subscription), kind, other)
	if err != nil {
		return nil, err
	}
	seen := []string{}
	for _, id := range ids {
		switch err := a.maySeeOwner(ctx, w, subscription, kind, id); {
		case err == nil:
			seen = append(seen, id)
		case !problem.Is(err, problem.NotFound) && !problem.Is(err, problem.Forbidden):
			return nil, err
		}
	}
	return seen, nil
}

// maySeeOther finds what a link leads to as w sees it.
func (a *Admin) maySeeOther(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, other string) (err error) {
	switch kind {
	case tenants.LinkTenantIDP, tenants.LinkUserIDP:
		_, err = a.IDPs().Get(ctx, w, subscription, other)
	case tenants.LinkTenantClientApp:
		_, err = a.ClientApps().Get(ctx, w, subscription, other)
	case tenants.LinkAppGroup:
		_, err = a.Groups().Get(ctx, w, subscription, other)
	case tenants.LinkTenantMember, tenants.LinkGroupMember, tenants.LinkAppUser:
		_, err = a.Users().Get(ctx, w, subscription, other)
	}
	return err
}

// MembersOf counts the members of a tenant or a group.
func (a *Admin) MembersOf(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, owner string) (int64, error) {
	if err := a.maySeeOwner(ctx, w, subscription, kind, owner); err != nil {
		return 0, err
	}
	return a.Tenants.CountLinks(a.scope(ctx, subscription), kind, owner)
}

// UsersOf counts the users that an IDP knows, for who may see all users.
func (a *Admin) UsersOf(ctx context.Context, w Who, subscription, idpID string) (int64, error) {
	if err := a.may(w, UserRead, IDPRead, db.Scope{Subscription: subscription}); err != nil {
		return 0, err
	}
	if _, err := a.IDPs().Get(ctx, w, subscription, idpID); err != nil {
		return 0, err
	}
	return a.Tenants.CountOwners(a.scope(ctx, subscription), tenants.LinkUserIDP, idpID)
}

// Enrolled lists the types of second factors that users have set up. They must be users
// that w has been shown: of others it says nothing.
func (a *Admin) Enrolled(ctx context.Context, w Who, subscription string, users []tenants.User) (map[string][]string, error) {
	if in := w.Tenants(UserRead, subscription); in != nil && len(in) == 0 {
		return nil, hidden(w, subscription)
	}
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	return a.Tenants.EnrolledOf(a.scope(ctx, subscription), ids)
}

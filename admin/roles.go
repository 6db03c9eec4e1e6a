package admin

import (
	"context"
	"slices"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/tenants"
)

// Roles lists the roles given in a subscription and its tenants that w may see, or with
// an empty one those for the whole server.
func (a *Admin) Roles(ctx context.Context, w Who, subscription string) ([]tenants.Grant, error) {
	mine := w.Tenants(RoleRead, subscription)
	if mine != nil && len(mine) == 0 {
		return nil, hidden(w, subscription)
	}
	all, err := a.Tenants.GrantsIn(ctx, subscription)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(g tenants.Grant) bool { return mine != nil && !slices.Contains(mine, g.TenantID) }), nil
}

// RolesOf lists the roles of a user, group or client app of a subscription, whatever
// their scope, that w may see.
func (a *Admin) RolesOf(ctx context.Context, w Who, subscription, kind, id string) ([]tenants.Grant, error) {
	all, err := a.Tenants.GrantsOf(a.scope(ctx, subscription), kind, id)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(g tenants.Grant) bool {
		return !w.May(RoleRead, db.Scope{Subscription: g.SubscriptionID, Tenant: g.TenantID})
	}), nil
}

// Grant gives a role. Nobody gives one wider than his own, and only who has the whole
// server gives one to somebody of another subscription.
func (a *Admin) Grant(ctx context.Context, w Who, g *tenants.Grant) error {
	in := db.Scope{Subscription: g.SubscriptionID, Tenant: g.TenantID}
	if err := a.may(w, RoleWrite, SubscriptionRead, in); err != nil {
		return err
	}
	if !w.MayGrant(*g) {
		return errAbove
	}
	if g.HomeID == "" {
		g.HomeID = g.SubscriptionID
	}
	if g.HomeID != g.SubscriptionID && !w.May(RoleWrite, db.Scope{}) {
		return fieldError("subject", "does not exist")
	}
	if err := a.maySeeSubject(ctx, w, *g); err != nil {
		return err
	}
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		g.CreatedBy = w.ID
		d, err := a.Tenants.PutGrant(ctx, g)
		if err != nil {
			return err
		}
		if !d.Created {
			return errNameTaken
		}
		if err := a.OnGrant(ctx, *g); err != nil {
			return err
		}
		return a.recordGrant(ctx, w, "role.granted", *g)
	})
}

// maySeeSubject finds whom a role is for as w sees him.
func (a *Admin) maySeeSubject(ctx context.Context, w Who, g tenants.Grant) (err error) {
	switch g.SubjectKind {
	case tenants.SubjectUser:
		_, err = a.Users().Get(ctx, w, g.HomeID, g.SubjectID)
	case tenants.SubjectGroup:
		_, err = a.Groups().Get(ctx, w, g.HomeID, g.SubjectID)
	case tenants.SubjectClientApp:
		_, err = a.ClientApps().Get(ctx, w, g.HomeID, g.SubjectID)
	default:
		return fieldError("subject_kind", "must be user, group or client_app")
	}
	if err != nil {
		return atField(err, "subject")
	}
	return nil
}

// Revoke takes a role back.
func (a *Admin) Revoke(ctx context.Context, w Who, grantID string) error {
	g, err := a.Tenants.GrantByID(ctx, grantID)
	if err != nil {
		return errUnknown
	}
	if err := a.may(w, RoleWrite, RoleRead, db.Scope{Subscription: g.SubscriptionID, Tenant: g.TenantID}); err != nil {
		return err
	}
	if !w.MayGrant(g) {
		return errAbove
	}
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		err := a.keepSystemAdmin(ctx, func(ctx context.Context) error { return a.Tenants.DeleteGrant(ctx, grantID) })
		if err != nil {
			return err
		}
		return a.recordGrant(ctx, w, "role.revoked", g)
	})
}

func (a *Admin) recordGrant(ctx context.Context, w Who, kind string, g tenants.Grant) error {
	ctx = db.WithScope(ctx, db.Scope{Subscription: g.SubscriptionID, Tenant: g.TenantID})
	e := audit.Event{Kind: kind, Actor: w.ID}
	if g.SubjectKind == tenants.SubjectUser && g.HomeID == g.SubscriptionID {
		e.User = g.SubjectID
	}
	return a.Audit.Record(ctx, e, map[string]any{
		"role": g.Role, "subject_kind": g.SubjectKind, "subject": g.SubjectID, "home": g.HomeID, "tenant": g.TenantID,
	})
}

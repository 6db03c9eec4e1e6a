package admin

import (
	"context"
	"slices"

	"twofold/internal/db"
	"twofold/tenants"
)

// linkActions say what it takes to see and to change a link, by what owns it. Who runs a
// tenant may take its own users in and out, and nothing else.
var linkActions = map[tenants.LinkKind]struct{ read, write Action }{
	tenants.LinkTenantIDP:       {TenantRead, IDPWrite},
	tenants.LinkTenantClientApp: {TenantRead, ClientAppWrite},
	tenants.LinkTenantMember:    {UserRead, UserWrite},
	tenants.LinkGroupMember:     {GroupRead, GroupWrite},
	tenants.LinkUserIDP:         {UserRead, UserWrite},
	tenants.LinkAppUser:         {ClientAppRead, ClientAppWrite},
	tenants.LinkAppGroup:        {ClientAppRead, ClientAppWrite},
}

// Linked lists what an owner is linked to, by id.
func (a *Admin) Linked(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, owner string) ([]string, error) {
	if err := a.maySeeOwner(ctx, w, subscription, kind, owner); err != nil {
		return nil, err
	}
	return a.Tenants.LinksOf(a.scope(ctx, subscription), kind, owner)
}

// maySeeOwner finds the owner of a link as w sees it.
func (a *Admin) maySeeOwner(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, owner string) (err error) {
	switch kind {
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp, tenants.LinkTenantMember:
		_, err = a.TenantsOf().Get(ctx, w, subscription, owner)
	case tenants.LinkGroupMember:
		_, err = a.Groups().Get(ctx, w, subscription, owner)
	case tenants.LinkUserIDP:
		_, err = a.Users().Get(ctx, w, subscription, owner)
	case tenants.LinkAppUser, tenants.LinkAppGroup:
		_, err = a.ClientApps().Get(ctx, w, subscription, owner)
	}
	return err
}

// Link links two things, or takes the link away. It reports whether anything changed.
func (a *Admin) Link(ctx context.Context, w Who, subscription string, kind tenants.LinkKind, owner, other string, on bool) (changed bool, err error) {
	if err := a.maySeeOwner(ctx, w, subscription, kind, owner); err != nil {
		return false, err
	}
	mine := w.Tenants(linkActions[kind].write, subscription)
	if mine != nil && !(kind == tenants.LinkTenantMember && slices.Contains(mine, owner)) {
		return false, errMayNot
	}
	if kind == tenants.LinkTenantMember {
		if _, err := a.Users().Get(ctx, w, subscription, other); err != nil {
			return false, err // whom one does not see one takes nowhere
		}
	}
	ctx = a.scope(ctx, subscription)
	if kind == tenants.LinkGroupMember && on {
		if err := a.joinsRole(ctx, w, owner); err != nil {
			return false, err
		}
	}
	do := func(ctx context.Context) error {
		changed, err = a.link(ctx, w, kind, owner, other, on)
		return err
	}
	err = a.DB.Tx(ctx, func(ctx context.Context) error {
		if kind == tenants.LinkGroupMember && !on {
			return a.keepSystemAdmin(ctx, do) // a group's roles are its members'
		}
		return do(ctx)
	})
	return changed, err
}

func (a *Admin) link(ctx context.Context, w Who, kind tenants.LinkKind, owner, other string, on bool) (changed bool, err error) {
	if err := a.mayLink(ctx, w, kind, owner, other); err != nil {
		return false, err
	}
	change := a.Tenants.Unlink
	if on {
		change = a.Tenants.Link
	}
	d, err := change(ctx, kind, owner, other)
	if err != nil || !d.Changed() {
		return false, err
	}
	if err := a.afterLink(ctx, w, kind, owner, other, on); err != nil {
		return false, err
	}
	event, f := "config.linked", tenants.FieldChange{Name: string(kind), New: other}
	if !on {
		event, f = "config.unlinked", tenants.FieldChange{Name: string(kind), Old: other}
	}
	return true, a.record(ctx, w, event, thing{linkOwner(kind), owner, owner}, []tenants.FieldChange{f})
}

func linkOwner(kind tenants.LinkKind) string {
	switch kind {
	case tenants.LinkGroupMember:
		return "group"
	case tenants.LinkUserIDP:
		return "user"
	case tenants.LinkAppUser, tenants.LinkAppGroup:
		return "client_app"
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp, tenants.LinkTenantMember:
	}
	return "tenant"
}

// mayLink refuses what would give or take a role that w could not give: a group's roles
// are its members' (SPEC §8.3).
func (a *Admin) mayLink(ctx context.Context, w Who, kind tenants.LinkKind, owner, other string) error {
	switch kind {
	case tenants.LinkGroupMember:
		if err := a.mayTouch(ctx, w, tenants.SubjectGroup, owner); err != nil {
			return err
		}
		return nil
	case tenants.LinkUserIDP:
		return a.mayTouch(ctx, w, tenants.SubjectUser, owner)
	case tenants.LinkTenantMember:
		return a.mayTouch(ctx, w, tenants.SubjectUser, other)
	case tenants.LinkAppUser, tenants.LinkAppGroup:
		return a.mayTouchApp(ctx, w, owner)
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp:
	}
	return nil
}

// mayTouchApp refuses a change of whom an app is for that could not be one of the app.
func (a *Admin) mayTouchApp(ctx context.Context, w Who, appID string) error {
	app, err := a.Tenants.ClientAppByID(ctx, appID)
	if err != nil {
		return err
	}
	if app.ClientID == ConsoleID(db.ScopeOf(ctx).Subscription) {
		return errOwnApp
	}
	return a.mayTouch(ctx, w, tenants.SubjectClientApp, appID)
}

// letIn lets who gets a role by a link, or takes one along, sign in to use it.
func (a *Admin) letIn(ctx context.Context, kind tenants.LinkKind, owner, other string) error {
	subject, id := tenants.SubjectUser, other
	switch kind {
	case tenants.LinkGroupMember:
		subject, id = tenants.SubjectGroup, owner
	case tenants.LinkTenantMember:
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp, tenants.LinkUserIDP, tenants.LinkAppUser, tenants.LinkAppGroup:
		return nil
	}
	grants, err := a.Tenants.GrantsOf(ctx, subject, id)
	if err != nil || len(grants) == 0 {
		return err
	}
	return a.OnGrant(ctx, grants[0])
}

// afterLink ends what a user had by a link that is gone.
func (a *Admin) afterLink(ctx context.Context, w Who, kind tenants.LinkKind, owner, other string, on bool) error {
	if on {
		return a.letIn(ctx, kind, owner, other)
	}
	switch kind {
	case tenants.LinkTenantMember:
		realm, err := a.Tenants.RealmByID(ctx, owner)
		if err != nil {
			return err
		}
		_, err = a.HelpDesk.EndUser(tenants.WithRealm(ctx, realm), other, w.ID, "no longer a member of the tenant")
		return err
	case tenants.LinkUserIDP:
		return a.Tenants.RaiseEpoch(ctx, owner)
	case tenants.LinkTenantIDP, tenants.LinkTenantClientApp, tenants.LinkGroupMember, tenants.LinkAppUser, tenants.LinkAppGroup:
	}
	return nil
}

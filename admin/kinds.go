package admin

import (
	"context"
	"fmt"
	"slices"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// The kinds of things, each with its rules.

// TenantsOf are the use cases of tenants.
func (a *Admin) TenantsOf() Things[tenants.Tenant] {
	return Things[tenants.Tenant]{
		admin: a, kept: a.Tenants.Tenants(), name: func(v tenants.Tenant) string { return v.Name },
		inTenant: a.tightens, loosens: a.loosensTenant, rules: mayName,
	}
}

// IDPs are the use cases of IDPs. Who maps another provider's groups to one of ours lets
// its people in: he must be allowed to.
func (a *Admin) IDPs() Things[tenants.IDP] {
	return Things[tenants.IDP]{
		admin: a, kept: a.Tenants.KeptIDPs(), name: func(v tenants.IDP) string { return v.Name }, loosens: plainly(loosensIDP),
		rules: func(ctx context.Context, e Edit[tenants.IDP]) error {
			if e.New == nil || len(e.New.GroupMap) == 0 {
				return nil
			}
			groups, err := a.Tenants.ListGroups(ctx)
			if err != nil {
				return err
			}
			for _, g := range groups {
				if !slices.Contains(e.New.GroupsOf(), g.Name) {
					continue
				}
				if err := a.mayTouch(ctx, e.Who, tenants.SubjectGroup, g.ID); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// ClientApps are the use cases of client apps.
func (a *Admin) ClientApps() Things[tenants.ClientApp] {
	return Things[tenants.ClientApp]{
		admin: a, kept: a.Tenants.ClientApps(), name: func(v tenants.ClientApp) string { return v.Name }, loosens: plainly(loosensClientApp),
		rules: func(ctx context.Context, e Edit[tenants.ClientApp]) error {
			if e.Old == nil {
				return nil
			}
			if e.Old.ClientID == ConsoleID(db.ScopeOf(ctx).Subscription) {
				return errOwnApp
			}
			return a.mayTouch(ctx, e.Who, tenants.SubjectClientApp, e.Old.ID)
		},
	}
}

// Groups are the use cases of groups.
func (a *Admin) Groups() Things[tenants.Group] {
	return Things[tenants.Group]{
		admin: a, kept: a.Tenants.Groups(), name: func(v tenants.Group) string { return v.Name },
		rules: func(ctx context.Context, e Edit[tenants.Group]) error {
			if e.Old == nil {
				return nil
			}
			return a.mayTouch(ctx, e.Who, tenants.SubjectGroup, e.Old.ID)
		},
		shuts: func(e Edit[tenants.Group]) bool { return e.New == nil },
	}
}

// Users are the use cases of users.
func (a *Admin) Users() Things[tenants.User] {
	return Things[tenants.User]{
		admin: a, kept: a.Tenants.Users(), name: func(v tenants.User) string { return v.Name },
		inTenant: func(ctx context.Context, e Edit[tenants.User]) error {
			if e.Old == nil {
				return nil // CreateUser makes him a member of a tenant of theirs in the same transaction
			}
			return a.wholly(ctx, e.Tenants, e.Old.ID)
		},
		rules: func(ctx context.Context, e Edit[tenants.User]) error {
			if e.Old == nil {
				return nil
			}
			return a.mayTouch(ctx, e.Who, tenants.SubjectUser, e.Old.ID)
		},
		after: func(ctx context.Context, e Edit[tenants.User]) error {
			if e.Old == nil || e.New != nil && e.New.Active {
				return nil
			}
			return a.endUser(ctx, e.Who, e.Old.ID)
		},
		shuts: func(e Edit[tenants.User]) bool {
			return e.Old != nil && e.Old.Active && (e.New == nil || !e.New.Active || e.New.Kind != tenants.Person)
		},
	}
}

// Assignments are the use cases of assignments.
func (a *Admin) Assignments() Things[tenants.Assignment] {
	return Things[tenants.Assignment]{
		admin: a, kept: a.Tenants.Assignments(), name: func(v tenants.Assignment) string { return v.ID },
		inTenant: a.tightensAssignment, loosens: plainly(loosensAssignment),
	}
}

// Exemptions are the use cases of exemptions. Nobody exempts himself, nor an app or an
// IDP that he signs in by (SPEC §4).
func (a *Admin) Exemptions() Things[tenants.Exemption] {
	return Things[tenants.Exemption]{
		admin: a, kept: a.Tenants.Exemptions(), name: func(v tenants.Exemption) string { return v.Reason },
		rules: func(_ context.Context, e Edit[tenants.Exemption]) error {
			switch {
			case e.New == nil:
				return nil
			case e.New.Level == tenants.LevelUser && e.New.TargetID == e.Who.ID:
				return errSelf
			case e.Old == nil && !e.New.Until.After(a.Now()):
				return &problem.Error{
					Kind: problem.Invalid, Code: "invalid", Message: "until must be in the future",
					Fields: []problem.Field{{Name: "until", Message: "must be in the future"}},
				}
			}
			if e.Old == nil {
				e.New.CreatedBy = e.Who.ID
			}
			return nil
		},
	}
}

// ConsoleID is the client_id by which the people of a subscription sign in to its
// administration.
func ConsoleID(subscription string) string { return "console-" + subscription }

var (
	errOwnApp   = problem.New(problem.Conflict, "own_app", "This is the administration itself: Twofold keeps it as it must be. Take it from a tenant to keep its people out.")
	errSelf     = problem.New(problem.Forbidden, "not_oneself", "Nobody may let himself off. Ask another administrator.")
	errAbove    = problem.New(problem.Forbidden, "above", "This has a role that is wider than yours: only who has it too may change it.")
	errOthers   = problem.New(problem.Forbidden, "other_tenants", "This user belongs to other tenants too. Ask an administrator of the subscription.")
	errNoTenant = problem.New(problem.Conflict, "user_no_tenant", "This user is a member of no tenant, so there is no sign-in to help with.")
	errSecrets  = problem.New(problem.Conflict, "too_many_secrets", "This app has three secrets already. End one first.")
	errLast     = problem.New(problem.Conflict, "last_system_admin", "This is the last system administrator. Give somebody else the role first.")
)

// mayTouch refuses a change of what has a role that w could not give: who could set the
// password of an administrator would be one.
func (a *Admin) mayTouch(ctx context.Context, w Who, kind, id string) error {
	if w.Kind == kind && w.ID == id {
		return nil
	}
	grants, err := a.Tenants.GrantsOf(ctx, kind, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(grants, func(g tenants.Grant) bool { return !w.MayGrant(g) }) {
		return errAbove
	}
	return nil
}

// wholly refuses a change of a user who is a member of other tenants too: it would
// reach into them.
func (a *Admin) wholly(ctx context.Context, mine []string, userID string) error {
	of, err := a.Tenants.TenantsOfUsers(ctx, []string{userID})
	if err != nil {
		return err
	}
	if len(of) == 0 || slices.ContainsFunc(of, func(m tenants.Membership) bool { return !slices.Contains(mine, m.In) }) {
		return errOthers
	}
	return nil
}

// keepSystemAdmin makes a change in the transaction in ctx, and takes it back if by it
// nobody is left who may do everything. An installation that is run from the command
// line alone has nobody before either.
func (a *Admin) keepSystemAdmin(ctx context.Context, change func(context.Context) error) error {
	before, err := a.Tenants.SystemAdmins(ctx)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	if err := change(ctx); err != nil || before == 0 {
		return err
	}
	switch left, err := a.Tenants.SystemAdmins(ctx); {
	case err != nil:
		return fmt.Errorf("admin: %w", err)
	case left == 0:
		return errLast
	}
	return nil
}

// endUser ends all that a user of the subscription in ctx has open, in all his tenants by
// one call: see idp.EndUser.
func (a *Admin) endUser(ctx context.Context, w Who, userID string) error {
	_, err := a.HelpDesk.EndUser(ctx, userID, w.ID, "the user was changed by an administrator")
	return err
}

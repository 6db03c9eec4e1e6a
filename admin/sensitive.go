package admin

import (
	"context"
	"slices"

	"twofold/tenants"
)

// What asks for a fresh sign-in: what gives power, takes protection away, or cannot be
// taken back. Some actions always do; some changes do that are otherwise none of it.

// sensitive are the actions that always ask.
var sensitive = []Action{
	SubscriptionDelete, TenantDelete, IDPDelete, ClientAppDelete, ClientAppSecret, UserDelete, UserPassword, UserHelp, TwoFactorDelete,
	AssignmentDelete, ExemptionWrite, ExemptionCreate, RoleWrite, SigningKeyWrite,
}

// Sensitive reports whether an action asks for a fresh sign-in, whatever it changes.
func Sensitive(a Action) bool { return slices.Contains(sensitive, a) }

// The changes that ask, by what is changed. What makes stricter never asks.

func loosensSubscription(was, is *tenants.Subscription) bool {
	session, idle := tenants.Realm{Subscription: *was}.SessionLife()
	newSession, newIdle := tenants.Realm{Subscription: *is}.SessionLife()
	return loosensDemand(was.EnforceMFA, is.EnforceMFA, was.MinACR, is.MinACR) || newSession > session || newIdle > idle ||
		is.SharedSignOn && !was.SharedSignOn
}

func (a *Admin) loosensTenant(ctx context.Context, e Edit[tenants.Tenant]) (bool, error) {
	if e.Old == nil || e.New == nil {
		return false, nil
	}
	if renamed(e) {
		return true, nil // apps stop working, or people go elsewhere
	}
	field, err := a.loosened(ctx, e.Old, e.New)
	return field != "", err
}

// plainly is for kinds of which a change tells all that there is to know.
func plainly[V any](loosens func(Edit[V]) bool) func(context.Context, Edit[V]) (bool, error) {
	return func(_ context.Context, e Edit[V]) (bool, error) { return loosens(e), nil }
}

// loosensIDP also looks at what another provider is believed: what its word counts for,
// and whom it lets in.
func loosensIDP(e Edit[tenants.IDP]) bool {
	if e.Old == nil || e.New == nil {
		return false
	}
	more := func(was, is tenants.List) bool {
		return slices.ContainsFunc(is, func(line string) bool { return !slices.Contains(was, line) })
	}
	return loosensDemand(e.Old.EnforceMFA, e.New.EnforceMFA, "", "") || more(e.Old.Trust, e.New.Trust) || more(e.Old.GroupMap, e.New.GroupMap) ||
		!e.Old.CreateUsers && e.New.CreateUsers
}

func loosensClientApp(e Edit[tenants.ClientApp]) bool {
	return e.Old != nil && e.New != nil &&
		(loosensDemand(e.Old.EnforceMFA, e.New.EnforceMFA, e.Old.MinACR, e.New.MinACR) || e.Old.Restricted && !e.New.Restricted)
}

func loosensAssignment(e Edit[tenants.Assignment]) bool {
	return e.Old != nil && e.New != nil && (e.Old.Required && !e.New.Required || e.New.GraceDays > e.Old.GraceDays)
}

func loosensDemand(enforced, enforces bool, acr, newACR string) bool {
	return enforced && !enforces || tenants.Strength(newACR) < tenants.Strength(acr)
}

// loosened is the field by which the sign-in rules of a tenant become looser; empty: none.
func (a *Admin) loosened(ctx context.Context, was, is *tenants.Tenant) (field string, err error) {
	realm, err := a.Tenants.RealmByID(ctx, was.ID)
	if err != nil {
		return "", err
	}
	// What is inherited counts as what it comes to.
	session, idle := tenants.Realm{Subscription: realm.Subscription, Tenant: *was}.SessionLife()
	newSession, newIdle := tenants.Realm{Subscription: realm.Subscription, Tenant: *is}.SessionLife()
	switch {
	case was.EnforceMFA && !is.EnforceMFA:
		return "enforce_mfa", nil
	case tenants.Strength(is.MinACR) < tenants.Strength(was.MinACR):
		return "min_acr", nil
	case newSession > session:
		return "session_seconds", nil
	case newIdle > idle:
		return "idle_seconds", nil
	case is.RememberDays > was.RememberDays:
		return "remember_days", nil
	case is.PasskeySignIn && !was.PasskeySignIn:
		return "passkey_sign_in", nil
	}
	return "", nil
}

// joinsRole asks for a fresh sign-in of who takes somebody into a group that has a role:
// that gives it to him.
func (a *Admin) joinsRole(ctx context.Context, w Who, groupID string) error {
	if w.Fresh(a.Now()) {
		return nil
	}
	grants, err := a.Tenants.GrantsOf(ctx, tenants.SubjectGroup, groupID)
	if err == nil && len(grants) > 0 {
		err = ErrAgain
	}
	return err
}

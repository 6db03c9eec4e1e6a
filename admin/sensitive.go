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
	return loosensDemand(was.EnforceMFA, is.EnforceMFA, was.MinACR, is.MinACR)
}

func loosensTenant(e Edit[tenants.Tenant]) bool {
	return e.Old != nil && e.New != nil && loosened(e.Old, e.New) != ""
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
	return e.Old != nil && e.New != nil && loosensDemand(e.Old.EnforceMFA, e.New.EnforceMFA, e.Old.MinACR, e.New.MinACR)
}

func loosensAssignment(e Edit[tenants.Assignment]) bool {
	return e.Old != nil && e.New != nil && (e.Old.Required && !e.New.Required || e.New.GraceDays > e.Old.GraceDays)
}

func loosensDemand(enforced, enforces bool, acr, newACR string) bool {
	return enforced && !enforces || tenants.Strength(newACR) < tenants.Strength(acr)
}

// loosened is the field by which the sign-in rules of a tenant become looser; empty: none.
func loosened(was, is *tenants.Tenant) (field string) {
	switch {
	case was.EnforceMFA && !is.EnforceMFA:
		return "enforce_mfa"
	case tenants.Strength(is.MinACR) < tenants.Strength(was.MinACR):
		return "min_acr"
	case is.SessionSeconds > was.SessionSeconds:
		return "session_seconds"
	case is.IdleSeconds > was.IdleSeconds:
		return "idle_seconds"
	case is.RememberDays > was.RememberDays:
		return "remember_days"
	case is.PasskeySignIn && !was.PasskeySignIn:
		return "passkey_sign_in"
	}
	return ""
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

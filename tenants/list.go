package tenants

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"twofold/internal/problem"
)

// Lists of what a subscription owns, for its administration: by name, active or not.

var errNoSubscription = problem.New(problem.NotFound, "subscription_unknown", "There is no such subscription.")

// ListSubscriptions lists all subscriptions of the server: for operators only.
func (s *Store) ListSubscriptions(ctx context.Context) ([]Subscription, error) {
	return list(s.DB.For(ctx).Order("name"), func(r subscriptionRow) Subscription { return r.Subscription })
}

// SubscriptionByName finds a subscription, active or not.
func (s *Store) SubscriptionByName(ctx context.Context, name string) (Subscription, error) {
	var row subscriptionRow
	if err := s.DB.For(ctx).Where("name = ?", name).Take(&row).Error; err != nil {
		return Subscription{}, notFound(err, errNoSubscription)
	}
	return row.Subscription, nil
}

// ListTenants lists the tenants of the subscription in ctx.
func (s *Store) ListTenants(ctx context.Context) ([]Tenant, error) {
	return list(s.DB.For(ctx).Order("name"), func(r tenantRow) Tenant { return r.Tenant })
}

// ListIDPs lists the IDPs of the subscription in ctx.
func (s *Store) ListIDPs(ctx context.Context) ([]IDP, error) {
	return list(s.DB.For(ctx).Order("name"), idpOf)
}

// ListClientApps lists the client apps of the subscription in ctx.
func (s *Store) ListClientApps(ctx context.Context) ([]ClientApp, error) {
	return list(s.DB.For(ctx).Order("name"), func(r clientAppRow) ClientApp { return r.ClientApp })
}

// ListGroups lists the groups of the subscription in ctx.
func (s *Store) ListGroups(ctx context.Context) ([]Group, error) {
	return list(s.DB.For(ctx).Order("name"), func(r groupRow) Group { return r.Group })
}

// ListTwoFactors lists the TwoFactor instances of the subscription in ctx.
func (s *Store) ListTwoFactors(ctx context.Context) ([]TwoFactor, error) {
	return list(s.DB.For(ctx).Order("name"), func(r twoFactorRow) TwoFactor { return r.TwoFactor })
}

// ListAssignments lists the assignments of the subscription in ctx, oldest first.
func (s *Store) ListAssignments(ctx context.Context) ([]Assignment, error) {
	return list(s.DB.For(ctx).Order("id"), func(r assignmentRow) Assignment { return r.Assignment })
}

// ListExemptions lists the exemptions of the subscription in ctx, oldest first,
// those that have ended too.
func (s *Store) ListExemptions(ctx context.Context) ([]Exemption, error) {
	return list(s.DB.For(ctx).Order("id"), func(r exemptionRow) Exemption { return r.Exemption })
}

// UsersByName finds those of the names that are users of the subscription in ctx.
func (s *Store) UsersByName(ctx context.Context, names []string) ([]User, error) {
	normal := make([]string, len(names))
	for i, n := range names {
		normal[i] = NormalName(n)
	}
	return inPieces(normal, func(some []string) ([]User, error) {
		return list(s.DB.For(ctx).Where("name IN ?", some).Order("name"), userOf)
	})
}

// UsersByID finds those of the ids that are users of the subscription in ctx.
func (s *Store) UsersByID(ctx context.Context, ids []string) ([]User, error) {
	return inPieces(ids, func(some []string) ([]User, error) {
		return list(s.DB.For(ctx).Where("id IN ?", some).Order("name"), userOf)
	})
}

func userOf(r userRow) User { return r.User }

// Membership is one user's place in a tenant or a group.
type Membership struct {
	UserID string
	In     string // the tenant's or group's id
}

// TenantsOfUsers lists the memberships of these users of the subscription in ctx.
func (s *Store) TenantsOfUsers(ctx context.Context, users []string) ([]Membership, error) {
	return inPieces(users, func(some []string) ([]Membership, error) {
		return list(s.memberships(ctx).Where("user_id IN ?", some), memberOf)
	})
}

// MembersOfTenant lists the members of a tenant of the subscription in ctx.
func (s *Store) MembersOfTenant(ctx context.Context, tenantID string) ([]Membership, error) {
	return list(s.memberships(ctx).Where("tenant_id = ?", tenantID), memberOf)
}

// memberships of the subscription in ctx. The guard holds them to one tenant;
// administering the subscription needs those of all its tenants.
func (s *Store) memberships(ctx context.Context) *gorm.DB {
	return s.links(ctx, &membershipRow{}).Order("tenant_id, user_id")
}

func memberOf(r membershipRow) Membership { return Membership{UserID: r.UserID, In: r.TenantID} }

// GroupsOfUsers lists the groups of these users of the subscription in ctx.
func (s *Store) GroupsOfUsers(ctx context.Context, users []string) ([]Membership, error) {
	return inPieces(users, func(some []string) ([]Membership, error) {
		return list(s.DB.For(ctx).Where("user_id IN ?", some).Order("group_id, user_id"), inGroup)
	})
}

// MembersOfGroup lists the members of a group of the subscription in ctx.
func (s *Store) MembersOfGroup(ctx context.Context, groupID string) ([]Membership, error) {
	return list(s.DB.For(ctx).Where("group_id = ?", groupID).Order("user_id"), inGroup)
}

func inGroup(r groupMemberRow) Membership { return Membership{UserID: r.UserID, In: r.GroupID} }

// OptionsOf returns what is set at an instance itself, secrets too: for keeping
// it as it is, never for showing it.
func (s *Store) OptionsOf(ctx context.Context, twoFactorID string) (Options, error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Where("id = ?", twoFactorID).Take(&row).Error; err != nil {
		return nil, notFound(err, errNoTwoFactor)
	}
	return s.openOptions(row.OptionsSealed, "two_factors", row.SubscriptionID, row.ID)
}

func list[R, V any](q *gorm.DB, value func(R) V) ([]V, error) {
	var rows []R
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: list: %w", err)
	}
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out, nil
}

// inPieces asks for a few hundred keys at a time: databases bound the number of
// parameters of a statement.
func inPieces[V any](keys []string, ask func(some []string) ([]V, error)) ([]V, error) {
	const piece = 500
	var out []V
	for len(keys) > 0 {
		n := min(piece, len(keys))
		found, err := ask(keys[:n])
		if err != nil {
			return nil, err
		}
		out, keys = append(out, found...), keys[n:]
	}
	return out, nil
}

// The rules for single values, for those who check before they put.

// ValidName reports whether s can name a tenant: it stands in the issuer's address.
func ValidName(s string) bool { return validName(s) }

// ValidEmail reports whether s is a mail address, and nothing but that.
func ValidEmail(s string) bool { return validEmail(s) }

// ValidPhone reports whether s is a number in international form (E.164).
func ValidPhone(s string) bool { return validPhone(s) }

// CheckRedirect says why an app of this type cannot have the address, or nothing.
func CheckRedirect(address, appType string) string { return checkRedirect(address, appType) }

// CheckClientApp says what is wrong with an app as PutClientApp would.
func CheckClientApp(c ClientApp) error { return checkClientApp(&c) }

// CheckUser brings a user's name and mail address to the form that they are kept in, and
// says what is wrong with him as PutUser would.
func CheckUser(u *User) error {
	u.Name = NormalName(u.Name)
	u.Email = strings.ToLower(strings.TrimSpace(u.Email))
	return checkUser(u)
}

package tenants

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"twofold/internal/db"
)

// filters of a kind, by the names that administrators use.
type filters map[string]func(q *gorm.DB, value string) (*gorm.DB, error)

// Subscriptions is how subscriptions are kept: for operators alone.
func (s *Store) Subscriptions() Kept[Subscription] {
	k := kind[subscriptionRow, Subscription]{
		s: s, name: "subscription", trash: true, search: []string{"name"}, filters: filters{"active": filterBool("active")},
		value: func(r subscriptionRow) Subscription { return r.Subscription },
		mark:  func(r *subscriptionRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		// In place of tenants stand the subscriptions that somebody has a role in.
		within: func(ctx context.Context, ids []string) *gorm.DB {
			return s.DB.For(ctx).Model(&subscriptionRow{}).Select("id").Where("id IN ?", ids)
		},
	}
	return Kept[Subscription]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutSubscription, Restore: k.raise,
		Delete: func(ctx context.Context, id string, version int64) error {
			return s.DB.Tx(ctx, func(ctx context.Context) error {
				defer s.changed(ctx)
				gone := s.DB.For(ctx).Where("subscription_id = ? OR home_id = ?", id, id).Delete(&grantRow{})
				if gone.Error != nil {
					return fmt.Errorf("tenants: delete: %w", gone.Error)
				}
				return k.bury(ctx, id, version, nil)
			})
		},
		Mark: func(v *Subscription) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// Tenants is how the tenants of a subscription are kept.
func (s *Store) Tenants() Kept[Tenant] {
	k := kind[tenantRow, Tenant]{
		s: s, name: "tenant", trash: true, search: []string{"name"}, filters: filters{"active": filterBool("active")},
		value: func(r tenantRow) Tenant { return r.Tenant },
		mark:  func(r *tenantRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &tenantRow{}).Select("id").Where("id IN ?", tenants)
		},
	}
	return Kept[Tenant]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutTenant, Delete: softly(s, freeing(k.bury, "host_name")), Restore: k.raise,
		Mark: func(v *Tenant) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// KeptIDPs is how the IDPs of a subscription are kept.
func (s *Store) KeptIDPs() Kept[IDP] {
	k := kind[idpRow, IDP]{
		s: s, name: "idp", trash: true, search: []string{"name"}, filters: filters{"active": filterBool("active"), "type": filterText("type")},
		value: idpOf,
		mark:  func(r *idpRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &tenantIDPRow{}).Select("idp_id").Where("tenant_id IN ?", tenants)
		},
	}
	return Kept[IDP]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutIDP, Delete: softly(s, k.bury), Restore: k.raise,
		Mark: func(v *IDP) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// ClientApps is how the client apps of a subscription are kept.
func (s *Store) ClientApps() Kept[ClientApp] {
	k := kind[clientAppRow, ClientApp]{
		s: s, name: "client_app", trash: true, search: []string{"name", "client_id"},
		filters: filters{"active": filterBool("active"), "type": filterText("type"), "client_id": filterText("client_id")},
		value:   func(r clientAppRow) ClientApp { return r.ClientApp },
		mark:    func(r *clientAppRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &tenantClientAppRow{}).Select("client_app_id").Where("tenant_id IN ?", tenants)
		},
	}
	return Kept[ClientApp]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutClientApp, Delete: softly(s, k.bury), Restore: k.raise,
		Mark: func(v *ClientApp) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// Users is how the users of a subscription are kept.
func (s *Store) Users() Kept[User] {
	k := kind[userRow, User]{
		s: s, name: "user", trash: true, search: []string{"name", "email"},
		filters: filters{
			"active": activeFilter, "kind": kindFilter, "name": filterText("name"), "email": filterText("email"),
			"tenant": s.memberFilter, "group": s.groupFilter, "client_app": s.appFilter(&appUserRow{}, "user_id"), "second_factor": s.enrolledFilter, "method": s.methodFilter,
		},
		value: userOf,
		mark:  func(r *userRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &membershipRow{}).Select("user_id").Where("tenant_id IN ?", tenants)
		},
	}
	return Kept[User]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutUser, Restore: s.restoreUser(k.raise), Delete: s.deleteUser(k.bury),
		Mark: func(v *User) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// Groups is how the groups of a subscription are kept. They are deleted for good:
// nothing refers to one that has no members.
func (s *Store) Groups() Kept[Group] {
	k := kind[groupRow, Group]{
		s: s, name: "group", search: []string{"name"}, filters: filters{"client_app": s.appFilter(&appGroupRow{}, "group_id")},
		value: func(r groupRow) Group { return r.Group },
		mark:  func(r *groupRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			members := s.links(ctx, &membershipRow{}).Select("user_id").Where("tenant_id IN ?", tenants)
			return s.links(ctx, &groupMemberRow{}).Select("group_id").Where("user_id IN (?)", members)
		},
	}
	return Kept[Group]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutGroup,
		Delete: func(ctx context.Context, id string, version int64) error {
			return s.DB.Tx(ctx, func(ctx context.Context) error {
				if err := s.unhang(ctx, id); err != nil {
					return err
				}
				for _, row := range []any{&groupMemberRow{}, &appGroupRow{}} {
					if err := s.DB.For(ctx).Where("group_id = ?", id).Delete(row).Error; err != nil {
						return fmt.Errorf("tenants: delete group: %w", err)
					}
				}
				return k.remove(ctx, id, version)
			})
		},
		Mark: func(v *Group) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// TwoFactors is how the TwoFactor instances of a subscription are kept. Put is absent:
// they come with options, see PutTwoFactor.
func (s *Store) TwoFactors() Kept[TwoFactor] {
	k := kind[twoFactorRow, TwoFactor]{
		s: s, name: "two_factor", trash: true, search: []string{"name"}, filters: filters{"active": filterBool("active"), "type": filterText("type")},
		value: func(r twoFactorRow) TwoFactor { return r.TwoFactor },
		mark:  func(r *twoFactorRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.Name },
		within: func(ctx context.Context, _ []string) *gorm.DB {
			return s.links(ctx, &twoFactorRow{}).Select("id") // a tenant sees by name what may reach it
		},
	}
	return Kept[TwoFactor]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Delete: softly(s, k.bury), Restore: k.raise,
		Mark: func(v *TwoFactor) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// Assignments is how the assignments of a subscription are kept.
func (s *Store) Assignments() Kept[Assignment] {
	k := kind[assignmentRow, Assignment]{
		s: s, name: "assignment", sorts: []string{"created"},
		filters: filters{"two_factor": filterText("two_factor_id"), "level": filterText("level"), "target": filterText("target_id")},
		value:   func(r assignmentRow) Assignment { return r.Assignment },
		mark:    func(r *assignmentRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.ID },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &assignmentRow{}).Select("id").Where(s.reaching(ctx, tenants))
		},
	}
	return Kept[Assignment]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutAssignment, Delete: k.remove,
		Mark: func(v *Assignment) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// Exemptions is how the exemptions of a subscription are kept.
func (s *Store) Exemptions() Kept[Exemption] {
	k := kind[exemptionRow, Exemption]{
		s: s, name: "exemption", sorts: []string{"created"}, filters: filters{"level": filterText("level"), "target": filterText("target_id")},
		value: func(r exemptionRow) Exemption { return r.Exemption },
		mark:  func(r *exemptionRow) (*string, *Stamp, *string) { return &r.ID, &r.Stamp, &r.ID },
		within: func(ctx context.Context, tenants []string) *gorm.DB {
			return s.links(ctx, &exemptionRow{}).Select("id").Where(s.reaching(ctx, tenants))
		},
	}
	return Kept[Exemption]{
		Kind: k.name, Page: k.page, Get: k.get, In: k.in, Put: s.PutExemption, Delete: k.remove,
		Mark: func(v *Exemption) (*string, *Stamp) { return &v.ID, &v.Stamp },
	}
}

// reaching is a condition that a target bears on sign-ins to any of these tenants: the
// subscription, the tenants, and what they have.
func (s *Store) reaching(ctx context.Context, tenants []string) *gorm.DB {
	of := func(model any, column string) *gorm.DB {
		return s.links(ctx, model).Select(column).Where("tenant_id IN ?", tenants)
	}
	members := of(&membershipRow{}, "user_id")
	return s.DB.For(ctx).Where("target_id IN ?", append([]string{db.ScopeOf(ctx).Subscription}, tenants...)).
		Or("target_id IN (?)", of(&tenantIDPRow{}, "idp_id")).Or("target_id IN (?)", of(&tenantClientAppRow{}, "client_app_id")).
		Or("target_id IN (?)", members).
		Or("target_id IN (?)", s.links(ctx, &groupMemberRow{}).Select("group_id").Where("user_id IN (?)", of(&membershipRow{}, "user_id")))
}

// softly deletes in one transaction with what hangs on the thing.
func softly(s *Store, bury func(context.Context, string, int64, map[string]any) error) func(context.Context, string, int64) error {
	return func(ctx context.Context, id string, version int64) error {
		err := s.DB.Tx(ctx, func(ctx context.Context) error {
			if err := bury(ctx, id, version, nil); err != nil {
				return err
			}
			return s.unhang(ctx, id)
		})
		if err == nil {
			s.changed(ctx)
		}
		return err
	}
}

// freeing buries something without what nobody else could have as long as it has it.
func freeing(bury func(context.Context, string, int64, map[string]any) error, column string) func(context.Context, string, int64, map[string]any) error {
	return func(ctx context.Context, id string, version int64, _ map[string]any) error {
		return bury(ctx, id, version, map[string]any{column: ""})
	}
}

// deleteUser also takes away by what the user signs in. Who gets his name later begins
// with nothing.
func (s *Store) deleteUser(bury func(context.Context, string, int64, map[string]any) error) func(context.Context, string, int64) error {
	return func(ctx context.Context, id string, version int64) error {
		return s.DB.Tx(ctx, func(ctx context.Context) error {
			if err := bury(ctx, id, version, map[string]any{"email_verified": false, "phone_verified": false, "prove_first": true}); err != nil {
				return err
			}
			for _, row := range []any{&identityRow{}, &passwordRow{}} {
				if err := s.DB.For(ctx).Where("user_id = ?", id).Delete(row).Error; err != nil {
					return fmt.Errorf("tenants: delete user: %w", err)
				}
			}
			if err := s.unhang(ctx, id); err != nil {
				return err
			}
			return s.RaiseEpoch(ctx, id)
		})
	}
}

// restoreUser brings a user back with his name at the local IDPs of his tenants. He has
// no password, and his addresses are unproven.
func (s *Store) restoreUser(raise func(context.Context, string) (User, error)) func(context.Context, string) (User, error) {
	return func(ctx context.Context, id string) (u User, err error) {
		err = s.DB.Tx(ctx, func(ctx context.Context) error {
			if u, err = raise(ctx, id); err != nil || u.Kind != Person {
				return err
			}
			of := s.links(ctx, &membershipRow{}).Select("tenant_id").Where("user_id = ?", id)
			var links []tenantIDPRow
			if err := s.links(ctx, &tenantIDPRow{}).Where("tenant_id IN (?)", of).Find(&links).Error; err != nil {
				return fmt.Errorf("tenants: restore user: %w", err)
			}
			var idps []string
			for _, l := range links {
				idps = append(idps, l.IDPID)
			}
			var local []string
			err := s.DB.For(ctx).Model(&idpRow{}).Where("id IN ? AND type = ?", idps, IDPLocal).Pluck("id", &local).Error
			if err != nil {
				return fmt.Errorf("tenants: restore user: %w", err)
			}
			_, err = s.SetIdentities(ctx, u, local)
			return err
		})
		return u, err
	}
}

// links of the subscription in ctx, whichever of its tenants they are of.
func (s *Store) links(ctx context.Context, model any) *gorm.DB {
	sub := db.ScopeOf(ctx).Subscription
	q := s.DB.For(db.AllTenants(ctx)).Model(model).Where("subscription_id = ?", sub)
	if sub == "" {
		_ = q.AddError(db.ErrNoScope)
	}
	return q
}

// enrolledRow says that a user has set up an instance, see the view.
type enrolledRow struct{ SubscriptionID, UserID, TwoFactorID, Type string }

func (enrolledRow) TableName() string { return "enrolled_users" }

func (s *Store) memberFilter(q *gorm.DB, tenant string) (*gorm.DB, error) {
	return q.Where("id IN (?)", s.links(q.Statement.Context, &membershipRow{}).Select("user_id").Where("tenant_id = ?", tenant)), nil
}

func (s *Store) groupFilter(q *gorm.DB, group string) (*gorm.DB, error) {
	return q.Where("id IN (?)", s.links(q.Statement.Context, &groupMemberRow{}).Select("user_id").Where("group_id = ?", group)), nil
}

// appFilter: which users, or groups, a client app is for.
func (s *Store) appFilter(model any, column string) func(q *gorm.DB, app string) (*gorm.DB, error) {
	return func(q *gorm.DB, app string) (*gorm.DB, error) {
		return q.Where("id IN (?)", s.links(q.Statement.Context, model).Select(column).Where("client_app_id = ?", app)), nil
	}
}

// activeFilter goes by an index of the few that are inactive, and along that of all for
// the others.
func activeFilter(q *gorm.DB, value string) (*gorm.DB, error) {
	switch value {
	case "true":
		return q.Where(db.Sieve("active")), nil
	case "false":
		return q.Where("NOT active"), nil
	}
	return q, invalid("active", "must be true or false")
}

// kindFilter does the same for machines.
func kindFilter(q *gorm.DB, value string) (*gorm.DB, error) {
	switch value {
	case Person:
		return q.Where(db.Sieve("kind = 'person'")), nil
	case Machine:
		return q.Where("kind = 'machine'"), nil
	}
	return q, invalid("kind", "must be person or machine")
}

// enrolledFilter: who has set up a second factor of his own, and who has none.
func (s *Store) enrolledFilter(q *gorm.DB, state string) (*gorm.DB, error) {
	have := s.links(q.Statement.Context, &enrolledRow{}).Select("1").Where("enrolled_users.user_id = users.id")
	switch state {
	case "enabled":
		return q.Where(db.Sieve("EXISTS (?)"), have), nil
	case "none":
		return q.Where(db.Sieve("NOT EXISTS (?)"), have), nil
	}
	return q, invalid("second_factor", "must be enabled or none")
}

// methodFilter: who can use a type of factor, by having set it up or by the proven
// address that it needs.
func (s *Store) methodFilter(q *gorm.DB, factorType string) (*gorm.DB, error) {
	p, ok := s.Catalog[factorType]
	if !ok {
		return q, invalid("method", fmt.Sprintf("must be one of %v", s.Catalog.Types()))
	}
	if p.Info.Enrolls || len(p.Info.Needs) == 0 {
		have := s.links(q.Statement.Context, &enrolledRow{}).Select("1").Where("enrolled_users.user_id = users.id AND type = ?", factorType)
		return q.Where(db.Sieve("EXISTS (?)"), have), nil
	}
	for _, need := range p.Info.Needs {
		q = q.Where(db.Sieve(string(need) + "_verified"))
	}
	return q, nil
}

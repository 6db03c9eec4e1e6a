package tenants

import (
	"context"
	"slices"
	"strings"

	"twofold/internal/db"
)

// PutSubscription creates or changes a subscription, found by name.
func (s *Store) PutSubscription(ctx context.Context, v *Subscription) (Difference, error) {
	if err := checkSubscription(v); err != nil {
		return Difference{}, err
	}
	row := subscriptionRow{*v}
	d, err := put(ctx, s, &row, func(r *subscriptionRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name}, columns: &r.Subscription}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Subscription
	s.changed(ctx)
	return d, nil
}

// PutTenant creates or changes a tenant of the subscription in ctx, found by name.
func (s *Store) PutTenant(ctx context.Context, v *Tenant) (Difference, error) {
	if err := checkTenant(v); err != nil {
		return Difference{}, err
	}
	v.SubscriptionID = db.ScopeOf(ctx).Subscription
	row := tenantRow{*v}
	var d Difference
	err := s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if err := s.checkHost(ctx, &row.Tenant); err != nil {
			return err
		}
		d, err = put(ctx, s, &row, func(r *tenantRow) entity {
			return entity{id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name}, keep: []string{"SubscriptionID"}, fixed: []string{"Name"}, columns: &r.Tenant}
		})
		if err != nil || !d.Created || s.OnTenant == nil {
			return err
		}
		return s.OnTenant(db.WithScope(ctx, db.Scope{Subscription: row.SubscriptionID, Tenant: row.ID}), row.Tenant)
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Tenant
	s.changed(ctx)
	return d, nil
}

// PutClientApp creates or changes a client app of the subscription in ctx, found by name.
func (s *Store) PutClientApp(ctx context.Context, v *ClientApp) (Difference, error) {
	if err := checkClientApp(v); err != nil {
		return Difference{}, err
	}
	row := clientAppRow{ClientApp: *v}
	d, err := put(ctx, s, &row, func(r *clientAppRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name}, columns: &r.ClientApp}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.ClientApp
	s.changed(ctx)
	return d, nil
}

// PutUser creates or changes a user of the subscription in ctx, found by name.
func (s *Store) PutUser(ctx context.Context, v *User) (Difference, error) {
	if err := CheckUser(v); err != nil {
		return Difference{}, err
	}
	var d Difference
	err := s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		d, err = s.putUser(ctx, v)
		return err
	})
	return d, err
}

func (s *Store) putUser(ctx context.Context, v *User) (Difference, error) {
	row := userRow{User: *v}
	d, err := put(ctx, s, &row, func(r *userRow) entity {
		return entity{
			id: &r.ID, stamp: &r.Stamp, trash: &r.Trash, key: map[string]any{"name": v.Name},
			keep: []string{"LastTwoFactorID", "CredentialEpoch", "ProveFirst"}, columns: &r.User,
		}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.User
	if i := slices.IndexFunc(d.Fields, func(f FieldChange) bool { return f.Name == "Name" }); i >= 0 {
		// The name is also what the local IDPs know the user by.
		err := s.DB.For(ctx).Model(&identityRow{}).
			Where("user_id = ? AND subject = ? AND idp_id IN (?)", v.ID, d.Fields[i].Old, s.idpsOfType(ctx, IDPLocal)).
			UpdateColumns(map[string]any{"subject": v.Name}).Error
		if err != nil {
			return Difference{}, taken(err)
		}
	}
	if slices.ContainsFunc(d.Fields, func(f FieldChange) bool { return slices.Contains(credentialFields, f.Name) }) {
		v.CredentialEpoch++
		return d, s.RaiseEpoch(ctx, v.ID)
	}
	return d, nil
}

// credentialFields are those of a user by which he proves himself, or may no longer.
var credentialFields = []string{"Name", "Email", "EmailVerified", "Phone", "PhoneVerified", "Kind", "Active"}

// PutGroup creates a group of the subscription in ctx, found by name.
func (s *Store) PutGroup(ctx context.Context, v *Group) (Difference, error) {
	if err := checkEntity(v.Name, nil); err != nil {
		return Difference{}, err
	}
	row := groupRow{Group: *v}
	d, err := put(ctx, s, &row, func(r *groupRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, columns: &r.Group}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Group
	return d, nil
}

// PutAssignment assigns an instance, or changes whether it is required.
func (s *Store) PutAssignment(ctx context.Context, v *Assignment) (Difference, error) {
	if err := s.checkAssignment(ctx, v); err != nil {
		return Difference{}, err
	}
	row := assignmentRow{Assignment: *v}
	d, err := put(ctx, s, &row, func(r *assignmentRow) entity {
		key := map[string]any{"two_factor_id": v.TwoFactorID, "level": v.Level, "target_id": v.TargetID}
		return entity{id: &r.ID, stamp: &r.Stamp, key: key, columns: &r.Assignment}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Assignment
	return d, nil
}

// PutExemption exempts a user, client app or IDP until a date, with a reason.
func (s *Store) PutExemption(ctx context.Context, v *Exemption) (Difference, error) {
	if strings.TrimSpace(v.Reason) == "" {
		return Difference{}, invalid("reason", "is required")
	}
	if err := s.checkExempted(ctx, v); err != nil {
		return Difference{}, err
	}
	v.Until = db.Micros(v.Until)
	row := exemptionRow{Exemption: *v}
	d, err := put(ctx, s, &row, func(r *exemptionRow) entity {
		return entity{
			id: &r.ID, stamp: &r.Stamp, key: map[string]any{"level": v.Level, "target_id": v.TargetID},
			keep: []string{"CreatedBy"}, columns: &r.Exemption,
		}
	})
	if err != nil {
		return Difference{}, err
	}
	*v = row.Exemption
	return d, nil
}

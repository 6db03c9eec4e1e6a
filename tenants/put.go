package tenants

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
)

// Difference is what one Put changed, for diffs and the audit trail. Secrets show
// only that they changed.
type Difference struct {
	Created bool
	Fields  []FieldChange
}

// FieldChange is one changed field, before and after.
type FieldChange struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Changed reports whether anything did.
func (d Difference) Changed() bool { return d.Created || len(d.Fields) > 0 }

// entity tells put about a row: its key fields and what it must leave alone.
type entity struct {
	id      *string
	stamp   *Stamp
	key     map[string]any // what finds it: columns to values
	keep    []string       // fields that are not configuration: kept as they are
	columns any            // the part of the row that is compared
}

// put creates the row or brings it to what is wanted, as one compare-and-set.
// describe must point into the row it is given.
func put[R any](ctx context.Context, s *Store, want *R, describe func(*R) entity) (Difference, error) {
	e := describe(want)
	have := new(R)
	err := s.DB.For(ctx).Where(e.key).Take(have).Error
	now := db.Micros(s.Now())
	if db.IsNotFound(err) {
		*e.id = id.New()
		*e.stamp = Stamp{CreatedAt: now, UpdatedAt: now, Version: 1}
		if err := s.DB.For(ctx).Create(want).Error; err != nil {
			return Difference{}, taken(err)
		}
		return Difference{Created: true}, nil
	}
	if err != nil {
		return Difference{}, fmt.Errorf("tenants: put: %w", err)
	}
	was := describe(have)
	*e.id, *e.stamp = *was.id, *was.stamp
	d := compare(was.columns, e.columns, e.keep)
	if !d.Changed() {
		*want = *have
		return d, nil
	}
	columns := []string{"updated_at", "version"}
	for _, f := range d.Fields {
		columns = append(columns, f.Name)
	}
	e.stamp.UpdatedAt, e.stamp.Version = now, was.stamp.Version+1
	err = db.One(s.DB.For(ctx).Model(new(R)).Where("id = ? AND version = ?", *was.id, was.stamp.Version).Select(columns).Updates(want))
	if err != nil {
		return Difference{}, taken(err)
	}
	return d, nil
}

func taken(err error) error {
	if db.IsDuplicate(err) {
		return problem.Wrap(problem.Conflict, "taken", "This name is taken already.", err)
	}
	return fmt.Errorf("tenants: put: %w", err)
}

// compare lists the fields of two structs of one type that differ.
func compare(old, fresh any, keep []string) Difference {
	var d Difference
	a, b := reflect.Indirect(reflect.ValueOf(old)), reflect.Indirect(reflect.ValueOf(fresh))
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Anonymous || f.Name == "ID" || contains(keep, f.Name) {
			continue
		}
		x, y := a.Field(i).Interface(), b.Field(i).Interface()
		if fmt.Sprint(x) != fmt.Sprint(y) {
			d.Fields = append(d.Fields, FieldChange{f.Name, fmt.Sprint(x), fmt.Sprint(y)})
		}
	}
	return d
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// PutSubscription creates or changes a subscription, found by name.
func (s *Store) PutSubscription(ctx context.Context, v *Subscription) (Difference, error) {
	row := subscriptionRow{*v}
	d, err := put(ctx, s, &row, func(r *subscriptionRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, columns: &r.Subscription}
	})
	*v = row.Subscription
	s.Forget()
	return d, err
}

// PutTenant creates or changes a tenant of the subscription in ctx, found by name.
func (s *Store) PutTenant(ctx context.Context, v *Tenant) (Difference, error) {
	if !validName(v.Name) {
		return Difference{}, invalid("name", "must be 1 to 63 lower-case letters, digits or hyphens")
	}
	v.SubscriptionID = db.ScopeOf(ctx).Subscription
	row := tenantRow{*v}
	d, err := put(ctx, s, &row, func(r *tenantRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, keep: []string{"SubscriptionID"}, columns: &r.Tenant}
	})
	*v = row.Tenant
	s.Forget()
	if err != nil || !d.Created || s.OnTenant == nil {
		return d, err
	}
	return d, s.OnTenant(db.WithScope(ctx, db.Scope{Subscription: v.SubscriptionID, Tenant: v.ID}), *v)
}

// PutIDP creates or changes an IDP of the subscription in ctx, found by name.
func (s *Store) PutIDP(ctx context.Context, v *IDP) (Difference, error) {
	if v.Type != IDPLocal {
		return Difference{}, invalid("type", "must be local")
	}
	row := idpRow{IDP: *v}
	d, err := put(ctx, s, &row, func(r *idpRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, columns: &r.IDP}
	})
	*v = row.IDP
	s.Forget()
	return d, err
}

// PutClientApp creates or changes a client app of the subscription in ctx, found by name.
func (s *Store) PutClientApp(ctx context.Context, v *ClientApp) (Difference, error) {
	if err := checkClientApp(v); err != nil {
		return Difference{}, err
	}
	row := clientAppRow{ClientApp: *v}
	d, err := put(ctx, s, &row, func(r *clientAppRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, columns: &r.ClientApp}
	})
	*v = row.ClientApp
	s.Forget()
	return d, err
}

// PutUser creates or changes a user of the subscription in ctx, found by name.
func (s *Store) PutUser(ctx context.Context, v *User) (Difference, error) {
	v.Name = NormalName(v.Name)
	v.Email = NormalName(v.Email)
	if v.Name == "" || len(v.Name) > 254 {
		return Difference{}, invalid("name", "must have 1 to 254 characters")
	}
	if v.Kind != Person && v.Kind != Machine {
		return Difference{}, invalid("kind", "must be person or machine")
	}
	if v.Email != "" && !validEmail(v.Email) {
		return Difference{}, invalid("email", "is not a mail address")
	}
	if v.Phone != "" && !validPhone(v.Phone) {
		return Difference{}, invalid("phone", "must be a number in international form, such as +41791234567")
	}
	row := userRow{User: *v}
	d, err := put(ctx, s, &row, func(r *userRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, keep: []string{"LastTwoFactorID"}, columns: &r.User}
	})
	*v = row.User
	return d, err
}

// PutGroup creates a group of the subscription in ctx, found by name.
func (s *Store) PutGroup(ctx context.Context, v *Group) (Difference, error) {
	row := groupRow{Group: *v}
	d, err := put(ctx, s, &row, func(r *groupRow) entity {
		return entity{id: &r.ID, stamp: &r.Stamp, key: map[string]any{"name": v.Name}, columns: &r.Group}
	})
	*v = row.Group
	return d, err
}

// PutAssignment assigns an instance, or changes whether it is required.
func (s *Store) PutAssignment(ctx context.Context, v *Assignment) (Difference, error) {
	row := assignmentRow{Assignment: *v}
	d, err := put(ctx, s, &row, func(r *assignmentRow) entity {
		key := map[string]any{"two_factor_id": v.TwoFactorID, "level": v.Level, "target_id": v.TargetID}
		return entity{id: &r.ID, stamp: &r.Stamp, key: key, columns: &r.Assignment}
	})
	*v = row.Assignment
	return d, err
}

// PutExemption exempts a user, client app or IDP until a date, with a reason.
func (s *Store) PutExemption(ctx context.Context, v *Exemption) (Difference, error) {
	switch {
	case !exemptible(v.Level):
		return Difference{}, invalid("level", "only a user, a client app or an IDP can be exempt")
	case strings.TrimSpace(v.Reason) == "":
		return Difference{}, invalid("reason", "is required")
	case v.Until.IsZero():
		return Difference{}, invalid("until", "is required")
	}
	v.Until = db.Micros(v.Until)
	row := exemptionRow{Exemption: *v}
	d, err := put(ctx, s, &row, func(r *exemptionRow) entity {
		return entity{
			id: &r.ID, stamp: &r.Stamp, key: map[string]any{"level": v.Level, "target_id": v.TargetID},
			keep: []string{"CreatedBy"}, columns: &r.Exemption,
		}
	})
	*v = row.Exemption
	return d, err
}

func invalid(field, message string) error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "invalid", Message: field + " " + message,
		Fields: []problem.Field{{Name: field, Message: message}},
	}
}

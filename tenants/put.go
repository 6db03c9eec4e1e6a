package tenants

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/twofactor"
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
	trash   *Trash         // nil: cannot be deleted softly
	key     map[string]any // what finds it: columns to values
	keep    []string       // fields that are not configuration: kept as they are
	fixed   []string       // fields that are chosen once
	columns any            // the part of the row that is compared
}

// Describe lists the fields of a new entity that are not empty, as a change from nothing.
func Describe(v any) []FieldChange {
	fresh := reflect.Indirect(reflect.ValueOf(v))
	d := compare(reflect.New(fresh.Type()).Interface(), v, nil)
	for i, f := range d.Fields {
		d.Fields[i].Old = ""
		if f.New == "false" || f.New == "0" {
			d.Fields[i].New = ""
		}
	}
	return d.Fields
}

// put creates the row or brings it to what is wanted, as one compare-and-set. What has
// an id is changed, its name perhaps too; what has none is found by its key. A version
// that is given must be the present one. describe must point into the row it is given.
func put[R any](ctx context.Context, s *Store, want *R, describe func(*R) entity) (Difference, error) {
	e := describe(want)
	have := new(R)
	key, given := e.key, *e.stamp
	if *e.id != "" {
		key = map[string]any{"id": *e.id}
	}
	err := s.DB.For(ctx).Where(key).Take(have).Error
	now := db.Micros(s.Now())
	if db.IsNotFound(err) && *e.id != "" {
		return Difference{}, errGone
	}
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
	switch {
	case was.trash != nil && was.trash.Deleted():
		return Difference{}, errGone
	case given.Version != 0 && given.Version != was.stamp.Version:
		return Difference{}, ErrStale
	}
	*e.id, *e.stamp = *was.id, *was.stamp
	d := compare(was.columns, e.columns, e.keep)
	for _, f := range d.Fields {
		if slices.Contains(e.fixed, f.Name) {
			return Difference{}, invalid(strings.ToLower(f.Name), "cannot be changed later")
		}
	}
	if !d.Changed() {
		*want = *have
		return d, nil
	}
	columns := []string{"updated_at", "version"}
	for _, f := range d.Fields {
		columns = append(columns, f.Name)
	}
	e.stamp.UpdatedAt, e.stamp.Version = now, was.stamp.Version+1
	err = db.One(s.DB.For(ctx).Model(new(R)).Where("id = ? AND version = ?", *was.id, was.stamp.Version).Select(columns).UpdateColumns(want))
	if err != nil {
		return Difference{}, taken(err)
	}
	return d, nil
}

// ErrStale reports a version that is not the present one.
var ErrStale = problem.New(problem.Stale, "changed", "Somebody else changed this meanwhile.")

// errGone reports an id that there is nothing for, or nothing any more.
var errGone = problem.New(problem.NotFound, "unknown", "There is no such thing, or it was deleted.")

func taken(err error) error {
	switch {
	case db.IsDuplicate(err):
		return problem.Wrap(problem.Conflict, "taken", "This name is taken already.", err)
	case errors.Is(err, db.ErrStale):
		return ErrStale
	}
	return fmt.Errorf("tenants: put: %w", err)
}

// compare lists the fields of two structs of one type that differ. What is to be
// kept it copies to the fresh one.
func compare(old, fresh any, keep []string) Difference {
	var d Difference
	a, b := reflect.Indirect(reflect.ValueOf(old)), reflect.Indirect(reflect.ValueOf(fresh))
	for i := range a.NumField() {
		f := a.Type().Field(i)
		switch x, y := a.Field(i), b.Field(i); {
		case f.Anonymous || f.Name == "ID" || f.Tag.Get("gorm") == "-":
		case slices.Contains(keep, f.Name):
			y.Set(x)
		case !same(x.Interface(), y.Interface()):
			d.Fields = append(d.Fields, FieldChange{f.Name, shown(x.Interface()), shown(y.Interface())})
		}
	}
	return d
}

func same(x, y any) bool {
	switch x := x.(type) {
	case time.Time:
		return x.Equal(y.(time.Time))
	case List:
		return slices.Equal(x, y.(List))
	case ClaimRules:
		return x.String() == y.(ClaimRules).String()
	}
	return x == y
}

func shown(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339)
	case List:
		return strings.Join(v, " ")
	}
	return fmt.Sprint(v)
}

// checkEntity holds the rules that several kinds share; a nil acr is not looked at.
func checkEntity(name string, acr *string) error {
	if strings.TrimSpace(name) == "" || len(name) > 254 {
		return invalid("name", "must have 1 to 254 characters")
	}
	if acr == nil || *acr == "" {
		return nil
	}
	if _, ok := twofactor.ParseACR(*acr); !ok {
		return invalid("min_acr", "must be one of "+strings.Join(twofactor.ACRs(), ", "))
	}
	return nil
}

// mustHave refuses a target that the subscription in ctx does not have: it would
// reach nobody, and nobody would know.
func (s *Store) mustHave(ctx context.Context, l Level, targetID string) error {
	models := map[Level]any{
		LevelTenant: &tenantRow{}, LevelIDP: &idpRow{}, LevelClientApp: &clientAppRow{}, LevelGroup: &groupRow{}, LevelUser: &userRow{},
	}
	model, ok := models[l]
	switch {
	case ok:
		return s.mustHaveRow(ctx, model, targetID, "target")
	case l != LevelSubscription:
		return invalid("level", fmt.Sprintf("must be one of %v", Levels()))
	case targetID == "" || targetID != db.ScopeOf(ctx).Subscription:
		return invalid("target", "does not exist")
	}
	return nil
}

func (s *Store) mustHaveRow(ctx context.Context, model any, id, field string) error {
	q := s.DB.For(ctx).Model(model).Where("id = ?", id)
	if _, hard := model.(*groupRow); !hard {
		q = q.Where("deleted_at IS NULL")
	}
	var n int64
	if err := q.Count(&n).Error; err != nil {
		return fmt.Errorf("tenants: %s: %w", field, err)
	}
	if n == 0 {
		return invalid(field, "does not exist")
	}
	return nil
}

func invalid(field, message string) error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "invalid", Message: field + " " + message,
		Fields: []problem.Field{{Name: field, Message: message}},
	}
}

package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// ErrNoScope reports a statement without an owner in its context: a programming
// mistake that must never reach the database.
var ErrNoScope = errors.New("db: no tenant in context")

// errOwner reports a statement that would touch the rows of somebody else.
var errOwner = errors.New("db: row of another owner")

// PlatformOwned marks a model whose rows belong to no tenant or subscription, or
// whose store does the scoping itself.
type PlatformOwned interface{ PlatformOwned() }

// guardCallbacks puts the guard in front of every kind of statement.
func guardCallbacks(g *gorm.DB) error {
	cb := g.Callback()
	return errors.Join(
		cb.Create().Before("gorm:create").Register("twofold:own", setOwner),
		cb.Query().Before("gorm:query").Register("twofold:guard", addOwner),
		cb.Row().Before("gorm:row").Register("twofold:guard", addOwner),
		cb.Update().Before("gorm:update").Register("twofold:keep", keepOwner),
		cb.Update().Before("gorm:update").Register("twofold:guard", addOwner),
		cb.Delete().Before("gorm:delete").Register("twofold:guard", addOwner),
		cb.Raw().Before("gorm:raw").Register("twofold:guard", refuseRaw),
	)
}

// owner is a column that says whose a row is, and its value in the context.
type owner struct {
	field *schema.Field
	value string
}

// owners lists the owner columns of a model, the deciding one first: the tenant's
// where there is one, else the subscription's. None means that it has no owner.
func owners(ctx context.Context, s *schema.Schema) ([]owner, error) {
	if s == nil {
		return nil, errors.New("db: statement without a model")
	}
	if _, ok := reflect.New(s.ModelType).Interface().(PlatformOwned); ok {
		return nil, nil
	}
	scope, all := ScopeOf(ctx), seesAll(ctx)
	tenant, subscription := s.LookUpField("tenant_id"), s.LookUpField("subscription_id")
	var os []owner
	if tenant != nil {
		os = append(os, owner{tenant, scope.Tenant})
	}
	// Both columns are held against the scope, so that a scope put together
	// wrongly finds nothing.
	if subscription != nil && (tenant == nil || scope.Subscription != "") {
		os = append(os, owner{subscription, scope.Subscription})
	}
	switch {
	case len(os) == 0:
		return nil, fmt.Errorf("db: table %s has no owner column and is not PlatformOwned", s.Table)
	case os[0].value == "" && !all:
		return nil, fmt.Errorf("%w: table %s", ErrNoScope, s.Table)
	}
	return os, nil
}

// addOwner adds the owner to the conditions of a statement.
func addOwner(tx *gorm.DB) {
	if tx.Error != nil {
		return
	}
	st := tx.Statement
	if st.SQL.Len() > 0 {
		refuseRaw(tx)
		return
	}
	if !ownTable(st) {
		_ = tx.AddError(errors.New("db: only a statement on its model's own table can be guarded"))
		return
	}
	os, err := owners(st.Context, st.Schema)
	if err != nil {
		_ = tx.AddError(err)
		return
	}
	if len(os) == 0 || seesAll(st.Context) {
		return
	}
	mine := make([]clause.Expression, len(os))
	for i, o := range os {
		mine[i] = clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: o.field.DBName}, Value: o.value}
	}
	where := clause.Where{Exprs: []clause.Expression{clause.And(mine...)}}
	c := st.Clauses["WHERE"]
	if w, ok := c.Expression.(clause.Where); ok && len(w.Exprs) > 0 {
		where.Exprs = append(where.Exprs, group{w})
	}
	c.Name, c.Expression = "WHERE", where
	st.Clauses["WHERE"] = c
	// GORM refuses an update or delete without conditions. Under this name it
	// knows that the first one was not the caller's.
	st.Clauses["soft_delete_enabled"] = clause.Clause{}
}

// ownTable reports whether a statement is on its model's table and no other.
func ownTable(st *gorm.Statement) bool {
	from, _ := st.Clauses["FROM"].Expression.(clause.From)
	return st.Schema != nil && st.Table == st.Schema.Table && st.TableExpr == nil &&
		len(st.Joins) == 0 && len(from.Tables) == 0 && len(from.Joins) == 0
}

// group puts what a caller asked for into parentheses. GORM adds none around
// .Where(a).Or(b), and looks for " OR " to find them in text: a line break hides it.
type group struct{ where clause.Where }

func (g group) Build(b clause.Builder) {
	_ = b.WriteByte('(')
	g.where.Build(b)
	_ = b.WriteByte(')')
}

// setOwner sets the owner of new rows, and refuses those that name another.
func setOwner(tx *gorm.DB) {
	if tx.Error != nil {
		return
	}
	st := tx.Statement
	os, err := owners(st.Context, st.Schema)
	if err == nil {
		err = keepsConflict(st, os)
	}
	if err == nil {
		err = eachRow(st.ReflectValue, func(row reflect.Value) error {
			for i, o := range os {
				if err := o.set(st.Context, row, i == 0); err != nil {
					return fmt.Errorf("%w: create in %s", err, st.Schema.Table)
				}
			}
			return nil
		})
	}
	if err != nil {
		_ = tx.AddError(err)
	}
}

func (o owner) set(ctx context.Context, row reflect.Value, decides bool) error {
	got, zero := o.field.ValueOf(ctx, row)
	switch {
	case zero && seesAll(ctx) && decides:
		return ErrNoScope
	case zero && seesAll(ctx):
		return nil
	case zero:
		return o.field.Set(ctx, row, o.value)
	case fmt.Sprint(got) != o.value && !seesAll(ctx):
		return errOwner
	}
	return nil
}

// keepsConflict refuses an upsert that could find, and overwrite, the row of
// another owner: Save is one.
func keepsConflict(st *gorm.Statement, os []owner) error {
	oc, ok := st.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	if !ok || oc.DoNothing || len(os) == 0 {
		return nil
	}
	columns := oc.Columns
	if len(columns) == 0 && oc.OnConstraint == "" {
		for _, f := range st.Schema.PrimaryFields {
			columns = append(columns, clause.Column{Name: f.DBName})
		}
	}
	for _, c := range columns {
		if c.Name == os[0].field.DBName {
			return nil
		}
	}
	return fmt.Errorf("%w: upsert in %s by a key without %s", errOwner, st.Schema.Table, os[0].field.DBName)
}

// keepOwner refuses an update that would hand rows to another owner.
func keepOwner(tx *gorm.DB) {
	st := tx.Statement
	if tx.Error != nil || st.Schema == nil || seesAll(st.Context) {
		return
	}
	os, err := owners(st.Context, st.Schema)
	if err != nil {
		_ = tx.AddError(err)
		return
	}
	if _, ok := st.Clauses["SET"]; ok {
		_ = tx.AddError(errors.New("db: update by a clause of its own"))
		return
	}
	selected, restricted := st.SelectAndOmitColumns(false, true)
	for _, o := range os {
		named, known := selected[o.field.DBName]
		if (known && !named) || (!known && restricted) {
			continue
		}
		if got, written := newOwner(st, o.field, named); written && got != o.value {
			_ = tx.AddError(fmt.Errorf("%w: update of %s", errOwner, st.Schema.Table))
			return
		}
	}
}

// newOwner is what an update would write into an owner column, if it would.
func newOwner(st *gorm.Statement, f *schema.Field, named bool) (value string, written bool) {
	dest := reflect.Indirect(reflect.ValueOf(st.Dest))
	if m, ok := dest.Interface().(map[string]any); ok {
		for _, name := range []string{f.DBName, f.Name} {
			if v, ok := m[name]; ok {
				return fmt.Sprint(v), true
			}
		}
		return "", false
	}
	other := &gorm.Statement{DB: st.DB}
	if err := other.Parse(st.Dest); err != nil {
		return "", true
	}
	if f = other.Schema.LookUpField(f.DBName); f == nil {
		return "", false
	}
	got, zero := f.ValueOf(st.Context, dest)
	return fmt.Sprint(got), named || !zero
}

func eachRow(v reflect.Value, do func(reflect.Value) error) error {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := eachRow(reflect.Indirect(v.Index(i)), do); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		return do(v)
	}
	return fmt.Errorf("db: create from a %s: only a model can be guarded", v.Kind())
}

func refuseRaw(tx *gorm.DB) {
	if ok, _ := tx.Statement.Context.Value(rawKey{}).(bool); !ok {
		_ = tx.AddError(errors.New("db: raw SQL is only for package db"))
	}
}

package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

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
		cb.Row().After("gorm:row").Register("twofold:translate", translateRow),
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
	if err == nil {
		err = checkSubqueries(st.Context, st.Clauses["WHERE"].Expression)
	}
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

// checkSubqueries refuses subqueries among conditions that the guard could not
// hold to the same owner: GORM drops the errors of a subquery.
func checkSubqueries(ctx context.Context, e any) error {
	var parts []any
	switch v := e.(type) {
	case *gorm.DB:
		sub := v.Statement
		if sub.SQL.Len() > 0 || ScopeOf(sub.Context) != ScopeOf(ctx) || seesAll(sub.Context) != seesAll(ctx) {
			return errors.New("db: subquery that cannot be guarded")
		}
		return nil
	case clause.Expr:
		parts = v.Vars
	case clause.NamedExpr:
		parts = v.Vars
	case clause.IN:
		parts = v.Values
	case clause.Eq:
		parts = []any{v.Value}
	case []any:
		parts = v
	case map[string]any:
		parts = slices.Collect(maps.Values(v))
	case clause.Where:
		return checkEach(ctx, v.Exprs)
	case clause.AndConditions:
		return checkEach(ctx, v.Exprs)
	case clause.OrConditions:
		return checkEach(ctx, v.Exprs)
	case clause.NotConditions:
		return checkEach(ctx, v.Exprs)
	case group:
		return checkSubqueries(ctx, v.where)
	}
	return checkEach(ctx, parts)
}

func checkEach[E any](ctx context.Context, parts []E) error {
	for _, p := range parts {
		if err := checkSubqueries(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func refuseRaw(tx *gorm.DB) {
	if ok, _ := tx.Statement.Context.Value(rawKey{}).(bool); !ok {
		_ = tx.AddError(errors.New("db: raw SQL is only for package db"))
	}
}

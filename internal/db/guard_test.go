package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
)

// The models that have an owner.
var owned = map[string]func() any{
	"tenant":                  func() any { return &thing{} },
	"subscription":            func() any { return &good{} },
	"tenant and subscription": func() any { return &part{} },
}

// ids is what a statement saw.
func ids(q *gorm.DB) ([]string, error) {
	var out []string
	err := q.Order("id").Pluck("id", &out).Error
	return out, err
}

// conditions that a guard could be fooled by; each matches rows of A and of B.
var conditions = map[string]func(*gorm.DB) *gorm.DB{
	"none":                func(q *gorm.DB) *gorm.DB { return q.Where("n > 0") },
	"Where.Or":            func(q *gorm.DB) *gorm.DB { return q.Where("n = ?", 1).Or("n = ?", 2) },
	"Or alone":            func(q *gorm.DB) *gorm.DB { return q.Or("n = ?", 1) },
	"Or.Or":               func(q *gorm.DB) *gorm.DB { return q.Or("n = ?", 1).Or("n > ?", 1) },
	"Or and Where":        func(q *gorm.DB) *gorm.DB { return q.Or("n = ?", 1).Where("n > ?", 0) },
	"raw or":              func(q *gorm.DB) *gorm.DB { return q.Where("n = 1 OR n = 2") },
	"raw or, lower case":  func(q *gorm.DB) *gorm.DB { return q.Where("n = 1 or n = 2") },
	"raw or, line break":  func(q *gorm.DB) *gorm.DB { return q.Where("n = 1\nOR\nn = 2") },
	"raw or, tab":         func(q *gorm.DB) *gorm.DB { return q.Where("n = 1\tOR\tn = 2") },
	"raw or, parentheses": func(q *gorm.DB) *gorm.DB { return q.Where("(n = 1)OR(n = 2)") },
	"raw or, comment":     func(q *gorm.DB) *gorm.DB { return q.Where("n = 1/**/OR/**/n = 2") },
	"raw or, second":      func(q *gorm.DB) *gorm.DB { return q.Where("n > 0").Where("n = 1\nOR n = 2") },
	"raw or, named":       func(q *gorm.DB) *gorm.DB { return q.Where("n = @n\nOR n > @n", map[string]any{"n": 1}) },
	"Or raw":              func(q *gorm.DB) *gorm.DB { return q.Where("n = 1").Or("n = 2\nOR n = 3") },
	"Not":                 func(q *gorm.DB) *gorm.DB { return q.Not("n = 7").Or("n = 1") },
	"Not raw":             func(q *gorm.DB) *gorm.DB { return q.Not("n = 7\nOR n = 8") },
	"map":                 func(q *gorm.DB) *gorm.DB { return q.Where(map[string]any{"n": 1}).Or(map[string]any{"n": 2}) },
	"nested":              func(q *gorm.DB) *gorm.DB { return q.Where(fresh(q).Where("n = 1").Or("n = 2")).Or("n = 3") },
	"clause.Or": func(q *gorm.DB) *gorm.DB {
		return q.Clauses(clause.Or(clause.Eq{Column: "n", Value: 1}, clause.Eq{Column: "n", Value: 2}))
	},
	"clause.Where": func(q *gorm.DB) *gorm.DB {
		return q.Clauses(clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "n = 1\nOR n = 2"}}})
	},
	"the other's column": func(q *gorm.DB) *gorm.DB { return q.Where("1 = 1\nOR name = 'name'") },
	"scopes": func(q *gorm.DB) *gorm.DB {
		return q.Scopes(func(q *gorm.DB) *gorm.DB { return q.Where("n = 1").Or("n = 2") })
	},
}

func fresh(q *gorm.DB) *gorm.DB { return q.Session(&gorm.Session{NewDB: true}) }

func TestGuardHoldsUnderAnyCondition(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		b := contents(t, d, scopeB)
		undo := errors.New("undo")
		for kind, model := range owned {
			for name, where := range conditions {
				t.Run(kind+"/"+name, func(t *testing.T) {
					seen, err := ids(where(d.For(asA(t)).Model(model())))
					must(t, err)
					if len(seen) == 0 || slices.ContainsFunc(seen, func(id string) bool { return id[0] != 'a' }) {
						t.Errorf("A sees %v", seen)
					}
					var n int64
					must(t, where(d.For(asA(t)).Model(model())).Count(&n).Error)
					if int(n) != len(seen) {
						t.Errorf("Count = %d, Find gave %d", n, len(seen))
					}
					for verb, write := range map[string]func(q *gorm.DB) *gorm.DB{
						"update": func(q *gorm.DB) *gorm.DB { return where(q).Update("name", "changed") },
						"delete": func(q *gorm.DB) *gorm.DB { return where(q).Delete(model()) },
					} {
						err := d.Tx(asA(t), func(ctx context.Context) error {
							if verb == "delete" { // parts refer to things
								must(t, d.For(ctx).Where("n > 0").Delete(&part{}).Error)
								if kind == "tenant and subscription" {
									return undo
								}
							}
							res := write(d.For(ctx).Model(model()))
							must(t, res.Error)
							if res.RowsAffected != n {
								t.Errorf("%s changed %d rows, A has %d", verb, res.RowsAffected, n)
							}
							return undo
						})
						if !errors.Is(err, undo) {
							t.Fatal(err)
						}
					}
				})
			}
		}
		if diff := cmp.Diff(b, contents(t, d, scopeB)); diff != "" {
			t.Error(diff)
		}
	})
}

// statements ask for a row of B in every way there is; none may find it.
var statements = map[string]func(q *gorm.DB, model any) (found int64, err error){
	"Take": func(q *gorm.DB, m any) (int64, error) {
		r := q.Where("id = ?", "b1").Take(m)
		return r.RowsAffected, r.Error
	},
	"First": func(q *gorm.DB, m any) (int64, error) {
		r := q.First(m, "id = ?", "b1")
		return r.RowsAffected, r.Error
	},
	"Last": func(q *gorm.DB, m any) (int64, error) {
		r := q.Where("id = ?", "b1").Last(m)
		return r.RowsAffected, r.Error
	},
	"Find": func(q *gorm.DB, m any) (int64, error) {
		r := q.Where("id = ?", "b1").Find(m)
		return r.RowsAffected, r.Error
	},
	"maps": func(q *gorm.DB, m any) (int64, error) {
		r := q.Model(m).Where("id = ?", "b1").Find(&[]map[string]any{})
		return r.RowsAffected, r.Error
	},
	"Count": func(q *gorm.DB, m any) (n int64, err error) {
		err = q.Model(m).Where("id = ?", "b1").Count(&n).Error
		return n, err
	},
	"Pluck": func(q *gorm.DB, m any) (int64, error) {
		var v []string
		r := q.Model(m).Where("id = ?", "b1").Pluck("name", &v)
		return int64(len(v)), r.Error
	},
	"Scan": func(q *gorm.DB, m any) (int64, error) {
		var v []struct{ Name string }
		r := q.Model(m).Where("id = ?", "b1").Scan(&v)
		return int64(len(v)), r.Error
	},
	"Row": func(q *gorm.DB, m any) (n int64, err error) {
		row := q.Model(m).Where("id = ?", "b1").Select("count(*)").Row()
		if row == nil { // all that GORM says of an error here
			return 0, db.ErrNoScope
		}
		return n, row.Scan(&n)
	},
	"Rows": func(q *gorm.DB, m any) (n int64, err error) {
		rows, err := q.Model(m).Where("id = ?", "b1").Rows()
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for rows.Next() {
			n++
		}
		return n, rows.Err()
	},
	"FirstOrInit": func(q *gorm.DB, m any) (int64, error) {
		r := q.Where("id = ?", "b1").FirstOrInit(m)
		return r.RowsAffected, r.Error
	},
	"batches": func(q *gorm.DB, m any) (n int64, err error) {
		r := q.Model(m).Where("id = ?", "b1").FindInBatches(&[]map[string]any{}, 2, func(tx *gorm.DB, _ int) error { n += tx.RowsAffected; return nil })
		return n, r.Error
	},
	"Update": func(q *gorm.DB, m any) (int64, error) {
		r := q.Model(m).Where("id = ?", "b1").Update("name", "taken")
		return r.RowsAffected, r.Error
	},
	"Updates": func(q *gorm.DB, m any) (int64, error) {
		r := q.Model(m).Where("id = ?", "b1").Updates(map[string]any{"name": "taken"})
		return r.RowsAffected, r.Error
	},
	"UpdateColumn": func(q *gorm.DB, m any) (int64, error) {
		r := q.Model(m).Where("id = ?", "b1").UpdateColumn("name", "taken")
		return r.RowsAffected, r.Error
	},
	"expression": func(q *gorm.DB, m any) (int64, error) {
		r := q.Model(m).Where("id = ?", "b1").Update("n", gorm.Expr("n + 1"))
		return r.RowsAffected, r.Error
	},
	"Delete": func(q *gorm.DB, m any) (int64, error) {
		r := q.Where("id = ?", "b1").Delete(m)
		return r.RowsAffected, r.Error
	},
	"Delete inline": func(q *gorm.DB, m any) (int64, error) {
		r := q.Delete(m, "id = ?", "b1")
		return r.RowsAffected, r.Error
	},
	"Unscoped": func(q *gorm.DB, m any) (int64, error) {
		r := q.Unscoped().Where("id = ?", "b1").Delete(m)
		return r.RowsAffected, r.Error
	},
}

func TestGuardHoldsForEveryStatement(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		a, b := contents(t, d, scopeA), contents(t, d, scopeB)
		for kind, model := range owned {
			for name, do := range statements {
				t.Run(kind+"/"+name, func(t *testing.T) {
					found, err := do(d.For(asA(t)), model())
					if found != 0 || (err != nil && !db.IsNotFound(err)) {
						t.Errorf("A reaches %d rows of B, error %v", found, err)
					}
					if _, err := do(d.For(t.Context()), model()); !errors.Is(err, db.ErrNoScope) {
						t.Errorf("without a scope: %v, want ErrNoScope", err)
					}
				})
			}
		}
		if diff := cmp.Diff(a, contents(t, d, scopeA)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(b, contents(t, d, scopeB)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGuardNeedsTheRightScope(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		onlySubscription := db.WithScope(t.Context(), db.Scope{Subscription: "sub-a"})
		onlyTenant := db.WithScope(t.Context(), db.Scope{Tenant: "tenant-a"})
		mixed := db.WithScope(t.Context(), db.Scope{Subscription: "sub-a", Tenant: "tenant-b"})
		for _, c := range []struct {
			name  string
			ctx   context.Context
			model any
			want  []string
			err   error
		}{
			{"tenant's rows by subscription alone", onlySubscription, &thing{}, nil, db.ErrNoScope},
			{"subscription's rows by subscription alone", onlySubscription, &good{}, []string{"a1", "a2", "a3"}, nil},
			{"subscription's rows by tenant alone", onlyTenant, &good{}, nil, db.ErrNoScope},
			{"tenant's rows by tenant alone", onlyTenant, &part{}, []string{"a1", "a2", "a3"}, nil},
			{"both, of two customers", mixed, &part{}, []string{}, nil},
			{"all tenants", db.AllTenants(t.Context()), &part{}, []string{"a1", "a2", "a3", "b1", "b2", "b3"}, nil},
			{"a scope after all tenants", db.WithScope(db.AllTenants(t.Context()), scopeB), &part{}, []string{"b1", "b2", "b3"}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, err := ids(d.For(c.ctx).Model(c.model))
				if !errors.Is(err, c.err) || !slices.Equal(got, c.want) {
					t.Errorf("got %v, %v; want %v, %v", got, err, c.want, c.err)
				}
			})
		}
	})
}

func TestGuardSetsTheOwnerOfNewRows(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		for _, c := range []struct {
			name string
			ctx  context.Context
			row  any
			err  string
		}{
			{"empty owner is set", asA(t), &thing{ID: "1"}, ""},
			{"own owner is right", asA(t), &thing{ID: "2", TenantID: "tenant-a"}, ""},
			{"another's tenant", asA(t), &thing{ID: "3", TenantID: "tenant-b"}, "another owner"},
			{"another's subscription", asA(t), &good{ID: "4", SubscriptionID: "sub-b"}, "another owner"},
			{"own tenant, another's subscription", asA(t), &part{ID: "5", ThingID: "1", SubscriptionID: "sub-b"}, "another owner"},
			{"one of a batch", asA(t), []*thing{{ID: "6"}, {ID: "7", TenantID: "tenant-b"}}, "another owner"},
			{"batch", asA(t), &[]thing{{ID: "8"}, {ID: "9"}}, ""},
			{"no scope", t.Context(), &thing{ID: "10"}, "no tenant"},
			{"no scope, owner named", t.Context(), &thing{ID: "11", TenantID: "tenant-a"}, "no tenant"},
			{"all tenants, no owner", db.AllTenants(t.Context()), &thing{ID: "12"}, "no tenant"},
			{"all tenants, owner named", db.AllTenants(t.Context()), &thing{ID: "13", TenantID: "tenant-b"}, ""},
			{"platform", t.Context(), &note{ID: "14"}, ""},
			{"a model without owner", asA(t), &stray{ID: "15"}, "not PlatformOwned"},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := d.For(c.ctx).Create(c.row).Error
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
			})
		}
		got, err := ids(d.For(asA(t)).Model(&thing{}))
		if want := []string{"1", "2", "8", "9"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("A has %v, %v; want %v", got, err, want)
		}
		var p part
		must(t, d.For(asA(t)).Create(&part{ID: "p", ThingID: "1"}).Error)
		must(t, d.For(asA(t)).Take(&p).Error)
		if p.TenantID != "tenant-a" || p.SubscriptionID != "sub-a" {
			t.Errorf("owner is %s, %s", p.TenantID, p.SubscriptionID)
		}
	})
}

// refused are statements that the guard cannot hold to an owner, or that would
// change the owner of a row.
var refused = map[string]func(q *gorm.DB) error{
	"Raw":                    func(q *gorm.DB) error { return q.Raw("SELECT id FROM things").Scan(&[]string{}).Error },
	"Raw with a model":       func(q *gorm.DB) error { return q.Raw("SELECT * FROM things").Find(&[]thing{}).Error },
	"Raw row":                func(q *gorm.DB) error { _, err := q.Raw("SELECT id FROM things").Rows(); return err },
	"Exec":                   func(q *gorm.DB) error { return q.Exec("DELETE FROM things").Error },
	"Table":                  func(q *gorm.DB) error { return q.Table("things").Find(&[]map[string]any{}).Error },
	"Table of another model": func(q *gorm.DB) error { return q.Model(&note{}).Table("things").Find(&[]note{}).Error },
	"Table under a false name": func(q *gorm.DB) error {
		return q.Model(&thing{}).Table("(SELECT * FROM things) AS things").Find(&[]thing{}).Error
	},
	"Table with schema": func(q *gorm.DB) error { return q.Model(&thing{}).Table("other.things").Find(&[]thing{}).Error },
	"Table on update":   func(q *gorm.DB) error { return q.Table("things").Where("n > 0").Updates(map[string]any{"n": 9}).Error },
	"Table on delete":   func(q *gorm.DB) error { return q.Table("things").Where("n > 0").Delete(&note{}).Error },
	"Joins": func(q *gorm.DB) error {
		return q.Model(&thing{}).Joins("JOIN parts ON parts.thing_id <> things.id").Find(&[]thing{}).Error
	},
	"Joins on count": func(q *gorm.DB) error {
		var n int64
		return q.Model(&thing{}).Joins("JOIN parts ON true").Count(&n).Error
	},
	"clause.From": func(q *gorm.DB) error {
		return q.Model(&thing{}).Clauses(clause.From{Tables: []clause.Table{{Name: "parts"}, {Name: "things"}}}).Find(&[]thing{}).Error
	},
	"no model": func(q *gorm.DB) error { return q.Find(&[]map[string]any{}).Error },
	"create from a map": func(q *gorm.DB) error {
		return q.Model(&thing{}).Create(map[string]any{"id": "x", "tenant_id": "tenant-b"}).Error
	},
	"create from maps":      func(q *gorm.DB) error { return q.Model(&thing{}).Create([]map[string]any{{"id": "x"}}).Error },
	"migrator":              func(q *gorm.DB) error { return q.Migrator().DropTable("things") },
	"Save of another's row": func(q *gorm.DB) error { return q.Save(&thing{ID: "b1", Name: "taken"}).Error },
	"Save, own owner named": func(q *gorm.DB) error { return q.Save(&thing{ID: "b1", TenantID: "tenant-a", Name: "taken"}).Error },
	"Save of several":       func(q *gorm.DB) error { return q.Save(&[]thing{{ID: "b1", Name: "taken"}}).Error },
	"upsert by id": func(q *gorm.DB) error {
		return q.Clauses(clause.OnConflict{UpdateAll: true}).Create(&thing{ID: "b1", Name: "taken"}).Error
	},
	"upsert by a named column": func(q *gorm.DB) error {
		return q.Clauses(onID(clause.AssignmentColumns([]string{"name"}))).Create(&good{ID: "b1", Name: "taken"}).Error
	},
	"upsert by constraint": func(q *gorm.DB) error {
		return q.Clauses(clause.OnConflict{OnConstraint: "things_pkey", UpdateAll: true}).Create(&thing{ID: "b1"}).Error
	},
	"give away by map": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Updates(map[string]any{"tenant_id": "tenant-b"}).Error
	},
	"give away, other case": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Update("TENANT_ID", "tenant-b").Error
	},
	"give away by field name": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Update("TenantID", "tenant-b").Error
	},
	"give away by struct": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Updates(thing{TenantID: "tenant-b"}).Error
	},
	"give away by other struct": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Updates(part{TenantID: "tenant-b"}).Error
	},
	"give away second owner": func(q *gorm.DB) error {
		return q.Model(&part{}).Where("id = ?", "a1").Update("subscription_id", "sub-b").Error
	},
	"lose by select": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Select("*").Updates(thing{Name: "x"}).Error
	},
	"give away by expression": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Update("tenant_id", gorm.Expr("'tenant-b'")).Error
	},
	"give away by clause": func(q *gorm.DB) error {
		return q.Model(&thing{}).Where("id = ?", "a1").Clauses(clause.Set{{Column: clause.Column{Name: "tenant_id"}, Value: "tenant-b"}}).Updates(map[string]any{"n": 1}).Error
	},
	"update of everything":      func(q *gorm.DB) error { return q.Model(&thing{}).Update("name", "changed").Error },
	"update of everything, two": func(q *gorm.DB) error { return q.Model(&part{}).Update("name", "changed").Error },
	"delete of everything":      func(q *gorm.DB) error { return q.Delete(&part{}).Error },
}

func onID(set clause.Set) clause.OnConflict {
	return clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: set}
}

func TestGuardRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		a, b := contents(t, d, scopeA), contents(t, d, scopeB)
		for name, do := range refused {
			t.Run(name, func(t *testing.T) {
				if err := do(d.For(asA(t))); err == nil || db.IsNotFound(err) {
					t.Errorf("not refused: %v", err)
				}
			})
		}
		if diff := cmp.Diff(a, contents(t, d, scopeA)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(b, contents(t, d, scopeB)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGuardLetsOwnWorkThrough(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		b := contents(t, d, scopeB)
		q := d.For(asA(t))
		for name, c := range map[string]struct {
			res  *gorm.DB
			want int64
		}{
			"update by key of the model":  {q.Model(&thing{ID: "a1"}).Update("name", "new"), 1},
			"update by struct":            {q.Model(&thing{}).Where("id = ?", "a1").Updates(thing{Name: "new"}), 1},
			"own owner named":             {q.Model(&thing{}).Where("id = ?", "a1").Updates(thing{TenantID: "tenant-a", N: 8}), 1},
			"selected columns":            {q.Model(&thing{}).Where("id = ?", "a1").Select("name", "n").Updates(thing{N: 9}), 1},
			"omitted owner":               {q.Model(&thing{}).Where("id = ?", "a1").Select("*").Omit("tenant_id", "id").Updates(thing{Name: "new", At: time.Unix(1, 0)}), 1},
			"upsert on the owner's key":   {q.Clauses(clause.OnConflict{UpdateAll: true}).Create(&part{ID: "b1", ThingID: "a1", Name: "mine"}), 1},
			"and again":                   {q.Clauses(clause.OnConflict{UpdateAll: true}).Create(&part{ID: "b1", ThingID: "a1", Name: "still mine"}), 1},
			"do nothing on another's row": {q.Clauses(clause.OnConflict{DoNothing: true}).Create(&thing{ID: "b1"}), 0},
			"delete by key of the model":  {q.Delete(&part{TenantID: "tenant-a", ID: "a3"}), 1},
		} {
			if c.res.Error != nil || c.res.RowsAffected != c.want {
				t.Errorf("%s: %d rows, %v; want %d", name, c.res.RowsAffected, c.res.Error, c.want)
			}
		}
		if diff := cmp.Diff(b, contents(t, d, scopeB)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGuardHoldsSubqueries(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		parts := func(ctx context.Context) *gorm.DB { return d.For(ctx).Model(&part{}).Select("thing_id") }
		things := func(ctx context.Context) *gorm.DB { return d.For(ctx).Model(&thing{}) }
		both := db.AllTenants(t.Context())
		for _, c := range []struct {
			name  string
			query *gorm.DB
			want  []string // nil: refused
		}{
			{"own", things(asA(t)).Where("id IN (?)", parts(asA(t)).Where("n < 3")), []string{"a1", "a2"}},
			{"own, by or", things(asA(t)).Where("id IN (?)", parts(asA(t)).Where("n = 1\nOR n = 2")), []string{"a1", "a2"}},
			{"all in all", things(both).Where("id IN (?)", parts(both).Where("n = 1")), []string{"a1", "b1"}},
			{"another's", things(asA(t)).Where("id NOT IN (?)", parts(asB(t))), nil},
			{"no scope", things(asA(t)).Where("id NOT IN (?)", parts(t.Context())), nil},
			{"all in own", things(asA(t)).Where("id IN (?)", parts(both)), nil},
			{"in a map", things(asA(t)).Where(map[string]any{"id": parts(asB(t))}), nil},
			{"negated", things(asA(t)).Not("id IN (?)", parts(asB(t))), nil},
			{"in an or", things(asA(t)).Where("n = 1").Or("id IN (?)", parts(asB(t))), nil},
			{"named", things(asA(t)).Where("id IN (@p)", map[string]any{"p": parts(asB(t))}), nil},
			{"raw", things(asA(t)).Where("id NOT IN (?)", d.For(asA(t)).Raw("SELECT 'x'")), nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, err := ids(c.query)
				if c.want == nil && err == nil {
					t.Errorf("not refused: %v", got)
				}
				if c.want != nil && (err != nil || !slices.Equal(got, c.want)) {
					t.Errorf("got %v, %v; want %v", got, err, c.want)
				}
			})
		}
	})
}

func TestQueryRaw(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var n []int64
		must(t, d.QueryRaw(t.Context(), &n, "SELECT 1 + ?", 1))
		if !slices.Equal(n, []int64{2}) {
			t.Errorf("got %v", n)
		}
		// The permission is for that statement, not for the context.
		if err := d.For(t.Context()).Raw("SELECT 1").Scan(&n).Error; err == nil {
			t.Error("raw SQL is let through")
		}
		must(t, d.For(t.Context()).Create(&note{ID: "1"}).Error)
		err := d.QueryRaw(t.Context(), &n, "INSERT INTO notes (id, text) VALUES ('1', '') RETURNING 1")
		if !db.IsDuplicate(err) {
			t.Errorf("a failed INSERT … RETURNING gives %v", err)
		}
	})
}

func ExampleWithScope() {
	ctx := db.WithScope(context.Background(), db.Scope{Subscription: "acme", Tenant: "staff"})
	fmt.Println(db.ScopeOf(ctx).Tenant)
	// Output: staff
}

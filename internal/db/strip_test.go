package db_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

// strips of things by name and n: each of "b", "d" and "f" has 1 to 5, in ids such as b3.
func fillStrips(t *testing.T, d *db.DB) {
	t.Helper()
	for _, name := range []string{"b", "d", "f"} {
		for n := range int64(5) {
			must(t, d.For(asA(t)).Create(&thing{ID: fmt.Sprint(name, n+1), Name: name, N: n + 1}).Error)
			must(t, d.For(asB(t)).Create(&thing{ID: fmt.Sprint("of B ", name, n+1), Name: name, N: n + 1}).Error)
		}
	}
}

func listed(rows []thing) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

func TestStrip(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fillStrips(t, d)
		for want, s := range map[string]db.Strip{
			"d1 d2 d3 d4":    {},
			"d5 d4 d3 d2":    {Down: true},
			"d3 d4 d5":       {After: []any{2, "d2"}},
			"d1":             {After: []any{2, "d2"}, Down: true},
			"d2 d3":          {From: 2, To: 4},
			"d3 d2":          {From: 2, To: 4, Down: true},
			"d3":             {From: 2, To: 4, After: []any{2, "d2"}},
			"d2":             {From: 2, To: 4, After: []any{3, "d3"}, Down: true},
			"d4 d3 d2 d1":    {To: 5, Down: true},
			"":               {From: 6},
			"d2 d3 d4 d5":    {After: []any{1, "z"}},
			"d5 d4 d3":       {From: 3, After: []any{9, ""}, Down: true},
			"d1 d2 d3 d4 d5": {From: 1, To: 6},
		} {
			s.Columns, s.Values, s.Keys = []string{"name"}, []any{"d"}, []string{"n", "id"}
			limit := 4
			if strings.Count(want, " ") == 4 {
				limit = 9
			}
			var rows []thing
			must(t, s.Of(d.For(asA(t)).Model(&thing{}), limit).Find(&rows).Error)
			if got := listed(rows); got != want {
				t.Errorf("%+v: %q, want %q", s, got, want)
			}
		}
	})
}

func TestMerge(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		fillStrips(t, d)
		parts := func(names ...string) (out []*gorm.DB) {
			for _, name := range names {
				s := db.Strip{Columns: []string{"name"}, Values: []any{name}, Keys: []string{"n", "id"}, Down: true}
				out = append(out, s.Of(d.For(asA(t)).Model(&thing{}).Where(db.Sieve("n IN ?"), []int{1, 2, 4}), 3))
			}
			return out
		}
		for want, names := range map[string][]string{
			"d4 d2 d1": {"d"}, "b4 d4 b2": {"d", "b"}, "b4 f4 b2": {"b", "f", "none"}, "": {"none"},
		} {
			var rows []thing
			must(t, d.Merge(asA(t), &rows, "n DESC, id", 3, parts(names...)))
			if got := listed(rows); got != want {
				t.Errorf("%q: %q, want %q", names, got, want)
			}
		}
		var rows []thing
		foreign := append(parts("b"), d.For(asB(t)).Model(&thing{}).Limit(3))
		nobody := append(parts("b"), d.For(t.Context()).Model(&thing{}).Limit(3))
		raw := append(parts("b"), d.For(asA(t)).Raw("SELECT * FROM things"))
		for name, parts := range map[string][]*gorm.DB{"foreign": foreign, "nobody's": nobody, "raw": raw, "none": nil, "many": slices.Repeat(parts("b"), db.MostParts+1)} {
			if err := d.Merge(asA(t), &rows, "id", 3, parts); err == nil || len(rows) > 0 {
				t.Errorf("%s: %v, %v", name, rows, err)
			}
		}
		for _, n := range []int{1, 2} {
			none := slices.Repeat([]*gorm.DB{d.For(t.Context()).Model(&thing{}).Limit(3)}, n)
			if err := d.Merge(t.Context(), &rows, "id", 3, none); err == nil || n == 1 && !errors.Is(err, db.ErrNoScope) || len(rows) > 0 {
				t.Errorf("%d without a scope: %v, %v", n, rows, err)
			}
		}
	})
}

func TestStripGoesByItsIndex(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url, db.Options{})
		recorder := testkit.Record(t, d.For(t.Context()))
		for _, q := range []string{
			"CREATE INDEX things_strip ON things (tenant_id, name, n)", "CREATE INDEX things_n ON things (tenant_id, n)",
			`INSERT INTO things (id, tenant_id, name, n, at) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 20000)
SELECT 'i' || i, 'tenant-a', CASE WHEN i % 3 = 0 THEN 'often' ELSE 'name' || i % 40 END, i, '2026-01-01 00:00:00+00:00' FROM s`, "ANALYZE",
		} {
			_, err := d.SQL().ExecContext(t.Context(), q)
			must(t, err)
		}
		for _, name := range []string{"often", "name7", "none"} {
			for _, s := range []db.Strip{{}, {Down: true}, {From: 1000, To: 2000, Down: true}, {After: []any{9000}, Down: true}} {
				s.Columns, s.Values, s.Keys = []string{"tenant_id", "name"}, []any{"tenant-a", name}, []string{"n"}
				for parts := 1; parts < 3; parts++ {
					var rows []thing
					part := s.Of(d.For(db.AllTenants(t.Context())).Model(&thing{}), 51)
					must(t, d.Merge(db.AllTenants(t.Context()), &rows, "n DESC", 51, slices.Repeat([]*gorm.DB{part}, parts)))
					testkit.CheckPlans(t, url, testkit.Bounds{Queries: 1, Rows: 200}, recorder.Take())
				}
			}
		}
	})
}

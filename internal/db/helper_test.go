package db_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// thing belongs to a tenant, and its key does not say so.
type thing struct {
	ID       string `gorm:"primaryKey"`
	TenantID string
	Name     string
	N        int64
	At       time.Time
}

// good belongs to a subscription.
type good struct {
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	Name           string
	N              int64
}

// part belongs to a tenant by its key, and names the subscription too.
type part struct {
	TenantID       string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	ThingID        string
	Name           string
	N              int64
}

// note belongs to nobody.
type note struct {
	ID   string `gorm:"primaryKey"`
	Text string
}

func (note) PlatformOwned() {}

// stray has no owner and does not say that this is meant.
type stray struct {
	ID string `gorm:"primaryKey"`
}

const tables = `
CREATE TABLE things (id text PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, n bigint NOT NULL, at TIME);
CREATE TABLE goods (id text PRIMARY KEY, subscription_id text NOT NULL, name text NOT NULL, n bigint NOT NULL);
CREATE TABLE parts (tenant_id text NOT NULL, id text NOT NULL, subscription_id text NOT NULL, thing_id text NOT NULL REFERENCES things (id),
  name text NOT NULL, n bigint NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE notes (id text PRIMARY KEY, text text NOT NULL);
CREATE TABLE strays (id text PRIMARY KEY)`

// each runs f on both dialects, with the test's own tables.
func each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, open(t, url, db.Options{})) })
}

func open(t *testing.T, url string, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	timeType := map[string]string{db.SQLite: "datetime", db.Postgres: "timestamptz"}[d.Dialect()]
	for _, q := range strings.Split(strings.ReplaceAll(tables, "TIME", timeType), ";") {
		if _, err := d.SQL().ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Two customers with one tenant each.
var (
	scopeA = db.Scope{Subscription: "sub-a", Tenant: "tenant-a"}
	scopeB = db.Scope{Subscription: "sub-b", Tenant: "tenant-b"}
)

func asA(t *testing.T) context.Context { return db.WithScope(t.Context(), scopeA) }
func asB(t *testing.T) context.Context { return db.WithScope(t.Context(), scopeB) }

// fill gives both customers three rows of each kind: a1, a2, a3 and b1, b2, b3,
// with n from 1 to 3.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	for prefix, ctx := range map[string]context.Context{"a": asA(t), "b": asB(t)} {
		for n := range int64(3) {
			id := prefix + string(rune('1'+n))
			must(t, d.For(ctx).Create(&thing{ID: id, Name: "name", N: n + 1, At: time.Unix(1700000000+n, 0)}).Error)
			must(t, d.For(ctx).Create(&good{ID: id, Name: "name", N: n + 1}).Error)
			must(t, d.For(ctx).Create(&part{ID: id, ThingID: id, Name: "name", N: n + 1}).Error)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// contents is all rows of an owner as the database has them, read past the guard.
func contents(t *testing.T, d *db.DB, s db.Scope) []string {
	t.Helper()
	rows, err := d.SQL().QueryContext(t.Context(), `
SELECT 'thing', id, tenant_id, '', name, n FROM things WHERE tenant_id = '`+s.Tenant+`'
UNION ALL SELECT 'good', id, '', subscription_id, name, n FROM goods WHERE subscription_id = '`+s.Subscription+`'
UNION ALL SELECT 'part', id, tenant_id, subscription_id, name, n FROM parts WHERE tenant_id = '`+s.Tenant+`'
ORDER BY 1, 2`)
	must(t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		f := make([]string, 6)
		must(t, rows.Scan(&f[0], &f[1], &f[2], &f[3], &f[4], &f[5]))
		out = append(out, strings.Join(f, "|"))
	}
	must(t, rows.Err())
	return out
}

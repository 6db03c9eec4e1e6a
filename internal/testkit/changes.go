package testkit

import (
	"database/sql"
	"maps"
	"slices"
	"strings"
	"testing"

	"twofold/migrations"
)

// Changes watches a whole database: it tells what was changed since it was asked last.
type Changes struct {
	t       testing.TB
	db      *sql.DB
	conn    *sql.Conn // one and the same, see stand
	stand   string    // asks for a number that is the same while nobody writes anything
	last    int64
	queries map[string]string // by table
	columns map[string][]string
	tables  []string
	seen    map[string][]string
}

// standOf asks whether anybody has written since: who reads all tables each time has no
// time for many questions.
var standOf = map[string]string{
	migrations.SQLite:   "PRAGMA data_version",
	migrations.Postgres: "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
}

// WatchChanges begins to watch all tables but those named.
func WatchChanges(t testing.TB, url string, but ...string) *Changes {
	t.Helper()
	driver, dsn, dialect := driverOf(url)
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	schema, err := readSchema(t.Context(), db, columnsOf[dialect])
	if err != nil {
		t.Fatalf("testkit: schema: %v", err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &Changes{t: t, db: db, conn: conn, stand: standOf[dialect], last: -1, queries: map[string]string{}, columns: map[string][]string{}, seen: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		if schema[name].View || slices.Contains(but, name) {
			continue
		}
		columns := slices.Sorted(maps.Keys(schema[name].Columns))
		c.tables, c.columns[name] = append(c.tables, name), columns
		c.queries[name] = `SELECT "` + strings.Join(columns, `", "`) + `" FROM "` + name + `"`
	}
	for _, name := range but {
		if _, ok := schema[name]; !ok {
			t.Fatalf("testkit: there is no table %s", name)
		}
	}
	c.Since()
	return c
}

// Since lists the rows that came, went or are another since the last call: with their
// table, and a sign.
func (c *Changes) Since() (rows []string) {
	c.t.Helper()
	var stand int64
	if err := c.conn.QueryRowContext(c.t.Context(), c.stand).Scan(&stand); err != nil {
		c.t.Fatalf("testkit: changes: %v", err)
	}
	if stand == c.last {
		return nil
	}
	c.last = stand
	for _, name := range c.tables {
		lines, err := readLines(c.t.Context(), c.db, c.queries[name], c.columns[name])
		if err != nil {
			c.t.Fatalf("testkit: changes of %s: %v", name, err)
		}
		slices.Sort(lines)
		if !slices.Equal(lines, c.seen[name]) {
			for _, d := range difference(c.seen[name], lines) {
				rows = append(rows, name+" "+d)
			}
			c.seen[name] = lines
		}
	}
	return rows
}

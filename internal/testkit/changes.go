package testkit

import (
	"context"
	"database/sql"
	"fmt"
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
	touched string           // asks how often each table was written to
	times   map[string]int64 // by table, when asked last
	queries map[string]string
	columns map[string][]string
	tables  []string
	seen    map[string][]string
}

// counters let a database count by itself how often each of its tables is written to, for
// who reads all tables each time has no time for many questions. What they say never comes
// late: SQLite's is of the same transaction. PostgreSQL's are sequences: they are of no
// transaction, so a write that is undone counts too, and no writer waits for another.
var counters = map[string]struct{ setup, table, touched string }{
	migrations.SQLite: {
		setup: `CREATE TABLE testkit_touched (name TEXT PRIMARY KEY, times INTEGER NOT NULL)`,
		table: `INSERT INTO testkit_touched VALUES ('%[1]s', 0);
			CREATE TRIGGER testkit_i_%[1]s AFTER INSERT ON "%[1]s" BEGIN UPDATE testkit_touched SET times = times + 1 WHERE name = '%[1]s'; END;
			CREATE TRIGGER testkit_u_%[1]s AFTER UPDATE ON "%[1]s" BEGIN UPDATE testkit_touched SET times = times + 1 WHERE name = '%[1]s'; END;
			CREATE TRIGGER testkit_d_%[1]s AFTER DELETE ON "%[1]s" BEGIN UPDATE testkit_touched SET times = times + 1 WHERE name = '%[1]s'; END`,
		touched: `SELECT name, times FROM testkit_touched`,
	},
	migrations.Postgres: {
		setup: `CREATE FUNCTION testkit_touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('testkit_' || TG_TABLE_NAME); RETURN NULL; END $$`,
		table: `CREATE SEQUENCE testkit_%[1]s;
			CREATE TRIGGER testkit_touched AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "%[1]s" EXECUTE FUNCTION testkit_touched()`,
		touched: `SELECT substr(sequencename, 9), coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema() AND sequencename LIKE 'testkit\_%'`,
	},
}

// WatchChanges begins to watch all tables but those named. A database is watched by one.
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
	for _, name := range but {
		if _, ok := schema[name]; !ok {
			t.Fatalf("testkit: there is no table %s", name)
		}
	}
	counter := counters[dialect]
	setup := []string{counter.setup}
	c := &Changes{t: t, db: db, touched: counter.touched, times: map[string]int64{}, queries: map[string]string{}, columns: map[string][]string{}, seen: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		if schema[name].View || slices.Contains(but, name) {
			continue
		}
		columns := slices.Sorted(maps.Keys(schema[name].Columns))
		c.tables, c.columns[name], c.times[name] = append(c.tables, name), columns, -1
		c.queries[name] = `SELECT "` + strings.Join(columns, `", "`) + `" FROM "` + name + `"`
		setup = append(setup, fmt.Sprintf(counter.table, name))
	}
	for _, s := range setup {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("testkit: watch: %v", err)
		}
	}
	c.Since()
	return c
}

// Since lists the rows that came, went or are another since the last call: with their
// table, and a sign.
func (c *Changes) Since() (rows []string) {
	c.t.Helper()
	times, err := c.count(c.t.Context())
	if err != nil {
		c.t.Fatalf("testkit: changes: %v", err)
	}
	for _, name := range c.tables {
		if times[name] == c.times[name] {
			continue
		}
		c.times[name] = times[name]
		lines, err := readLines(c.t.Context(), c.db, c.queries[name], c.columns[name])
		if err != nil {
			c.t.Fatalf("testkit: changes of %s: %v", name, err)
		}
		slices.Sort(lines)
		for _, d := range difference(c.seen[name], lines) {
			rows = append(rows, name+" "+d)
		}
		c.seen[name] = lines
	}
	return rows
}

// count reads how often each table was written to.
func (c *Changes) count(ctx context.Context) (map[string]int64, error) {
	rows, err := c.db.QueryContext(ctx, c.touched)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	times := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		times[name] = n
	}
	return times, rows.Err()
}

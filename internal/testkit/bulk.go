package testkit

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"twofold/migrations"
)

// indexesOf asks for what makes the indexes of a table that no constraint needs.
var indexesOf = map[string]string{
	migrations.SQLite: "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?",
	migrations.Postgres: `SELECT indexname, indexdef FROM pg_indexes i WHERE schemaname = 'public' AND tablename = $1
AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)`,
}

// series is a table n of numbers i, from 1 on; of times at, a step apart.
var series = map[string]string{
	migrations.SQLite: `(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < COUNT)
SELECT i, strftime('%Y-%m-%d %H:%M:%S+00:00', 1767225600 + i * STEP, 'unixepoch') AS at FROM c) n`,
	migrations.Postgres: "(SELECT i, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' * STEP AS at FROM generate_series(1, COUNT) AS s(i)) n",
}

// quick are settings of one connection that fills a database which nobody will miss.
var quick = map[string][]string{
	migrations.SQLite:   {"PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000", "PRAGMA temp_store = MEMORY", "PRAGMA analysis_limit = 1000"},
	migrations.Postgres: {"SET synchronous_commit = off", "SET maintenance_work_mem = '256MB'"},
}

// Bulk fills a table of the database at url with very many rows: quickly, for its
// indexes are made afterwards, and analysed. Each insert is an INSERT … SELECT that both
// dialects take, FROM SERIES(count, seconds): a table n of numbers i from 1 on, and of
// times at from the beginning of 2026 on.
func Bulk(t testing.TB, url, table string, inserts ...string) {
	t.Helper()
	name, dsn, dialect := driverOf(url)
	db, err := sql.Open(name, dsn)
	if err != nil {
		t.Fatalf("testkit: bulk: %v", err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	statements, after, err := withoutIndexes(t.Context(), db, indexesOf[dialect], table)
	if err != nil {
		t.Fatalf("testkit: bulk: %v", err)
	}
	statements = append(statements, quick[dialect]...)
	for _, q := range inserts {
		statements = append(statements, expandSeries(q, series[dialect]))
	}
	for _, q := range append(append(statements, after...), "ANALYZE "+table) {
		began := time.Now()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("testkit: bulk: %v\n%s", err, q)
		}
		if took := time.Since(began); took > time.Second {
			t.Logf("testkit: bulk: %v for %.60s", took.Round(100*time.Millisecond), q)
		}
	}
}

// withoutIndexes are the statements that drop the indexes of a table, and that make them.
func withoutIndexes(ctx context.Context, db *sql.DB, query, table string) (before, after []string, err error) {
	rows, err := db.QueryContext(ctx, query, table)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, make string
		if err := rows.Scan(&name, &make); err != nil {
			return nil, nil, err
		}
		before, after = append(before, "DROP INDEX "+name), append(after, make)
	}
	return before, after, rows.Err()
}

// expandSeries puts a table in the place of each SERIES(count, seconds).
func expandSeries(q, table string) string {
	head, rest, ok := strings.Cut(q, "SERIES(")
	if !ok {
		return q
	}
	inner, tail, _ := strings.Cut(rest, ")")
	count, step, _ := strings.Cut(inner, ", ")
	return head + strings.NewReplacer("COUNT", count, "STEP", step).Replace(table) + expandSeries(tail, table)
}

package migrations_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit"
	"twofold/migrations"
)

// empty hands out databases without a schema.
var empty = &testkit.Kit{Migrate: func(_ context.Context, url string) error {
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return os.WriteFile(file, nil, 0o600)
	}
	return nil
}}

func TestMain(m *testing.M) {
	code := m.Run()
	empty.Close()
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) (db *sql.DB, dialect string) {
	t.Helper()
	driver, dsn, dialect := "pgx", url, migrations.Postgres
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn, dialect = "sqlite", file+"?_pragma=foreign_keys(1)", migrations.SQLite
	}
	db, err := sql.Open(driver, dsn)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db, dialect
}

// migrated is a fresh database of each dialect, brought to its schema.
func migrated(t *testing.T) (sqlite, postgres string) {
	t.Helper()
	sqlite, postgres = empty.SQLite(t), empty.Postgres(t)
	for _, url := range []string{sqlite, postgres} {
		db, dialect := open(t, url)
		_, err := migrations.Up(t.Context(), db, dialect)
		must(t, err)
	}
	return sqlite, postgres
}

func files(t *testing.T, dialect string) []string {
	t.Helper()
	dir, err := migrations.Files(dialect)
	must(t, err)
	names, err := fs.Glob(dir, "*")
	must(t, err)
	return names
}

func TestBothDialectsHaveTheSameFiles(t *testing.T) {
	sqlite, postgres := files(t, migrations.SQLite), files(t, migrations.Postgres)
	if diff := cmp.Diff(sqlite, postgres); diff != "" {
		t.Error(diff)
	}
	form := regexp.MustCompile(`^\d{4}_[a-z0-9]+(_[a-z0-9]+)+\.sql$`)
	for i, name := range sqlite {
		if !form.MatchString(name) || !strings.HasPrefix(name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("file %d is %s, want NNNN_owner_what.sql", i+1, name)
		}
	}
}

// Every file says whose tables it makes, and how to take them back.
func TestFilesNameTheirOwner(t *testing.T) {
	for _, dialect := range []string{migrations.SQLite, migrations.Postgres} {
		dir, err := migrations.Files(dialect)
		must(t, err)
		for _, name := range files(t, dialect) {
			text, err := fs.ReadFile(dir, name)
			must(t, err)
			up, down, ok := strings.Cut(string(text), "-- +goose Down\n")
			if !ok || !strings.HasPrefix(up, "-- +goose Up\n-- Owner") || strings.TrimSpace(down) == "" {
				t.Errorf("%s: want an Up with its owner, and a Down", path.Join(dialect, name))
			}
		}
	}
}

func TestBothDialectsEndInTheSameSchema(t *testing.T) {
	sqlite, postgres := migrated(t)
	of := func(url string) map[string]testkit.Table {
		s := testkit.Schema(t, url)
		delete(s, "goose_db_version")
		return s
	}
	s, p := of(sqlite), of(postgres)
	if diff := cmp.Diff(s, p); diff != "" {
		t.Errorf("SQLite (-) and PostgreSQL (+) differ: %s", diff)
	}
	if len(p) < 20 {
		t.Errorf("only %d tables", len(p))
	}
	for table, columns := range p {
		for name, c := range columns.Columns {
			if !columns.View && !slices.Contains([]string{"text", "integer", "bool", "time", "bytes"}, c.Class) {
				t.Errorf("%s.%s is of kind %q", table, name, c.Class)
			}
		}
	}
}

const (
	keysOfSQLite = `
SELECT t.name || ' key ' || (SELECT group_concat(name, ',' ORDER BY pk) FROM pragma_table_info(t.name) WHERE pk > 0)
FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
UNION ALL SELECT t.name || CASE i.origin WHEN 'u' THEN ' unique ' ELSE ' index ' || i.name || CASE i."unique" WHEN 1 THEN ' unique ' ELSE ' ' END END ||
  (SELECT group_concat(name, ',' ORDER BY seqno) FROM pragma_index_info(i.name))
FROM sqlite_schema t JOIN pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin <> 'pk'
UNION ALL SELECT t.name || ' refers by ' || group_concat(f."from", ',' ORDER BY f.seq) || ' to ' || f."table" || ' ' || group_concat(f."to", ',' ORDER BY f.seq)
FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table' GROUP BY t.name, f.id`
	keysOfPostgres = `
WITH names AS (SELECT c.oid, c.conrelid, c.confrelid, c.contype,
  (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(c.conkey) WITH ORDINALITY k(num, n) JOIN pg_attribute ON attrelid = c.conrelid AND attnum = num) AS columns,
  (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(c.confkey) WITH ORDINALITY k(num, n) JOIN pg_attribute ON attrelid = c.confrelid AND attnum = num) AS others
  FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace)
SELECT conrelid::regclass || CASE contype WHEN 'p' THEN ' key ' WHEN 'u' THEN ' unique ' ELSE ' refers by ' END || columns ||
  CASE contype WHEN 'f' THEN ' to ' || confrelid::regclass || ' ' || others ELSE '' END
FROM names WHERE contype IN ('p', 'u', 'f')
UNION ALL SELECT i.indrelid::regclass || ' index ' || i.indexrelid::regclass || CASE WHEN i.indisunique THEN ' unique ' ELSE ' ' END ||
  (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, n) JOIN pg_attribute ON attrelid = i.indrelid AND attnum = num)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)`
)

// Keys, uniqueness, references and indexes are what isolation and speed stand on.
func TestBothDialectsHaveTheSameKeys(t *testing.T) {
	sqlite, postgres := migrated(t)
	of := func(url, query string) []string {
		db, _ := open(t, url)
		rows, err := db.QueryContext(t.Context(), query)
		must(t, err)
		defer rows.Close()
		var out []string
		for rows.Next() {
			var line string
			must(t, rows.Scan(&line))
			if !strings.HasPrefix(line, "goose_db_version") {
				out = append(out, line)
			}
		}
		must(t, rows.Err())
		slices.Sort(out)
		return slices.Compact(out)
	}
	s, p := of(sqlite, keysOfSQLite), of(postgres, keysOfPostgres)
	if diff := cmp.Diff(s, p); diff != "" {
		t.Errorf("SQLite (-) and PostgreSQL (+) differ: %s", diff)
	}
	if want := "assignments refers by subscription_id,two_factor_id to two_factors subscription_id,id"; !slices.Contains(p, want) {
		t.Errorf("%q is not in\n%s", want, strings.Join(p, "\n"))
	}
}

func TestViewsCanBeRead(t *testing.T) {
	sqlite, postgres := migrated(t)
	for _, url := range []string{sqlite, postgres} {
		db, _ := open(t, url)
		views := 0
		for name, table := range testkit.Schema(t, url) {
			if !table.View {
				continue
			}
			views++
			var n int
			must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+name).Scan(&n))
		}
		if views == 0 {
			t.Error("there are no views")
		}
	}
}

func TestUpDownUp(t *testing.T) {
	empty.EachDatabase(t, func(t *testing.T, url string) {
		db, dialect := open(t, url)
		ctx := t.Context()
		n := int64(len(files(t, dialect)))
		status := func(name string, want int64) {
			t.Helper()
			got, err := migrations.Check(ctx, db, dialect)
			if err != nil || got != (migrations.Status{Current: want, Latest: n}) {
				t.Errorf("%s: %+v, %v; want %d of %d", name, got, err, want, n)
			}
		}
		up := func(name string, want int64) {
			t.Helper()
			done, err := migrations.Up(ctx, db, dialect)
			if err != nil || int64(len(done)) != want {
				t.Errorf("%s: %v, %v; want %d", name, done, err, want)
			}
		}
		status("before", 0)
		up("first", n)
		status("after", n)
		up("again", 0)
		first := testkit.Schema(t, url)
		must(t, migrations.Down(ctx, db, dialect))
		status("taken back", 0)
		left := slices.Sorted(maps.Keys(testkit.Schema(t, url)))
		if diff := cmp.Diff([]string{"goose_db_version"}, left); diff != "" {
			t.Errorf("left behind: %s", diff)
		}
		up("anew", n)
		if diff := cmp.Diff(first, testkit.Schema(t, url)); diff != "" {
			t.Error(diff)
		}
	})
}

// Four replicas start at once: one migrates, the others wait for it.
func TestConcurrentUp(t *testing.T) {
	url := empty.Postgres(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var done []int64
	for range 4 {
		db, dialect := open(t, url)
		wg.Go(func() {
			versions, err := migrations.Up(t.Context(), db, dialect)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			done = append(done, versions...)
		})
	}
	wg.Wait()
	slices.Sort(done)
	if n := len(files(t, migrations.Postgres)); len(done) != n || len(slices.Compact(done)) != n {
		t.Errorf("applied %v, want each of %d once", done, n)
	}
}

func TestErrors(t *testing.T) {
	db, dialect := open(t, empty.SQLite(t))
	if _, err := migrations.Up(t.Context(), db, "mysql"); err == nil {
		t.Error("an unknown dialect is migrated")
	}
	if _, err := migrations.Check(t.Context(), db, "mysql"); err == nil {
		t.Error("an unknown dialect is checked")
	}
	must(t, db.Close())
	if _, err := migrations.Up(t.Context(), db, dialect); err == nil || !strings.HasPrefix(err.Error(), "migrations: ") {
		t.Errorf("on a closed database: %v", err)
	}
}

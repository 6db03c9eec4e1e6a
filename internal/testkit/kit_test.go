package testkit_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// notes is a kit with a schema of one table, and counts its migrations.
func notes(t *testing.T) (*testkit.Kit, *atomic.Int32) {
	t.Helper()
	var runs atomic.Int32
	kit := &testkit.Kit{Migrate: func(ctx context.Context, url string) error {
		runs.Add(1)
		driver, dsn := "pgx", url
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			driver, dsn = "sqlite", path+"?_pragma=journal_mode(WAL)"
		}
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "CREATE TABLE notes (body text NOT NULL)")
		return errors.Join(err, db.Close())
	}}
	t.Cleanup(kit.Close)
	return kit, &runs
}

func TestEachDatabaseIsFreshAndIsolated(t *testing.T) {
	kit, runs := notes(t)
	var names []string
	kit.EachDatabase(t, func(t *testing.T, url string) {
		names = append(names, t.Name())
		first := open(t, url)
		exec(t, first, "INSERT INTO notes VALUES ('mine')")
		again := kit.SQLite
		if strings.HasPrefix(url, "postgres:") {
			again = kit.Postgres
		}
		second := open(t, again(t))
		if n := count(t, second, "SELECT count(*) FROM notes"); n != 0 {
			t.Errorf("a second database has %d rows of the first", n)
		}
		if n := count(t, first, "SELECT count(*) FROM notes"); n != 1 {
			t.Errorf("the first database has %d rows, want 1", n)
		}
	})
	if got := strings.Join(names, " "); got != t.Name()+"/sqlite "+t.Name()+"/postgres" {
		t.Errorf("subtests = %s", got)
	}
	if runs.Load() != 2 {
		t.Errorf("migrated %d times, want once per dialect", runs.Load())
	}
}

func TestDatabasesInParallel(t *testing.T) {
	kit, _ := notes(t)
	t.Run("all", func(t *testing.T) {
		for range 8 {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				exec(t, open(t, kit.Postgres(t)), "INSERT INTO notes VALUES ('x')")
				exec(t, open(t, kit.SQLite(t)), "INSERT INTO notes VALUES ('x')")
			})
		}
	})
}

func TestPostgresIsDroppedAfterTheTest(t *testing.T) {
	kit, _ := notes(t)
	admin := open(t, kit.Postgres(t))
	const names = "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'twofold_test_')"
	before := count(t, admin, names)
	t.Run("leaves a connection open", func(t *testing.T) {
		db := open(t, kit.Postgres(t))
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn // never given back
		if n := count(t, admin, names); n != before+1 {
			t.Errorf("%d databases, want %d", n, before+1)
		}
	})
	if n := count(t, admin, names); n != before {
		t.Errorf("%d databases after the test, want %d", n, before)
	}
}

// The schema of package migrations, by the package-level functions.
func TestEachDatabaseHasTheSchema(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		if n := count(t, open(t, url), "SELECT count(*) FROM goose_db_version WHERE version_id > 0"); n == 0 {
			t.Error("no migration was applied")
		}
	})
}

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
	t.Setenv("TWOFOLD_TEST_LATER", "") // it is about both
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

// The server is shared with the tests of other packages, which make and drop
// databases meanwhile: only the one database of this test may be asked for.
func TestPostgresIsDroppedAfterTheTest(t *testing.T) {
	kit, _ := notes(t)
	admin := open(t, kit.Postgres(t))
	var name string
	exists := func() bool {
		t.Helper()
		var n int
		err := admin.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", name).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	t.Run("leaves a connection open", func(t *testing.T) {
		db := open(t, kit.Postgres(t))
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		// conn is never given back.
		if !exists() {
			t.Errorf("%s does not exist during the test", name)
		}
	})
	if exists() {
		t.Errorf("%s still exists after the test", name)
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

package testkit

import (
	"context"
	"sync"
	"testing"
)

// Kit hands out databases. Making them is quick: Migrate runs once per dialect,
// on a template that is then copied for each test.
//
// A Kit must not be copied. The package-level functions use one Kit, with the
// schema of package migrations, for the whole test binary.
type Kit struct {
	// Migrate brings the empty database at url, "sqlite:PATH" or "postgres://…",
	// to its schema. It must close its connections.
	Migrate func(ctx context.Context, url string) error

	sqlite   sqliteTemplate
	postgres postgresTemplate

	mu   sync.Mutex
	ends []func()
}

// standard is the only package-level variable here, and is never assigned to. It
// holds what is made once per test binary; tests share nothing else.
var standard = &Kit{Migrate: migrateSchema}

// EachDatabase runs f as the subtests "sqlite" and "postgres", each with the URL
// of a fresh, migrated database of its own.
func EachDatabase(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	standard.EachDatabase(t, f)
}

// SQLite returns the URL of a fresh, migrated SQLite database.
func SQLite(t testing.TB) string {
	t.Helper()
	return standard.SQLite(t)
}

// Postgres returns the URL of a fresh, migrated PostgreSQL database.
func Postgres(t testing.TB) string {
	t.Helper()
	return standard.Postgres(t)
}

// Main is for TestMain, in packages with many database tests: it removes what
// the kit made for the binary and returns the exit code.
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
//
// Without it the server still dies with the binary, and the next run sweeps up.
func Main(m *testing.M) int {
	defer standard.Close()
	defer standard.end()
	return m.Run()
}

// AtEnd has f called when all tests of the binary are done, if its TestMain is Main.
func AtEnd(f func()) {
	standard.mu.Lock()
	defer standard.mu.Unlock()
	standard.ends = append(standard.ends, f)
}

func (k *Kit) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.ends {
		f()
	}
}

// EachDatabase runs f with either database, see the function of this name.
func (k *Kit) EachDatabase(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { Later(t); f(t, k.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { sooner(t); f(t, k.Postgres(t)) })
}

// Close ends the PostgreSQL server, if the kit started one.
func (k *Kit) Close() { k.postgres.close() }

// once is a result that is made on the first call and kept, its error too.
type once[T any] struct {
	sync.Once
	value T
	err   error
}

func (o *once[T]) get(make func() (T, error)) (T, error) {
	o.Do(func() { o.value, o.err = make() })
	return o.value, o.err
}

// Package migrations holds the schema of both databases as plain SQL and brings a
// database up to it. A file's name carries the owner of what it makes. Changes
// expand first and contract a release later, so that old and new replicas run on
// one schema.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Dialects with a directory of files each.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// Files lists the SQL files of a dialect.
func Files(dialect string) (fs.FS, error) { return fs.Sub(files, dialect) }

// Status of a database against the files.
type Status struct{ Current, Latest int64 }

// Up applies what is missing and returns the versions applied. Any number of
// replicas may call it at once on PostgreSQL: a session lock lets one work.
func Up(ctx context.Context, db *sql.DB, dialect string) ([]int64, error) {
	p, err := provider(db, dialect)
	if err != nil {
		return nil, err
	}
	results, err := p.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: up: %w", err)
	}
	var done []int64
	for _, r := range results {
		done = append(done, r.Source.Version)
	}
	return done, nil
}

// Check compares a database with the files without changing it.
func Check(ctx context.Context, db *sql.DB, dialect string) (Status, error) {
	p, err := provider(db, dialect)
	if err != nil {
		return Status{}, err
	}
	current, latest, err := p.GetVersions(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("migrations: check: %w", err)
	}
	return Status{Current: current, Latest: latest}, nil
}

func provider(db *sql.DB, dialect string) (*goose.Provider, error) {
	sub, err := Files(dialect)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	var opts []goose.ProviderOption
	var d database.Dialect
	switch dialect {
	case Postgres:
		d = goose.DialectPostgres
		// Asked for each second, for five minutes: who waits goes on soon.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, fmt.Errorf("migrations: lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	case SQLite:
		d = goose.DialectSQLite3
	default:
		return nil, errors.New("migrations: unknown dialect " + dialect)
	}
	p, err := goose.NewProvider(d, db, sub, opts...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

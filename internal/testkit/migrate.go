package testkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "github.com/glebarez/go-sqlite"  // database/sql driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"

	"twofold/migrations"
)

// migrateSchema opens url with plain database/sql rather than with internal/db,
// so that the tests of internal/db can use this package.
func migrateSchema(ctx context.Context, url string) (err error) {
	driver, dsn, dialect := "pgx", url, migrations.Postgres
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn, dialect = "sqlite", path+"?_pragma=foreign_keys(1)", migrations.SQLite
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return fmt.Errorf("testkit: migrate: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = migrations.Up(ctx, db, dialect)
	return err
}

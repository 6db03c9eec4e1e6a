package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/glebarez/sqlite"
)

// ErrInUse reports that others have a database open.
var ErrInUse = errors.New("others have the database open")

// Alone returns ErrInUse if anybody else has the database at rawURL open and has read
// from it. The caller must have closed it. Who comes later is not seen.
func Alone(ctx context.Context, rawURL string) error {
	ask := aloneOnPostgres
	if strings.HasPrefix(rawURL, "sqlite:") {
		ask = aloneOnSQLite
	}
	ok, err := ask(ctx, rawURL)
	switch {
	case err != nil:
		return fmt.Errorf("db: alone: %w", err)
	case !ok:
		return ErrInUse
	}
	return nil
}

// aloneOnSQLite leaves the mode of the write-ahead log, which SQLite lets only the last
// connection do. Open enters it again.
func aloneOnSQLite(ctx context.Context, rawURL string) (ok bool, err error) {
	path := &url.URL{Path: strings.TrimPrefix(rawURL, "sqlite:")}
	s, err := sql.Open(sqlite.DriverName, "file:"+path.EscapedPath()+"?_pragma=busy_timeout(500)")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var mode string
	if err := s.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode); err != nil {
		if strings.Contains(err.Error(), "locked") {
			return false, nil
		}
		return false, err
	}
	return mode == "delete", nil
}

func aloneOnPostgres(ctx context.Context, rawURL string) (ok bool, err error) {
	s, _, err := OpenSQL(rawURL)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var others int
	err = s.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others)
	return others == 0, err
}

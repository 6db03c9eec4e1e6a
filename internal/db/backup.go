package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/glebarez/sqlite"
)

// Backup copies a SQLite database to a new file, as it stood at one moment, while others
// go on reading and writing. It must not be there yet, and is there in full or, after a
// failure, not at all.
func (d *DB) Backup(ctx context.Context, path string) (err error) {
	if d.dialect != SQLite {
		return errors.New("db: only a SQLite database is copied from here")
	}
	if path, err = filepath.Abs(path); err != nil { // no name that SQLite takes for more than a file
		return fmt.Errorf("db: backup: %w", err)
	}
	// This takes the name, so that no file is ever overwritten.
	if err := newFile(path); err != nil {
		return fmt.Errorf("db: backup: %w", err)
	}
	part := path + ".part"
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	if err := newFile(part); err != nil {
		return fmt.Errorf("db: backup: %w", err)
	}
	if err := d.copyTo(ctx, part); err != nil {
		return fmt.Errorf("db: backup: %w", errors.Join(err, os.Remove(part)))
	}
	if err := errors.Join(os.Rename(part, path), syncFile(filepath.Dir(path))); err != nil {
		return fmt.Errorf("db: backup: %w", err)
	}
	return nil
}

// copyTo fills an empty file and makes sure that it is on the disk and whole.
func (d *DB) copyTo(ctx context.Context, path string) error {
	if _, err := d.sql.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return err
	}
	if err := syncFile(path); err != nil {
		return err
	}
	return intact(ctx, path)
}

// intact has SQLite read all of a database.
func intact(ctx context.Context, path string) (err error) {
	s, err := sql.Open(sqlite.DriverName, "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var verdict string
	if err := s.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New("the copy is not whole")
	}
	return nil
}

func newFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// syncFile brings a file or the names in a directory to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

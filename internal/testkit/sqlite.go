package testkit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// sqliteTemplate keeps the migrated file in memory: a few hundred kilobytes,
// and no file that somebody would have to remove.
type sqliteTemplate struct{ file once[[]byte] }

// SQLite returns the URL of a fresh, migrated SQLite database, see the function
// of this name.
func (k *Kit) SQLite(t testing.TB) string {
	t.Helper()
	data, err := k.sqlite.file.get(k.makeSQLite)
	if err != nil {
		t.Fatalf("testkit: SQLite template: %v", err)
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func (k *Kit) makeSQLite() ([]byte, error) {
	dir, err := os.MkdirTemp("", "twofold-sqlite-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	if err := k.Migrate(context.Background(), "sqlite:"+path); err != nil {
		return nil, err
	}
	// SQLite folds the write-ahead log into the file when the last connection
	// closes. A log that is still there means that the file is not whole.
	if st, err := os.Stat(path + "-wal"); err == nil && st.Size() > 0 {
		return nil, errors.New("migration left a connection open: there is still a write-ahead log")
	}
	return os.ReadFile(path)
}

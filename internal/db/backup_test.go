package db_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

func opened(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestBackupUnderLoad copies while others write; what is there at the start is in the
// copy, and of what comes meanwhile all that was committed together or nothing.
func TestBackupUnderLoad(t *testing.T) {
	d := opened(t, testkit.SQLite(t))
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := d.SQL().ExecContext(t.Context(), q, args...); err != nil {
			t.Error(err)
		}
	}
	exec("CREATE TABLE pairs (n integer, half text)")
	for n := range 2000 {
		exec("INSERT INTO pairs VALUES (?, 'left and long enough to fill a page or two'), (?, 'right')", n, n)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					exec("INSERT INTO pairs VALUES (-1, 'left'), (-1, 'right')")
				}
			}
		})
	}
	dir := t.TempDir()
	for _, name := range []string{"one.db", "two with a space?.db", "file:three#.db"} {
		path := filepath.Join(dir, name)
		if err := d.Backup(t.Context(), path); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, st.Mode(), err)
		}
		c := opened(t, "sqlite:"+path)
		var before, left, right int
		err := c.SQL().QueryRowContext(t.Context(), "SELECT count(*) FILTER (WHERE n >= 0), count(*) FILTER (WHERE half LIKE 'left%'), count(*) FILTER (WHERE half = 'right') FROM pairs").Scan(&before, &left, &right)
		if err != nil || before != 4000 || left != right {
			t.Errorf("%s: %d rows of before, %d left, %d right, %v", name, before, left, right, err)
		}
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*.part")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	d := opened(t, testkit.SQLite(t))
	path := filepath.Join(t.TempDir(), "there.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := d.Backup(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory.db")); err == nil {
		t.Error("into a directory that is not there")
	}
	// A failure leaves nothing that could be taken for a copy.
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := d.Backup(t.Context(), other); err == nil {
		t.Error("of a closed database")
	}
	if names, err := filepath.Glob(other + "*"); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestBackupOfPostgres(t *testing.T) {
	d := opened(t, testkit.Postgres(t))
	if err := d.Backup(t.Context(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), "SQLite") {
		t.Errorf("%v", err)
	}
}

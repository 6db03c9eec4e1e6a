package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStaleDirectoriesAreSwept(t *testing.T) {
	base := t.TempDir()
	killed, err := New(base, "a-")
	if err != nil {
		t.Fatal(err)
	}
	_ = killed.lock.Close() // as the kernel does for a killed process
	old := filepath.Join(base, "a-old")
	fresh := filepath.Join(base, "a-fresh")
	for _, dir := range []string{old, fresh} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	living, err := New(base, "a-")
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(base, "a-")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       bool
	}{
		{"of a killed run", killed.Path, false},
		{"never locked, old", old, false},
		{"not locked yet", fresh, true},
		{"in use", living.Path, true},
		{"also in use", other.Path, true},
	}
	for _, tt := range tests {
		if got := exists(tt.path); got != tt.want {
			t.Errorf("%s: exists = %v, want %v", tt.name, got, tt.want)
		}
	}
	living.Remove()
	if exists(living.Path) {
		t.Error("Remove left the directory")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

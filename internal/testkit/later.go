package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// scripts/test runs all tests in two passes, see docs/adr/0035: the first, under the race
// detector, has PostgreSQL; the second, without it, has SQLite and what is long and shows
// the detector nothing. What the first leaves out it writes down, and the second runs that
// and no more. This variable is then "note:DIRECTORY" and "run:DIRECTORY"; without it
// there is one pass, with everything.
const laterVariable = "TWOFOLD_TEST_LATER"

// Later begins a test that is long, and looks for nothing that the race detector would
// find. In the first of two passes it is left for the second.
func Later(t testing.TB) {
	t.Helper()
	if dir, ok := strings.CutPrefix(os.Getenv(laterVariable), "note:"); ok {
		if err := note(dir, t.Name()); err != nil {
			t.Fatalf("testkit: it would be run in neither pass: %v", err)
		}
		t.Skip("runs in the second pass, without the race detector")
	}
}

// sooner skips in the second pass what the first has run: all that it did not leave out.
func sooner(t testing.TB) {
	t.Helper()
	dir, ok := strings.CutPrefix(os.Getenv(laterVariable), "run:")
	if !ok {
		return
	}
	noted, err := notes(dir)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	if !slices.ContainsFunc(noted, func(name string) bool { return strings.HasPrefix(t.Name()+"/", name+"/") }) {
		t.Skip("ran in the first pass, under the race detector")
	}
}

// note writes a line "DIRECTORY NAME" to a file of this process. A test binary runs in the
// directory of its package.
func note(dir, test string) error {
	pkg, err := os.Getwd()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s\n", pkg, test)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// notes returns the names that were noted for this package.
func notes(dir string) ([]string, error) {
	pkg, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), pkg+" "); ok {
				out = append(out, name)
			}
		}
	}
	return out, nil
}

package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNotInstalled reports that this machine has no PostgreSQL server programs.
var ErrNotInstalled = errors.New("pgcluster: PostgreSQL is not installed")

// Install says how to get PostgreSQL.
const Install = "apt-get install postgresql (or another package of PostgreSQL 13 or newer), or set TWOFOLD_TEST_POSTGRES to the superuser URL of a running server"

// binDir finds a directory with both initdb and postgres. Debian keeps them
// out of PATH, so PATH comes last.
func binDir() (string, error) {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	dirs = append(dirs, newestFirst(glob("/usr/lib/postgresql/*/bin"))...)
	dirs = append(dirs, newestFirst(glob("/usr/pgsql-*/bin"))...)
	dirs = append(dirs, glob("/opt/homebrew/opt/postgresql*/bin")...)
	if p, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(p))
	}
	for _, d := range dirs {
		if isFile(filepath.Join(d, "initdb")) && isFile(filepath.Join(d, "postgres")) {
			return d, nil
		}
	}
	return "", fmt.Errorf("%w: looked for initdb and postgres by pg_config, in /usr/lib/postgresql and in PATH", ErrNotInstalled)
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern) // the only error is a bad pattern
	return found
}

// newestFirst orders paths such as /usr/lib/postgresql/15/bin by the number in them.
func newestFirst(dirs []string) []string {
	version := func(dir string) int {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, filepath.Base(filepath.Dir(dir)))
		n, _ := strconv.Atoi(digits)
		return n
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

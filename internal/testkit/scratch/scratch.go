// Package scratch makes temporary directories for programs that tests start.
// Unlike t.TempDir they may be left by a run that was killed: the next one that
// makes a directory with the same prefix sweeps them up. It knows no program.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const lockName = "lock"

// Dir is a temporary directory in use.
type Dir struct {
	Path string
	lock *os.File
}

// New makes a directory in base whose name begins with prefix, and removes the
// stale ones of that prefix.
func New(base, prefix string) (*Dir, error) {
	sweep(base, prefix)
	path, err := os.MkdirTemp(base, prefix)
	if err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	lock, err := lockFile(filepath.Join(path, lockName))
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("scratch: %w", err)
	}
	return &Dir{Path: path, lock: lock}, nil
}

// Remove removes the directory. A process on its last legs may still be writing,
// so it tries for a second; what stays is swept by a later New.
func (d *Dir) Remove() {
	for range 20 {
		if os.RemoveAll(d.Path) == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = d.lock.Close()
}

// lockFile makes a file that is locked before others can see it under path.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, os.Rename(path+".new", path)
}

// sweep removes the directories of runs that were killed. The lock, not a
// process id, says who still lives: ids are reused.
func sweep(base, prefix string) {
	found, _ := filepath.Glob(filepath.Join(base, prefix+"*")) // the only error is a bad pattern
	for _, dir := range found {
		if isStale(dir) {
			_ = os.RemoveAll(dir) // another user's: not ours to remove
		}
	}
}

func isStale(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		st, err := os.Stat(dir) // between MkdirTemp and the lock
		return err == nil && time.Since(st.ModTime()) > time.Minute
	}
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	dirPrefix = "twofold-pg-"
	lockName  = "lock"
)

// baseDir is the temporary directory, unless its name is too long for a socket
// or lies where the server's own user may not go.
func baseDir(cred *syscall.Credential) string {
	base := os.TempDir()
	if cred != nil || len(filepath.Join(base, dirPrefix+"4294967295", ".s.PGSQL.5432.lock")) > socketMax {
		return "/tmp"
	}
	return base
}

// newDir makes the cluster's directory, locked and owned by the server's user.
func newDir(base string, cred *syscall.Credential) (*Cluster, error) {
	dir, err := os.MkdirTemp(base, dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("pgcluster: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err == nil && cred != nil {
		err = os.Chown(dir, int(cred.Uid), int(cred.Gid))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("pgcluster: %w", err)
	}
	return &Cluster{dir: dir, lock: lock}, nil
}

// lockFile makes a file that is locked before others can see it under path.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, err
	}
	return f, os.Rename(path+".new", path)
}

// sweep removes the directories of runs that were killed. The lock, not a
// process id, says who still lives: ids are reused.
func sweep(base string) {
	for _, dir := range glob(filepath.Join(base, dirPrefix+"*")) {
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

// serverUser is whom the server runs as: PostgreSQL refuses to run as root.
func serverUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("pgcluster: PostgreSQL refuses to run as root, and there is no user postgres to run it as: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("pgcluster: user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"twofold/internal/testkit/scratch"
)

const dirPrefix = "twofold-pg-"

// baseDir is the temporary directory, unless its name is too long for a socket
// or lies where the server's own user may not go.
func baseDir(cred *syscall.Credential) string {
	base := os.TempDir()
	if cred != nil || len(filepath.Join(base, dirPrefix+"4294967295", ".s.PGSQL.5432.lock")) > socketMax {
		return "/tmp"
	}
	return base
}

// newDir makes the cluster's directory, owned by the server's user.
func newDir(base string, cred *syscall.Credential) (*Cluster, error) {
	dir, err := scratch.New(base, dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("pgcluster: %w", err)
	}
	if cred != nil {
		if err := os.Chown(dir.Path, int(cred.Uid), int(cred.Gid)); err != nil {
			dir.Remove()
			return nil, fmt.Errorf("pgcluster: %w", err)
		}
	}
	return &Cluster{dir: dir.Path, scratch: dir}, nil
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

package pgcluster

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"twofold/internal/testkit/scratch"
)

const (
	startLimit = 60 * time.Second // generous: a loaded machine with two cores
	stopLimit  = 10 * time.Second
	socketMax  = 107 // sun_path of Linux is 108 bytes with the final NUL
)

// Cluster is a running server.
type Cluster struct {
	dir     string
	scratch *scratch.Dir
	proc    *server
	stop    sync.Once
}

// Start makes a new cluster and returns when it takes connections. The server
// dies with this process, however that ends; Stop ends it earlier.
//
// Start returns an error wrapping ErrNotInstalled if there is no PostgreSQL.
func Start(ctx context.Context) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	bin, err := binDir()
	if err != nil {
		return nil, err
	}
	cred, err := serverUser()
	if err != nil {
		return nil, err
	}
	c, err := newDir(baseDir(cred), cred)
	if err != nil {
		return nil, err
	}
	if err := initdb(ctx, bin, c.data(), cred); err != nil {
		c.Stop()
		return nil, err
	}
	if c.proc, err = startServer(ctx, bin, c.data(), c.dir, cred); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// URL addresses the given database of the cluster as its superuser.
func (c *Cluster) URL(database string) string {
	q := url.Values{"host": {c.dir}, "user": {"postgres"}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

// Stop ends the server and removes its directory. It may be called repeatedly.
func (c *Cluster) Stop() {
	c.stop.Do(func() {
		if c.proc != nil {
			c.proc.stop()
		}
		c.scratch.Remove()
	})
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func initdb(ctx context.Context, bin, data string, cred *syscall.Credential) error {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--no-sync", "-A", "trust", "-U", "postgres",
		"--encoding=UTF8", "--locale="+locale(), "-D", data)
	cmd.Dir = filepath.Dir(data)
	cmd.Env = serverEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgcluster: initdb: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// locale sorts by bytes, as SQLite does, but knows the letters of Unicode where
// the system can, as a server in production does.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// serverEnv keeps the settings of a developer's shell (PGPORT, PGOPTIONS,
// LC_ALL) away from the server: its log lines must be the English ones.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

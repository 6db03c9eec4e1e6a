package pgcluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"twofold/internal/testkit/need"
)

// childEnv turns the test binary into a process that starts a cluster, prints
// its directory and hangs, so that the test can kill it.
const childEnv = "TWOFOLD_PGCLUSTER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		c, err := Start(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(c.dir)
		select {}
	}
	os.Exit(m.Run())
}

func start(t *testing.T) *Cluster {
	t.Helper()
	c, err := Start(t.Context())
	if errors.Is(err, ErrNotInstalled) {
		need.Missing(t, "PostgreSQL", Install, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func TestClusterServesQueriesAndLeavesNothing(t *testing.T) {
	c := start(t)
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var lower, zone string
	if err := conn.QueryRow(t.Context(), "select lower('Ü'), current_setting('timezone')").Scan(&lower, &zone); err != nil {
		t.Fatal(err)
	}
	if lower != "ü" || zone != "UTC" {
		t.Errorf("lower = %q, timezone = %q", lower, zone)
	}
	c.Stop() // with a connection still open
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory is still there: %v", err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("server still answers after Stop")
	}
}

func TestKilledParentTakesServerAlongAndIsSwept(t *testing.T) {
	start(t) // skips or fails where there is no PostgreSQL
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childEnv+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(line)
	orphan := &Cluster{dir: dir}
	start(t).Stop() // which sweeps
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the directory of a running cluster is swept: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	deadline := time.Now().Add(stopLimit)
	for answers(t.Context(), orphan) {
		if time.Now().After(deadline) {
			t.Fatal("server outlives its killed parent")
		}
		time.Sleep(20 * time.Millisecond) // no event to wait for: the process is not our child
	}
	start(t)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stale directory was not swept: %v", err)
	}
}

func answers(ctx context.Context, c *Cluster) bool {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return false
	}
	_ = conn.Close(ctx)
	return true
}

func TestStartErrorShowsServerLog(t *testing.T) {
	bin, err := binDir()
	if err != nil {
		need.Missing(t, "PostgreSQL", Install, err)
	}
	cred, err := serverUser()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newDir(baseDir(cred), cred)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	_, err = startServer(t.Context(), bin, c.dir, c.dir, cred) // not a data directory
	if err == nil || !strings.Contains(err.Error(), "postgresql.conf") {
		t.Errorf("error = %v, want the server's own words", err)
	}
}

func TestURL(t *testing.T) {
	u, err := url.Parse((&Cluster{dir: "/tmp/x y"}).URL("one"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{u.Scheme, u.Path, u.Query().Get("host"), u.Query().Get("user")}
	if d := cmp.Diff([]string{"postgres", "/one", "/tmp/x y", "postgres"}, got); d != "" {
		t.Error(d)
	}
}

func TestNewestFirst(t *testing.T) {
	got := newestFirst([]string{"/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin"})
	want := []string{"/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9/bin"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	for i := range 100 {
		log.add(fmt.Sprint("line ", i))
	}
	if s := log.String(); strings.Contains(s, "line 59\n") || !strings.HasSuffix(s, "line 99") {
		t.Errorf("tail = %q", s)
	}
}

package pgcluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const readyLine = "database system is ready to accept connections"

// settings trade all durability for speed. The socket directory comes on top.
var settings = [...]string{
	"listen_addresses=",
	"max_connections=200",
	"fsync=off",
	"full_page_writes=off",
	"synchronous_commit=off",
	"wal_level=minimal",
	"max_wal_senders=0",
	"autovacuum=off",
	"timezone=UTC",
	"logging_collector=off",
}

// server is the running postgres process.
type server struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  tail
}

// startServer starts postgres itself rather than pg_ctl, whose child would
// outlive us.
func startServer(ctx context.Context, bin, data, socketDir string, cred *syscall.Credential) (*server, error) {
	args := []string{"-D", data, "-k", socketDir}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	s := &server{cmd: exec.Command(filepath.Join(bin, "postgres"), args...), done: make(chan struct{})}
	s.cmd.Dir = data
	s.cmd.Env = serverEnv()
	// An own process group keeps Ctrl-C on the terminal from the server: the
	// tests shall end first. SIGQUIT is PostgreSQL's immediate shutdown.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	dieWithParent(s.cmd.SysProcAttr)

	ready := make(chan struct{})
	started := make(chan error, 1)
	go s.run(started, ready)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("pgcluster: start postgres: %w", err)
	}
	select {
	case <-ready:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("pgcluster: postgres ended at once:\n%s", s.log.String())
	case <-ctx.Done():
		s.stop()
		return nil, fmt.Errorf("pgcluster: postgres does not get ready: %w\n%s", ctx.Err(), s.log.String())
	}
}

// run starts the process and waits for it on one thread of its own: the kernel
// sends the parent-death signal when the thread that forked ends, not only when
// the process does (prctl(2), PR_SET_PDEATHSIG).
func (s *server) run(started chan<- error, ready chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.done)
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	started <- err
	if err != nil {
		return
	}
	s.read(stderr, ready)
	_ = s.cmd.Wait() // how it ended is in its log
}

// read keeps the end of the log and reports the line that says ready.
func (s *server) read(stderr io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.log.add(lines.Text())
		if ready != nil && strings.Contains(lines.Text(), readyLine) {
			close(ready)
			ready = nil
		}
	}
	_, _ = io.Copy(io.Discard, stderr) // after a line too long: never block the server
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.done:
	case <-time.After(stopLimit):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// tail keeps the last lines of a log for an error message.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > 40 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twofold/internal/testkit/need"
	"twofold/internal/testkit/pgcluster"
)

// The test binary is the command itself when asked to be.
const asCommand = "TWOFOLD_WITH_POSTGRES"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// withPostgres makes the command, in a temporary directory of its own.
func withPostgres(t *testing.T, env string, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "sh", "-c", script)
	cmd.Env = append(os.Environ(), asCommand+"=1", variable+"="+env)
	cmd.Stderr = os.Stderr
	return cmd
}

func needPostgres(t *testing.T) {
	t.Helper()
	c, err := pgcluster.Start(t.Context())
	if errors.Is(err, pgcluster.ErrNotInstalled) {
		need.Missing(t, "PostgreSQL", pgcluster.Install, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Stop()
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		name, script string
		want         int
	}{
		{"success", "exit 0", 0},
		{"failure", "exit 7", 7},
		{"killed", "kill -KILL $$", 137},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := withPostgres(t, "postgres://unused", tt.script)
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != tt.want {
				t.Errorf("exit code = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestCommandNotFound(t *testing.T) {
	cmd := exec.Command(os.Args[0], "no-such-program-here")
	cmd.Env = append(os.Environ(), asCommand+"=1", variable+"=postgres://unused")
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 127 {
		t.Errorf("exit code = %d, want 127", got)
	}
}

func TestServerThatIsGivenIsUsed(t *testing.T) {
	out, err := withPostgres(t, "postgres://given", "printf %s $"+variable).Output()
	if err != nil || string(out) != "postgres://given" {
		t.Errorf("output = %q, error = %v", out, err)
	}
}

// Ctrl-C on the terminal, or make killing its child, must leave neither server
// nor directory, and must let the command end first.
func TestSignalEndsCommandThenServer(t *testing.T) {
	needPostgres(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := withPostgres(t, "", `trap 'echo bye; exit 3' INT TERM; echo $`+variable+`; while :; do sleep 0.05; done`)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			lines.Scan()
			url := lines.Text()
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close(t.Context())

			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if lines.Scan(); lines.Text() != "bye" {
				t.Errorf("command's last line = %q", lines.Text())
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != 3 {
				t.Errorf("exit code = %d, want 3", got)
			}
			cfg, err := pgx.ParseConfig(url)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(cfg.Host); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("directory %s is still there: %v", filepath.Base(cfg.Host), err)
			}
		})
	}
}

func TestStubbornCommandIsKilledByThirdSignal(t *testing.T) {
	cmd := withPostgres(t, "postgres://unused", `trap 'echo no' INT; echo up; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"up", "no", "no"} {
		if lines.Scan(); strings.TrimSpace(lines.Text()) != want {
			t.Fatalf("line = %q, want %q", lines.Text(), want)
		}
		_ = cmd.Process.Signal(os.Interrupt)
	}
	killed := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer killed.Stop()
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 137 {
		t.Errorf("exit code = %d, want 137", got)
	}
}

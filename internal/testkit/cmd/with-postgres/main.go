// Command with-postgres runs a command with a throw-away PostgreSQL server:
//
//	with-postgres go test ./...
//
// The command finds the server's superuser URL in TWOFOLD_TEST_POSTGRES, so
// that all test binaries of one run share one server. If the variable is set
// already, no server is started. The exit code is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"twofold/internal/testkit/need"
	"twofold/internal/testkit/pgcluster"
)

const variable = "TWOFOLD_TEST_POSTGRES"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: with-postgres COMMAND [ARGUMENT]...")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:]))
}

// run is main with its deferred calls: os.Exit skips them.
func run(command []string) int {
	// From here on signals are ours: the default would end us with the server's
	// directory left behind.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(variable) == "" {
		cluster, err := start(signals)
		switch {
		case err == nil:
			defer cluster.Stop()
			cmd.Env = append(os.Environ(), variable+"="+cluster.URL("postgres"))
		case errors.Is(err, pgcluster.ErrNotInstalled) && !need.Required():
			fmt.Fprintln(os.Stderr, need.Message("PostgreSQL", pgcluster.Install, err))
		default:
			fmt.Fprintln(os.Stderr, "with-postgres:", err)
			return 1
		}
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "with-postgres:", err)
		return 127
	}
	return wait(cmd, signals)
}

// start starts the server; a signal meanwhile gives it up.
func start(signals <-chan os.Signal) (*pgcluster.Cluster, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan struct{})
	defer close(started)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-started:
		}
	}()
	return pgcluster.Start(ctx)
}

// wait hands signals on until the command has ended. It never ends before the
// command: the tests need their server to the last. The third signal kills.
func wait(cmd *exec.Cmd, signals <-chan os.Signal) int {
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for seen := 1; ; seen++ {
		select {
		case <-ended:
			return exitCode(cmd.ProcessState)
		case s := <-signals:
			if seen > 2 {
				s = os.Kill
			}
			_ = cmd.Process.Signal(s)
		}
	}
}

// exitCode follows the shell: 128 and the signal's number for a killed command.
func exitCode(st *os.ProcessState) int {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}

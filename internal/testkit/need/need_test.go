package need

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder stands for a test and notes how it ends.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper()           {}
func (r *recorder) Fatal(args ...any) { r.failed = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Skip(args ...any)  { r.skipped = fmt.Sprint(args...); runtime.Goexit() }

func TestMissing(t *testing.T) {
	tests := []struct {
		name, ci, require string
		fails             bool
	}{
		{"developer", "", "", false},
		{"CI", "true", "", true},
		{"required by hand", "", "1", true},
		{"switched off by hand", "", "0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			t.Setenv("TWOFOLD_TEST_REQUIRE", tt.require)
			r := &recorder{}
			run(func() { Missing(r, "Frobnicator", "apt-get install frob", errors.New("no frob in PATH")) })
			text, other := r.skipped, r.failed
			if tt.fails {
				text, other = r.failed, r.skipped
			}
			if !strings.Contains(text, "apt-get install frob") || other != "" {
				t.Errorf("failed %q, skipped %q", r.failed, r.skipped)
			}
		})
	}
}

func TestCommand(t *testing.T) {
	t.Setenv("CI", "true")
	r := &recorder{}
	var path string
	run(func() { path = Command(r, "go", "see go.dev") })
	if path == "" || r.failed != "" {
		t.Errorf("path %q, failed %q", path, r.failed)
	}
	run(func() { Command(r, "no-such-program-here", "nothing") })
	if r.failed == "" {
		t.Error("an absent program does not fail")
	}
}

// run calls f on a goroutine that f may end.
func run(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
}

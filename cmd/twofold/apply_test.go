package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

// TestApplyExitCode: 3 says that something differs, and nothing else does.
func TestApplyExitCode(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, []byte("subscriptions: [{name: sample}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "w.yaml")
	if err := os.WriteFile(wrong, []byte("subscription: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := "--database=" + testkit.SQLite(t)
	for _, step := range []struct {
		args string
		want int
	}{
		{"--dry-run --exit-code " + file, exitChanges},
		{"--dry-run " + file, 0},
		{"--exit-code " + wrong, 1},
		{"--exit-code " + file, exitChanges},
		{"--exit-code " + file, 0},
		{"--dry-run --exit-code " + file, 0},
		{"--confirm --yes " + file, 2},
	} {
		var out, errOut bytes.Buffer
		if got := run(append([]string{"apply", database}, strings.Fields(step.args)...), &out, &errOut); got != step.want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", step.args, got, step.want, &out, &errOut)
		}
		if step.want == exitChanges && errOut.Len() > 0 {
			t.Errorf("%s: says %s", step.args, &errOut)
		}
	}
}

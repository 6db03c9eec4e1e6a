package testkit

import (
	"os"
	"testing"
)

// Later begins a test that is long, and looks for nothing that the race detector would
// find: scripts/test runs it by itself, without the detector, after all others. Anybody
// else runs it as it is.
func Later(t *testing.T) {
	t.Helper()
	if os.Getenv("TWOFOLD_TEST_LATER") == "1" {
		t.Skip("scripts/test runs it after this, without the race detector")
	}
}

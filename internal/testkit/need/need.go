// Package need is the one rule for tools that a test wants and a machine may
// lack: on a developer's machine the test is skipped and says what to install,
// where everything is required the test fails. It knows no tool by name.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Required reports whether a missing tool must fail the run: in CI, or where
// TWOFOLD_TEST_REQUIRE=1 asks for it.
func Required() bool {
	return os.Getenv("CI") == "true" || os.Getenv("TWOFOLD_TEST_REQUIRE") == "1"
}

// Missing ends the test because what is not to be had: it fails where Required,
// else it skips. install says how to get it, such as "apt-get install chromium".
func Missing(t testing.TB, what, install string, cause error) {
	t.Helper()
	if Required() {
		t.Fatal(Message(what, install, cause))
	}
	t.Skip(Message(what, install, cause))
}

// Message is the text of Missing, loud enough to be seen among other output.
func Message(what, install string, cause error) string {
	return fmt.Sprintf("\n*** %s is missing, so this is NOT TESTED here.\n*** To have it: %s\n*** %v\n", what, install, cause)
}

// Command finds a program in PATH, or ends the test as Missing does.
func Command(t testing.TB, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, install, err)
	}
	return path
}

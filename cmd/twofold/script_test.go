package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command as operators do: testdata/script, on SQLite. This
// test binary is the command, see TestMain.
func TestScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TWOFOLD_TEST_EXEC", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"twofold": func(ts *testscript.TestScript, neg bool, args []string) {
				if err := ts.Exec(self, args...); (err != nil) != neg {
					ts.Fatalf("twofold %v: %v", args, err)
				}
			},
		},
	})
}

package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"twofold/internal/seal"
	"twofold/internal/testkit"
)

// TestScripts runs the command as operators do: testdata/script, on SQLite. This
// test binary is the command, see TestMain.
func TestScripts(t *testing.T) {
	t.Parallel()
	testkit.Later(t)
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
			// keyid NAME FILE N sets a variable to the id of the Nth key of a key file.
			"keyid": func(ts *testscript.TestScript, _ bool, args []string) {
				keys, err := seal.ReadKeyFile(ts.MkAbs(args[1]), false, nil)
				ts.Check(err)
				n, err := strconv.Atoi(args[2])
				ts.Check(err)
				id, err := seal.KeyID(keys[n-1])
				ts.Check(err)
				ts.Setenv(args[0], id)
			},
			"twofold": func(ts *testscript.TestScript, neg bool, args []string) {
				if err := ts.Exec(self, args...); (err != nil) != neg {
					ts.Fatalf("twofold %v: %v", args, err)
				}
			},
		},
	})
}

package testkit_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

// TestTwoPasses: each subtest runs in exactly one of the two passes.
func TestTwoPasses(t *testing.T) {
	const each, long = "ran TestSampleOfPasses/each/", "ran TestSampleOfPasses/long/"
	dir := t.TempDir()
	for _, c := range []struct {
		name, pass string
		want       []string
	}{
		{"first", "note:" + dir, []string{each + "postgres"}},
		{"second", "run:" + dir, []string{each + "sqlite", long + "sqlite", long + "postgres"}},
		{"both at once", "", []string{each + "sqlite", each + "postgres", long + "sqlite", long + "postgres"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := osexec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSampleOfPasses$")
			cmd.Env = append(os.Environ(), "TWOFOLD_TEST_LATER="+c.pass)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ran := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return !strings.HasPrefix(line, "ran ") })
			if !slices.Equal(ran, c.want) {
				t.Errorf("ran %v, want %v", ran, c.want)
			}
		})
	}
}

// TestSampleOfPasses says what of it runs.
func TestSampleOfPasses(t *testing.T) {
	says := func(t *testing.T, _ string) { fmt.Println("ran", t.Name()) }
	t.Run("each", func(t *testing.T) { testkit.EachDatabase(t, says) })
	t.Run("long", func(t *testing.T) { testkit.Later(t); testkit.EachDatabase(t, says) })
}

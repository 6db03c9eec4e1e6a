package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// What is made must compile, pass vet and the conformance suite and be in the
// catalogue, without a word changed. It is tried on a copy of what it needs.
func TestNewFactorPassesItsTests(t *testing.T) {
	const name = "newfactortest"
	copied := copyTree(t)
	made, err := generate(copied, name)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"doc.go", name + ".go", name + "_test.go", "send.go"}
	for i, file := range want {
		want[i] = "twofactor/" + name + "/" + file
	}
	if d := cmp.Diff(append(want, catalogue), made.names()); d != "" {
		t.Fatal(d)
	}
	if err := write(copied, made); err != nil {
		t.Fatal(err)
	}
	if _, err := generate(copied, name); err == nil {
		t.Error("a second factor of the same name is accepted")
	}
	args := []string{"test"}
	if raced() {
		args = append(args, "-race") // the libraries are compiled like this already
	}
	cmd := exec.Command("go", append(args, "./twofactor/"+name, "./twofactor/catalog")...)
	cmd.Dir = copied
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"twofactor", "internal"} {
		if err := os.CopyFS(filepath.Join(dir, sub), os.DirFS(filepath.Join(root, sub))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"", "x", "Carrier", "my-factor", "../up", "2fa", "func", "email", "catalog", strings.Repeat("x", 21)} {
		if _, err := generate(root, name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestRegister(t *testing.T) {
	const before = `package catalog

import (
	"twofold/twofactor"
	"twofold/twofactor/email"
	"twofold/twofactor/twilio"
)

func Builtin() twofactor.Catalog {
	return twofactor.NewCatalog(
		email.Provider(),
		twilio.Provider(),
	)
}
`
	after := strings.Replace(before, "\t\ttwilio.Provider(),\n", "\t\ttwilio.Provider(),\n\t\tpigeon.Provider(),\n", 1)
	after = strings.Replace(after, "email\"\n", "email\"\n\t\"twofold/twofactor/pigeon\"\n", 1)
	got, err := register(before, "pigeon")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(after, string(got)); d != "" {
		t.Error(d)
	}
	if _, err := register("package catalog\n", "pigeon"); err == nil {
		t.Error("a catalogue that looks otherwise is accepted")
	}
}

package main

import (
	"encoding/json"
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

// What is made must compile, pass the conformance suite and be in the catalogue,
// without a word changed. Go's overlay puts it into the
// tree without writing there; vet cannot follow it.
func TestNewFactorPassesItsTests(t *testing.T) {
	const name = "newfactortest"
	made, err := generate(root, name)
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

	args := []string{"test", "-vet=off", "-overlay", overlay(t, made)}
	if raced() {
		args = append(args, "-race") // the packages are compiled like this already
	}
	cmd := exec.Command("go", append(args, "./twofactor/"+name, "./twofactor/catalog")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// overlay writes the files elsewhere and returns the file that maps them.
func overlay(t *testing.T, made files) string {
	t.Helper()
	dir := t.TempDir()
	if err := write(dir, made); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for name := range made {
		replace[filepath.Join(abs, name)] = filepath.Join(dir, name)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
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

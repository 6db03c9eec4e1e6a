package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"twofold/admin/rest"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
)

//go:generate go test -run TestReference . -update

var updateReference = flag.Bool("update", false, "write docs/reference anew")

// TestReference holds the reference pages against the program: they are drawn
// from the command line's structs and from the catalogue, never by hand.
func TestReference(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"settings.md": settingsPage(t), "cli.md": cliPage(t), "factors.md": factorsPage(), "openapi.yaml": string(rest.New(rest.Config{}).OpenAPI("openapi.yaml"))} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "..", "docs", "reference", name)
			if *updateReference {
				if err := os.WriteFile(file, []byte(want), 0o644); err != nil { // a page for everybody
					t.Fatal(err)
				}
				return
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), want); diff != "" {
				t.Errorf("the page is out of date, run make generate (-page +program):\n%s", diff)
			}
		})
	}
}

const settingsHead = `# Settings

Every setting of the program. This page is drawn from the program itself: after a
change run ` + "`make generate`" + `.

Each setting is a flag (` + "`--public-url`" + `), an environment variable
(` + "`TWOFOLD_PUBLIC_URL`" + `) and a key of the YAML file given by ` + "`--config`" + ` (` + "`public-url`" + `).
A flag wins over the environment, that over the file, that over the default. A
key that no command knows is an error. Lists are separated by commas; the
file takes YAML lists too. Spans of time are written 10s, 5m, 24h.

What belongs to a customer (tenants, apps, users, second factors) is no setting:
it is kept in the database, see [apply.md](apply.md).

`

// settingsPage describes all flags, gathered by the commands that take them.
func settingsPage(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("twofold"), kong.DefaultEnvars("TWOFOLD"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(settingsHead)
	b.WriteString("## Commands\n\n| Command | What it does |\n| --- | --- |\n")
	takers := map[string][]string{} // row of a flag: the commands that take it
	var rows []string
	note := func(f *kong.Flag, command string) {
		if f.Name == "help" {
			return
		}
		row := settingRow(f)
		if _, seen := takers[row]; !seen {
			rows = append(rows, row)
		}
		takers[row] = append(takers[row], "`"+command+"`")
	}
	for _, f := range parser.Model.Flags {
		note(f, "every command")
	}
	for _, leaf := range parser.Model.Leaves(true) {
		usage := strings.TrimPrefix(leaf.Path(), "twofold ")
		name := usage
		for _, p := range leaf.Positional {
			usage += " " + strings.ToUpper(p.Name)
		}
		fmt.Fprintf(&b, "| `twofold %s` | %s |\n", usage, cell(leaf.Help))
		for _, f := range leaf.Flags {
			note(f, name)
		}
	}
	group := ""
	for _, row := range inGroups(rows, takers) {
		if g := strings.Join(takers[row], ", "); g != group {
			group = g
			fmt.Fprintf(&b, "\n## For %s\n\n| Flag, key | Variable | Default | What it is |\n| --- | --- | --- | --- |\n", strings.ReplaceAll(g, "`every command`", "every command"))
		}
		b.WriteString(row)
	}
	return b.String()
}

// inGroups puts rows with the same takers side by side, in the order of the first.
func inGroups(rows []string, takers map[string][]string) []string {
	first := map[string]int{}
	for i, row := range rows {
		g := strings.Join(takers[row], ", ")
		if _, seen := first[g]; !seen {
			first[g] = i
		}
	}
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b string) int {
		return first[strings.Join(takers[a], ", ")] - first[strings.Join(takers[b], ", ")]
	})
	return out
}

func settingRow(f *kong.Flag) string {
	value := ""
	if f.PlaceHolder != "" && !f.IsBool() {
		value = "=" + f.PlaceHolder
	}
	return fmt.Sprintf("| `--%s%s` | %s | %s | %s |\n", f.Name, value, codes(f.Envs), codes([]string{f.Default}), cell(f.Help))
}

const factorsHead = `# Options of second factors

Every option of every built-in type of factor, as a TwoFactor instance takes it.
This page is drawn from the catalogue: after a change run ` + "`make generate`" + `.

Names are case-sensitive and an unknown one is an error. An option that an instance
does not set comes from the subscription's base settings, else from the
platform's, else from the default below. Secrets are sealed in the database and are
never shown again. Base URLs of foreign services belong to the operator: see the
` + "`--endpoint-…`" + ` flags in [settings.md](settings.md).
`

// factorsPage describes the options of all built-in types.
func factorsPage() string {
	var b strings.Builder
	b.WriteString(factorsHead)
	all := catalog.Builtin()
	for _, name := range all.Types() {
		p := all[name]
		fmt.Fprintf(&b, "\n## `%s`: %s\n\n", name, p.Info.Name)
		if len(p.Info.Needs) > 0 {
			needs := make([]string, len(p.Info.Needs))
			for i, n := range p.Info.Needs {
				needs[i] = map[twofactor.Attribute]string{twofactor.NeedsEmail: "mail address", twofactor.NeedsPhone: "phone number"}[n]
			}
			fmt.Fprintf(&b, "A user needs a proven %s. ", strings.Join(needs, " and "))
		}
		fmt.Fprintf(&b, "A sign-in with it reaches `%s`.\n\n", p.Info.Strength.ACR())
		b.WriteString("| Option | Value | Default | What it is |\n| --- | --- | --- | --- |\n")
		optionRows(&b, p.Fields, "")
	}
	return b.String()
}

func optionRows(b *strings.Builder, fields []twofactor.Field, path string) {
	for _, f := range fields {
		initial := codes([]string{f.Default})
		if f.Required {
			initial = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path+f.Name, cell(optionValue(f)), initial, cell(f.Help))
		optionRows(b, f.Fields, path+f.Name+".")
	}
}

func optionValue(f twofactor.Field) string {
	switch {
	case f.Secret:
		return "secret"
	case len(f.Choices) > 0:
		return strings.Join(f.Choices, " or ")
	case f.Kind == twofactor.KindNumber && f.Max > 0:
		return fmt.Sprintf("%d to %d", f.Min, f.Max)
	case f.Kind == twofactor.KindBool:
		return "true or false"
	case f.Kind == twofactor.KindJSON:
		return "object"
	}
	return string(f.Kind)
}

// codes sets words in the type of code, leaving out empty ones.
func codes(words []string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, "`"+w+"`")
		}
	}
	return strings.Join(out, ", ")
}

// cell makes text safe to stand in a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "\n", " ").Replace(text)
}

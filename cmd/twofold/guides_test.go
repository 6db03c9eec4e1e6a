package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"twofold/admin"
	"twofold/internal/testkit"
	"twofold/internal/testkit/need"
	"twofold/tenants"
)

const guides = "../../docs/guides/"

func readPage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the code blocks of a language on a page, indented ones too.
func blocks(page, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^ *```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestImportGuide brings the users of the guide in.
func TestImportGuide(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.tenant("acme")
		for _, g := range []string{"finance", "managers"} {
			w.must(w.tenants.PutGroup(w.ctx(), &tenants.Group{Name: g}))
		}
		page := readPage(t, guides+"import.md")
		for _, language := range []string{"csv", "json"} {
			list := blocks(page, language)
			if len(list) != 1 {
				t.Fatalf("%d blocks of %s", len(list), language)
			}
			r, err := w.admin.ImportUsers(t.Context(), admin.Operator(), w.sub.ID, strings.NewReader(list[0]), admin.Import{})
			if err != nil || r.Created != 2 || r.Faulty != 0 || r.Stopped != "" {
				t.Errorf("%s: %+v %v", language, r, err)
			}
		}
		for name, password := range map[string]string{"anna": "correct horse battery staple", "bruno": "correct horse battery staple", "dario": "a long and winding road"} {
			if _, err := w.tenants.CheckPassword(w.in("acme"), name, password); err != nil {
				t.Error(name, err)
			}
		}
		for _, f := range admin.ImportFields() {
			if !strings.Contains(page, "`"+f.Name+"`") {
				t.Errorf("the guide does not know %s", f.Name)
			}
		}
	})
}

// TestCurlGuide runs what the REST guide types into a terminal.
func TestCurlGuide(t *testing.T) {
	t.Parallel()
	shell := need.Command(t, "sh", "any shell")
	need.Command(t, "curl", "apt-get install curl")
	need.Command(t, "jq", "apt-get install jq")
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.tenant("acme", "anna", "bob")
		w.robot()
		w.empower()
		var script string
		for _, b := range blocks(readPage(t, guides+"rest.md"), "sh") {
			if strings.Contains(b, "$HOST") {
				script += b
			}
		}
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), shell, "-eu", "-c", script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOST="+w.url, "SECRET="+secret)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := strings.Fields(string(out)); !slices.Equal(got, []string{"anna", "bob", "erika"}) {
			t.Errorf("users: %v", got)
		}
		first, second := readPage(t, filepath.Join(dir, "first.json")), readPage(t, filepath.Join(dir, "second.json"))
		if first != second || !strings.Contains(readPage(t, filepath.Join(dir, "changed.json")), `"locale":"de"`) {
			t.Errorf("%s\n%s\n%s", first, second, readPage(t, filepath.Join(dir, "changed.json")))
		}
	})
}

// TestReadmeCommands: each command has a place in the README's table.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Name("twofold"))
	if err != nil {
		t.Fatal(err)
	}
	var table []string
	for line := range strings.Lines(readPage(t, "../../README.md")) {
		if strings.HasPrefix(line, "| `twofold ") {
			table = append(table, line)
		}
	}
	for _, leaf := range parser.Model.Leaves(true) {
		path := strings.Fields(leaf.Path()) // keys add: it may stand behind `twofold keys status`
		own := regexp.MustCompile("[ `]" + path[len(path)-1] + "[ `]")
		if !slices.ContainsFunc(table, func(line string) bool {
			cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
			return strings.HasPrefix(cell, "`twofold "+path[0]) && own.MatchString(cell)
		}) {
			t.Errorf("the README does not list %s", strings.Join(path, " "))
		}
	}
}

// TestGuideLabels: what the guides call by name in the admin UI is called so there.
func TestGuideLabels(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	for _, pattern := range []string{"../../admin/console/*.go", "../../admin/console/templates/*.html", "../../ui/admin*.go", "../../ui/html/*.html", "../../ui/texts/en.json", "../../twofactor/*/*.go", "../../admin/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				source.WriteString(strings.ToLower(readPage(t, file)))
			}
		}
	}
	named := regexp.MustCompile(`(?:^|[^*\w])\*([A-Z][^*]+)\*`)
	checked := 0
	nouns := regexp.MustCompile(`^(Create|Delete) (.+)$`) // put together by the pages
	for _, guide := range []string{"administration.md", "enforce.md", "first-factor.md", "helpdesk.md", "import.md", "sms.md"} {
		for _, m := range named.FindAllStringSubmatch(strings.ReplaceAll(readPage(t, guides+guide), "\n", " "), -1) {
			for _, label := range strings.Split(m[1], " → ") {
				for _, part := range strings.Split(label, ": ") {
					part = strings.ToLower(part)
					if n := nouns.FindStringSubmatch(label); n != nil {
						part = strings.ToLower(n[2])
					}
					checked++
					if part != "your tenant" && !strings.Contains(source.String(), part) {
						t.Errorf("%s names %q, which is on no page", guide, label)
					}
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d names: are they written otherwise now?", checked)
	}
}

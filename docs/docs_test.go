// Package docs_test holds the pages against the repository.
package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// TestLinks: what a page refers to in this repository is there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]+)?\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(page), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s refers to %s, which is not there", page, m[1])
				continue
			}
			if heading := strings.TrimPrefix(m[2], "#"); heading != "" && !slices.Contains(anchors(read(t, target)), heading) {
				t.Errorf("%s refers to %s%s, but there is no such heading", page, m[1], m[2])
			}
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	out := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}
	for _, pattern := range []string{"*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

// anchors are the headings of a page as links spell them.
func anchors(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		text := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(text, " ", "-"))
	}
	return out
}

// TestTutorial follows "Add a factor" in CONTRIBUTING.md on a copy of what it needs.
func TestTutorial(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"twofactor", "internal", "scripts"} {
		if err := os.CopyFS(filepath.Join(dir, sub), os.DirFS(filepath.Join(root, sub))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		write(t, filepath.Join(dir, file), read(t, filepath.Join(root, file)))
	}
	run(t, dir, "go", "run", "-buildvcs=false", "./scripts/new-factor", "carrier")
	steps := regexp.MustCompile("(?s)In `([a-z_.]+)`:\n\n```diff\n(.*?)```").FindAllStringSubmatch(read(t, filepath.Join(root, "CONTRIBUTING.md")), -1)
	if len(steps) != 3 {
		t.Fatalf("the tutorial changes %d files", len(steps))
	}
	for _, step := range steps {
		file := filepath.Join(dir, "twofactor", "carrier", step[1])
		text := read(t, file)
		for change := range strings.SplitSeq(strings.TrimSuffix(step[2], "\n"), "\n\n") {
			before, after := sides(change)
			if strings.Count(text, before) != 1 {
				t.Fatalf("%s does not hold once:\n%s", step[1], before)
			}
			text = strings.Replace(text, before, after, 1)
		}
		write(t, file, text)
	}
	args := []string{"test", "./twofactor/carrier", "./twofactor/catalog"}
	if raced() {
		args = slices.Insert(args, 1, "-race") // the libraries are compiled like this already
	}
	run(t, dir, "go", args...)
}

// sides are the lines before and after one change of a diff.
func sides(change string) (before, after string) {
	for line := range strings.SplitSeq(change, "\n") {
		sign, rest := line[:1], line[1:]+"\n"
		if sign != "+" {
			before += rest
		}
		if sign != "-" {
			after += rest
		}
	}
	return before, after
}

func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestConformance: docs/conformance.md has its chapters, each of their rows has a reason
// or tests that show it, and those tests are there.
func TestConformance(t *testing.T) {
	page := read(t, "conformance.md")
	for _, chapter := range []string{
		"OpenID Connect Core", "OpenID Connect Discovery", "RP-Initiated Logout", "Back-Channel Logout", "RFC 7009", "RFC 7636", "RFC 7662", "RFC 8628", "RFC 9126", "RFC 9207", "RFC 9700",
		"Config OP", "Basic OP", "Form Post OP", "RP-Initiated Logout OP", "Back-Channel Logout OP",
	} {
		if !regexp.MustCompile(`(?m)^##+ ` + regexp.QuoteMeta(chapter) + `( 1\.0|,|$)`).MatchString(page) {
			t.Errorf("there is no chapter %s", chapter)
		}
	}
	tests, named := testsOf(t), regexp.MustCompile(`\b[a-z]+\.(Test|Fuzz)\w+`)
	rows := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| paragraph |") || strings.HasPrefix(line, "| module |") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 {
			t.Errorf("%d cells: %s", len(cells), line)
			continue
		}
		names := named.FindAllString(cells[3], -1)
		if reason, ok := strings.CutPrefix(strings.TrimSpace(cells[2]), "Does not apply: "); len(names) == 0 && (!ok || len(reason) < 10) {
			t.Errorf("neither a test nor a reason: %s", line)
		}
		for _, name := range names {
			if !tests[name] {
				t.Errorf("there is no %s: %s", name, line)
			}
		}
	}
	if rows < 200 {
		t.Errorf("%d rows", rows)
	}
}

// testsOf are all tests by the last part of their directory and their name.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	out, function := map[string]bool{}, regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
			out[filepath.Base(filepath.Dir(path))+"."+m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

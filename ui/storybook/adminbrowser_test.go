package storybook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"twofold/internal/testkit/browser"
	"twofold/ui/storybook"
)

func adminStories() []string {
	var names []string
	for _, s := range storybook.Stories("en") {
		if strings.HasPrefix(s.Name, "admin.") {
			names = append(names, s.Name)
		}
	}
	return names
}

// TestAdminScreenshots takes pictures of the admin pages, for people to look at.
func TestAdminScreenshots(t *testing.T) {
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		t.Skip("make screenshots takes pictures")
	}
	base, b := serve(t, nil), browser.New(t)
	for _, name := range adminStories() {
		if name == "admin.list-thousand" {
			continue // a thousand rows tall
		}
		b.Open(base + "/stories/" + storybook.FileName(name, "en"))
		for _, width := range []int{390, 1280} {
			b.Screenshot(fmt.Sprintf("%s-%d-light", name, width), width, 0, false)
			b.Screenshot(fmt.Sprintf("%s-%d-dark", name, width), width, 0, true)
		}
	}
}

// finding is what axe-core has against a page.
type finding struct{ Rule, Impact, Where, Help string }

// TestAxe runs axe-core on every story, in both colour schemes, and tolerates no
// serious or critical finding. TWOFOLD_AXE is the path of axe.min.js.
func TestAxe(t *testing.T) {
	file := os.Getenv("TWOFOLD_AXE")
	if file == "" {
		t.Skip("TWOFOLD_AXE names no axe.min.js")
	}
	axe, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	for _, s := range storybook.Stories("en") {
		if s.Name == "end.form-post" || s.Name == "admin.list-thousand" {
			continue // leaves at once; a thousand rows like those of admin.list
		}
		for _, dark := range []bool{false, true} {
			b.EmulateDark(dark)
			b.Open(base + "/stories/" + s.Name + ".html")
			b.Eval(string(axe)+"; 0", nil)
			for _, f := range findings(b) {
				t.Errorf("%s (dark: %v): %s, %s: %s at %s", s.Name, dark, f.Impact, f.Rule, f.Help, f.Where)
			}
		}
	}
}

func findings(b *browser.Browser) []finding {
	var found []finding
	b.Eval(`axe.run().then((r) => r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.flatMap((v) => v.nodes.map((n) => ({Rule: v.id, Impact: v.impact, Help: n.failureSummary.slice(0, 300), Where: n.target.join(' ')}))))`, &found)
	return found
}

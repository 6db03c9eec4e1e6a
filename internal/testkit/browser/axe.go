package browser

import (
	"os"
	"testing"
)

// axeEnv names the file of axe-core. The product needs no npm, so whoever wants this
// check says where it is: make test-axe does.
const axeEnv = "TWOFOLD_AXE"

// HasAxe reports whether axe-core is at hand.
func HasAxe() bool { return os.Getenv(axeEnv) != "" }

// RequireAxe skips a test that is about nothing but axe-core where it is not at hand.
func RequireAxe(t testing.TB) {
	t.Helper()
	if !HasAxe() {
		t.Skip(axeEnv + " names no axe.min.js: make test-axe runs this test")
	}
}

// finding is what axe-core has against a page.
type finding struct{ Rule, Impact, Where, Help string }

// axeRun asks for all that axe-core has against a page; of what it likes, one of each is
// enough to know that it has looked.
const axeRun = `axe.run({resultTypes: ['violations']}).then((r) => r.passes.length === 0 ? [{Rule: 'none', Help: 'axe-core has looked at nothing'}] : r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
.flatMap((v) => v.nodes.map((n) => ({Rule: v.id, Impact: v.impact, Help: n.failureSummary.slice(0, 300), Where: n.target.join(' ')}))))`

// Axe fails the test for each serious or critical finding of axe-core on the page, light
// on a desk and dark on a phone: each width and each scheme has something of its own that
// is hidden or coloured. Without axe-core it does nothing: see RequireAxe.
func (b *Browser) Axe(t testing.TB, page string) {
	t.Helper()
	file := os.Getenv(axeEnv)
	if file == "" {
		return
	}
	axe, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w, h, d := b.width, b.height, b.dark
	defer func() { b.dark = d; b.SetViewport(w, h) }()
	b.Eval(string(axe)+"; 0", nil)
	for _, as := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"light at 1280", 1280, 800, false}, {"dark at 390", 390, 844, true}} {
		b.dark = as.dark
		b.SetViewport(as.width, as.height)
		var found []finding
		b.Eval(axeRun, &found)
		for _, f := range found {
			t.Errorf("%s (%s): %s, %s: %s at %s", page, as.name, f.Impact, f.Rule, f.Help, f.Where)
		}
	}
}

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

const axeRun = `axe.run().then((r) => r.passes.length === 0 ? [{Rule: 'none', Help: 'axe-core has looked at nothing'}] : r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
.flatMap((v) => v.nodes.map((n) => ({Rule: v.id, Impact: v.impact, Help: n.failureSummary.slice(0, 300), Where: n.target.join(' ')}))))`

// Axe fails the test for each serious or critical finding of axe-core on the page, in
// light and in dark. Without axe-core it does nothing: see RequireAxe.
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
	for _, dark := range []bool{false, true} {
		b.EmulateDark(dark)
		var found []finding
		b.Eval(string(axe)+"; 0", nil)
		b.Eval(axeRun, &found)
		for _, f := range found {
			t.Errorf("%s (dark: %v): %s, %s: %s at %s", page, dark, f.Impact, f.Rule, f.Help, f.Where)
		}
	}
	b.EmulateDark(false)
}

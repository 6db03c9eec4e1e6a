package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// TestBreakerSeen: F20, five failures open a breaker. The next sign-in goes straight to
// the fallback; after half a minute one tries again, and eCall is back.
func TestBreakerSeen(t *testing.T) {
	t.Parallel()
	w := newChainWorld(t, testkit.SQLite(t), 1)
	users := make([]string, 8)
	for n := range users {
		users[n] = fmt.Sprintf("user%d", n)
	}
	w.tenant("acme", users...)
	w.factor("Mail", "email")
	w.ecalled("eCall", "Mail")
	w.assign("eCall", "tenant acme", true)
	p := w.rp("acme", "expenses")
	signIn := func(n int, calls int, want ...string) {
		t.Helper()
		page := p.signIn(testkit.NewClient(t), users[n]).Follow()
		w.ended(users[n])
		if diff := cmp.Diff(want, w.lines(users[n])); diff != "" || w.asked.of("ecall") != calls {
			t.Errorf("%s: %d calls, want %d%s", users[n], w.asked.of("ecall"), calls, diff)
		}
		to := users[n] + "@example.test"
		if len(want) == 1 {
			to = w.phone(users[n])
		}
		p.letIn(page, w.code(to))
	}
	w.ecall.Script(fakes.Fault{Status: 401, Forever: true})
	for n := range 5 {
		signIn(n, n+1, "eCall sms failed 1 account", "Mail mail sent 1 ")
	}
	if got := w.metric("twofold_breaker_changes_total"); got != "opened ecall 1" {
		t.Errorf("%q", got)
	}
	signIn(5, 5, "eCall sms failed 1 retry", "Mail mail sent 1 ")
	if e := w.log()[10]; !strings.Contains(e.Error, "at breaker") {
		t.Errorf("%+v", e)
	}
	// Half open: one call, which fails, and it is left alone again.
	w.clock.Advance(30 * time.Second)
	signIn(6, 6, "eCall sms failed 1 account", "Mail mail sent 1 ")
	w.clock.Advance(30 * time.Second)
	w.ecall.Heal()
	signIn(7, 7, "eCall sms sent 1 ")
	if got := w.metric("twofold_breaker_changes_total"); got != "closed ecall 1\nopened ecall 1" {
		t.Errorf("%q", got)
	}
}

// metric lists the series of a counter, as label values and value.
func (w *chainWorld) metric(name string) string {
	w.t.Helper()
	all, err := w.metrics.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, family := range all {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			line := ""
			for _, l := range m.GetLabel() {
				line += l.GetValue() + " "
			}
			lines = append(lines, line+fmt.Sprint(m.GetCounter().GetValue()))
		}
	}
	return strings.Join(lines, "\n")
}

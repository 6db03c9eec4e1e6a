package browser

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ConsoleErrors are the errors that a person would see in the console, since
// the start or ClearErrors: violations of the content security policy, failed
// requests, exceptions of scripts, console.error. A page of its own with an
// error status is none.
func (b *Browser) ConsoleErrors() []string {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return slices.Clone(b.log.errors)
}

// ClearErrors forgets the errors so far.
func (b *Browser) ClearErrors() {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.errors = nil
}

// RequireClean fails the test if there are console errors.
func (b *Browser) RequireClean(t testing.TB) {
	t.Helper()
	b.settle() // reports of the last step may still be on their way
	for _, e := range b.ConsoleErrors() {
		t.Errorf("browser: console: %s", e)
	}
}

// WaitConsole waits until a console error contains s, for errors that come some
// time after the page, such as those of fetch.
func (b *Browser) WaitConsole(s string) {
	b.t.Helper()
	deadline := time.Now().Add(b.Timeout)
	for !slices.ContainsFunc(b.ConsoleErrors(), func(e string) bool { return strings.Contains(e, s) }) {
		if time.Now().After(deadline) {
			b.fatalf("the console never says %q", s)
		}
		time.Sleep(pollEvery)
	}
}

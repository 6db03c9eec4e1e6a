package ceremony_test

import (
	"fmt"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/factortest"
)

func TestFailures(t *testing.T) {
	each(t,
		test{"back-off", backOff},
		test{"only a right answer resets", onlyARightAnswerResets},
		test{"back-off is one user's", backOffIsOneUsers},
	)
}

// N4, N5: no pause up to the fourth wrong answer in a row, 30 s from the fifth,
// doubling up to an hour, and at fifty the end until an administrator helps. New
// challenges change nothing about it.
func backOff(t *testing.T, w *world) {
	for _, c := range []struct {
		nth  int
		want time.Duration
	}{
		{1, 0},
		{2, 0},
		{3, 0},
		{4, 0},
		{5, 30 * time.Second},
		{6, time.Minute},
		{7, 2 * time.Minute},
		{8, 4 * time.Minute},
		{9, 8 * time.Minute},
		{10, 16 * time.Minute},
		{11, 32 * time.Minute},
		{12, time.Hour},
		{13, time.Hour},
		{49, time.Hour},
	} {
		w.exec(fmt.Sprint("UPDATE user_failures SET failures = ", c.nth-1))
		a := w.begin(fmt.Sprint("s", c.nth), "anna", ask)
		wantCode(t, w.answer(a, wrongCode), "wrong_code")
		if w.failures("anna") != int64(c.nth) {
			t.Fatalf("%d failures after %d wrong answers", w.failures("anna"), c.nth)
		}
		if c.want == 0 {
			continue
		}
		w.clock.Advance(c.want - time.Second)
		next := w.begin(fmt.Sprint("t", c.nth), "anna", ask)
		if got := wantCode(t, w.answer(next, next.code), "back_off").RetryAfter; got != time.Second {
			t.Errorf("after %d wrong answers: wait %v more, want 1s of %v", c.nth, got, c.want)
		}
		if w.attempts(next) != 0 || w.failures("anna") != int64(c.nth) {
			t.Error("a try that was not judged was counted")
		}
		w.clock.Advance(time.Second)
	}
	wantCode(t, w.answer(w.begin("last", "anna", ask), wrongCode), "wrong_code")
	w.locked()
}

// locked checks that anna cannot get in any more, and that Unlock helps.
func (w *world) locked() {
	w.t.Helper()
	if w.events("factor.locked") != 1 {
		w.t.Errorf("%d events tell that the user is locked", w.events("factor.locked"))
	}
	w.clock.Advance(7 * 24 * time.Hour)
	_, err := w.Begin(in(w.t, acme), start("s-locked", "anna", ask))
	wantCode(w.t, err, "factor_locked")
	w.exec("UPDATE user_failures SET failures = 49")
	open := w.begin("s-open", "anna", ask)
	w.exec("UPDATE user_failures SET failures = 50")
	judged := w.judged()
	if p := wantCode(w.t, w.answer(open, open.code), "factor_locked"); p.RetryAfter != 0 || w.judged() != judged || w.attempts(open) != 0 {
		w.t.Errorf("retry after %v, %d judged", p.RetryAfter, w.judged()-judged)
	}
	must(w.t, w.Unlock(in(w.t, globex), "anna")) // somebody else's administrator
	wantCode(w.t, w.answer(open, open.code), "factor_locked")
	must(w.t, w.Unlock(in(w.t, acme), "anna"))
	must(w.t, w.answer(open, open.code))
}

// M32, M33: one counter over challenges, sign-ins and factors; one for each user.
func onlyARightAnswerResets(t *testing.T, w *world) {
	w.factor("second", factortest.FakeConfig{Type: "second"})
	for n, c := range []struct{ signIn, factor string }{{"s1", ask}, {"s1", ask}, {"s2", ask}, {"s3", "second"}} {
		wantCode(t, w.answer(w.begin(c.signIn, "anna", c.factor), wrongCode), "wrong_code")
		if w.failures("anna") != int64(n+1) {
			t.Fatalf("%d failures after %d wrong answers", w.failures("anna"), n+1)
		}
	}
	bruno := w.begin("s4", "bruno", ask)
	must(t, w.answer(bruno, bruno.code))
	elsewhere := w.beginIn(globex, "s5", "anna", ask)
	must(t, w.answer(elsewhere, elsewhere.code))
	if w.failures("anna") != 4 {
		t.Fatalf("%d failures: somebody else's right answer counted", w.failures("anna"))
	}
	a := w.begin("s6", "anna", "second")
	must(t, w.answer(a, a.code))
	// From here on it takes five again.
	for n := range 5 {
		wantCode(t, w.answer(w.begin(fmt.Sprint("r", n), "anna", ask), wrongCode), "wrong_code")
	}
	a = w.begin("s7", "anna", ask)
	wantCode(t, w.answer(a, a.code), "back_off")
}

// The pause is the user's: another one answers meanwhile.
func backOffIsOneUsers(t *testing.T, w *world) {
	for n := range 5 {
		wantCode(t, w.answer(w.begin(fmt.Sprint("s", n), "anna", ask), wrongCode), "wrong_code")
	}
	for _, s := range []struct {
		scope db.Scope
		user  string
	}{{acme, "bruno"}, {globex, "anna"}} {
		a := w.beginIn(s.scope, "s9", s.user, ask)
		must(t, w.answer(a, a.code))
	}
	blocked := w.begin("s9", "anna", ask)
	if got := wantCode(t, w.answer(blocked, blocked.code), "back_off").RetryAfter; got != 30*time.Second {
		t.Errorf("wait %v", got)
	}
}

var _ ceremony.Instances = shelf{}

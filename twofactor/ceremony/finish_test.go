package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

func TestFinish(t *testing.T) {
	each(t,
		test{"a right answer counts once", rightAnswerCountsOnce},
		test{"five wrong answers kill", fiveWrongAnswersKill},
		test{"the last try may be right", lastTryMayBeRight},
		test{"lifetime", lifetime},
		test{"then fails", thenFails},
		test{"a try is counted before it is judged", tryIsCountedBeforeItIsJudged},
		test{"hanging up hides nothing", hangingUpHidesNothing},
		test{"strangers", strangers},
		test{"the factor fails", factorFails},
		test{"contents are bound", contentsAreBound},
	)
}

func rightAnswerCountsOnce(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	if v := w.view(a); !v.Open || v.AttemptsLeft != 5 || v.Prompt.Message != "Hello from the fake." || v.MayResend || v.Sends != 0 {
		t.Errorf("view: %+v", v)
	}
	w.clock.Advance(time.Minute)
	var got ceremony.Passed
	must(t, w.Finish(in(t, acme), a.give(a.code), func(ctx context.Context, p ceremony.Passed) error {
		if !db.InTx(ctx) || db.ScopeOf(ctx) != acme {
			t.Error("then is not in the transaction, or in another tenant")
		}
		got = p
		return nil
	}))
	want := ceremony.Passed{TwoFactorID: ask, UserID: "anna", AMR: []string{"otp"}, Strength: twofactor.StrengthAAL2, At: w.clock.Now()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.sealed(a) != "" || w.view(a).Open || w.failures("anna") != 0 {
		t.Errorf("after use: sealed %q, view %+v, %d failures", w.sealed(a), w.view(a), w.failures("anna"))
	}
	wantCode(t, w.answer(a, a.code), "challenge_over")
	if w.judged() != 1 || w.failures("anna") != 0 {
		t.Errorf("a used code was judged again: %d judged, %d failures", w.judged(), w.failures("anna"))
	}
}

// N3: five wrong answers, then nothing helps.
func fiveWrongAnswersKill(t *testing.T, w *world) {
	a := w.begin("s1", "anna", mail)
	if w.holds(a.code) {
		t.Error("the code is in the database in clear")
	}
	for n := 1; n <= 4; n++ {
		wantCode(t, w.answer(a, wrongCode), "wrong_code")
		if v := w.view(a); v.AttemptsLeft != 5-n || !v.Open {
			t.Errorf("after %d: %+v", n, v)
		}
	}
	wantCode(t, w.answer(a, wrongCode), "challenge_over")
	w.clock.Advance(time.Minute) // past the back-off
	wantCode(t, w.answer(a, a.code), "challenge_over")
	wantCode(t, w.Resend(in(t, acme), a.id, a.signIn), "challenge_over")
	if v := w.view(a); v.Open || v.AttemptsLeft != 0 || w.sealed(a) != "" {
		t.Errorf("dead: %+v, sealed %q", v, w.sealed(a))
	}
	if w.judged() != 5 || w.failures("anna") != 5 || w.events("factor.wrong") != 5 {
		t.Errorf("%d judged, %d failures, %d events", w.judged(), w.failures("anna"), w.events("factor.wrong"))
	}
	if w.holds(a.code) || w.logs.Contains(a.code) {
		t.Error("the code is in a trail or a log")
	}
}

// M30: the fifth answer may still be the right one.
func lastTryMayBeRight(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	for range 4 {
		wantCode(t, w.answer(a, wrongCode), "wrong_code")
	}
	must(t, w.answer(a, a.code))
	if w.failures("anna") != 0 {
		t.Error("a right answer does not reset the counter")
	}
}

// N2: a code lives five minutes, or as the factor says, but never above ten.
func lifetime(t *testing.T, w *world) {
	for name, c := range map[string]struct {
		says time.Duration
		want time.Duration
	}{
		"the factor's":     {2 * time.Minute, 2 * time.Minute},
		"none said":        {0, 5 * time.Minute},
		"longer than ever": {time.Hour, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w.instances[ask].asked = func(ch twofactor.Challenge) twofactor.Challenge {
				if ch.ExpiresAt = w.clock.Now().Add(c.says); c.says == 0 {
					ch.ExpiresAt = time.Time{}
				}
				return ch
			}
			early, late := w.begin("s1"+name, "anna", ask), w.begin("s2"+name, "anna", ask)
			if got := w.view(early).ExpiresAt.Sub(w.clock.Now()); got != c.want {
				t.Errorf("lives %v, want %v", got, c.want)
			}
			w.clock.Advance(c.want - time.Microsecond)
			must(t, w.answer(early, early.code))
			before := w.judged()
			w.clock.Advance(time.Microsecond)
			wantCode(t, w.answer(late, late.code), "challenge_over")
			if w.view(late).Open || w.judged() != before || w.failures("anna") != 0 {
				t.Error("an expired challenge is shown as open, judged or counted")
			}
		})
	}
}

// The use, the reset and what then does are one act; the try is not part of it.
func thenFails(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	broken := errors.New("then fails")
	err := w.Finish(in(t, acme), a.give(a.code), func(ctx context.Context, _ ceremony.Passed) error {
		return errors.Join(w.Audit.Record(ctx, audit.Event{Kind: "test.then"}, nil), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if w.attempts(a) != 1 || w.failures("anna") != 1 || w.events("test.then") != 0 || !w.view(a).Open || w.sealed(a) == "" {
		t.Errorf("%d attempts, %d failures, %d events, view %+v", w.attempts(a), w.failures("anna"), w.events("test.then"), w.view(a))
	}
	func() {
		defer func() { _ = recover() }()
		_ = w.Finish(in(t, acme), a.give(a.code), func(context.Context, ceremony.Passed) error { panic("then panics") })
	}()
	if w.attempts(a) != 2 || !w.view(a).Open {
		t.Errorf("after a panic: %d attempts, view %+v", w.attempts(a), w.view(a))
	}
	must(t, w.answer(a, a.code))
	if w.failures("anna") != 0 {
		t.Error("the counter stands")
	}
}

// I3: a try is in the database before the answer is looked at, whatever happens then.
func tryIsCountedBeforeItIsJudged(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	ctx, hangUp := context.WithCancel(in(t, acme))
	spy := w.instances[ask]
	for n, before := range []func(context.Context) error{
		func(context.Context) error { return nil },
		func(context.Context) error { panic("factor panics") },
		func(ctx context.Context) error { hangUp(); return ctx.Err() },
	} {
		spy.before = func(ctx context.Context) error {
			if w.attempts(a) != int64(n+1) || w.failures("anna") != int64(n+1) {
				t.Errorf("while judging try %d: %d attempts, %d failures", n+1, w.attempts(a), w.failures("anna"))
			}
			return before(ctx)
		}
		func() {
			defer func() { _ = recover() }()
			if err := w.Finish(ctx, a.give(wrongCode), nil); err == nil {
				t.Error("no error")
			}
		}()
	}
	if spy.before = nil; w.attempts(a) != 3 || w.failures("anna") != 3 || w.judged() != 3 {
		t.Errorf("%d attempts, %d failures, %d judged", w.attempts(a), w.failures("anna"), w.judged())
	}
	must(t, w.answer(a, a.code)) // and none of it holds the user's turn
}

// Who hangs up while a guess is judged leaves the same traces as anybody.
func hangingUpHidesNothing(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	for range 5 {
		ctx, hangUp := context.WithCancel(in(t, acme))
		w.instances[ask].before = func(context.Context) error { hangUp(); return nil }
		if err := w.Finish(ctx, a.give(wrongCode), nil); err == nil {
			t.Error("no error")
		}
	}
	if w.events("factor.wrong") != 5 || w.sealed(a) != "" {
		t.Errorf("%d events, sealed %q", w.events("factor.wrong"), w.sealed(a))
	}
}

// M41–M46: whatever does not fit is not there, and costs nobody a try.
func strangers(t *testing.T, w *world) {
	a, other := w.begin("s1", "anna", ask), w.begin("s2", "bruno", ask)
	for name, c := range map[string]struct {
		scope db.Scope
		give  ceremony.Give
	}{
		"another tenant":        {globex, a.give(a.code)},
		"another sign-in":       {acme, asking{id: a.id, signIn: "s2", user: "anna"}.give(a.code)},
		"another user":          {acme, asking{id: a.id, signIn: "s1", user: "bruno"}.give(a.code)},
		"another challenge":     {acme, asking{id: other.id, signIn: "s1", user: "anna"}.give(other.code)},
		"no challenge":          {acme, asking{signIn: "s1", user: "anna"}.give(a.code)},
		"no user":               {acme, asking{id: a.id, signIn: "s1"}.give(a.code)},
		"right customer, other": {db.Scope{Subscription: globex.Subscription, Tenant: acme.Tenant}, a.give(a.code)},
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, w.Finish(in(t, c.scope), c.give, nil), "challenge_unknown")
		})
	}
	if n := w.number("SELECT COALESCE(SUM(attempts), 0) FROM challenges"); n != 0 || w.failures("anna")+w.failures("bruno") != 0 || w.judged() != 0 {
		t.Errorf("%d attempts, %d failures, %d judged", n, w.failures("anna")+w.failures("bruno"), w.judged())
	}
	must(t, w.answer(a, a.code))
	must(t, w.answer(other, other.code))
}

// A factor that does not work says nothing about the answer; nobody gets in, and
// nobody gets more tries.
func factorFails(t *testing.T, w *world) {
	a := w.begin("s1", "anna", ask)
	spy := w.instances[ask]
	spy.before = func(context.Context) error { return errors.New("the factor is down") }
	wantCode(t, w.answer(a, a.code), "factor_failed")
	spy.before, spy.gone = nil, true
	wantCode(t, w.answer(a, a.code), "factor_failed")
	if spy.gone = false; w.attempts(a) != 2 || w.failures("anna") != 2 || w.events("factor.wrong") != 0 {
		t.Errorf("%d attempts, %d failures, %d events", w.attempts(a), w.failures("anna"), w.events("factor.wrong"))
	}
	must(t, w.answer(a, a.code))
}

// N16: contents open in their own place alone.
func contentsAreBound(t *testing.T, w *world) {
	copied := func(s db.Scope, signIn, user string) func(asking) asking {
		return func(a asking) asking {
			b := w.beginIn(s, signIn, user, ask)
			w.exec(fmt.Sprintf("UPDATE challenges SET sealed = (SELECT sealed FROM challenges WHERE id = '%s') WHERE id = '%s'", a.id, b.id))
			return b
		}
	}
	changed := func(column, value string, now func(*asking)) func(asking) asking {
		return func(a asking) asking {
			w.exec(fmt.Sprintf("UPDATE challenges SET %s = '%s' WHERE id = '%s'", column, value, a.id))
			now(&a)
			return a
		}
	}
	for name, move := range map[string]func(asking) asking{
		"another challenge": copied(acme, "s-other", "anna"),
		"another tenant":    copied(globex, "s1", "anna"),
		"another user":      changed("user_id", "mallory", func(a *asking) { a.user = "mallory" }),
		"another sign-in":   changed("sign_in_id", "s9", func(a *asking) { a.signIn = "s9" }),
		"another factor":    changed("two_factor_id", phone, func(a *asking) { a.factor = phone }),
	} {
		t.Run(name, func(t *testing.T) {
			before, a := w.judged(), w.begin("s1", "anna", ask)
			moved := move(a)
			wantCode(t, w.answer(moved, a.code), "factor_failed")
			if w.judged() != before {
				t.Error("it was judged")
			}
			if _, err := w.Show(in(t, moved.scope), moved.id, moved.signIn); err == nil {
				t.Error("it is shown")
			}
			must(t, w.Unlock(in(t, moved.scope), moved.user))
		})
	}
}

package ceremony_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"twofold/internal/problem"
	"twofold/twofactor/ceremony"
)

func TestRaces(t *testing.T) {
	each(t,
		test{"many wrong answers", over(manyWrongAtOnce)},
		test{"many wrong answers over many sign-ins", over(manyWrongOverManySignIns)},
		test{"one right answer many times", over(oneRightAnswerManyTimes)},
		test{"right sign-ins", over(parallelRightSignIns)},
		test{"right sign-ins at the edge", parallelRightSignInsAtTheEdge},
		test{"begins", parallelBegins},
		test{"all at once", over(allAtOnce)},
	)
}

// finisher is Finish of some process.
type finisher func(i int, g ceremony.Give, then func(context.Context, ceremony.Passed) error) error

// over runs f with one process on the database and many answers, and with two and
// fewer. None is lost or counted twice in either.
func over(f func(t *testing.T, w *world, many int, finish finisher)) func(t *testing.T, w *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		for n, name := range []string{"one process", "two processes"} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, w.db)
				replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
				f(t, w, []int{64, 30}[n], func(i int, g ceremony.Give, then func(context.Context, ceremony.Passed) error) error {
					return replicas[i%(n+1)].Finish(in(t, acme), g, then)
				})
			})
		}
	}
}

func nothing(context.Context, ceremony.Passed) error { return nil }

// M25: of a hundred guesses at once five are looked at.
func manyWrongAtOnce(t *testing.T, w *world, many int, finish finisher) {
	a := w.begin(t.Name(), "anna", ask)
	parallel(many+36, func(i int) {
		switch err := finish(i, a.give(fmt.Sprint(wrongCode, i)), nothing); {
		case err == nil:
			t.Error("let in")
		case !problem.Is(err, problem.Invalid) && !problem.Is(err, problem.Gone) && !problem.Is(err, problem.TooMany):
			t.Error(err)
		}
	})
	if w.judged() != 5 || w.failures("anna") != 5 {
		t.Errorf("%d judged, %d failures", w.judged(), w.failures("anna"))
	}
}

// M32: neither do ten sign-ins side by side give more than five.
func manyWrongOverManySignIns(t *testing.T, w *world, many int, finish finisher) {
	var open []asking
	for n := range 10 {
		open = append(open, w.begin(fmt.Sprint(t.Name(), n), "anna", ask))
	}
	parallel(many, func(i int) {
		if err := finish(i, open[i%10].give(wrongCode), nothing); err == nil {
			t.Error("let in")
		}
	})
	if w.judged() != 5 || w.failures("anna") != 5 {
		t.Errorf("%d judged, %d failures", w.judged(), w.failures("anna"))
	}
}

// M23: of 64 times the same right answer one counts.
func oneRightAnswerManyTimes(t *testing.T, w *world, many int, finish finisher) {
	a := w.begin(t.Name(), "anna", ask)
	var ran, passed atomic.Int64
	parallel(many, func(i int) {
		err := finish(i, a.give(a.code), func(context.Context, ceremony.Passed) error { ran.Add(1); return nil })
		switch {
		case err == nil:
			passed.Add(1)
		case !problem.Is(err, problem.Gone):
			t.Error(err)
		}
	})
	if ran.Load() != 1 || passed.Load() != 1 {
		t.Errorf("ran %d times, %d got in", ran.Load(), passed.Load())
	}
}

// SECURITY §3, row 77: honest sign-ins of one user at the same moment all succeed.
func parallelRightSignIns(t *testing.T, w *world, _ int, finish finisher) {
	var open []asking
	for n := range 20 {
		open = append(open, w.begin(fmt.Sprint(t.Name(), n), "anna", ask))
	}
	wantCode(t, finish(0, open[0].give(wrongCode), nothing), "wrong_code") // a typo before changes nothing
	parallel(len(open), func(i int) {
		if err := finish(i, open[i].give(open[i].code), nothing); err != nil {
			t.Error(err)
		}
	})
	if w.failures("anna") != 0 {
		t.Errorf("%d failures", w.failures("anna"))
	}
}

// Even at the edge of the back-off, as long as one process judges.
func parallelRightSignInsAtTheEdge(t *testing.T, w *world) {
	var open []asking
	for n := range 10 {
		open = append(open, w.begin(fmt.Sprint("s", n), "anna", ask))
	}
	for n := range 4 {
		wantCode(t, w.answer(open[n], wrongCode), "wrong_code")
	}
	parallel(len(open), func(i int) {
		if err := w.answer(open[i], open[i].code); err != nil {
			t.Error(err)
		}
	})
}

// N15: however many begin at once, one code of a sign-in is alive.
func parallelBegins(t *testing.T, w *world) {
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	parallel(12, func(i int) {
		if _, err := replicas[i%2].Begin(in(t, acme), start("s1", "anna", ask)); err != nil {
			t.Error(err)
		}
	})
	if open, readable := w.number("SELECT count(*) FROM challenges WHERE closed_at IS NULL"), w.number("SELECT count(*) FROM challenges WHERE sealed <> ''"); open != 1 || readable != 1 {
		t.Errorf("%d open, %d readable", open, readable)
	}
}

// Beginning, answering and closing at once ends in one state, and without anybody
// waiting for anybody for good.
func allAtOnce(t *testing.T, w *world, _ int, finish finisher) {
	a := w.begin(t.Name(), "anna", ask)
	var passed atomic.Int64
	parallel(24, func(i int) {
		var err error
		switch i % 3 {
		case 0:
			if err = finish(i/3, a.give(a.code), nothing); err == nil {
				passed.Add(1)
			}
		case 1:
			_, err = w.Begin(in(t, acme), start(a.signIn, "anna", ask))
		case 2:
			err = w.Close(in(t, acme), a.signIn)
		}
		if err != nil && !problem.Is(err, problem.Gone) {
			t.Error(err)
		}
	})
	if passed.Load() > 1 {
		t.Errorf("%d got in", passed.Load())
	}
	if n := w.number("SELECT count(*) FROM challenges WHERE closed_at IS NULL AND sign_in_id = '%s'", a.signIn); n > 1 {
		t.Errorf("%d open", n)
	}
}

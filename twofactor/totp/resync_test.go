package totp_test

import (
	"fmt"
	"testing"

	"twofold/twofactor"
)

// pair are the codes of a step and the one after it.
func (a app) pair(step int64) twofactor.Answer {
	return twofactor.Answer{"code": a.code(step), "next": a.code(step + 1)}
}

// TestResync: an app whose clock is off by up to ten minutes signs in again, with
// the window around its own clock and no wider than before.
func TestResync(t *testing.T) {
	for _, off := range []int64{-20, -19, -2, -1, 0, 1, 2, 19, 20} {
		t.Run(fmt.Sprint(off), func(t *testing.T) {
			w := open(t, `{}`)
			e, a := w.enrol(t, start)
			w.clock.Add(1000)
			now := w.clock.Load()
			c, err := w.BeginResync(t.Context(), mia, e)
			if err != nil {
				t.Fatal(err)
			}
			e, err = w.FinishResync(t.Context(), e, c, a.pair(now+off-1))
			if err != nil {
				t.Fatal(err)
			}
			if s, _ := read(t, e); s.Offset != off || s.Last != now+off {
				t.Errorf("kept %+v, want offset %d and last %d", s, off, now+off)
			}
			for _, used := range []int64{now + off - 1, now + off} {
				_, err := w.verify(t, a.answer(used), e)
				mustBeWrong(t, "a code of the resync", err)
			}
			w.clock.Add(50)
			for d := int64(-3); d <= 3; d++ {
				_, err := w.verify(t, a.answer(now+50+off+d), e)
				if d < -1 || d > 1 {
					mustBeWrong(t, fmt.Sprintf("%+d around the app's clock", d), err)
				} else if err != nil {
					t.Errorf("%+d around the app's clock: %v", d, err)
				}
			}
		})
	}
}

func TestResyncRefuses(t *testing.T) {
	w := open(t, `{}`)
	e, a := w.enrol(t, start)
	_, stranger := w.enrol(t, start)
	w.clock.Add(1000)
	now := w.clock.Load()
	e, err := w.verify(t, a.answer(now-1), e)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]twofactor.Answer{
		"too far ahead":  a.pair(now + 20),
		"too far behind": a.pair(now - 22),
		"swapped":        {"code": a.code(now + 4), "next": a.code(now + 3)},
		"same twice":     {"code": a.code(now + 3), "next": a.code(now + 3)},
		"a gap between":  {"code": a.code(now + 3), "next": a.code(now + 5)},
		"one only":       {"code": a.code(now + 3)},
		"next only":      {"next": a.code(now + 4)},
		"used before":    a.pair(now - 1),
		"older than use": a.pair(now - 9),
		"another app's":  stranger.pair(now + 3),
		"half another's": {"code": a.code(now + 3), "next": stranger.code(now + 4)},
	} {
		_, err := w.FinishResync(t.Context(), e, twofactor.Challenge{}, answer)
		mustBeWrong(t, name, err)
	}
}

// TestResyncAgain: offsets do not add up, so that no number of resyncs leads away
// from our clock.
func TestResyncAgain(t *testing.T) {
	w := open(t, `{}`)
	e, a := w.enrol(t, start)
	w.clock.Add(1000)
	e, err := w.FinishResync(t.Context(), e, twofactor.Challenge{}, a.pair(w.clock.Load()+15))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.FinishResync(t.Context(), e, twofactor.Challenge{}, a.pair(w.clock.Load()+30))
	mustBeWrong(t, "ten minutes from where the last resync led", err)

	w.clock.Add(100) // the app's clock was set right meanwhile
	e, err = w.FinishResync(t.Context(), e, twofactor.Challenge{}, a.pair(w.clock.Load()-1))
	if s, _ := read(t, e); err != nil || s.Offset != 0 {
		t.Errorf("offset %d, %v", s.Offset, err)
	}
}

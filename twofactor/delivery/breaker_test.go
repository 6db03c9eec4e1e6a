package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/twofactor"
)

func TestBreaker(t *testing.T) {
	var b breakers
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	call := func(works bool) (time.Duration, string) {
		wait, ok := b.allow("a", now)
		if !ok {
			return wait, "held"
		}
		return 0, b.done("a", now, works)
	}
	for n, step := range []struct {
		after time.Duration
		works bool
		wait  time.Duration
		want  string
	}{
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, true, 0, ""}, // four in a row are not five
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, false, 0, ""},
		{0, false, 0, BreakerOpened},
		{0, true, 30 * time.Second, "held"},
		{29 * time.Second, true, time.Second, "held"},
		{time.Second, false, 0, ""}, // the probe fails: open again, and nothing new
		{0, true, 30 * time.Second, "held"},
		{30 * time.Second, true, 0, BreakerClosed},
		{0, false, 0, ""},
		{0, true, 0, ""},
	} {
		now = now.Add(step.after)
		if wait, got := call(step.works); wait != step.wait || got != step.want {
			t.Errorf("step %d: %v %q, want %v %q", n, wait, got, step.wait, step.want)
		}
	}
	if len(b.of) != 0 {
		t.Errorf("%d are remembered", len(b.of))
	}
}

// Of many that come when it is half open one goes through.
func TestBreakerProbe(t *testing.T) {
	var b breakers
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range openAfter {
		b.allow("a", now)
		b.done("a", now, false)
	}
	if _, ok := b.allow("b", now); !ok {
		t.Error("another instance is held")
	}
	b.done("a", now, false) // begun before it opened
	now = now.Add(openFor)
	if _, ok := b.allow("a", now); !ok {
		t.Fatal("no probe")
	}
	for range 10 {
		if wait, ok := b.allow("a", now); ok || wait != probeWait {
			t.Errorf("a second probe, or wait %v", wait)
		}
	}
	if got := b.done("a", now, true); got != BreakerClosed {
		t.Errorf("%q", got)
	}
	if _, ok := b.allow("a", now); !ok {
		t.Error("held though it works")
	}
}

func TestBreakerInOutbox(t *testing.T) {
	each(t,
		test{"holds back", breakerHoldsBack},
		test{"what counts", breakerCounts},
		test{"a panic counts", breakerPanic},
	)
}

// fill queues messages, and tries each once.
func (w *world) fill(from, to int) {
	w.t.Helper()
	for n := from; n < to; n++ {
		w.enqueue(fmt.Sprint("c", n))
		w.once(fmt.Sprint("c", n))
	}
}

// While it is open nobody calls the provider, and no message loses a try by that.
func breakerHoldsBack(t *testing.T, w *world) {
	var changes []string
	w.OnBreaker = func(factorType, change string) { changes = append(changes, factorType+" "+change) }
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth"})
	w.fill(0, openAfter)
	notes := len(w.shelf.noted())
	w.fill(openAfter, openAfter+3)
	if w.shelf.tries() != openAfter || len(w.shelf.noted()) != notes {
		t.Errorf("%d tries, %q", w.shelf.tries(), w.shelf.noted())
	}
	e := w.entry("c5")
	if e.State != Queued || e.Attempts != 0 || e.ErrorClass != "retry" || !strings.Contains(e.Error, "breaker") || w.pause(e) != openFor || w.sealed("c5") == "" {
		t.Errorf("pause %v, %+v", w.pause(e), e)
	}
	w.clock.Advance(openFor)
	w.once("c5")
	if e := w.entry("c5"); e.State != Failed || e.Attempts != 1 {
		t.Errorf("the probe: %+v", e)
	}
	w.once("c6")
	if w.shelf.tries() != openAfter+1 {
		t.Errorf("%d tries after a failed probe", w.shelf.tries())
	}
	w.shelf.instead(nil)
	w.clock.Advance(openFor)
	if e := w.once("c6"); e.State != Sent || e.Attempts != 1 {
		t.Errorf("%+v", e)
	}
	if e := w.once("c7"); e.State != Sent {
		t.Errorf("%+v", e)
	}
	if want := []string{"fakefactor opened", "fakefactor closed"}; !slices.Equal(changes, want) || strings.Count(w.logs.String(), "breaker changed") != 2 {
		t.Errorf("%q", changes)
	}
	// What would be held beyond its life ends.
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth"})
	w.fill(10, 10+openAfter)
	item := w.item("short")
	item.Message.ExpiresAt = w.clock.Now().Add(openFor)
	must(t, w.Enqueue(in(t, acme), item))
	if e := w.once("short"); e.State != Failed || e.ErrorClass != "retry" {
		t.Errorf("%+v", e)
	}
}

// An address that does not exist is the provider's answer, not its failure.
func breakerCounts(t *testing.T, w *world) {
	for n, class := range []error{twofactor.ErrRetry, twofactor.ErrAccount, errors.New("bare"), twofactor.ErrRetry} {
		w.shelf.fail(class)
		w.fill(n, n+1)
	}
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient})
	w.fill(4, 14)
	w.shelf.fail(twofactor.ErrRetry)
	w.fill(14, 18)
	w.shelf.fail(twofactor.ErrContent)
	w.fill(18, 28)
	if w.shelf.tries() != 28 {
		t.Errorf("%d tries", w.shelf.tries())
	}
}

func breakerPanic(t *testing.T, w *world) {
	w.shelf.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) { panic("at the disco") })
	w.fill(0, openAfter+2)
	if w.shelf.tries() != openAfter {
		t.Errorf("%d tries", w.shelf.tries())
	}
}

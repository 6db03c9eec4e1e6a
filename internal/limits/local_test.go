package limits_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/limits"
	"twofold/internal/testkit"
)

func TestLocal(t *testing.T) {
	clock := testkit.NewClock(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))
	l := &limits.Local{Now: clock.Now}
	lim := limits.Limit{Burst: 60, Per: time.Minute}
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if ok, _ := l.Take(lim, "a"); ok {
					taken.Add(1)
				}
			}
		})
	}
	if all.Wait(); taken.Load() != 60 {
		t.Errorf("%d of 60 at once", taken.Load())
	}
	if ok, after := l.Take(lim, "a"); ok || after != time.Second {
		t.Errorf("used up: %v %v", ok, after)
	}
	if ok, _ := l.Take(lim, "b"); !ok {
		t.Error("another name has a budget of its own")
	}
	clock.Advance(time.Second)
	if ok, _ := l.Take(lim, "a"); !ok {
		t.Error("nothing was refilled")
	}
	if ok, _ := l.Take(lim, "a"); ok {
		t.Error("too much was refilled")
	}
	clock.Advance(time.Hour) // and all that is full is forgotten
	for range 60 {
		if ok, _ := l.Take(lim, "a"); !ok {
			t.Fatal("not full again")
		}
	}
	if ok, after := l.Take(lim, "a"); ok || after != time.Second {
		t.Errorf("more than the burst: %v %v", ok, after)
	}
}

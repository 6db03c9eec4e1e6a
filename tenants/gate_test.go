package tenants

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"twofold/internal/problem"
)

func TestGateBoundsWhatRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, 20, time.Minute)
		var now, most, ran atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				must(t, g.Do(t.Context(), func() {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second) // of the bubble's clock
					now.Add(-1)
					ran.Add(1)
				}))
			})
		}
		wg.Wait()
		if most.Load() != 3 || ran.Load() != 20 {
			t.Errorf("%d at once, %d in all", most.Load(), ran.Load())
		}
	})
}

func TestGateOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 2, 2*time.Second)
		release := make(chan struct{})
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- g.Do(t.Context(), func() { <-release }) }()
		}
		synctest.Wait() // one runs, two wait
		began := time.Now()
		checkBusy(t, "queue full", g.Do(t.Context(), func() { t.Error("ran") }))
		if time.Since(began) != 0 {
			t.Errorf("refused only after %v", time.Since(began))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		checkBusy(t, "waited too long", <-results)
		checkBusy(t, "waited too long", <-results)
		close(release)
		must(t, <-results)
		must(t, g.Do(t.Context(), func() {})) // and there is room again
	})
}

func checkBusy(t *testing.T, name string, err error) {
	t.Helper()
	p := problem.From(err)
	if p.Kind.Status() != 503 || p.RetryAfter <= 0 {
		t.Errorf("%s: got %v, retry after %v", name, err, p.RetryAfter)
	}
}

func TestGateWhenTheUserGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, time.Minute)
		release := make(chan struct{})
		first := make(chan error, 1)
		go func() { first <- g.Do(t.Context(), func() { <-release }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() { second <- g.Do(ctx, func() { t.Error("ran") }) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
		must(t, <-first)
	})
}

func TestGateSurvivesAPanic(t *testing.T) {
	g := newGate(1, 0, time.Minute)
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			_ = g.Do(t.Context(), func() { panic("of the caller") })
		}()
	}
	must(t, g.Do(t.Context(), func() {}))
}

func TestNewGate(t *testing.T) {
	g := NewGate()
	if n := 2 * runtime.GOMAXPROCS(0); cap(g.slots) != n || cap(g.queue) != n+64 || g.wait != 2*time.Second {
		t.Errorf("%d, %d, %v; SECURITY N34 wants others", cap(g.slots), cap(g.queue), g.wait)
	}
}

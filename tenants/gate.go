package tenants

import (
	"context"
	"runtime"
	"time"

	"twofold/internal/problem"
)

// Gate bounds how many password hashes are computed at once: each holds 19 MiB
// and a core for about 40 ms, so a flood would starve everything else
// (SECURITY N34). Whoever waits too long gets 503 with Retry-After.
type Gate struct {
	slots chan struct{}
	queue chan struct{}
	wait  time.Duration
}

// NewGate makes a gate for this machine: 2 × cores in flight, 64 waiting at most 2 s.
func NewGate() *Gate { return newGate(2*runtime.GOMAXPROCS(0), 64, 2*time.Second) }

func newGate(inFlight, waiting int, wait time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, inFlight), queue: make(chan struct{}, inFlight+waiting), wait: wait}
}

// Do runs f when there is room.
func (g *Gate) Do(ctx context.Context, f func()) error {
	select {
	case g.queue <- struct{}{}:
		defer func() { <-g.queue }()
	default:
		return errBusy
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	f()
	return nil
}

var errBusy = problem.Busy(problem.Unavailable, "busy", "Too many people are signing in at the moment. Please try again in a few seconds.", 5*time.Second)

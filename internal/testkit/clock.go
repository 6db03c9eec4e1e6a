package testkit

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until it is moved. It is safe for
// concurrent use. Times are UTC and of whole microseconds, as both databases
// keep them.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows t0.
func NewClock(t0 time.Time) *Clock { return &Clock{now: micros(t0)} }

// Now is what the clock shows: pass the method value where a func() time.Time
// is asked for.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock and returns what it shows then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = micros(c.now.Add(d))
	return c.now
}

// Set makes the clock show t, also an earlier one.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = micros(t)
}

func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

package delivery

import (
	"errors"
	"sync"
	"time"

	"twofold/twofactor"
)

// Numbers of a breaker (SECURITY F20).
const (
	openAfter = 5                // failures in a row
	openFor   = 30 * time.Second // before one message may try again
	probeWait = 2 * time.Second  // for the others, while that one is under way
)

// Changes of a breaker, as metrics and logs name them.
const (
	BreakerOpened = "opened"
	BreakerClosed = "closed"
)

// breakers keep this process from calling a provider that does not work.
//
//	closed ──5 failures in a row──▶ open ──30 s──▶ half-open: one probe
//	   ▲                              ▲                │
//	   └──────────── success ─────────┼── failure ─────┘
//
// They are the memory of one process: each replica finds out by itself, which costs
// five calls and needs no agreement. A failure that says nothing about the provider
// (an address that does not exist) counts as an answer, and so as a success.
type breakers struct {
	mu sync.Mutex
	of map[string]*breaker // by instance
}

type breaker struct {
	failures int
	until    time.Time // open until then; zero: closed
	probing  bool
}

// allow says whether an instance may be called now; if not, after what pause to ask
// again. Who is allowed must say how it went: call done.
func (b *breakers) allow(id string, now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch it := b.of[id]; {
	case it == nil || it.until.IsZero():
		return 0, true
	case now.Before(it.until):
		return it.until.Sub(now), false
	case it.probing:
		return probeWait, false
	default:
		it.probing = true
		return 0, true
	}
}

// done takes note of a call; change is empty when the state stays.
func (b *breakers) done(id string, now time.Time, works bool) (change string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.of[id]
	if works {
		delete(b.of, id)
		if it != nil && !it.until.IsZero() {
			return BreakerClosed
		}
		return ""
	}
	if it == nil {
		it = &breaker{}
		if b.of == nil {
			b.of = map[string]*breaker{}
		}
		b.of[id] = it
	}
	it.failures++
	wasOpen := !it.until.IsZero()
	// A call begun before it opened says nothing new; the probe's failure does.
	if it.failures >= openAfter && (!wasOpen || it.probing) {
		it.until, it.probing = now.Add(openFor), false
	}
	if wasOpen || it.until.IsZero() {
		return ""
	}
	return BreakerOpened
}

// works reports whether the provider did its part, whatever it said.
func works(err error) bool {
	return err == nil || errors.Is(err, twofactor.ErrRecipient) || errors.Is(err, twofactor.ErrContent)
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/twofactor"
)

func TestRun(t *testing.T) {
	each(t,
		test{"two processes", twoProcesses},
		test{"a dead process", deadProcess},
		test{"a slow sender", slowSender},
		test{"a lost message", lostMessage},
		test{"a panicking sender", panickingSender},
		test{"too many kicks", tooManyKicks},
		test{"a retry by itself", retryByItself},
		test{"draining", draining},
		test{"what is left running", leftRunning},
	)
}

// Two outboxes on one database claim each message once.
func twoProcesses(t *testing.T, w *world) {
	shelves := []*shelf{w.shelf, newShelf(t, w.clock)}
	w.start(w.Outbox)
	w.start(w.replica(Config{Instances: shelves[1]}))
	const n = 20
	for i := range n {
		w.enqueue(fmt.Sprint("c", i))
	}
	for i := range n {
		w.until(fmt.Sprint("c", i), Sent)
	}
	got := map[string]int{}
	for _, s := range shelves {
		for _, m := range s.fake.Sent() {
			got[m.ID]++
		}
	}
	if len(got) != n || shelves[0].tries()+shelves[1].tries() != n {
		t.Errorf("%d messages in %d tries", len(got), shelves[0].tries()+shelves[1].tries())
	}
	if sent := strings.Count(w.trail(), "factor.sent"); sent != n {
		t.Errorf("%d events", sent)
	}
}

// hold makes s wait, once it has started, until the test lets it go. To be called
// after the outbox was started, so that a failing test lets it go first.
func (s *shelf) hold(t *testing.T) (started <-chan struct{}, release func()) {
	t.Helper()
	begun, let := make(chan struct{}, 8), make(chan struct{})
	s.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) {
		begun <- struct{}{}
		<-let
		return twofactor.Receipt{ProviderID: "late"}, nil
	})
	release = sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	return begun, release
}

// What a silent process has claimed is taken over when its lease ends. Should the
// silent one speak again, it changes nothing.
func deadProcess(t *testing.T, w *world) {
	dead := newShelf(t, w.clock)
	stopDead := w.start(w.replica(Config{Instances: dead, Workers: 1, Lease: time.Hour})) // renewed every 20 minutes, so never
	started, release := dead.hold(t)
	item := w.item("c1")
	item.Message.ExpiresAt = w.clock.Now().Add(3 * time.Hour)
	must(t, w.Enqueue(in(t, acme), item))
	<-started
	w.until("c1", Sending)
	stop := w.start(w.Outbox)
	w.clock.Advance(time.Hour - time.Microsecond)
	w.enqueue("other")
	w.until("other", Sent)
	if e := w.entry("c1"); e.State != Sending || e.Attempts != 1 {
		t.Fatalf("before the lease ends: %+v", e)
	}
	w.clock.Advance(time.Microsecond)
	w.until("c1", Sent)
	stop()
	before, trail := w.entry("c1"), w.trail()
	if before.Attempts != 2 || before.ProviderID == "late" {
		t.Errorf("%+v", before)
	}
	release()
	stopDead() // waits until it has tried to write
	if after := w.entry("c1"); after.ProviderID != before.ProviderID || after.Attempts != 2 || w.trail() != trail {
		t.Errorf("who lost the message wrote %+v", after)
	}
	if len(dead.noted()) != 0 || strings.Count(strings.Join(w.seen.all(), " "), "sent") != 2 {
		t.Errorf("noted %q, seen %q", dead.noted(), w.seen.all())
	}
}

// A sender that takes longer than the lease keeps the message.
func slowSender(t *testing.T, w *world) {
	const lease = 1200 * time.Millisecond
	w.clock.Set(time.Now())
	c := Config{Instances: w.shelf, Now: time.Now, Lease: lease}
	w.start(w.replica(c))
	started, release := w.shelf.hold(t)
	w.enqueue("c1")
	<-started
	other := newShelf(t, w.clock)
	c.Instances = other
	w.start(w.replica(c))
	first := time.Now().Add(2 * lease)
	eventually(t, "the lease is renewed twice over", func() bool {
		var row messageRow
		must(t, w.db.For(in(t, acme)).Where("challenge_id = ?", "c1").Take(&row).Error)
		return row.NextAt.After(first)
	})
	release()
	w.until("c1", Sent)
	if e := w.entry("c1"); e.Attempts != 1 || e.ProviderID != "late" || other.tries() != 0 {
		t.Errorf("%+v, %d tries by the other", e, other.tries())
	}
}

// Who notices that the message is another's by now stops sending it.
func lostMessage(t *testing.T, w *world) {
	started, stopped := make(chan struct{}, 1), make(chan error, 1)
	w.shelf.instead(func(ctx context.Context, _ twofactor.Message) (twofactor.Receipt, error) {
		started <- struct{}{}
		<-ctx.Done()
		stopped <- ctx.Err()
		return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send"}
	})
	stop := w.start(w.replica(Config{Instances: w.shelf, Lease: 30 * time.Millisecond}))
	w.enqueue("c1")
	<-started
	w.exec("UPDATE messages SET attempts = attempts + 1")
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("the sender ended by %v", err)
	}
	stop()
	w.logs.Wait(t, "was taken over")
	if e := w.entry("c1"); e.State != Sending || e.Attempts != 2 {
		t.Errorf("%+v", e)
	}
}

// A factor that panics costs a try, not the process.
func panickingSender(t *testing.T, w *world) {
	w.shelf.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) {
		panic("code " + secretCode + " to " + address)
	})
	w.enqueue("c1")
	if e := w.once("c1"); e.State != Queued || e.ErrorClass != "retry" || e.Error != "twofactor: send: try again later at panic" {
		t.Errorf("%+v", e)
	}
	if !w.logs.Contains("sender panicked") || !w.logs.Contains("panickingSender") {
		t.Error("the log does not say where")
	}
	w.shelf.instead(nil)
	w.clock.Advance(time.Second)
	w.start(w.Outbox)
	w.until("c1", Sent)
	w.saysNothing("factor.sent")
}

// What does not fit into the queue of kicks is found by the next poll.
func tooManyKicks(t *testing.T, w *world) {
	w.kicks = make(chan key, 1)
	for i := range 5 {
		w.enqueue(fmt.Sprint("c", i))
	}
	if len(w.kicks) != 1 {
		t.Fatalf("%d kicks", len(w.kicks))
	}
	w.start(w.Outbox)
	for i := range 5 {
		w.until(fmt.Sprint("c", i), Sent)
	}
}

// A retry comes when it is due, with nobody looking for work.
func retryByItself(t *testing.T, w *world) {
	fails := true
	w.shelf.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) {
		if fails {
			fails = false
			return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "connect"}
		}
		return twofactor.Receipt{}, nil
	})
	w.clock.Set(time.Now())
	o := w.replica(Config{Instances: w.shelf, Now: time.Now, Poll: time.Hour, Workers: 1})
	w.start(o)
	must(t, o.Enqueue(in(t, acme), w.item("c1")))
	w.until("c1", Sent)
	if e := w.entry("c1"); e.Attempts != 2 || e.DoneAt.Sub(e.CreatedAt) < time.Second {
		t.Errorf("%+v", e)
	}
}

// Told to end, an outbox finishes what is under way, writes the result, and leaves
// the rest to others.
func draining(t *testing.T, w *world) {
	o := w.replica(Config{Instances: w.shelf, Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	started, release := w.shelf.hold(t)
	must(t, o.Enqueue(in(t, acme), w.item("c1")))
	<-started
	for i := range 8 {
		must(t, o.Enqueue(in(t, acme), w.item(fmt.Sprint("waiting", i))))
	}
	cancel()
	select {
	case <-done:
		t.Fatal("it did not wait")
	case <-time.After(30 * time.Millisecond):
	}
	release()
	<-done
	if e := w.entry("c1"); e.State != Sent {
		t.Errorf("under way: %+v", e)
	}
	if n, err := o.Pending(t.Context()); n != 8 || err != nil || w.shelf.tries() != 1 {
		t.Errorf("%d wait, %d were tried, %v", n, w.shelf.tries(), err)
	}
	w.shelf.instead(nil)
	w.start(w.Outbox)
	for i := range 8 {
		w.until(fmt.Sprint("waiting", i), Sent)
	}
}

// An outbox that has ended leaves nothing behind.
func leftRunning(t *testing.T, w *world) {
	w.enqueue("warm") // opens the connections, which stay
	w.once("warm")
	before := runtime.NumGoroutine()
	for i := range 3 {
		stop := w.start(w.Outbox)
		w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "connect"})
		w.enqueue(fmt.Sprint("retry", i))
		eventually(t, "tried", func() bool { return w.entry(fmt.Sprint("retry", i)).ErrorClass == "retry" })
		w.shelf.instead(nil)
		w.enqueue(fmt.Sprint("sent", i))
		w.until(fmt.Sprint("sent", i), Sent)
		stop()
	}
	// Connections of the pool have goroutines too: six at most.
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+6 })
}

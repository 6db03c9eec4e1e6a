package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) { testkit.CheckModels(t, url, messageRow{}) })
}

func TestOutbox(t *testing.T) {
	each(t,
		test{"sent after the commit", sentAfterCommit},
		test{"rolled back", rolledBack},
		test{"classes of failure", failureClasses},
		test{"pauses between tries", pauses},
		test{"a try too late", noLifeLeft},
		test{"expired", expired},
		test{"an error of no class", unclassified},
		test{"the instance is gone", instanceGone},
		test{"contents are bound", contentsAreBound},
		test{"time to send", timeToSend},
		test{"sweep", sweeps},
		test{"two tenants", twoTenants},
	)
}

func sentAfterCommit(t *testing.T, w *world) {
	w.start(w.Outbox)
	must(t, w.db.Tx(in(t, acme), func(ctx context.Context) error {
		if err := w.Enqueue(ctx, w.item("c1")); err != nil {
			return err
		}
		if n := len(w.shelf.fake.Sent()); n != 0 {
			t.Errorf("%d sent before the commit", n)
		}
		return nil
	}))
	w.until("c1", Sent)
	e := w.entry("c1")
	want := Entry{
		ID: e.ID, TenantID: "acme", TwoFactorID: "mail", ChallengeID: "c1", UserID: "anna", Masked: masked, Kind: "code", State: Sent, ProviderID: e.ID, ProviderStatus: "sent",
		Attempts: 1, Segments: 1, CreatedAt: w.clock.Now(), DoneAt: new(w.clock.Now()),
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	m := w.item("c1").Message
	m.ID = e.ID // stable over tries: it is the row's
	if diff := cmp.Diff([]twofactor.Message{m}, w.shelf.fake.Sent()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Status{State: Sent, Masked: masked}, w.status("c1")); diff != "" {
		t.Error(diff)
	}
	eventually(t, "metrics and the instance's state", func() bool { return len(w.seen.all()) == 1 && len(w.shelf.noted()) == 1 })
	if w.sealed("c1") != "" || w.seen.all()[0] != "fakefactor sent" || w.shelf.noted()[0] != "mail: " {
		t.Errorf("sealed %q, seen %q, noted %q", w.sealed("c1"), w.seen.all(), w.shelf.noted())
	}
	w.saysNothing("factor.sent")
}

// saysNothing checks that the trail has an event and that neither it, the log nor
// the delivery log has a code or full address.
func (w *world) saysNothing(kind string) {
	w.t.Helper()
	trail := w.trail()
	if strings.Count(trail, kind+" system anna ") != 1 || !strings.Contains(trail, masked) {
		w.t.Errorf("the trail has not one %s:\n%s", kind, trail)
	}
	list, err := w.Entries(in(w.t, acme), 100)
	must(w.t, err)
	for _, secret := range []string{secretCode, address} {
		if all := trail + w.logs.String() + fmt.Sprint(list, w.shelf.noted()); strings.Contains(all, secret) {
			w.t.Errorf("%s is in\n%s", secret, all)
		}
	}
}

func rolledBack(t *testing.T, w *world) {
	broken := errors.New("broken")
	err := w.db.Tx(in(t, acme), func(ctx context.Context) error { return errors.Join(w.Enqueue(ctx, w.item("c1")), broken) })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if st := w.status("c1"); st != (Status{}) {
		t.Errorf("%+v", st)
	}
	w.start(w.Outbox)
	w.enqueue("c2")
	w.until("c2", Sent)
	if w.shelf.tries() != 1 {
		t.Errorf("%d sent", w.shelf.tries())
	}
}

// What does not go away by trying again is not tried again. One bad address says
// nothing about the instance.
func failureClasses(t *testing.T, w *world) {
	w.start(w.Outbox)
	for _, c := range []struct {
		class error
		name  string
		noted []string
	}{
		{twofactor.ErrRecipient, "recipient", []string{}},
		{twofactor.ErrAccount, "account", []string{"mail: twofactor: send: account or configuration at send, status 550, code 5.1.1"}},
		{twofactor.ErrContent, "content", []string{"mail: twofactor: send: content refused at send, status 550, code 5.1.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.shelf.noted())
			w.shelf.fail(&twofactor.SendError{Class: c.class, Stage: "send", Status: 550, Code: "5.1.1", Help: "Help."})
			w.enqueue(c.name)
			w.until(c.name, Failed)
			if diff := cmp.Diff(Status{State: Failed, Class: c.name, Masked: masked}, w.status(c.name)); diff != "" {
				t.Error(diff)
			}
			e := w.entry(c.name)
			if e.Attempts != 1 || e.DoneAt == nil || e.Error != "twofactor: send: "+c.class.Error()+" at send, status 550, code 5.1.1" || w.sealed(c.name) != "" {
				t.Errorf("%+v, sealed %q", e, w.sealed(c.name))
			}
			// The next message shows that all about this one is done.
			w.shelf.instead(nil)
			w.enqueue(c.name + " next")
			w.until(c.name+" next", Sent)
			eventually(t, "notes", func() bool { return len(w.shelf.noted()) == before+len(c.noted)+1 })
			if diff := cmp.Diff(append(c.noted, "mail: "), w.shelf.noted()[before:], cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Error(diff)
			}
		})
	}
	w.clock.Advance(time.Hour)
	w.enqueue("last")
	w.until("last", Sent)
	if w.shelf.tries() != 7 {
		t.Errorf("%d tries, want one for each message", w.shelf.tries())
	}
	if n := strings.Count(w.trail(), "factor.failed system anna"); n != 3 {
		t.Errorf("%d events", n)
	}
}

// once tries a message by hand, so that the clock decides and not a goroutine.
func (w *world) once(challenge string) Entry {
	w.t.Helper()
	w.work(w.t.Context(), key{acme.Tenant, w.entry(challenge).ID})
	return w.entry(challenge)
}

// pause is how long a queued message waits from now on.
func (w *world) pause(e Entry) time.Duration {
	w.t.Helper()
	var row messageRow
	must(w.t, w.db.For(in(w.t, acme)).Where("id = ?", e.ID).Take(&row).Error)
	return row.NextAt.Sub(w.clock.Now())
}

func pauses(t *testing.T, w *world) {
	item := w.item("c1")
	item.Message.ExpiresAt = w.clock.Now().Add(10 * time.Minute)
	must(t, w.Enqueue(in(t, acme), item))
	asked := time.Duration(0)
	w.shelf.instead(func(context.Context, twofactor.Message) (twofactor.Receipt, error) {
		return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "connect", RetryAfter: asked}
	})
	for n, c := range []struct{ asked, want time.Duration }{
		{0, time.Second},
		{0, 2 * time.Second},
		{3 * time.Second, 4 * time.Second}, // asked for less than our own
		{45 * time.Second, 45 * time.Second},
		{0, 16 * time.Second},
		{0, 30 * time.Second},
		{0, 30 * time.Second},
	} {
		asked = c.asked
		w.breakers.done("mail", w.clock.Now(), true) // has tests of its own
		e := w.once("c1")
		if e.State != Queued || e.Attempts != int64(n+1) || e.ErrorClass != "retry" || e.DoneAt != nil || w.pause(e) != c.want || w.sealed("c1") == "" {
			t.Errorf("try %d: pause %v, %+v", n+1, w.pause(e), e)
		}
		if st := w.status("c1"); st != (Status{State: Queued, Class: "retry", Masked: masked}) {
			t.Errorf("%+v", st)
		}
		w.clock.Advance(c.want - time.Microsecond)
		if again := w.once("c1"); again.Attempts != e.Attempts {
			t.Error("tried too early")
		}
		w.clock.Advance(time.Microsecond)
	}
	w.shelf.instead(nil)
	if e := w.once("c1"); e.State != Sent || e.Attempts != 8 || e.ErrorClass != "" || e.Error != "" {
		t.Errorf("%+v", e)
	}
	if e := w.once("c1"); e.Attempts != 8 || len(w.shelf.fake.Sent()) != 1 {
		t.Error("what was sent is sent again")
	}
	if n := w.shelf.noted(); len(n) != 8 || n[7] != "mail: " || n[0] != "mail: twofactor: send: try again later at connect" {
		t.Errorf("%q", n)
	}
	w.saysNothing("factor.sent")
}

// A try that could only come after the life's end is none.
func noLifeLeft(t *testing.T, w *world) {
	w.enqueue("c1")
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", RetryAfter: 5 * time.Minute})
	if e := w.once("c1"); e.State != Failed || e.ErrorClass != "retry" || w.sealed("c1") != "" {
		t.Errorf("%+v", e)
	}
	w.saysNothing("factor.failed")
	w.shelf.instead(nil)
	w.clock.Advance(time.Hour)
	if e := w.once("c1"); e.Attempts != 1 || w.shelf.tries() != 1 {
		t.Errorf("%+v", e)
	}
}

func expired(t *testing.T, w *world) {
	w.enqueue("c1")
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "connect"})
	w.once("c1")
	w.shelf.instead(nil)
	w.clock.Advance(5 * time.Minute)
	e := w.once("c1")
	// Why it was not sent in time stays to be read.
	if e.State != Expired || e.ErrorClass != "retry" || !strings.Contains(e.Error, "connect") || w.sealed("c1") != "" || w.shelf.tries() != 1 {
		t.Errorf("%+v after %d tries", e, w.shelf.tries())
	}
	if got := w.seen.all(); len(got) != 1 || got[0] != "fakefactor expired" {
		t.Errorf("%q", got)
	}
	if len(w.shelf.noted()) != 1 {
		t.Errorf("%q", w.shelf.noted())
	}
	w.saysNothing("factor.expired")
	w.shelf.remove(true)
	w.enqueue("c2")
	w.clock.Advance(5 * time.Minute)
	if e := w.once("c2"); e.State != Expired {
		t.Errorf("of an instance that is gone: %+v", e)
	}
}

// A factor that does not keep the contract still gives nothing away.
func unclassified(t *testing.T, w *world) {
	for name, err := range map[string]error{
		"bare":    errors.New("550 " + address + " said " + secretCode),
		"wrapped": fmt.Errorf("to %s: %w", address, twofactor.ErrAccount),
	} {
		w.shelf.fail(err)
		w.enqueue(name)
		w.once(name)
	}
	if bare, wrapped := w.entry("bare"), w.entry("wrapped"); bare.State != Queued || bare.ErrorClass != "retry" || wrapped.State != Failed || wrapped.ErrorClass != "account" {
		t.Errorf("bare %+v, wrapped %+v", bare, wrapped)
	}
	w.saysNothing("factor.failed")
}

// One look that fails may be the database's fault, a second one is the instance's.
func instanceGone(t *testing.T, w *world) {
	w.shelf.remove(true)
	w.enqueue("c1")
	w.enqueue("c2")
	w.once("c1")
	w.once("c2")
	w.clock.Advance(time.Second)
	if e := w.once("c1"); e.State != Failed || e.ErrorClass != "account" || e.Attempts != 2 {
		t.Errorf("%+v", e)
	}
	w.shelf.remove(false)
	if e := w.once("c2"); e.State != Sent {
		t.Errorf("%+v", e)
	}
	w.shelf.factor, w.shelf.sender = nil, nil
	item := w.item("c3")
	item.TwoFactorID = "other"
	must(t, w.Enqueue(in(t, acme), item))
	w.Instances = silent{}
	if e := w.once("c3"); e.State != Failed || e.ErrorClass != "account" {
		t.Errorf("a factor that sends nothing: %+v", e)
	}
}

// silent has an instance that sends nothing.
type silent struct{}

func (silent) Open(context.Context, string) (twofactor.Instance, error) {
	return twofactor.Instance{}, nil
}
func (silent) NoteDelivery(context.Context, string, string) error { return nil }

func contentsAreBound(t *testing.T, w *world) {
	w.enqueue("c1")
	for name, move := range map[string]string{
		"another message": "UPDATE messages SET sealed = (SELECT sealed FROM messages WHERE challenge_id = 'c1') WHERE challenge_id = '%s'",
		"another user":    "UPDATE messages SET user_id = 'mallory' WHERE challenge_id = '%s'",
		"another factor":  "UPDATE messages SET sealed = 'v1.00000000.AAAA' WHERE challenge_id = '%s'",
	} {
		t.Run(name, func(t *testing.T) {
			w.enqueue(name)
			w.exec(fmt.Sprintf(move, name))
			if e := w.once(name); e.State != Failed || e.ErrorClass != "content" || w.shelf.tries() != 0 {
				t.Errorf("%+v after %d tries", e, w.shelf.tries())
			}
		})
	}
	if e := w.once("c1"); e.State != Sent {
		t.Errorf("%+v", e)
	}
}

// No try takes longer than half a minute, nor longer than the message lives.
func timeToSend(t *testing.T, w *world) {
	var left time.Duration
	w.shelf.instead(func(ctx context.Context, _ twofactor.Message) (twofactor.Receipt, error) {
		end, ok := ctx.Deadline()
		if left = time.Until(end); !ok || db.ScopeOf(ctx) != acme {
			t.Errorf("deadline %v, scope %v", ok, db.ScopeOf(ctx))
		}
		return twofactor.Receipt{}, nil
	})
	for name, c := range map[string]struct{ life, most time.Duration }{
		"long life": {5 * time.Minute, sendTimeout}, "short life": {3 * time.Second, 3 * time.Second},
	} {
		item := w.item(name)
		item.Message.ExpiresAt = w.clock.Now().Add(c.life)
		must(t, w.Enqueue(in(t, acme), item))
		if w.once(name); left > c.most || left < c.most/2 {
			t.Errorf("%s: %v", name, left)
		}
	}
}

func sweeps(t *testing.T, w *world) {
	w.enqueue("old")
	w.once("old")
	w.clock.Advance(Keep)
	w.enqueue("young")
	w.once("young")
	w.enqueue("waiting")
	must(t, w.Sweep(t.Context()))
	w.entry("old")
	w.clock.Advance(time.Second)
	must(t, w.Sweep(t.Context()))
	if st := w.status("old"); st != (Status{}) {
		t.Errorf("%+v", st)
	}
	w.entry("young")
	w.entry("waiting")
}

// twoTenants calls every exported method as globex, for what belongs to acme.
func twoTenants(t *testing.T, w *world) {
	w.enqueue("c1")
	ctx := in(t, globex)
	if st, err := w.Status(ctx, "c1"); err != nil || st != (Status{}) {
		t.Errorf("status %+v, %v", st, err)
	}
	if list, err := w.Entries(ctx, 10); err != nil || len(list) != 0 {
		t.Errorf("entries %+v, %v", list, err)
	}
	must(t, w.Enqueue(ctx, w.item("c1")))
	if list, err := w.Entries(ctx, 10); err != nil || len(list) != 1 || list[0].ID == w.entry("c1").ID {
		t.Errorf("entries %+v, %v", list, err)
	}
	if e := w.once("c1"); e.State != Sent {
		t.Errorf("%+v", e)
	}
	if st, err := w.Status(ctx, "c1"); err != nil || st.State != Queued {
		t.Errorf("status %+v, %v", st, err)
	}
	if n, err := w.Pending(t.Context()); err != nil || n != 1 {
		t.Errorf("%d pending, %v", n, err)
	}
	for name, call := range map[string]func() error{
		"enqueue": func() error { return w.Enqueue(t.Context(), w.item("c2")) },
		"status":  func() error { _, err := w.Status(t.Context(), "c1"); return err },
		"entries": func() error { _, err := w.Entries(t.Context(), 1); return err },
	} {
		if err := call(); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("%s without a tenant: %v", name, err)
		}
	}
}

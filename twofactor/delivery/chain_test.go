package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/twofactor"
)

func TestChain(t *testing.T) {
	each(t,
		test{"falls through by class", fallsByClass},
		test{"short patience", shortPatience},
		test{"time for a try", chainTime},
		test{"refused", takeoverRefused},
		test{"a takeover that fails", takeoverFails},
		test{"nobody yet", nobodyYet},
		test{"nobody to the end", nobodyToTheEnd},
		test{"challenge over", takeoverOver},
		test{"sent again meanwhile", sentAgainMeanwhile},
		test{"breaker open", breakerFallsThrough},
		test{"not without a challenge", noChallenge},
		test{"killed between", killedBetween},
		test{"clocks that differ", skewedIDs},
	)
}

// chain makes mail fall through to spare, and counts how often it was asked.
func (w *world) chain() *[]Failure {
	asked := &[]Failure{}
	w.shelf.next = "spare"
	w.Fallback = func(_ context.Context, f Failure) (Takeover, error) {
		*asked = append(*asked, f)
		return w.takeover(f), nil
	}
	return asked
}

func (w *world) takeover(f Failure) Takeover {
	return Takeover{TwoFactorID: f.Next, Do: func(ctx context.Context) error {
		it := w.item(f.ChallengeID)
		it.TwoFactorID, it.FellFrom, it.Message.Masked = f.Next, f.MessageID, "s•••"
		return w.Enqueue(ctx, it)
	}}
}

// log is what the delivery log has of a challenge, oldest first.
func (w *world) log(challenge string) (out []Entry) {
	w.t.Helper()
	list, err := w.Entries(in(w.t, acme), 100)
	must(w.t, err)
	for _, e := range slices.Backward(list) {
		if e.ChallengeID == challenge {
			out = append(out, e)
		}
	}
	return out
}

func fallsByClass(t *testing.T, w *world) {
	asked := w.chain()
	for n, class := range []error{twofactor.ErrRecipient, twofactor.ErrAccount, twofactor.ErrContent} {
		c := twofactor.ClassName(class)
		w.shelf.fail(&twofactor.SendError{Class: class, Stage: "send"})
		w.enqueue(c)
		first := w.once(c)
		if len(*asked) != n+1 {
			t.Fatalf("%s: asked %d times", c, len(*asked))
		}
		if f := (*asked)[n]; f != (Failure{MessageID: first.FellFrom, TwoFactorID: "mail", ChallengeID: c, UserID: "anna", Next: "spare"}) {
			t.Errorf("%+v", f)
		}
		if st := w.status(c); st != (Status{State: Queued, Masked: "s•••", Via: "spare", FellFrom: "mail"}) {
			t.Errorf("before the takeover: %+v", st)
		}
		w.once(c)
		log := w.log(c)
		if len(log) != 2 || log[0].State != Failed || log[0].ErrorClass != c || log[1].State != Sent || log[1].FellFrom != log[0].ID || log[1].TwoFactorID != "spare" {
			t.Errorf("%+v", log)
		}
	}
	if n := strings.Count(w.trail(), "factor.fell_through system anna "); n != 3 || strings.Contains(w.trail(), "not_fallen") {
		t.Errorf("%d events:\n%s", n, w.trail())
	}
	if w.shelf.tries() != 3 {
		t.Errorf("%d tries", w.shelf.tries())
	}
}

// With somebody to fall through to there are two tries within five seconds.
func shortPatience(t *testing.T, w *world) {
	w.chain()
	for name, c := range map[string]struct {
		asked time.Duration
		tries int64
		pause time.Duration
	}{
		"own pause":     {0, 2, time.Second},
		"a little":      {4 * time.Second, 2, 4 * time.Second},
		"too long":      {5*time.Second + time.Microsecond, 1, 0},
		"much too long": {time.Hour, 1, 0},
	} {
		w.breakers.done("mail", w.clock.Now(), true)
		w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", RetryAfter: c.asked})
		w.enqueue(name)
		if e := w.once(name); c.tries == 2 && (e.State != Queued || w.pause(e) != c.pause) {
			t.Errorf("%s: pause %v, %+v", name, w.pause(e), e)
		}
		if c.tries == 2 {
			w.clock.Advance(c.pause)
			w.once(name)
		}
		if log := w.log(name); len(log) != 2 || log[0].State != Failed || log[0].ErrorClass != "retry" || log[0].Attempts != c.tries || log[1].State != Queued {
			t.Errorf("%s: %+v", name, log)
		}
	}
}

// A try that takes all the time there is has no second one.
func chainTime(t *testing.T, w *world) {
	w.chain()
	w.shelf.instead(func(ctx context.Context, _ twofactor.Message) (twofactor.Receipt, error) {
		if end, _ := ctx.Deadline(); time.Until(end) > chainPatience {
			t.Errorf("%v for one try", time.Until(end))
		}
		w.clock.Advance(chainPatience - time.Second + time.Microsecond)
		return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "response"}
	})
	w.enqueue("c1")
	w.once("c1")
	if log := w.log("c1"); len(log) != 2 || log[0].Attempts != 1 {
		t.Errorf("%+v", log)
	}
}

func takeoverRefused(t *testing.T, w *world) {
	w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	for name, c := range map[string]struct {
		take Takeover
		err  error
		why  string
	}{
		"by a rule":  {Takeover{Refused: "spare is weaker than the sign-in demands"}, nil, `"why":"spare is weaker than the sign-in demands"`},
		"by a fault": {Takeover{}, errors.New("database of " + address), `"why":"something went wrong on our side"`},
	} {
		w.Fallback = func(context.Context, Failure) (Takeover, error) { return c.take, c.err }
		w.enqueue(name)
		if e := w.once(name); e.State != Failed || len(w.log(name)) != 1 || w.status(name).Via != "" {
			t.Errorf("%s: %+v", name, w.log(name))
		}
		if trail := w.trail(); !strings.Contains(trail, "factor.not_fallen_through system anna ") || !strings.Contains(trail, c.why) || strings.Contains(trail, address) {
			t.Errorf("%s:\n%s", name, trail)
		}
	}
}

// What cannot be written is not half written, and the first message has failed
// all the same.
func takeoverFails(t *testing.T, w *world) {
	w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	for name, c := range map[string]struct {
		err  error
		says bool
	}{"fault": {errors.New("broken"), true}, "too late": {fmt.Errorf("ceremony: %w", db.ErrStale), false}} {
		w.Fallback = func(_ context.Context, f Failure) (Takeover, error) {
			take := w.takeover(f)
			return Takeover{TwoFactorID: "spare", Do: func(ctx context.Context) error { return errors.Join(take.Do(ctx), c.err) }}, nil
		}
		before := strings.Count(w.trail(), "not_fallen_through")
		w.enqueue(name)
		if e := w.once(name); e.State != Failed || len(w.log(name)) != 1 {
			t.Errorf("%s: %+v", name, w.log(name))
		}
		if said := strings.Count(w.trail(), "not_fallen_through") > before; said != c.says {
			t.Errorf("%s:\n%s", name, w.trail())
		}
	}
	if strings.Contains(w.trail(), "factor.fell_through") {
		t.Error(w.trail())
	}
}

// What may still work is tried on while nobody can take over, and who could not is
// asked again.
func nobodyYet(t *testing.T, w *world) {
	asked, able := 0, false
	w.shelf.next = "spare"
	w.Fallback = func(_ context.Context, f Failure) (Takeover, error) {
		if asked++; !able {
			return Takeover{Refused: "spare may not send now"}, nil
		}
		return w.takeover(f), nil
	}
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", Status: 503})
	w.enqueue("c1")
	for n, pause := range []time.Duration{1, 2, 4} {
		if e := w.once("c1"); e.State != Queued || e.ErrorClass != "retry" || e.Attempts != int64(n+1) || w.pause(e) != pause*time.Second || asked != n {
			t.Fatalf("try %d: asked %d times, pause %v, %+v", n+1, asked, w.pause(e), e)
		}
		w.clock.Advance(pause * time.Second)
	}
	if strings.Contains(w.trail(), "factor.") {
		t.Error(w.trail())
	}
	able = true
	w.once("c1")
	if log := w.log("c1"); len(log) != 2 || log[0].State != Failed || log[0].Attempts != 4 || log[1].FellFrom != log[0].ID {
		t.Errorf("%+v", log)
	}
	// And it arrives if the provider comes to itself.
	able = false
	w.breakers.done("mail", w.clock.Now(), true)
	w.enqueue("c2")
	for _, pause := range []time.Duration{1, 2} {
		w.once("c2")
		w.clock.Advance(pause * time.Second)
	}
	w.shelf.instead(nil)
	if e := w.once("c2"); e.State != Sent || e.Attempts != 3 || len(w.log("c2")) != 1 {
		t.Errorf("%+v", e)
	}
}

// A message that nobody takes over is tried until its life ends, and then the trail
// says why there was nobody.
func nobodyToTheEnd(t *testing.T, w *world) {
	w.shelf.next = "spare"
	w.Fallback = func(context.Context, Failure) (Takeover, error) {
		return Takeover{Refused: "spare cannot be used"}, nil
	}
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send"})
	w.enqueue("c1")
	ends := w.clock.Now().Add(5 * time.Minute)
	e := w.once("c1")
	for ; e.State == Queued; e = w.once("c1") {
		w.clock.Advance(w.pause(e))
	}
	if left := ends.Sub(w.clock.Now()); e.State != Failed || e.ErrorClass != "retry" || left > 30*time.Second || left <= 0 || len(w.log("c1")) != 1 {
		t.Errorf("%v before its end: %+v", left, e)
	}
	if trail := w.trail(); strings.Count(trail, "factor.not_fallen_through") != 1 || !strings.Contains(trail, "spare cannot be used") {
		t.Error(trail)
	}
}

func takeoverOver(t *testing.T, w *world) {
	w.chain()
	w.Fallback = func(context.Context, Failure) (Takeover, error) { return Takeover{}, nil }
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	w.enqueue("c1")
	if e := w.once("c1"); e.State != Failed || strings.Contains(w.trail(), "fall") {
		t.Errorf("%+v\n%s", e, w.trail())
	}
}

func sentAgainMeanwhile(t *testing.T, w *world) {
	asked := w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	w.enqueue("c1")
	w.enqueue("c1")
	log := w.log("c1")
	w.work(t.Context(), key{acme.Tenant, log[0].ID})
	if len(*asked) != 0 {
		t.Error("an older message falls through")
	}
	w.work(t.Context(), key{acme.Tenant, log[1].ID})
	if len(*asked) != 1 || len(w.log("c1")) != 3 {
		t.Errorf("asked %d times: %+v", len(*asked), w.log("c1"))
	}
}

func breakerFallsThrough(t *testing.T, w *world) {
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth"})
	w.fill(0, openAfter)
	w.chain()
	w.enqueue("next")
	w.once("next")
	if log := w.log("next"); len(log) != 2 || log[0].State != Failed || !strings.Contains(log[0].Error, "breaker") || w.shelf.tries() != openAfter {
		t.Errorf("%d tries, %+v", w.shelf.tries(), log)
	}
}

// Letters that answer nothing have nobody to take over.
func noChallenge(t *testing.T, w *world) {
	asked := w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", RetryAfter: time.Minute})
	item := w.item("")
	item.Kind = twofactor.LetterNotice
	must(t, w.Enqueue(in(t, acme), item))
	if e := w.once(""); e.State != Queued || e.Kind != twofactor.LetterNotice || len(*asked) != 0 {
		t.Errorf("%+v", e)
	}
}

// A process that is killed after it asked, and before it wrote, leaves the message
// as it was: another one takes it over, and falls through once.
func killedBetween(t *testing.T, w *world) {
	w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	killed := w.replica(Config{Instances: w.shelf, Fallback: func(context.Context, Failure) (Takeover, error) {
		panic("killed") // what follows in this process never happens
	}})
	w.enqueue("c1")
	func() {
		defer func() { _ = recover() }()
		killed.work(t.Context(), key{acme.Tenant, w.entry("c1").ID})
	}()
	if e := w.entry("c1"); e.State != Sending {
		t.Fatalf("%+v", e)
	}
	w.clock.Advance(w.Lease)
	w.start(w.Outbox)
	eventually(t, "spare took over", func() bool { return w.status("c1").Via == "spare" && w.status("c1").State == Sent })
	if log := w.log("c1"); len(log) != 2 || log[0].State != Failed || log[0].Attempts != 2 {
		t.Errorf("%+v", log)
	}
}

// A successor made by a process whose clock is behind has the older id. It is the
// last message all the same.
func skewedIDs(t *testing.T, w *world) {
	w.chain()
	w.shelf.fail(&twofactor.SendError{Class: twofactor.ErrRecipient, Stage: "send"})
	w.enqueue("c1")
	w.once("c1")
	log := w.log("c1")
	w.exec("UPDATE messages SET id = '01000000-0000-7000-8000-000000000000' WHERE id = '" + log[1].ID + "'")
	if st := w.status("c1"); st != (Status{State: Queued, Masked: "s•••", Via: "spare", FellFrom: "mail"}) {
		t.Errorf("%+v", st)
	}
}

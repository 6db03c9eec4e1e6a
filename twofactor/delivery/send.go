package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"twofold/internal/db"
	"twofold/twofactor"
)

// sendTimeout bounds one try, whatever the factor does.
const sendTimeout = 30 * time.Second

// errExpired: the message has become worthless while it waited.
var errExpired = errors.New("delivery: expired")

// send tries once. Its errors are classified, but for errExpired.
func (o *Outbox) send(ctx context.Context, row messageRow) (inst twofactor.Instance, receipt twofactor.Receipt, err error) {
	// A factor that panics must not take the process, and everybody's sign-ins,
	// with it. Of the panic only the type is kept: its value may hold a code.
	defer func() {
		if p := recover(); p != nil {
			o.Log.ErrorContext(ctx, "sender panicked", "message", row.ID, "two_factor", row.TwoFactorID, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "panic", Help: "This is a fault in the factor: see the log."}
		}
	}()
	inst, err = o.Instances.Open(ctx, row.TwoFactorID)
	if !row.ExpiresAt.After(o.Now()) {
		return inst, receipt, errExpired
	}
	if err != nil {
		// Once it may be the database that did not answer; twice it is the instance.
		class := twofactor.ErrRetry
		if row.Attempts > 1 {
			class = twofactor.ErrAccount
		}
		return inst, receipt, &twofactor.SendError{Class: class, Stage: "open", Help: "The instance cannot be used: see its state."}
	}
	sender, ok := inst.Factor.(twofactor.Sender)
	if !ok {
		return inst, receipt, &twofactor.SendError{Class: twofactor.ErrAccount, Stage: "open", Help: "This type of factor sends nothing."}
	}
	plain, err := o.Seal.Open(row.Sealed, row.place()...)
	var m twofactor.Message
	if err == nil {
		err = json.Unmarshal(plain, &m)
	}
	if err != nil {
		return inst, receipt, &twofactor.SendError{Class: twofactor.ErrContent, Stage: "unseal", Help: "The message cannot be unsealed: the master key differs."}
	}
	if o.ReportURL != nil {
		if _, reports := inst.Factor.(twofactor.Reporter); reports {
			m.ReportURL = o.ReportURL(ctx, row.TwoFactorID)
		}
	}
	receipt, err = o.call(ctx, row, inst, sender, m)
	return inst, receipt, err
}

// call lets the sender deliver, unless the instance's breaker is open.
func (o *Outbox) call(ctx context.Context, row messageRow, inst twofactor.Instance, sender twofactor.Sender, m twofactor.Message) (receipt twofactor.Receipt, err error) {
	wait, ok := o.breakers.allow(row.TwoFactorID, o.Now())
	if !ok {
		return receipt, &twofactor.SendError{
			Class: twofactor.ErrRetry, Stage: stageHeld, RetryAfter: wait, Help: "The provider failed several times in a row, so it is left alone for a while.",
		}
	}
	returned := false
	defer func() { o.called(ctx, row, inst, returned && works(err)) }()
	deadline := o.Now().Add(sendTimeout)
	if o.next(inst, row) != "" {
		deadline = o.Now().Add(chainPatience)
	}
	if row.ExpiresAt.Before(deadline) {
		deadline = row.ExpiresAt
	}
	ctx, cancel := context.WithTimeout(ctx, deadline.Sub(o.Now()))
	defer cancel()
	stop := o.keepLease(ctx, row, cancel)
	defer stop()
	receipt, err = sender.Send(ctx, m)
	returned = true // and did not panic
	return receipt, err
}

// stageHeld is the stage of a try that was none: the breaker was open.
const stageHeld = "breaker"

func held(err error) bool {
	var se *twofactor.SendError
	return errors.As(err, &se) && se.Stage == stageHeld
}

// called tells the breaker how a call went, and others what comes of it.
func (o *Outbox) called(ctx context.Context, row messageRow, inst twofactor.Instance, works bool) {
	change := o.breakers.done(row.TwoFactorID, o.Now(), works)
	if change == "" {
		return
	}
	o.Log.WarnContext(ctx, "breaker changed", "change", change, "two_factor", row.TwoFactorID, "type", inst.Info.Type)
	o.OnBreaker(inst.Info.Type, change)
}

// keepLease renews the lease while a send is under way. attempts is the fence: a
// process that lost the message stops sending, and changes nothing any more.
func (o *Outbox) keepLease(ctx context.Context, row messageRow, lost func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(o.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				err := db.One(o.mine(ctx, row).UpdateColumn("next_at", db.Micros(o.Now()).Add(o.Lease)))
				if errors.Is(err, db.ErrStale) {
					lost()
				}
				// Any other error: the database may answer again before the lease ends.
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// retry says whether, and after what pause, a failed message could be tried again:
// only by class, and never beyond its life.
func (o *Outbox) retry(row messageRow, err error) (wait time.Duration, again bool) {
	if err == nil || twofactor.ClassName(err) != "retry" {
		return 0, false
	}
	wait = min(time.Second<<min(row.Attempts-1, 6), 30*time.Second)
	var se *twofactor.SendError
	if errors.As(err, &se) && se.RetryAfter > wait {
		wait = se.RetryAfter
	}
	return wait, o.Now().Add(wait).Before(row.ExpiresAt)
}

// patient reports whether the next try, which ends what has taken that long, comes
// before somebody else is asked: once, and soon.
func (o *Outbox) patient(row messageRow, inst twofactor.Instance, takes time.Duration, err error) bool {
	return o.next(inst, row) == "" || (!held(err) && row.Attempts < chainTries && takes <= chainPatience)
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/twofactor"
)

// Run sends until ctx ends, then waits for what is under way. What it leaves is
// taken over by another replica, or by the next start.
func (o *Outbox) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range o.Workers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case k := <-o.kicks:
					if ctx.Err() != nil {
						return // nothing new while draining
					}
					o.work(context.WithoutCancel(ctx), k)
				}
			}
		})
	}
	tick := time.NewTicker(o.Poll)
	defer tick.Stop()
	for {
		keys, err := o.due(ctx)
		if err != nil && ctx.Err() == nil {
			o.Log.ErrorContext(ctx, "outbox cannot look for work", "error", err)
		}
		for _, k := range keys {
			o.kick(k)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// work claims one message and tries to send it once.
func (o *Outbox) work(ctx context.Context, k key) {
	row, mine, err := o.claim(ctx, k)
	if err != nil {
		o.Log.ErrorContext(ctx, "outbox cannot claim", "message", k.id, "error", err)
		return
	}
	if !mine {
		return
	}
	ctx = db.WithScope(ctx, db.Scope{Subscription: row.SubscriptionID, Tenant: row.TenantID})
	begun := o.Now()
	inst, receipt, err := o.send(ctx, row)
	switch wait, again := o.retry(row, err); {
	case err == nil:
		o.finish(ctx, o.ended(row, inst, Sent, receipt, nil), Takeover{})
	case errors.Is(err, errExpired):
		o.finish(ctx, o.ended(row, inst, Expired, receipt, nil), Takeover{})
	case again && o.patient(row, inst, o.Now().Sub(begun)+wait, err):
		o.later(ctx, row, err, wait)
	default:
		e := o.ended(row, inst, Failed, receipt, err)
		take := o.successor(ctx, e)
		if again && take.Refused != "" {
			// Nobody else can: late is better than not at all. Whoever could not take
			// over now is asked again after the next try.
			o.Log.WarnContext(ctx, "nobody takes over yet", "message", row.ID, "two_factor", row.TwoFactorID, "why", take.Refused)
			o.later(ctx, row, err, wait)
			return
		}
		o.finish(ctx, e, take)
	}
}

func (o *Outbox) later(ctx context.Context, row messageRow, cause error, wait time.Duration) {
	o.Log.WarnContext(ctx, "message not sent, trying again", "message", row.ID, "two_factor", row.TwoFactorID, "attempt", row.Attempts, "in", wait, "error", words(cause))
	due := db.Micros(o.Now()).Add(wait)
	set := map[string]any{"state": Queued, "next_at": due, "error_class": twofactor.ClassName(cause), "error": story(row.Error, cause)}
	if held(cause) {
		set["attempts"] = row.Attempts - 1 // it was none
	}
	if err := db.One(o.mine(ctx, row).Updates(set)); err != nil {
		o.notWritten(ctx, row, err)
		return
	}
	time.AfterFunc(wait, func() { o.kick(key{row.TenantID, row.ID}) })
	o.note(ctx, row, cause)
}

// ended is the end of a message whose content is of no use any more.
func (o *Outbox) ended(row messageRow, inst twofactor.Instance, state string, r twofactor.Receipt, cause error) ending {
	e := ending{row: row, inst: inst, from: Sending, state: state, cause: cause, set: map[string]any{
		"state": state, "sealed": "", "done_at": db.Micros(o.Now()), "provider_id": r.ProviderID, "provider_status": r.Status,
		"segments": int64(r.Segments), "error_class": twofactor.ClassName(cause), "error": story(row.Error, cause), "medium": string(medium(inst.Info)),
	}}
	if state == Expired {
		// Why it was not sent in time is what the last try ran into.
		e.set["error_class"], e.set["error"] = row.ErrorClass, row.Error
	}
	return e
}

// finish writes an ending, and tells of it.
func (o *Outbox) finish(ctx context.Context, e ending, take Takeover) {
	if err := o.end(ctx, e, take); err != nil {
		o.notWritten(ctx, e.row, err)
		return
	}
	o.tell(ctx, e)
}

// tell lets metrics, logs and the instance's state know of an ending.
func (o *Outbox) tell(ctx context.Context, e ending) {
	o.Observe(e.inst.Info.Type, e.state)
	if e.cause != nil {
		o.Log.WarnContext(ctx, "message failed", "message", e.row.ID, "two_factor", e.row.TwoFactorID, "class", twofactor.ClassName(e.cause), "error", words(e.cause))
	}
	if e.state == Sent || e.cause != nil {
		o.note(ctx, e.row, e.cause)
	}
}

// medium is how what an instance sends travels.
func medium(info twofactor.Info) twofactor.Medium {
	switch {
	case slices.Contains(info.Needs, twofactor.NeedsPhone):
		return twofactor.BySMS
	case slices.Contains(info.Needs, twofactor.NeedsEmail):
		return twofactor.ByMail
	}
	return ""
}

// notWritten: without a result the lease ends and another try follows, for a
// message twice is better than none. Unless that has happened already.
func (o *Outbox) notWritten(ctx context.Context, row messageRow, err error) {
	if errors.Is(err, db.ErrStale) {
		o.Log.WarnContext(ctx, "message was taken over", "message", row.ID, "attempt", row.Attempts)
		return
	}
	o.Log.ErrorContext(ctx, "outbox cannot write the result", "message", row.ID, "error", err)
}

// words are what logs and tables keep of a failure. A SendError holds nothing
// secret by contract; of any other error only the class is certain.
func words(err error) string {
	var se *twofactor.SendError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &se):
		return se.Error()
	}
	return "twofactor: send: " + twofactor.ClassName(err) + ", not classified by the factor"
}

// maxStory bounds what is kept of the failures of one message.
const maxStory = 500

// story adds a failure to those of the tries before: the log tells each that was of
// another kind than the one before it. What was sent in the end has none.
func story(before string, cause error) string {
	now := words(cause)
	switch {
	case now == "" || before == "" || len(before)+len(now) > maxStory:
		return now
	case before == now || strings.HasSuffix(before, "; "+now):
		return before
	}
	return before + "; " + now
}

func (o *Outbox) mine(ctx context.Context, row messageRow) *gorm.DB {
	return o.DB.For(ctx).Model(&messageRow{}).Where("id = ? AND state = ? AND attempts = ?", row.ID, Sending, row.Attempts)
}

// note keeps the instance's state true. One bad address says nothing about the
// instance, so it does not make it failing; neither does a try that was none.
func (o *Outbox) note(ctx context.Context, row messageRow, cause error) {
	failure := ""
	if cause != nil {
		if errors.Is(cause, twofactor.ErrRecipient) || held(cause) {
			return
		}
		failure = words(cause)
	}
	if err := o.Instances.NoteDelivery(ctx, row.TwoFactorID, failure); err != nil {
		o.Log.WarnContext(ctx, "instance state not noted", "two_factor", row.TwoFactorID, "error", err)
	}
}

// Keep is how long the delivery log is kept.
const Keep = 30 * 24 * time.Hour

// Sweep forgets what ended long ago.
func (o *Outbox) Sweep(ctx context.Context) error {
	if err := o.DB.For(db.AllTenants(ctx)).Where("done_at < ?", o.Now().Add(-Keep)).Delete(&messageRow{}).Error; err != nil {
		return fmt.Errorf("delivery: sweep: %w", err)
	}
	return nil
}

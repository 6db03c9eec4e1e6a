package delivery

import (
	"context"
	"errors"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/twofactor"
)

// With somebody to fall through to, patience is short: the user waits before the
// page. Three instances in a row are through within 25 s (SECURITY F20).
const (
	chainTries    = 2
	chainPatience = 5 * time.Second // for one try, and for the pause after the first
)

// Failure is a message that its instance could not deliver: not at all, or not in time.
type Failure struct {
	MessageID, TwoFactorID, ChallengeID, UserID string
	Next                                        string // name of the instance to fall through to
}

// Takeover is what comes of a Failure. The zero value: the message needs no
// successor any more, for its challenge is over.
type Takeover struct {
	TwoFactorID string // the instance that takes over
	// Do writes the successor. It runs in the transaction that marks the first
	// message as failed: both or neither. Everything that may not be rolled back
	// was done before.
	Do      func(ctx context.Context) error
	Refused string // why nobody takes over, in words for an administrator
}

// next is the name of the instance to fall through to.
func (o *Outbox) next(inst twofactor.Instance, row messageRow) string {
	chained, ok := inst.Factor.(twofactor.Chained)
	if !ok || o.Fallback == nil || row.ChallengeID == "" {
		return ""
	}
	return chained.OnFailure()
}

// ending is how a message ended.
type ending struct {
	row   messageRow
	inst  twofactor.Instance
	from  string         // the state it must still be in
	state string         // Sent, Failed or Expired
	set   map[string]any // columns
	cause error          // of Failed
}

// notTaken wraps what went wrong in Takeover.Do, to tell it from the rest.
type notTaken struct{ error }

// end writes an ending: the row, a successor if there is one, and the audit trail,
// all or nothing. If the successor cannot be written the ending still is.
func (o *Outbox) end(ctx context.Context, e ending, take Takeover) error {
	err := o.DB.Tx(ctx, func(ctx context.Context) error { return o.write(ctx, e, take) })
	var nt notTaken
	if errors.As(err, &nt) {
		o.Log.ErrorContext(ctx, "no instance took over", "message", e.row.ID, "two_factor", e.row.TwoFactorID, "error", nt.error)
		take = Takeover{Refused: "it could not be written"}
		if errors.Is(nt.error, db.ErrStale) {
			take = Takeover{} // answered, closed or sent again at this moment
		}
		err = o.DB.Tx(ctx, func(ctx context.Context) error { return o.write(ctx, e, take) })
	}
	switch {
	case err == nil && take.Do != nil:
		o.Log.WarnContext(ctx, "message falls through", "message", e.row.ID, "two_factor", e.row.TwoFactorID, "to", take.TwoFactorID)
	case err == nil && take.Refused != "":
		o.Log.WarnContext(ctx, "nobody takes over", "message", e.row.ID, "two_factor", e.row.TwoFactorID, "why", take.Refused)
	}
	return err
}

// successor asks who takes over. A message that was sent again meanwhile has its
// successor already.
func (o *Outbox) successor(ctx context.Context, e ending) Takeover {
	name := o.next(e.inst, e.row)
	if e.state != Failed || name == "" {
		return Takeover{}
	}
	var newer int64
	err := o.DB.For(ctx).Model(&messageRow{}).Where("challenge_id = ? AND id > ?", e.row.ChallengeID, e.row.ID).Count(&newer).Error
	if err == nil && newer > 0 {
		return Takeover{}
	}
	var take Takeover
	if err == nil {
		take, err = o.Fallback(ctx, Failure{
			MessageID: e.row.ID, TwoFactorID: e.row.TwoFactorID, ChallengeID: e.row.ChallengeID, UserID: e.row.UserID, Next: name,
		})
	}
	if err != nil {
		o.Log.ErrorContext(ctx, "cannot fall through", "message", e.row.ID, "two_factor", e.row.TwoFactorID, "error", err)
		return Takeover{Refused: "something went wrong on our side"}
	}
	return take
}

// write is the transaction of end. The audit trail comes last, see audit.Record.
func (o *Outbox) write(ctx context.Context, e ending, take Takeover) error {
	row := e.row
	err := db.One(o.DB.For(ctx).Model(&messageRow{}).
		Where("id = ? AND state = ? AND attempts = ? AND reported_at IS NULL", row.ID, e.from, row.Attempts).Updates(e.set))
	if err != nil {
		return err
	}
	if take.Do != nil {
		if err := take.Do(ctx); err != nil {
			return notTaken{err}
		}
	}
	detail := map[string]any{
		"two_factor": row.TwoFactorID, "type": e.inst.Info.Type, "to": row.Masked, "message": row.ID, "attempts": row.Attempts,
		"provider_id": e.set["provider_id"], "provider_status": e.set["provider_status"], "error": e.set["error"],
	}
	if e.from == Sent {
		detail["reported"] = true
	}
	if err := o.Audit.Record(ctx, audit.Event{Kind: "factor." + e.state, Actor: "system", User: row.UserID}, detail); err != nil {
		return err
	}
	fell := map[string]any{"message": row.ID, "from": row.TwoFactorID}
	switch {
	case take.Do != nil:
		fell["to"] = take.TwoFactorID
		return o.Audit.Record(ctx, audit.Event{Kind: "factor.fell_through", Actor: "system", User: row.UserID}, fell)
	case take.Refused != "":
		fell["why"] = take.Refused
		return o.Audit.Record(ctx, audit.Event{Kind: "factor.not_fallen_through", Actor: "system", User: row.UserID}, fell)
	}
	return nil
}

package op

import (
	"context"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
)

// SigningKey is a signing key as operators see it, without the key.
type SigningKey struct {
	ID, Alg   string
	State     string // next, active or retired
	CreatedAt time.Time
	Since     time.Time // when it came to its state
	// Until is when it leaves its state: a next key takes over, an active one is followed by
	// another, a retired one is no longer published. Nil: on a command alone.
	Until     *time.Time
	Published bool // it is in the key set; else we alone know it, for hints
	Preparing bool // of an active one: the key after it is about to be made
}

var errNoKey = problem.New(problem.NotFound, "unknown", "There is no such thing, or it was deleted.")

// SigningKeys lists the keys of the tenant in ctx: by algorithm, oldest first.
func (p *Provider) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	rows, err := p.keyRows(ctx)
	if err != nil {
		return nil, wrap("signing keys", err)
	}
	var out []SigningKey
	for _, alg := range keyAlgs() {
		next, ready := keyIn(rows, alg, keyNext)
		for _, r := range rows {
			if r.Alg != string(alg) {
				continue
			}
			k := SigningKey{ID: r.ID, Alg: r.Alg, State: r.State, CreatedAt: r.CreatedAt, Since: r.since(), Published: r.published(p.now())}
			k.Preparing = r.State == keyActive && !ready && r.DueAt != nil
			k.Until = p.KeyTimes.until(r, next, ready)
			out = append(out, k)
		}
	}
	return out, nil
}

// until is when a key leaves its state, by what is known now.
func (t KeyTimes) until(r, next signingKeyRow, ready bool) *time.Time {
	var at time.Time
	switch {
	case r.State == keyNext:
		at = t.takesOver(r)
	case r.State == keyRetired:
		at = r.since().Add(keyPublished)
	case ready:
		at = t.takesOver(next)
	case r.DueAt != nil || !t.bySchedule():
		return nil
	default:
		at = r.since().Add(t.life())
	}
	return &at
}

// RotateKeys asks for a new key of each algorithm of the tenant in ctx. A replica's job
// makes it and publishes it within seconds; it takes over once every verifier knows it.
// Where a rotation is under way, that goes on and nothing is asked. It reports of how
// many algorithms one was begun.
func (p *Provider) RotateKeys(ctx context.Context, actor string) (begun int, err error) {
	now := p.now()
	err = p.keysTx(ctx, func(ctx context.Context) error {
		begun = 0
		rows, err := p.keyRows(ctx)
		if err != nil {
			return wrap("signing keys", err)
		}
		for _, alg := range keyAlgs() {
			active, signs := keyIn(rows, alg, keyActive)
			if _, ready := keyIn(rows, alg, keyNext); !signs || ready || active.DueAt != nil {
				continue
			}
			switch err := p.changeKey(ctx, active, map[string]any{"due_at": now}); {
			case errors.Is(err, db.ErrStale): // somebody else has begun
			case err != nil:
				return wrap("rotate signing key", err)
			default:
				begun++
			}
		}
		if begun == 0 {
			return nil
		}
		return p.Audit.Record(ctx, audit.Event{Kind: "signing_key.rotation_asked", Actor: actor}, map[string]any{"keys": begun})
	})
	return begun, err
}

// PublishKeys makes at once what RotateKeys asked for, for callers that may take the
// time: making an RSA key takes seconds.
func (p *Provider) PublishKeys(ctx context.Context) error { return p.tend(ctx) }

// revokeTries bounds how often a key that changes meanwhile is looked at again.
const revokeTries = 3

// RevokeKey is for an emergency: a key of the tenant in ctx is gone, from the key set and
// for us, at once on this replica and after keysFor on the others. If it was the one
// that signs, a new one does so at once, and a next one goes too: who could read the one
// could read the other.
func (p *Provider) RevokeKey(ctx context.Context, kid, actor, reason string) error {
	for try := 1; ; try++ {
		err := p.revokeKey(ctx, kid, actor, reason)
		if !errors.Is(err, db.ErrStale) && !db.IsDuplicate(err) {
			return err
		}
		if try == revokeTries {
			return wrap("revoke signing key", err)
		}
	}
}

func (p *Provider) revokeKey(ctx context.Context, kid, actor, reason string) error {
	var row signingKeyRow
	err := p.DB.For(ctx).Where("id = ?", kid).Take(&row).Error
	if db.IsNotFound(err) {
		return errNoKey
	}
	if err != nil {
		return wrap("signing key", err)
	}
	var fresh signingKeyRow
	if row.State == keyActive { // made outside of the transaction: it may take seconds
		if fresh, err = p.newKey(ctx, jose.SignatureAlgorithm(row.Alg), keyActive); err != nil {
			return wrap("new signing key", err)
		}
	}
	return p.keysTx(ctx, func(ctx context.Context) error {
		if err := db.One(p.DB.For(ctx).Where("id = ? AND state = ?", kid, row.State).Delete(&signingKeyRow{})); err != nil {
			return err
		}
		detail := map[string]any{"state": row.State, "reason": reason}
		if row.State == keyActive {
			if err := p.DB.For(ctx).Where("alg = ? AND state = ?", row.Alg, keyNext).Delete(&signingKeyRow{}).Error; err != nil {
				return err
			}
			now := p.now()
			fresh.CreatedAt, fresh.ChangedAt = now, &now
			if err := p.DB.For(ctx).Create(&fresh).Error; err != nil {
				return err
			}
			detail["signs_now"] = fresh.ID
		}
		return p.recordKey(ctx, "signing_key.revoked", actor, row, detail)
	})
}

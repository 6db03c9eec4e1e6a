package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// via is the instance that carries the code now.
func (r challengeRow) via() string {
	if r.ViaTwoFactorID != "" {
		return r.ViaTwoFactorID
	}
	return r.TwoFactorID
}

// FallThrough finds who carries the code of a challenge whose message has failed for
// good: the instance that the failed one names, or, if that cannot, the one that it
// names in turn. It is the outbox's Fallback.
//
// The question stays the same, and so do its code, its tries and its end; only the
// way to the user changes, and with it what the answer proves.
func (c *Ceremony) FallThrough(ctx context.Context, f delivery.Failure) (delivery.Takeover, error) {
	var row challengeRow
	// Only what proves a user: a code that proves an address proves it by that address.
	err := c.DB.For(ctx).Where("id = ? AND purpose = ? AND closed_at IS NULL AND attempts < max_attempts AND expires_at > ?", f.ChallengeID, SignIn, c.Now()).
		Take(&row).Error
	if db.IsNotFound(err) || (err == nil && row.via() != f.TwoFactorID) {
		return delivery.Takeover{}, nil
	}
	if err != nil {
		return delivery.Takeover{}, fmt.Errorf("ceremony: fall through: %w", err)
	}
	in, err := c.unsealed(row)
	if err != nil {
		return delivery.Takeover{}, err
	}
	ctx = twofactor.WithOrigin(ctx, in.Origin)
	in.Tried = append(in.Tried, f.TwoFactorID)
	// The first reason counts: what comes after it is what the instances name in turn.
	refused := ""
	for name := f.Next; name != ""; {
		next, err := c.Instances.ByName(ctx, name)
		if err != nil {
			c.Log.WarnContext(ctx, "instance cannot be opened to take over", "name", name, "error", err)
			return delivery.Takeover{Refused: either(refused, "the instance "+name+" cannot be used")}, nil
		}
		if slices.Contains(in.Tried, next.ID) {
			return delivery.Takeover{Refused: either(refused, "the chain leads back to "+name)}, nil
		}
		t := takeover{c: c, row: row, in: in, next: next, from: f.MessageID}
		why, err := t.prepare(ctx)
		if err != nil {
			return delivery.Takeover{}, err
		}
		if why == "" {
			return delivery.Takeover{TwoFactorID: next.ID, Do: t.do}, nil
		}
		refused = either(refused, name+": "+why)
		in.Tried = append(in.Tried, next.ID)
		name = ""
		if chained, ok := next.Factor.(twofactor.Chained); ok {
			name = chained.OnFailure()
		}
	}
	return delivery.Takeover{Refused: refused}, nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// takeover is one instance about to carry the code of a challenge.
type takeover struct {
	c    *Ceremony
	row  challengeRow // as it was read
	in   contents     // as they will be
	next twofactor.Instance
	from string // the message that failed

	strength twofactor.Strength // of the weakest that carried the code
}

// prepare does all that must not happen in a transaction, or returns why the
// instance cannot take over.
func (t *takeover) prepare(ctx context.Context) (why string, err error) {
	relayer, ok := t.next.Factor.(twofactor.Relayer)
	switch {
	case !ok:
		return "it cannot carry another instance's code", nil
	case int64(t.next.Info.Strength) < t.row.MinStrength:
		return "it is weaker than the sign-in demands", nil
	}
	ch, err := relayer.Relay(ctx, t.in.User, twofactor.Challenge{ID: t.row.ID, State: t.in.State, Prompt: t.in.Prompt, Outgoing: t.in.Out, ExpiresAt: t.row.ExpiresAt})
	if errors.Is(err, twofactor.ErrUnusable) || (err == nil && ch.Outgoing == nil) {
		return "the user cannot be reached by it", nil
	}
	if err != nil {
		t.c.Log.ErrorContext(ctx, "instance cannot take over", "two_factor", t.next.ID, "challenge", t.row.ID, "error", err)
		return "it failed", nil
	}
	t.in.Prompt, t.in.Out = ch.Prompt, ch.Outgoing
	if t.strength, err = t.weakest(ctx); err != nil {
		return "", err
	}
	err = t.c.allowSend(ctx, t.next, t.row.UserID, t.in.Out)
	if p := problem.From(err); err != nil && p.Kind != problem.Internal {
		return "it may not send now: " + p.Code, nil
	}
	return "", err
}

// weakest is the strength of the weakest instance that carried the code, this one
// included: a message that failed may have been read all the same (SECURITY R34).
func (t *takeover) weakest(ctx context.Context) (twofactor.Strength, error) {
	so := twofactor.Strength(t.row.Strength)
	if t.row.ViaTwoFactorID == "" {
		first, err := t.c.Instances.Open(ctx, t.row.TwoFactorID)
		if err != nil {
			return 0, fmt.Errorf("ceremony: fall through: %w", err)
		}
		so = first.Info.Strength
	}
	return min(so, t.next.Info.Strength), nil
}

// do makes the instance carry the code, unless the challenge changed meanwhile:
// db.ErrStale then.
func (t *takeover) do(ctx context.Context) error {
	row := t.row
	row.ViaTwoFactorID = t.next.ID
	row.Strength = int64(t.strength)
	row.Sealed = t.c.sealed(row, t.in)
	err := db.One(t.c.DB.For(ctx).Model(&challengeRow{}).
		Where("id = ? AND via_two_factor_id = ? AND sends = ? AND closed_at IS NULL AND expires_at > ?", row.ID, t.row.ViaTwoFactorID, row.Sends, t.c.Now()).
		Updates(map[string]any{"via_two_factor_id": row.ViaTwoFactorID, "strength": row.Strength, "sealed": row.Sealed}))
	if err != nil {
		return fmt.Errorf("ceremony: take over: %w", err)
	}
	m := *t.in.Out
	m.ExpiresAt = row.ExpiresAt
	return t.c.Outbox.Enqueue(ctx, delivery.Item{TwoFactorID: row.via(), ChallengeID: row.ID, UserID: row.UserID, Message: m, FellFrom: t.from})
}

// carried makes p tell of what carried the code, where that is not the instance
// that judges: how it was proven is what the carrier says of the same answer, and it
// is worth no more than the weakest of all that carried it.
func (c *Ceremony) carried(ctx context.Context, row challengeRow, a twofactor.Answer, p *Passed) error {
	if row.ViaTwoFactorID == "" {
		return nil
	}
	inst, err := c.Instances.Open(ctx, row.ViaTwoFactorID)
	if err != nil {
		return failed(fmt.Errorf("ceremony: carried: %w", err))
	}
	in, err := c.unsealed(row)
	if err != nil {
		return failed(err)
	}
	res, err := inst.Factor.Verify(ctx, nil, twofactor.Challenge{ID: row.ID, State: in.State, Prompt: in.Prompt, ExpiresAt: row.ExpiresAt}, a)
	if err != nil {
		return failed(fmt.Errorf("ceremony: carried: %w", err))
	}
	p.AMR, p.Strength = res.AMR, min(p.Strength, twofactor.Strength(row.Strength), inst.Info.Strength)
	return nil
}

package tenants

import (
	"context"
	"errors"
	"time"

	"twofold/internal/db"
	"twofold/twofactor"
)

// State of an instance, as words and a reason (SPEC §3.3).
type State struct {
	Word   string // invalid, inactive, untested, ready, failing
	Reason string
	Since  *time.Time
}

// StateOf judges an instance of the subscription in ctx.
func (s *Store) StateOf(ctx context.Context, twoFactorID string) (State, error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Where("id = ?", twoFactorID).Take(&row).Error; err != nil {
		if db.IsNotFound(err) {
			return State{Word: "invalid", Reason: "it no longer exists"}, nil
		}
		return State{}, notFound(err, errNoTwoFactor)
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return State{}, err
	}
	return s.stateOf(ctx, row, base)
}

// States judges all instances of the subscription in ctx, by id, in two queries.
func (s *Store) States(ctx context.Context) (map[string]State, error) {
	rows, err := list(s.DB.For(ctx).Where("deleted_at IS NULL"), func(r twoFactorRow) twoFactorRow { return r })
	if err != nil {
		return nil, err
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]State, len(rows))
	for _, row := range rows {
		if out[row.ID], err = s.stateOf(ctx, row, base); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stateOf judges an instance. What has nothing to deliver needs no test: it is ready once
// it is valid.
func (s *Store) stateOf(ctx context.Context, row twoFactorRow, base settingsOf) (State, error) {
	if !row.Active {
		return State{Word: "inactive"}, nil
	}
	inst, err := s.open(ctx, row, base)
	var bad *InvalidError
	switch _, sends := inst.Factor.(twofactor.Sender); {
	case errors.As(err, &bad):
		return State{Word: "invalid", Reason: bad.Reason}, nil
	case err != nil:
		return State{}, err
	case row.FailingSince != nil:
		return State{Word: "failing", Reason: row.LastError, Since: row.FailingSince}, nil
	case row.LastSentAt == nil && sends:
		return State{Word: "untested"}, nil
	}
	return State{Word: "ready", Since: row.LastSentAt}, nil
}

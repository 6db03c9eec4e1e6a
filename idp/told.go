package idp

import (
	"context"
	"time"

	"twofold/internal/db"
)

// Told is what became of telling a client app that a session has ended, as
// administration sees it.
type Told struct {
	TenantID, SessionID string
	State               string // queued, sending, told, refused or failed
	Error               string // of the last try, without addresses
	Attempts            int64
	EndedAt             time.Time  // the session
	NextAt              *time.Time // when it is tried again
	DoneAt              *time.Time // when it was told, or given up
}

// ToldOf lists how a client app of the subscription in ctx was told of sessions that have
// ended lately, the last one first, n at most. tenants limits it to these; nil: all of
// the subscription.
func (s *IDP) ToldOf(ctx context.Context, appID string, tenants []string, n int) ([]Told, error) {
	if db.ScopeOf(ctx).Subscription == "" {
		return nil, db.ErrNoScope
	}
	in, err := s.tenantsOf(ctx, tenants, "")
	if err != nil || len(in) == 0 {
		return nil, err
	}
	var rows []sessionClientRow
	err = s.DB.For(db.AllTenants(ctx)).Where("client_app_id = ? AND ended_at IS NOT NULL AND tenant_id IN ?", appID, in).
		Order("ended_at DESC").Limit(n).Find(&rows).Error
	if err != nil {
		return nil, wrap("told", err)
	}
	out := make([]Told, len(rows))
	for i, r := range rows {
		out[i] = Told{
			TenantID: r.TenantID, SessionID: r.SessionID, State: r.State, Error: r.Error, Attempts: r.Attempts, EndedAt: *r.EndedAt, DoneAt: r.DoneAt,
		}
		if r.State == clientQueued {
			out[i].NextAt = &r.NextAt
		}
	}
	return out, nil
}

package admin

import (
	"context"
	"time"
)

// Told is what became of telling a client app that a session has ended.
type Told struct {
	TenantID, SessionID string
	State               string // queued, sending, told, refused or failed
	Error               string // of the last try
	Attempts            int64
	EndedAt             time.Time
	NextAt              *time.Time // when it is tried again
	DoneAt              *time.Time // when it was told, or given up
}

// mostToldOf is how many are shown: enough to see whether it works, and why not.
const mostToldOf = 50

// ToldOf lists how a client app was told of sessions that have ended lately, in the
// tenants where w may see it, the last one first.
func (a *Admin) ToldOf(ctx context.Context, w Who, subscription, appID string) ([]Told, error) {
	if _, err := a.ClientApps().Get(ctx, w, subscription, appID); err != nil {
		return nil, err
	}
	return a.Sessions.ToldOf(a.scope(ctx, subscription), appID, w.Tenants(ClientAppRead, subscription), mostToldOf)
}

package delivery

import (
	"context"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/twofactor"
)

// KindTest is the kind of an entry of the log that an administrator's test left: it had
// no letter, and carried neither a code nor a link.
const KindTest = "test"

// Tested is a message that was sent as a test, past the queue, with what came of it.
type Tested struct {
	TwoFactorID string
	UserID      string // whose address it went to: the administrator's own
	Masked      string // that address
	Medium      twofactor.Medium
	Began       time.Time
	Receipt     twofactor.Receipt
	Err         error // nil: the provider took it
}

// NoteTest enters a test in the log of the tenant in ctx, in the caller's transaction. It
// is over: nothing is queued, tried again or taken over.
func (o *Outbox) NoteTest(ctx context.Context, t Tested) error {
	scope, now := db.ScopeOf(ctx), db.Micros(o.Now())
	row := messageRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, TwoFactorID: t.TwoFactorID, UserID: t.UserID, Masked: t.Masked,
		State: Sent, Attempts: 1, NextAt: now, ExpiresAt: now, ProviderID: t.Receipt.ProviderID, ProviderStatus: t.Receipt.Status, Segments: int64(t.Receipt.Segments),
		CreatedAt: db.Micros(t.Began), DoneAt: &now, Kind: KindTest, Medium: string(t.Medium),
	}
	if t.Err != nil {
		row.State, row.ErrorClass, row.Error = Failed, twofactor.ClassName(t.Err), words(t.Err)
	}
	if err := o.DB.For(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("delivery: note test: %w", err)
	}
	return nil
}

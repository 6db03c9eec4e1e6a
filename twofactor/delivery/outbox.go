package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/seal"
	"twofold/twofactor"
)

// States of a message.
//
//	queued ──claim──▶ sending ──▶ sent ──reported──▶ failed
//	   ▲                 │ └────▶ failed   (final class, or no life left, or another took over)
//	   └────retry────────┘
//	queued ──life ended──▶ expired
//
// What has failed for good may have a successor by another instance, written in
// the same transaction (see chain.go).
const (
	Queued  = "queued"
	Sending = "sending"
	Sent    = "sent"
	Failed  = "failed"
	Expired = "expired"
)

// Instances opens what sends, and takes note of how it went. Implemented by tenants.
type Instances interface {
	Open(ctx context.Context, twoFactorID string) (twofactor.Instance, error)
	NoteDelivery(ctx context.Context, twoFactorID, failure string) error
}

// Config is what an Outbox stands on.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Log       *slog.Logger
	Instances Instances
	Audit     *audit.Trail
	Workers   int                            // sends in flight; 0: 8
	Poll      time.Duration                  // how often to look for work left by others; 0: 1 s
	Lease     time.Duration                  // how long a silent sender keeps a message; 0: 10 s
	Observe   func(factorType, state string) // for metrics; may be nil

	// Fallback is asked when a message of an instance that names another one could
	// not be delivered, for good or in time. Nil: nothing falls through. When nobody
	// takes over, what may still work is tried on, and Fallback asked again.
	Fallback func(ctx context.Context, f Failure) (Takeover, error)
	// ReportURL is where an instance's provider may tell how messages fared; ctx
	// speaks for the tenant. Nil or empty: nowhere.
	ReportURL func(ctx context.Context, twoFactorID string) string
	// OnBreaker hears of breakers that open and close; may be nil.
	OnBreaker func(factorType, change string)
}

// Outbox sends messages. Make it with New and start it with Run.
type Outbox struct {
	Config
	kicks    chan key
	breakers breakers
}

type key struct{ tenant, id string }

// New makes an Outbox.
func New(c Config) *Outbox {
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
	if c.OnBreaker == nil {
		c.OnBreaker = func(string, string) {}
	}
	return &Outbox{Config: c, kicks: make(chan key, 1024)}
}

type messageRow struct {
	TenantID       string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	TwoFactorID    string
	ChallengeID    string
	UserID         string
	Sealed         string
	Masked         string
	State          string
	Attempts       int64
	NextAt         time.Time // when it is due; while sending: when the lease ends
	ExpiresAt      time.Time
	ProviderID     string
	ProviderStatus string
	Segments       int64
	ErrorClass     string
	Error          string
	CreatedAt      time.Time
	DoneAt         *time.Time
	Kind           string // of the letter
	Medium         string // known once an instance took it
	FellFrom       string // id of the message that failed before this one took its place
	ReportedAt     *time.Time
}

func (messageRow) TableName() string { return "messages" }

// Item is a message to deliver through one instance.
type Item struct {
	TwoFactorID string
	ChallengeID string
	UserID      string
	Message     twofactor.Message
	Kind        string // of the letter; empty: a code
	FellFrom    string // id of the message that this one takes the place of
}

// Enqueue writes the item in the caller's transaction and sends it at once after
// the commit.
func (o *Outbox) Enqueue(ctx context.Context, it Item) error {
	scope, now := db.ScopeOf(ctx), db.Micros(o.Now())
	if it.Kind == "" {
		it.Kind = twofactor.LetterCode
	}
	row := messageRow{
		TenantID: scope.Tenant, ID: id.New(), SubscriptionID: scope.Subscription, TwoFactorID: it.TwoFactorID,
		ChallengeID: it.ChallengeID, UserID: it.UserID, Masked: it.Message.Masked, State: Queued, NextAt: now,
		ExpiresAt: it.Message.ExpiresAt, CreatedAt: now, Kind: it.Kind, FellFrom: it.FellFrom,
	}
	it.Message.ID = row.ID
	plain, err := json.Marshal(it.Message)
	if err != nil {
		return fmt.Errorf("delivery: enqueue: %w", err)
	}
	row.Sealed = o.Seal.Seal(plain, row.place()...)
	if err := o.DB.For(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("delivery: enqueue: %w", err)
	}
	db.AfterCommit(ctx, func() { o.kick(key{row.TenantID, row.ID}) })
	return nil
}

func (r messageRow) place() []string {
	return []string{"messages", "sealed", r.TenantID, r.ID, r.UserID}
}

// kick never blocks: what does not fit is found by the next poll.
func (o *Outbox) kick(k key) {
	select {
	case o.kicks <- k:
	default:
	}
}

// claim takes a due message for this process, or reports that somebody else did.
// What was claimed by a process that fell silent is due again when its lease ends.
func (o *Outbox) claim(ctx context.Context, k key) (messageRow, bool, error) {
	now := db.Micros(o.Now())
	var rows []messageRow
	err := o.DB.For(db.AllTenants(ctx)).Model(&rows).Clauses(clause.Returning{}).
		Where("tenant_id = ? AND id = ? AND state IN ? AND next_at <= ?", k.tenant, k.id, []string{Queued, Sending}, now).
		Updates(map[string]any{"state": Sending, "attempts": incremented, "next_at": now.Add(o.Lease)}).Error
	if err != nil {
		return messageRow{}, false, fmt.Errorf("delivery: claim: %w", err)
	}
	if len(rows) != 1 {
		return messageRow{}, false, nil
	}
	return rows[0], true, nil
}

// incremented is SQL that both dialects take.
var incremented = clause.Expr{SQL: "attempts + 1"}

// due finds work: fresh rows that were never kicked here, retries, dead leases.
func (o *Outbox) due(ctx context.Context) ([]key, error) {
	var rows []messageRow
	err := o.DB.For(db.AllTenants(ctx)).Select("tenant_id", "id").
		Where("state IN ? AND next_at <= ?", []string{Queued, Sending}, o.Now()).Order("next_at").Limit(100).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("delivery: poll: %w", err)
	}
	keys := make([]key, len(rows))
	for i, r := range rows {
		keys[i] = key{r.TenantID, r.ID}
	}
	return keys, nil
}

// Pending counts what waits, for metrics and health.
func (o *Outbox) Pending(ctx context.Context) (n int64, err error) {
	err = o.DB.For(db.AllTenants(ctx)).Model(&messageRow{}).Where("state IN ?", []string{Queued, Sending}).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("delivery: pending: %w", err)
	}
	return n, nil
}

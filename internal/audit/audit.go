package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/seal"
)

// Event is one entry. Detail must hold no secret, code or full address.
type Event struct {
	ID             string `gorm:"primaryKey"`
	Chain          string // subscription id, or platformChain
	Seq            int64
	At             time.Time
	SubscriptionID string
	TenantID       string
	Kind           string // "sign_in.done", "factor.wrong", …
	Actor          string // who did it: a user id, "operator", "system", or empty
	User           string `gorm:"column:user_id"` // whom it is about
	ClientApp      string `gorm:"column:client_app_id"`
	Address        string // network address it came from
	Request        string `gorm:"column:request_id"`
	Detail         string // JSON object
	Previous       string // MAC of the event before, hex
	MAC            string `gorm:"column:mac"`
}

// TableName names the table.
func (Event) TableName() string { return "audit_events" }

// PlatformOwned is true: the trail does its own scoping, since some events have no tenant.
func (Event) PlatformOwned() {}

// chain is the end of a chain: how many events there are, and the last one's MAC
// with one of its own (see head).
type chain struct {
	ID   string `gorm:"primaryKey"`
	Seq  int64
	Head string
}

func (chain) TableName() string { return "audit_chains" }
func (chain) PlatformOwned()    {}

// Trail records events.
type Trail struct {
	DB   *db.DB
	Seal *seal.Sealer
	Now  func() time.Time
}

type originKey struct{}

// Origin is where a request came from.
type Origin struct{ Request, Address string }

// WithOrigin returns a context whose events carry o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of ctx.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// Record appends e in the caller's transaction, or in one of its own. Time,
// scope and origin come from ctx when e lacks them; detail is any JSON value.
// Inside a transaction call it last: it locks the subscription's chain.
func (t *Trail) Record(ctx context.Context, e Event, detail any) error {
	scope, origin := db.ScopeOf(ctx), OriginOf(ctx)
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit: %s: %w", e.Kind, err)
	}
	if string(text) == "null" {
		text = []byte("{}")
	}
	e.ID, e.At, e.Detail = id.New(), db.Micros(t.Now()), string(text)
	e.SubscriptionID = either(e.SubscriptionID, scope.Subscription)
	e.TenantID = either(e.TenantID, scope.Tenant)
	e.Request, e.Address = either(e.Request, origin.Request), either(e.Address, origin.Address)
	e.Chain = either(e.SubscriptionID, platformChain)
	err = t.DB.Tx(ctx, func(ctx context.Context) error { return t.append(ctx, &e) })
	if err != nil {
		return fmt.Errorf("audit: %s: %w", e.Kind, err)
	}
	return nil
}

const lockChain = `INSERT INTO audit_chains (id, seq, head) VALUES (?, 1, '')
ON CONFLICT (id) DO UPDATE SET seq = audit_chains.seq + 1 RETURNING id, seq, head`

func (t *Trail) append(ctx context.Context, e *Event) error {
	var c chain
	if err := t.DB.QueryRaw(ctx, &c, lockChain, e.Chain); err != nil {
		return err
	}
	e.Seq = c.Seq
	if last, ok := t.lastMAC(chain{c.ID, c.Seq - 1, c.Head}); ok {
		e.Previous = last
	} else {
		e.Previous = "altered" // by others: no event has this MAC, so Verify stops here for good
	}
	e.MAC = t.mac(e)
	if err := t.DB.For(ctx).Create(e).Error; err != nil {
		return err
	}
	return db.One(t.DB.For(ctx).Model(&chain{}).Where("id = ?", e.Chain).Update("head", t.head(e)))
}

// List returns the newest events of the scope in ctx, at most n.
func (t *Trail) List(ctx context.Context, n int) ([]Event, error) {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" && scope.Tenant == "" {
		return nil, db.ErrNoScope
	}
	q := t.DB.For(ctx).Order("seq DESC").Limit(n)
	if scope.Subscription != "" {
		q = q.Where("chain = ?", scope.Subscription)
	}
	if scope.Tenant != "" {
		q = q.Where("tenant_id = ?", scope.Tenant)
	}
	var events []Event
	if err := q.Find(&events).Error; err != nil {
		return nil, fmt.Errorf("audit: list: %w", err)
	}
	return events, nil
}

// Of returns the newest events about a user of the tenant in ctx, at most n.
func (t *Trail) Of(ctx context.Context, userID string, n int) ([]Event, error) {
	scope := db.ScopeOf(ctx)
	if scope.Tenant == "" || userID == "" {
		return nil, db.ErrNoScope
	}
	var events []Event
	err := t.DB.For(ctx).Where("tenant_id = ? AND user_id = ?", scope.Tenant, userID).Order("seq DESC").Limit(n).Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("audit: of a user: %w", err)
	}
	return events, nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

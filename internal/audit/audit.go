package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/seal"
)

// Event is one entry. Detail must hold no secret, code or full address.
type Event struct {
	ID             string `gorm:"primaryKey"`
	Chain          string // subscription id, or "platform"
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

// PlatformOwned: the trail does its own scoping, since some events have no tenant.
func (Event) PlatformOwned() {}

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
	if detail == nil {
		text = []byte("{}")
	}
	e.ID, e.At, e.Detail = id.New(), db.Micros(t.Now()), string(text)
	e.SubscriptionID = either(e.SubscriptionID, scope.Subscription)
	e.TenantID = either(e.TenantID, scope.Tenant)
	e.Request, e.Address = either(e.Request, origin.Request), either(e.Address, origin.Address)
	e.Chain = either(e.SubscriptionID, "platform")
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
	e.Seq, e.Previous = c.Seq, c.Head
	e.MAC = t.mac(e)
	if err := t.DB.For(ctx).Create(e).Error; err != nil {
		return err
	}
	return db.One(t.DB.For(ctx).Model(&chain{}).Where("id = ?", e.Chain).Update("head", e.MAC))
}

func (t *Trail) mac(e *Event) string {
	return hex.EncodeToString(t.Seal.MAC("audit", t.parts(e)...))
}

func (*Trail) parts(e *Event) []string {
	return []string{
		e.Previous, e.ID, e.Chain, strconv.FormatInt(e.Seq, 10), strconv.FormatInt(e.At.UnixMicro(), 10), e.SubscriptionID,
		e.TenantID, e.Kind, e.Actor, e.User, e.ClientApp, e.Address, e.Request, e.Detail,
	}
}

// List returns the newest events of the scope in ctx, at most n.
func (t *Trail) List(ctx context.Context, n int) ([]Event, error) {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" && scope.Tenant == "" {
		return nil, db.ErrNoScope
	}
	q := t.DB.For(ctx).Order("seq DESC").Limit(n)
	if scope.Tenant != "" {
		q = q.Where("tenant_id = ?", scope.Tenant)
	} else {
		q = q.Where("subscription_id = ?", scope.Subscription)
	}
	var events []Event
	if err := q.Find(&events).Error; err != nil {
		return nil, fmt.Errorf("audit: list: %w", err)
	}
	return events, nil
}

// Broken says where a chain does not hold.
type Broken struct {
	Chain string
	Seq   int64
	Why   string
}

func (b *Broken) Error() string {
	return fmt.Sprintf("audit: chain %s at %d: %s", b.Chain, b.Seq, b.Why)
}

// Verify walks a chain and returns a *Broken at the first event that was
// removed, inserted or altered.
func (t *Trail) Verify(ctx context.Context, chainID string) error {
	var head chain
	if err := t.DB.For(ctx).Where("id = ?", chainID).Take(&head).Error; err != nil {
		return fmt.Errorf("audit: verify: %w", err)
	}
	previous, next := "", int64(1)
	const page = 500
	for {
		var events []Event
		if err := t.DB.For(ctx).Where("chain = ? AND seq >= ?", chainID, next).Order("seq").Limit(page).Find(&events).Error; err != nil {
			return fmt.Errorf("audit: verify: %w", err)
		}
		for i := range events {
			e := &events[i]
			sum, err := hex.DecodeString(e.MAC)
			switch {
			case e.Seq != next:
				return &Broken{chainID, next, "an event is missing"}
			case e.Previous != previous:
				return &Broken{chainID, next, "the event before was altered or removed"}
			case err != nil || !t.Seal.CheckMAC(sum, "audit", t.parts(e)...):
				return &Broken{chainID, next, "the event was altered"}
			}
			previous, next = e.MAC, next+1
		}
		if len(events) < page {
			break
		}
	}
	if next-1 != head.Seq || previous != head.Head {
		return &Broken{chainID, next, "events are missing at the end"}
	}
	return nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"twofold/internal/db"
	"twofold/internal/page"
)

// Line is an event as Export writes it. Detail stands there byte by byte as it went
// into the MAC, so that who holds the key can check a chain without the database; who
// does not still sees that each event names the MAC of the one before.
type Line struct {
	ID           string          `json:"id"`
	Chain        string          `json:"chain"`
	Seq          int64           `json:"seq"`
	At           time.Time       `json:"at"`
	Subscription string          `json:"subscription"`
	Tenant       string          `json:"tenant"`
	Kind         string          `json:"kind"`
	Actor        string          `json:"actor"`
	User         string          `json:"user"`
	ClientApp    string          `json:"client_app"`
	Address      string          `json:"address"`
	Request      string          `json:"request"`
	Detail       json.RawMessage `json:"detail"`
	Previous     string          `json:"previous"`
	MAC          string          `json:"mac"`
}

// LineOf is e as Export writes it.
func LineOf(e Event) Line {
	detail := json.RawMessage(e.Detail)
	if !json.Valid(detail) { // somebody altered it: shown, so that it is found
		detail, _ = json.Marshal(e.Detail) // strings always marshal
	}
	return Line{
		e.ID, e.Chain, e.Seq, e.At, e.SubscriptionID, e.TenantID, e.Kind, e.Actor, e.User, e.ClientApp, e.Address, e.Request, detail, e.Previous, e.MAC,
	}
}

// Export writes all that Search would find, oldest first, as lines of JSON, and returns
// how many. It ends with what had happened when it began, however much follows, and
// holds a page of it in memory at a time. Sort, After and Limit of q are of no matter.
func (t *Trail) Export(ctx context.Context, w io.Writer, q page.Query, tenants []string) (n int64, err error) {
	q.Sort, q.After, q.Limit = "seq", "", 0
	s, _, err := t.ask(ctx, q, tenants)
	if err != nil {
		return 0, err
	}
	last, err := t.last(ctx, s.chain)
	if err == nil && last > 0 {
		err = t.prepare(ctx, s)
	}
	if err != nil {
		return 0, fmt.Errorf("audit: export: %w", err)
	}
	if s.end == 0 || s.end > last {
		s.end = last + 1
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for last > 0 {
		events, err := t.read(ctx, s, pageSize)
		if err != nil {
			return n, fmt.Errorf("audit: export: %w", err)
		}
		for _, e := range events {
			if err := out.Encode(LineOf(e)); err != nil {
				return n, fmt.Errorf("audit: export: %w", err)
			}
			n++
		}
		if len(events) < pageSize {
			break
		}
		s.after = events[len(events)-1].Seq
	}
	return n, nil
}

// last is the number of the last event of a chain; 0: there is none yet.
func (t *Trail) last(ctx context.Context, chainID string) (int64, error) {
	var end chain
	err := t.DB.For(ctx).Where("id = ?", chainID).Take(&end).Error
	if db.IsNotFound(err) {
		return 0, nil
	}
	return end.Seq, err
}

package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"twofold/internal/db"
	"twofold/internal/problem"
)

func (t *Trail) mac(e *Event) string { return hex.EncodeToString(t.Seal.MAC("audit", parts(e)...)) }

func parts(e *Event) []string {
	return []string{
		e.Previous, e.ID, e.Chain, strconv.FormatInt(e.Seq, 10), strconv.FormatInt(e.At.UnixMicro(), 10), e.SubscriptionID,
		e.TenantID, e.Kind, e.Actor, e.User, e.ClientApp, e.Address, e.Request, e.Detail,
	}
}

// head is what a chain that ends with e keeps: its MAC, and one over that and the
// length. Without it the last events could go unnoticed: the MACs of those before
// stand in the table for anyone to copy.
func (t *Trail) head(e *Event) string {
	return e.MAC + "." + hex.EncodeToString(t.Seal.MAC("audit-head", e.Chain, strconv.FormatInt(e.Seq, 10), e.MAC))
}

// lastMAC is the MAC of the last event of a chain; not ok if the head was altered.
func (t *Trail) lastMAC(c chain) (mac string, ok bool) {
	if c.Seq == 0 {
		return "", c.Head == ""
	}
	mac, own, _ := strings.Cut(c.Head, ".")
	sum, err := hex.DecodeString(own)
	if err != nil || !t.Seal.CheckMAC(sum, "audit-head", c.ID, strconv.FormatInt(c.Seq, 10), mac) {
		return "", false
	}
	return mac, true
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

// Verdict is what came of checking a chain.
type Verdict struct {
	Chain  string
	Events int64   // how many hold, from the first on
	Broken *Broken // where the chain breaks; nil: it holds
}

var errWhole = problem.New(problem.Forbidden, "audit_whole_chain", "A chain is checked as a whole, by who may see all of it.")

// Check verifies the chain that ctx may see: its subscription's, or the platform's (see
// Platform). It is of whole chains: who may see some tenants alone must not ask.
func (t *Trail) Check(ctx context.Context) (Verdict, error) {
	v := Verdict{}
	var err error
	if v.Chain, err = chainOf(ctx); err != nil {
		return v, err
	}
	if db.ScopeOf(ctx).Tenant != "" {
		return v, errWhole
	}
	v.Events, err = t.walk(ctx, v.Chain)
	switch {
	case errors.As(err, &v.Broken):
		return v, nil
	case db.IsNotFound(err) && v.Events == 0: // nothing has happened yet
		return v, nil
	case db.IsNotFound(err):
		v.Broken = &Broken{v.Chain, v.Events + 1, "the end of the chain is missing"}
		return v, nil
	}
	return v, err
}

// pageSize is how many events Verify and Export read at once.
const pageSize = 500

// Verify walks a chain and returns a *Broken at the first event that was
// removed, inserted or altered. Events may be recorded meanwhile.
func (t *Trail) Verify(ctx context.Context, chainID string) error {
	_, err := t.walk(ctx, chainID)
	return err
}

// walk is Verify, and counts the events that hold.
func (t *Trail) walk(ctx context.Context, chainID string) (int64, error) {
	previous, next, promised := "", int64(1), false
	for {
		var events []Event
		if err := t.DB.For(ctx).Where("chain = ? AND seq >= ?", chainID, next).Order("seq").Limit(pageSize).Find(&events).Error; err != nil {
			return next - 1, fmt.Errorf("audit: verify: %w", err)
		}
		for i := range events {
			if why := t.follows(&events[i], next, previous); why != "" {
				return next - 1, &Broken{chainID, next, why}
			}
			previous, next = events[i].MAC, next+1
		}
		switch {
		case len(events) > 0:
			promised = false
			continue
		case promised:
			return next - 1, &Broken{chainID, next, "events are missing at the end"}
		}
		// The end is read after the events: it is as new as they are, or newer.
		var end chain
		if err := t.DB.For(ctx).Where("id = ?", chainID).Take(&end).Error; err != nil {
			return next - 1, fmt.Errorf("audit: verify: %w", err)
		}
		if promised = end.Seq >= next; promised {
			continue
		}
		if last, ok := t.lastMAC(end); !ok || last != previous || end.Seq != next-1 {
			return next - 1, &Broken{chainID, next, "the end of the chain was altered"}
		}
		return next - 1, nil
	}
}

// follows says why e cannot be the event number seq after the one with MAC previous.
func (t *Trail) follows(e *Event, seq int64, previous string) string {
	sum, err := hex.DecodeString(e.MAC)
	switch {
	case e.Seq != seq:
		return "an event is missing"
	case err != nil || !t.Seal.CheckMAC(sum, "audit", parts(e)...):
		return "the event was altered"
	case e.Previous != previous:
		return "the event before was altered or removed"
	}
	return ""
}

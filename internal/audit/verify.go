package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
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

// page is how many events Verify reads at once.
const page = 500

// Verify walks a chain and returns a *Broken at the first event that was
// removed, inserted or altered. Events may be recorded meanwhile.
func (t *Trail) Verify(ctx context.Context, chainID string) error {
	previous, next, promised := "", int64(1), false
	for {
		var events []Event
		if err := t.DB.For(ctx).Where("chain = ? AND seq >= ?", chainID, next).Order("seq").Limit(page).Find(&events).Error; err != nil {
			return fmt.Errorf("audit: verify: %w", err)
		}
		for i := range events {
			if why := t.follows(&events[i], next, previous); why != "" {
				return &Broken{chainID, next, why}
			}
			previous, next = events[i].MAC, next+1
		}
		switch {
		case len(events) > 0:
			promised = false
			continue
		case promised:
			return &Broken{chainID, next, "events are missing at the end"}
		}
		// The end is read after the events: it is as new as they are, or newer.
		var end chain
		if err := t.DB.For(ctx).Where("id = ?", chainID).Take(&end).Error; err != nil {
			return fmt.Errorf("audit: verify: %w", err)
		}
		if promised = end.Seq >= next; promised {
			continue
		}
		if last, ok := t.lastMAC(end); !ok || last != previous || end.Seq != next-1 {
			return &Broken{chainID, next, "the end of the chain was altered"}
		}
		return nil
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

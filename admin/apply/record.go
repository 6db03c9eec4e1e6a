package apply

import (
	"context"
	"slices"
	"strings"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/tenants"
)

// detail is what the trail keeps of a change. Of secrets it says that they
// changed; of addresses it shows only an end.
type detail struct {
	Entity string                `json:"entity"`
	Name   string                `json:"name"`
	ID     string                `json:"id,omitempty"`
	Before map[string]any        `json:"before,omitempty"`
	After  map[string]any        `json:"after,omitempty"`
	Links  map[string]linkDetail `json:"links,omitempty"`
}

type linkDetail struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// record puts all changes into the trail, at the end of the transaction: each
// event locks the chain of its subscription. The chains are taken in order, so
// that two runs cannot wait for each other.
func (r *run) record(ctx context.Context, trail *audit.Trail) error {
	changes := slices.Clone(r.changes)
	slices.SortStableFunc(changes, func(a, b *change) int { return strings.Compare(a.subscription, b.subscription) })
	for _, c := range changes {
		if !c.any() {
			continue
		}
		e := audit.Event{Kind: "config.changed", Actor: r.opts.Actor, SubscriptionID: c.subscription}
		if c.created {
			e.Kind = "config.created"
		}
		switch c.kind {
		case kindTenant:
			e.TenantID = c.id
		case kindUser:
			e.User = c.id
		case kindClientApp:
			e.ClientApp = c.id
		}
		if err := trail.Record(ctx, e, c.detail()); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) detail() detail {
	d := detail{Entity: c.kind, Name: admin.Masked(c.name), ID: c.id, Before: map[string]any{}, After: map[string]any{}, Links: map[string]linkDetail{}}
	for _, f := range c.fields {
		switch {
		case f.note != "":
			d.After[f.key] = f.note
		case f.added != nil || f.removed != nil:
			d.Links[f.key] = linkDetail{maskedAll(f.added), maskedAll(f.removed)}
		default:
			if !c.created {
				d.Before[f.key] = recorded(f.key, f.old)
			}
			d.After[f.key] = recorded(f.key, f.fresh)
		}
	}
	return d
}

func recorded(key string, v any) any {
	text, _ := v.(string)
	switch {
	case key == "phone":
		return maskedPhone(text)
	case key == "email" || key == "display_name": // which is the login name if nothing else is given
		return admin.Masked(text)
	}
	if d, ok := v.(time.Duration); ok {
		return shownSpan(d)
	}
	return v
}

const hidden = "•••"

func maskedAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = admin.Masked(s)
	}
	return out
}

func maskedPhone(s string) string {
	if !tenants.ValidPhone(s) { // empty
		return s
	}
	return hidden + s[len(s)-2:]
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"twofold/internal/db"
)

type doctorCmd struct{ databaseFlags }

// Run checks from the outside in and goes on after a fault, to name them all.
func (c *doctorCmd) Run(ctx context.Context, s streams) error {
	d := &doctor{s: s}
	databaseURL, err := c.url()
	if d.check("settings", err); err != nil {
		return d.verdict()
	}
	sealer, err := c.sealer(databaseURL)
	if d.check("master key", err); err != nil {
		return d.verdict()
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the protocol library chats there
	reached := false
	h, err := build(ctx, parts{
		DatabaseURL: databaseURL, Seal: sealer, Log: c.logger(s), providerFlags: providerFlags{PublicURL: "http://localhost"},
		Schema: func(ctx context.Context, db *db.DB) error {
			reached = true
			d.check("database", nil)
			d.check("schema", schemaIs(ctx, db))
			return d.verdict()
		},
	})
	switch {
	case !reached:
		d.check("database", err)
	case err != nil && d.faults == 0:
		d.check("master key", err)
	}
	if err != nil {
		return d.verdict()
	}
	defer func() { _ = h.close() }()
	d.keys(ctx, h)
	n, err := h.outbox.Pending(ctx)
	d.check(fmt.Sprintf("outbox: %d waiting", n), err)
	subs, err := h.tenants.ListSubscriptions(ctx)
	if d.check(fmt.Sprintf("subscriptions: %d", len(subs)), err); err != nil {
		return d.verdict()
	}
	for _, sub := range subs {
		ctx := db.WithScope(ctx, db.Scope{Subscription: sub.ID})
		d.subscription(ctx, h, sub.Name)
		// Making the subscription was the first event, so no chain at all is a fault too.
		d.check(sub.Name+": audit trail", h.audit.Verify(ctx, sub.ID))
	}
	return d.verdict()
}

type doctor struct {
	s      streams
	faults int
}

func (d *doctor) check(what string, err error) {
	if err == nil {
		fmt.Fprintln(d.s.Out, "ok    ", what)
		return
	}
	d.faults++
	fmt.Fprintf(d.s.Out, "fault  %s: %v\n", what, err)
}

// keys says what is sealed under which key. Only what no key opens is a fault.
func (d *doctor) keys(ctx context.Context, h *house) {
	use, err := h.keyUse(ctx)
	if d.check("sealed values", err); err != nil {
		return
	}
	for i, id := range h.keys.Seal.KeyIDs() {
		switch n := use[id].total(); {
		case i == 0:
			d.check(fmt.Sprintf("key %s seals: %d values", id, n), nil)
		case n == 0:
			d.note("key %s: nothing is sealed under it; if it is an old one, run twofold keys drop %s", id, id)
		default:
			d.note("key %s: %d values are still sealed under it; run twofold keys rotate", id, n)
		}
		delete(use, id)
	}
	for _, id := range slices.Sorted(maps.Keys(use)) {
		d.check("key "+named(id), fmt.Errorf("there is no such key, but %d values are sealed under it: %s", use[id].total(), use[id]))
	}
}

// note tells what is worth knowing and no fault.
func (d *doctor) note(format string, args ...any) {
	fmt.Fprintf(d.s.Out, "note   "+format+"\n", args...)
}

func (d *doctor) subscription(ctx context.Context, h *house, name string) {
	tenants, err := h.tenants.ListTenants(ctx)
	d.check(fmt.Sprintf("%s: %d tenants", name, len(tenants)), err)
	for _, t := range tenants {
		in := db.WithScope(ctx, db.Scope{Subscription: t.SubscriptionID, Tenant: t.ID})
		d.check(name+"/"+t.Name+": signing keys", h.provider.CheckKeys(in))
	}
	factors, err := h.tenants.ListTwoFactors(ctx)
	d.check(fmt.Sprintf("%s: %d TwoFactor instances", name, len(factors)), err)
	for _, f := range factors {
		st, err := h.tenants.StateOf(ctx, f.ID)
		if err == nil && (st.Word == "invalid" || st.Word == "failing") {
			err = errors.New(strings.TrimSpace(st.Word + ": " + st.Reason))
		}
		d.check(fmt.Sprintf("%s: %s (%s) %s", name, f.Name, f.Type, st.Word), err)
	}
}

func (d *doctor) verdict() error {
	if d.faults > 0 {
		return fmt.Errorf("%d faults", d.faults)
	}
	return nil
}

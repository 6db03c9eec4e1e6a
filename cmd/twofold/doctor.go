package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"twofold/internal/db"
	"twofold/migrations"
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
	h, err := build(ctx, parts{DatabaseURL: databaseURL, Seal: sealer, Log: c.logger(s), providerFlags: providerFlags{PublicURL: "http://localhost"}})
	if d.check("database", err); err != nil {
		return d.verdict()
	}
	defer func() { _ = h.close() }()
	st, err := migrations.Check(ctx, h.db.SQL(), h.db.Dialect())
	if err == nil && st.Current != st.Latest {
		err = fmt.Errorf("version %d, this program needs %d: run twofold migrate", st.Current, st.Latest)
	}
	if d.check("schema", err); err != nil {
		return d.verdict()
	}
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"twofold/admin"
	"twofold/internal/db"
	"twofold/internal/page"
	"twofold/tenants"
)

// keyTick is how often a replica looks whether something is due of signing keys.
const keyTick = 10 * time.Second

// tendKeys publishes, exchanges and deletes signing keys when their time has come. Every
// replica may do it: see op.TendKeys.
func (h *house) tendKeys(ctx context.Context) {
	tick := time.NewTicker(keyTick)
	defer tick.Stop()
	for {
		if err := h.provider.TendKeys(ctx); err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "signing keys were not tended", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// signingKeys are those of the provider, as administration sees them.
func (h *house) signingKeys() admin.SigningKeys {
	return admin.SigningKeys{
		List: func(ctx context.Context) ([]admin.SigningKey, error) {
			all, err := h.provider.SigningKeys(ctx)
			out := make([]admin.SigningKey, len(all))
			for i, k := range all {
				out[i] = admin.SigningKey(k)
			}
			return out, err
		},
		Rotate: func(ctx context.Context, actor string) error {
			_, err := h.provider.RotateKeys(ctx, actor)
			return err
		},
		Revoke: h.provider.RevokeKey,
	}
}

// signingKeysCmd are the commands for the keys of tenants (docs/adr/0030).
type signingKeysCmd struct {
	List   signingKeysListCmd   `cmd:"" help:"Show the keys, what each is for now, and what comes next."`
	Rotate signingKeysRotateCmd `cmd:"" help:"Publish the next keys now. They take over once every verifier knows them."`
	Revoke signingKeysRevokeCmd `cmd:"" help:"In an emergency: end a key at once, and all that it signed."`
}

// tenantsFlags say of which tenants the keys are.
type tenantsFlags struct {
	databaseFlags
	keyFlags
	Tenant string `env:"-" placeholder:"NAME" help:"Only this tenant; without it, all."`
}

// each does something in every tenant that is meant. What fails in one holds up no other.
func (f tenantsFlags) each(ctx context.Context, s streams, do func(ctx context.Context, h *house, t tenants.Tenant) error) error {
	if err := f.check(); err != nil {
		return err
	}
	h, err := f.openExisting(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	h.provider.KeyTimes = f.times()
	all, err := h.tenantsNamed(ctx, f.Tenant)
	if err != nil {
		return words(err)
	}
	var errs []error
	for _, t := range all {
		in := tenants.WithRealm(ctx, tenants.Realm{Subscription: tenants.Subscription{ID: t.SubscriptionID}, Tenant: t})
		if err := do(in, h, t); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.Name, words(err)))
		}
	}
	return errors.Join(errs...)
}

// tenantsNamed lists the tenants of a name, which is one, or of all subscriptions.
func (h *house) tenantsNamed(ctx context.Context, name string) (out []tenants.Tenant, err error) {
	subs := page.Query{Limit: page.MaxLimit}
	for {
		p, err := h.admin.Subscriptions(ctx, admin.Operator(), subs)
		if err != nil {
			return nil, err
		}
		for _, sub := range p.Items {
			all, err := h.tenants.ListTenants(db.WithScope(ctx, db.Scope{Subscription: sub.ID}))
			if err != nil {
				return nil, err
			}
			for _, t := range all {
				if name == "" || t.Name == name {
					out = append(out, t)
				}
			}
		}
		if subs.After = p.Next; p.Next == "" {
			break
		}
	}
	if len(out) == 0 && name != "" {
		return nil, fmt.Errorf("there is no tenant %q", name)
	}
	return out, nil
}

type signingKeysListCmd struct{ tenantsFlags }

// Run prints a line for each key.
func (c *signingKeysListCmd) Run(ctx context.Context, s streams) error {
	return c.each(ctx, s, func(ctx context.Context, h *house, t tenants.Tenant) error { return h.printKeys(ctx, s.Out, t) })
}

func (h *house) printKeys(ctx context.Context, out io.Writer, t tenants.Tenant) error {
	all, err := h.admin.SigningKeysOf(ctx, admin.Operator(), t.SubscriptionID, t.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, t.Name)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, k := range all {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", k.ID, k.Alg, signingKeyWords(k))
	}
	return w.Flush()
}

func signingKeyWords(k admin.SigningKey) string {
	words := map[string]string{"next": "published", "active": "signs", "retired": "retired"}[k.State] + " since " + stamp(k.Since)
	switch {
	case k.State == "next":
		return words + ", takes over " + stamp(*k.Until)
	case k.Preparing:
		return words + ", the next one is about to be made"
	case k.State == "active" && k.Until == nil:
		return words + ", until a rotation by command"
	case k.State == "active":
		return words + ", the next one takes over " + stamp(*k.Until)
	case k.Published:
		return words + ", published until " + stamp(*k.Until)
	}
	return words + ", no longer published, kept for sign-out"
}

type signingKeysRotateCmd struct{ tenantsFlags }

// Run makes and publishes the next keys here: no replica need work for that.
func (c *signingKeysRotateCmd) Run(ctx context.Context, s streams) error {
	return c.each(ctx, s, func(ctx context.Context, h *house, t tenants.Tenant) error {
		if _, err := h.admin.RotateSigningKeys(ctx, admin.Operator(), t.SubscriptionID, t.ID); err != nil {
			return err
		}
		if err := h.provider.PublishKeys(ctx); err != nil {
			return err
		}
		return h.printKeys(ctx, s.Out, t)
	})
}

type signingKeysRevokeCmd struct {
	tenantsFlags
	reasonFlag
	IDs     []string `arg:"" optional:"" name:"id" help:"Keys to revoke, by the ids that list shows."`
	AllKeys bool     `env:"-" help:"Revoke every key of the tenant, or without --tenant of all tenants."`
}

// Run revokes keys and shows what there is then.
func (c *signingKeysRevokeCmd) Run(ctx context.Context, s streams) error {
	switch {
	case c.AllKeys == (len(c.IDs) > 0):
		return errors.New("name the keys to revoke, or give --all-keys")
	case !c.AllKeys && c.Tenant == "":
		return errors.New("give the tenant whose keys these are: --tenant=NAME")
	}
	err := c.each(ctx, s, func(ctx context.Context, h *house, t tenants.Tenant) error {
		ids := c.IDs
		if c.AllKeys {
			all, err := h.admin.SigningKeysOf(ctx, admin.Operator(), t.SubscriptionID, t.ID)
			if err != nil {
				return err
			}
			for _, k := range all {
				if k.State == "next" {
					ids = append([]string{k.ID}, ids...) // before the active one takes it along
					continue
				}
				ids = append(ids, k.ID)
			}
		}
		for _, id := range ids {
			if err := h.admin.RevokeSigningKey(ctx, admin.Operator(), t.SubscriptionID, t.ID, id, c.Reason); err != nil {
				return fmt.Errorf("key %s: %w", id, words(err))
			}
		}
		return h.printKeys(ctx, s.Out, t)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "\nWhat the revoked keys signed is refused by every replica within 60 seconds. Others who verify\ntokens by a key set that they have fetched may take up to 5 minutes more.")
	return nil
}

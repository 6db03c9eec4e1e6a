package op

import (
	"context"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

const (
	// keyLease is how long a replica has to make a key before another one may try.
	keyLease = 5 * time.Minute
	// keyTenants is how many tenants are read at once.
	keyTenants = 100
)

// TendKeys makes every transition of signing keys that is due, of all tenants: it is for
// a job, because it may make RSA keys. Any number of replicas may run it: each transition
// is a compare-and-set, and where another replica was faster there is nothing to do.
func (p *Provider) TendKeys(ctx context.Context) error {
	var errs []error
	for after := ""; ; {
		ids, err := p.tenantsWithDueKeys(ctx, after)
		if err != nil {
			return errors.Join(append(errs, wrap("keys that are due", err))...)
		}
		for _, tenant := range ids {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := p.tendTenant(ctx, tenant); err != nil {
				errs = append(errs, wrap("signing keys of tenant "+tenant, err))
			}
		}
		if len(ids) < keyTenants {
			return errors.Join(errs...)
		}
		after = ids[len(ids)-1]
	}
}

// tenantsWithDueKeys lists tenants for which steps says something, after one of them.
func (p *Provider) tenantsWithDueKeys(ctx context.Context, after string) (ids []string, err error) {
	const (
		since = "COALESCE(changed_at, created_at) <= ?"
		next  = "state = 'next' AND (due_at <= ? OR due_at IS NULL AND " + since + ")"
		asked = "due_at <= ? OR due_at IS NULL AND ? AND " + since
		none  = "NOT EXISTS (SELECT 1 FROM signing_keys n WHERE n.tenant_id = signing_keys.tenant_id AND n.alg = signing_keys.alg AND n.state = 'next')"
		done  = "state = 'retired' AND " + since
	)
	t, now := p.KeyTimes, p.now()
	err = p.DB.For(db.AllTenants(ctx)).Model(&signingKeyRow{}).Distinct("tenant_id").Where("tenant_id > ?", after).
		Where("("+next+") OR (state = 'active' AND ("+asked+") AND "+none+") OR ("+done+")",
			now, now.Add(-t.ahead()), now, t.bySchedule(), now.Add(t.ahead()-t.life()), now.Add(-keyForHints)).
		Order("tenant_id").Limit(keyTenants).Pluck("tenant_id", &ids).Error
	return ids, err
}

func (p *Provider) tendTenant(ctx context.Context, tenant string) error {
	realm, err := p.Tenants.RealmByID(ctx, tenant)
	if problem.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	return p.tend(tenants.WithRealm(ctx, realm))
}

// tend makes the transitions that are due in the tenant of ctx.
func (p *Provider) tend(ctx context.Context) error {
	rows, err := p.keyRows(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range p.KeyTimes.steps(rows, p.now()) {
		var err error
		switch s.act {
		case keyPublish:
			err = p.publishNext(ctx, s.key)
		case keyTakeOver:
			err = p.takeOver(ctx, s.key, s.next)
		case keyDelete:
			err = p.deleteKey(ctx, s.key)
		}
		if !errors.Is(err, db.ErrStale) { // else another replica was faster
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *Provider) keyRows(ctx context.Context) (rows []signingKeyRow, err error) {
	return rows, p.DB.For(ctx).Order("created_at, id").Find(&rows).Error
}

// publishNext makes the key after an active one. It takes a lease first, so that one
// replica makes it; the key counts only while the lease is still its own. The lease stays
// on the active key: who read that before can no longer take another.
func (p *Provider) publishNext(ctx context.Context, active signingKeyRow) error {
	lease := p.now().Add(keyLease)
	if err := p.changeKey(ctx, active, map[string]any{"due_at": lease}); err != nil {
		return err
	}
	active.DueAt = &lease
	row, err := p.newKey(ctx, jose.SignatureAlgorithm(active.Alg), keyNext)
	if err != nil {
		return err
	}
	due := row.CreatedAt.Add(p.KeyTimes.ahead())
	row.DueAt = &due
	return p.keysTx(ctx, func(ctx context.Context) error {
		if err := p.changeKey(ctx, active, map[string]any{"due_at": lease}); err != nil {
			return err
		}
		if err := p.DB.For(ctx).Create(&row).Error; err != nil {
			return err
		}
		return p.recordKey(ctx, "signing_key.published", "", row, map[string]any{"takes_over": due})
	})
}

// takeOver lets the next key sign in place of the active one.
func (p *Provider) takeOver(ctx context.Context, active, next signingKeyRow) error {
	now := p.now()
	return p.keysTx(ctx, func(ctx context.Context) error {
		if err := p.changeKey(ctx, active, map[string]any{"state": keyRetired, "changed_at": now, "due_at": nil}); err != nil {
			return err
		}
		if err := p.changeKey(ctx, next, map[string]any{"state": keyActive, "changed_at": now, "due_at": nil}); err != nil {
			return err
		}
		return p.recordKey(ctx, "signing_key.took_over", "", next, map[string]any{"retired": active.ID})
	})
}

func (p *Provider) deleteKey(ctx context.Context, k signingKeyRow) error {
	return p.keysTx(ctx, func(ctx context.Context) error {
		if err := db.One(p.DB.For(ctx).Where("id = ? AND state = ?", k.ID, k.State).Delete(&signingKeyRow{})); err != nil {
			return err
		}
		return p.recordKey(ctx, "signing_key.deleted", "", k, nil)
	})
}

// changeKey changes a key that is still as it was read; ErrStale: it is not.
func (p *Provider) changeKey(ctx context.Context, k signingKeyRow, set map[string]any) error {
	q := p.DB.For(ctx).Model(&signingKeyRow{}).Where("id = ? AND state = ?", k.ID, k.State)
	if k.DueAt == nil {
		q = q.Where("due_at IS NULL")
	} else {
		q = q.Where("due_at = ?", db.Micros(*k.DueAt))
	}
	return db.One(q.UpdateColumns(set))
}

// keysTx is a transaction after which this replica reads the tenant's keys anew.
func (p *Provider) keysTx(ctx context.Context, do func(ctx context.Context) error) error {
	tenant := db.ScopeOf(ctx).Tenant
	return p.DB.Tx(ctx, func(ctx context.Context) error {
		db.AfterCommit(ctx, func() { p.keys.forget(tenant) })
		return do(ctx)
	})
}

// recordKey tells the audit trail of a key. An empty actor is the schedule.
func (p *Provider) recordKey(ctx context.Context, kind, actor string, k signingKeyRow, more map[string]any) error {
	detail := map[string]any{"key": k.ID, "alg": k.Alg}
	for name, v := range more {
		detail[name] = v
	}
	if actor == "" {
		actor = "system"
	}
	return p.Audit.Record(ctx, audit.Event{Kind: kind, Actor: actor}, detail)
}

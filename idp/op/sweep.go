package op

import (
	"context"
	"time"

	"twofold/internal/db"
)

const (
	sweepBatch = 500
	sweepRound = 20 // batches of one table in one call
	// Spent codes and ended grants stay a while, so that a late replay is seen.
	sweepKeep = 24 * time.Hour
)

// Sweep deletes what has expired, of all tenants, in bounded batches. What is left
// over waits for the next call.
func (p *Provider) Sweep(ctx context.Context) error {
	ctx = db.AllTenants(ctx)
	now := p.now()
	for _, t := range []struct {
		model  any
		in     string
		before time.Time
	}{
		{&authRequestRow{}, "(tenant_id, id) IN (SELECT tenant_id, id FROM auth_requests WHERE expires_at < ? LIMIT ?)", now.Add(-time.Hour)},
		{&pushedRow{}, "(tenant_id, hash) IN (SELECT tenant_id, hash FROM pushed_requests WHERE expires_at < ? LIMIT ?)", now.Add(-time.Hour)},
		{&deviceRow{}, "(tenant_id, hash) IN (SELECT tenant_id, hash FROM device_requests WHERE expires_at < ? LIMIT ?)", now.Add(-time.Hour)},
		{&authCodeRow{}, "(tenant_id, hash) IN (SELECT tenant_id, hash FROM auth_codes WHERE expires_at < ? LIMIT ?)", now.Add(-sweepKeep)},
		{&grantRow{}, "(tenant_id, id) IN (SELECT tenant_id, id FROM grants WHERE expires_at < ? LIMIT ?)", now.Add(-sweepKeep)},
		{&revokedTokenRow{}, "(tenant_id, token_id) IN (SELECT tenant_id, token_id FROM revoked_tokens WHERE expires_at < ? LIMIT ?)", now},
		{&replayRow{}, "(tenant_id, key) IN (SELECT tenant_id, key FROM replay WHERE expires_at < ? LIMIT ?)", now},
	} {
		if err := p.sweepTable(ctx, t.model, t.in, t.before); err != nil {
			return wrap("sweep", err)
		}
	}
	return nil
}

func (p *Provider) sweepTable(ctx context.Context, model any, in string, before time.Time) error {
	for range sweepRound {
		res := p.DB.For(ctx).Where(in, before, sweepBatch).Delete(model)
		if res.Error != nil || res.RowsAffected < sweepBatch {
			return res.Error
		}
	}
	return nil
}

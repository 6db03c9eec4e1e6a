package idp

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// Ending is done in one order by all who do it, so that of two at once one waits for the
// other and never each for each: sign-ons by id, sessions by tenant and id, each lot with the client apps
// that hold them, then what was granted in them, likewise, then remembered browsers, then the audit trail, whose lock all of a
// subscription want. A sign-in takes its session before it grants something in it, so
// that whoever ends the session finds the grant, or the sign-in finds the session ended.

var errNoSession = problem.New(problem.NotFound, "session_unknown", "There is no such session.")

// EndSession ends one session of a tenant of the subscription in ctx, with what was
// granted in it, on every replica at once. actor is who wants it.
func (s *IDP) EndSession(ctx context.Context, tenantID, sessionID, actor, why string) error {
	in, err := s.inTenant(ctx, tenantID)
	if err != nil {
		return err
	}
	return s.DB.Tx(in, func(ctx context.Context) error {
		rows, err := s.endSessions(ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", sessionID) })
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return errNoSession
		}
		if err := s.Provider.RevokeSession(ctx, sessionID, why); err != nil {
			return err
		}
		return s.tellEnded(ctx, rows, actor, why)
	})
}

// EndTenant ends all sessions of a tenant of the subscription in ctx, and all that was
// granted there to apps, also what outlives its session; no browser is remembered any
// more. It holds on every replica at once, and returns how many sessions there were,
// also those that rest. Who is signing in goes on: he proves himself now.
func (s *IDP) EndTenant(ctx context.Context, tenantID, actor, why string) (sessions int, err error) {
	in, err := s.inTenant(ctx, tenantID)
	if err != nil {
		return 0, err
	}
	return s.endTenants(in, []string{tenantID}, false, actor, why)
}

// EndSubscription is EndTenant for all tenants of the subscription in ctx.
func (s *IDP) EndSubscription(ctx context.Context, actor, why string) (sessions int, err error) {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" || scope.Tenant != "" {
		return 0, db.ErrNoScope
	}
	all, err := s.tenantsOf(ctx, nil, "")
	if err != nil {
		return 0, err
	}
	return s.endTenants(ctx, all, true, actor, why)
}

// endTenants ends all in these tenants, given in the order of their ids, and all sign-ons
// if these are all tenants of the subscription. One entry in the trail tells of all: one for each session would hold the chain, and with it
// every sign-in of the subscription, for as long as it takes to write them.
func (s *IDP) endTenants(ctx context.Context, tenantIDs []string, signOns bool, actor, why string) (sessions int, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		var grants, browsers int64
		sessions = 0
		if signOns {
			if err := s.endSignOns(ctx, func(q *gorm.DB) *gorm.DB { return q }); err != nil {
				return err
			}
		}
		for _, in := range s.each(ctx, tenantIDs) {
			n, err := s.endAllSessions(in)
			if err != nil {
				return err
			}
			sessions += n
		}
		for _, in := range s.each(ctx, tenantIDs) {
			n, err := s.Provider.RevokeTenant(in, why)
			if err != nil {
				return err
			}
			grants += n
		}
		for _, in := range s.each(ctx, tenantIDs) {
			n, err := s.forgetAll(in, func(q *gorm.DB) *gorm.DB { return q })
			if err != nil {
				return err
			}
			browsers += n
		}
		detail := map[string]any{"why": why, "sessions": sessions, "grants": grants, "remembered": browsers, "tenants": len(tenantIDs)}
		return s.Audit.Record(ctx, audit.Event{Kind: "sessions.ended", Actor: actor}, detail)
	})
	return sessions, err
}

// each is ctx in each of these tenants of its subscription.
func (s *IDP) each(ctx context.Context, tenantIDs []string) []context.Context {
	out := make([]context.Context, len(tenantIDs))
	for i, t := range tenantIDs {
		out[i] = db.WithScope(ctx, db.Scope{Subscription: db.ScopeOf(ctx).Subscription, Tenant: t})
	}
	return out
}

// inTenant is ctx in a tenant of its subscription, which need not be active. Who is in
// another tenant does not find it.
func (s *IDP) inTenant(ctx context.Context, tenantID string) (context.Context, error) {
	scope := db.ScopeOf(ctx)
	if scope.Subscription == "" {
		return nil, db.ErrNoScope
	}
	realm, err := s.Tenants.RealmByID(ctx, tenantID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	if err != nil || realm.Subscription.ID != scope.Subscription || scope.Tenant != "" && scope.Tenant != tenantID {
		return nil, problem.New(problem.NotFound, "tenant_unknown", "There is no such tenant.")
	}
	return tenants.WithRealm(ctx, realm), nil
}

// endAtOnce is how many sessions, or browsers, one statement ends.
const endAtOnce = 1000

// endSessions ends those of the sessions that ctx reaches, and returns them. It is for
// few: they are in memory.
func (s *IDP) endSessions(ctx context.Context, those func(*gorm.DB) *gorm.DB) ([]sessionRow, error) {
	var all []sessionRow
	err := s.inOrder(ctx, &sessionRow{}, func(q *gorm.DB) *gorm.DB { return those(s.running(q)) }, func(lot lot) error {
		var rows []sessionRow
		err := lot.of(s.DB.For(ctx).Model(&rows).Clauses(db.Returning())).Updates(map[string]any{"ended_at": db.Micros(s.Now())}).Error
		if err != nil {
			return err
		}
		all = append(all, rows...)
		return s.letGo(ctx, lot)
	})
	return all, wrap("end sessions", err)
}

// endAllSessions ends all of the tenant in ctx.
func (s *IDP) endAllSessions(ctx context.Context) (n int, err error) {
	err = s.inOrder(ctx, &sessionRow{}, s.running, func(lot lot) error {
		n += len(lot.ids)
		if err := lot.of(s.DB.For(ctx).Model(&sessionRow{})).Updates(map[string]any{"ended_at": db.Micros(s.Now())}).Error; err != nil {
			return err
		}
		return s.letGo(ctx, lot)
	})
	return n, wrap("end sessions", err)
}

// running are the sessions that have not ended. What has run out is for Sweep, which
// takes them in another order.
func (s *IDP) running(q *gorm.DB) *gorm.DB {
	return q.Where("ended_at IS NULL AND expires_at > ?", db.Micros(s.Now()))
}

// forgetAll forgets those of the remembered browsers that ctx reaches.
func (s *IDP) forgetAll(ctx context.Context, those func(*gorm.DB) *gorm.DB) (n int64, err error) {
	living := func(q *gorm.DB) *gorm.DB { return those(q.Where("expires_at > ?", db.Micros(s.Now()))) }
	err = s.inOrder(ctx, &rememberedRow{}, living, func(lot lot) error {
		res := lot.of(s.DB.For(ctx)).Delete(&rememberedRow{})
		n += res.RowsAffected
		return res.Error
	})
	return n, wrap("forget browsers", err)
}

// lot is some rows that are locked.
type lot struct{ tenants, ids []string }

func (l lot) of(q *gorm.DB) *gorm.DB {
	return q.Where("tenant_id IN ? AND id IN ?", slices.Compact(l.tenants), l.ids)
}

// inOrder locks those of a model's rows by tenant and id, and has do change each lot.
func (s *IDP) inOrder(ctx context.Context, model any, those func(*gorm.DB) *gorm.DB, do func(lot) error) error {
	var last struct{ TenantID, ID string }
	for {
		var rows []struct{ TenantID, ID string }
		err := those(s.DB.For(ctx).Model(model)).Where("(tenant_id, id) > (?, ?)", last.TenantID, last.ID).Select("tenant_id", "id").
			Order("tenant_id, id").Limit(endAtOnce).Clauses(clause.Locking{Strength: "UPDATE"}).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		var l lot
		for _, r := range rows {
			l.tenants, l.ids = append(l.tenants, r.TenantID), append(l.ids, r.ID)
		}
		if err := do(l); err != nil {
			return err
		}
		if last = rows[len(rows)-1]; len(rows) < endAtOnce {
			return nil
		}
	}
}

func inOrderOfKeys(a, b sessionRow) int {
	return cmp.Or(strings.Compare(a.TenantID, b.TenantID), strings.Compare(a.ID, b.ID))
}

// mostTold is how many sessions have an entry each in the trail; more have one together.
const mostTold = 50

// tellEnded records that sessions of one user, of the subscription in ctx, were ended.
func (s *IDP) tellEnded(ctx context.Context, rows []sessionRow, actor, why string) error {
	if len(rows) > mostTold {
		e := audit.Event{Kind: "sessions.ended", Actor: actor, User: rows[0].UserID}
		return s.Audit.Record(ctx, e, map[string]any{"why": why, "sessions": len(rows)})
	}
	for _, row := range rows {
		e := audit.Event{Kind: "session.ended", TenantID: row.TenantID, Actor: actor, User: row.UserID}
		if err := s.Audit.Record(ctx, e, map[string]any{"session": row.ID, "why": why}); err != nil {
			return err
		}
	}
	return nil
}

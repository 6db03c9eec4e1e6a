package idp

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/tenants"
)

// sessionClientRow says that a client app holds a session: somebody signed in to it by
// this session. Grants do not say so for long: one without offline access is forgotten
// while the app's own session goes on. When the session ends, the row says what became
// of telling the app (Back-Channel Logout §2.5):
//
//	held ──session ends──▶ queued ──claim──▶ sending ──▶ told
//	                          ▲                 │ └────▶ refused  (the app said so)
//	                          └──────retry──────┘ └────▶ failed   (for good, or for too long)
//
// The row of an app that does not want to be told goes when the session ends.
type sessionClientRow struct {
	TenantID    string `gorm:"primaryKey"`
	SessionID   string `gorm:"primaryKey"`
	ClientAppID string `gorm:"primaryKey"`
	UserID      string
	Host        string // by which of the tenant's issuers; empty: the one below the server's address
	State       string
	Attempts    int64
	NextAt      time.Time // when it is due; while sending: when the lease ends
	Error       string    // of the last try
	CreatedAt   time.Time
	EndedAt     *time.Time
	DoneAt      *time.Time
}

func (*sessionClientRow) TableName() string { return "session_clients" }

// States of a sessionClientRow.
const (
	clientHeld    = "held"
	clientQueued  = "queued"
	clientSending = "sending"
	clientTold    = "told"
	clientRefused = "refused"
	clientFailed  = "failed"
)

// holdBy notes that the app of a sign-in holds the session, in the transaction that
// grants it something. The caller holds the session: whoever ends it finds the row.
func (s *IDP) holdBy(ctx context.Context, sessionID string, a *attempt) error {
	now := db.Micros(s.Now())
	row := sessionClientRow{
		SessionID: sessionID, ClientAppID: a.req.ClientApp.ID, UserID: a.facts.UserID, Host: tenants.RealmFrom(ctx).Host, State: clientHeld, NextAt: now, CreatedAt: now,
	}
	return wrap("hold session", s.DB.For(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error)
}

// appsIn lists the client apps that hold these sessions of these tenants, by session. It
// reaches as far as ctx does.
func (s *IDP) appsIn(ctx context.Context, tenantIDs, sessionIDs []string) (map[string][]string, error) {
	if len(sessionIDs) == 0 {
		return nil, nil
	}
	var rows []sessionClientRow
	err := s.DB.For(ctx).Select("session_id", "client_app_id").
		Where("tenant_id IN ? AND session_id IN ? AND state = ?", tenantIDs, sessionIDs, clientHeld).
		Find(&rows).Error
	if err != nil {
		return nil, wrap("apps in sessions", err)
	}
	apps := map[string][]string{}
	for _, r := range rows {
		apps[r.SessionID] = append(apps[r.SessionID], r.ClientAppID)
	}
	for _, ids := range apps {
		slices.Sort(ids)
	}
	return apps, nil
}

// letGo notes that sessions have ended, in the transaction that ends them: the apps that
// want to are told after its commit, by whichever replica comes first. However many
// sessions a lot has, it takes a few statements.
func (s *IDP) letGo(ctx context.Context, l lot) error {
	apps, err := s.Tenants.LogoutApps(ctx)
	if err != nil {
		return err
	}
	held := func() *gorm.DB {
		return s.DB.For(ctx).Model(&sessionClientRow{}).Where("tenant_id IN ? AND session_id IN ? AND state = ?", slices.Compact(l.tenants), l.ids, clientHeld)
	}
	now, some := db.Micros(s.Now()), false
	for ids := range slices.Chunk(apps, endAtOnce) {
		res := held().Where("client_app_id IN ?", ids).Updates(map[string]any{"state": clientQueued, "next_at": now, "ended_at": now})
		if res.Error != nil {
			return wrap("queue logout", res.Error)
		}
		some = some || res.RowsAffected > 0
	}
	if some {
		db.AfterCommit(ctx, s.kickTeller)
	}
	return wrap("let go of sessions", held().Delete(&sessionClientRow{}).Error)
}

// kickTeller never blocks: what is not seen now is found by the next look.
func (s *IDP) kickTeller() {
	select {
	case s.toTell <- struct{}{}:
	default:
	}
}

// sweepSessions forgets sessions that have run out, and who held them: expiry is nothing
// that apps are told of, they know it from their tokens.
func (s *IDP) sweepSessions(ctx context.Context, before time.Time) error {
	for {
		var l lot
		err := s.DB.Tx(ctx, func(ctx context.Context) error {
			var rows []sessionRow
			l = lot{}
			err := s.overFor(ctx, before).Select("tenant_id", "id").Order("expires_at, tenant_id, id").Limit(endAtOnce).
				Clauses(clause.Locking{Strength: "UPDATE"}).Find(&rows).Error
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				l.tenants, l.ids = append(l.tenants, r.TenantID), append(l.ids, r.ID)
			}
			in := slices.Compact(slices.Sorted(slices.Values(l.tenants)))
			err = s.DB.For(ctx).Where("tenant_id IN ? AND session_id IN ? AND state = ?", in, l.ids, clientHeld).Delete(&sessionClientRow{}).Error
			if err != nil {
				return err
			}
			return s.DB.For(ctx).Where("tenant_id IN ? AND id IN ?", in, l.ids).Delete(&sessionRow{}).Error
		})
		if err != nil || len(l.ids) < endAtOnce {
			return wrap("sweep sessions", err)
		}
	}
}

// overFor are the sessions that have run out. One that somebody has ended stays as long as
// its sign-on does: it says that this one lends nothing there.
func (s *IDP) overFor(ctx context.Context, before time.Time) *gorm.DB {
	on := s.DB.For(ctx).Model(&signOnRow{}).Select("1").Where("sign_ons.id = sessions.sign_on_id AND sign_ons.ended_at IS NULL AND sign_ons.expires_at >= ?", before)
	return s.DB.For(ctx).Where("expires_at < ? AND (ended_at IS NULL OR NOT EXISTS (?))", before, on)
}

// keepTold is how long what became of telling an app is kept.
const keepTold = 30 * 24 * time.Hour

// sweepTold gives up what could not be delivered for too long, and forgets what ended
// long ago.
func (s *IDP) sweepTold(ctx context.Context) error {
	now := db.Micros(s.Now())
	err := s.DB.For(ctx).Model(&sessionClientRow{}).Where("state = ? AND ended_at < ?", clientQueued, now.Add(-tellFor)).
		Updates(map[string]any{"state": clientFailed, "done_at": now}).Error
	if err != nil {
		return wrap("give up logouts", err)
	}
	return wrap("sweep logouts", s.DB.For(ctx).Where("done_at < ?", now.Add(-keepTold)).Delete(&sessionClientRow{}).Error)
}

package idp

import (
	"testing"
	"time"

	"twofold/internal/id"
)

func TestSessionLive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := w.clock.Now()
		row := sessionRow{
			ID: id.New(), TokenHash: "h", UserID: w.users["acme"], Proofs: "[]", AuthTime: now, CreatedAt: now, SeenAt: now,
			IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour),
		}
		must(t, w.DB.For(w.in("acme")).Create(&row).Error)
		acme, globex := w.realms["acme"].Tenant.ID, w.realms["globex"].Tenant.ID
		check := func(name, in, tenantID, sid, userID string, want bool) {
			t.Helper()
			if got, err := w.SessionLive(w.in(in), tenantID, sid, userID); err != nil || got != want {
				t.Errorf("%s: %v %v", name, got, err)
			}
		}
		check("live", "acme", acme, row.ID, row.UserID, true)
		check("another user", "acme", acme, row.ID, w.users["globex"], false)
		check("another session", "acme", acme, id.New(), row.UserID, false)
		check("no session", "acme", acme, "", row.UserID, false)
		check("in another tenant", "globex", acme, row.ID, row.UserID, false)
		check("of another tenant", "acme", globex, row.ID, row.UserID, false)
		w.clock.Advance(90 * time.Minute)
		check("resting", "acme", acme, row.ID, row.UserID, true)
		must(t, w.DB.For(w.in("acme")).Model(&sessionRow{}).Where("id = ?", row.ID).Updates(map[string]any{"ended_at": now}).Error)
		check("ended", "acme", acme, row.ID, row.UserID, false)
		must(t, w.DB.For(w.in("acme")).Model(&sessionRow{}).Where("id = ?", row.ID).Updates(map[string]any{"ended_at": nil}).Error)
		w.clock.Advance(time.Hour)
		check("run out", "acme", acme, row.ID, row.UserID, false)
	})
}

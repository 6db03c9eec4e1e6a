package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"twofold/idp/signin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/tenants"
)

// A session is what a browser has proven in a tenant; single sign-on stands on
// it. Its cookie is 256 random bits, of which only the hash is kept, and new after
// every authentication; its id (sid) stays.
type sessionRow struct {
	TenantID      string `gorm:"primaryKey"`
	ID            string `gorm:"primaryKey"`
	TokenHash     string
	UserID        string
	IDPID         string `gorm:"column:idp_id"`
	Proofs        string
	AuthTime      time.Time
	Address       string
	UserAgent     string
	CreatedAt     time.Time
	SeenAt        time.Time
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	EndedAt       *time.Time
}

func (*sessionRow) TableName() string { return "sessions" }

// seenEvery bounds how often use of a session is written down.
const seenEvery = time.Minute

// session returns the live session of this browser, or nil. Of two that live, one
// was planted by a sibling host, and there is no telling which: then it is nobody.
func (s *IDP) session(r *http.Request) (*sessionRow, error) {
	rows, err := s.sessions(r)
	if err != nil || len(rows) != 1 {
		return nil, err
	}
	return &rows[0], nil
}

// sessions returns all live sessions that the browser has a cookie of.
func (s *IDP) sessions(r *http.Request) ([]sessionRow, error) {
	var hashes []string
	for _, v := range s.cookies(r, sessionCookie) {
		hashes = append(hashes, id.Hash(v))
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	now := s.Now()
	var rows []sessionRow
	err := s.DB.For(r.Context()).Where("token_hash IN ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ?", hashes, now, now).
		Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("idp: session: %w", err)
	}
	return rows, nil
}

// proofs takes a session's proofs over into facts.
func (row *sessionRow) facts(f signin.Facts) (signin.Facts, error) {
	if err := json.Unmarshal([]byte(row.Proofs), &f.Proofs); err != nil {
		return f, fmt.Errorf("idp: proofs of session %s: %w", row.ID, err)
	}
	f.UserID, f.IDPID, f.AuthTime = row.UserID, row.IDPID, row.AuthTime
	return f, nil
}

// keepSession brings the browser's session up to what f proves: the same user's
// goes on under its id with a new cookie, another's ends, and without one a new
// session begins. Nothing new proven, nothing but use is noted and token is empty.
func (s *IDP) keepSession(ctx context.Context, r *http.Request, have *sessionRow, a *attempt, authTime time.Time) (sessionID, token string, err error) {
	now := db.Micros(s.Now())
	tenant := tenants.RealmFrom(ctx).Tenant
	idle := now.Add(time.Duration(tenant.IdleSeconds) * time.Second)
	if have != nil && have.UserID != a.facts.UserID {
		if err := s.end(ctx, have, "another user signed in"); err != nil {
			return "", "", err
		}
		have = nil
	}
	if have != nil && !provenSince(a.facts, a.row.CreatedAt) {
		if now.Sub(have.SeenAt) < seenEvery {
			return have.ID, "", nil
		}
		err := s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", have.ID).
			Updates(map[string]any{"seen_at": now, "idle_expires_at": idle}).Error
		return have.ID, "", wrap("touch session", err)
	}
	proofs, err := json.Marshal(a.facts.Proofs)
	if err != nil {
		return "", "", fmt.Errorf("idp: proofs: %w", err)
	}
	token = id.Token(s.Rand)
	if have != nil {
		err := db.One(s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND token_hash = ? AND ended_at IS NULL", have.ID, have.TokenHash).
			Updates(map[string]any{
				"token_hash": id.Hash(token), "proofs": string(proofs), "auth_time": authTime, "idp_id": a.facts.IDPID, "seen_at": now,
				"idle_expires_at": idle, "expires_at": now.Add(time.Duration(tenant.SessionSeconds) * time.Second),
			}))
		if !errors.Is(err, db.ErrStale) {
			return have.ID, token, wrap("renew session", err)
		}
		if a.borrows() {
			return "", "", errSignInMoved // perhaps it has just ended: look again
		}
		// Two sign-ins of one browser finished at once: the later gets its own session.
	}
	row := sessionRow{
		ID: id.New(), TokenHash: id.Hash(token), UserID: a.facts.UserID, IDPID: a.facts.IDPID, Proofs: string(proofs), AuthTime: authTime,
		Address: audit.OriginOf(ctx).Address, UserAgent: cut(r.UserAgent(), 200), CreatedAt: now, SeenAt: now, IdleExpiresAt: idle,
		ExpiresAt: now.Add(time.Duration(tenant.SessionSeconds) * time.Second),
	}
	return row.ID, token, wrap("create session", s.DB.For(ctx).Create(&row).Error)
}

// provenSince reports whether any proof was made in a sign-in that began then.
func provenSince(f signin.Facts, began time.Time) bool {
	for _, p := range f.Proofs {
		if !p.At.Before(began) {
			return true
		}
	}
	return false
}

// end ends a session and takes back what was granted in it, on every replica at once.
func (s *IDP) end(ctx context.Context, row *sessionRow, why string) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		now := db.Micros(s.Now())
		res := s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", row.ID).Updates(map[string]any{"ended_at": now})
		if res.Error != nil {
			return wrap("end session", res.Error)
		}
		if err := s.Provider.RevokeSession(ctx, row.ID, why); err != nil {
			return err
		}
		return s.Audit.Record(ctx, audit.Event{Kind: "session.ended", Actor: row.UserID, User: row.UserID}, map[string]any{"session": row.ID, "why": why})
	})
}

// liveSessions lists a user's sessions in the tenant in ctx, the youngest first.
func (s *IDP) liveSessions(ctx context.Context, userID string) ([]sessionRow, error) {
	now := s.Now()
	var rows []sessionRow
	err := s.DB.For(ctx).Where("user_id = ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ?", userID, now, now).
		Order("id DESC").Limit(100).Find(&rows).Error
	return rows, wrap("live sessions", err)
}

// endOthers ends all sessions of a user in the tenant in ctx but for one.
func (s *IDP) endOthers(ctx context.Context, userID, but string) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ceremony.Hold(ctx, userID); err != nil {
			return err
		}
		rows, err := s.liveSessions(ctx, userID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID == but {
				continue
			}
			if err := s.end(ctx, &row, "ended by the user"); err != nil {
				return err
			}
		}
		return nil
	})
}

// endEverywhere ends all sessions of a user but for one, in all tenants of the
// subscription: a password that has changed is the same in each. The caller holds the
// user.
func (s *IDP) endEverywhere(ctx context.Context, userID, but, why string) error {
	var rows []sessionRow
	err := s.DB.For(db.AllTenants(ctx)).Where("user_id = ? AND ended_at IS NULL AND expires_at > ?", userID, s.Now()).Find(&rows).Error
	if err != nil {
		return wrap("sessions of all tenants", err)
	}
	for _, row := range rows {
		if row.ID == but {
			continue
		}
		there := db.WithScope(ctx, db.Scope{Subscription: db.ScopeOf(ctx).Subscription, Tenant: row.TenantID})
		if err := s.end(there, &row, why); err != nil {
			return err
		}
	}
	return nil
}

// endHeld is end for a request of its own: a sign-in that is about to be answered from
// the session comes before it, or not at all.
func (s *IDP) endHeld(ctx context.Context, row *sessionRow, why string) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ceremony.Hold(ctx, row.UserID); err != nil {
			return err
		}
		return s.end(ctx, row, why)
	})
}

// hold makes a sign-in that ends, in the transaction of ctx, come before or after
// whatever changes what its user proves himself with or ends his sessions. If that
// came before, the sign-in is over (SECURITY I6, M24).
func (s *IDP) hold(ctx context.Context, a *attempt) error {
	if err := s.Ceremony.Hold(ctx, a.facts.UserID); err != nil {
		return err
	}
	user, err := s.Tenants.User(ctx, a.facts.UserID)
	if err != nil {
		return lost(err)
	}
	if user.CredentialEpoch != a.facts.Epoch {
		return errSignInOver
	}
	return nil
}

// renewCookie gives a session a new cookie (SECURITY M67).
func (s *IDP) renewCookie(ctx context.Context, row *sessionRow) (token string, err error) {
	token = id.Token(s.Rand)
	err = db.One(s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND token_hash = ? AND ended_at IS NULL", row.ID, row.TokenHash).
		Updates(map[string]any{"token_hash": id.Hash(token)}))
	return token, wrap("renew cookie", err)
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("idp: %s: %w", doing, err)
	}
	return nil
}

// cut shortens text from outside to n bytes of valid UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return toValid(s)
}

package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gorm.io/gorm"

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
	SignOnID      string // what it has in common with those of other tenants; empty: nothing
}

func (*sessionRow) TableName() string { return "sessions" }

// seenEvery bounds how often use of a session is written down.
const seenEvery = time.Minute

// session returns the live session that stands for the user of this browser, or nil: its
// own in the tenant, or else one that another tenant lends.
func (s *IDP) session(r *http.Request) (*sessionRow, error) {
	rows, err := s.liveIn(r)
	if err != nil || len(rows) > 0 {
		return only(rows), err
	}
	return s.lender(r)
}

// ownSession is session without what another tenant lends.
func (s *IDP) ownSession(r *http.Request) (*sessionRow, error) {
	rows, err := s.liveIn(r)
	return only(rows), err
}

// only is the one of the sessions of a browser. Of two that live, one was planted by a
// sibling host, and there is no telling which: then it is nobody.
func only(rows []sessionRow) *sessionRow {
	if len(rows) != 1 {
		return nil
	}
	return &rows[0]
}

// liveIn returns the sessions of sessions that do not rest.
func (s *IDP) liveIn(r *http.Request) ([]sessionRow, error) {
	rows, err := s.sessions(r)
	return slices.DeleteFunc(rows, func(row sessionRow) bool { return row.rests(s.Now()) }), err
}

// sessions returns all sessions that the browser has a cookie of and that have not
// ended, also those that rest.
func (s *IDP) sessions(r *http.Request) ([]sessionRow, error) {
	var hashes []string
	for _, v := range s.cookies(r, sessionCookie()) {
		hashes = append(hashes, tenants.HashHere(r.Context(), v))
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	var rows []sessionRow
	err := s.DB.For(r.Context()).Where("token_hash IN ? AND ended_at IS NULL AND expires_at > ?", hashes, s.Now()).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("idp: session: %w", err)
	}
	return rows, nil
}

// rests reports whether a session was not used for too long: nobody is signed in by it
// any more, but what was granted in it stands.
func (row *sessionRow) rests(now time.Time) bool { return !row.IdleExpiresAt.After(now) }

// proofs takes a session's proofs over into facts.
func (row *sessionRow) facts(f signin.Facts) (signin.Facts, error) {
	if err := json.Unmarshal([]byte(row.Proofs), &f.Proofs); err != nil {
		return f, fmt.Errorf("idp: proofs of session %s: %w", row.ID, err)
	}
	f.UserID, f.IDPID, f.AuthTime = row.UserID, row.IDPID, row.AuthTime
	return f, nil
}

// kept is a session as a sign-in leaves it, with the new values of the browser's cookies;
// empty: it keeps what it has.
type kept struct{ id, session, signOn string }

// keepSession brings the browser's session up to what f proves: the same user's
// goes on under its id with a new cookie, another's ends, and without one a new
// session begins. Nothing new proven, nothing but use is noted and it keeps its cookie. What
// another tenant lends stays as it is: the session begins here.
func (s *IDP) keepSession(ctx context.Context, r *http.Request, have *sessionRow, a *attempt, authTime time.Time) (k kept, err error) {
	own := have != nil && have.TenantID == db.ScopeOf(ctx).Tenant
	if have != nil && have.UserID != a.facts.UserID {
		if own {
			if a.ended, err = s.endUntold(ctx, have, "", whyAnother); err != nil {
				return k, err
			}
		}
		have, own = nil, false
	}
	if own && !provenSince(a.facts, a.row.CreatedAt) {
		return kept{id: have.ID}, s.touch(ctx, have)
	}
	proofs, err := json.Marshal(a.facts.Proofs)
	if err != nil {
		return k, fmt.Errorf("idp: proofs: %w", err)
	}
	row := s.newSession(ctx, r, a, string(proofs), authTime)
	if k.signOn, err = s.joinSignOn(ctx, r, &row, have, a); err != nil {
		return k, err
	}
	k.session = id.Token(s.Rand)
	row.TokenHash = tenants.HashHere(ctx, k.session)
	if own {
		err := s.changeSession(ctx, have, map[string]any{
			"token_hash": row.TokenHash, "proofs": row.Proofs, "auth_time": authTime, "idp_id": row.IDPID, "seen_at": row.SeenAt,
			"idle_expires_at": row.IdleExpiresAt, "expires_at": row.ExpiresAt, "sign_on_id": row.SignOnID,
		})
		if !errors.Is(err, tenants.ErrChanged) {
			k.id = have.ID
			return k, err
		}
		if a.borrows() {
			return k, errSignInMoved // perhaps it has just ended: look again
		}
		// Two sign-ins of one browser finished at once: the later gets its own session.
	}
	k.id = row.ID
	return k, wrap("create session", s.DB.For(ctx).Create(&row).Error)
}

// newSession is a session that begins now. It has no cookie yet.
func (s *IDP) newSession(ctx context.Context, r *http.Request, a *attempt, proofs string, authTime time.Time) sessionRow {
	now := db.Micros(s.Now())
	life, rest := tenants.RealmFrom(ctx).SessionLife()
	return sessionRow{
		ID: id.New(), UserID: a.facts.UserID, IDPID: a.facts.IDPID, Proofs: proofs, AuthTime: authTime,
		Address: audit.OriginOf(ctx).Address, UserAgent: cut(r.UserAgent(), 200), CreatedAt: now, SeenAt: now,
		IdleExpiresAt: now.Add(rest), ExpiresAt: now.Add(life),
	}
}

// touch notes that a session is in use.
func (s *IDP) touch(ctx context.Context, row *sessionRow) error {
	now := db.Micros(s.Now())
	// Also what changes nothing holds the session: it is ended before what is granted
	// in it now, or after, and then it takes that back.
	set := map[string]any{"seen_at": row.SeenAt}
	if now.Sub(row.SeenAt) >= seenEvery {
		_, rest := tenants.RealmFrom(ctx).SessionLife()
		set = map[string]any{"seen_at": now, "idle_expires_at": now.Add(rest)}
	}
	err := db.One(s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", row.ID).Updates(set))
	if errors.Is(err, db.ErrStale) {
		return errSignInOver
	}
	return wrap("touch session", err)
}

// whyAnother is why a session ends when somebody else signs in in its browser.
const whyAnother = "another user signed in"

// provenSince reports whether any proof was made in a sign-in that began then.
func provenSince(f signin.Facts, began time.Time) bool {
	for _, p := range f.Proofs {
		if p.Since(began) {
			return true
		}
	}
	return false
}

// end ends a session by the wish of its user, and takes back what was granted in it, on
// every replica at once. The others of its sign-on end too, in all tenants.
func (s *IDP) end(ctx context.Context, row *sessionRow, why string) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		ended, err := s.endUntold(ctx, row, "", why)
		if err != nil {
			return err
		}
		return s.tellEnded(ctx, ended, row.UserID, why)
	})
}

// endUntold is end without its entries in the audit trail, which come last in a
// transaction. but names a session of the sign-on that goes on.
func (s *IDP) endUntold(ctx context.Context, row *sessionRow, but, why string) ([]sessionRow, error) {
	if row.SignOnID != "" {
		return s.endSignOn(ctx, row.SignOnID, but, why)
	}
	now := db.Micros(s.Now())
	res := s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", row.ID).Updates(map[string]any{"ended_at": now})
	if res.Error != nil {
		return nil, wrap("end session", res.Error)
	}
	if err := s.letGo(ctx, lot{tenants: []string{row.TenantID}, ids: []string{row.ID}}); err != nil {
		return nil, err
	}
	return []sessionRow{*row}, s.Provider.RevokeSession(ctx, row.ID, why)
}

// liveSessions lists a user's sessions in the tenant in ctx, the youngest first.
func (s *IDP) liveSessions(ctx context.Context, userID string) ([]sessionRow, error) {
	now := s.Now()
	var rows []sessionRow
	err := s.DB.For(ctx).Where("user_id = ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ?", userID, now, now).
		Order("id DESC").Limit(100).Find(&rows).Error
	return rows, wrap("live sessions", err)
}

// endAll ends all sessions of a user of the tenant in ctx, in all tenants that he is a
// member of, but for one if it is named; and with them what was granted to apps, also
// what outlives its session. It takes part in the caller's transaction, which holds the
// user: a sign-in that ends later finds him changed.
func (s *IDP) endAll(ctx context.Context, userID, but, why string) error {
	if err := s.endSignOns(ctx, ofUser(userID)); err != nil {
		return err
	}
	// One user has one id, whatever the tenant.
	everywhere := db.AllTenants(ctx)
	rows, err := s.endSessions(everywhere, func(q *gorm.DB) *gorm.DB { return q.Where("user_id = ? AND id <> ?", userID, but) })
	if err != nil {
		return err
	}
	if err := s.Provider.RevokeOthers(everywhere, userID, but, why); err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(row sessionRow) bool { return !row.IdleExpiresAt.After(s.Now()) }) // over long since
	return s.tellEnded(ctx, rows, userID, why)
}

// holdSession refuses to go on for a session that was ended meanwhile.
func (s *IDP) holdSession(ctx context.Context, row *sessionRow) error {
	return s.changeSession(ctx, row, map[string]any{"seen_at": db.Micros(s.Now())})
}

// renewSession gives a session a new cookie: whoever may have the old one is out.
func (s *IDP) renewSession(ctx context.Context, row *sessionRow) (token string, err error) {
	token = id.Token(s.Rand)
	return token, s.changeSession(ctx, row, map[string]any{"token_hash": tenants.HashHere(ctx, token)})
}

func (s *IDP) changeSession(ctx context.Context, row *sessionRow, set map[string]any) error {
	err := db.One(s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND token_hash = ? AND ended_at IS NULL", row.ID, row.TokenHash).Updates(set))
	if errors.Is(err, db.ErrStale) {
		return tenants.ErrChanged
	}
	return wrap("change session", err)
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

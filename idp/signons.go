package idp

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/idp/signin"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/tenants"
)

// A subscription may let its tenants share sign-ons (SPEC §6): who has signed in at one of
// them is asked for nothing at another that he is a member of, unless its rules want more.
// Each tenant has a session of its own all the same. A sign-on is what those of one user
// in one browser have in common, and its cookie leads from one tenant to the next
// (docs/adr/0033).

// signOnRow: the cookie is 256 random bits, of which the hash is kept, and new whenever
// something is proven in one of its sessions.
//
//	running ──its user signs out, or all that he has ends──▶ ended
//	   └────its sessions have run out──▶ swept
//
// Whoever takes part in a sign-on, or ends it, takes its row before any session: a sign-on
// that ends finds all of its sessions, or the session finds it ended.
type signOnRow struct {
	ID             string `gorm:"primaryKey"`
	SubscriptionID string
	TokenHash      string
	UserID         string
	CreatedAt      time.Time
	ExpiresAt      time.Time // no session of it lives longer
	EndedAt        *time.Time
}

func (*signOnRow) TableName() string { return "sign_ons" }

// signOnPath is where all tenants are: the browser brings the cookie along to each.
const signOnPath = "/t"

// signOnCookie is a name for each subscription: the customers of one server do not disturb
// one another in one browser. It does not tell which one it is.
func (s *IDP) signOnCookie(ctx context.Context) cookie {
	name := "shared-" + hex.EncodeToString(s.Seal.MAC("shared-sign-on", db.ScopeOf(ctx).Subscription)[:8])
	return cookie{name: name, path: signOnPath}
}

// setSignOnCookie does nothing without a token: the browser keeps what it has.
func (s *IDP) setSignOnCookie(w http.ResponseWriter, r *http.Request, token string) {
	if token != "" {
		s.setCookie(w, r, s.signOnCookie(r.Context()), token, sessionCookieLife)
	}
}

func (s *IDP) dropSignOnCookie(w http.ResponseWriter, r *http.Request) {
	if c := s.signOnCookie(r.Context()); len(s.cookies(r, c)) > 0 {
		s.dropCookie(w, r, c)
	}
}

// signOnHashes are those of the cookies that lead a browser from one tenant to the next.
func (s *IDP) signOnHashes(r *http.Request) []string {
	if !shares(r.Context()) {
		return nil
	}
	var hashes []string
	for _, v := range s.cookies(r, s.signOnCookie(r.Context())) {
		hashes = append(hashes, tenants.HashHere(r.Context(), v))
	}
	return hashes
}

// shares reports whether sign-ons are shared here. At a host name of its own a tenant
// neither lends nor borrows: browsers bring no cookie there from elsewhere.
func shares(ctx context.Context) bool {
	realm := tenants.RealmFrom(ctx)
	return realm.Subscription.SharedSignOn && realm.Host == ""
}

// mostInSignOn is how many sessions of a sign-on are looked at. Nobody has as many without
// trying to; then it is not shared.
const mostInSignOn = 500

// lender returns the session of another tenant that stands for the user of this browser
// here, or nil. Of two sign-ons one was planted by a sibling host, as with sessions.
func (s *IDP) lender(r *http.Request) (*sessionRow, error) {
	ctx, hashes := r.Context(), s.signOnHashes(r)
	if len(hashes) == 0 {
		return nil, nil
	}
	rows, err := s.inSignOns(ctx, hashes)
	if err != nil || len(rows) > mostInSignOn {
		return nil, err
	}
	rows = s.lending(ctx, rows)
	if len(rows) == 0 || slices.ContainsFunc(rows, func(row sessionRow) bool { return row.SignOnID != rows[0].SignOnID }) {
		return nil, nil
	}
	return s.best(ctx, rows)
}

// inSignOns finds the sessions, also those that have ended, of the sign-ons of the
// subscription in ctx that have these cookies and have not ended. The youngest comes first.
func (s *IDP) inSignOns(ctx context.Context, hashes []string) ([]sessionRow, error) {
	// The condition holds the sign-ons to the subscription, and so their sessions.
	all := db.AllTenants(ctx)
	running := s.DB.For(all).Model(&signOnRow{}).Select("id").
		Where("subscription_id = ? AND token_hash IN ? AND ended_at IS NULL AND expires_at > ?", db.ScopeOf(ctx).Subscription, hashes, s.Now())
	var rows []sessionRow
	err := s.DB.For(all).Where("sign_on_id IN (?)", running).Limit(mostInSignOn + 1).Find(&rows).Error
	slices.SortFunc(rows, func(a, b sessionRow) int { return strings.Compare(b.ID, a.ID) })
	return rows, wrap("sign-ons", err)
}

// lending are those of the sessions, the youngest first, that may stand for somebody in the
// tenant in ctx: they are of another one, are live there, and would be here. A sign-on
// whose last session here was ended lends nothing: who ended it has meant it.
func (s *IDP) lending(ctx context.Context, rows []sessionRow) []sessionRow {
	now, here := s.Now(), db.ScopeOf(ctx).Tenant
	life, idle := tenants.RealmFrom(ctx).SessionLife()
	last, ended := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		if row.TenantID == here && !last[row.SignOnID] {
			last[row.SignOnID], ended[row.SignOnID] = true, row.EndedAt != nil
		}
	}
	return slices.DeleteFunc(rows, func(row sessionRow) bool {
		there := row.EndedAt == nil && row.ExpiresAt.After(now) && !row.rests(now)
		alsoHere := row.AuthTime.Add(life).After(now) && row.SeenAt.Add(idle).After(now)
		return row.TenantID == here || ended[row.SignOnID] || !there || !alsoHere
	})
}

// best is the session, of several of one sign-on, that proves most: of a tenant that shares
// sign-ons with the one in ctx, and by an IDP that this one has.
func (s *IDP) best(ctx context.Context, rows []sessionRow) (*sessionRow, error) {
	among, err := s.Tenants.SharedBy(ctx, rows[0].UserID)
	if err != nil || !slices.Contains(among, db.ScopeOf(ctx).Tenant) {
		return nil, err
	}
	idps, err := s.Tenants.IDPs(ctx)
	if err != nil {
		return nil, err
	}
	var best *sessionRow
	var most signin.Strength
	for i, row := range rows {
		if !slices.Contains(among, row.TenantID) || !slices.ContainsFunc(idps, func(v tenants.IDP) bool { return v.ID == row.IDPID }) {
			continue
		}
		f, err := row.facts(signin.Facts{})
		if err != nil {
			return nil, err
		}
		reached := signin.Reached(f.Proofs)
		if best == nil || reached > most || reached == most && row.AuthTime.After(best.AuthTime) {
			best, most = &rows[i], reached
		}
	}
	return best, nil
}

// joinSignOn puts a session that begins, or that something was proven in, into the sign-on
// of the one that stands for its user in this browser, or that the browser has without one, or into a
// new one. It returns the cookie's new value, or nothing where the browser keeps what it has.
func (s *IDP) joinSignOn(ctx context.Context, r *http.Request, row, have *sessionRow, a *attempt) (token string, err error) {
	switch {
	case have != nil && have.TenantID != db.ScopeOf(ctx).Tenant && a.borrows():
		err = s.borrow(ctx, row, have)
	case have != nil:
		row.SignOnID = have.SignOnID
	case a.borrows():
		err = errSignInMoved // who lent has just ended: look again
	}
	if err != nil || !shares(ctx) || !provenSince(a.facts, a.row.CreatedAt) {
		return "", err
	}
	if row.SignOnID == "" {
		if row.SignOnID, err = s.signOnOf(ctx, r, row.UserID); err != nil {
			return "", err
		}
	}
	return s.renewSignOn(ctx, row)
}

// signOnOf is the sign-on of a user that this browser has the cookie of; empty: none.
func (s *IDP) signOnOf(ctx context.Context, r *http.Request, userID string) (string, error) {
	hashes := s.signOnHashes(r)
	if len(hashes) == 0 {
		return "", nil
	}
	var ids []string
	err := s.DB.For(ctx).Model(&signOnRow{}).Where("token_hash IN ? AND user_id = ? AND ended_at IS NULL", hashes, userID).Pluck("id", &ids).Error
	if err != nil || len(ids) != 1 {
		return "", wrap("sign-on", err)
	}
	return ids[0], nil
}

// borrow refuses to go on where the lender has ended meanwhile, and lets it end no sooner
// than this transaction. What is borrowed does not live longer than what it is borrowed of.
func (s *IDP) borrow(ctx context.Context, row, lender *sessionRow) error {
	row.SignOnID = lender.SignOnID
	live, err := s.holdSignOn(ctx, lender.SignOnID)
	if err != nil {
		return err
	}
	if !live {
		return errSignInMoved
	}
	var held sessionRow
	err = s.DB.For(db.AllTenants(ctx)).Select("tenant_id", "id").Clauses(clause.Locking{Strength: "UPDATE"}).
		Where("tenant_id = ? AND id = ? AND ended_at IS NULL", lender.TenantID, lender.ID).Take(&held).Error
	if db.IsNotFound(err) {
		return errSignInMoved // look again: perhaps another one lends
	}
	life, _ := tenants.RealmFrom(ctx).SessionLife()
	for _, end := range []time.Time{lender.ExpiresAt, lender.AuthTime.Add(life)} {
		if end.Before(row.ExpiresAt) {
			row.ExpiresAt = end
		}
	}
	return wrap("borrow of a session", err)
}

// holdSignOn takes a sign-on for the rest of the transaction, and reports whether it has
// not ended.
func (s *IDP) holdSignOn(ctx context.Context, signOnID string) (live bool, err error) {
	if signOnID == "" {
		return false, nil
	}
	var row signOnRow
	err = s.DB.For(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", signOnID).Take(&row).Error
	if db.IsNotFound(err) {
		return false, nil
	}
	return err == nil && row.EndedAt == nil, wrap("hold sign-on", err)
}

// renewSignOn gives the sign-on of a session a new cookie, or begins one for it if it has
// none that goes on.
func (s *IDP) renewSignOn(ctx context.Context, row *sessionRow) (token string, err error) {
	now := db.Micros(s.Now())
	token = id.Token(s.Rand)
	if row.SignOnID != "" {
		err := db.One(s.DB.For(ctx).Model(&signOnRow{}).
			Where("id = ? AND user_id = ? AND ended_at IS NULL AND expires_at > ?", row.SignOnID, row.UserID, now).Updates(map[string]any{
			"token_hash": tenants.HashHere(ctx, token), "expires_at": gorm.Expr("CASE WHEN expires_at < ? THEN ? ELSE expires_at END", row.ExpiresAt, row.ExpiresAt),
		}))
		if !errors.Is(err, db.ErrStale) {
			return token, wrap("renew sign-on", err)
		}
	}
	on := signOnRow{ID: id.New(), TokenHash: tenants.HashHere(ctx, token), UserID: row.UserID, CreatedAt: now, ExpiresAt: row.ExpiresAt}
	row.SignOnID = on.ID
	return token, wrap("create sign-on", s.DB.For(ctx).Create(&on).Error)
}

// endSignOns ends those of the sign-ons of the subscription in ctx: no tenant borrows of
// them any more. Their sessions are for the caller to end, afterwards.
func (s *IDP) endSignOns(ctx context.Context, those func(*gorm.DB) *gorm.DB) error {
	last := ""
	for {
		var ids []string
		err := those(s.DB.For(ctx).Model(&signOnRow{})).Where("ended_at IS NULL AND id > ?", last).Order("id").Limit(endAtOnce).
			Clauses(clause.Locking{Strength: "UPDATE"}).Pluck("id", &ids).Error
		if err != nil || len(ids) == 0 {
			return wrap("end sign-ons", err)
		}
		if err := s.DB.For(ctx).Model(&signOnRow{}).Where("id IN ?", ids).Updates(map[string]any{"ended_at": db.Micros(s.Now())}).Error; err != nil {
			return wrap("end sign-ons", err)
		}
		if last = ids[len(ids)-1]; len(ids) < endAtOnce {
			return nil
		}
	}
}

func ofUser(userID string) func(*gorm.DB) *gorm.DB {
	return func(q *gorm.DB) *gorm.DB { return q.Where("user_id = ?", userID) }
}

// endSignOn ends a sign-on with all its sessions but one, if it is named, in all tenants,
// and what was granted in them. It tells nobody: the trail comes last in a transaction.
func (s *IDP) endSignOn(ctx context.Context, signOnID, but, why string) ([]sessionRow, error) {
	if err := s.endSignOns(ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", signOnID) }); err != nil {
		return nil, err
	}
	rows, err := s.endSessions(db.AllTenants(ctx), func(q *gorm.DB) *gorm.DB { return q.Where("sign_on_id = ? AND id <> ?", signOnID, but) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, inOrderOfKeys)
	for _, row := range rows {
		in := db.WithScope(ctx, db.Scope{Subscription: db.ScopeOf(ctx).Subscription, Tenant: row.TenantID})
		if err := s.Provider.RevokeSession(in, row.ID, why); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// holdToEnd is holdMember for who goes on to endOthers: his sign-ons come before any
// session, in the order of endSignOns.
func (s *IDP) holdToEnd(ctx context.Context, m *member) error {
	if err := s.Tenants.HoldUser(ctx, m.session.UserID, m.verdict.policy.Epoch); err != nil {
		return err
	}
	var ids []string
	err := s.DB.For(ctx).Model(&signOnRow{}).Where("user_id = ? AND ended_at IS NULL", m.session.UserID).Order("id").
		Clauses(clause.Locking{Strength: "UPDATE"}).Pluck("id", &ids).Error
	if err != nil {
		return wrap("hold sign-ons", err)
	}
	return s.holdSession(ctx, m.session)
}

// endOthers is endAll for the member whose session goes on: alone, in a new sign-on, for
// others may have the cookie of the old one. It returns the new one.
func (s *IDP) endOthers(ctx context.Context, m *member, why string) (token string, err error) {
	if err := s.endAll(ctx, m.session.UserID, m.session.ID, why); err != nil {
		return "", err
	}
	return s.leaveSignOn(ctx, m.session)
}

// endOne ends a session of the member, as end does, but for the one that he is here by. If
// that is of the same sign-on, somebody else had its cookie too: it gets a new one.
func (s *IDP) endOne(ctx context.Context, m *member, row *sessionRow, why string) (token string, err error) {
	but := m.session.ID
	if row.ID == but {
		but = ""
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		ended, err := s.endUntold(ctx, row, but, why)
		if err != nil {
			return err
		}
		if but != "" && row.SignOnID != "" && row.SignOnID == m.session.SignOnID {
			if token, err = s.leaveSignOn(ctx, m.session); err != nil {
				return err
			}
		}
		return s.tellEnded(ctx, ended, row.UserID, why)
	})
	return token, err
}

// leaveSignOn begins a sign-on for a session that goes on without the others of its old one.
func (s *IDP) leaveSignOn(ctx context.Context, row *sessionRow) (token string, err error) {
	if !shares(ctx) {
		return "", nil
	}
	row.SignOnID = ""
	if token, err = s.renewSignOn(ctx, row); err != nil {
		return "", err
	}
	err = db.One(s.DB.For(ctx).Model(&sessionRow{}).Where("id = ? AND ended_at IS NULL", row.ID).Updates(map[string]any{"sign_on_id": row.SignOnID}))
	if errors.Is(err, db.ErrStale) {
		return "", tenants.ErrChanged
	}
	return token, wrap("leave sign-on", err)
}

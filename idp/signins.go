package idp

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
)

// N27: a half-finished sign-in lives 10 minutes; a user has at most 10 of them.
const (
	signInLife     = 10 * time.Minute
	maxOpenSignIns = 10
)

// States of a sign-in.
//
//	open ──▶ done       the app was answered with a code
//	  └────▶ cancelled  the app was told that the user did not want to, or could not
const (
	stateOpen      = "open"
	stateDone      = "done"
	stateCancelled = "cancelled"
)

type signInRow struct {
	TenantID      string `gorm:"primaryKey"`
	ID            string `gorm:"primaryKey"`
	AuthRequestID string
	ClientAppID   string
	BrowserHash   string
	UserID        string
	Facts         string
	ChallengeID   string
	ReturnTo      string // the page of ours to end at; empty: an app asked
	State         string
	Version       int64
	CreatedAt     time.Time
	ExpiresAt     time.Time
}

func (*signInRow) TableName() string { return "sign_ins" }

// attempt is one sign-in: what the app asked, what is known so far.
type attempt struct {
	row   signInRow
	req   op.AuthRequest // zero when the user came to a page of ours by himself
	facts signin.Facts

	adopts bool           // the facts are taken over now: so is the epoch of the user's credentials
	ended  []sessionRow   // of another user, that the browser had until now
	mark   *rememberedRow // that this browser carries of being remembered for this user
	user   tenants.User   // of the facts, as judge has found him; zero before
}

// own reports whether no app asked: the sign-in ends at a page of ours.
func (a *attempt) own() bool { return a.row.ReturnTo != "" }

// name is what the user is called on the pages that follow his first factor.
func (a *attempt) name() string {
	if a.user.DisplayName != "" {
		return a.user.DisplayName
	}
	return a.user.Name
}

// stamp is the time of a proof made in this sign-in. Replicas' clocks differ a
// little: a proof must never seem older than the sign-in it belongs to.
func (a *attempt) stamp(at time.Time) time.Time {
	if at.Before(a.row.CreatedAt) {
		return a.row.CreatedAt
	}
	return at
}

var (
	errSignInOver    = problem.New(problem.Gone, "sign_in_over", "This sign-in has ended.")
	errSignInMoved   = problem.New(problem.Conflict, "sign_in_moved", "This sign-in has gone on meanwhile, in another tab perhaps.")
	errSignInForeign = problem.New(problem.Forbidden, "sign_in_foreign", "This sign-in began in another browser.")
)

// newAttempt makes a sign-in for an authorization request; it is not stored yet.
func (s *IDP) newAttempt(ctx context.Context, req op.AuthRequest) *attempt {
	now := db.Micros(s.Now())
	return &attempt{req: req, row: signInRow{
		TenantID: db.ScopeOf(ctx).Tenant, ID: id.New(), AuthRequestID: req.ID, ClientAppID: req.ClientApp.ID,
		State: stateOpen, Version: 1, CreatedAt: now, ExpiresAt: now.Add(signInLife),
	}}
}

func (s *IDP) create(ctx context.Context, a *attempt) error {
	a.row.pack(a.facts)
	if err := s.DB.For(ctx).Create(&a.row).Error; err != nil {
		return fmt.Errorf("idp: create sign-in: %w", err)
	}
	return nil
}

func (r *signInRow) pack(f signin.Facts) {
	text, err := json.Marshal(f)
	if err != nil {
		panic("idp: facts are plain data: " + err.Error())
	}
	r.Facts, r.UserID = string(text), f.UserID
}

// load finds the sign-in of the request's path and checks, as every step must,
// that it began in this browser: the id alone proves nothing.
func (s *IDP) load(r *http.Request) (*attempt, error) {
	row, err := s.rowOf(r)
	if err != nil {
		return nil, err
	}
	return s.resume(r, row)
}

// resume goes on with a sign-in that is known to be this browser's.
func (s *IDP) resume(r *http.Request, row signInRow) (*attempt, error) {
	ctx := r.Context()
	if row.State != stateOpen || !row.ExpiresAt.After(s.Now()) {
		return nil, errSignInOver
	}
	var err error
	a := &attempt{row: row}
	if err := json.Unmarshal([]byte(row.Facts), &a.facts); err != nil {
		return nil, fmt.Errorf("idp: facts of sign-in %s: %w", row.ID, err)
	}
	if !a.own() {
		if a.req, err = s.Provider.AuthRequest(ctx, row.AuthRequestID); err != nil {
			return nil, errSignInOver
		}
	}
	if err := s.checkBorrowed(r, a); err != nil {
		return nil, err
	}
	return a, s.checkRemembered(r, a)
}

// rowOf finds the row of the request's path, whatever has become of it, if it began in
// this browser.
func (s *IDP) rowOf(r *http.Request) (row signInRow, err error) {
	signInID := mux.Vars(r)["id"]
	if !id.Valid(signInID) {
		return row, errSignInOver
	}
	err = s.DB.For(r.Context()).Where("id = ?", signInID).Take(&row).Error
	if db.IsNotFound(err) {
		return row, errSignInOver
	}
	if err != nil {
		return row, fmt.Errorf("idp: load sign-in: %w", err)
	}
	switch {
	case s.sameBrowser(r, row):
		return row, nil
	case row.State == stateOpen && row.ExpiresAt.After(s.Now()):
		return row, errSignInForeign
	}
	return row, errSignInOver // its cookie has gone with it
}

func (s *IDP) sameBrowser(r *http.Request, row signInRow) bool {
	same := false
	for _, v := range s.cookies(r, signInCookie(row.ID)) {
		same = subtle.ConstantTimeCompare([]byte(tenants.HashHere(r.Context(), v)), []byte(row.BrowserHash)) == 1 || same
	}
	return same
}

// save stores what has become known, unless somebody else was faster.
func (s *IDP) save(ctx context.Context, a *attempt) error {
	return s.change(ctx, a, stateOpen)
}

// change is the compare-and-set that moves a sign-in on. Of two at once one does;
// the other finds out where the sign-in stands now.
func (s *IDP) change(ctx context.Context, a *attempt, state string) error {
	a.row.pack(a.facts)
	err := db.One(s.DB.For(ctx).Model(&signInRow{}).
		Where("id = ? AND version = ? AND state = ? AND expires_at > ?", a.row.ID, a.row.Version, stateOpen, s.Now()).
		Updates(map[string]any{
			"facts": a.row.Facts, "user_id": a.row.UserID, "challenge_id": a.row.ChallengeID, "browser_hash": a.row.BrowserHash,
			"state": state, "version": a.row.Version + 1,
		}))
	if errors.Is(err, db.ErrStale) {
		return errSignInMoved
	}
	if err != nil {
		return fmt.Errorf("idp: save sign-in: %w", err)
	}
	a.row.Version++
	a.row.State = state
	return nil
}

// capOpen ends a user's oldest open sign-ins beyond the limit, so that nobody who
// knows a password can pile them up, and the newest always works.
func (s *IDP) capOpen(ctx context.Context, userID string) error {
	var ids []string
	err := s.DB.For(ctx).Model(&signInRow{}).Where("user_id = ? AND state = ? AND expires_at > ?", userID, stateOpen, s.Now()).
		Order("id DESC").Offset(maxOpenSignIns).Limit(1000).Pluck("id", &ids).Error
	if err == nil && len(ids) > 0 {
		err = s.DB.For(ctx).Model(&signInRow{}).Where("id IN ? AND state = ?", ids, stateOpen).
			Updates(map[string]any{"state": stateCancelled}).Error
	}
	if err != nil {
		return fmt.Errorf("idp: cap sign-ins: %w", err)
	}
	for _, signInID := range ids {
		if err := s.Ceremony.Close(ctx, signInID); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes what has been over for an hour, of all tenants.
func (s *IDP) Sweep(ctx context.Context) error {
	ctx, before := db.AllTenants(ctx), s.Now().Add(-time.Hour)
	var errs []error
	for _, row := range []any{&signInRow{}, &rememberedRow{}, &linkRow{}, &flowRow{}} {
		errs = append(errs, s.DB.For(ctx).Where("expires_at < ?", before).Delete(row).Error)
	}
	return errors.Join(append(errs, s.sweepSessions(ctx, before), s.sweepTold(ctx),
		wrap("sweep sign-ons", s.DB.For(ctx).Where("expires_at < ?", before).Delete(&signOnRow{}).Error))...)
}

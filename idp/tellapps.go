package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// How client apps are told (docs/adr/0031).
const (
	tellWorkers = 16              // calls in flight of one replica
	tellPerApp  = 4               // of them to one app, so that a slow one does not hold up the others
	tellTimeout = 5 * time.Second // of one call
	tellLease   = 30 * time.Second
	tellTries   = 8
	tellFor     = 24 * time.Hour
	tellFirst   = 5 * time.Second // pause after the first try; each is three times as long as the one before
	tellLongest = time.Hour
	tellFails   = 3 // calls in a row that fail, after which an app is left alone for a while
)

// TellApps tells client apps of sessions that have ended until ctx ends, then waits for
// what is under way. What it leaves is taken over by another replica, or by the next
// start. Nobody who signs out waits for it.
func (s *IDP) TellApps(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(s.TellEvery)
	defer tick.Stop()
	line, done := newLine(s.Now), make(chan call, tellWorkers)
	for {
		for ctx.Err() == nil && line.flying < tellWorkers {
			row, ok, err := s.claimTell(ctx, line.busy())
			if err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "cannot look for apps to tell", "error", err)
			}
			if !ok {
				break
			}
			line.begun(row.ClientAppID)
			wg.Go(func() { done <- call{row.ClientAppID, s.tellApp(context.WithoutCancel(ctx), row)} })
		}
		select {
		case <-ctx.Done():
			return
		case c := <-done:
			line.ended(c)
		case <-s.toTell:
		case <-tick.C:
		}
	}
}

// call is one that has returned, and whether the app answered at all.
type call struct {
	app     string
	answers bool
}

// line is who is being called, and who does not answer. An app that does not is left
// alone for a while, and called once then: what waits for it must not take the place of
// what others wait for.
type line struct {
	now    func() time.Time
	flying int
	apps   map[string]*lineApp
}

type lineApp struct {
	flying, fails int
	rests         time.Time
}

func newLine(now func() time.Time) *line { return &line{now: now, apps: map[string]*lineApp{}} }

func (l *line) begun(app string) {
	if l.apps[app] == nil {
		l.apps[app] = &lineApp{}
	}
	l.apps[app].flying++
	l.flying++
}

func (l *line) ended(c call) {
	a := l.apps[c.app]
	a.flying--
	l.flying--
	if !c.answers {
		if a.fails++; a.fails >= tellFails {
			a.rests = l.now().Add(min(30*time.Second<<min(a.fails-tellFails, 5), 10*time.Minute))
		}
		return
	}
	if a.fails = 0; a.flying == 0 {
		delete(l.apps, c.app)
	}
}

// busy are the apps that are not to be called now.
func (l *line) busy() []string {
	var out []string
	for id, a := range l.apps {
		most := tellPerApp
		if a.fails >= tellFails {
			most = 1
		}
		if a.flying >= most || a.rests.After(l.now()) {
			out = append(out, id)
		}
	}
	return out
}

// claimTell takes one that is due for this process. What was taken by a process that
// fell silent is due again when its lease ends.
func (s *IDP) claimTell(ctx context.Context, busy []string) (row sessionClientRow, ok bool, err error) {
	all, now := db.AllTenants(ctx), db.Micros(s.Now())
	q := s.DB.For(all).Select("tenant_id", "session_id", "client_app_id").Where("state IN ? AND next_at <= ?", []string{clientQueued, clientSending}, now)
	if len(busy) > 0 {
		q = q.Where("client_app_id NOT IN ?", busy)
	}
	var due []sessionClientRow
	if err := q.Order("next_at").Limit(2 * tellWorkers).Find(&due).Error; err != nil {
		return row, false, wrap("apps to tell", err)
	}
	for _, d := range due {
		var mine []sessionClientRow
		err := d.of(s.DB.For(all).Model(&mine)).Clauses(db.Returning()).Where("state IN ? AND next_at <= ?", []string{clientQueued, clientSending}, now).
			Updates(map[string]any{"state": clientSending, "attempts": clause.Expr{SQL: "attempts + 1"}, "next_at": now.Add(tellLease)}).Error
		if err != nil || len(mine) == 1 {
			return append(mine, row)[0], err == nil, wrap("claim app to tell", err)
		}
	}
	return row, false, nil
}

func (r sessionClientRow) of(q *gorm.DB) *gorm.DB {
	return q.Where("tenant_id = ? AND session_id = ? AND client_app_id = ?", r.TenantID, r.SessionID, r.ClientAppID)
}

// tellError is why an app was not told, in words that hold no address. Final ones are
// not tried again.
type tellError struct {
	words string
	state string // clientRefused, clientFailed, or empty: another try may help
}

func (e *tellError) Error() string { return "idp: tell app: " + e.words }

// tellApp tells an app once, and writes down what came of it. answers is false if
// nobody was there to listen.
func (s *IDP) tellApp(ctx context.Context, row sessionClientRow) (answers bool) {
	err := s.callApp(ctx, row)
	set, answers := s.outcome(row, err)
	switch {
	case err == nil:
		s.Observe("app_told")
	default:
		s.Log.WarnContext(ctx, "app not told of the end of a session", "client_app", row.ClientAppID, "session", row.SessionID, "attempt", row.Attempts, "error", err)
		if set["done_at"] != nil {
			s.Observe("app_not_told")
		}
	}
	// attempts is the fence: who lost the row to another replica changes nothing.
	q := row.of(s.DB.For(db.AllTenants(ctx)).Model(&sessionClientRow{})).Where("state = ? AND attempts = ?", clientSending, row.Attempts)
	if err := db.One(q.Updates(set)); err != nil {
		// The lease ends and another try follows: told twice is better than never.
		s.Log.WarnContext(ctx, "result of telling an app not written", "client_app", row.ClientAppID, "session", row.SessionID, "error", err)
	}
	return answers
}

// outcome is what a try has made of a row.
func (s *IDP) outcome(row sessionClientRow, err error) (set map[string]any, answers bool) {
	now := db.Micros(s.Now())
	if err == nil {
		return map[string]any{"state": clientTold, "error": "", "done_at": now}, true
	}
	te := &tellError{words: "the server could not make the token"}
	answers = !errors.As(err, &te) || te.state == clientRefused // it is not the app's fault
	wait := tellPause(row.Attempts)
	switch {
	case te.state != "":
		return map[string]any{"state": te.state, "error": te.words, "done_at": now}, answers
	case row.Attempts >= tellTries || !now.Add(wait).Before(row.EndedAt.Add(tellFor)):
		return map[string]any{"state": clientFailed, "error": te.words, "done_at": now}, answers
	}
	return map[string]any{"state": clientQueued, "error": te.words, "next_at": now.Add(wait)}, answers
}

// tellPause is how long to wait after so many tries.
func tellPause(attempts int64) time.Duration {
	wait := tellFirst
	for range attempts - 1 {
		wait = min(3*wait, tellLongest)
	}
	return wait
}

// callApp posts a fresh token to the app (Back-Channel Logout §2.5, §2.8).
func (s *IDP) callApp(ctx context.Context, row sessionClientRow) error {
	realm, err := s.Tenants.RealmByID(ctx, row.TenantID)
	if problem.Is(err, problem.NotFound) {
		return &tellError{"the tenant is gone", clientFailed}
	}
	if err != nil {
		return err
	}
	ctx = tenants.WithRealm(ctx, s.Tenants.At(realm, row.Host)) // the issuer that the app knows
	app, err := s.Tenants.ClientAppByID(ctx, row.ClientAppID)
	switch {
	case problem.Is(err, problem.NotFound), err == nil && (app.LogoutURI == "" || app.Deleted()):
		return &tellError{"the app does not want to be told any more", clientFailed}
	case err != nil:
		return err
	}
	token, err := s.Provider.LogoutToken(ctx, app, row.UserID, row.SessionID)
	if err != nil {
		return err
	}
	return s.postToken(ctx, app.LogoutURI, token)
}

func (s *IDP) postToken(ctx context.Context, to, token string) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return &tellError{"the address cannot be called", clientFailed}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.Guarded.Do(req)
	var refused interface{ Refused() bool }
	switch {
	case errors.As(err, &refused):
		return &tellError{"the address must not be called: it is not public, or not https", clientFailed}
	case errors.Is(err, context.DeadlineExceeded):
		return &tellError{words: fmt.Sprintf("no answer within %v", tellTimeout)}
	case err != nil:
		return &tellError{words: "no connection"}
	}
	_ = res.Body.Close() // whatever it says is for the app's own log
	switch res.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusBadRequest:
		return &tellError{"the app refused the token: HTTP 400", clientRefused}
	}
	return &tellError{words: fmt.Sprintf("HTTP %d", res.StatusCode)}
}

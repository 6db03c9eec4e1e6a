package demo

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// Bounds of what the app keeps in memory.
const (
	cookieName   = "demo_session"
	maxSessions  = 1000
	maxPending   = 8
	pendingLife  = time.Hour
	sessionLife  = 12 * time.Hour
	maxSignedOut = 8
)

// pending is a sign-in that has left for the provider. The answer must come back
// to the same browser, with the same state.
type pending struct {
	tenant Tenant
	client Client
	ask    ask
	nonce  string
	proof  string // PKCE code verifier (RFC 7636)
	at     time.Time
}

// session is what the app knows of one browser.
type session struct {
	seen    time.Time
	pending map[string]pending // by state
	logins  map[string]login   // by slot
	left    map[string]string  // where a sign-out began, by its state: a slot
}

// sessions keeps them in memory: a restart signs everybody out of the app, not
// out of the provider.
type sessions struct {
	now    func() time.Time
	rand   io.Reader
	secure bool // the site is https

	mu   sync.Mutex
	byID map[string]*session
}

// look runs f on the browser's session; without one f sees an empty session that
// is not kept.
func (s *sessions) look(r *http.Request, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.byID[cookie(r)]; have != nil && s.now().Sub(have.seen) < sessionLife {
		have.seen = s.now()
		f(have)
		return
	}
	f(&session{})
}

// change is look for a session that may have to be begun.
func (s *sessions) change(w http.ResponseWriter, r *http.Request, f func(*session)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.byID[cookie(r)]
	if have == nil || s.now().Sub(have.seen) >= sessionLife {
		have = &session{pending: map[string]pending{}, logins: map[string]login{}, left: map[string]string{}}
		if err := s.name(w, have); err != nil {
			return err
		}
	}
	have.seen = s.now()
	f(have)
	return nil
}

// renew is change under a new name: who knew the cookie before a sign-in must not
// share what comes after it.
func (s *sessions) renew(w http.ResponseWriter, r *http.Request, f func(*session)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.byID[cookie(r)]
	if have == nil {
		return errForeign
	}
	if err := s.name(w, have); err != nil {
		return err
	}
	delete(s.byID, cookie(r))
	have.seen = s.now()
	f(have)
	return nil
}

// name gives a session an id and tells it to the browser. The caller holds mu.
func (s *sessions) name(w http.ResponseWriter, have *session) error {
	id, err := token(s.rand)
	if err != nil {
		return err
	}
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	s.sweep()
	s.byID[id] = have
	// Lax, for the provider's answer comes from another site.
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}) //nolint:gosec // Secure on https; the demo is on localhost
	return nil
}

// sweep removes what is over, and the one seen longest ago when there are too
// many. The caller holds mu.
func (s *sessions) sweep() {
	oldest := ""
	for id, have := range s.byID {
		if s.now().Sub(have.seen) >= sessionLife {
			delete(s.byID, id)
			continue
		}
		if oldest == "" || have.seen.Before(s.byID[oldest].seen) {
			oldest = id
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, oldest)
	}
}

// begin keeps a sign-in under way, and forgets the oldest of too many.
func (s *session) begin(state string, p pending) {
	oldest := ""
	for k, v := range s.pending {
		if oldest == "" || v.at.Before(s.pending[oldest].at) {
			oldest = k
		}
	}
	if len(s.pending) >= maxPending {
		delete(s.pending, oldest)
	}
	s.pending[state] = p
}

// take ends a sign-in under way: each answer counts once.
func (s *session) take(state string, now time.Time) (pending, bool) {
	p, ok := s.pending[state]
	delete(s.pending, state)
	return p, ok && now.Sub(p.at) < pendingLife
}

// before is what was known ahead of a sign-in: the login at the same place, or one
// in another app that shares the provider's session.
func (s *session) before(at place, fresh login) login {
	if l, ok := s.logins[at.slot()]; ok {
		return l
	}
	sid := fresh.claims.text("sid")
	for _, l := range s.logins {
		if sid != "" && l.claims.text("sid") == sid && l.claims.text("iss") == fresh.claims.text("iss") {
			return l
		}
	}
	return login{}
}

// read returns the login at a place. Its note is shown once.
func (s *session) read(at place) (login, bool) {
	l, ok := s.logins[at.slot()]
	if ok {
		shown := l
		shown.note = nil
		s.logins[at.slot()] = shown
	}
	return l, ok
}

// leave signs out of a slot and remembers where that began.
func (s *session) leave(state, slot string) (login, bool) {
	l, ok := s.logins[slot]
	delete(s.logins, slot)
	if ok {
		if len(s.left) >= maxSignedOut {
			clear(s.left)
		}
		s.left[state] = slot
	}
	return l, ok
}

func cookie(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

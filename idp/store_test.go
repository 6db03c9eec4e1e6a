package idp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		testkit.CheckModels(t, url, signInRow{}, sessionRow{}, rememberedRow{}, linkRow{}, flowRow{}, sessionClientRow{}, signOnRow{})
	})
}

// world is an IDP's own tables, with two tenants and a user in each. Its flows are
// tested where all is wired: in cmd/twofold.
type world struct {
	*IDP
	t      *testing.T
	url    string
	clock  *testkit.Clock
	realms map[string]tenants.Realm
	users  map[string]string
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{
		t: t, url: url, clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		realms: map[string]tenants.Realm{}, users: map[string]string{},
	}
	log, _ := testkit.Logs(t)
	d, err := db.Open(t.Context(), url, db.Options{Now: w.clock.Now, Log: log, MaxConns: 6})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	must(t, err)
	store := tenants.New(tenants.Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: twofactor.NewCatalog(), Gate: tenants.NewGate(),
	})
	for _, name := range []string{"acme", "globex"} {
		sub := tenants.Subscription{Name: name, Title: name, Active: true}
		put(t)(store.PutSubscription(t.Context(), &sub))
		ctx := db.WithScope(t.Context(), db.Scope{Subscription: sub.ID})
		tenant := tenants.Tenant{Name: name, Title: name, SessionSeconds: 7200, IdleSeconds: 3600, Active: true}
		put(t)(store.PutTenant(ctx, &tenant))
		user := tenants.User{Name: "anna", DisplayName: "Anna", Kind: tenants.Person, Active: true}
		put(t)(store.PutUser(ctx, &user))
		put(t)(store.SetTenantMembers(ctx, tenant.ID, []string{user.ID}))
		w.realms[name], err = store.RealmByName(t.Context(), name)
		must(t, err)
		w.users[name] = user.ID
	}
	w.IDP = New(Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Tenants: store,
		Ceremony: ceremony.New(ceremony.Config{DB: d, Now: w.clock.Now}),
	})
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB) func(tenants.Difference, error) {
	return func(_ tenants.Difference, err error) { t.Helper(); must(t, err) }
}

func (w *world) in(tenant string) context.Context {
	return tenants.WithRealm(w.t.Context(), w.realms[tenant])
}

// attempt is a stored sign-in of a tenant's user.
func (w *world) attempt(tenant string, proofs ...signin.Proof) *attempt {
	w.t.Helper()
	a := w.newAttempt(w.in(tenant), op.AuthRequest{ID: id.New()})
	a.facts = signin.Facts{UserID: w.users[tenant], Proofs: proofs}
	must(w.t, w.create(w.in(tenant), a))
	return a
}

// state is where a sign-in stands, read past the guard.
func (w *world) state(a *attempt) (state string, version int64) {
	w.t.Helper()
	must(w.t, w.DB.SQL().QueryRowContext(w.t.Context(), "SELECT state, version FROM sign_ins WHERE id = '"+a.row.ID+"'").Scan(&state, &version))
	return state, version
}

func (w *world) count(what string) (n int) {
	w.t.Helper()
	must(w.t, w.DB.SQL().QueryRowContext(w.t.Context(), "SELECT count(*) FROM "+what).Scan(&n))
	return n
}

// Of many who move a sign-in on at once, one does.
func TestCompareAndSet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.attempt("acme")
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			mine := &attempt{row: a.row, facts: a.facts}
			wg.Go(func() {
				switch err := w.save(w.in("acme"), mine); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, errSignInMoved):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if state, version := w.state(a); won.Load() != 1 || state != stateOpen || version != 2 {
			t.Errorf("%d won, state %s, version %d", won.Load(), state, version)
		}
	})
}

func TestChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			tenant string
			before func(a *attempt)
			want   error
		}{
			"in order":        {"acme", func(*attempt) {}, nil},
			"saved before":    {"acme", func(a *attempt) { must(t, w.save(w.in("acme"), a)) }, nil},
			"an old version":  {"acme", func(a *attempt) { a.row.Version = 0 }, errSignInMoved},
			"done already":    {"acme", func(a *attempt) { must(t, w.change(w.in("acme"), a, stateDone)) }, errSignInMoved},
			"cancelled":       {"acme", func(a *attempt) { must(t, w.change(w.in("acme"), a, stateCancelled)) }, errSignInMoved},
			"another tenant":  {"globex", func(*attempt) {}, errSignInMoved},
			"no such sign-in": {"acme", func(a *attempt) { a.row.ID = id.New() }, errSignInMoved},
		} {
			t.Run(name, func(t *testing.T) {
				a := w.attempt("acme")
				c.before(a)
				if err := w.change(w.in(c.tenant), a, stateDone); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		}
		a := w.attempt("acme")
		w.clock.Advance(signInLife)
		if err := w.save(w.in("acme"), a); !errors.Is(err, errSignInMoved) {
			t.Errorf("expired: %v", err)
		}
	})
}

// N27: the newest ten of a user stay; what was open in the others is closed.
func TestCapOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var all []*attempt
		for range maxOpenSignIns + 3 {
			all = append(all, w.attempt("acme"))
		}
		foreign := w.attempt("globex")
		for _, a := range all[:4] {
			w.challenge(a)
		}
		must(t, w.capOpen(w.in("globex"), w.users["acme"]))
		if n := w.count("sign_ins WHERE state <> 'open'"); n != 0 {
			t.Fatalf("%d ended by another tenant", n)
		}
		must(t, w.capOpen(w.in("acme"), w.users["acme"]))
		for i, a := range all {
			want := stateOpen
			if i < 3 {
				want = stateCancelled
			}
			if state, _ := w.state(a); state != want {
				t.Errorf("sign-in %d is %s, want %s", i, state, want)
			}
		}
		if state, _ := w.state(foreign); state != stateOpen || w.count("challenges WHERE closed_at IS NULL") != 1 {
			t.Errorf("another tenant's is %s, %d challenges are open", state, w.count("challenges WHERE closed_at IS NULL"))
		}
		must(t, w.capOpen(w.in("acme"), w.users["acme"]))
		w.clock.Advance(signInLife)
		w.attempt("acme")
		must(t, w.capOpen(w.in("acme"), w.users["acme"]))
		if n := w.count("sign_ins WHERE state = 'cancelled'"); n != 3 {
			t.Errorf("%d cancelled: expired ones are counted", n)
		}
	})
}

// challenge gives a sign-in an open challenge.
func (w *world) challenge(a *attempt) {
	w.t.Helper()
	_, err := w.DB.SQL().ExecContext(w.t.Context(), `INSERT INTO challenges (tenant_id, id, subscription_id, purpose, sign_in_id, user_id,
two_factor_id, sealed, attempts, max_attempts, sends, next_send_at, created_at, expires_at, ends_at)
SELECT tenant_id, '`+id.New()+`', '`+w.realms["acme"].Subscription.ID+`', '', id, user_id, '', 'x', 0, 5, 0, created_at, created_at, expires_at, expires_at FROM sign_ins WHERE id = '`+a.row.ID+`'`)
	must(w.t, err)
}

func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.begin("acme") // by a sign-in each
		w.begin("globex")
		w.link_("acme", 2*time.Hour)
		w.mark("globex", 2*time.Hour)
		w.clock.Advance(signInLife + time.Hour)
		w.attempt("acme")
		must(t, w.Sweep(t.Context()))
		if w.count("sign_ins") != 3 || w.count("sessions") != 2 {
			t.Errorf("%d sign-ins, %d sessions: swept too early", w.count("sign_ins"), w.count("sessions"))
		}
		w.clock.Advance(time.Second)
		must(t, w.Sweep(t.Context()))
		if w.count("sign_ins") != 1 || w.count("sessions") != 2 {
			t.Errorf("%d sign-ins, %d sessions", w.count("sign_ins"), w.count("sessions"))
		}
		w.clock.Advance(2 * time.Hour)
		must(t, w.Sweep(t.Context()))
		if w.count("sign_ins") != 0 || w.count("sessions") != 0 {
			t.Errorf("%d sign-ins, %d sessions", w.count("sign_ins"), w.count("sessions"))
		}
		if w.count("mailed_links") != 0 || w.count("remembered_browsers") != 0 {
			t.Errorf("%d links, %d remembered browsers", w.count("mailed_links"), w.count("remembered_browsers"))
		}
	})
}

// link_ makes a link of a tenant's user.
func (w *world) link_(tenant string, life time.Duration) (token string) {
	w.t.Helper()
	user, err := w.Tenants.User(w.in(tenant), w.users[tenant])
	must(w.t, err)
	token, err = w.newLink(w.in(tenant), linkReset, user, "", life)
	must(w.t, err)
	return token
}

// mark makes a remembered browser of a tenant's user.
func (w *world) mark(tenant string, life time.Duration) (rememberedID, token string) {
	w.t.Helper()
	now := w.clock.Now()
	row := rememberedRow{
		ID: id.New(), UserID: w.users[tenant], CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(life),
	}
	token = id.Token(rand.Reader)
	row.TokenHash = id.Hash(token)
	must(w.t, w.DB.For(w.in(tenant)).Create(&row).Error)
	return row.ID, token
}

// What belongs to one tenant is not there for another.
func TestAnothersRows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.link_("globex", time.Hour)
		markID, mark := w.mark("globex", time.Hour)
		sid, _ := w.begin("globex")
		acme, user := w.in("acme"), w.users["globex"]
		if _, err := w.link(acme, linkReset, token); !errors.Is(err, errLinkOver) {
			t.Errorf("link: %v", err)
		}
		if _, err := w.useLink(acme, linkReset, token); !errors.Is(err, errLinkOver) {
			t.Errorf("use: %v", err)
		}
		if list, err := w.remembered(acme, user); err != nil || len(list) != 0 {
			t.Errorf("remembered: %v, %v", list, err)
		}
		if err := w.forget(acme, user, markID); !problem.Is(err, problem.NotFound) {
			t.Errorf("forget: %v", err)
		}
		must(t, w.forget(acme, user, ""))
		r := w.browser("acme")
		r.AddCookie(&http.Cookie{Name: "twofold-remember", Value: mark})
		realm := w.realms["acme"]
		realm.Tenant.RememberDays = 30
		if row, err := w.rememberedFor(r.WithContext(tenants.WithRealm(r.Context(), realm)), user); err != nil || row != nil {
			t.Errorf("mark: %+v, %v", row, err)
		}
		if list, err := w.liveSessions(acme, user); err != nil || len(list) != 0 {
			t.Errorf("sessions: %v, %v", list, err)
		}
		if err := w.holdSession(acme, &sessionRow{ID: sid}); !errors.Is(err, tenants.ErrChanged) {
			t.Errorf("hold: %v", err)
		}
		if n := w.count("mailed_links WHERE used_at IS NULL"); n != 1 || w.count("remembered_browsers") != 1 || w.count("sessions WHERE ended_at IS NULL") != 1 {
			t.Errorf("%d links; another tenant has changed what is not its own", n)
		}
	})
}

// Of many who use a link at once one does; and none after a change, or for who may not
// sign in.
func TestUseLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.link_("acme", time.Hour)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				err := w.DB.Tx(w.in("acme"), func(ctx context.Context) error {
					_, err := w.useLink(ctx, linkReset, token)
					return err
				})
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, errLinkOver):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d used it", won.Load())
		}
		for name, before := range map[string]func(token string){
			"a newer one": func(string) { w.link_("acme", time.Hour) },
			"a change":    func(string) { must(t, w.Tenants.RaiseEpoch(w.in("acme"), w.users["acme"])) },
			"its end":     func(string) { w.clock.Advance(2 * time.Hour) },
		} {
			token := w.link_("acme", time.Hour)
			before(token)
			if _, err := w.useLink(w.in("acme"), linkReset, token); !errors.Is(err, errLinkOver) {
				t.Errorf("after %s: %v", name, err)
			}
			if _, err := w.link(w.in("acme"), linkReset, token); !errors.Is(err, errLinkOver) {
				t.Errorf("after %s: %v", name, err)
			}
		}
		if _, err := w.useLink(w.in("acme"), linkEnrol, w.link_("acme", time.Hour)); !errors.Is(err, errLinkOver) {
			t.Errorf("for another purpose: %v", err)
		}
	})
}

// begin makes a session by a password now, and returns its cookie.
func (w *world) begin(tenant string) (sid, token string) {
	w.t.Helper()
	sid, token, err := w.keep(tenant, nil, w.attempt(tenant, w.password(0)))
	must(w.t, err)
	return sid, token
}

// password is a proof of that age.
func (w *world) password(age time.Duration) signin.Proof {
	return signin.Proof{Method: signin.Password, AMR: []string{"pwd"}, Strength: 1, At: w.clock.Now().Add(-age)}
}

func (w *world) keep(tenant string, have *sessionRow, a *attempt) (sid, token string, err error) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	k, err := w.keepSession(w.in(tenant), r, have, a, w.clock.Now())
	return k.id, k.session, err
}

// browser is a request with these session cookies.
func (w *world) browser(tenant string, tokens ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(w.in(tenant))
	for _, token := range tokens {
		r.AddCookie(&http.Cookie{Name: "twofold-session", Value: token})
	}
	return r
}

// have is the session that a browser has, or nil.
func (w *world) have(tenant string, tokens ...string) *sessionRow {
	w.t.Helper()
	row, err := w.session(w.browser(tenant, tokens...))
	must(w.t, err)
	return row
}

func TestSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sid, token := w.begin("acme")
		other, otherToken := w.begin("acme")
		row := w.have("acme", token)
		if row == nil || row.ID != sid || sid == other || row.UserID != w.users["acme"] || row.TokenHash != id.Hash(token) {
			t.Fatalf("%+v", row)
		}
		for name, c := range map[string]struct {
			tenant string
			tokens []string
			want   bool
		}{
			"its cookie":      {"acme", []string{token}, true},
			"among others":    {"acme", []string{"planted", token, "planted"}, true},
			"another's":       {"acme", []string{"planted"}, false},
			"none":            {"acme", nil, false},
			"the hash":        {"acme", []string{id.Hash(token)}, false},
			"the id":          {"acme", []string{sid}, false},
			"another tenant":  {"globex", []string{token}, false},
			"two that live":   {"acme", []string{token, otherToken}, false},
			"the same twice":  {"acme", []string{token, token}, true},
			"beyond the most": {"acme", []string{"1", "2", "3", "4", token}, false},
		} {
			if got := w.have(c.tenant, c.tokens...); (got != nil) != c.want {
				t.Errorf("%s: %+v", name, got)
			}
		}
		w.clock.Advance(time.Hour) // idle
		if w.have("acme", token) != nil {
			t.Error("an idle session lives on")
		}
	})
}

func TestKeepSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sid, token := w.begin("acme")
		have := w.have("acme", token)

		// Use without a proof is noted once a minute, and changes no cookie.
		w.clock.Advance(59 * time.Second)
		for _, c := range []struct {
			pause time.Duration
			idle  time.Duration
		}{{0, time.Hour - 59*time.Second}, {time.Second, time.Hour}} {
			w.clock.Advance(c.pause)
			got, fresh, err := w.keep("acme", have, w.attempt("acme", w.password(2*time.Minute)))
			must(t, err)
			if left := w.have("acme", token).IdleExpiresAt.Sub(w.clock.Now()); got != sid || fresh != "" || left != c.idle {
				t.Errorf("sid %q, cookie %q, idle in %v, want %v", got, fresh, left, c.idle)
			}
		}

		// A proof makes a new cookie under the same id, and a new life.
		got, second, err := w.keep("acme", have, w.attempt("acme", w.password(0)))
		must(t, err)
		if got != sid || second == token || w.have("acme", token) != nil || w.have("acme", second).ExpiresAt != w.clock.Now().Add(2*time.Hour) {
			t.Errorf("sid %q, session %+v", got, w.have("acme", second))
		}

		// Who comes second with the old row gets a session of his own, unless what
		// he has proven was the session's.
		got, third, err := w.keep("acme", have, w.attempt("acme", w.password(0)))
		must(t, err)
		if got == sid || third == second || w.have("acme", second) == nil || w.have("acme", third) == nil {
			t.Errorf("sid %q", got)
		}
		if _, _, err := w.keep("acme", have, w.attempt("acme", w.password(0), borrowed(w))); !errors.Is(err, errSignInMoved) {
			t.Errorf("borrowed of what is gone: %v", err)
		}
		if n := w.count("sessions"); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

func borrowed(w *world) signin.Proof {
	return signin.Proof{Method: "mail", At: w.clock.Now().Add(-time.Minute)}
}

func TestCheckBorrowed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(time.Hour)
		_, token := w.begin("acme")
		since := w.have("acme", token).AuthTime
		own := func() signin.Proof { return signin.Proof{Method: "mail", At: w.clock.Now()} }
		old := w.password(0)
		w.clock.Advance(time.Minute)
		for name, c := range map[string]struct {
			proofs []signin.Proof
			user   string
			tokens []string
			want   []string
		}{
			"nothing borrowed, no session": {[]signin.Proof{own()}, "acme", nil, []string{"mail"}},
			"its session":                  {[]signin.Proof{old, own()}, "acme", []string{token}, []string{signin.Password, "mail"}},
			"no session":                   {[]signin.Proof{old, own()}, "acme", nil, []string{"mail"}},
			"another user's session":       {[]signin.Proof{old, own()}, "globex", []string{token}, []string{"mail"}},
			"not the session's":            {[]signin.Proof{old, borrowed(w)}, "acme", []string{token}, []string{signin.Password}},
			"older than the session's": {
				[]signin.Proof{{Method: signin.Password, At: old.At.Add(-time.Minute)}}, "acme", []string{token}, []string{signin.Password},
			},
			"younger than the session's": {[]signin.Proof{{Method: signin.Password, At: old.At.Add(time.Second)}}, "acme", []string{token}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				a := w.newAttempt(w.in("acme"), op.AuthRequest{ID: id.New()})
				a.facts = signin.Facts{UserID: w.users[c.user], Proofs: c.proofs, AuthTime: since}
				must(t, w.checkBorrowed(w.browser("acme", c.tokens...), a))
				var got []string
				for _, p := range a.facts.Proofs {
					got = append(got, p.Method)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
				if stands := a.borrows(); stands && a.facts.AuthTime != since {
					t.Error("the session's time is lost")
				}
			})
		}
	})
}

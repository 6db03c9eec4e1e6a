package idp

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
	"twofold/internal/outbound"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// heard is what a relying party has made of a logout token.
type heard struct{ app, sid, sub string }

// party is a relying party that takes no logout token but a right one (Back-Channel
// Logout §2.6).
type party struct {
	*httptest.Server
	w     *world
	heard chan heard
	keys  map[string][]crypto.PublicKey // of issuers

	mu     sync.Mutex
	seen   map[string]bool // of jti
	answer map[string]func(http.ResponseWriter, *http.Request)
}

// partyOf serves apps of tenant acme, by the first part of the path: their client_id.
func (w *world) partyOf() *party {
	w.t.Helper()
	p := &party{w: w, heard: make(chan heard, 1000), keys: map[string][]crypto.PublicKey{}, seen: map[string]bool{}, answer: map[string]func(http.ResponseWriter, *http.Request){}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	w.t.Cleanup(p.Close)
	w.Guarded = outbound.Client(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	w.Provider.RSABits = 2048
	for _, tenant := range []string{"acme", "annex"} {
		p.keys["https://id.example.test/t/"+tenant] = w.publicKeys(tenant)
	}
	return p
}

// app makes a client app that is told at the party, or, without an algorithm, nowhere.
func (p *party) app(name, alg string) (id string) {
	p.w.t.Helper()
	a := tenants.ClientApp{
		Name: name, Title: name, Type: tenants.AppWeb, ClientID: name, AuthMethod: tenants.AuthBasic, IDTokenAlg: "RS256", Active: true,
		RedirectURIs: tenants.List{"https://app.example/cb"}, GrantTypes: tenants.List{tenants.GrantCode},
	}
	if alg != "" {
		a.IDTokenAlg, a.LogoutURI = alg, p.URL+"/"+name+"?tenant=1"
	}
	put(p.w.t)(p.w.Tenants.PutClientApp(p.w.sub("acme"), &a))
	return a.ID
}

func (p *party) serve(rw http.ResponseWriter, r *http.Request) {
	app := strings.TrimPrefix(r.URL.Path, "/")
	p.mu.Lock()
	defer p.mu.Unlock()
	h, err := p.check(r, app)
	if err != nil {
		p.w.t.Errorf("%s: %v", app, err)
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	if f := p.answer[app]; f != nil {
		p.mu.Unlock() // it may take its time
		f(rw, r)
		p.mu.Lock()
		return
	}
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader([]int{http.StatusOK, http.StatusNoContent}[len(p.seen)%2])
	p.heard <- h
}

// check is Back-Channel Logout §2.6, step by step.
func (p *party) check(r *http.Request, app string) (heard, error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "tenant=1" {
		return heard{}, fmt.Errorf("%s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	if err := r.ParseForm(); err != nil {
		return heard{}, err
	}
	raw := r.PostForm.Get("logout_token")
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(r.PostForm) != 1 {
		return heard{}, fmt.Errorf("form %v: %w", slices.Collect(maps.Keys(r.PostForm)), err)
	}
	head := jws.Signatures[0].Protected
	if head.ExtraHeaders[jose.HeaderType] != "logout+jwt" || head.Algorithm != map[string]string{"shop": "RS256"}[app] && head.Algorithm != "ES256" {
		return heard{}, fmt.Errorf("header %+v", head)
	}
	var all map[string]any
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &all); err != nil {
		return heard{}, err
	}
	iss, _ := all["iss"].(string)
	if p.keys[iss] == nil {
		return heard{}, fmt.Errorf("issuer %s", iss)
	}
	keys := &oidc.StaticKeySet{PublicKeys: p.keys[iss]}
	verifier := oidc.NewVerifier(iss, keys, &oidc.Config{ClientID: app, SupportedSigningAlgs: []string{"RS256", "ES256"}, Now: p.w.clock.Now})
	token, err := verifier.VerifyLogout(r.Context(), raw)
	if err != nil {
		return heard{}, err
	}
	want := []string{"aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		return heard{}, fmt.Errorf("claims %v", got)
	}
	events, _ := json.Marshal(all["events"])
	iat, exp := int64(all["iat"].(float64)), int64(all["exp"].(float64))
	jti, _ := all["jti"].(string)
	switch {
	case string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}`:
		return heard{}, fmt.Errorf("events %s", events)
	case iat != p.w.clock.Now().Unix() || exp-iat != 120:
		return heard{}, fmt.Errorf("times %d %d", iat, exp)
	case jti == "" || p.seen[jti]:
		return heard{}, fmt.Errorf("jti %q again", jti)
	}
	p.seen[jti] = true
	return heard{app, token.SessionID, token.Subject}, nil
}

func (w *world) publicKeys(tenant string) (keys []crypto.PublicKey) {
	w.t.Helper()
	must(w.t, w.Provider.CreateKeys(w.in(tenant)))
	rows, err := w.DB.SQL().QueryContext(w.t.Context(), "SELECT public_jwk FROM signing_keys WHERE tenant_id = '"+w.tenantID(tenant)+"'")
	must(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(w.t, rows.Scan(&text))
		var k jose.JSONWebKey
		must(w.t, json.Unmarshal([]byte(text), &k))
		keys = append(keys, k.Key)
	}
	must(w.t, rows.Err())
	return keys
}

// next are the next n that were heard, in any order.
func (p *party) next(n int) map[heard]int {
	p.w.t.Helper()
	got := map[heard]int{}
	for range n {
		select {
		case h := <-p.heard:
			got[h]++
		case <-time.After(30 * time.Second):
			p.w.t.Fatalf("heard only %v", got)
		}
	}
	return got
}

// quiet says that nothing more was heard.
func (p *party) quiet(name string) {
	p.w.t.Helper()
	select {
	case h := <-p.heard:
		p.w.t.Errorf("%s: also heard %v", name, h)
	default:
	}
}

// tellDue calls all apps that are due now, and returns how many.
func (w *world) tellDue() (n int) {
	w.t.Helper()
	for {
		row, ok, err := w.claimTell(w.t.Context(), nil)
		must(w.t, err)
		if !ok {
			return n
		}
		w.tellApp(w.t.Context(), row)
		n++
	}
}

// running tells apps until the test, or stop, ends it.
func (w *world) running() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.TellApps(ctx) })
	stop = func() { cancel(); wg.Wait() }
	w.t.Cleanup(stop)
	return stop
}

func (w *world) row(sid, app string) sessionClientRow {
	w.t.Helper()
	var r sessionClientRow
	must(w.t, w.DB.For(db.AllTenants(w.t.Context())).Where("session_id = ? AND client_app_id = ?", sid, app).Take(&r).Error)
	return r
}

// Whatever ends a session, each app that holds it and wants to hear of it does, once.
func TestEveryEndIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop, mail, mute := p.app("shop", "RS256"), p.app("mail", "ES256"), p.app("mute", "")
		bob := tenants.User{Name: "bob", DisplayName: "Bob", Kind: tenants.Person, Active: true}
		put(t)(w.Tenants.PutUser(w.sub("acme"), &bob))
		anna := w.users["acme"]
		var a, b, c string // sessions: two here, one in the annex
		row := func(tenant, sid string) *sessionRow {
			return &sessionRow{TenantID: w.tenantID(tenant), ID: sid, UserID: anna}
		}
		for name, tc := range map[string]struct {
			do   func() error
			want func() []heard
		}{
			"signed out": {func() error { return w.end(w.in("acme"), row("acme", a), "x") }, func() []heard { return []heard{{"shop", a, anna}, {"mail", a, anna}} }},
			"by an administrator": {
				func() error { return w.EndSession(w.sub("acme"), w.tenantID("acme"), b, "root", "x") }, func() []heard { return []heard{{"shop", b, anna}} },
			},
			"all of a user": {
				func() error { _, err := w.EndUser(w.sub("acme"), anna, "root", "x"); return err },
				func() []heard {
					return []heard{{"shop", a, anna}, {"mail", a, anna}, {"shop", b, anna}, {"mail", c, anna}}
				},
			},
			"all of a user here": {
				func() error { _, err := w.EndUser(w.in("annex"), anna, "root", "x"); return err }, func() []heard { return []heard{{"mail", c, anna}} },
			},
			"all of a tenant": {
				func() error { _, err := w.EndTenant(w.sub("acme"), w.tenantID("acme"), "root", "x"); return err },
				func() []heard { return []heard{{"shop", a, anna}, {"mail", a, anna}, {"shop", b, anna}} },
			},
			"all of a subscription": {
				func() error { _, err := w.EndSubscription(w.sub("acme"), "root", "x"); return err },
				func() []heard {
					return []heard{{"shop", a, anna}, {"mail", a, anna}, {"shop", b, anna}, {"mail", c, anna}}
				},
			},
			"all but this one": {
				func() error {
					return w.DB.Tx(w.in("acme"), func(ctx context.Context) error { return w.endAll(ctx, anna, a, "x") })
				},
				func() []heard { return []heard{{"shop", b, anna}, {"mail", c, anna}} },
			},
			"a reset password": {
				func() error {
					return w.DB.Tx(w.in("acme"), func(ctx context.Context) error { return w.endAll(ctx, anna, "", "x") })
				},
				func() []heard {
					return []heard{{"shop", a, anna}, {"mail", a, anna}, {"shop", b, anna}, {"mail", c, anna}}
				},
			},
			"another user": {
				func() error {
					next := w.attempt("acme", w.password(0))
					next.facts.UserID = bob.ID
					return w.DB.Tx(w.in("acme"), func(ctx context.Context) error {
						_, err := w.keepSession(ctx, httptest.NewRequest(http.MethodPost, "/", nil), row("acme", a), next, w.clock.Now())
						return err
					})
				}, func() []heard { return []heard{{"shop", a, anna}, {"mail", a, anna}} },
			},
			"a change that is taken back": {
				func() error {
					err := w.DB.Tx(w.in("acme"), func(ctx context.Context) error {
						if err := w.endAll(ctx, anna, "", "x"); err != nil {
							return err
						}
						return context.Canceled
					})
					if err == nil {
						return fmt.Errorf("it stays")
					}
					return nil
				}, func() []heard { return nil },
			},
			"running out": {func() error { w.clock.Advance(4 * time.Hour); return w.Sweep(t.Context()) }, func() []heard { return nil }},
		} {
			for _, table := range []string{"session_clients", "sessions", "grants"} {
				_, err := w.DB.SQL().ExecContext(t.Context(), "DELETE FROM "+table)
				must(t, err)
			}
			a, b, c = w.open("acme", shop, mail, mute), w.open("acme", shop, mute), w.open("annex", mail)
			must(t, tc.do())
			w.tellDue()
			want := map[heard]int{}
			for _, h := range tc.want() {
				want[h] = 1
			}
			if got := p.next(len(want)); !maps.Equal(got, want) {
				t.Errorf("%s: heard %v, want %v", name, got, want)
			}
			p.quiet(name)
			if n := w.count("session_clients c JOIN sessions s ON s.id = c.session_id WHERE s.ended_at IS NOT NULL AND c.state <> 'told'"); n != 0 {
				t.Errorf("%s: %d are left", name, n)
			}
		}
	})
}

// A try has a fresh token; what the app answers decides whether another follows.
func TestTellTries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop := p.app("shop", "RS256")
		status := func(codes ...int) func(http.ResponseWriter, *http.Request) {
			n := 0
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Location", p.URL+"/shop?tenant=1")
				rw.WriteHeader(codes[min(n, len(codes)-1)])
				n++
			}
		}
		for name, tc := range map[string]struct {
			answer       func(http.ResponseWriter, *http.Request)
			state, error string
			tries        int64
		}{
			"at once":      {nil, clientTold, "", 1},
			"200":          {status(200), clientTold, "", 1},
			"204":          {status(204), clientTold, "", 1},
			"400":          {status(400), clientRefused, "the app refused the token: HTTP 400", 1},
			"then":         {status(503, 500, 404, 200), clientTold, "", 4},
			"then refused": {status(503, 400), clientRefused, "the app refused the token: HTTP 400", 2},
			"redirect":     {status(307), clientFailed, "HTTP 307", tellTries},
			"never":        {status(503), clientFailed, "HTTP 503", tellTries},
			"cut off": {func(rw http.ResponseWriter, _ *http.Request) {
				conn, _, err := rw.(http.Hijacker).Hijack()
				if err == nil {
					conn.Close()
				}
			}, clientFailed, "no connection", tellTries},
		} {
			p.mu.Lock()
			p.answer["shop"] = tc.answer
			p.mu.Unlock()
			sid := w.open("acme", shop)
			must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x"))
			began := w.clock.Now()
			for i := range tc.tries {
				if n := w.tellDue(); n != 1 {
					t.Fatalf("%s, try %d: %d calls", name, i+1, n)
				}
				if i+1 == tc.tries {
					break
				}
				pause := min(5*time.Second*time.Duration([]int{1, 3, 9, 27, 81, 243, 729, 2187}[i]), time.Hour)
				w.clock.Advance(pause - time.Millisecond)
				if n := w.tellDue(); n != 0 {
					t.Fatalf("%s, try %d: not left alone for %v", name, i+1, pause)
				}
				w.clock.Advance(time.Millisecond)
			}
			w.clock.Advance(2 * time.Hour)
			if n := w.tellDue(); n != 0 {
				t.Errorf("%s: %d more calls", name, n)
			}
			r := w.row(sid, shop)
			if r.State != tc.state || r.Error != tc.error || r.Attempts != tc.tries || r.DoneAt == nil || !r.EndedAt.Equal(began) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
}

// Nothing is told for longer than a day, at no address that is not allowed, and to no
// app that does not want it any more.
func TestTellRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop := p.app("shop", "RS256")
		end := func() string {
			sid := w.open("acme", shop)
			must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x"))
			return sid
		}
		change := func(do func(*tenants.ClientApp)) {
			app, err := w.Tenants.ClientAppByID(w.sub("acme"), shop)
			must(t, err)
			do(&app)
			put(t)(w.Tenants.PutClientApp(w.sub("acme"), &app))
		}
		w.Guarded = outbound.Client(outbound.Config{})
		for _, address := range []string{
			"http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "https://localhost:1/x", "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]:1/x",
			"https://[fd00::1]/x", "https://[::ffff:192.168.1.1]/x", "https://0.0.0.0/x",
		} {
			change(func(a *tenants.ClientApp) { a.LogoutURI = address })
			sid := end()
			w.tellDue()
			if r := w.row(sid, shop); r.State != clientFailed || !strings.Contains(r.Error, "must not be called") || r.Attempts != 1 || strings.Contains(r.Error, "://") {
				t.Errorf("%s: %+v", address, r)
			}
		}
		for _, do := range []func(){
			func() { change(func(a *tenants.ClientApp) { a.LogoutURI = "" }) },
			func() { must(t, w.Tenants.ClientApps().Delete(w.sub("acme"), shop, 0)) },
		} {
			change(func(a *tenants.ClientApp) { a.LogoutURI = p.URL + "/shop" })
			sid := end()
			do()
			w.tellDue()
			if r := w.row(sid, shop); r.State != clientFailed || r.Error != "the app does not want to be told any more" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// What nobody came to deliver is given up after a day, and forgotten after a month.
func TestSweepTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop := p.app("shop", "RS256")
		sid, live := w.open("acme", shop), w.open("annex", shop)
		must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x"))
		must(t, w.Sweep(t.Context()))
		if r := w.row(sid, shop); r.State != clientQueued {
			t.Errorf("%+v", r)
		}
		w.clock.Advance(tellFor + time.Minute)
		must(t, w.Sweep(t.Context()))
		if r := w.row(sid, shop); r.State != clientFailed || r.DoneAt == nil {
			t.Errorf("%+v", r)
		}
		if n := w.count("session_clients WHERE session_id = '" + live + "'"); n != 0 {
			t.Error("who held a session that has run out is kept")
		}
		w.clock.Advance(keepTold + time.Minute)
		must(t, w.Sweep(t.Context()))
		if n := w.count("session_clients"); n != 0 {
			t.Errorf("%d rows are kept", n)
		}
	})
}

// Administrators see how it went, in the tenants that they may see.
func TestToldOf(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop := p.app("shop", "RS256")
		first, second, third := w.open("acme", shop), w.open("annex", shop), w.open("acme", shop)
		p.answer["shop"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }
		for _, s := range []struct{ tenant, sid string }{{"acme", first}, {"annex", second}} {
			must(t, w.EndSession(w.sub("acme"), w.tenantID(s.tenant), s.sid, "root", "x"))
			w.tellDue()
			p.answer["shop"] = nil
			w.clock.Advance(time.Second)
		}
		must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), third, "root", "x"))
		show := func(ctx context.Context, tenants []string, n int) (out string) {
			list, err := w.ToldOf(ctx, shop, tenants, n)
			must(t, err)
			for _, v := range list {
				name := map[string]string{first: "first", second: "second", third: "third"}[v.SessionID]
				out += fmt.Sprintf("%s %s %d %q %v %v, ", name, v.State, v.Attempts, v.Error, v.NextAt != nil, v.DoneAt != nil)
			}
			return out
		}
		a, b, c := `third queued 0 "" true false, `, `second told 1 "" false true, `, `first queued 1 "HTTP 503" true false, `
		for name, tc := range map[string]struct {
			ctx     context.Context
			tenants []string
			n       int
			want    string
		}{
			"all": {w.sub("acme"), nil, 10, a + b + c}, "two": {w.sub("acme"), nil, 2, a + b}, "of a tenant": {w.sub("acme"), []string{w.tenantID("annex")}, 10, b},
			"of none": {w.sub("acme"), []string{}, 10, ""}, "another's": {w.sub("globex"), nil, 10, ""}, "in a tenant": {w.in("annex"), nil, 10, b},
		} {
			if got := show(tc.ctx, tc.tenants, tc.n); got != tc.want {
				t.Errorf("%s: %s, want %s", name, got, tc.want)
			}
		}
	})
}

// Whoever falls silent, before the call or in it, is replaced; and who comes late
// changes nothing.
func TestAnotherReplicaTells(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop := p.app("shop", "RS256")
		other := *w
		other.IDP = New(w.Config)
		other.TellEvery = 10 * time.Millisecond
		anna := w.users["acme"]

		// Killed between the commit and the call: nobody was kicked but itself.
		sid := w.open("acme", shop)
		must(t, w.end(w.in("acme"), &sessionRow{TenantID: w.tenantID("acme"), ID: sid, UserID: anna}, "x"))
		stop := other.running()
		if got := p.next(1); got[heard{"shop", sid, anna}] != 1 {
			t.Errorf("heard %v", got)
		}
		stop()

		// Killed in the call.
		sid = w.open("acme", shop)
		must(t, w.end(w.in("acme"), &sessionRow{TenantID: w.tenantID("acme"), ID: sid, UserID: anna}, "x"))
		row, ok, err := w.claimTell(t.Context(), nil)
		if must(t, err); !ok || row.SessionID != sid {
			t.Fatalf("%+v", row)
		}
		if n := other.tellDue(); n != 0 {
			t.Fatalf("%d claimed twice", n)
		}
		w.clock.Advance(tellLease)
		if n := other.tellDue(); n != 1 {
			t.Fatalf("%d taken over", n)
		}
		p.next(1)
		p.mu.Lock()
		p.answer["shop"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }
		p.mu.Unlock()
		w.tellApp(t.Context(), row) // wakes up
		if r := w.row(sid, shop); r.State != clientTold || r.Attempts != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// Two replicas tell each app of each session once.
func TestReplicasTellOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop, mail := p.app("shop", "RS256"), p.app("mail", "ES256")
		other := *w
		other.IDP = New(w.Config)
		other.TellEvery = 10 * time.Millisecond
		want := map[heard]int{}
		for range 15 {
			sid := w.open("acme", shop, mail)
			want[heard{"shop", sid, w.users["acme"]}], want[heard{"mail", sid, w.users["acme"]}] = 1, 1
		}
		w.running()
		other.running()
		_, err := w.EndUser(w.sub("acme"), w.users["acme"], "root", "x")
		must(t, err)
		if got := p.next(len(want)); !maps.Equal(got, want) {
			t.Errorf("heard %v", got)
		}
		p.quiet("all")
	})
}

// An app that does not answer holds up neither who signs out nor another app.
func TestSlowApp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		slow, shop := p.app("slow", "ES256"), p.app("shop", "RS256")
		gone := make(chan struct{})
		p.answer["slow"] = func(http.ResponseWriter, *http.Request) { <-gone }
		var sids []string
		for range 3 * tellWorkers {
			sids = append(sids, w.open("acme", slow))
		}
		last := w.open("acme", shop)
		stop := w.running()
		for _, sid := range sids {
			must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x"))
		}
		must(t, w.EndSession(w.sub("acme"), w.tenantID("acme"), last, "root", "x"))
		if got := p.next(1); got[heard{"shop", last, w.users["acme"]}] != 1 {
			t.Errorf("heard %v", got)
		}
		if n := w.count("session_clients WHERE state = 'sending'"); n > tellPerApp+1 {
			t.Errorf("%d calls to one app at once", n)
		}
		close(gone)
		stop()
	})
}

func TestLine(t *testing.T) {
	clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	l := newLine(clock.Now)
	check := func(name string, want ...string) {
		t.Helper()
		if got := l.busy(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("nobody")
	for range tellPerApp {
		check("some")
		l.begun("a")
	}
	check("enough", "a")
	l.ended(call{"a", true})
	check("one less")
	for range tellPerApp - 1 {
		l.ended(call{"a", false})
	}
	check("does not answer", "a")
	clock.Advance(29 * time.Second)
	check("rests", "a")
	clock.Advance(time.Second)
	check("has rested")
	l.begun("a")
	check("one call", "a")
	l.ended(call{"a", false})
	clock.Advance(59 * time.Second)
	check("rests twice as long", "a")
	clock.Advance(time.Second)
	l.begun("a")
	l.ended(call{"a", true})
	check("answers")
	if len(l.apps) != 0 || l.flying != 0 {
		t.Errorf("%+v", l)
	}
	for range 20 {
		l.begun("a")
		l.ended(call{"a", false})
	}
	clock.Advance(10 * time.Minute)
	check("never rests for longer")
}

// However many sessions end, a few statements queue what their apps are told.
func TestVeryManyAreQueued(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		p := w.partyOf()
		shop, mute := p.app("shop", "RS256"), p.app("mute", "")
		testkit.Bulk(t, w.url, "sessions", fmt.Sprintf(`INSERT INTO sessions (tenant_id, id, token_hash, user_id, idp_id, proofs, auth_time, address, user_agent, created_at, seen_at, idle_expires_at, expires_at)
SELECT '%s', 's' || n.i, 'h' || n.i, '%s', '', '[]', n.at, '', '', n.at, n.at, n.at, e.at FROM SERIES(5000, 1) JOIN (SELECT at FROM SERIES(1, 10000000)) e ON 1 = 1`, w.tenantID("acme"), w.users["acme"]))
		for _, app := range []string{shop, mute} {
			testkit.Bulk(t, w.url, "session_clients", fmt.Sprintf(`INSERT INTO session_clients (tenant_id, session_id, client_app_id, user_id, state, attempts, next_at, error, created_at)
SELECT s.tenant_id, s.id, '%s', s.user_id, 'held', 0, s.created_at, '', s.created_at FROM sessions s JOIN SERIES(1, 1) ON 1 = 1`, app))
		}
		w.clock.Set(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
		recorder := testkit.Record(t, w.DB.For(t.Context()))
		n, err := w.EndTenant(w.sub("acme"), w.tenantID("acme"), "root", "x")
		if must(t, err); n != 5000 {
			t.Errorf("%d sessions", n)
		}
		if got := len(recorder.Take()); got > 60 {
			t.Errorf("%d statements", got)
		}
		if queued, all := w.count("session_clients WHERE state = 'queued'"), w.count("session_clients"); queued != 5000 || all != 5000 {
			t.Errorf("%d of %d are queued", queued, all)
		}
	})
}

package op

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/problem"
	"twofold/tenants"
)

// replica is one more provider on the same database.
func (w *world) replica() *Provider {
	w.Helper()
	c := w.p.Config
	c.RSABits = 2048
	p, err := New(c)
	w.must(err)
	p.RSABits = 1024 // to be quick
	return p
}

// keysAre is what there is of acme's keys of an algorithm: "a active, b next".
func (w *world) keysAre(alg jose.SignatureAlgorithm) string {
	w.Helper()
	all, err := w.p.SigningKeys(w.in(w.acme))
	w.must(err)
	var out []string
	for _, k := range all {
		if k.Alg == string(alg) {
			out = append(out, k.State)
		}
	}
	return strings.Join(out, " ")
}

// count is how often something is in acme's trail.
func (w *world) count(kind string) (n int) {
	w.Helper()
	for _, e := range w.events() {
		if e == kind {
			n++
		}
	}
	return n
}

// together runs the job on all replicas at once.
func (w *world) together(replicas []*Provider) {
	w.Helper()
	var wg sync.WaitGroup
	for _, p := range replicas {
		wg.Go(func() {
			if err := p.TendKeys(w.Context()); err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
}

// Replicas that do the same at the same time do it once, by schedule and by command.
func TestKeysRaced(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.p.KeyTimes = KeyTimes{Ahead: time.Hour, Life: 48 * time.Hour}
		w.p.RSABits = 1024
		replicas := []*Provider{w.p, w.replica(), w.replica(), w.replica()}
		step := func(name string, ahead time.Duration, keys string, published, took int) {
			t.Helper()
			w.clock.Advance(ahead)
			w.together(replicas)
			for _, alg := range keyAlgs() {
				if got := w.keysAre(alg); got != keys {
					t.Errorf("%s: %s: %s, want %s", name, alg, got, keys)
				}
			}
			if p, o := w.count("signing_key.published"), w.count("signing_key.took_over"); p != published || o != took {
				t.Errorf("%s: published %d, took over %d", name, p, o)
			}
		}
		step("nothing is due", 47*time.Hour-time.Second, "active", 0, 0)
		step("published", time.Second, "active next", 2, 0)
		step("not yet", time.Hour-time.Second, "active next", 2, 0)
		step("taken over", time.Second, "retired active", 2, 2)
		var begun atomic.Int64
		var wg sync.WaitGroup
		for _, p := range replicas {
			wg.Go(func() {
				n, err := p.RotateKeys(w.in(w.acme), "ada")
				if err != nil {
					t.Error(err)
				}
				begun.Add(int64(n))
			})
		}
		wg.Wait()
		if begun.Load() != 2 || w.count("signing_key.rotation_asked") < 1 {
			t.Error("rotations begun:", begun.Load())
		}
		step("by command", 0, "retired active next", 4, 2)
		if n, err := w.p.RotateKeys(w.in(w.acme), "ada"); n != 0 || err != nil {
			t.Error("one is under way:", n, err)
		}
		step("taken over again", time.Hour, "retired retired active", 4, 4)
		// The first pair retired an hour before the second.
		step("the oldest is forgotten", keyForHints-time.Hour, "retired active next", 6, 4)
		if got := w.count("signing_key.deleted"); got != 2 {
			t.Error("deleted:", got)
		}
	})
}

// A replica that died over making a key holds up nobody for longer than its lease.
func TestKeyLease(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := w.in(w.acme)
		w.p.RSABits = 1024
		_, err := w.p.RotateKeys(ctx, "ada")
		w.must(err)
		rows, err := w.p.keyRows(ctx)
		w.must(err)
		for _, r := range rows { // all that it did
			w.must(w.p.changeKey(ctx, r, map[string]any{"due_at": w.p.now().Add(keyLease)}))
		}
		w.must(w.p.TendKeys(ctx))
		if got := w.keysAre(jose.RS256); got != "active" {
			t.Error("within the lease:", got)
		}
		w.clock.Advance(keyLease)
		w.must(w.p.TendKeys(ctx))
		if got := w.keysAre(jose.RS256) + ", " + w.keysAre(jose.ES256); got != "active next, active next" {
			t.Error(got)
		}
	})
}

// SECURITY F34: a key that is revoked is refused at once where that was done, and within
// keysFor on every other replica; one that came later is accepted everywhere at once.
func TestRevokeKey(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx, other := w.in(w.acme), w.replica()
		w.p.RSABits = 1024
		here := w.http
		there := w.router(other)
		at := func(h http.Handler, token string) int {
			w.http = h
			defer func() { w.http = here }()
			return w.userinfo(token).status
		}
		_, a := w.tokensOf("web")
		stolen := a.str("access_token")
		_, err := w.p.RotateKeys(ctx, "ada")
		w.must(err)
		w.must(w.p.PublishKeys(ctx))
		if at(here, stolen) != 200 || at(there, stolen) != 200 {
			t.Fatal("no good token")
		}
		kid := headerOf(t, stolen).KeyID
		if err := w.p.RevokeKey(ctx, "018f0000-0000-7000-8000-000000000000", "ada", "x"); !problem.Is(err, problem.NotFound) {
			t.Error("a key that there is not:", err)
		}
		if err := w.p.RevokeKey(w.in(w.globex), kid, "ada", "x"); !problem.Is(err, problem.NotFound) {
			t.Error("another tenant's key:", err)
		}
		w.clock.Advance(lookAgain)
		w.must(w.p.RevokeKey(ctx, kid, "ada", "it was in a backup that is lost"))
		if got := at(here, stolen); got != 401 {
			t.Error("where it was revoked:", got)
		}
		if keys := w.get("/t/acme/keys").text; strings.Contains(keys, kid) {
			t.Error("still published")
		}
		if got := w.keysAre(jose.ES256) + ", " + w.keysAre(jose.RS256); got != "active, active next" {
			t.Error(got) // the next one of ES256 went with it
		}
		_, b := w.tokensOf("web")
		fresh := b.str("access_token")
		if headerOf(t, fresh).KeyID == kid || at(here, fresh) != 200 || at(there, fresh) != 200 {
			t.Error("the new key does not sign, or is not known everywhere")
		}
		if got := at(there, stolen); got != 401 {
			t.Error("a replica that has met the new key:", got)
		}
		// Nor does it take a new token: the replicas read anew within keysFor.
		third := w.router(w.replica())
		_ = at(third, fresh)
		w.must(w.p.RevokeKey(ctx, headerOf(t, fresh).KeyID, "ada", "again"))
		w.clock.Advance(keysFor)
		if got := at(third, fresh); got != 401 {
			t.Error("after", keysFor, got)
		}
		w.revokedHint(t, b.str("id_token"))
		if got := w.count("signing_key.revoked"); got != 3 {
			t.Error("told:", got)
		}
		events, err := w.trail.List(ctx, 1)
		w.must(err)
		if e := events[0]; e.Actor != "ada" || !strings.Contains(e.Detail, `"reason":"no hints"`) || !strings.Contains(e.Detail, `"signs_now"`) {
			t.Errorf("%+v", e)
		}
	})
}

// revokedHint: a hint whose key is gone is no proof, and no reason to keep people signed in.
func (w *world) revokedHint(t *testing.T, hint string) {
	t.Helper()
	w.must(w.p.RevokeKey(w.in(w.acme), headerOf(t, hint).KeyID, "ada", "no hints"))
	ask := func(v url.Values) (EndSessionRequest, error) {
		return w.p.EndSession(w.in(w.acme), httptest.NewRequest(http.MethodGet, "/end_session?"+v.Encode(), nil))
	}
	got, err := ask(url.Values{"id_token_hint": {hint}, "client_id": {"web"}, "post_logout_redirect_uri": {"https://app.example/out"}})
	if err != nil || got.HintUserID != "" || got.ClientApp == nil || got.PostLogoutRedirectURI == "" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ask(url.Values{"id_token_hint": {hint}}); err != nil || got.HintUserID != "" || got.ClientApp != nil {
		t.Errorf("%+v %v", got, err)
	}
	req, refused, err := w.authorize(asked(w.apps["web"], "id_token_hint", hint))
	if err != nil || refused == nil || fieldOf(t, *refused, "error") != "invalid_request" {
		t.Errorf("%+v %+v %v", req, refused, err)
	}
}

// Hints outlive the publication of their key.
func TestHintOfRetiredKey(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := w.in(w.acme)
		w.p.KeyTimes, w.p.RSABits = KeyTimes{Ahead: MinKeyAhead, Life: -1}, 1024
		_, a := w.tokensOf("web")
		hint, access := a.str("id_token"), a.str("access_token")
		kid := headerOf(t, hint).KeyID
		_, err := w.p.RotateKeys(ctx, "ada")
		w.must(err)
		w.must(w.p.TendKeys(ctx))
		w.clock.Advance(MinKeyAhead)
		w.must(w.p.TendKeys(ctx))
		for _, c := range []struct {
			after     time.Duration // since it retired
			published bool
			hint      bool
		}{{0, true, true}, {keyPublished - time.Second, true, true}, {keyPublished, false, true}, {keyForHints - time.Second, false, true}, {keyForHints, false, false}} {
			rows, err := w.p.keyRows(ctx)
			w.must(err)
			for _, r := range rows {
				if r.ID == kid {
					w.clock.Set(r.since().Add(c.after))
				}
			}
			w.p.keys.forget(w.acme.Tenant.ID)
			w.must(w.p.TendKeys(ctx))
			_, err = w.p.idTokenHint(ctx, hint)
			if listed := strings.Contains(w.get("/t/acme/keys").text, kid); listed != c.published || (err == nil) != c.hint {
				t.Errorf("after %s: published %v, hint %v", c.after, listed, err)
			}
			set, err := w.p.keySet(ctx)
			w.must(err)
			if err := set.verify(access, typAccess, &accessClaims{}); (err == nil) != c.published {
				t.Errorf("after %s: access token: %v", c.after, err)
			}
		}
	})
}

func headerOf(t testing.TB, token string) jose.Header {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Protected
}

// cachingVerifier is a resource server: it fetches the key set at most every five minutes,
// and does not look again for a key that it does not know.
type cachingVerifier struct {
	now   func() time.Time
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	at    time.Time
	loads int
}

func (v *cachingVerifier) verify(issuer, token string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now().Sub(v.at) >= 5*time.Minute {
		resp, err := http.Get(issuer + "/keys")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		v.set = jose.JSONWebKeySet{}
		if err := json.NewDecoder(resp.Body).Decode(&v.set); err != nil {
			return err
		}
		v.at, v.loads = v.now(), v.loads+1
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return err
	}
	keys := v.set.Key(jws.Signatures[0].Protected.KeyID)
	if len(keys) != 1 {
		return fmt.Errorf("key %s is not in the set fetched %s ago", jws.Signatures[0].Protected.KeyID, v.now().Sub(v.at))
	}
	_, err = jws.Verify(keys[0])
	return err
}

// load is an app under load: by turns at each replica it refreshes, and has what it gets,
// and all that still lives, verified.
type load struct {
	w        *world
	replicas []string
	refresh  string
	verifier cachingVerifier
	held     []heldToken
	turn     int
	verified int
}

type heldToken struct {
	token string
	until time.Time
}

func (l *load) step() error {
	l.turn++
	issuer := l.replicas[l.turn%len(l.replicas)]
	form := refreshForm(l.refresh)
	r, err := http.NewRequestWithContext(l.w.Context(), http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("web", l.w.secret["web"])
	var got struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := fetch(r, &got); err != nil {
		return err
	}
	l.refresh = got.Refresh
	now := l.w.clock.Now()
	l.held = append(l.held, heldToken{got.Access, now.Add(accessLife)}, heldToken{got.ID, now.Add(idTokenLife)})
	l.held = slices.DeleteFunc(l.held, func(h heldToken) bool { return !h.until.After(now) })
	for _, h := range l.held {
		if err := l.verifier.verify(l.replicas[0], h.token); err != nil {
			return err
		}
		l.verified++
	}
	return l.userinfo(now)
}

// userinfo shows a token to the replicas that did not make it.
func (l *load) userinfo(now time.Time) error {
	for i, issuer := range l.replicas {
		h := l.held[(l.turn+i)%len(l.held)]
		if headerOf(l.w, h.token).Algorithm != "ES256" {
			h = l.held[len(l.held)-2]
		}
		r, err := http.NewRequestWithContext(l.w.Context(), http.MethodGet, issuer+"/userinfo", nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+h.token)
		if err := fetch(r, &struct{}{}); err != nil {
			return fmt.Errorf("%w, %s before it ends", err, h.until.Sub(now))
		}
	}
	return nil
}

func fetch(r *http.Request, into any) error {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s %w", r.URL, resp.StatusCode, body, err)
	}
	return json.Unmarshal(body, into)
}

// SECURITY R71, F34: ten rotations under load, with verifiers that cache: 0 failed
// verifications.
func TestTenRotationsUnderLoad(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.p.KeyTimes, w.p.RSABits = KeyTimes{Ahead: MinKeyAhead, Life: -1}, 1024
		replicas := []*Provider{w.p, w.replica()}
		var issuers []string
		for _, p := range replicas {
			srv := httptest.NewServer(w.router(p))
			t.Cleanup(srv.Close)
			issuers = append(issuers, srv.URL+"/t/acme")
		}
		loads := make([]*load, 2)
		for i := range loads {
			_, a := w.tokensOf("web")
			loads[i] = &load{w: w, replicas: slices.Clone(issuers), refresh: a.str("refresh_token"), verifier: cachingVerifier{now: w.clock.Now}}
			if i%2 == 1 {
				slices.Reverse(loads[i].replicas)
			}
		}
		failed := 0
		for n := range 10 {
			if begun, err := w.p.RotateKeys(w.in(w.acme), "ada"); begun != 2 || err != nil {
				t.Fatal("rotation", n, begun, err)
			}
			for at := time.Duration(0); at <= MinKeyAhead+keysFor; at += time.Minute {
				failed += w.burst(t, replicas, loads)
				w.clock.Advance(time.Minute)
			}
		}
		verified, fetched := 0, 0
		for _, l := range loads {
			verified, fetched = verified+l.verified, fetched+l.verifier.loads
		}
		took := w.all("signing_key.took_over")
		t.Logf("%d rotations of 2 keys, %d refreshes, %d verifications by %d key sets fetched: %d failed", took/2, loads[0].turn*len(loads), verified, fetched, failed)
		if failed != 0 || took != 20 || verified < 3_000 {
			t.Error("failed", failed, "took over", took, "verified", verified)
		}
	})
}

// burst lets all apps and all jobs work at once.
func (w *world) burst(t *testing.T, replicas []*Provider, loads []*load) int {
	t.Helper()
	var wg sync.WaitGroup
	var failed atomic.Int64
	for _, l := range loads {
		wg.Go(func() {
			if err := l.step(); err != nil {
				failed.Add(1)
				t.Error(err)
			}
		})
	}
	w.together(replicas)
	wg.Wait()
	return int(failed.Load())
}

// all counts events of acme beyond what events lists.
func (w *world) all(kind string) (n int) {
	w.Helper()
	list, err := w.trail.List(w.in(w.acme), 10_000)
	w.must(err)
	for _, e := range list {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// An app that leaves it to the tenant gets ID tokens by the tenant's algorithm; one that
// does not, by its own (SPEC §7).
func TestIDTokenAlgOfTenant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		app := w.apps["web"]
		app.IDTokenAlg = tenants.AlgOfTenant
		w.put(w.store.PutClientApp(w.in(w.acme), &app))
		for _, alg := range []string{"RS256", "ES256"} {
			w.acme.Tenant.IDTokenAlg = alg
			w.put(w.store.PutTenant(w.in(w.acme), &w.acme.Tenant))
			w.store.Forget()
			_, a := w.tokensOf("web")
			_, own := w.tokensOf("es")
			if got := headerOf(t, a.str("id_token")).Algorithm; got != alg || headerOf(t, own.str("id_token")).Algorithm != "ES256" {
				t.Errorf("%s: signed by %s", alg, got)
			}
		}
		w.acme.Tenant.IDTokenAlg = "none"
		if _, err := w.store.PutTenant(w.in(w.acme), &w.acme.Tenant); !problem.Is(err, problem.Invalid) {
			t.Error("a tenant without signatures:", err)
		}
	})
}

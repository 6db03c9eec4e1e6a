package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) { testkit.CheckModels(t, url, &sessionRow{}, &linkRow{}) })
}

// world is a console on a real database, with issuers beside it that say what a test
// wants. How it goes with the real one is tested in cmd/twofold.
type world struct {
	*Console
	t     *testing.T
	url   string
	clock *testkit.Clock
	logs  *testkit.LogBuffer
	op    *issuers
	realm tenants.Realm // "system", as the first run makes it
	sue   tenants.User  // who may sign in there
	dead  map[string]bool
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

// plain is a factor that nothing is asked of here.
type plain struct{ twofactor.Factor }

func kind(name string, info twofactor.Info) twofactor.Provider {
	info.Type, info.Name = name, "The "+name
	if info.Strength == 0 {
		info.Strength = twofactor.StrengthAAL2
	}
	return twofactor.Define(info, struct{}{}, func(struct{}, twofactor.Env) (twofactor.Factor, error) { return plain{}, nil })
}

// demanding is of no use without options.
func demanding(name string, info twofactor.Info) twofactor.Provider {
	type options struct {
		URL string `json:"Url" label:"URL" required:"true"`
	}
	info.Type, info.Name, info.Strength = name, "The "+name, twofactor.StrengthAAL2
	return twofactor.Define(info, options{}, func(options, twofactor.Env) (twofactor.Factor, error) { return plain{}, nil })
}

func newWorld(t *testing.T, databaseURL string) *world {
	t.Helper()
	w := &world{t: t, clock: testkit.NewClock(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)), dead: map[string]bool{}}
	log, buf := testkit.Logs(t)
	w.logs = buf
	d, err := db.Open(t.Context(), databaseURL, db.Options{Now: w.clock.Now, Log: log, MaxConns: 6})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	s, err := seal.New(bytes.Repeat([]byte{3}, seal.KeySize))
	must(t, err)
	catalog := twofactor.NewCatalog(
		kind("app", twofactor.Info{Enrolls: true}), kind("paper", twofactor.Info{Enrolls: true, Fallback: true}), kind("letter", twofactor.Info{}),
		kind("phone", twofactor.Info{Enrolls: true, Needs: []twofactor.Attribute{twofactor.NeedsPhone}}), demanding("hook", twofactor.Info{Enrolls: true}),
	)
	store := tenants.New(tenants.Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Catalog: catalog, Gate: tenants.NewGate(), Argon2: tenants.Argon2{MemoryKiB: 64, Time: 1},
		Env: twofactor.Env{Origin: "https://id.example.test", Now: w.clock.Now, Rand: rand.Reader, Log: log},
	})
	pages, err := ui.New()
	must(t, err)
	root := mux.NewRouter().SkipClean(true)
	srv := httptest.NewServer(root)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	w.op = newIssuers(w)
	w.op.mount(root)
	w.Console, err = New(Config{
		DB: d, Seal: s, Now: w.clock.Now, Rand: rand.Reader, Log: log, Tenants: store, Audit: &audit.Trail{DB: d, Seal: s, Now: w.clock.Now},
		Admin: &admin.Admin{DB: d, Tenants: store, Now: w.clock.Now, Log: log, PublicURL: w.url}, UI: pages, PublicURL: w.url, HTTP: srv.Client(),
		Reference: func() Reference { return Reference{} },
		SessionLive: func(_ context.Context, tenantID, sid, userID string) (bool, error) {
			return tenantID == w.realm.Tenant.ID && userID == w.sue.ID && !w.dead[sid], nil
		},
	})
	must(t, err)
	// Before all else below /admin, where there is nothing after it.
	root.HandleFunc("/admin/things", w.page(w.signedIn(w.thing))).Methods(http.MethodGet, http.MethodPost)
	w.Mount(root)
	return w
}

// thing is a page that says who is signed in, and counts as done what is posted.
func (w *world) thing(rw http.ResponseWriter, r *http.Request, s *Session) error {
	if r.URL.Query().Has("sensitive") && w.clock.Now().Sub(s.AuthTime) > admin.FreshFor {
		return admin.ErrAgain
	}
	_, err := rw.Write([]byte("thing " + r.Method + " " + s.User.Name + " " + s.SID))
	return err
}

// populate makes the first run, and sue, who administers.
func (w *world) populate() *world {
	w.t.Helper()
	_, err := w.FirstRun(w.t.Context(), "")
	must(w.t, err)
	w.realm, err = w.Tenants.RealmByName(w.t.Context(), firstTenant)
	must(w.t, err)
	w.sue = tenants.User{Name: "sue", DisplayName: "Sue Root", Kind: tenants.Person, Active: true}
	_, err = w.Tenants.PutUser(w.in(), &w.sue)
	must(w.t, err)
	_, err = w.Tenants.Link(w.in(), tenants.LinkTenantMember, w.realm.Tenant.ID, w.sue.ID)
	must(w.t, err)
	return w
}

func (w *world) in() context.Context { return tenants.WithRealm(w.t.Context(), w.realm) }

// signedIn signs a new browser in.
func (w *world) browser() *testkit.Client {
	w.t.Helper()
	c := testkit.NewClient(w.t)
	if page := c.Get(w.url + "/admin/things").Follow(); !strings.HasPrefix(page.Body, "thing GET sue ") {
		w.t.Fatalf("not signed in: %d %s", page.Status, page.Text)
	}
	return c
}

// in or out: what a browser gets.
func (w *world) isIn(c *testkit.Client) bool {
	return strings.HasPrefix(c.Get(w.url+"/admin/things").Body, "thing GET sue ")
}

func (w *world) count(table string) (n int) {
	w.t.Helper()
	must(w.t, w.DB.SQL().QueryRowContext(w.t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// events lists the kinds in the trail of the tenant, the newest first.
func (w *world) events() (out []string) {
	w.t.Helper()
	list, err := w.Audit.List(w.in(), 100)
	must(w.t, err)
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

// issuers answer for every tenant, at once and in order, but for what a test changes.
type issuers struct {
	w   *world
	key *rsa.PrivateKey
	sid string

	mu    sync.Mutex
	asked url.Values            // the last request
	codes map[string]url.Values // to exchange
	// Changes to what is answered; nil: none.
	answer func(q url.Values)                   // the redirect
	claims func(c map[string]any)               // the ID token
	sign   func(claims map[string]any) string   // in place of our signature
	token  func(body map[string]any) (code int) // the token response
}

var opKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newIssuers(w *world) *issuers {
	return &issuers{w: w, key: opKey(), sid: id.New(), codes: map[string]url.Values{}}
}

func (o *issuers) mount(r *mux.Router) {
	t := r.PathPrefix("/t/{tenant}").Subrouter()
	t.HandleFunc("/.well-known/openid-configuration", o.discovery)
	t.HandleFunc("/keys", o.keys)
	t.HandleFunc("/authorize", o.authorize)
	t.HandleFunc("/token", o.exchange)
	t.HandleFunc("/end_session", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("end " + r.URL.RawQuery)) })
}

func (o *issuers) issuer(r *http.Request) string { return o.w.url + "/t/" + mux.Vars(r)["tenant"] }

func (o *issuers) discovery(w http.ResponseWriter, r *http.Request) {
	iss := o.issuer(r)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": iss, "authorization_endpoint": iss + "/authorize", "token_endpoint": iss + "/token", "jwks_uri": iss + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"},
	})
}

func (o *issuers) keys(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
}

func (o *issuers) authorize(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = r.URL.Query()
	code := id.New()
	o.codes[code] = o.asked
	q := url.Values{"code": {code}, "state": {o.asked.Get("state")}, "iss": {o.issuer(r)}}
	if o.answer != nil {
		o.answer(q)
	}
	http.Redirect(w, r, o.asked.Get("redirect_uri")+"?"+q.Encode(), http.StatusSeeOther)
}

func (o *issuers) exchange(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	asked, ok := o.codes[r.PostFormValue("code")]
	delete(o.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	w.Header().Set("Content-Type", "application/json")
	if !ok || r.PostFormValue("client_id") != asked.Get("client_id") || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	now, hash := o.w.clock.Now(), sha256.Sum256([]byte("access"))
	claims := map[string]any{
		"iss": o.issuer(r), "sub": o.w.sue.ID, "aud": asked.Get("client_id"), "nonce": asked.Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"auth_time": now.Unix(), "acr": "urn:twofold:acr:aal2", "amr": []string{"pwd", "otp"}, "sid": o.sid,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if o.claims != nil {
		o.claims(claims)
	}
	sign := o.sign
	if sign == nil {
		sign = func(c map[string]any) string { return o.signed(jose.RS256, o.key, "k", c) }
	}
	body := map[string]any{"token_type": "Bearer", "access_token": "access", "id_token": sign(claims)}
	if o.token != nil {
		w.WriteHeader(o.token(body))
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (o *issuers) signed(alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	must(o.w.t, err)
	text, err := json.Marshal(claims)
	must(o.w.t, err)
	jws, err := s.Sign(text)
	must(o.w.t, err)
	out, err := jws.CompactSerialize()
	must(o.w.t, err)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode checks that an error is the problem of this code; empty: none.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if code == "" && err == nil || err != nil && problem.From(err).Code == code {
		return
	}
	t.Errorf("got %v, want %q", err, code)
}

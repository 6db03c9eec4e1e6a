package op

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
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

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the library logs every refusal there
	os.Exit(testkit.Main(m))
}

const (
	publicURL   = "https://id.example"
	appCallback = "https://app.example/cb"
	verifier    = "a-verifier-of-forty-three-characters-or-more"
)

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// pair are two RSA keys, made once: one per tenant.
var pair = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// world is a provider with two tenants of one subscription, users and client apps.
type world struct {
	testing.TB
	db           *db.DB
	clock        *testkit.Clock
	store        *tenants.Store
	trail        *audit.Trail
	p            *Provider
	http         http.Handler
	acme, globex tenants.Realm
	apps         map[string]tenants.ClientApp
	secret       map[string]string
	ada, bob     tenants.User
	keys         clientKeys
}

type clientKeys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

// session is a row of package idp's table, as far as grants depend on it.
type session struct {
	TenantID, ID, TokenHash, UserID                       string
	IDPID                                                 string `gorm:"column:idp_id"`
	Proofs, Address, UserAgent                            string
	AuthTime, CreatedAt, SeenAt, IdleExpiresAt, ExpiresAt time.Time
	EndedAt                                               *time.Time
}

func (session) TableName() string { return "sessions" }

func eachWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		t.Helper()
		f(t, newWorld(t, url))
	})
}

func newWorld(t testing.TB, dbURL string) *world {
	t.Helper()
	w := &world{TB: t, clock: testkit.NewClock(time.Now()), apps: map[string]tenants.ClientApp{}, secret: map[string]string{}}
	var err error
	w.db, err = db.Open(t.Context(), dbURL, db.Options{Now: w.clock.Now})
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	sealer, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	w.store = tenants.New(tenants.Config{DB: w.db, Seal: sealer, Now: w.clock.Now, Rand: rand.Reader, Log: log, Gate: tenants.NewGate()})
	w.trail = &audit.Trail{DB: w.db, Seal: sealer, Now: w.clock.Now}
	w.p, err = New(Config{
		DB: w.db, Seal: sealer, Now: w.clock.Now, Rand: rand.Reader, Log: log, Tenants: w.store, Audit: w.trail,
		Guarded: http.DefaultClient, PublicURL: publicURL, RSABits: 2048, NewRSA: testkit.RSA,
	})
	w.must(err)
	w.populate()
	w.http = w.router(w.p)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// router stands in for package idp: it puts the tenant into the context.
func (w *world) router(p *Provider) http.Handler {
	r := mux.NewRouter()
	sub := r.PathPrefix("/t/{tenant}").Subrouter()
	sub.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			realm, err := w.store.RealmByName(r.Context(), mux.Vars(r)["tenant"])
			if err != nil {
				http.NotFound(rw, r)
				return
			}
			next.ServeHTTP(rw, r.WithContext(tenants.WithRealm(r.Context(), realm)))
		})
	})
	p.Mount(sub)
	return r
}

func (w *world) populate() {
	w.Helper()
	sub := tenants.Subscription{Name: "sub", Title: "Sub", Active: true}
	w.put(w.store.PutSubscription(w.Context(), &sub))
	ctx := db.WithScope(w.Context(), db.Scope{Subscription: sub.ID})
	for i, name := range []string{"acme", "globex"} {
		t := tenants.Tenant{Name: name, Title: name, SessionSeconds: 86400, IdleSeconds: 3600, Active: true}
		w.put(w.store.PutTenant(ctx, &t))
		realm := tenants.Realm{Subscription: sub, Tenant: t}
		rctx := tenants.WithRealm(w.Context(), realm)
		row, err := w.p.keyRow(rctx, jose.RS256, keyActive, pair()[i])
		w.must(err)
		w.must(w.db.For(rctx).Create(&row).Error)
		w.must(w.p.createKey(rctx, jose.ES256))
		if i == 0 {
			w.acme = realm
		} else {
			w.globex = realm
		}
	}
	w.users(ctx)
	w.clientApps(ctx)
}

func (w *world) put(_ tenants.Difference, err error) {
	w.Helper()
	w.must(err)
}

func (w *world) users(ctx context.Context) {
	w.Helper()
	w.ada = tenants.User{
		Name: "ada", Kind: tenants.Person, DisplayName: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace",
		Email: "ada@acme.example", EmailVerified: true, Phone: "+41791234567", Locale: "en-GB", Active: true,
	}
	w.bob = tenants.User{Name: "bob", Kind: tenants.Person, DisplayName: "Bob", Active: true}
	var ids []string
	for _, u := range []*tenants.User{&w.ada, &w.bob} {
		w.put(w.store.PutUser(ctx, u))
		ids = append(ids, u.ID)
	}
	for _, r := range []tenants.Realm{w.acme, w.globex} {
		w.put(w.store.SetTenantMembers(ctx, r.Tenant.ID, ids))
	}
	for _, name := range []string{"staff", "admins"} {
		g := tenants.Group{Name: name}
		w.put(w.store.PutGroup(ctx, &g))
		w.put(w.store.SetGroupMembers(ctx, g.ID, ids[:1]))
	}
}

func (w *world) clientApps(ctx context.Context) {
	w.Helper()
	w.makeClientKeys()
	code := tenants.List{tenants.GrantCode, tenants.GrantRefresh}
	all := tenants.List{"profile", "email", "phone", "groups", "api", "api.write"}
	web := func(name string, change func(*tenants.ClientApp)) tenants.ClientApp {
		a := tenants.ClientApp{
			Name: name, Title: name, Type: tenants.AppWeb, ClientID: name, AuthMethod: tenants.AuthBasic, GrantTypes: code,
			RedirectURIs:           tenants.List{appCallback, "https://app.example/a%20b", "https://app.example/q?x=1"},
			PostLogoutRedirectURIs: tenants.List{"https://app.example/out"}, Scopes: all, IDTokenAlg: "RS256", Active: true,
		}
		if change != nil {
			change(&a)
		}
		return a
	}
	var ids []string
	for _, a := range []tenants.ClientApp{
		web("web", nil),
		web("other", nil),
		web("post", func(a *tenants.ClientApp) { a.AuthMethod = tenants.AuthPost }),
		web("old", func(a *tenants.ClientApp) { a.PKCEOptional = true }),
		web("es", func(a *tenants.ClientApp) { a.IDTokenAlg, a.IDTokenProfile = "ES256", true }),
		web("norefresh", func(a *tenants.ClientApp) { a.GrantTypes = tenants.List{tenants.GrantCode} }),
		web("bare", func(a *tenants.ClientApp) { a.Scopes = nil }),
		web("rs", func(a *tenants.ClientApp) { a.Scopes = tenants.List{"introspect", "profile"} }),
		web("odd client+id%", nil),
		web("par", func(a *tenants.ClientApp) { a.RequirePAR = true }),
		web("apis", func(a *tenants.ClientApp) {
			a.Resources = tenants.List{"https://api.example", "https://billing.example/v1", "urn:example:stock"}
			a.GrantTypes = append(a.GrantTypes, tenants.GrantClientCredentials)
		}),
		web("spa", func(a *tenants.ClientApp) {
			a.Type, a.AuthMethod, a.RedirectURIs = tenants.AppSPA, tenants.AuthNone, tenants.List{"https://spa.example:443/cb", "http://localhost:3000/cb"}
		}),
		web("native", func(a *tenants.ClientApp) {
			a.Type, a.AuthMethod = tenants.AppNative, tenants.AuthNone
			a.RedirectURIs = tenants.List{"http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"}
		}),
		web("jwt", func(a *tenants.ClientApp) {
			a.AuthMethod, a.JWKS = tenants.AuthPrivateKeyJWT, w.clientJWKS()
			a.GrantTypes = append(a.GrantTypes, tenants.GrantClientCredentials)
		}),
		web("machine", func(a *tenants.ClientApp) {
			a.Type, a.GrantTypes = tenants.AppMachine, tenants.List{tenants.GrantClientCredentials}
			a.RedirectURIs, a.Scopes = nil, tenants.List{"read", "write", "profile"}
		}),
	} {
		a.ClientID = strings.ReplaceAll(a.ClientID, " ", "-")
		w.put(w.store.PutClientApp(ctx, &a))
		if !a.Public() && a.AuthMethod != tenants.AuthPrivateKeyJWT {
			s, err := w.store.AddClientSecret(ctx, a.ID)
			w.must(err)
			w.secret[a.Name] = s
		}
		w.apps[a.Name] = a
		ids = append(ids, a.ID)
	}
	w.put(w.store.SetTenantClientApps(ctx, w.acme.Tenant.ID, ids))
	w.put(w.store.SetTenantClientApps(ctx, w.globex.Tenant.ID, ids[:1])) // web is at both
}

func (w *world) makeClientKeys() {
	w.Helper()
	var err error
	w.keys.rsa = pair()[1]
	w.keys.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	_, w.keys.ed, err = ed25519.GenerateKey(rand.Reader)
	w.must(err)
}

func (w *world) clientJWKS() string {
	w.Helper()
	var set jose.JSONWebKeySet
	for kid, k := range map[string]crypto.Signer{"rsa": w.keys.rsa, "ec": w.keys.ec, "ed": w.keys.ed} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: kid, Use: "sig"})
	}
	text, err := json.Marshal(set)
	w.must(err)
	return string(text)
}

// in is a context inside a tenant, as package idp makes it.
func (w *world) in(r tenants.Realm) context.Context { return tenants.WithRealm(w.Context(), r) }

// newSession starts a session of a user at acme.
func (w *world) newSession(u tenants.User) session {
	w.Helper()
	now := w.clock.Now()
	s := session{
		ID: id.New(), TokenHash: id.New(), UserID: u.ID, AuthTime: now, CreatedAt: now, SeenAt: now,
		IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(24 * time.Hour),
	}
	w.must(w.db.For(w.in(w.acme)).Create(&s).Error)
	return s
}

// asked are the parameters of a good authorization request of an app.
func asked(app tenants.ClientApp, more ...string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]},
		"scope": {"openid profile email offline_access"}, "state": {"st&=1"}, "nonce": {"n-1"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func (w *world) authorize(v url.Values) (AuthRequest, *Response, error) {
	w.Helper()
	return w.authorizeIn(w.acme, v)
}

func (w *world) authorizeIn(realm tenants.Realm, v url.Values) (AuthRequest, *Response, error) {
	w.Helper()
	ctx := w.in(realm)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/t/x/authorize?"+v.Encode(), nil)
	return w.p.Authorize(ctx, r)
}

// granted is a sign-in that came to its end: a code, and what it was made with.
type granted struct {
	app     tenants.ClientApp
	code    string
	session session
	resp    Response
	values  url.Values
}

// signIn runs the interactive half for ada and returns the code.
func (w *world) signIn(app string, more ...string) granted {
	w.Helper()
	a := w.apps[app]
	v := asked(a, more...)
	req, refused, err := w.authorize(v)
	w.must(err)
	if refused != nil {
		w.Fatalf("refused: %+v", refused)
	}
	s := w.newSession(w.ada)
	resp, err := w.p.Grant(w.in(w.acme), req.ID, Authentication{
		UserID: w.ada.ID, SessionID: s.ID, ACR: "urn:twofold:acr:aal2", AMR: []string{"pwd", "otp", "mfa"}, AuthTime: s.AuthTime,
	})
	w.must(err)
	return granted{app: a, code: fieldOf(w, resp, "code"), session: s, resp: resp, values: v}
}

// fieldOf reads one field of a response, whatever its mode.
func fieldOf(t testing.TB, r Response, name string) string {
	t.Helper()
	for _, f := range r.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	u, err := url.Parse(r.RedirectURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

// answer is a decoded answer of a machine endpoint.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (a answer) str(name string) string { s, _ := a.body[name].(string); return s }

func (w *world) send(r *http.Request) answer {
	w.Helper()
	rec := httptest.NewRecorder()
	w.http.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Header(), text: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.body)
	return a
}

// post sends a form to an endpoint of acme with the app's own authentication.
func (w *world) post(path, app string, form url.Values) answer {
	w.Helper()
	return w.send(w.form(w.Context(), "acme", path, app, form))
}

func (w *world) form(ctx context.Context, tenant, path, app string, form url.Values) *http.Request {
	w.Helper()
	a, body := w.apps[app], url.Values{}
	for k, v := range form {
		body[k] = v
	}
	switch a.AuthMethod {
	case tenants.AuthPost:
		body.Set("client_id", a.ClientID)
		body.Set("client_secret", w.secret[app])
	case tenants.AuthNone:
		body.Set("client_id", a.ClientID)
	case tenants.AuthPrivateKeyJWT:
		body.Set("client_assertion_type", assertionType)
		body.Set("client_assertion", w.assertion("ec", nil))
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/t/"+tenant+path, strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.AuthMethod == tenants.AuthBasic {
		r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(w.secret[app]))
	}
	return r
}

// codeForm is the exchange of a code as its app would do it.
func (g granted) codeForm(more ...string) url.Values {
	v := url.Values{
		"grant_type": {"authorization_code"}, "code": {g.code}, "redirect_uri": {g.values.Get("redirect_uri")}, "code_verifier": {verifier},
	}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// tokensOf signs in and exchanges the code.
func (w *world) tokensOf(app string, more ...string) (granted, answer) {
	w.Helper()
	g := w.signIn(app, more...)
	a := w.post("/token", app, g.codeForm())
	if a.status != http.StatusOK {
		w.Fatalf("exchange: %d %s", a.status, a.text)
	}
	return g, a
}

func refreshForm(token string, more ...string) url.Values {
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func (w *world) userinfo(token string) answer {
	w.Helper()
	return w.userinfoAt("acme", token)
}

func (w *world) userinfoAt(tenant, token string) answer {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), http.MethodGet, "/t/"+tenant+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.send(r)
}

// assertion makes a client assertion of the app jwt.
func (w *world) assertion(kid string, change func(map[string]any)) string {
	w.Helper()
	now := w.clock.Now().Unix()
	c := map[string]any{
		"iss": "jwt", "sub": "jwt", "aud": publicURL + "/t/acme", "jti": id.New(), "iat": now, "exp": now + 60,
	}
	if change != nil {
		change(c)
	}
	var key jose.SigningKey
	switch kid {
	case "rsa":
		key = jose.SigningKey{Algorithm: jose.RS256, Key: w.keys.rsa}
	case "ps":
		kid, key = "rsa", jose.SigningKey{Algorithm: jose.PS256, Key: w.keys.rsa}
	case "ec":
		key = jose.SigningKey{Algorithm: jose.ES256, Key: w.keys.ec}
	default:
		key = jose.SigningKey{Algorithm: jose.EdDSA, Key: w.keys.ed}
	}
	return w.signed(key, (&jose.SignerOptions{}).WithHeader("kid", kid), c)
}

func (w *world) signed(key jose.SigningKey, opts *jose.SignerOptions, claims any) string {
	w.Helper()
	s, err := jose.NewSigner(key, opts)
	w.must(err)
	payload, err := json.Marshal(claims)
	w.must(err)
	jws, err := s.Sign(payload)
	w.must(err)
	text, err := jws.CompactSerialize()
	w.must(err)
	return text
}

// claimsOf reads a token without verifying it.
func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// events are the kinds in acme's trail, newest first.
func (w *world) events() []string {
	w.Helper()
	list, err := w.trail.List(w.in(w.acme), 100)
	w.must(err)
	var out []string
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

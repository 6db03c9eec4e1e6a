package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/fakes"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
)

func TestMain(m *testing.M) {
	if os.Getenv("TWOFOLD_TEST_EXEC") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) // this binary as the command itself
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the protocol library logs there
	os.Exit(testkit.Main(m))
}

// world is a whole Twofold in this process, on a real database, with a real mail
// server and strict fakes around it.
type world struct {
	*house
	t      testing.TB
	url    string // public URL
	clock  *testkit.Clock
	logs   *testkit.LogBuffer
	inbox  *fakes.Inbox
	smtp   *fakes.SMTP
	twilio *fakes.Twilio
	ecall  *fakes.ECall
	sub    tenants.Subscription
	ids    map[string]string // "tenant acme" → id

	catalog     twofactor.Catalog // nil: the built-in one
	masterKeys  [][]byte          // nil: testKey
	databaseURL string
	stopWork    func() // stops outbox and sweeps, waits for them
}

const (
	password    = "correct horse battery staple"
	redirectURI = "http://127.0.0.1:1/cb"
	secret      = "tfs_0123456789abcdef0123456789abcdef0123456789a"
)

// stores of the worlds' sealers: all replicas of a test share one key.
var testKey = []byte("0123456789abcdef0123456789abcdef")

// newWorld starts one replica on a fresh database with a subscription "sample".
func newWorld(t testing.TB, databaseURL string) *world {
	t.Helper()
	return newWorldWith(t, databaseURL, nil)
}

// newWorldWith has a catalogue of its own.
func newWorldWith(t testing.TB, databaseURL string, catalog twofactor.Catalog) *world {
	t.Helper()
	w := &world{
		t: t, clock: testkit.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), inbox: &fakes.Inbox{}, ids: map[string]string{},
		catalog: catalog,
	}
	var err error
	if w.smtp, err = fakes.StartSMTP(fakes.SMTPOptions{Inbox: w.inbox, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.smtp.Close() })
	w.twilio = &fakes.Twilio{AccountSid: "AC" + strings.Repeat("0", 32), AuthToken: "twilio-token", Inbox: w.inbox, Now: w.clock.Now}
	w.ecall = &fakes.ECall{Account: "ecall", Password: "ecall-password", Inbox: w.inbox, Now: w.clock.Now}
	w.replica(databaseURL)
	w.sub = tenants.Subscription{Name: "sample", Title: "Sample Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &w.sub))
	w.ids["subscription sample"] = w.sub.ID
	return w
}

// replica builds a house on the database and serves it.
func (w *world) replica(databaseURL string) {
	t := w.t
	mux := http.NewServeMux()
	vendors := httptest.NewServer(mux)
	t.Cleanup(vendors.Close)
	mux.Handle("/twilio/", http.StripPrefix("/twilio", w.twilio))
	mux.Handle("/ecall/", http.StripPrefix("/ecall", w.ecall))
	srv := httptest.NewUnstartedServer(nil)
	w.url = "http://" + srv.Listener.Addr().String()
	log, buf := testkit.Logs(t)
	w.logs = buf
	if w.masterKeys == nil {
		w.masterKeys = [][]byte{testKey}
	}
	sealer, err := seal.New(w.masterKeys...)
	if err != nil {
		t.Fatal(err)
	}
	w.house, err = build(context.Background(), parts{
		DatabaseURL: databaseURL, Seal: sealer, Log: log, Now: w.clock.Now, Catalog: w.catalog, RSABits: 2048, NewRSA: testkit.RSA, Argon2: hashing(t),
		providerFlags: providerFlags{PublicURL: w.url, endpointFlags: endpointFlags{
			EndpointTwilio: vendors.URL + "/twilio", EndpointEcall: vendors.URL + "/ecall",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := w.house
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.work(ctx); close(done) }()
	w.databaseURL, w.stopWork = databaseURL, func() { stop(); <-done }
	srv.Config.Handler = w.handler(false, nil)
	srv.Start()
	t.Cleanup(func() { srv.Close(); stop(); <-done; _ = h.close() })
}

// hashing is cheap but for benchmarks: hashes are tried in package tenants.
func hashing(t testing.TB) tenants.Argon2 {
	if _, ok := t.(*testing.B); ok {
		return tenants.Argon2{}
	}
	return tenants.Argon2{MemoryKiB: 64, Time: 1}
}

func (w *world) must(_ tenants.Difference, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// ctx is the subscription's scope.
func (w *world) ctx() context.Context {
	return db.WithScope(context.Background(), db.Scope{Subscription: w.sub.ID})
}

// in is a tenant's scope.
func (w *world) in(tenant string) context.Context {
	return db.WithScope(context.Background(), db.Scope{Subscription: w.sub.ID, Tenant: w.ids["tenant "+tenant]})
}

// tenant makes a tenant with the IDP "staff", the app "expenses" and these users.
func (w *world) tenant(name string, users ...string) {
	w.t.Helper()
	v := tenants.Tenant{Name: name, Title: strings.ToUpper(name[:1]) + name[1:], SessionSeconds: 86400, IdleSeconds: 3600, SMSCountries: tenants.List{"CH"}, Active: true}
	w.must(w.tenants.PutTenant(w.ctx(), &v))
	w.ids["tenant "+name] = v.ID
	if w.ids["idp staff"] == "" {
		w.idp_("staff")
		w.app(tenants.ClientApp{Name: "expenses", Title: "Expenses"})
	}
	w.must(w.tenants.SetTenantIDPs(w.ctx(), v.ID, []string{w.ids["idp staff"]}))
	w.must(w.tenants.SetTenantClientApps(w.ctx(), v.ID, []string{w.ids["client_app expenses"]}))
	var members []string
	for _, u := range users {
		members = append(members, w.user(tenants.User{Name: u}))
	}
	w.must(w.tenants.SetTenantMembers(w.ctx(), v.ID, members))
}

func (w *world) idp_(name string) {
	v := tenants.IDP{Name: name, Title: name, Type: tenants.IDPLocal, Active: true}
	w.must(w.tenants.PutIDP(w.ctx(), &v))
	w.ids["idp "+name] = v.ID
}

// app makes or changes a web app with the test's secret.
func (w *world) app(v tenants.ClientApp) string {
	w.t.Helper()
	if v.Type == "" {
		v.Type = tenants.AppWeb
	}
	if v.AuthMethod == "" {
		v.AuthMethod = tenants.AuthBasic
	}
	if v.Title == "" {
		v.Title = v.Name
	}
	if v.IDTokenAlg == "" {
		v.IDTokenAlg = "RS256"
	}
	v.ClientID, v.Active = v.Name, true
	if v.GrantTypes == nil {
		v.GrantTypes = tenants.List{tenants.GrantCode, tenants.GrantRefresh}
	}
	v.Scopes = tenants.List{"openid", "profile", "email", "phone", "groups", "offline_access"}
	if v.RedirectURIs == nil {
		v.RedirectURIs = tenants.List{redirectURI}
	}
	v.PostLogoutRedirectURIs = tenants.List{"http://127.0.0.1:1/bye"}
	w.must(w.tenants.PutClientApp(w.ctx(), &v))
	w.ids["client_app "+v.Name] = v.ID
	if v.AuthMethod != tenants.AuthNone {
		if err := w.tenants.PutClientSecret(w.ctx(), v.ID, secret, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	return v.ID
}

// user makes a person at "staff" with mail, phone and the test's password.
func (w *world) user(v tenants.User) string {
	w.t.Helper()
	if v.Kind == "" {
		v.Kind, v.Active = tenants.Person, true
	}
	v.DisplayName = strings.ToUpper(v.Name[:1]) + v.Name[1:]
	if v.Email == "" {
		v.Email, v.EmailVerified = v.Name+"@example.test", true
	}
	if v.Phone == "" {
		sum := sha256.Sum256([]byte(v.Name))
		v.Phone, v.PhoneVerified = fmt.Sprintf("+4179%07d", (int(sum[0])<<16|int(sum[1])<<8|int(sum[2]))%10_000_000), true
	} else if v.Phone == "none" {
		v.Phone = ""
	}
	w.must(w.tenants.PutUser(w.ctx(), &v))
	w.must(w.tenants.SetIdentities(w.ctx(), v, []string{w.ids["idp staff"]}))
	if err := w.tenants.SetPassword(w.ctx(), v, password, true); err != nil {
		w.t.Fatal(err)
	}
	w.ids["user "+v.Name] = v.ID
	return v.ID
}

// factor makes an instance of a type with working options.
func (w *world) factor(name, factorType string) string {
	w.t.Helper()
	o := map[string]any{
		"email": map[string]any{"EMailSenderAddress": "noreply@example.test", "MailServerConfig": map[string]any{
			"MailType": "SMTP", "Host": w.smtp.Host(), "Port": w.smtp.Port(), "EnableSSL": false, "Timeout": 5000,
		}},
		"twilio": map[string]any{"TwilioAccountSid": w.twilio.AccountSid, "TwilioAuthToken": w.twilio.AuthToken, "TwilioSmsFromNumber": "+15005550006"},
		"ecall":  map[string]any{"ECallAccountName": w.ecall.Account, "ECallAccountPassword": w.ecall.Password, "ECallAccountFromNumber": "Acme"},
	}[factorType]
	return w.factorWith(name, factorType, true, o)
}

func (w *world) factorWith(name, factorType string, active bool, options any) string {
	w.t.Helper()
	text, err := json.Marshal(options)
	if err != nil {
		w.t.Fatal(err)
	}
	var o tenants.Options
	if err := json.Unmarshal(text, &o); err != nil {
		w.t.Fatal(err)
	}
	v := tenants.TwoFactor{Name: name, Type: factorType, Active: active}
	w.must(w.tenants.PutTwoFactor(w.ctx(), &v, o))
	w.ids["two_factor "+name] = v.ID
	return v.ID
}

// assign assigns an instance to a target such as "tenant acme".
func (w *world) assign(factor, target string, required bool) {
	w.t.Helper()
	level, _, _ := strings.Cut(target, " ")
	v := tenants.Assignment{TwoFactorID: w.ids["two_factor "+factor], Level: tenants.Level(level), TargetID: w.ids[target], Required: required}
	if v.TwoFactorID == "" || v.TargetID == "" {
		w.t.Fatalf("assign %s to %s: no such thing", factor, target)
	}
	w.must(w.tenants.PutAssignment(w.ctx(), &v))
}

// rp is a relying party's side of one authorization.
type rp struct {
	w        *world
	tenant   string
	app      string
	verifier string
	state    string
	nonce    string
	extra    url.Values
	at       string       // another address of the tenant than the one below w.url; empty: that one
	http     *http.Client // that finds it; nil: the usual one
}

func (w *world) rp(tenant, app string) *rp {
	return &rp{w: w, tenant: tenant, app: app, verifier: strings.Repeat("v", 43), state: "state-1", nonce: "nonce-1", extra: url.Values{}}
}

func (p *rp) with(k, v string) *rp { p.extra.Set(k, v); return p }

func (p *rp) base() string {
	if p.at != "" {
		return p.at
	}
	return p.w.url + "/t/" + p.tenant
}

func (p *rp) authorizeURL() string {
	sum := sha256.Sum256([]byte(p.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.app}, "redirect_uri": {redirectURI}, "scope": {"openid profile email offline_access"},
		"state": {p.state}, "nonce": {p.nonce}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	for k, v := range p.extra {
		q[k] = v
	}
	return p.base() + "/authorize?" + q.Encode()
}

// callback reads the answer to the app out of a redirect.
func (p *rp) callback(page *testkit.Page) url.Values {
	p.w.t.Helper()
	loc := page.Header.Get("Location")
	if !strings.HasPrefix(loc, redirectURI) {
		p.w.t.Fatalf("not sent back to the app: %d %s\n%s", page.Status, loc, page.Text)
	}
	u, err := url.Parse(loc)
	if err != nil {
		p.w.t.Fatal(err)
	}
	if got := u.Query().Get("state"); got != p.state {
		p.w.t.Fatalf("state %q", got)
	}
	if got := u.Query().Get("iss"); got != p.base() {
		p.w.t.Fatalf("iss %q, want %q", got, p.base())
	}
	return u.Query()
}

type tokens struct {
	Status      int
	AccessToken string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	IDToken     string `json:"id_token"`
	Error       string `json:"error"`
}

func (p *rp) token(form url.Values) tokens {
	p.w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.base()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.app, secret)
	client := p.http
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := tokens{Status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		p.w.t.Fatal(err)
	}
	return out
}

func (p *rp) exchange(code string) tokens {
	return p.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {p.verifier}})
}

// claims reads an ID token without checking its signature: real clients do that.
func claims(t testing.TB, idToken string) map[string]any {
	t.Helper()
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", idToken)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

var digits = regexp.MustCompile(`\b\d{6}\b`)

// code waits for the newest message to an address and reads its code.
func (w *world) code(to string) string {
	w.t.Helper()
	return w.newCode(to)
}

// newCode waits for a code to an address that is none of these.
func (w *world) newCode(to string, but ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := w.inbox.Wait(ctx, func(m fakes.Message) bool {
		code := digits.FindString(m.Text)
		return m.To == to && code != "" && !slices.Contains(but, code)
	})
	if err != nil {
		w.t.Fatalf("no code to %s: %v", to, err)
	}
	return digits.FindString(m.Text)
}

// signIn opens the app's request and gives name and password; it returns what follows.
func (p *rp) signIn(c *testkit.Client, name string) *testkit.Page {
	p.w.t.Helper()
	page := c.Get(p.authorizeURL()).Follow()
	if len(page.Forms) == 0 {
		p.w.t.Fatalf("no form at %s: %d %s", page.URL, page.Status, page.Text)
	}
	return page.Forms[0].Set("username", name).Set("password", password).Press("Sign in")
}

package main

import (
	"bytes"
	"context"
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

	"twofold/internal/fakes"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// arena is what all rows of the matrix share on one database: two replicas, two
// subscriptions, three tenants, and an instance of every type of factor. Rows bring
// users of their own, so that none disturbs another.
type arena struct {
	*world                // "acme" and "globex" of the subscription "sample"
	rival  *world         // "initech" of the subscription "rival", in the same house
	addrs  []string       // where the two replicas listen
	second *house         // the other replica
	hook   *fakes.Webhook // of the instance "hook", mode deliver
	decide *fakes.Webhook // of the instance "decide", mode decide
	book   *book
	hash   string // of the test's password
}

const hookSecret = "signing-secret-of-the-hook-0123456789"

// newArena starts it. Its address is a host name, for passkeys have no other.
func newArena(t *testing.T, databaseURL string) *arena {
	t.Helper()
	w := &world{
		t: t, clock: testkit.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), inbox: &fakes.Inbox{}, ids: map[string]string{},
		databaseURL: databaseURL,
	}
	a := &arena{world: w, book: &book{}}
	var err error
	if w.smtp, err = fakes.StartSMTP(fakes.SMTPOptions{Inbox: w.inbox, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.smtp.Close() })
	w.twilio = &fakes.Twilio{AccountSid: "AC" + strings.Repeat("0", 32), AuthToken: "twilio-token", Inbox: w.inbox, Now: w.clock.Now}
	w.ecall = &fakes.ECall{Account: "ecall", Password: "ecall-password", Inbox: w.inbox, Now: w.clock.Now}
	a.hook = &fakes.Webhook{Secret: hookSecret, Now: w.clock.Now}
	a.decide = &fakes.Webhook{Secret: hookSecret, Now: w.clock.Now}
	log, logs := testkit.Logs(t)
	w.logs = logs
	first, second := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	for _, s := range []*httptest.Server{first, second} {
		a.addrs = append(a.addrs, s.Listener.Addr().String())
	}
	_, port, _ := strings.Cut(a.addrs[0], ":")
	w.url = "http://localhost:" + port
	vendors := a.vendors(t)
	for _, s := range []*httptest.Server{first, second} {
		sealer, err := seal.New(testKey)
		if err != nil {
			t.Fatal(err)
		}
		h, err := build(t.Context(), parts{
			DatabaseURL: databaseURL, Seal: sealer, Log: log, Now: w.clock.Now, RSABits: 2048, NewRSA: testkit.RSA, Argon2: hashing(t),
			providerFlags: providerFlags{
				PublicURL: w.url, AllowPrivateAddresses: []string{"127.0.0.0/8"},
				endpointFlags: endpointFlags{EndpointTwilio: vendors + "/twilio", EndpointEcall: vendors + "/ecall"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		a.serve(s, h)
		if w.house == nil {
			w.house = h
		}
		a.second = h
	}
	a.people(vendors)
	return a
}

// vendors serves the foreign APIs.
func (a *arena) vendors(t *testing.T) string {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.Handle("/twilio/", http.StripPrefix("/twilio", a.twilio))
	mux.Handle("/ecall/", http.StripPrefix("/ecall", a.ecall))
	mux.Handle("/deliver/", http.StripPrefix("/deliver", a.hook))
	mux.Handle("/decide/", http.StripPrefix("/decide", a.decide))
	return s.URL
}

func (a *arena) serve(s *httptest.Server, h *house) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	// No sweeps: rows move the clock by hours, and what is over is looked at afterwards.
	go func() { h.outbox.Run(ctx); close(done) }()
	s.Config.Handler = h.handler(false, nil)
	s.Start()
	a.t.Cleanup(func() { s.Close(); h.idp.Wait(); stop(); <-done; _ = h.close() })
}

// people fills the house.
func (a *arena) people(vendors string) {
	w := a.world
	w.sub = tenants.Subscription{Name: "sample", Title: "Sample Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &w.sub))
	w.ids["subscription sample"] = w.sub.ID
	w.tenant("acme", "first")
	w.tenant("globex")
	if err := w.db.SQL().QueryRow("SELECT hash FROM passwords WHERE user_id = '" + w.ids["user first"] + "'").Scan(&a.hash); err != nil {
		w.t.Fatal(err)
	}
	for name, typ := range map[string]string{"mail": "email", "sms": "twilio", "sms2": "ecall"} {
		w.factor(name, typ)
	}
	w.factorWith("app", "totp", true, map[string]any{})
	w.factorWith("passkey", "webauthn", true, map[string]any{})
	w.factorWith("spare", "recovery", true, map[string]any{})
	for name, mode := range map[string]string{"hook": "deliver", "decide": "decide"} {
		w.factorWith(name, "webhook", true, map[string]any{"Url": vendors + "/" + mode + "/hook", "SigningSecret": hookSecret, "Mode": mode})
	}
	rival := *w
	rival.ids = map[string]string{}
	rival.sub = tenants.Subscription{Name: "rival", Title: "Rival Ltd", Active: true}
	rival.must(rival.tenants.PutSubscription(context.Background(), &rival.sub))
	rival.ids["subscription rival"] = rival.sub.ID
	rival.idp_("staff")
	rival.ids["client_app expenses"] = rival.app(tenants.ClientApp{Name: "rival-expenses"}) // client ids are unique on the server
	rival.tenant("initech")
	rival.factor("mail", "email")
	rival.factor("sms", "twilio")
	a.rival = &rival
}

// changeTenant changes a tenant.
func (w *world) changeTenant(name string, change func(*tenants.Tenant)) {
	w.t.Helper()
	list, err := w.tenants.ListTenants(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(v tenants.Tenant) bool { return v.Name == name })
	change(&list[i])
	w.must(w.tenants.PutTenant(w.ctx(), &list[i]))
}

// matrix is one row at work.
type matrix struct {
	*arena
	*world // the arena's, failing this row's test
	t      *testing.T
	id     string
	secret testkit.SecretRegister
	codes  []string // that were sent
	logged int      // how long the log was before
	since  int64    // the audit trail's end before
	mark   string   // younger than all ids before
	errors bool     // this row makes the house log errors
}

// person makes a member of acme with the test's password, and these instances assigned
// to him as required. An instance with a question mark is optional.
func (m *matrix) person(name string, factors ...string) string {
	m.t.Helper()
	return m.member(m.world, "acme", strings.ToLower(m.id)+"-"+name, factors...)
}

func (m *matrix) member(w *world, tenant, name string, factors ...string) string {
	m.t.Helper()
	v := tenants.User{
		Name: name, Kind: tenants.Person, Active: true, DisplayName: strings.ToUpper(name), Email: name + "@example.test", EmailVerified: true,
		Phone: number(name), PhoneVerified: true,
	}
	w.must(w.tenants.PutUser(w.ctx(), &v))
	w.must(w.tenants.SetIdentities(w.ctx(), v, []string{w.ids["idp staff"]}))
	w.ids["user "+name] = v.ID
	// Hashing the same password once more for everybody would be most of the test.
	for _, q := range []string{
		"INSERT INTO passwords (user_id, subscription_id, hash, changed_at) SELECT '" + v.ID + "', '" + w.sub.ID + "', hash, changed_at FROM passwords WHERE user_id = '" + m.arena.ids["user first"] + "'",
		"INSERT INTO memberships (subscription_id, tenant_id, user_id) VALUES ('" + w.sub.ID + "', '" + w.ids["tenant "+tenant] + "', '" + v.ID + "')",
		"UPDATE users SET credential_epoch = 1 WHERE id = '" + v.ID + "'",
	} {
		if _, err := w.db.SQL().Exec(q); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, f := range factors {
		f, optional := strings.CutSuffix(f, "?")
		w.assign(f, "user "+name, !optional)
	}
	return name
}

// number is a Swiss mobile number of one's own.
func number(name string) string {
	sum := uint32(2166136261)
	for _, b := range []byte(name) {
		sum = (sum ^ uint32(b)) * 16777619
	}
	return fmt.Sprintf("+4179%07d", sum%10_000_000)
}

// userID is somebody's id.
func (m *matrix) userID(name string) string {
	m.t.Helper()
	for _, w := range []*world{m.world, m.rival} {
		if v := w.ids["user "+name]; v != "" {
			return v
		}
	}
	m.t.Fatalf("there is no %s", name)
	return ""
}

// ownApp makes a client app of the row.
func (m *matrix) ownApp(name, minACR string) string {
	m.t.Helper()
	return m.ownAppLike(tenants.ClientApp{Name: name, MinACR: minACR})
}

func (m *matrix) ownAppLike(app tenants.ClientApp) string {
	m.t.Helper()
	app.Name = strings.ToLower(m.id) + "-" + app.Name
	name, appID := app.Name, m.world.app(app)
	q := "INSERT INTO tenant_client_apps (subscription_id, tenant_id, client_app_id) VALUES ('" + m.sub.ID + "', '" + m.world.ids["tenant acme"] + "', '" + appID + "')"
	if _, err := m.db.SQL().Exec(q); err != nil {
		m.t.Fatal(err)
	}
	m.tenants.Forget()
	m.second.tenants.Forget()
	return name
}

// browser is a fresh one; its requests go to these replicas in turn, to the first if
// none is named.
func (m *matrix) browser(replicas ...int) *testkit.Client {
	c := testkit.NewClient(m.t)
	t := &transport{book: m.book}
	for _, i := range replicas {
		t.addrs = append(t.addrs, m.addrs[i])
	}
	if len(replicas) == 0 {
		t.addrs = m.addrs[:1]
	}
	c.HTTP.Transport = t
	return c
}

// book keeps all that the house has answered.
type book struct {
	mu      sync.Mutex
	entries []string
}

func (b *book) add(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, s)
}

// clear forgets what was answered so far.
func (b *book) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = nil
}

func (b *book) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries)
}

// transport sends requests for the one public address to replicas in turn, and keeps
// the answers.
type transport struct {
	book  *book
	addrs []string
	next  atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if sent.Host == "" {
		sent.Host = req.URL.Host
	}
	sent.URL.Host = t.addrs[int(t.next.Add(1))%len(t.addrs)]
	res, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body, res.Request = io.NopCloser(bytes.NewReader(body)), req
	var head strings.Builder
	_ = res.Header.Write(&head)
	t.book.add(req.Method + " " + req.URL.String() + "\n" + head.String() + "\n" + string(body))
	return res, nil
}

// reply is an answer to a request of many at once.
type reply struct {
	status   int
	location string
	err      error
}

func (r reply) toApp() bool {
	return strings.HasPrefix(r.location, redirectURI) && strings.Contains(r.location, "code=")
}

// fire posts values to where a page's form goes. It may be called from many goroutines.
func (m *matrix) fire(c *testkit.Client, page *testkit.Page, values url.Values) reply {
	req, err := http.NewRequest(http.MethodPost, page.URL.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, k := range c.Cookies(page.URL.String()) {
		req.AddCookie(k)
	}
	res, err := c.HTTP.Transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	_ = res.Body.Close()
	return reply{status: res.StatusCode, location: res.Header.Get("Location")}
}

// many does f n times at once, and fails on any answer of 500 and above.
func (m *matrix) many(n int, f func(i int) reply) []reply {
	m.t.Helper()
	out := make([]reply, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i] = f(i) })
	}
	wg.Wait()
	for _, r := range out {
		if r.err != nil || r.status >= 500 {
			m.t.Errorf("status %d, %v", r.status, r.err)
		}
	}
	return out
}

func won(list []reply) (n int) {
	for _, r := range list {
		if r.toApp() {
			n++
		}
	}
	return n
}

// enter gives somebody's name and password for an app, and returns what follows.
func (m *matrix) enter(c *testkit.Client, app, name string) *testkit.Page {
	m.t.Helper()
	return m.world.rp("acme", app).signIn(c, name).Follow()
}

// half brings a browser to the code page of somebody with a factor that mails codes.
func (m *matrix) half(c *testkit.Client, name string) (page *testkit.Page, code string) {
	m.t.Helper()
	page = m.enter(c, "expenses", name)
	return page, m.mailed(name)
}

// mailed waits for the next code in somebody's mail.
func (m *matrix) mailed(name string) string {
	m.t.Helper()
	return m.arrived(name + "@example.test")
}

// texted waits for the next code on somebody's phone.
func (m *matrix) texted(name string) string {
	m.t.Helper()
	return m.arrived(number(name))
}

func (m *matrix) arrived(to string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var code string
	_, err := m.inbox.Wait(ctx, func(msg fakes.Message) bool {
		if msg.To != to {
			return false
		}
		code = digits.FindString(msg.Text)
		return code != "" && !slices.Contains(m.codes, code)
	})
	if err != nil {
		m.t.Fatalf("no code to %s…: %v", to[:3], err)
	}
	m.codes = append(m.codes, code)
	return m.secret.Add("a code sent to "+to[:3]+"…", code)
}

// waitMail waits for a mail to somebody that says something.
func (m *matrix) waitMail(name, text string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := m.inbox.Wait(ctx, func(msg fakes.Message) bool {
		return msg.To == name+"@example.test" && strings.Contains(msg.Text, text)
	})
	if err != nil {
		m.t.Fatalf("no mail with %q came: %v", text, err)
	}
}

// give answers the form of a page as its button does.
func give(page *testkit.Page, name, value string) *testkit.Page {
	return page.Form(0).Forge(name, value).Submit()
}

// wrong is a code of the same length that is not code.
func wrong(code string, n int) string {
	d := (int(code[0]-'0') + 1 + n%9) % 10
	return string(rune('0'+d)) + code[1:]
}

// failures are the wrong answers that stand against somebody.
func (m *matrix) failures(name string) (n int) {
	m.t.Helper()
	rows, err := m.db.SQL().Query("SELECT failures FROM user_failures WHERE user_id = '" + m.userID(name) + "'")
	if err != nil {
		m.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			m.t.Fatal(err)
		}
	}
	return n
}

// realms are the ids of all tenants, for the index that the trail has.
func (m *matrix) realms() string {
	return "'" + m.world.ids["tenant acme"] + "', '" + m.world.ids["tenant globex"] + "', '" + m.rival.ids["tenant initech"] + "'"
}

// heard counts events of a kind about somebody.
func (m *matrix) heard(name, kind string) int {
	m.t.Helper()
	return m.count("audit_events", "tenant_id IN ("+m.realms()+") AND user_id = '"+m.userID(name)+"' AND kind = '"+kind+"'")
}

// detailsSince are the details of the audit trail from an entry on.
func (m *matrix) detailsSince(seq int64) string {
	m.t.Helper()
	rows, err := m.db.SQL().Query(fmt.Sprintf("SELECT kind, address, detail FROM audit_events WHERE seq > %d", seq))
	if err != nil {
		m.t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var kind, address, detail string
		if err := rows.Scan(&kind, &address, &detail); err != nil {
			m.t.Fatal(err)
		}
		b.WriteString(kind + " " + address + " " + textsIn(detail) + "\n")
	}
	return b.String()
}

// textsIn are the texts in a JSON object: codes are texts, and no time or duration is
// taken for one.
func textsIn(object string) string {
	var v any
	if json.Unmarshal([]byte(object), &v) != nil {
		return object
	}
	var b strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "\n")
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				if k != "time" {
					b.WriteString(k + "\n")
					walk(e)
				}
			}
		}
	}
	walk(v)
	return b.String()
}

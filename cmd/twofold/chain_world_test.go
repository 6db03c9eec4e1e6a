package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/seal"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor/delivery"
)

// chainWorld is a world whose services can be watched, with a customer's hook beside
// them, behind a proxy that is believed, and with as many replicas as a test wants.
type chainWorld struct {
	*world
	hook    *fakes.Webhook
	hookURL string
	vendors *httptest.Server
	asked   chainCalls // of services
	hooks   chainHook
	others  []*chainReplica

	// answering stands between Twilio and whoever calls it; nil: nothing does.
	answering func(rw http.ResponseWriter, r *http.Request, twilio http.Handler)
}

// chainReplica is one more house on the same database, with the same public address.
type chainReplica struct {
	*house
	addr string
	stop func() // stops outbox and sweeps, waits for them
}

// chainCalls counts requests by their first path element.
type chainCalls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *chainCalls) of(service string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[service]
}

func (c *chainCalls) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if c.n == nil {
			c.n = map[string]int{}
		}
		c.n[strings.Split(r.URL.Path, "/")[1]]++
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// chainHook hears what the hook says, and may change it.
type chainHook struct {
	mu        sync.Mutex
	reference string // of the newest question
	change    func(*fakes.WebhookAnswer)
}

func (h *chainHook) tamper(a *fakes.WebhookAnswer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var said struct {
		Reference string `json:"reference"`
	}
	if a.Call.Type == "start" && json.Unmarshal(a.Body, &said) == nil {
		h.reference = said.Reference
	}
	if h.change != nil {
		h.change(a)
	}
}

// reference is the hook's name for the newest question.
func (w *chainWorld) reference() string {
	w.hooks.mu.Lock()
	defer w.hooks.mu.Unlock()
	return w.hooks.reference
}

// tampers changes what the hook says from now on; nil: nothing.
func (w *chainWorld) tampers(change func(*fakes.WebhookAnswer)) {
	w.hooks.mu.Lock()
	defer w.hooks.mu.Unlock()
	w.hooks.change = change
}

const chainSecret = "0123456789abcdef0123456789abcdef-hook"

func newChainWorld(t *testing.T, databaseURL string, replicas int) *chainWorld {
	t.Helper()
	w := &chainWorld{world: &world{
		t: t, clock: testkit.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), inbox: &fakes.Inbox{}, ids: map[string]string{},
		databaseURL: databaseURL,
	}}
	var err error
	if w.smtp, err = fakes.StartSMTP(fakes.SMTPOptions{Inbox: w.inbox, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.smtp.Close() })
	w.twilio = &fakes.Twilio{AccountSid: "AC" + strings.Repeat("0", 32), AuthToken: "twilio-token", Inbox: w.inbox, Now: w.clock.Now}
	w.ecall = &fakes.ECall{Account: "ecall", Password: "ecall-password", Inbox: w.inbox, Now: w.clock.Now}
	w.hook = &fakes.Webhook{Secret: chainSecret, Now: w.clock.Now, Tamper: w.hooks.tamper}
	mux := http.NewServeMux()
	mux.HandleFunc("/twilio/", func(rw http.ResponseWriter, r *http.Request) {
		twilio := http.StripPrefix("/twilio", w.twilio)
		if w.answering != nil {
			w.answering(rw, r, twilio)
			return
		}
		twilio.ServeHTTP(rw, r)
	})
	mux.Handle("/ecall/", http.StripPrefix("/ecall", w.ecall))
	mux.Handle("/hook", w.hook)
	w.vendors = httptest.NewServer(w.asked.count(mux))
	t.Cleanup(w.vendors.Close)
	w.hookURL = w.vendors.URL + "/hook"
	for range replicas {
		w.others = append(w.others, w.newReplica())
	}
	w.house, w.stopWork = w.others[0].house, w.others[0].stop
	w.sub = tenants.Subscription{Name: "sample", Title: "Sample Ltd", Active: true}
	w.must(w.tenants.PutSubscription(context.Background(), &w.sub))
	w.ids["subscription sample"] = w.sub.ID
	return w
}

// newReplica starts one more house. The first one's address is the public one.
func (w *chainWorld) newReplica() *chainReplica {
	t := w.t
	srv := httptest.NewUnstartedServer(nil)
	r := &chainReplica{addr: srv.Listener.Addr().String()}
	log, logs := testkit.Logs(t)
	if w.logs == nil {
		w.logs, w.url = logs, "http://"+r.addr
	}
	sealer, err := seal.New(testKey)
	if err != nil {
		t.Fatal(err)
	}
	r.house, err = build(context.Background(), parts{
		DatabaseURL: w.databaseURL, Seal: sealer, Log: log, Now: w.clock.Now, RSABits: 2048, NewRSA: testkit.RSA, Argon2: hashing(t),
		providerFlags: providerFlags{
			PublicURL: w.url, AllowPrivateAddresses: []string{"127.0.0.0/8"},
			endpointFlags: endpointFlags{EndpointTwilio: w.vendors.URL + "/twilio", EndpointEcall: w.vendors.URL + "/ecall"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.work(ctx); close(done) }()
	r.stop = func() { stop(); <-done }
	srv.Config.Handler = r.handler(false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	srv.Start()
	t.Cleanup(func() { srv.Close(); r.stop(); r.idp.Wait(); _ = r.close() })
	return r
}

// hooked makes an instance whose service is the hook.
func (w *chainWorld) hooked(name, mode, fallback string) {
	w.t.Helper()
	w.factorWith(name, "webhook", true, map[string]any{"Url": w.hookURL, "SigningSecret": chainSecret, "Mode": mode, "OnDeliveryFailure": fallback})
}

// links makes eCall → Twilio → Mail.
func (w *chainWorld) links() {
	w.t.Helper()
	w.factor("Mail", "email")
	w.factorWith("Twilio", "twilio", true, map[string]any{
		"TwilioAccountSid": w.twilio.AccountSid, "TwilioAuthToken": w.twilio.AuthToken, "TwilioSmsFromNumber": "+15005550006", "OnDeliveryFailure": "Mail",
	})
	w.ecalled("eCall", "Twilio")
}

func (w *chainWorld) ecalled(name, fallback string) {
	w.t.Helper()
	w.factorWith(name, "ecall", true, map[string]any{
		"ECallAccountName": w.ecall.Account, "ECallAccountPassword": w.ecall.Password, "ECallAccountFromNumber": "Acme", "OnDeliveryFailure": fallback,
	})
}

// apps makes client apps by name and the acr they demand.
func (w *chainWorld) apps(tenant string, demands map[string]string) {
	w.t.Helper()
	ids := []string{w.ids["client_app expenses"]}
	for name, acr := range demands {
		ids = append(ids, w.app(tenants.ClientApp{Name: name, MinACR: acr}))
	}
	w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant "+tenant], ids))
}

// log is the delivery log of acme, oldest first.
func (w *chainWorld) log() []delivery.Entry {
	w.t.Helper()
	list, err := w.outbox.Entries(w.in("acme"), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// lines are the delivery log's of one user's codes, in short.
func (w *chainWorld) lines(user string) (out []string) {
	w.t.Helper()
	for _, e := range w.log() {
		if e.UserID == w.ids["user "+user] && e.ChallengeID != "" {
			out = append(out, fmt.Sprint(w.instance(e.TwoFactorID), " ", e.Medium, " ", e.State, " ", e.Attempts, " ", e.ErrorClass))
		}
	}
	return out
}

// instance is the name of an instance.
func (w *chainWorld) instance(id string) string {
	for name, have := range w.ids {
		if have == id {
			return strings.TrimPrefix(name, "two_factor ")
		}
	}
	return id
}

// until waits until the delivery log is as wanted. The clock stands still but for the
// pauses between tries, which are skipped.
func (w *chainWorld) until(what string, is func([]delivery.Entry) bool) {
	w.t.Helper()
	skipped := map[string]bool{}
	late := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		log := w.log()
		if is(log) {
			return
		}
		for _, e := range log {
			if try := fmt.Sprint(e.ID, e.Attempts); e.State == delivery.Queued && e.ErrorClass == "retry" && !skipped[try] {
				skipped[try] = true
				w.clock.Advance(max(2*time.Second, time.Second<<(e.Attempts-1))) // or what a service asks for: 2 s
			}
		}
		select {
		case <-tick.C: // the outbox has no event to wait for
		case <-late:
			w.t.Fatalf("never: %s\n%+v", what, log)
		}
	}
}

// ended waits until the newest code of a user has been sent, or has failed.
func (w *chainWorld) ended(user string) {
	w.t.Helper()
	w.until("the code of "+user+" has been sent, or not", func(log []delivery.Entry) bool {
		state := ""
		for _, e := range log {
			if e.UserID == w.ids["user "+user] && e.ChallengeID != "" {
				state = e.State
			}
		}
		return state == delivery.Sent || state == delivery.Failed
	})
}

// via is where a page's delivery has got to, as its script is told.
func (w *chainWorld) via(c *testkit.Client, page *testkit.Page) (state, text string, settled bool) {
	w.t.Helper()
	got := c.Get(page.URL.String() + "/status").Require(http.StatusOK)
	var s struct {
		State   string `json:"state"`
		Text    string `json:"text"`
		Settled bool   `json:"settled"`
	}
	if err := json.Unmarshal([]byte(got.Body), &s); err != nil {
		w.t.Fatal(err)
	}
	return s.State, s.Text, s.Settled
}

// trail is all that the audit trail has of a kind, oldest first, as details.
func (w *chainWorld) trail(kind string) (out []string) {
	w.t.Helper()
	list, err := w.audit.List(w.in("acme"), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range slices.Backward(list) {
		if e.Kind == kind {
			out = append(out, e.Detail)
		}
	}
	return out
}

// told reports an error unless the newest event of a kind says all of this.
func (w *chainWorld) told(kind string, parts ...string) {
	w.t.Helper()
	all := w.trail(kind)
	if len(all) == 0 {
		w.t.Errorf("no %s", kind)
		return
	}
	for _, p := range parts {
		if last := all[len(all)-1]; !strings.Contains(last, p) {
			w.t.Errorf("%s: %s, want %s", kind, last, p)
		}
	}
}

// letIn ends a sign-in with a code, and returns what the app is told.
func (p *rp) letIn(page *testkit.Page, code string) map[string]any {
	p.w.t.Helper()
	return claims(p.w.t, p.exchange(p.callback(page.FormWith("code").Set("code", code).Submit()).Get("code")).IDToken)
}

// notLetIn reports an error if a page led back to the app.
func (p *rp) notLetIn(page *testkit.Page) {
	p.w.t.Helper()
	if strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
		p.w.t.Errorf("let in: %s", page.Header.Get("Location"))
	}
}

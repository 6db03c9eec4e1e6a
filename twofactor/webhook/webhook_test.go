package webhook_test

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/internal/outbound"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/oob/oobtest"
	"twofold/twofactor/webhook"
)

const secret = "secret-of-both-sides-that-nobody-may-see"

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// start serves a hook by TLS, to be called by the client that the house lends.
func start(t *testing.T) (*fakes.Webhook, twofactor.Env, func(mode string, changes ...string) string) {
	t.Helper()
	fake := &fakes.Webhook{Secret: secret}
	server := httptest.NewTLSServer(fake)
	server.Config.ErrorLog = oobtest.Quiet
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	env := factortest.Env()
	env.HTTP = nil // whoever uses it here panics
	env.Guarded = outbound.Client(outbound.Config{Allowed: loopback, RootCAs: roots})
	return fake, env, func(mode string, changes ...string) string {
		return strings.NewReplacer(changes...).Replace(`{"Url":"` + server.URL + `/hook","SigningSecret":"` + secret + `","Mode":"` + mode + `"}`)
	}
}

func invalid(good string) []factortest.Invalid {
	url := good[strings.Index(good, "https://"):strings.Index(good, `/hook`)]
	change := func(name, field, old, with string) factortest.Invalid {
		return factortest.Invalid{Name: name, Options: strings.Replace(good, old, with, 1), Fields: []string{field}}
	}
	return append([]factortest.Invalid{
		change("no address", "Url", url+"/hook", ""),
		change("no host", "Url", url, "https://"),
		change("a port alone", "Url", url, "https://:443"),
		change("another scheme", "Url", url, "ftp://hooks.example"),
		change("no scheme", "Url", url, "hooks.example"),
		change("an opaque address", "Url", url+"/hook", "https:hooks.example"),
		change("password in the address", "Url", "https://", "https://user:password@"),
		change("fragment", "Url", "/hook", "/hook#x"),
		change("endless address", "Url", "/hook", "/"+strings.Repeat("x", 2000)),
		change("short secret", "SigningSecret", secret, secret[:31]),
		change("no secret", "SigningSecret", secret, ""),
		change("unknown mode", "Mode", `"Mode":"de`, `"Mode":"xy`),
	}, oobtest.Invalid(good)...)
}

var nobody = []twofactor.User{{Name: "Mia", Email: "mia@example.ch", Phone: "+41791234567"}}

func TestDeliverConforms(t *testing.T) {
	fake, env, options := start(t)
	script := func(f fakes.Fault) func() { return func() { fake.Script(f) } }
	status := func(status int) func() { return script(fakes.Fault{Status: status, Body: "{}"}) }
	factortest.Run(t, factortest.Config{
		Provider: webhook.Provider(),
		Env:      env,
		Options:  options("deliver"),
		Secrets:  []string{secret},
		User:     oobtest.User,
		Unusable: nobody,
		Answer:   oobtest.Answer,
		Wrong:    oobtest.Wrong,
		Invalid:  invalid(options("deliver")),
		Delivery: &factortest.Delivery{
			Delivered: func(t testing.TB, m twofactor.Message) {
				calls := fake.Calls()
				got := calls[len(calls)-1]
				want := fakes.WebhookCall{
					Type: "deliver", ID: got.ID, At: got.At, MessageID: m.ID, Text: m.Text, ExpiresAt: m.ExpiresAt.Unix(),
					To: &fakes.WebhookUser{ID: oobtest.User.ID, Email: oobtest.User.Email, Phone: oobtest.User.Phone},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("call (-want +got):\n%s", diff)
				}
			},
			Hang: script(fakes.Fault{Hang: true}),
			Heal: fake.Heal,
			Failures: []factortest.Failure{
				{Name: "other secret", Options: options("deliver", secret, strings.ToUpper(secret)), Want: twofactor.ErrAccount, Stage: "send", Status: 401},
				{Name: "other path", Options: options("deliver", "/hook", "/hooks"), Want: twofactor.ErrAccount, Status: 404},
				{Name: "redirect", Arrange: script(fakes.Fault{Status: 307, Header: http.Header{"Location": {"/hook"}}}), Want: twofactor.ErrAccount, Status: 307},
				{Name: "fault", Arrange: status(503), Want: twofactor.ErrRetry, Status: 503},
				{Name: "created", Arrange: status(201), Want: twofactor.ErrAccount, Status: 201},
				{
					Name: "slow down", Want: twofactor.ErrRetry, Status: 429, After: 30 * time.Second,
					Arrange: script(fakes.Fault{Status: 429, Header: http.Header{"Retry-After": {"30"}}}),
				},
				{Name: "gateway page", Arrange: script(fakes.Fault{Body: "<html>"}), Want: twofactor.ErrAccount, Stage: "response", Code: "unsigned"},
				{Name: "nobody listens", Options: `{"Url":"https://127.0.0.1:1/hook","SigningSecret":"` + secret + `"}`, Want: twofactor.ErrRetry, Stage: "connect", Code: "refused"},
				{Name: "private address", Options: options("deliver", "https://127.0.0.1", "https://10.0.0.1"), Want: twofactor.ErrAccount, Stage: "connect", Code: "address"},
				{Name: "plain http", Options: options("deliver", "https://127.0.0.1", "http://9.9.9.9"), Want: twofactor.ErrAccount, Stage: "connect", Code: "address"},
			},
		},
	})
}

func TestDecideConforms(t *testing.T) {
	fake, env, options := start(t)
	factortest.Run(t, factortest.Config{
		Provider: webhook.Provider(),
		Env:      env,
		Options:  options("decide"),
		Secrets:  []string{secret},
		User:     oobtest.User,
		Unusable: append([]twofactor.User{{ID: fakes.WebhookStranger}}, nobody...),
		Wrong:    oobtest.Wrong,
		Invalid:  invalid(options("decide")),
		Answer: func(t testing.TB, c twofactor.Challenge) twofactor.Answer {
			return twofactor.Answer{"code": fake.Code(reference(t, c))}
		},
	})
}

func reference(t testing.TB, c twofactor.Challenge) string {
	t.Helper()
	var s struct {
		Reference string `json:"reference"`
	}
	if err := json.Unmarshal(c.State, &s); err != nil || s.Reference == "" {
		t.Fatalf("state %s: %v", c.State, err)
	}
	return s.Reference
}

func begin(t *testing.T, options string, env twofactor.Env, u twofactor.User) (twofactor.Factor, twofactor.Challenge) {
	t.Helper()
	f, err := webhook.Provider().Open([]byte(options), env)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Challenge(t.Context(), u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

func TestUnreachable(t *testing.T) {
	_, env, options := start(t)
	f, c := begin(t, options("deliver"), env, twofactor.User{ID: fakes.WebhookStranger})
	_, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing)
	if !errors.Is(err, twofactor.ErrRecipient) {
		t.Errorf("got %v", err)
	}
}

// TestPlainRecipients: an administrator's test has a plain address.
func TestPlainRecipients(t *testing.T) {
	fake, env, options := start(t)
	f, _ := begin(t, options("deliver"), env, oobtest.User)
	for to, want := range map[string]fakes.WebhookUser{
		"mia@example.ch": {Email: "mia@example.ch"},
		"+41791234567":   {Phone: "+41791234567"},
		"u1":             {ID: "u1"},
		"{":              {ID: "{"},
	} {
		receipt, err := f.(twofactor.Sender).Send(t.Context(), twofactor.Message{ID: "m1", To: to, Text: "A test.", ExpiresAt: time.Now().Add(time.Minute)})
		if err != nil || receipt.Status != "accepted" || !strings.HasPrefix(receipt.ProviderID, "sent-") {
			t.Fatalf("%q: %+v, %v", to, receipt, err)
		}
		calls := fake.Calls()
		if got := *calls[len(calls)-1].To; got != want {
			t.Errorf("%q: to %+v", to, got)
		}
	}
}

func TestRelay(t *testing.T) {
	fake, env, options := start(t)
	f, _ := begin(t, options("deliver"), env, oobtest.User)
	relayer := f.(twofactor.Relayer)
	other := twofactor.Challenge{ID: "c1", State: twofactor.State(`{"code":"987654"}`), ExpiresAt: time.Now().Add(90 * time.Second)}
	got, err := relayer.Relay(t.Context(), oobtest.User, other)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.State) != string(other.State) || !got.ExpiresAt.Equal(other.ExpiresAt) || got.ID != other.ID {
		t.Errorf("changed to %+v", got)
	}
	if _, err := f.(twofactor.Sender).Send(t.Context(), *got.Outgoing); err != nil {
		t.Fatal(err)
	}
	if text := fake.Calls()[0].Text; !strings.Contains(text, "987654") || !strings.Contains(text, "Minutes: 1\n") {
		t.Errorf("text %q", text)
	}
	for _, state := range []string{"", "{}", `{"code":"1"}`, `{"reference":"x","ask":"code"}`} {
		if _, err := relayer.Relay(t.Context(), oobtest.User, twofactor.Challenge{State: twofactor.State(state)}); !errors.Is(err, twofactor.ErrUnusable) {
			t.Errorf("state %q: %v", state, err)
		}
	}
}

// TestNumber: the user confirms in the hook's app what our page shows.
func TestNumber(t *testing.T) {
	for _, c := range []struct{ name, locale, say, message string }{
		{"plain", "en", "", "Confirm the number NUMBER in your app, then continue here."},
		{"with a word of the hook", "de-CH", "Öffnen Sie Acme Guard.", "Öffnen Sie Acme Guard. Bestätigen Sie die Zahl NUMBER in Ihrer App und fahren Sie dann hier fort."},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake, env, options := start(t)
			fake.Ask, fake.Say = "number", c.say
			u := oobtest.User
			u.Locale = c.locale
			f, ch := begin(t, options("decide"), env, u)
			call := fake.Calls()[0]
			want := fakes.WebhookUser{ID: u.ID, Name: u.Name, Email: u.Email, Phone: u.Phone, Locale: c.locale}
			if *call.User != want || call.Realm != u.Realm || call.ExpiresAt != ch.ExpiresAt.Unix() {
				t.Errorf("call %+v of %+v", call, call.User)
			}
			if want := strings.Replace(c.message, "NUMBER", call.Number, 1); ch.Prompt.Message != want || len(ch.Prompt.Fields) != 0 || ch.Outgoing != nil {
				t.Errorf("prompt %+v", ch.Prompt)
			}
			poller := f.(twofactor.Poller)
			if settled, err := poller.Poll(t.Context(), nil, ch); settled || err != nil {
				t.Errorf("before: %v, %v", settled, err)
			}
			if _, err := f.Verify(t.Context(), nil, ch, nil); !errors.Is(err, twofactor.ErrWrongAnswer) {
				t.Errorf("before: %v", err)
			}
			fake.Confirm(reference(t, ch), "99")
			if settled, err := poller.Poll(t.Context(), nil, ch); !settled || err != nil {
				t.Errorf("denied: %v, %v", settled, err)
			}
			if _, err := f.Verify(t.Context(), nil, ch, nil); !errors.Is(err, twofactor.ErrWrongAnswer) {
				t.Errorf("denied: %v", err)
			}
			fake.Confirm(reference(t, ch), call.Number)
			if settled, err := poller.Poll(t.Context(), nil, ch); !settled || err != nil {
				t.Errorf("approved: %v, %v", settled, err)
			}
			res, err := f.Verify(t.Context(), nil, ch, nil)
			if err != nil || !slices.Equal(res.AMR, []string{"mca"}) || res.Alone {
				t.Errorf("approved: %+v, %v", res, err)
			}
		})
	}
}

// TestPollOfACode: there is nothing to wait for while a code is asked for.
func TestPollOfACode(t *testing.T) {
	fake, env, options := start(t)
	f, c := begin(t, options("decide"), env, oobtest.User)
	if settled, err := f.(twofactor.Poller).Poll(t.Context(), nil, c); settled || err != nil {
		t.Errorf("%v, %v", settled, err)
	}
	c.State = twofactor.State("{}")
	if settled, err := f.(twofactor.Poller).Poll(t.Context(), nil, c); settled || err == nil {
		t.Errorf("no state: %v, %v", settled, err)
	}
	if n := len(fake.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestAMR: a hook claims only what it may (SECURITY R34).
func TestAMR(t *testing.T) {
	for _, c := range []struct {
		name       string
		says, want []string
	}{
		{"nothing", nil, []string{"mca"}},
		{"what it may", []string{"otp", "user"}, []string{"otp", "user"}},
		{"in one order, once", []string{"user", "otp", "user"}, []string{"otp", "user"}},
		{"hardware", []string{"hwk"}, []string{"mca"}},
		{"phishing-resistant", []string{"phr", "phrh", "hwk", "pop", "sc"}, []string{"mca"}},
		{"what is ours to claim", []string{"pwd", "mfa", "kba", "fpt"}, []string{"fpt"}},
		{"anything", []string{"", "OTP", " otp", "<b>"}, []string{"mca"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake, env, options := start(t)
			fake.AMR = c.says
			f, ch := begin(t, options("decide"), env, oobtest.User)
			res, err := f.Verify(t.Context(), nil, ch, twofactor.Answer{"code": fake.Code(reference(t, ch))})
			if err != nil || !slices.Equal(res.AMR, c.want) {
				t.Errorf("got %v, %v", res.AMR, err)
			}
		})
	}
	if got := webhook.Provider().Info.Strength; got != twofactor.Strength2FA {
		t.Errorf("strength %v", got)
	}
}

// TestPlainSentence: what a hook says stands on our page, so it has no tricks.
func TestPlainSentence(t *testing.T) {
	for say, good := range map[string]bool{
		"Tippen Sie den Code von Ihrem Gerät ab.": true, strings.Repeat("ä", 200): true, "<b>": true, // pages escape
		strings.Repeat("x", 201): false, "two\nlines": false, "a\tb": false, "\u202eedoc": false, "zero\u200bwidth": false, "\x00": false, "\xff": false, "a\u2028b": false,
	} {
		fake, env, options := start(t)
		fake.Say = say
		f, err := webhook.Provider().Open([]byte(options("decide")), env)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Challenge(t.Context(), oobtest.User, nil)
		if (err == nil) != good || good && c.Prompt.Message != say {
			t.Errorf("%q: %q, %v", say, c.Prompt.Message, err)
		}
	}
}

// tampered are replies that must count for nothing (SECURITY F22, M20). Each changes
// a good one.
func tampered(t *testing.T) map[string]struct {
	tamper func(*fakes.WebhookAnswer)
	code   string
} {
	t.Helper()
	type change = struct {
		tamper func(*fakes.WebhookAnswer)
		code   string
	}
	packed := bomb(t)
	var first *fakes.WebhookAnswer // for the replay: what was said before
	set := func(name string, values ...string) func(*fakes.WebhookAnswer) {
		return func(a *fakes.WebhookAnswer) { a.Header[http.CanonicalHeaderKey(name)] = values }
	}
	field := func(name string, value any) func(*fakes.WebhookAnswer) {
		return func(a *fakes.WebhookAnswer) {
			m := map[string]any{}
			if err := json.Unmarshal(a.Body, &m); err != nil {
				t.Error(err)
			}
			m[name] = value
			a.Body, _ = json.Marshal(m)
		}
	}
	return map[string]change{
		"no signature":        {set("Twofold-Signature"), "unsigned"},
		"two signatures":      {set("Twofold-Signature", "t=1,v1=00", "t=1,v1=00"), "unsigned"},
		"no form":             {set("Twofold-Signature", "v1=00"), "signature"},
		"wrong signature":     {set("Twofold-Signature", "t=1,v1="+strings.Repeat("00", 32)), "signature"},
		"wrong secret":        {func(a *fakes.WebhookAnswer) { a.Secret = "other" }, "signature"},
		"old":                 {func(a *fakes.WebhookAnswer) { a.At = a.At.Add(-6 * time.Minute) }, "stale"},
		"from the future":     {func(a *fakes.WebhookAnswer) { a.At = a.At.Add(6 * time.Minute) }, "stale"},
		"before all time":     {func(a *fakes.WebhookAnswer) { a.At = time.Unix(-1<<62, 0) }, "stale"},
		"to another call":     {field("id", "0123456789ABCDEFGHIJKLMNOP"), "replay"},
		"to no call":          {field("id", ""), "replay"},
		"of no kind":          {func(a *fakes.WebhookAnswer) { a.Body, _ = json.Marshal(map[string]string{"id": a.Call.ID}) }, "garbage"},
		"HTML":                {set("Content-Type", "text/html"), "garbage"},
		"packed":              {set("Content-Encoding", "gzip"), "garbage"},
		"gzip bomb":           {func(a *fakes.WebhookAnswer) { a.Body = packed; a.Header.Set("Content-Encoding", "gzip") }, "garbage"},
		"no JSON":             {func(a *fakes.WebhookAnswer) { a.Body = append(a.Body, '}') }, "garbage"},
		"huge":                {func(a *fakes.WebhookAnswer) { a.Body = append(bytes.Repeat([]byte(" "), 64<<10), a.Body...) }, "too_long"},
		"huge, for all time":  {field("padding", strings.Repeat("x", 1<<20)), "too_long"},
		"of the wrong types":  {field("id", 1), "garbage"},
		"null":                {func(a *fakes.WebhookAnswer) { a.Body = []byte("null") }, "replay"},
		"the call's own echo": {func(a *fakes.WebhookAnswer) { a.Body, _ = json.Marshal(a.Call) }, "garbage"},
		"replayed": {func(a *fakes.WebhookAnswer) {
			if first == nil {
				kept := *a
				first = &kept
			}
			a.Body, a.At = first.Body, first.At
		}, "replay"},
	}
}

func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(make([]byte, 4<<20))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTampered tries every bad reply to every type of call.
func TestTampered(t *testing.T) {
	for name, c := range tampered(t) {
		t.Run(name, func(t *testing.T) {
			refused := func(what string, err error) {
				t.Helper()
				var e *twofactor.SendError
				if !errors.As(err, &e) || e.Code != c.code || !errors.Is(err, twofactor.ErrAccount) || errors.Is(err, twofactor.ErrWrongAnswer) || e.Help == "" {
					t.Errorf("%s: got %v, want code %s", what, err, c.code)
				}
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: tells the secret", what)
				}
			}
			fake, env, options := start(t)
			fd, cd := begin(t, options("deliver"), env, oobtest.User)
			f, ch := begin(t, options("decide"), env, oobtest.User)
			right := twofactor.Answer{"code": fake.Code(reference(t, ch))}
			fake.Tamper = c.tamper
			if name == "replayed" { // the first of each is good
				if _, err := f.Verify(t.Context(), nil, ch, right); err != nil {
					t.Fatal(err)
				}
			}
			_, err := f.Verify(t.Context(), nil, ch, right)
			refused("check", err)
			_, err = f.Challenge(t.Context(), oobtest.User, nil)
			refused("start", err)
			_, err = fd.(twofactor.Sender).Send(t.Context(), *cd.Outgoing)
			refused("deliver", err)

			fake.Tamper, fake.Ask = nil, "number"
			f, ch = begin(t, options("decide"), env, oobtest.User)
			calls := fake.Calls()
			fake.Confirm(reference(t, ch), calls[len(calls)-1].Number)
			fake.Tamper = c.tamper
			settled, err := f.(twofactor.Poller).Poll(t.Context(), nil, ch)
			refused("poll", err)
			if settled {
				t.Error("settled by a reply that counts for nothing")
			}
		})
	}
}

func TestBadFields(t *testing.T) {
	for name, body := range map[string]string{
		"no reference":         `{"ask":"code"}`,
		"endless reference":    `{"ask":"code","reference":"` + strings.Repeat("x", 201) + `"}`,
		"reference with space": `{"ask":"code","reference":"a b"}`,
		"unknown question":     `{"ask":"push","reference":"r"}`,
		"no question":          `{"reference":"r","decision":"approved"}`,
		"a decision at once":   `{"reference":"r","decision":"approved","status":"accepted"}`,
	} {
		t.Run(name, func(t *testing.T) {
			fake, env, options := start(t)
			f, err := webhook.Provider().Open([]byte(options("decide")), env)
			if err != nil {
				t.Fatal(err)
			}
			fake.Tamper = func(a *fakes.WebhookAnswer) { a.Body = []byte(`{"id":"` + a.Call.ID + `",` + body[1:]) }
			if c, err := f.Challenge(t.Context(), oobtest.User, nil); err == nil || errors.Is(err, twofactor.ErrUnusable) {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}

// TestSlow: a hook that says nothing, or a byte now and then, is given up.
func TestSlow(t *testing.T) {
	for name, trickle := range map[string]bool{"silent": false, "trickle": true} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) // or the server would not notice that we go
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for trickle {
					select {
					case <-tick.C:
						w.Write([]byte(" "))
						w.(http.Flusher).Flush()
					case <-r.Context().Done():
						return
					}
				}
				<-r.Context().Done()
			}))
			defer server.Close()
			env := factortest.Env()
			env.Guarded = outbound.Client(outbound.Config{Allowed: loopback})
			env.Guarded.Timeout = 200 * time.Millisecond
			f, err := webhook.Provider().Open([]byte(`{"Mode":"decide","Url":"`+server.URL+`/hook","SigningSecret":"`+secret+`"}`), env)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Challenge(t.Context(), oobtest.User, nil)
			var e *twofactor.SendError
			if !errors.As(err, &e) || e.Code != "timeout" || !errors.Is(err, twofactor.ErrRetry) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRedirect: not even to itself, and not by a client that would.
func TestRedirect(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/other", http.StatusPermanentRedirect)
	}))
	defer server.Close()
	env := factortest.Env()
	env.Guarded = &http.Client{}
	f, err := webhook.Provider().Open([]byte(`{"Mode":"decide","Url":"`+server.URL+`/hook","SigningSecret":"`+secret+`"}`), env)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Challenge(t.Context(), oobtest.User, nil)
	var e *twofactor.SendError
	if !errors.As(err, &e) || e.Status != http.StatusPermanentRedirect || calls.Load() != 1 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

// TestIncompleteHouse: nothing is made up for what the house does not lend.
func TestIncompleteHouse(t *testing.T) {
	for name, take := range map[string]func(*twofactor.Env){
		"guarded client": func(e *twofactor.Env) { e.Guarded = nil },
		"compose":        func(e *twofactor.Env) { e.Compose = nil },
	} {
		env := factortest.Env()
		take(&env)
		if _, err := webhook.Provider().Open([]byte(`{"Url":"https://hooks.example","SigningSecret":"`+secret+`"}`), env); err == nil {
			t.Errorf("no %s: Open succeeded", name)
		}
	}
}

package twilio_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/oob/oobtest"
	"twofold/twofactor/twilio"
)

const (
	sid     = "AC0123456789abcdef0123456789abcdef"
	token   = "token-that-nobody-may-see"
	service = "MG0123456789abcdef0123456789abcdef"
)

func start(t *testing.T) (*fakes.Twilio, twofactor.Env) {
	t.Helper()
	fake := &fakes.Twilio{AccountSid: sid, AuthToken: token}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	env := factortest.Env()
	env.HTTP = server.Client()
	env.Endpoints = twofactor.Endpoints{"twilio": server.URL + "/"}
	return fake, env
}

func options(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(
		`{"TwilioAccountSid":"` + sid + `","TwilioAuthToken":"` + token + `","TwilioSmsFromNumber":"+15005550006"}`)
}

func TestConformance(t *testing.T) {
	fake, env := start(t)
	script := func(f fakes.Fault) func() { return func() { fake.Script(f) } }
	refuse := func(status int, body string) func() { return script(fakes.Fault{Status: status, Body: body}) }
	factortest.Run(t, factortest.Config{
		Provider: twilio.Provider(),
		Env:      env,
		Options:  options(),
		Secrets:  []string{token},
		User:     oobtest.User,
		Unusable: oobtest.NoPhone,
		Answer:   oobtest.Answer,
		Wrong:    oobtest.Wrong,
		Invalid: append([]factortest.Invalid{
			{Name: "account", Options: options(sid, "AC123/../x"), Fields: []string{"TwilioAccountSid"}},
			{Name: "no token", Options: options(token, ""), Fields: []string{"TwilioAuthToken"}},
			{Name: "long sender name", Options: options("+15005550006", "ABCDEFGHIJKL"), Fields: []string{"TwilioSmsFromNumber"}},
			{Name: "sender of digits", Options: options("+15005550006", "15005550006"), Fields: []string{"TwilioSmsFromNumber"}},
		}, oobtest.Invalid(options())...),
		Delivery: &factortest.Delivery{
			Delivered: func(t testing.TB, m twofactor.Message) {
				sent := fake.Sent()
				got := sent[len(sent)-1]
				if got.To != m.To || got.Text != m.Text || got.From != "+15005550006" {
					t.Errorf("got %+v, want %+v", got, m)
				}
			},
			Hang: script(fakes.Fault{Hang: true}),
			Heal: fake.Heal,
			Failures: []factortest.Failure{
				{Name: "wrong token", Options: options(token, "other"), Want: twofactor.ErrAccount, Stage: "send", Status: 401, Code: "20003"},
				{Name: "unknown account", Options: options(sid, "ACffffffffffffffffffffffffffffffff"), Want: twofactor.ErrAccount, Status: 404},
				{
					Name: "slow down", Want: twofactor.ErrRetry, Status: 429, Code: "20429", After: 7 * time.Second,
					Arrange: script(fakes.Fault{
						Status: 429, Header: http.Header{"Retry-After": {"7"}, "Twilio-Reached-Rate-Limit": {"true"}},
						Body: `{"code":20429,"message":"Too many requests","status":429}`,
					}),
				},
				{Name: "fault", Arrange: refuse(500, "oops"), Want: twofactor.ErrRetry, Status: 500},
				{Name: "gateway page", Arrange: refuse(200, "<html>sign in to the network</html>"), Want: twofactor.ErrRetry, Stage: "response", Code: "garbage"},
				{Name: "success without a message", Arrange: refuse(201, `{}`), Want: twofactor.ErrRetry, Code: "garbage"},
				{Name: "success with an error in it", Arrange: refuse(200, `{"code":21211,"message":"+41791234567 is bad","status":400}`), Want: twofactor.ErrRecipient, Code: "21211"},
				{Name: "message that failed", Arrange: refuse(201, `{"sid":"SM1","status":"failed","error_code":30007}`), Want: twofactor.ErrContent, Code: "30007"},
				{Name: "redirect", Arrange: script(fakes.Fault{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/"}}}), Want: twofactor.ErrAccount, Status: 302},
				{Name: "landline", Arrange: refuse(400, `{"code":21614,"message":"x","status":400}`), Want: twofactor.ErrRecipient, Code: "21614"},
				{Name: "trial account", Arrange: refuse(400, `{"code":21608,"message":"x","status":400}`), Want: twofactor.ErrAccount, Code: "21608"},
				{Name: "queue is full", Arrange: refuse(400, `{"code":30001,"message":"x","status":400}`), Want: twofactor.ErrRetry, Code: "30001"},
				{Name: "unknown code", Arrange: refuse(400, `{"code":29999,"message":"x","status":400}`), Want: twofactor.ErrContent, Code: "29999"},
				{Name: "endless answer", Arrange: refuse(201, `{"sid":"`+strings.Repeat("x", 1<<20)+`"}`), Want: twofactor.ErrRetry, Code: "garbage"},
			},
		},
	})
}

// TestRequestDetails checks what the fake alone cannot refuse.
func TestRequestDetails(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "sydney")
	t.Setenv("TWILIO_REGION", "au1")
	for name, c := range map[string]struct {
		from     string
		segments int
		status   string
	}{
		"number":  {"+15005550006", 1, "queued"},
		"name":    {"Acme", 1, "queued"},
		"service": {service, 0, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, env := start(t)
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			env.Now = func() time.Time { return now }
			f, ch := oobtest.Begin(t, twilio.Provider(), options("+15005550006", c.from), env)
			now = now.Add(100*time.Second + time.Millisecond)
			receipt, err := f.(twofactor.Sender).Send(t.Context(), *ch.Outgoing)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(receipt.ProviderID, "SM") || receipt.Status != c.status || receipt.Segments != c.segments {
				t.Errorf("receipt %+v", receipt)
			}
			got := fake.Sent()[0]
			if got.From != c.from || got.ValidFor != 200*time.Second {
				t.Errorf("from %s, valid for %v", got.From, got.ValidFor)
			}
		})
	}
}

// TestSendsOnce: the library repeats a request whose error it cannot read.
func TestSendsOnce(t *testing.T) {
	fake, env := start(t)
	fake.Script(fakes.Fault{Status: 500, Body: "not JSON", Accept: true, Forever: true})
	f, ch := oobtest.Begin(t, twilio.Provider(), options(), env)
	if _, err := f.(twofactor.Sender).Send(t.Context(), *ch.Outgoing); err == nil {
		t.Fatal("Send succeeded")
	}
	if n := len(fake.Sent()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewTLSServer(&fakes.Twilio{AccountSid: sid, AuthToken: token})
	defer server.Close()
	server.Config.ErrorLog = oobtest.Quiet
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"twilio": server.URL}
	oobtest.SendFails(t, twilio.Provider(), options(), env, twofactor.ErrAccount, "tls", "certificate")
}

func TestNothingListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"twilio": server.URL}
	oobtest.SendFails(t, twilio.Provider(), options(), env, twofactor.ErrRetry, "connect", "refused")
}

func TestBadEndpoint(t *testing.T) {
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"twilio": "not a url"}
	if _, err := twilio.Provider().Open([]byte(options()), env); err == nil {
		t.Error("Open succeeded")
	}
}

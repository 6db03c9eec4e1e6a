package email_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/email"
	"twofold/twofactor/factortest"
	"twofold/twofactor/oob/oobtest"
)

const (
	tenantID = "11111111-2222-3333-4444-555555555555"
	clientID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	secret   = "client-secret-that-nobody-may-see"
	mailbox  = "noreply@acme.example"
)

func startM365(t *testing.T) (*fakes.Microsoft, twofactor.Env) {
	t.Helper()
	fake := &fakes.Microsoft{TenantID: tenantID, ClientID: clientID, ClientSecret: secret, Mailbox: mailbox}
	server := httptest.NewTLSServer(fake)
	t.Cleanup(server.Close)
	env := factortest.Env()
	env.HTTP = server.Client()
	env.Endpoints = twofactor.Endpoints{"entra": server.URL, "msgraph": server.URL + "/"}
	return fake, env
}

func m365Options(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(fmt.Sprintf(
		`{"EMailSenderAddress":"Acme <%s>","MailServerConfig":{"MailType":"M365","ClientId":%q,"ClientSecret":%q,"TenantId":%q,"UserId":%q}}`,
		mailbox, clientID, secret, tenantID, mailbox))
}

func TestConformanceM365(t *testing.T) {
	fake, env := startM365(t)
	refuse := func(status int, code string) func() {
		return func() {
			fake.Script(fakes.Fault{Status: status, Body: `{"error":{"code":"` + code + `","message":"mia@example.ch"}}`})
		}
	}
	factortest.Run(t, factortest.Config{
		Provider: email.Provider(),
		Env:      env,
		Options:  m365Options(),
		Secrets:  []string{secret},
		User:     oobtest.User,
		Unusable: oobtest.NoEmail,
		Answer:   oobtest.Answer,
		Delivery: &factortest.Delivery{
			Delivered: func(t testing.TB, m twofactor.Message) {
				mails := fake.Mails()
				got := mails[len(mails)-1]
				if got.HTML != m.HTML || got.Subject != m.Subject || got.To[0] != m.To || got.From != mailbox {
					t.Errorf("got %+v, want %+v", got, m)
				}
			},
			Hang: func() { fake.Script(fakes.Fault{Hang: true}) },
			Heal: fake.Heal,
			Failures: []factortest.Failure{
				{Name: "wrong secret", Options: m365Options(secret, "other"), Want: twofactor.ErrAccount, Stage: "token", Status: 401, Code: "AADSTS7000215"},
				{Name: "unknown client", Options: m365Options(clientID, "ffff"), Want: twofactor.ErrAccount, Stage: "token", Status: 400, Code: "AADSTS700016"},
				{Name: "unknown tenant", Options: m365Options(tenantID, "ffff"), Want: twofactor.ErrAccount, Stage: "token", Status: 400, Code: "AADSTS90002"},
				{Name: "unknown mailbox", Options: m365Options(`"UserId":"`+mailbox, `"UserId":"other@acme.example`), Want: twofactor.ErrAccount, Stage: "send", Status: 404, Code: "ErrorInvalidUser"},
				{Name: "not allowed to send as", Options: m365Options("Acme <"+mailbox, "<boss@acme.example"), Want: twofactor.ErrAccount, Status: 403, Code: "ErrorSendAsDenied"},
				{Name: "no consent", Arrange: refuse(403, "ErrorAccessDenied"), Want: twofactor.ErrAccount, Status: 403, Code: "ErrorAccessDenied"},
				{Name: "bad recipient", Arrange: refuse(400, "ErrorInvalidRecipients"), Want: twofactor.ErrRecipient, Status: 400},
				{Name: "bad content", Arrange: refuse(400, "ErrorMimeContentInvalidBase64String"), Want: twofactor.ErrContent, Status: 400},
				{Name: "code that tells the address", Arrange: refuse(400, "mia@example.ch"), Want: twofactor.ErrContent},
				{
					Name: "throttled", Want: twofactor.ErrRetry, Status: 429, Code: "ApplicationThrottled", After: 9 * time.Second,
					Arrange: func() {
						fake.Script(fakes.Fault{
							Status: 429, Header: http.Header{"Retry-After": {"9"}}, Body: `{"error":{"code":"ApplicationThrottled"}}`,
						})
					},
				},
				{Name: "busy", Arrange: refuse(503, "ErrorServerBusy"), Want: twofactor.ErrRetry, Status: 503},
				{Name: "garbage", Arrange: func() { fake.Script(fakes.Fault{Status: 200, Body: "<html>"}) }, Want: twofactor.ErrRetry, Code: "garbage"},
				{
					Name: "redirect", Want: twofactor.ErrAccount, Status: 302,
					Arrange: func() { fake.Script(fakes.Fault{Status: 302, Header: http.Header{"Location": {"/"}}}) },
				},
				{
					Name: "token endpoint busy", Want: twofactor.ErrRetry, Stage: "token", Status: 503,
					Arrange: func() { fake.TokenFaults.Script(fakes.Fault{Status: 503, Body: "busy"}) },
				},
			},
		},
	})
}

// TestOneToken: the token outlives a delivery, and no layer below repeats.
func TestOneToken(t *testing.T) {
	fake, env := startM365(t)
	f, c := oobtest.Begin(t, email.Provider(), m365Options(), env)
	sender := f.(twofactor.Sender)
	fake.Script(fakes.Fault{Status: 500, Accept: true})
	if _, err := sender.Send(t.Context(), *c.Outgoing); err == nil {
		t.Error("Send succeeded")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := sender.Send(t.Context(), *c.Outgoing); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(fake.Mails()); n != 5 {
		t.Errorf("%d mails for 5 deliveries", n)
	}
	if n := fake.Tokens(); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

func TestPlainText(t *testing.T) {
	fake, env := startM365(t)
	f, c := oobtest.Begin(t, email.Provider(), m365Options(), env)
	c.Outgoing.HTML = ""
	if _, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing); err != nil {
		t.Fatal(err)
	}
	if got := fake.Mails()[0]; got.Text != c.Outgoing.Text || got.HTML != "" {
		t.Errorf("got %+v", got)
	}
}

func TestM365Unreachable(t *testing.T) {
	fake := httptest.NewTLSServer(&fakes.Microsoft{})
	fake.Config.ErrorLog = oobtest.Quiet
	defer fake.Close()
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"entra": fake.URL, "msgraph": fake.URL}
	oobtest.SendFails(t, email.Provider(), m365Options(), env, twofactor.ErrAccount, "tls", "certificate")
}

func TestM365NeedsHTTPS(t *testing.T) {
	for _, name := range []string{"entra", "msgraph"} {
		_, env := startM365(t)
		env.Endpoints[name] = "http://127.0.0.1:1"
		_, err := email.Provider().Open([]byte(m365Options()), env)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestTokenHangs: deliveries that wait for another's token keep their deadlines.
func TestTokenHangs(t *testing.T) {
	fake, env := startM365(t)
	fake.TokenFaults.Script(fakes.Fault{Hang: true, Forever: true})
	f, c := oobtest.Begin(t, email.Provider(), m365Options(), env)
	var wg sync.WaitGroup
	start := time.Now()
	for range 4 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := f.(twofactor.Sender).Send(ctx, *c.Outgoing); !errors.Is(err, twofactor.ErrRetry) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

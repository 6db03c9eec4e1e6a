package ecall_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/ecall"
	"twofold/twofactor/factortest"
	"twofold/twofactor/oob/oobtest"
)

const (
	account  = "acme-sms"
	password = "password-that-nobody-may-see"
)

func start(t *testing.T) (*fakes.ECall, twofactor.Env) {
	t.Helper()
	fake := &fakes.ECall{Account: account, Password: password}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	env := factortest.Env()
	env.HTTP = server.Client()
	env.Endpoints = twofactor.Endpoints{"ecall": server.URL + "/"}
	return fake, env
}

func options(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(
		`{"ECallAccountName":"` + account + `","ECallAccountPassword":"` + password + `","ECallAccountFromNumber":"+41790000000"}`)
}

func TestConformance(t *testing.T) {
	fake, env := start(t)
	script := func(f fakes.Fault) func() { return func() { fake.Script(f) } }
	refuse := func(status int, body string) func() { return script(fakes.Fault{Status: status, Body: body}) }
	complaint := func(parameter string) string {
		return `{"errorCode":"InvalidContent","errorMessage":"x","errorDetails":{"errors":[{"parameter":"` + parameter +
			`","messages":["'+41791234567' is an invalid receiver."]}]}}`
	}
	factortest.Run(t, factortest.Config{
		Provider: ecall.Provider(),
		Env:      env,
		Options:  options(),
		Secrets:  []string{password},
		User:     oobtest.User,
		Unusable: oobtest.NoPhone,
		Answer:   oobtest.Answer,
		Wrong:    oobtest.Wrong,
		Invalid: append([]factortest.Invalid{
			{Name: "name with colon", Options: options(account, "a:b"), Fields: []string{"ECallAccountName"}},
			{Name: "no password", Options: options(password, ""), Fields: []string{"ECallAccountPassword"}},
			{Name: "long sender name", Options: options("+41790000000", "ABCDEFGHIJKL"), Fields: []string{"ECallAccountFromNumber"}},
			{Name: "long sender number", Options: options("+41790000000", "12345678901234567"), Fields: []string{"ECallAccountFromNumber"}},
			{Name: "blank sender", Options: options("+41790000000", "  "), Fields: []string{"ECallAccountFromNumber"}},
			{Name: "sender beyond ASCII", Options: options("+41790000000", "Zürich"), Fields: []string{"ECallAccountFromNumber"}},
		}, oobtest.Invalid(options())...),
		Delivery: &factortest.Delivery{
			Delivered: func(t testing.TB, m twofactor.Message) {
				sent := fake.Sent()
				got := sent[len(sent)-1]
				if got.To != m.To || got.Text != m.Text || got.From != "+41790000000" {
					t.Errorf("got %+v, want %+v", got, m)
				}
			},
			Hang: script(fakes.Fault{Hang: true}),
			Heal: fake.Heal,
			Failures: []factortest.Failure{
				{Name: "wrong password", Options: options(password, "other"), Want: twofactor.ErrAccount, Stage: "send", Status: 401, Code: "Unauthorized"},
				{Name: "no credit", Arrange: refuse(403, `{"errorCode":"Forbidden"}`), Want: twofactor.ErrAccount, Status: 403, Code: "Forbidden"},
				{
					Name: "slow down", Want: twofactor.ErrRetry, Status: 429, After: 30 * time.Second,
					Arrange: script(fakes.Fault{Status: 429, Header: http.Header{"Retry-After": {"30"}}}),
				},
				{Name: "fault", Arrange: refuse(503, `<html>`), Want: twofactor.ErrRetry, Status: 503},
				{Name: "gateway page", Arrange: refuse(200, `<html>`), Want: twofactor.ErrRetry, Stage: "response", Code: "garbage"},
				{Name: "success without an id", Arrange: refuse(200, `{"messageId":""}`), Want: twofactor.ErrRetry, Code: "garbage"},
				{Name: "success with an error in it", Arrange: refuse(200, complaint("To")), Want: twofactor.ErrRecipient, Code: "InvalidContent"},
				{Name: "redirect", Arrange: script(fakes.Fault{Status: 307, Header: http.Header{"Location": {"https://elsewhere.example/"}}}), Want: twofactor.ErrAccount, Status: 307},
				{Name: "bad receiver", Arrange: refuse(400, complaint("To")), Want: twofactor.ErrRecipient, Status: 400, Code: "InvalidContent"},
				{Name: "bad sender", Arrange: refuse(400, complaint("From")), Want: twofactor.ErrAccount, Code: "InvalidContent"},
				{Name: "bad text", Arrange: refuse(400, complaint("Content.Text")), Want: twofactor.ErrContent, Code: "InvalidContent"},
				{Name: "code that tells the number", Arrange: refuse(400, `{"errorCode":"41791234567"}`), Want: twofactor.ErrContent},
				{Name: "endless answer", Arrange: refuse(200, `{"messageId":"`+strings.Repeat("x", 1<<20)+`"}`), Want: twofactor.ErrRetry, Code: "garbage"},
			},
		},
	})
}

func TestSenders(t *testing.T) {
	for _, from := range []string{"+41790000000", "0041790000000", "1234567890123456", "Acme", "Acme & Co."} {
		t.Run(from, func(t *testing.T) {
			fake, env := start(t)
			f, c := oobtest.Begin(t, ecall.Provider(), options("+41790000000", from), env)
			receipt, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing)
			if err != nil {
				t.Fatal(err)
			}
			if receipt.ProviderID == "" || receipt.Status != "accepted" {
				t.Errorf("receipt %+v", receipt)
			}
			if got := fake.Sent()[0].From; got != from {
				t.Errorf("from %q", got)
			}
		})
	}
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewTLSServer(&fakes.ECall{})
	defer server.Close()
	server.Config.ErrorLog = oobtest.Quiet
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"ecall": server.URL}
	oobtest.SendFails(t, ecall.Provider(), options(), env, twofactor.ErrAccount, "tls", "certificate")
}

func TestBadEndpoint(t *testing.T) {
	env := factortest.Env()
	env.Endpoints = twofactor.Endpoints{"ecall": "not a url"}
	if _, err := ecall.Provider().Open([]byte(options()), env); err == nil {
		t.Error("Open succeeded")
	}
}

package email_test

import (
	"fmt"
	"strings"
	"testing"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/email"
	"twofold/twofactor/factortest"
	"twofold/twofactor/oob/oobtest"
)

const (
	user     = "acme"
	password = "password-that-nobody-may-see"
)

// mode is a way to reach the fake mail server. Implicit TLS is bound to port
// 465, which a test cannot listen on: see TestImplicitTLS.
type mode struct {
	name string
	fake fakes.SMTPMode
	ssl  bool
}

var modes = []mode{{"plain", fakes.SMTPPlain, false}, {"starttls", fakes.SMTPStartTLS, true}}

func startSMTP(t *testing.T, o fakes.SMTPOptions) *fakes.SMTP {
	t.Helper()
	server, err := fakes.StartSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func options(s *fakes.SMTP, ssl bool, secret string) string {
	return fmt.Sprintf(`{"EMailSenderAddress":"Acme & Söhne <noreply@acme.example>","MailServerConfig":{
		"MailType":"SMTP","Host":%q,"Port":%d,"EnableSSL":%v,"UserName":%q,"Password":%q,"Timeout":5000}}`,
		s.Host(), s.Port(), ssl, user, secret)
}

func smtpEnv(s *fakes.SMTP) twofactor.Env {
	env := factortest.Env()
	env.RootCAs = s.RootCAs()
	return env
}

func TestConformanceSMTP(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			server := startSMTP(t, fakes.SMTPOptions{Mode: m.fake, User: user, Password: password})
			good := options(server, m.ssl, password)
			factortest.Run(t, factortest.Config{
				Provider: email.Provider(),
				Env:      smtpEnv(server),
				Options:  good,
				Secrets:  []string{password},
				User:     oobtest.User,
				Unusable: oobtest.NoEmail,
				Answer:   oobtest.Answer,
				Wrong:    oobtest.Wrong,
				Invalid:  append(badOptions(), oobtest.Invalid(good)...),
				Delivery: &factortest.Delivery{
					Delivered: func(t testing.TB, m twofactor.Message) { delivered(t, server.Mails(), m) },
					Hang:      func() { server.Script(fakes.SMTPFault{Stage: fakes.SMTPData, Hang: true}) },
					Heal:      server.Heal,
					Failures:  smtpFailures(server, options(server, m.ssl, "wrong")),
				},
			})
		})
	}
}

func delivered(t testing.TB, mails []fakes.Mail, m twofactor.Message) {
	t.Helper()
	if len(mails) == 0 {
		t.Fatal("no mail arrived")
	}
	got := mails[len(mails)-1]
	if got.Text != m.Text+"\n" && got.Text != m.Text {
		t.Errorf("text %q, want %q", got.Text, m.Text)
	}
	if got.HTML != m.HTML && got.HTML != m.HTML+"\n" {
		t.Errorf("html %q, want %q", got.HTML, m.HTML)
	}
	if got.Subject != m.Subject || len(got.To) != 1 || got.To[0] != m.To || got.From != "noreply@acme.example" {
		t.Errorf("got %q from %q to %q, want %q to %q", got.Subject, got.From, got.To, m.Subject, m.To)
	}
}

func smtpFailures(server *fakes.SMTP, wrongPassword string) []factortest.Failure {
	reply := func(stage fakes.SMTPStage, code int, enhanced ...int) func() {
		fault := fakes.SMTPFault{Stage: stage, Code: code, Text: "<mia@example.ch> 123456 says no", Forever: true}
		copy(fault.Enhanced[:], enhanced)
		return func() { server.Script(fault) }
	}
	drop := func(stage fakes.SMTPStage) func() {
		return func() { server.Script(fakes.SMTPFault{Stage: stage, Drop: true, Forever: true}) }
	}
	return []factortest.Failure{
		{Name: "wrong password", Options: wrongPassword, Want: twofactor.ErrAccount, Stage: "auth", Status: 535, Code: "5.7.8"},
		{Name: "auth not now", Arrange: reply(fakes.SMTPAuth, 454, 4, 7, 0), Want: twofactor.ErrRetry, Stage: "auth", Status: 454},
		{Name: "busy greeting", Arrange: reply(fakes.SMTPConnect, 421, 4, 3, 2), Want: twofactor.ErrRetry, Stage: "greeting", Status: 421, Code: "4.3.2"},
		{Name: "refusing greeting", Arrange: reply(fakes.SMTPConnect, 554, 5, 7, 1), Want: twofactor.ErrAccount, Stage: "greeting", Status: 554},
		{Name: "dropped at once", Arrange: drop(fakes.SMTPConnect), Want: twofactor.ErrRetry, Stage: "greeting", Code: "closed"},
		{Name: "hello refused", Arrange: reply(fakes.SMTPHello, 550, 5, 7, 1), Want: twofactor.ErrAccount, Stage: "greeting", Status: 550},
		{Name: "sender refused", Arrange: reply(fakes.SMTPMail, 553, 5, 7, 1), Want: twofactor.ErrAccount, Stage: "sender", Status: 553, Code: "5.7.1"},
		{Name: "greylisted", Arrange: reply(fakes.SMTPRcpt, 451, 4, 7, 1), Want: twofactor.ErrRetry, Stage: "recipient", Status: 451, Code: "4.7.1"},
		{Name: "unknown user", Arrange: reply(fakes.SMTPRcpt, 550, 5, 1, 1), Want: twofactor.ErrRecipient, Stage: "recipient", Status: 550, Code: "5.1.1"},
		{Name: "not local", Arrange: reply(fakes.SMTPRcpt, 551, 5, 1, 6), Want: twofactor.ErrRecipient, Status: 551},
		{Name: "mailbox full", Arrange: reply(fakes.SMTPRcpt, 552, 5, 2, 2), Want: twofactor.ErrRecipient, Status: 552, Code: "5.2.2"},
		{Name: "mailbox name", Arrange: reply(fakes.SMTPRcpt, 553, 5, 1, 3), Want: twofactor.ErrRecipient, Status: 553},
		{Name: "relaying denied", Arrange: reply(fakes.SMTPRcpt, 554, 5, 7, 1), Want: twofactor.ErrAccount, Status: 554, Code: "5.7.1"},
		{Name: "spam", Arrange: reply(fakes.SMTPData, 554, 5, 7, 1), Want: twofactor.ErrContent, Stage: "content", Status: 554, Code: "5.7.1"},
		{Name: "too big", Arrange: reply(fakes.SMTPData, 552, 5, 3, 4), Want: twofactor.ErrContent, Status: 552},
		{Name: "full after all", Arrange: reply(fakes.SMTPData, 552, 5, 2, 2), Want: twofactor.ErrRecipient, Status: 552},
		{Name: "not now after all", Arrange: reply(fakes.SMTPData, 452, 4, 3, 1), Want: twofactor.ErrRetry, Stage: "content", Status: 452},
		{Name: "dropped in the middle", Arrange: drop(fakes.SMTPData), Want: twofactor.ErrRetry, Stage: "content"},
	}
}

func badOptions() []factortest.Invalid {
	server := func(config string) string {
		return `{"EMailSenderAddress":"a@b.example","MailServerConfig":` + config + `}`
	}
	in := func(fields ...string) []string {
		for i, f := range fields {
			fields[i] = "MailServerConfig." + f
		}
		return fields
	}
	const auth = `,"UserName":"u","Password":"` + password + `"`
	return []factortest.Invalid{
		{
			Name: "all at once", Options: `{"EMailSenderAddress":"","MailServerConfig":{"Port":0,"Timeout":1},"CodeLength":1}`,
			Fields: append(in("Host", "Port", "Timeout"), "EMailSenderAddress", "CodeLength"),
		},
		{Name: "sender", Options: `{"EMailSenderAddress":"a@b\r\nBcc: c@d","MailServerConfig":{"Host":"mail.example"}}`, Fields: []string{"EMailSenderAddress"}},
		{Name: "two senders", Options: `{"EMailSenderAddress":"a@b.example, c@d.example","MailServerConfig":{"Host":"mail.example"}}`, Fields: []string{"EMailSenderAddress"}},
		{Name: "no host", Options: server(`{}`), Fields: in("Host")},
		{Name: "host with port", Options: server(`{"Host":"mail.example:25"}`), Fields: in("Host")},
		{Name: "host with scheme", Options: server(`{"Host":"smtp://mail.example"}`), Fields: in("Host")},
		{Name: "host with line break", Options: server(`{"Host":"mail.example\r\nx"}`), Fields: in("Host")},
		{Name: "port", Options: server(`{"Host":"mail.example","Port":70000}`), Fields: in("Port")},
		{Name: "port as text", Options: server(`{"Host":"mail.example","Port":"465"}`), Fields: in("Port")},
		{Name: "type", Options: server(`{"MailType":"POP3","Host":"mail.example"}`), Fields: in("MailType")},
		{Name: "unknown", Options: server(`{"Host":"mail.example","EnableSsl":true}`), Fields: in("EnableSsl")},
		{Name: "user without password", Options: server(`{"Host":"mail.example","UserName":"u"}`), Fields: in("Password")},
		{Name: "password without user", Options: server(`{"Host":"mail.example","Password":"` + password + `"}`), Fields: in("UserName")},
		{Name: "password in clear", Options: server(`{"Host":"mail.example","EnableSSL":false` + auth + `}`), Fields: in("EnableSSL")},
		{Name: "loopback look-alike", Options: server(`{"Host":"127.0.0.1.example","EnableSSL":false` + auth + `}`), Fields: in("EnableSSL")},
		{Name: "M365 empty", Options: server(`{"MailType":"M365"}`), Fields: in("ClientId", "ClientSecret", "TenantId", "UserId")},
		{Name: "M365 forms", Options: server(`{"MailType":"M365","ClientId":"a/b","ClientSecret":"x","TenantId":"a/b","UserId":"a/b"}`), Fields: in("ClientId", "TenantId", "UserId")},
		{Name: "text that is no object", Options: server(`"no"`), Fields: []string{"MailServerConfig"}},
	}
}

// TestConfigAsText: administrators paste the object as text, as they had it elsewhere.
func TestConfigAsText(t *testing.T) {
	server := startSMTP(t, fakes.SMTPOptions{})
	config := fmt.Sprintf(`{\"MailType\":\"SMTP\",\"Host\":\"localhost\",\"Port\":%d,\"EnableSSL\":false}`, server.Port())
	f, c := oobtest.Begin(t, email.Provider(), `{"EMailSenderAddress":"noreply@acme.example","MailServerConfig":"`+config+`"}`, factortest.Env())
	if _, err := f.(twofactor.Sender).Send(t.Context(), *c.Outgoing); err != nil {
		t.Fatal(err)
	}
	delivered(t, server.Mails(), *c.Outgoing)
}

func TestPlainCredentialsToLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "::1"} {
		o := `{"EMailSenderAddress":"a@b.example","MailServerConfig":{"Host":"` + host + `","EnableSSL":false,"UserName":"u","Password":"p"}}`
		if _, err := email.Provider().Open([]byte(o), factortest.Env()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestProvider(t *testing.T) {
	p := email.Provider()
	if p.Info.Type != "email" || p.Info.Strength != twofactor.Strength2FA {
		t.Errorf("info %+v", p.Info)
	}
	var names []string
	for _, f := range p.Fields {
		names = append(names, f.Name)
		for _, sub := range f.Fields {
			names = append(names, f.Name+"."+sub.Name)
		}
	}
	// SPEC §3.4: exactly these names.
	const want = "EMailSenderAddress MailServerConfig MailServerConfig.MailType MailServerConfig.Host MailServerConfig.Port " +
		"MailServerConfig.EnableSSL MailServerConfig.UserName MailServerConfig.Password MailServerConfig.Timeout " +
		"MailServerConfig.ClientId MailServerConfig.ClientSecret MailServerConfig.TenantId MailServerConfig.UserId CodeLength CodeLifetime OnDeliveryFailure"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("options %s\nwant    %s", got, want)
	}
}

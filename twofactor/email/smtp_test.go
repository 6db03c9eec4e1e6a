package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/fakes"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

const testPassword = "password-that-nobody-may-see"

func startServer(t *testing.T, o fakes.SMTPOptions) *fakes.SMTP {
	t.Helper()
	o.Record = true
	s, err := fakes.StartSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newTestSender talks to the fake; port 465 stays out of a test's reach, so
// implicit TLS is set here.
func newTestSender(fake *fakes.SMTP, mode fakes.SMTPMode, env twofactor.Env) *smtpSender {
	env.RootCAs = fake.RootCAs()
	s := newSMTP(&mail.Address{Name: "Acme", Address: "noreply@acme.example"}, MailServer{
		MailType: typeSMTP, Host: fake.Host(), Port: fake.Port(), EnableSSL: mode != fakes.SMTPPlain, Timeout: 3000,
	}, env)
	s.implicit = mode == fakes.SMTPImplicitTLS
	return s
}

func message() twofactor.Message {
	return twofactor.Message{
		ID: "message-1", To: "mia@example.ch", Masked: "m•••@example.ch",
		Subject: "Ihr Anmeldecode für Acme", Text: "Ihr Code ist 123456.\nGrüsse\n.\nlast", HTML: "<p>Ihr Code für Söhne ist 123456.</p>",
	}
}

func wantFailure(t *testing.T, err, class error, stage, code string) {
	t.Helper()
	var e *twofactor.SendError
	if !errors.As(err, &e) || !errors.Is(e.Class, class) || e.Stage != stage || e.Code != code {
		t.Fatalf("got %v, want %v at %s, code %s", err, class, stage, code)
	}
}

func TestImplicitTLS(t *testing.T) {
	fake := startServer(t, fakes.SMTPOptions{Mode: fakes.SMTPImplicitTLS, User: "acme", Password: testPassword})
	s := newTestSender(fake, fakes.SMTPImplicitTLS, factortest.Env())
	s.server.UserName, s.server.Password = "acme", testPassword
	receipt, err := s.Send(t.Context(), message())
	if err != nil {
		t.Fatal(err)
	}
	if len(fake.Mails()) != 1 || !strings.HasSuffix(receipt.ProviderID, "@acme.example") {
		t.Errorf("receipt %+v, %d mails", receipt, len(fake.Mails()))
	}
}

func TestPort465IsImplicit(t *testing.T) {
	for _, c := range []struct {
		ssl  bool
		port int
		want bool
	}{{true, 465, true}, {true, 587, false}, {false, 465, false}} {
		if got := newSMTP(&mail.Address{}, MailServer{EnableSSL: c.ssl, Port: c.port}, factortest.Env()).implicit; got != c.want {
			t.Errorf("EnableSSL %v, port %d: implicit %v", c.ssl, c.port, got)
		}
	}
}

// TestNeverInClear: whatever goes wrong with TLS, neither mail nor password leaves.
func TestNeverInClear(t *testing.T) {
	otherCert, _, err := fakes.Certificate("other.example")
	if err != nil {
		t.Fatal(err)
	}
	other := &tls.Config{Certificates: []tls.Certificate{otherCert}}
	pool := func(c *tls.Config) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(c.Certificates[0].Leaf)
		return p
	}
	for name, c := range map[string]struct {
		server  fakes.SMTPMode
		client  fakes.SMTPMode
		tls     *tls.Config
		trusted bool
		code    string
	}{
		"starttls not offered":          {fakes.SMTPPlain, fakes.SMTPStartTLS, nil, true, "no-starttls"},
		"starttls, unknown certificate": {fakes.SMTPStartTLS, fakes.SMTPStartTLS, nil, false, "certificate"},
		"starttls, other name":          {fakes.SMTPStartTLS, fakes.SMTPStartTLS, other, true, "certificate"},
		"implicit, unknown certificate": {fakes.SMTPImplicitTLS, fakes.SMTPImplicitTLS, nil, false, "certificate"},
		"implicit, other name":          {fakes.SMTPImplicitTLS, fakes.SMTPImplicitTLS, other, true, "certificate"},
		"implicit to a plain port":      {fakes.SMTPPlain, fakes.SMTPImplicitTLS, nil, true, "handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startServer(t, fakes.SMTPOptions{Mode: c.server, User: "acme", Password: testPassword, TLS: c.tls})
			s := newTestSender(fake, c.client, factortest.Env())
			s.server.UserName, s.server.Password = "acme", testPassword
			switch {
			case !c.trusted:
				s.env.RootCAs = x509.NewCertPool()
			case c.tls != nil:
				s.env.RootCAs = pool(c.tls)
			}
			_, err := s.Send(t.Context(), message())
			wantFailure(t, err, twofactor.ErrAccount, "tls", c.code)
			if strings.Contains(fake.Transcript(), "\r\nAUTH ") || strings.Contains(fake.Transcript(), "MAIL FROM") {
				t.Errorf("went on in clear:\n%s", fake.Transcript())
			}
		})
	}
}

func TestMechanisms(t *testing.T) {
	for name, c := range map[string]struct {
		offered []string
		used    string
	}{
		"both":  {[]string{"LOGIN", "PLAIN"}, "AUTH PLAIN"},
		"login": {[]string{"LOGIN"}, "AUTH LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startServer(t, fakes.SMTPOptions{Mode: fakes.SMTPStartTLS, User: "acme", Password: testPassword, Mechanisms: c.offered})
			s := newTestSender(fake, fakes.SMTPStartTLS, factortest.Env())
			s.server.UserName, s.server.Password = "acme", testPassword
			if _, err := s.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(fake.Transcript(), c.used) {
				t.Errorf("not by %s:\n%s", c.used, fake.Transcript())
			}
		})
	}
	t.Run("none we know", func(t *testing.T) {
		fake := startServer(t, fakes.SMTPOptions{User: "acme", Password: testPassword, Mechanisms: []string{"NTLM"}})
		s := newTestSender(fake, fakes.SMTPPlain, factortest.Env())
		s.server.UserName, s.server.Password = "acme", testPassword
		_, err := s.Send(t.Context(), message())
		wantFailure(t, err, twofactor.ErrAccount, "auth", "no-auth")
	})
	t.Run("server wants none", func(t *testing.T) {
		fake := startServer(t, fakes.SMTPOptions{})
		s := newTestSender(fake, fakes.SMTPPlain, factortest.Env())
		if _, err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSlowServers(t *testing.T) {
	for name, fault := range map[string]fakes.SMTPFault{
		"hangs before the greeting": {Stage: fakes.SMTPConnect, Hang: true},
		"hangs at hello":            {Stage: fakes.SMTPHello, Hang: true},
		"hangs at auth":             {Stage: fakes.SMTPAuth, Hang: true},
		"hangs at the recipient":    {Stage: fakes.SMTPRcpt, Hang: true},
		"hangs after the content":   {Stage: fakes.SMTPData, Hang: true},
		"trickles":                  {Stage: fakes.SMTPConnect, Trickle: 50 * time.Millisecond},
	} {
		for _, mode := range []fakes.SMTPMode{fakes.SMTPPlain, fakes.SMTPStartTLS, fakes.SMTPImplicitTLS} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				fake := startServer(t, fakes.SMTPOptions{Mode: mode, User: "acme", Password: testPassword})
				fake.Script(fault)
				s := newTestSender(fake, mode, factortest.Env())
				s.server.UserName, s.server.Password = "acme", testPassword
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, err := s.Send(ctx, message())
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %v", took)
				}
				var e *twofactor.SendError
				if !errors.As(err, &e) || !errors.Is(e.Class, twofactor.ErrRetry) || e.Code != "timeout" {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestOwnTimeout(t *testing.T) {
	fake := startServer(t, fakes.SMTPOptions{})
	fake.Script(fakes.SMTPFault{Stage: fakes.SMTPMail, Hang: true})
	s := newTestSender(fake, fakes.SMTPPlain, factortest.Env())
	s.server.Timeout = 100
	_, err := s.Send(t.Context(), message())
	wantFailure(t, err, twofactor.ErrRetry, "sender", "timeout")
}

// TestHeaders looks at the mail as it travelled.
func TestHeaders(t *testing.T) {
	env := factortest.Env()
	env.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
	fake := startServer(t, fakes.SMTPOptions{})
	s := newTestSender(fake, fakes.SMTPPlain, env)
	for range 2 {
		if _, err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for i, m := range fake.Mails() {
		parsed, err := mail.ReadMessage(strings.NewReader(string(m.Raw)))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range parsed.Header {
			if i == 1 && name == "Message-Id" && got[name] != values[0] {
				t.Error("a repeated delivery has another Message-ID")
			}
			got[name] = strings.Join(values, "|")
		}
		if diff := cmp.Diff(message().Text, m.Text); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(message().HTML, m.HTML); diff != "" {
			t.Errorf("html (-want +got):\n%s", diff)
		}
	}
	id := got["Message-Id"]
	delete(got, "Message-Id")
	delete(got, "Content-Type")
	want := map[string]string{
		"From": `"Acme" <noreply@acme.example>`, "To": "<mia@example.ch>",
		"Subject": "=?UTF-8?q?Ihr_Anmeldecode_f=C3=BCr_Acme?=", "Date": "Wed, 04 Mar 2026 05:06:07 +0000",
		"Mime-Version": "1.0", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if !regexp.MustCompile(`^<[0-9a-f]{32}@acme\.example>$`).MatchString(id) {
		t.Errorf("message id %s", id)
	}
	if !strings.Contains(fake.Transcript(), "EHLO id.example\r\n") {
		t.Error("does not introduce itself by the public name")
	}
}

// TestEndlessReply: a server that never ends its greeting costs no memory.
func TestEndlessReply(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line := []byte("220-" + strings.Repeat("x", 4<<10))
		for err == nil {
			_, err = conn.Write(line)
		}
	}()
	s := newSMTP(&mail.Address{Address: "noreply@acme.example"}, MailServer{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Timeout: 20000,
	}, factortest.Env())
	_, err = s.Send(t.Context(), message())
	wantFailure(t, err, twofactor.ErrRetry, "greeting", "closed")
}

func TestInternationalAddresses(t *testing.T) {
	fake := startServer(t, fakes.SMTPOptions{})
	m := message()
	m.To = "mia@bücher.example"
	if _, err := newTestSender(fake, fakes.SMTPPlain, factortest.Env()).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := fake.Mails()[0].To[0]; got != "mia@xn--bcher-kva.example" {
		t.Errorf("sent to %s", got)
	}
}

func TestHeloName(t *testing.T) {
	for origin, want := range map[string]string{
		"https://id.example:8443": "id.example", "http://127.0.0.1:8080": "[127.0.0.1]", "http://[::1]:80": "[IPv6:::1]", "": "localhost", "::": "localhost",
	} {
		if got := heloName(origin); got != want {
			t.Errorf("%q: %q, want %q", origin, got, want)
		}
	}
}

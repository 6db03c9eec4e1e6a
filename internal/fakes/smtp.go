package fakes

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// SMTPMode says how the server speaks TLS.
type SMTPMode int

// Modes of the mail server.
const (
	SMTPPlain       SMTPMode = iota // in clear
	SMTPStartTLS                    // offers STARTTLS and takes mail only after it
	SMTPImplicitTLS                 // TLS from the first byte, as on port 465
)

// SMTPOptions describe a mail server. The zero value listens on a free loopback
// port, in clear, and takes mail from anybody.
type SMTPOptions struct {
	Addr           string   // default "127.0.0.1:0"
	Mode           SMTPMode //
	User, Password string   // when set, mail is taken only after AUTH with these
	Mechanisms     []string // of AUTH; default PLAIN and LOGIN
	TLS            *tls.Config
	Now            func() time.Time // default time.Now
	Inbox          *Inbox           // may be nil
	Record         bool             // keep a transcript
}

// SMTP is a mail server on loopback that keeps what it receives.
type SMTP struct {
	options    SMTPOptions
	server     *smtp.Server
	listener   net.Listener
	pool       *x509.CertPool
	closed     chan struct{}
	closeOnce  sync.Once
	mails      box[Mail]
	transcript transcript

	mu     sync.Mutex
	faults []SMTPFault
}

// StartSMTP starts a server; Close ends it.
func StartSMTP(o SMTPOptions) (*SMTP, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if len(o.Mechanisms) == 0 {
		o.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &SMTP{options: o, closed: make(chan struct{})}
	if o.Mode != SMTPPlain && o.TLS == nil {
		cert, pool, err := Certificate("localhost", "127.0.0.1", "::1")
		if err != nil {
			return nil, err
		}
		s.pool, s.options.TLS = pool, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("fakes: smtp: %w", err)
	}
	s.listener = listener
	s.server = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.server.Domain = "fake.example"
	s.server.MaxMessageBytes = 1 << 20
	s.server.MaxRecipients = 1
	s.server.AllowInsecureAuth = o.Mode == SMTPPlain
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	if o.Mode == SMTPStartTLS {
		s.server.TLSConfig = s.options.TLS
	}
	if o.Record {
		s.server.Debug = &s.transcript
	}
	go s.server.Serve(&faultListener{Listener: listener, smtp: s}) //nolint:errcheck // ends with Close
	return s, nil
}

// Close ends the server and all its connections.
func (s *SMTP) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	return s.server.Close()
}

// Host is the address the server listens on.
func (s *SMTP) Host() string { return s.listener.Addr().(*net.TCPAddr).IP.String() }

// Port is the port the server listens on.
func (s *SMTP) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// RootCAs trusts the certificate the server made for itself; nil when it made none.
func (s *SMTP) RootCAs() *x509.CertPool { return s.pool }

// Mails lists what was accepted, oldest first.
func (s *SMTP) Mails() []Mail { return s.mails.all() }

// Wait returns the newest mail that matches, now or as soon as there is one.
func (s *SMTP) Wait(ctx context.Context, match func(Mail) bool) (Mail, error) {
	return s.mails.wait(ctx, match)
}

// Transcript is all that went over the wires, both ways, inside TLS, when
// SMTPOptions.Record is set.
func (s *SMTP) Transcript() string { return s.transcript.String() }

type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

package email

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// smtpSender delivers by SMTP, one connection a mail. Options stand behind a
// pointer, so that printing a sender cannot print the password.
type smtpSender struct {
	from   *netmail.Address
	server *MailServer
	env    twofactor.Env
	helo   string
	// implicit is TLS from the first byte, which port 465 means (RFC 8314 §3.3).
	implicit bool
}

func newSMTP(from *netmail.Address, server MailServer, env twofactor.Env) *smtpSender {
	return &smtpSender{
		from: from, server: &server, env: env, helo: heloName(env.Origin),
		implicit: server.EnableSSL && server.Port == 465,
	}
}

// heloName is how we introduce ourselves: the public host name, or an address
// literal (RFC 5321 §4.1.3). Never this machine's own name.
func heloName(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return host
	case ip.To4() == nil:
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// Send delivers m. go-mail does not look at ctx once connected, so the
// connection is closed under it when ctx ends; that also bounds a server that
// trickles.
func (s *smtpSender) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	mail, id, err := s.compose(m)
	if err != nil {
		return twofactor.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.server.Timeout)*time.Millisecond)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return twofactor.Receipt{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := s.converse(ctx, conn, mail); err != nil {
		return twofactor.Receipt{}, err
	}
	return twofactor.Receipt{ProviderID: id, Status: "accepted"}, nil
}

// maxDial bounds the connecting part of a delivery (SECURITY N52).
const maxDial = 5 * time.Second

func (s *smtpSender) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.server.Host, RootCAs: s.env.RootCAs, MinVersion: tls.VersionTLS12}
}

func (s *smtpSender) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: maxDial}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.server.Host, strconv.Itoa(s.server.Port)))
	if err != nil {
		return nil, oob.Unreached(ctx, "connect", err)
	}
	conn = &limitedConn{Conn: conn, left: maxReplies}
	if !s.implicit {
		return conn, nil
	}
	secure := tls.Client(conn, s.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, oob.Unreached(ctx, "tls", err)
	}
	return secure, nil
}

// converse goes through the stages of one delivery, so that a failure can say
// where it happened.
func (s *smtpSender) converse(ctx context.Context, conn net.Conn, mail *gomail.Msg) error {
	client, err := smtp.NewClient(conn, s.server.Host)
	if err != nil {
		return failed(ctx, stageGreeting, err)
	}
	if err := client.Hello(s.helo); err != nil {
		return failed(ctx, stageGreeting, err)
	}
	if err := s.secure(ctx, client); err != nil {
		return err
	}
	if err := s.authenticate(ctx, client); err != nil {
		return err
	}
	if err := transfer(ctx, client, mail); err != nil {
		return err
	}
	// The mail is accepted: whatever happens now is no failure.
	_ = conn.SetDeadline(time.Now().Add(time.Second)) //nolint:forbidigo // the kernel knows no other clock
	_ = client.Quit()
	return nil
}

// secure upgrades the connection by STARTTLS where that is called for. A server
// that does not offer it gets no mail: somebody may have removed the offer.
func (s *smtpSender) secure(ctx context.Context, client *smtp.Client) error {
	if !s.server.EnableSSL || s.implicit {
		return nil
	}
	if ok, _ := client.Extension("STARTTLS"); !ok {
		return &twofactor.SendError{
			Class: twofactor.ErrAccount, Stage: stageTLS, Code: "no-starttls",
			Help: "The server offers no STARTTLS on this port. Check the port, or use 465.",
		}
	}
	if err := client.StartTLS(s.tlsConfig()); err != nil {
		return failed(ctx, stageTLS, err)
	}
	return nil
}

func (s *smtpSender) authenticate(ctx context.Context, client *smtp.Client) error {
	if s.server.UserName == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	user, password, host := s.server.UserName, s.server.Password.Reveal(), s.server.Host
	// That the connection is encrypted, or local, is settled: by secure, and by
	// validation for those without TLS. So allowUnenc has nothing left to guard.
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", user, password, host, true)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = smtp.LoginAuth(user, password, host, true)
	default:
		return &twofactor.SendError{
			Class: twofactor.ErrAccount, Stage: stageAuth, Code: "no-auth",
			Help: "The server offers no sign-in by password (AUTH PLAIN or LOGIN) here.",
		}
	}
	if err := client.Auth(auth); err != nil {
		return failed(ctx, stageAuth, err)
	}
	return nil
}

// transfer hands the mail over.
func transfer(ctx context.Context, client *smtp.Client, mail *gomail.Msg) error {
	from, err := mail.GetSender(false)
	if err != nil {
		return failed(ctx, stageSender, err)
	}
	to, err := mail.GetRecipients()
	if err != nil {
		return failed(ctx, stageRecipient, err)
	}
	client.SkipSMTPUTF8(isASCII(from + to[0]))
	if err := client.Mail(from); err != nil {
		return failed(ctx, stageSender, err)
	}
	if err := client.Rcpt(to[0]); err != nil {
		return failed(ctx, stageRecipient, err)
	}
	w, err := client.Data()
	if err != nil {
		return failed(ctx, stageContent, err)
	}
	if _, err := mail.WriteTo(w); err != nil {
		return failed(ctx, stageContent, err)
	}
	if err := w.Close(); err != nil {
		return failed(ctx, stageContent, err)
	}
	return nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

// maxReplies bounds what a server may say in one conversation, TLS included: its
// lines are read whole, however long.
const maxReplies = 256 << 10

// limitedConn ends when the server has said too much.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

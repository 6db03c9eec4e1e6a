package fakes

import (
	"crypto/subtle"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one conversation with a client.
type session struct {
	smtp     *SMTP
	conn     *smtp.Conn
	signedIn bool
	from     string
	to       []string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *SMTP) newSession(c *smtp.Conn) (smtp.Session, error) {
	if err := s.strike(SMTPHello, c.Conn()); err != nil {
		return nil, err
	}
	return &session{smtp: s, conn: c}, nil
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.smtp.options.User == "" {
		return nil
	}
	return s.smtp.options.Mechanisms
}

func (s *session) Auth(mech string) (sasl.Server, error) {
	if err := s.smtp.strike(SMTPAuth, s.conn.Conn()); err != nil {
		return nil, err
	}
	if !slices.Contains(s.AuthMechanisms(), mech) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	switch mech {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error { return s.signIn(user, password) }), nil
	case "LOGIN":
		return &loginServer{signIn: s.signIn}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) signIn(user, password string) error {
	o := s.smtp.options
	if subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(o.User+"\x00"+o.Password)) != 1 {
		return smtp.ErrAuthFailed
	}
	s.signedIn = true
	return nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.smtp.strike(SMTPMail, s.conn.Conn()); err != nil {
		return err
	}
	if _, secure := s.conn.TLSConnectionState(); s.smtp.options.Mode == SMTPStartTLS && !secure {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Must issue a STARTTLS command first"}
	}
	if s.smtp.options.User != "" && !s.signedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.smtp.strike(SMTPRcpt, s.conn.Conn()); err != nil {
		return err
	}
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Bad recipient address"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.smtp.strike(SMTPData, s.conn.Conn()); err != nil {
		return err
	}
	m, err := parseMail(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: fmt.Sprint("Message ", err)}
	}
	m.From, m.To, m.At = s.from, s.to, s.smtp.options.Now()
	s.smtp.mails.add(m)
	s.smtp.options.Inbox.Add(Message{
		Channel: ChannelMail, Provider: "smtp", From: m.From, To: strings.Join(m.To, ", "),
		Subject: m.Subject, Text: m.Text, HTML: m.HTML, At: m.At,
	})
	return nil
}

// loginServer is the server side of AUTH LOGIN: a name, then a password.
type loginServer struct {
	signIn func(user, password string) error
	user   string
	asked  int
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.asked == 0 && response == nil {
		l.asked++
		return []byte("Username:"), false, nil
	}
	if l.asked <= 1 {
		l.user, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	}
	return nil, true, l.signIn(l.user, string(response))
}

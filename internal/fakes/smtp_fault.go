package fakes

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

// SMTPStage is where in a conversation a fault strikes.
type SMTPStage string

// Stages, in the order of a conversation. SMTPConnect comes before TLS when that
// is implicit, and before the greeting when it is not.
const (
	SMTPConnect SMTPStage = "connect"
	SMTPHello   SMTPStage = "hello"
	SMTPAuth    SMTPStage = "auth"
	SMTPMail    SMTPStage = "mail"
	SMTPRcpt    SMTPStage = "rcpt"
	SMTPData    SMTPStage = "data" // the answer to the mail's content
)

// SMTPFault is one scripted failure.
type SMTPFault struct {
	Stage    SMTPStage
	Code     int           // the reply, such as 451
	Enhanced [3]int        // its enhanced code, such as {4, 7, 1}
	Text     string        // its words
	Hang     bool          // say nothing any more, until Close
	Drop     bool          // close the connection
	Trickle  time.Duration // SMTPConnect only: pause between the bytes of all replies
	Forever  bool          // strike every time, not only once
}

// Script queues faults; each strikes once, in order within its stage.
func (s *SMTP) Script(faults ...SMTPFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Heal forgets all faults that have not struck yet.
func (s *SMTP) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *SMTP) nextFault(stage SMTPStage) (SMTPFault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Stage != stage {
			continue
		}
		if !f.Forever {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		return f, true
	}
	return SMTPFault{}, false
}

// strike plays the next fault of a stage; nil means that there is none.
func (s *SMTP) strike(stage SMTPStage, conn net.Conn) error {
	f, ok := s.nextFault(stage)
	switch {
	case !ok:
		return nil
	case f.Hang:
		<-s.closed
		return net.ErrClosed
	case f.Drop:
		conn.Close()
		return net.ErrClosed
	}
	return &smtp.SMTPError{Code: f.Code, EnhancedCode: f.Enhanced, Message: f.Text}
}

// faultListener plays the faults before the server has said a word.
type faultListener struct {
	net.Listener
	smtp *SMTP
}

func (l *faultListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		f, ok := l.smtp.nextFault(SMTPConnect)
		switch {
		case ok && f.Hang:
			go func() { <-l.smtp.closed; conn.Close() }()
			continue
		case ok && f.Drop:
			conn.Close()
			continue
		case ok && f.Trickle > 0:
			conn = &trickle{Conn: conn, pause: f.Trickle, closed: l.smtp.closed}
		case ok:
			fmt.Fprintf(conn, "%d %d.%d.%d %s\r\n", f.Code, f.Enhanced[0], f.Enhanced[1], f.Enhanced[2], f.Text)
			conn.Close()
			continue
		}
		if l.smtp.options.Mode == SMTPImplicitTLS {
			conn = tls.Server(conn, l.smtp.options.TLS)
		}
		return conn, nil
	}
}

// trickle writes one byte at a time.
type trickle struct {
	net.Conn
	pause  time.Duration
	closed <-chan struct{}
}

func (t *trickle) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := t.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
		select {
		case <-time.After(t.pause):
		case <-t.closed:
			return i, net.ErrClosed
		}
	}
	return len(p), nil
}

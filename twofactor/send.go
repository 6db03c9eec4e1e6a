package twofactor

import (
	"errors"
	"fmt"
	"time"
)

// Classes of delivery failure. They decide what the outbox does next.
var (
	ErrRetry     = errors.New("try again later")          // same message, same provider, later
	ErrRecipient = errors.New("recipient not reachable")  // this address will not work
	ErrAccount   = errors.New("account or configuration") // nobody gets anything until an administrator acts
	ErrContent   = errors.New("content refused")          // this text will not pass
)

// SendError is a classified failure. Everything in it may be shown to an
// administrator, so it must hold no code, secret or full address.
type SendError struct {
	Class      error         // ErrRetry, ErrRecipient, ErrAccount or ErrContent
	Stage      string        // "connect", "tls", "auth", "send", …
	Status     int           // the protocol's status: HTTP status or SMTP reply
	Code       string        // the provider's own code
	Help       string        // one sentence on what to do
	RetryAfter time.Duration // asked for by the provider; 0 if not
}

func (e *SendError) Error() string {
	s := "twofactor: send: " + e.Class.Error()
	if e.Stage != "" {
		s += " at " + e.Stage
	}
	if e.Status != 0 {
		s += fmt.Sprintf(", status %d", e.Status)
	}
	if e.Code != "" {
		s += ", code " + e.Code
	}
	return s
}

// Unwrap gives the class.
func (e *SendError) Unwrap() error { return e.Class }

// ClassName is the class in one word for logs and tables: retry, recipient, account, content.
func ClassName(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrRecipient):
		return "recipient"
	case errors.Is(err, ErrAccount):
		return "account"
	case errors.Is(err, ErrContent):
		return "content"
	}
	return "retry"
}

// Package problem is the error type that crosses package borders. Each edge maps
// it once: to a page, to problem+json or to an OAuth error.
package problem

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what went wrong in the outside's terms.
type Kind int

// Kinds, each with one HTTP status.
const (
	Internal        Kind = iota // 500
	Invalid                     // 400: the request cannot be understood or breaks a rule
	Unauthenticated             // 401
	Forbidden                   // 403
	NotFound                    // 404
	Method                      // 405
	Conflict                    // 409: somebody else was faster
	Gone                        // 410: over, start again
	TooMany                     // 429, see RetryAfter
	Unavailable                 // 503, see RetryAfter
	Stale                       // 412: the version given is not the present one
)

var statuses = [...]int{500, 400, 401, 403, 404, 405, 409, 410, 429, 503, 412}

// Status is the HTTP status of k.
func (k Kind) Status() int {
	if k < 0 || int(k) >= len(statuses) {
		return http.StatusInternalServerError
	}
	return statuses[k]
}

// Field names what is wrong with one input.
type Field struct{ Name, Message string }

// Error is an error with words for the person who sees it. Message must be fit
// to be shown: no secret, no internals. The cause is for logs alone.
type Error struct {
	Kind       Kind
	Code       string // stable, for machines and help desks: "tenant_unknown"
	Message    string
	Fields     []Field
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// New makes an Error.
func New(k Kind, code, message string) *Error { return &Error{Kind: k, Code: code, Message: message} }

// Wrap makes an Error with a cause for the log.
func Wrap(k Kind, code, message string, cause error) *Error {
	return &Error{Kind: k, Code: code, Message: message, cause: cause}
}

// Busy is Unavailable or TooMany with a time to wait.
func Busy(k Kind, code, message string, after time.Duration) *Error {
	return &Error{Kind: k, Code: code, Message: message, RetryAfter: after}
}

// From finds the Error in err's chain, or makes an Internal one around it.
func From(err error) *Error {
	var p *Error
	if errors.As(err, &p) {
		return p
	}
	return Wrap(Internal, "internal", "Something went wrong on our side.", err)
}

// Is reports whether err's chain holds an Error of kind k.
func Is(err error, k Kind) bool {
	var p *Error
	return errors.As(err, &p) && p.Kind == k
}

package oob

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"twofold/twofactor"
)

// Unreached classifies an error of the network, TLS included, at a stage of a
// delivery. The error's own text is left out: it may name hosts and addresses.
//
// A failed certificate is the account's matter, for only an administrator can
// mend it; whatever may pass by itself is tried again.
func Unreached(ctx context.Context, stage string, err error) error {
	e := &twofactor.SendError{Class: twofactor.ErrRetry, Stage: stage, Code: "network", Help: "The service could not be reached."}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Help = "timeout", "The service did not answer in time."
	case errors.As(err, &dns):
		e.Code, e.Help = "dns", "The name of the host could not be resolved. Check it."
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Help = "refused", "Nothing listens at this host and port. Check both."
	case isCertificate(err):
		e.Class, e.Stage, e.Code = twofactor.ErrAccount, "tls", "certificate"
		e.Help = "The host's certificate is not trusted or not for this name."
	case isTLS(err):
		e.Class, e.Stage, e.Code = twofactor.ErrAccount, "tls", "handshake"
		e.Help = "No TLS connection could be agreed on. Check the port and the TLS setting."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.Code, e.Help = "closed", "The service closed the connection."
	}
	return e
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var operation *net.OpError
	return errors.As(err, &record) || errors.As(err, &alert) ||
		// crypto/tls wraps an alert it received so, and in nothing more telling.
		(errors.As(err, &operation) && (operation.Op == "remote error" || operation.Op == "local error"))
}

// StatusClass is the class of failure of an HTTP status. A provider's own code
// may be more precise, but only within 400.
func StatusClass(status int) error {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return twofactor.ErrRetry
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return twofactor.ErrContent
	}
	return twofactor.ErrAccount // 401, 402, 403, 404 and redirects: an administrator must act
}

// StatusHelp is a sentence for an administrator about an HTTP status.
func StatusHelp(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "The service does not accept the credentials. Check account and secret."
	case status == http.StatusPaymentRequired:
		return "The account has no credit."
	case status == http.StatusForbidden:
		return "The account may not do this, or has no credit."
	case status == http.StatusNotFound:
		return "The service does not know this account or address."
	case status == http.StatusTooManyRequests:
		return "The service asks us to slow down."
	case status >= 500:
		return "The service has a fault of its own."
	case status >= 300 && status < 400:
		return "The service answered with a redirect, which is never followed."
	}
	return "The service refused the message."
}

// maxRetryAfter bounds what a provider may ask for.
const maxRetryAfter = time.Hour

// RetryAfter reads the header of that name, in either form (RFC 9110 §10.2.3).
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// maxCode bounds what ProviderCode lets through.
const maxCode = 40

// ProviderCode returns a provider's own code if it looks like one, so that no
// provider can smuggle text or an address into our logs.
func ProviderCode(code string) string {
	if len(code) > maxCode {
		return ""
	}
	digits := 0
	for _, r := range code {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '.', r == '_':
		default:
			return ""
		}
	}
	if digits > 8 {
		return "" // a phone number, say
	}
	return code
}

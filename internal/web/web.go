// Package web is what every HTTP surface shares: handlers that return errors,
// request ids, limits, panics caught, and who is asking. It knows no page.
package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"twofold/internal/audit"
)

// HandlerFunc is a handler that leaves telling about a failure to its edge.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// MaxBody is the largest body of a sign-in or token request in bytes (SECURITY N51).
const MaxBody = 64 << 10

// Shell is the outermost middleware.
type Shell struct {
	Log     *slog.Logger
	Now     func() time.Time
	Proxies []netip.Prefix // whose X-Forwarded-For is believed; empty: nobody's
	HSTS    bool           // the public URL is https
	// Failed answers a request whose handler panicked.
	Failed func(w http.ResponseWriter, r *http.Request)
	// Observe sees each request's outcome, for metrics; may be nil.
	Observe func(r *http.Request, status int, took time.Duration)
}

// Wrap puts request id, origin, body limit, panic handling, base headers and the
// access log around h.
func (s *Shell) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := s.Now()
		origin := audit.Origin{Request: newRequestID(), Address: s.clientAddress(r)}
		r = r.WithContext(context.WithValue(audit.WithOrigin(r.Context(), origin), bodyKey{}, r.Body))
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		rec := &recorder{ResponseWriter: w}
		head := rec.Header()
		head.Set("X-Request-Id", origin.Request)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		if s.HSTS {
			head.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		defer func() {
			p := recover()
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			cut := p != nil && rec.status != 0
			if p != nil {
				s.Log.ErrorContext(r.Context(), "panic", "request", origin.Request, "panic", p, "stack", string(debug.Stack()))
				if !cut {
					s.Failed(rec, r)
				}
			}
			took := s.Now().Sub(begin)
			// The path alone: queries carry codes, states and hints.
			s.Log.InfoContext(r.Context(), "request", "request", origin.Request, "method", r.Method, "path", r.URL.Path, "status", rec.code(), "took", took)
			if s.Observe != nil {
				s.Observe(r, rec.code(), took)
			}
			if cut {
				// Part of an answer is on its way: the rest must not look like all.
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(rec, r)
	})
}

type bodyKey struct{}

// AllowBody lets a handler take a larger body than MaxBody: for those who have been let
// in, before anything of it was read.
func AllowBody(w http.ResponseWriter, r *http.Request, limit int64) {
	if body, ok := r.Context().Value(bodyKey{}).(io.ReadCloser); ok {
		r.Body = http.MaxBytesReader(w, body, limit)
	}
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	// 1xx announce the answer, they are not it (RFC 9110 §15.2).
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// newRequestID is short enough to be read out on the phone, and unguessable
// enough not to collide: 50 random bits.
func newRequestID() string {
	var b [7]byte
	_, _ = rand.Read(b[:]) //nolint:forbidigo // names a request and proves nothing; it never fails
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:10]
	return s[:5] + "-" + s[5:]
}

// RequestID is the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string { return audit.OriginOf(ctx).Request }

package oob

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"twofold/twofactor"
)

func TestUnreached(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		err   error
		class error
		code  string
	}{
		"ended":       {ended, io.EOF, twofactor.ErrRetry, "timeout"},
		"deadline":    {t.Context(), fmt.Errorf("x: %w", context.DeadlineExceeded), twofactor.ErrRetry, "timeout"},
		"dns":         {t.Context(), &net.DNSError{Err: "no such host", Name: "secret.example"}, twofactor.ErrRetry, "dns"},
		"dns timeout": {t.Context(), &net.DNSError{IsTimeout: true}, twofactor.ErrRetry, "timeout"},
		"refused":     {t.Context(), &url.Error{Op: "Post", URL: "https://secret.example", Err: syscall.ECONNREFUSED}, twofactor.ErrRetry, "refused"},
		"closed":      {t.Context(), io.ErrUnexpectedEOF, twofactor.ErrRetry, "closed"},
		"certificate": {t.Context(), &tls.CertificateVerificationError{Err: errors.New("x")}, twofactor.ErrAccount, "certificate"},
		"no TLS":      {t.Context(), tls.RecordHeaderError{Msg: "x"}, twofactor.ErrAccount, "handshake"},
		"alert":       {t.Context(), &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, twofactor.ErrAccount, "handshake"},
		"other":       {t.Context(), errors.New("secret"), twofactor.ErrRetry, "network"},
	} {
		t.Run(name, func(t *testing.T) {
			var e *twofactor.SendError
			if err := Unreached(c.ctx, "connect", c.err); !errors.As(err, &e) || !errors.Is(e.Class, c.class) || e.Code != c.code || e.Help == "" {
				t.Errorf("got %v", err)
			}
			if strings.Contains(e.Error(), "secret") {
				t.Errorf("tells %v", e)
			}
		})
	}
}

func TestStatusClass(t *testing.T) {
	for status, want := range map[int]error{
		400: twofactor.ErrContent, 413: twofactor.ErrContent, 422: twofactor.ErrContent,
		301: twofactor.ErrAccount, 401: twofactor.ErrAccount, 402: twofactor.ErrAccount, 403: twofactor.ErrAccount, 404: twofactor.ErrAccount, 405: twofactor.ErrAccount,
		408: twofactor.ErrRetry, 429: twofactor.ErrRetry, 500: twofactor.ErrRetry, 503: twofactor.ErrRetry,
	} {
		if got := StatusClass(status); !errors.Is(got, want) {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
		if StatusHelp(status) == "" {
			t.Errorf("%d: no help", status)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "999999999999": time.Hour, "99999999": time.Hour,
		noon.Add(time.Minute).Format(http.TimeFormat): time.Minute,
		noon.Add(-time.Hour).Format(http.TimeFormat):  0,
	} {
		h := http.Header{}
		if value != "" {
			h.Set("Retry-After", value)
		}
		if got := RetryAfter(h, noon); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestProviderCode(t *testing.T) {
	for code, want := range map[string]string{
		"InvalidContent": "InvalidContent", "20003": "20003", "a.b_c": "a.b_c", "": "",
		"mia@example.ch": "", "two words": "", "41791234567": "", "x\r\ny": "", strings.Repeat("x", 41): "",
	} {
		if got := ProviderCode(code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

func TestHTTPClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/redirect" {
			http.Redirect(w, r, "/long", http.StatusFound)
			return
		}
		io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	defer server.Close()
	own := &http.Client{Timeout: time.Minute}
	c := HTTPClient(twofactor.Env{HTTP: own})
	if c.Timeout != maxCall || own.Timeout != time.Minute || own.CheckRedirect != nil {
		t.Errorf("timeout %v; the house's own client %+v", c.Timeout, own)
	}
	res, err := c.Get(server.URL + "/long")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if len(body) != maxBody {
		t.Errorf("read %d bytes", len(body))
	}
	res, err = c.Get(server.URL + "/redirect")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("followed a redirect to %d", res.StatusCode)
	}
	if short := HTTPClient(twofactor.Env{HTTP: &http.Client{Timeout: time.Second}}); short.Timeout != time.Second {
		t.Errorf("timeout %v", short.Timeout)
	}
	if none := HTTPClient(twofactor.Env{}); none.Timeout != maxCall {
		t.Errorf("timeout %v", none.Timeout)
	}
}

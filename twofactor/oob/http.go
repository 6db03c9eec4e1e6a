package oob

import (
	"io"
	"net/http"
	"time"

	"twofold/twofactor"
)

// Bounds of calls to services (SECURITY N52, F22).
const (
	maxCall = 10 * time.Second
	maxBody = 64 << 10
)

// HTTPClient is env's client held to our bounds for foreign services: ten
// seconds in all, 64 KiB of answer, no redirects.
func HTTPClient(env twofactor.Env) *http.Client {
	c := http.Client{}
	if env.HTTP != nil {
		c = *env.HTTP
	}
	if c.Timeout == 0 || c.Timeout > maxCall {
		c.Timeout = maxCall
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport //nolint:forbidigo // only where the caller has set none; bounded below
	}
	c.Transport = bounded{next}
	return &c
}

// bounded cuts off answers that are too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxBody), res.Body}
	return res, nil
}

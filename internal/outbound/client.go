package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Bounds of a call (SECURITY N52, F22).
const (
	maxConnect = 3 * time.Second
	maxCall    = 10 * time.Second
	maxHeader  = 16 << 10
	maxBody    = 64 << 10
)

// Config is what the operator decides.
type Config struct {
	Allowed  []netip.Prefix // networks that may be called though they are not public; also by plain HTTP
	RootCAs  *x509.CertPool // nil: the system's
	Resolver *net.Resolver  // nil: the system's
}

// Client returns a client for addresses that nobody has vouched for: HTTPS to public
// addresses, and HTTPS or HTTP to allowed ones. It follows no redirect, asks no
// proxy, keeps no cookie, unpacks nothing, and takes ten seconds at most. A body of
// more than 64 KiB ends in an *http.MaxBytesError, never in silence.
//
// An address that must not be called gives an error wrapping *RefusedError.
func Client(c Config) *http.Client {
	return &http.Client{
		Transport:     guarded{secure: c.transport(c.check), plain: c.transport(c.checkPlain)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       maxCall,
	}
}

// transport has no proxy: it would resolve names by itself, past the check. It keeps no
// connection either, so that each call is checked, and none meets one that the other
// side is about to close.
func (c Config) transport(check func(netip.Addr) error) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: maxConnect, Resolver: c.Resolver, Control: control(check)}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
		TLSHandshakeTimeout:    maxConnect,
		Protocols:              &protocols,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// guarded picks the transport by the scheme and bounds what comes back.
type guarded struct{ secure, plain http.RoundTripper }

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := g.secure
	switch r.URL.Scheme {
	case "https":
	case "http":
		next = g.plain
	default:
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errors.New("outbound: neither https nor http")
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > maxBody {
		res.Body.Close()
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxBody)
	return res, nil
}

package outbound

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/testkit/need"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// get fetches a URL and reads all of it.
func get(t *testing.T, c *http.Client, target string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

func refused(err error) bool {
	var r *RefusedError
	var duck interface{ Refused() bool }
	return errors.As(err, &r) && errors.As(err, &duck) && duck.Refused()
}

// canary listens and counts who comes. The count ends with a connection of its own:
// whoever came before has been counted by then.
func canary(t *testing.T, network, address string) (port string, came func() int) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		need.Missing(t, network+" on "+address, "switch it on for the loopback interface", err)
	}
	t.Cleanup(func() { l.Close() })
	peers := make(chan string)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			select {
			case peers <- c.RemoteAddr().String():
			case <-t.Context().Done():
				return
			}
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() (n int) {
		own, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		for <-peers != own.LocalAddr().String() {
			n++
		}
		return n
	}
}

// hasIPv6 says whether addresses of IPv6 get as far as the check here.
func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// TestCanaries: whatever the spelling, nobody reaches this machine.
func TestCanaries(t *testing.T) {
	port, came := canary(t, "tcp4", "0.0.0.0:0") // all of loopback, and the machine's own addresses
	hosts := map[string]bool{                    // whether the check must have refused it
		"127.0.0.1": true, "127.1.2.3": true, "0.0.0.0": true, "localhost": true, "[::ffff:127.0.0.1]": true, "[::ffff:7f00:1]": true,
		"[::]": hasIPv6(), "[64:ff9b::7f00:1]": hasIPv6(),
		// What some resolvers take for 127.0.0.1; ours takes it for a name.
		"2130706433": false, "0x7f000001": false, "0177.0.0.1": false, "127.1": false,
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && reserved(plain(netip.MustParseAddr(n.IP.String()))) != "" {
			hosts[n.IP.String()] = true
		}
	}
	client := Client(Config{Resolver: resolver(t, nil)})
	for host, must := range hosts {
		for _, scheme := range []string{"http", "https"} {
			if _, _, err := get(t, client, scheme+"://"+host+":"+port+"/"); err == nil || must && !refused(err) {
				t.Errorf("%s %s: %v", scheme, host, err)
			}
		}
	}
	if n := came(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestCanaryIPv6(t *testing.T) {
	port, came := canary(t, "tcp6", "[::1]:0")
	client := Client(Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, host := range []string{"[::1]", "[::1%25lo]", "localhost"} {
		if _, _, err := get(t, client, "https://"+host+":"+port+"/"); err == nil {
			t.Errorf("%s: no error", host)
		}
	}
	if n := came(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestNames: what a name leads to counts, each time anew.
func TestNames(t *testing.T) {
	port, came := canary(t, "tcp4", "127.0.0.1:0")
	for name, answers := range map[string][][]string{
		"private":               {{"10.0.0.1"}},
		"loopback":              {{"127.0.0.1"}},
		"IPv6 of its own":       {{"fd00::1"}},
		"two, both bad":         {{"127.0.0.1", "169.254.169.254"}},
		"of both kinds":         {{"127.0.0.1", "::1"}},
		"another every time":    {{"127.0.0.1"}, {"10.0.0.1"}, {"::1"}, {"127.0.0.2"}},
		"in the clothes of v6":  {{"::ffff:127.0.0.1"}},
		"cloud metadata":        {{"169.254.169.254"}, {"fd00:ec2::254"}},
		"translated by network": {{"64:ff9b::7f00:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := Client(Config{Resolver: resolver(t, answers...)})
			for _, now := range answers {
				must := strings.Contains(now[0], ".") || hasIPv6()
				if _, _, err := get(t, client, "https://hook.example:"+port+"/"); err == nil || must && !refused(err) {
					t.Errorf("%v: got %v", now, err)
				}
			}
		})
	}
	if n := came(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestRebinding: a name that was fine once is checked again at the next call.
func TestRebinding(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	client := Client(Config{
		Allowed:  []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Resolver: resolver(t, []string{"127.0.0.1"}, []string{"127.0.0.2"}),
	})
	if _, _, err := get(t, client, "http://hook.example:"+port); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, client, "http://hook.example:"+port); !refused(err) {
		t.Errorf("got %v", err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestPlainHTTP(t *testing.T) {
	// A public address that nobody must be called at: refused before any packet.
	client := Client(Config{Allowed: loopback, Resolver: resolver(t, []string{"9.9.9.9"})})
	if _, _, err := get(t, client, "http://hook.example/"); !refused(err) {
		t.Errorf("http to a public address: %v", err)
	}
	for _, scheme := range []string{"ftp", "file", "gopher"} {
		if _, _, err := get(t, client, scheme+"://127.0.0.1/"); err == nil {
			t.Errorf("%s: no error", scheme)
		}
	}
}

func TestNoRedirectProxyOrCookie(t *testing.T) {
	var followed, proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed.Add(1)
		}
		if r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" || r.ProtoMajor != 1 {
			t.Errorf("%s with %v", r.Proto, r.Header)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	client := Client(Config{Allowed: loopback})
	for range 2 {
		res, _, err := get(t, client, server.URL+"/")
		if err != nil || res.StatusCode != http.StatusTemporaryRedirect {
			t.Fatalf("%v %v", res, err)
		}
	}
	if followed.Load() != 0 || proxied.Load() != 0 {
		t.Errorf("%d redirects, %d proxied", followed.Load(), proxied.Load())
	}
}

// TestTLS: certificates are checked, and one protocol with one set of bounds is enough.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if _, body, err := get(t, Client(Config{Allowed: loopback, RootCAs: roots}), server.URL); err != nil || string(body) != "HTTP/1.1" {
		t.Errorf("%q %v", body, err)
	}
	if _, _, err := get(t, Client(Config{Allowed: loopback}), server.URL); err == nil || refused(err) {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

func TestBounds(t *testing.T) {
	gone := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/most":
			w.Write(make([]byte, maxBody))
		case "/announced":
			w.Header().Set("Content-Length", fmt.Sprint(maxBody+1))
			w.Write(make([]byte, maxBody+1))
		case "/endless":
			for {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
					break
				}
			}
			gone <- struct{}{}
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte("\x1f\x8b bomb"))
		case "/header":
			w.Header().Set("X", strings.Repeat("x", maxHeader+8192))
		}
	}))
	server.Config.ErrorLog = quiet
	defer server.Close()
	client := Client(Config{Allowed: loopback})
	if _, body, err := get(t, client, server.URL+"/most"); err != nil || len(body) != maxBody {
		t.Errorf("the most: %d bytes, %v", len(body), err)
	}
	for _, path := range []string{"/announced", "/endless"} {
		var long *http.MaxBytesError
		if _, body, err := get(t, client, server.URL+path); !errors.As(err, &long) || len(body) > maxBody {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	<-gone
	if _, body, err := get(t, client, server.URL+"/gzip"); err != nil || string(body) != "\x1f\x8b bomb" {
		t.Errorf("unpacked: %q, %v", body, err)
	}
	if _, _, err := get(t, client, server.URL+"/header"); err == nil {
		t.Error("an endless header is taken")
	}
}

// TestTimes reads the numbers, and tries the whole at a shorter one.
func TestTimes(t *testing.T) {
	client := Client(Config{Allowed: loopback})
	if client.Timeout != 10*time.Second || client.Jar != nil {
		t.Errorf("timeout %v", client.Timeout)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for tick := time.NewTicker(5 * time.Millisecond); ; { // a trickle
			select {
			case <-tick.C:
				w.Write([]byte("x"))
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer server.Close()
	client.Timeout = 200 * time.Millisecond
	_, _, err := get(t, client, server.URL)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a trickle: %v", err)
	}
}

// TestErrorsTellNoAddress: an administrator of a subscription must not learn what a
// name stands for inside.
func TestErrorsTellNoAddress(t *testing.T) {
	_, _, err := get(t, Client(Config{Resolver: resolver(t, []string{"10.20.30.40"})}), "https://hook.example/")
	var r *RefusedError
	if !errors.As(err, &r) || strings.Contains(r.Error(), "10.20") {
		t.Errorf("got %v", err)
	}
	var u *url.Error
	if !errors.As(err, &u) {
		t.Errorf("got %T", err)
	}
}

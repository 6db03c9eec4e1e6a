package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/testkit"
	"twofold/internal/web"
)

// shell is one with a clock that moves a second with each look.
func shell(t *testing.T) (*web.Shell, *testkit.LogBuffer) {
	t.Helper()
	log, buf := testkit.Logs(t)
	clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	return &web.Shell{
		Log: log, Now: func() time.Time { return clock.Advance(time.Second) },
		Failed: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "failed "+web.RequestID(r.Context()))
		},
	}, buf
}

func do(s *web.Shell, r *http.Request, h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Wrap(h).ServeHTTP(w, r)
	return w
}

var requestID = regexp.MustCompile(`^[A-Z2-7]{5}-[A-Z2-7]{5}$`)

func TestRequestID(t *testing.T) {
	s, logs := shell(t)
	seen := map[string]bool{}
	for range 200 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Request-Id", "chosen-by-a-stranger")
		var inside string
		w := do(s, r, func(_ http.ResponseWriter, r *http.Request) { inside = web.RequestID(r.Context()) })
		got := w.Header().Get("X-Request-Id")
		if !requestID.MatchString(got) || got != inside || seen[got] {
			t.Fatalf("header %q, context %q, seen before: %v", got, inside, seen[got])
		}
		seen[got] = true
		if !logs.Contains(got) {
			t.Error("the log does not have it")
		}
	}
	if logs.Contains("chosen-by-a-stranger") {
		t.Error("the client's id is believed")
	}
}

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	many := strings.Repeat("203.0.113.9, ", 2000) + "203.0.113.1"
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		proxies   []netip.Prefix
		want      string
	}{
		"no proxy":                   {"203.0.113.7:1234", nil, proxies, "203.0.113.7"},
		"a stranger says":            {"203.0.113.7:1234", []string{"198.51.100.1"}, proxies, "203.0.113.7"},
		"nobody is trusted":          {"10.0.0.1:1234", []string{"198.51.100.1"}, nil, "10.0.0.1"},
		"a proxy says":               {"10.0.0.1:1234", []string{"198.51.100.1"}, proxies, "198.51.100.1"},
		"a proxy says nothing":       {"10.0.0.1:1234", nil, proxies, "10.0.0.1"},
		"a proxy says an empty text": {"10.0.0.1:1234", []string{""}, proxies, "10.0.0.1"},
		"the client said too":        {"10.0.0.1:1234", []string{"1.1.1.1, 198.51.100.1"}, proxies, "198.51.100.1"},
		"in a header of its own":     {"10.0.0.1:1234", []string{"1.1.1.1", "198.51.100.1"}, proxies, "198.51.100.1"},
		"the client says a proxy":    {"10.0.0.1:1234", []string{"10.9.9.9, 198.51.100.1"}, proxies, "198.51.100.1"},
		"two proxies":                {"10.0.0.1:1234", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, proxies, "198.51.100.1"},
		"proxies all the way":        {"10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, proxies, "10.0.0.3"},
		"garbage last":               {"10.0.0.1:1234", []string{"198.51.100.1, <script>"}, proxies, "10.0.0.1"},
		"garbage before":             {"10.0.0.1:1234", []string{"<script>, 198.51.100.1"}, proxies, "198.51.100.1"},
		"garbage behind a proxy":     {"10.0.0.1:1234", []string{"\x00\xff, 10.0.0.2"}, proxies, "10.0.0.2"},
		"an empty hop":               {"10.0.0.1:1234", []string{"198.51.100.1,,"}, proxies, "10.0.0.1"},
		"a name":                     {"10.0.0.1:1234", []string{"localhost"}, proxies, "10.0.0.1"},
		"many hops":                  {"10.0.0.1:1234", []string{many}, proxies, "203.0.113.1"},
		"with a port":                {"10.0.0.1:1234", []string{"198.51.100.1:5678"}, proxies, "198.51.100.1"},
		"IPv6 with a port":           {"10.0.0.1:1234", []string{"[2001:db8::1]:5678"}, proxies, "2001:db8::1"},
		"IPv6 in brackets":           {"10.0.0.1:1234", []string{"[2001:db8::1]"}, proxies, "2001:db8::1"},
		"IPv6":                       {"[fd00::1]:1234", []string{"2001:DB8:0::1"}, proxies, "2001:db8::1"},
		"an IPv6 stranger":           {"[2001:db8::2]:1234", []string{"198.51.100.1"}, proxies, "2001:db8::2"},
		"IPv4 in IPv6":               {"[::ffff:10.0.0.1]:1234", []string{"::ffff:198.51.100.1"}, proxies, "198.51.100.1"},
		"a zone is any text":         {"10.0.0.1:1234", []string{"fe80::1%<script>"}, proxies, "fe80::1"},
		"link-local peer":            {"[fe80::1%eth0]:1234", nil, proxies, "fe80::1"},
		"no peer":                    {"", []string{"198.51.100.1"}, proxies, ""},
		"a socket":                   {"@", []string{"198.51.100.1"}, proxies, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := shell(t)
			s.Proxies = c.proxies
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.forwarded
			r.Header.Set("Forwarded", "for=9.9.9.9")
			r.Header.Set("X-Real-Ip", "9.9.9.9")
			var got string
			do(s, r, func(_ http.ResponseWriter, r *http.Request) { got = audit.OriginOf(r.Context()).Address })
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.77":               "203.0.113.0/24",
		"::ffff:203.0.113.77":        "203.0.113.0/24",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1:2::/64",
		"fe80::1%eth0":               "fe80::/64",
		"":                           "unknown",
		"garbage":                    "unknown",
		"203.0.113.77:80":            "unknown",
		"2001:db8:1:2:ffff:ffff::/1": "unknown",
	} {
		if got := web.Network(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, https := range []bool{true, false} {
		s, _ := shell(t)
		s.HSTS = https
		h := do(s, httptest.NewRequest(http.MethodGet, "/", nil), func(http.ResponseWriter, *http.Request) {}).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers: %v", h)
		}
		if got := h.Get("Strict-Transport-Security"); (got != "") != https || (https && !strings.HasPrefix(got, "max-age=31536000")) {
			t.Errorf("https %v: HSTS %q", https, got)
		}
	}
}

// The log has no query: it may hold codes, states and hints.
func TestAccessLog(t *testing.T) {
	s, logs := shell(t)
	type outcome struct {
		path   string
		status int
		took   time.Duration
	}
	var seen []outcome
	s.Observe = func(r *http.Request, status int, took time.Duration) {
		seen = append(seen, outcome{r.URL.Path, status, took})
	}
	for path, h := range map[string]http.HandlerFunc{
		"/none":  func(http.ResponseWriter, *http.Request) {},
		"/text":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "text") },
		"/moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/none", http.StatusSeeOther) },
		"/twice": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		},
		"/hints": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		},
	} {
		logs.Reset()
		seen = nil
		do(s, httptest.NewRequest(http.MethodGet, path+"?code=secret-in-query#secret-too", nil), h)
		want := map[string]int{"/none": 200, "/text": 200, "/moved": 303, "/twice": 418, "/hints": 418}[path]
		if len(seen) != 1 || seen[0] != (outcome{path, want, time.Second}) {
			t.Errorf("%s: seen %+v", path, seen)
		}
		rec := logs.Records()
		if len(rec) != 1 || rec[0]["path"] != path || rec[0]["status"] != float64(want) || rec[0]["method"] != "GET" {
			t.Errorf("%s: log %s", path, logs)
		}
		if logs.Contains("secret") {
			t.Errorf("the query is in the log: %s", logs)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	s, _ := shell(t)
	for size, fits := range map[int]bool{0: true, web.MaxBody: true, web.MaxBody + 1: false, 10 * web.MaxBody: false} {
		var err error
		var n int
		do(s, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(make([]byte, size))), func(_ http.ResponseWriter, r *http.Request) {
			var b []byte
			b, err = io.ReadAll(r.Body)
			n = len(b)
		})
		var tooLarge *http.MaxBytesError
		if fits != (err == nil) || !fits && !errors.As(err, &tooLarge) || n > web.MaxBody {
			t.Errorf("%d bytes: read %d, %v", size, n, err)
		}
	}
}

// Who is let in may be given more room, and no more than that.
func TestAllowBody(t *testing.T) {
	s, _ := shell(t)
	const room = 2 * web.MaxBody
	for size, fits := range map[int]bool{web.MaxBody + 1: true, room: true, room + 1: false} {
		var err error
		do(s, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(make([]byte, size))), func(w http.ResponseWriter, r *http.Request) {
			web.AllowBody(w, r, room)
			_, err = io.ReadAll(r.Body)
		})
		var tooLarge *http.MaxBytesError
		if fits != (err == nil) || !fits && !errors.As(err, &tooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestPanic(t *testing.T) {
	s, logs := shell(t)
	failed := 0
	inner := s.Failed
	s.Failed = func(w http.ResponseWriter, r *http.Request) { failed++; inner(w, r) }
	var status int
	s.Observe = func(_ *http.Request, code int, _ time.Duration) { status = code }
	w := do(s, httptest.NewRequest(http.MethodGet, "/p?q=secret", nil), func(http.ResponseWriter, *http.Request) { panic("boom") })
	if id := w.Header().Get("X-Request-Id"); w.Code != 500 || w.Body.String() != "failed "+id || failed != 1 || status != 500 {
		t.Errorf("%d %q, failed %d times, observed %d", w.Code, w.Body, failed, status)
	}
	rec := logs.Records()
	if len(rec) != 2 || rec[0]["msg"] != "panic" || rec[0]["panic"] != "boom" || rec[0]["request"] != w.Header().Get("X-Request-Id") ||
		!strings.Contains(rec[0]["stack"].(string), "TestPanic") || rec[1]["status"] != float64(500) || logs.Contains("secret") {
		t.Errorf("log: %s", logs)
	}
}

// Half an answer must not look like a whole one: the connection is cut.
func TestPanicInTheMiddle(t *testing.T) {
	s, logs := shell(t)
	srv := httptest.NewUnstartedServer(s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fine" {
			_, _ = io.WriteString(w, "fine")
			return
		}
		_, _ = io.WriteString(w, "half of")
		_ = http.NewResponseController(w).Flush() // finds the writer through the recorder
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic("boom")
	})))
	srv.Start()
	defer srv.Close()
	for _, path := range []string{"/", "/abort"} {
		logs.Reset()
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || string(body) != "half of" {
			t.Errorf("%s: read %q, %v", path, body, err)
		}
		if got := logs.Contains(`"msg":"panic"`); got != (path == "/") {
			t.Errorf("%s: a panic is logged: %v", path, got)
		}
	}
	resp, err := srv.Client().Get(srv.URL + "/fine")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "fine" || err != nil {
		t.Errorf("the server does not go on: %q, %v", body, err)
	}
}

// What strangers send ends up in the log as data.
func TestLogIsEncoded(t *testing.T) {
	s, logs := shell(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Path = "/a\n{\"msg\":\"forged\"}\u202e"
	do(s, r, func(http.ResponseWriter, *http.Request) {})
	lines := strings.Split(strings.TrimSpace(logs.String()), "\n")
	var rec map[string]any
	if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &rec) != nil || rec["path"] != r.URL.Path {
		t.Errorf("log: %q", lines)
	}
}

package testkit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCookies(t *testing.T) {
	tests := []struct {
		name, set string
		refused   string
	}{
		{"plain", "a=1", ""},
		{"secure on this machine", "a=1; Secure; HttpOnly; SameSite=Lax", ""},
		{"host prefix", "__Host-a=1; Secure; Path=/", ""},
		{"host prefix with a path", "__Host-a=1; Secure; Path=/t", "with Path=/ and no Domain"},
		{"host prefix with a domain", "__Host-a=1; Secure; Path=/; Domain=localhost", "no Domain"},
		{"host prefix, not secure", "__Host-a=1; Path=/", "must be Secure"},
		{"secure prefix", "__Secure-a=1; Secure", ""},
		{"secure prefix, not secure", "__Secure-a=1", "must be Secure"},
		{"for other sites, not secure", "a=1; SameSite=None", "must be Secure"},
		{"too long", "a=" + strings.Repeat("x", 5000), "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/set" {
					w.Header().Set("Set-Cookie", tt.set)
				}
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte(r.Header.Get("Cookie")))
			}))
			defer srv.Close()
			r := ending(t, func(tb testing.TB) {
				c := NewClient(tb)
				c.Get(srv.URL + "/set")
				name := strings.SplitN(tt.set, "=", 2)[0]
				sent := strings.Contains(c.Get(srv.URL+"/show").Text, name+"=1")
				if sent != (tt.refused == "") || (c.Cookie(srv.URL, name) == "1") != sent {
					t.Errorf("sent = %v", sent)
				}
				c.ClearCookies()
				if got := c.Get(srv.URL + "/show").Text; got != "" {
					t.Errorf("cookies after ClearCookies: %q", got)
				}
			})
			if got := strings.Join(r.errors, "\n"); (tt.refused == "") != (got == "") || !strings.Contains(got, tt.refused) {
				t.Errorf("errors = %q, want %q", got, tt.refused)
			}
		})
	}
}

func TestSecureCookieNeedsASecurePage(t *testing.T) {
	r := ending(t, func(tb testing.TB) {
		c := NewClient(tb)
		c.HTTP.Transport = roundTrip(func(*http.Request) *http.Response {
			res := httptest.NewRecorder()
			res.Header().Set("Set-Cookie", "a=1; Secure")
			return res.Result()
		})
		c.Get("http://id.example/")
	})
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "a is Secure, but the page is not") {
		t.Errorf("errors = %q", r.errors)
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

package idp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/idp/signin"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

func TestCookieAttributes(t *testing.T) {
	for publicURL, want := range map[string][2]string{
		"https://id.example.test": {
			"__Secure-twofold-session=value; Path=/t/acme; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
			"__Secure-twofold-session=; Path=/t/acme; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		},
		"http://127.0.0.1:8080": {
			"twofold-session=value; Path=/t/acme; Max-Age=60; HttpOnly; SameSite=Lax",
			"twofold-session=; Path=/t/acme; Max-Age=0; HttpOnly; SameSite=Lax",
		},
	} {
		s := New(Config{PublicURL: publicURL})
		w, r := httptest.NewRecorder(), reachedAt("")
		s.setCookie(w, r, sessionCookie(), "value", time.Minute)
		s.dropCookie(w, r, sessionCookie())
		if diff := cmp.Diff(want[:], w.Header()["Set-Cookie"]); diff != "" {
			t.Errorf("%s: %s", publicURL, diff)
		}
	}
}

// reachedAt is a request to the tenant acme, by a host name of its own or without.
func reachedAt(host string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return r.WithContext(tenants.WithRealm(r.Context(), tenants.Realm{Tenant: tenants.Tenant{ID: "1", Name: "acme"}, Host: host}))
}

// At a host name of its own a tenant has cookies that no other host can set, each for the
// whole of it: those for one page differ by name.
func TestCookieAttributesAtAHostOfItsOwn(t *testing.T) {
	w, r := httptest.NewRecorder(), reachedAt("login.acme.example")
	for _, publicURL := range []string{"https://id.example.test", "http://127.0.0.1:8080"} {
		s := New(Config{PublicURL: publicURL})
		s.setCookie(w, r, sessionCookie(), "value", time.Minute)
		s.dropCookie(w, r, signInCookie("42"))
	}
	below := "-" + id.Hash("/signin/42")[:16]
	want := []string{
		"__Host-twofold-session=value; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
		"__Host-twofold-signin" + below + "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"twofold-session=value; Path=/; Max-Age=60; HttpOnly; SameSite=Lax",
		"twofold-signin" + below + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
	}
	if diff := cmp.Diff(want, w.Header()["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
}

func TestLogoWhereTheTenantIsReached(t *testing.T) {
	hash := strings.Repeat("a", 64)
	for url, want := range map[string][2]string{
		"":                              {"", ""},
		"https://acme.example/logo.svg": {"https://acme.example/logo.svg", "https://acme.example/logo.svg"},
		"/t/acme/logo/" + hash:          {"/t/acme/logo/" + hash, "/logo/" + hash},
		"/t/other/logo/" + hash:         {"/t/acme/logo/" + hash, "/logo/" + hash},
	} {
		got := [2]string{logoIn(reachedAt("").Context(), url), logoIn(reachedAt("login.acme.example").Context(), url)}
		if got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

// A cookie without the prefix is not ours on https: http may have set it.
func TestCookiesOfAName(t *testing.T) {
	for name, c := range map[string]struct {
		publicURL string
		header    string
		want      []string
	}{
		"none":               {"http://x", "", nil},
		"ours":               {"http://x", "twofold-session=a", []string{"a"}},
		"another's":          {"http://x", "other=a; twofold-signin=b", nil},
		"several":            {"http://x", "twofold-session=a; x=y; twofold-session=b", []string{"a", "b"}},
		"too many":           {"http://x", strings.Repeat("twofold-session=a; ", 50), []string{"a", "a", "a", "a"}},
		"too long":           {"http://x", "twofold-session=" + strings.Repeat("a", 65) + "; twofold-session=b", []string{"b"}},
		"garbage between":    {"http://x", "twofold-session; =; ;;; twofold-session=b", []string{"", "b"}},
		"https":              {"https://x", "__Secure-twofold-session=a", []string{"a"}},
		"https, no prefix":   {"https://x", "twofold-session=a", nil},
		"https, other case":  {"https://x", "__secure-twofold-session=a", nil},
		"http, with prefix":  {"http://x", "__Secure-twofold-session=a", nil},
		"quoted by somebody": {"http://x", `twofold-session="a"`, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Cookie", c.header)
			if diff := cmp.Diff(c.want, New(Config{PublicURL: c.publicURL}).cookies(r, sessionCookie())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSameBrowser(t *testing.T) {
	s, row := New(Config{}), signInRow{BrowserHash: id.Hash("right")}
	for header, want := range map[string]bool{
		"twofold-signin=right":                       true,
		"twofold-signin=wrong; twofold-signin=right": true,
		"twofold-signin=right; twofold-signin=wrong": true,
		"twofold-signin=wrong":                       false,
		"twofold-signin=":                            false,
		"twofold-session=right":                      false,
		"":                                           false,
		"twofold-signin=" + id.Hash("right"):         false,
		strings.Repeat("twofold-signin=w; ", 4) + "twofold-signin=r": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", header)
		if got := s.sameBrowser(r, row); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if s.sameBrowser(httptest.NewRequest(http.MethodGet, "/", nil), signInRow{}) {
		t.Error("no cookie fits no hash")
	}
}

// Values are alternatives, so the weakest known one is the demand.
func TestStrengthOf(t *testing.T) {
	const fa1, fa2, aal2, phr = "urn:twofold:acr:1fa", "urn:twofold:acr:2fa", "urn:twofold:acr:aal2", "phr"
	for name, c := range map[string]struct {
		values []string
		want   twofactor.Strength
	}{
		"none":              {nil, twofactor.StrengthNone},
		"unknown":           {[]string{"urn:other", ""}, twofactor.StrengthNone},
		"one":               {[]string{aal2}, twofactor.StrengthAAL2},
		"strong to weak":    {[]string{phr, aal2, fa2}, twofactor.Strength2FA},
		"weak to strong":    {[]string{fa2, aal2, phr}, twofactor.Strength2FA},
		"unknown and one":   {[]string{"urn:other", phr}, twofactor.StrengthPHR},
		"any will do":       {[]string{aal2, fa1}, twofactor.Strength1FA},
		"not quite spelled": {[]string{strings.ToUpper(aal2), " " + aal2}, twofactor.StrengthNone},
	} {
		if got := strengthOf(c.values); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A value that was sent twice, or not in the body, is none.
func TestOne(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/?query=1", strings.NewReader("a=1&b=1&b=2&c="))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", "b": "", "c": "", "d": "", "query": ""} {
		if got := one(r, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("do=answer&challenge=x&code=1&code=2&other=3"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twofactor.Answer{"code": "", "other": "3"}, New(Config{}).answers(r)); diff != "" {
		t.Error(diff)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 5, "abc"}, {"abc", 2, "ab"}, {"äbc", 1, ""}, {"aä", 2, "a"}, {"a\xffb", 9, "ab"}, {"", 0, ""}} {
		if got := cut(c.text, c.n); got != c.want {
			t.Errorf("%q to %d: %q", c.text, c.n, got)
		}
	}
}

func TestWantsPage(t *testing.T) {
	for accept, want := range map[string]bool{
		"": true, "text/html,application/xhtml+xml": true, "*/*": true, "application/json": false, "application/json, */*;q=0.1": true, "image/png": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := wantsPage(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, time.Millisecond: 1, time.Second: 1, time.Second + 1: 2, time.Minute: 60} {
		if got := seconds(d); got != want {
			t.Errorf("%v: %d", d, got)
		}
	}
}

func TestSchemeOf(t *testing.T) {
	for uri, want := range map[string]string{"https://a.example/cb": "https:", "http://127.0.0.1:1/": "http:", "com.example.app:/cb": "com.example.app:", "": ""} {
		if got := schemeOf(uri); got != want {
			t.Errorf("%q: %q", uri, got)
		}
	}
}

func TestHeadings(t *testing.T) {
	for k := problem.Internal; k <= problem.Unavailable; k++ {
		if heading(k) == "" || (k != problem.Internal && heading(k) == heading(problem.Internal)) {
			t.Errorf("kind %d: %q", k, heading(k))
		}
	}
}

// Only a step that failed because somebody else was faster is shown anew.
func TestOrAgain(t *testing.T) {
	s := New(Config{})
	for _, c := range []struct {
		err, want error
	}{{nil, nil}, {errSignInMoved, nil}, {errSignInOver, errSignInOver}, {errSignInForeign, errSignInForeign}} {
		w := httptest.NewRecorder()
		err := s.orAgain(func(http.ResponseWriter, *http.Request) error { return c.err })(w, httptest.NewRequest(http.MethodPost, "/t/acme/signin/1?choose", nil))
		moved := w.Code == http.StatusSeeOther && w.Header().Get("Location") == "/t/acme/signin/1" && w.Header().Get("Cache-Control") == "no-store"
		if !errors.Is(err, c.want) || moved != errors.Is(c.err, errSignInMoved) {
			t.Errorf("%v: got %v, moved %v", c.err, err, moved)
		}
	}
}

// Proofs of before the sign-in are borrowed; those made in it are its own.
func TestBorrows(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at   []time.Duration
		want bool
	}{"none": {nil, false}, "own": {[]time.Duration{0, time.Second}, false}, "one of two": {[]time.Duration{time.Second, -time.Microsecond}, true}} {
		a := &attempt{row: signInRow{CreatedAt: began}}
		for _, d := range c.at {
			a.facts.Proofs = append(a.facts.Proofs, signin.Proof{At: began.Add(d)})
		}
		if got := a.borrows(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

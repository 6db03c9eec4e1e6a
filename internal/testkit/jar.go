package testkit

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// jar is the standard cookie jar with three rules of browsers on top: Secure
// cookies work on http://localhost, prefixes of names are enforced, and a
// cookie that a browser would refuse is an error of the test.
type jar struct {
	*cookiejar.Jar
	t testing.TB
}

func newJar(t testing.TB) *jar {
	t.Helper()
	inner, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &jar{Jar: inner, t: t}
}

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if err := checkCookie(u, c); err != nil {
			j.t.Errorf("testkit: %s sets a cookie that browsers refuse: %v", u.Redacted(), err)
			continue
		}
		j.Jar.SetCookies(secure(u), []*http.Cookie{c})
	}
}

// Cookies implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) []*http.Cookie { return j.Jar.Cookies(secure(u)) }

// secure lets the standard jar see a trustworthy URL as HTTPS.
func secure(u *url.URL) *url.URL {
	v := *u
	if isTrustworthy(u) {
		v.Scheme = "https"
	}
	return &v
}

// checkCookie applies RFC 6265bis §4.1.3 (prefixes) and §5.7 (Secure,
// SameSite=None, size).
func checkCookie(u *url.URL, c *http.Cookie) error {
	name := strings.ToLower(c.Name)
	switch {
	case c.Secure && !isTrustworthy(u):
		return fmt.Errorf("%s is Secure, but the page is not", c.Name)
	case strings.HasPrefix(name, "__secure-") && !c.Secure:
		return fmt.Errorf("%s must be Secure", c.Name)
	case strings.HasPrefix(name, "__host-") && (!c.Secure || c.Domain != "" || c.Path != "/"):
		return fmt.Errorf("%s must be Secure, with Path=/ and no Domain", c.Name)
	case c.SameSite == http.SameSiteNoneMode && !c.Secure:
		return fmt.Errorf("%s is SameSite=None and must be Secure", c.Name)
	case len(c.Name)+len(c.Value) > 4096:
		return fmt.Errorf("%s is longer than 4096 bytes", c.Name)
	}
	return nil
}

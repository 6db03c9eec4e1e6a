package testkit

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// maxBody is far above any page of ours: a larger one is a mistake to be seen.
const maxBody = 4 << 20

// Client is a browser without script. It keeps cookies as browsers do, sends
// the request headers that browsers send (Origin, Sec-Fetch-*), reads forms,
// and follows redirects only when told to. Whatever goes wrong ends the test.
//
// It does not withhold SameSite cookies; use testkit/browser for that.
type Client struct {
	// HTTP may be given another Transport, for TLS say.
	HTTP *http.Client
	// Header is sent with each request, such as Accept-Language.
	Header http.Header

	t   testing.TB
	jar *jar
}

// NewClient returns a client with no cookies.
func NewClient(t testing.TB) *Client {
	t.Helper()
	j := newJar(t)
	return &Client{
		t: t, jar: j, Header: http.Header{},
		HTTP: &http.Client{
			Jar: j, Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Get opens address as if it were typed into the address bar.
func (c *Client) Get(address string) *Page {
	c.t.Helper()
	return c.send(request{method: http.MethodGet, url: c.parse(address)})
}

// PostForm posts values as a page of the same origin would.
func (c *Client) PostForm(address string, values url.Values) *Page {
	c.t.Helper()
	u := c.parse(address)
	return c.send(request{method: http.MethodPost, url: u, from: u, body: values.Encode()})
}

// PostFormFrom posts values as a form on the page at from would: a cross-site
// request if from is of another site.
func (c *Client) PostFormFrom(from, address string, values url.Values) *Page {
	c.t.Helper()
	return c.send(request{method: http.MethodPost, url: c.parse(address), from: c.parse(from), body: values.Encode()})
}

// Do sends req with the client's cookies and returns the answer as a page. Of
// the headers that browsers add it sends none: it is for requests of programs.
func (c *Client) Do(req *http.Request) *Page {
	c.t.Helper()
	return c.do(req, request{method: req.Method, url: req.URL})
}

// request is what a navigation needs to know; a redirect makes the next from it.
type request struct {
	method string
	url    *url.URL
	from   *url.URL // the page with the link or form; nil: the address bar
	site   string   // Sec-Fetch-Site of an earlier hop: a chain never gets closer again
	body   string   // form values, for POST
}

func (c *Client) send(r request) *Page {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), r.method, r.url.String(), strings.NewReader(r.body))
	if err != nil {
		c.t.Fatalf("testkit: %v", err)
	}
	for k, v := range c.Header {
		req.Header[k] = v
	}
	r.site = farther(r.site, fetchSite(r.from, r.url))
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", originHeader(r))
	}
	if isTrustworthy(r.url) { // Fetch Metadata §2: only to trustworthy URLs
		req.Header.Set("Sec-Fetch-Site", r.site)
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Sec-Fetch-User", "?1")
	}
	return c.do(req, r)
}

func (c *Client) do(req *http.Request, r request) *Page {
	c.t.Helper()
	res, err := c.HTTP.Do(req)
	if err != nil {
		c.t.Fatalf("testkit: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("body is too long")
	}
	if err != nil {
		c.t.Fatalf("testkit: %s %s: %v", r.method, r.url.Redacted(), err)
	}
	return newPage(c, r, res, string(body))
}

// Cookies are the cookies that a request to address would carry.
func (c *Client) Cookies(address string) []*http.Cookie {
	c.t.Helper()
	return c.jar.Cookies(c.parse(address))
}

// Cookie is the value of the cookie that a request to address would carry, or
// empty.
func (c *Client) Cookie(address, name string) string {
	c.t.Helper()
	for _, k := range c.Cookies(address) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// ClearCookies forgets all cookies, as a new private window would.
func (c *Client) ClearCookies() {
	c.t.Helper()
	c.jar = newJar(c.t)
	c.HTTP.Jar = c.jar
}

func (c *Client) parse(address string) *url.URL {
	c.t.Helper()
	u, err := url.Parse(address)
	if err != nil || !u.IsAbs() || u.Host == "" {
		c.t.Fatalf("testkit: %q is not an absolute URL", address)
	}
	return u
}

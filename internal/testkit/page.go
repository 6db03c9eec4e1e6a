package testkit

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// maxRedirects is what browsers follow.
const maxRedirects = 20

// Page is an answer, with its HTML taken apart if it is any.
type Page struct {
	Status int
	URL    *url.URL
	Header http.Header
	Body   string

	Title string // of the title element
	H1    string // of the first h1
	Text  string // what a reader sees, with runs of white space as one space
	Forms []*Form
	Links []Link

	client  *Client
	request request
}

// Link is an anchor with an address.
type Link struct {
	Text string
	URL  *url.URL
}

func newPage(c *Client, r request, res *http.Response, body string) *Page {
	p := &Page{Status: res.StatusCode, URL: r.url, Header: res.Header, Body: body, client: c, request: r}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		p.read()
	}
	return p
}

func (p *Page) read() {
	// Without scripting, what is in noscript is part of the page.
	doc, err := html.ParseWithOptions(strings.NewReader(p.Body), html.ParseOptionEnableScripting(false))
	if err != nil {
		p.client.t.Fatalf("testkit: %s: %v", p.URL.Redacted(), err)
	}
	base := p.URL
	if b := find(doc, "base"); b != nil {
		base = p.resolve(base, attr(b, "href"))
	}
	p.Title = text(find(doc, "title"))
	p.H1 = text(find(doc, "h1"))
	p.Text = text(find(doc, "body"))
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && has(n, "href") {
			p.Links = append(p.Links, Link{Text: text(n), URL: p.resolve(base, attr(n, "href"))})
		}
	}
	p.Forms = readForms(p, doc, base)
}

// resolve reads a reference in the page; the browser would not go anywhere on a
// broken one, so it ends the test.
func (p *Page) resolve(base *url.URL, ref string) *url.URL {
	u, err := base.Parse(ref)
	if err != nil {
		p.client.t.Fatalf("testkit: %s refers to %q: %v", p.URL.Redacted(), ref, err)
	}
	return u
}

// IsRedirect reports whether Follow would go somewhere.
func (p *Page) IsRedirect() bool {
	switch p.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return p.Header.Get("Location") != ""
	}
	return false
}

// Location is where the redirect goes.
func (p *Page) Location() *url.URL {
	p.client.t.Helper()
	if !p.IsRedirect() {
		p.fatalf("is no redirect")
	}
	return p.resolve(p.URL, p.Header.Get("Location"))
}

// FollowOnce follows one redirect.
func (p *Page) FollowOnce() *Page {
	p.client.t.Helper()
	next := p.request
	next.url = p.Location()
	if p.Status != http.StatusTemporaryRedirect && p.Status != http.StatusPermanentRedirect {
		next.method, next.body = http.MethodGet, "" // RFC 9110 §15.4
	}
	return p.client.send(next)
}

// Follow follows redirects until there is a page. It returns p if p is one.
func (p *Page) Follow() *Page {
	p.client.t.Helper()
	for range maxRedirects {
		if !p.IsRedirect() {
			return p
		}
		p = p.FollowOnce()
	}
	p.fatalf("redirects without end")
	return nil
}

// Link follows the link with this text, up to the page it leads to.
func (p *Page) Link(text string) *Page {
	p.client.t.Helper()
	for _, l := range p.Links {
		if l.Text == text {
			return p.client.send(request{method: http.MethodGet, url: l.URL, from: p.URL}).Follow()
		}
	}
	p.fatalf("has no link %q", text)
	return nil
}

// Form is the i-th form of the page, from 0.
func (p *Page) Form(i int) *Form {
	p.client.t.Helper()
	if i >= len(p.Forms) {
		p.fatalf("has %d forms, so none with number %d", len(p.Forms), i)
	}
	return p.Forms[i]
}

// FormWith is the first form that has a field or button of this name.
func (p *Page) FormWith(name string) *Form {
	p.client.t.Helper()
	for _, f := range p.Forms {
		if f.Has(name) {
			return f
		}
	}
	p.fatalf("has no form with %q", name)
	return nil
}

// Require ends the test unless the page has this status. It returns p.
func (p *Page) Require(status int) *Page {
	p.client.t.Helper()
	if p.Status != status {
		p.fatalf("should have status %d", status)
	}
	return p
}

// RequireText ends the test unless a reader sees all of the texts. It returns p.
func (p *Page) RequireText(texts ...string) *Page {
	p.client.t.Helper()
	for _, s := range texts {
		if !strings.Contains(p.Text, s) {
			p.fatalf("should say %q", s)
		}
	}
	return p
}

// fatalf ends the test and shows the page.
func (p *Page) fatalf(format string, args ...any) {
	p.client.t.Helper()
	shown := p.Text
	if shown == "" {
		shown = p.Body
	}
	if len(shown) > 1500 {
		shown = shown[:1500] + " …"
	}
	where := p.request.method + " " + p.URL.Redacted()
	args = append([]any{where, p.Status}, append(args, p.Title, p.Header.Get("Location"), shown)...)
	p.client.t.Fatalf("testkit: %s, status %d: page "+format+"\n  title:    %s\n  location: %s\n  text:     %s", args...)
}

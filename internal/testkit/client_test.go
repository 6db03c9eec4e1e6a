package testkit

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder stands for a test and notes why it ends.
type recorder struct {
	testing.TB
	fatal  string
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ending runs f with a recorder and returns what it ended with.
func ending(t *testing.T, f func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r
}

const formPage = `<!doctype html><html lang=en><head><title> Sign in </title><style>p{}</style></head>
<body><h1>Sign <em>in</em></h1><p>Hello</p><p>world<span>ly</span></p><script>no()</script><p hidden>secret</p>
<noscript><p>Without script</p></noscript><a href="../other?x=1">Other</a>
<form action="/answer?from=query" method="post" id="f">
 <input type="hidden" name="csrf" value="t&amp;k"><input name="user" autocomplete="username"><input type="password" name="password">
 <input type="checkbox" name="trust"><input type="checkbox" name="group" value="a" checked><input type="checkbox" name="group" value="b">
 <input type="radio" name="way" value="sms" checked><input type="radio" name="way" value="mail">
 <select name="lang"><option value="en">English<option value="de" selected>Deutsch<option disabled value="xx">None</select>
 <textarea name="note">
two
lines</textarea><input name="off" value="x" disabled>
 <fieldset disabled><input name="off2" value="x"></fieldset>
 <button name="go" value="1">Go on</button><button name="go" value="2" formaction="/elsewhere">Go away</button><button type="button">No</button>
</form><input name="outside" form="f" value="o">
<form action="/search"><input name="q" value="a b"></form></body></html>`

// echo shows the forms, and answers everything else with what it was sent.
func echo(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch {
		case r.URL.Path == "/forms/page":
			fmt.Fprint(w, formPage)
		case r.URL.Path == "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/redirect/"):
			var code int
			_, _ = fmt.Sscanf(r.URL.Path, "/redirect/%d", &code)
			w.Header().Set("Location", r.FormValue("to"))
			w.WriteHeader(code)
		default:
			_ = r.ParseForm()
			h := r.Header
			fmt.Fprintf(w, "<p>%s</p>", html.EscapeString(fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", r.PostForm.Encode(),
				" origin=", h.Get("Origin"), " site=", h.Get("Sec-Fetch-Site"), " mode=", h.Get("Sec-Fetch-Mode"))))
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestPage(t *testing.T) {
	p := NewClient(t).Get(echo(t) + "/forms/page").Require(200)
	got := []string{p.Title, p.H1, p.Links[0].Text, p.Links[0].URL.RequestURI(), p.Form(0).Method, p.Form(1).Method, p.Form(0).ID}
	if d := cmp.Diff([]string{"Sign in", "Sign in", "Other", "/other?x=1", "POST", "GET", "f"}, got); d != "" {
		t.Error(d)
	}
	p.RequireText("Sign in Hello worldly Without script Other")
	for _, unseen := range []string{"no()", "secret"} {
		if strings.Contains(p.Text, unseen) {
			t.Errorf("text has %q", unseen)
		}
	}
	p.Link("Other").RequireText("GET /other?x=1", "site=same-origin")
}

func TestFormSends(t *testing.T) {
	base := echo(t)
	const unchanged = "csrf=t%26k&group=a&lang=de&note=two%0Alines&outside=o&password=&user=&way=sms"
	tests := []struct {
		name string
		do   func(p *Page) *Page
		want string
	}{
		{
			"as it is", func(p *Page) *Page { return p.Form(0).Submit() },
			"POST /answer?from=query csrf=t%26k&go=1&group=a&lang=de&note=two%0Alines&outside=o&password=&user=&way=sms",
		},
		{"filled", func(p *Page) *Page {
			return p.FormWith("user").Set("user", "ann").Set("password", "p").Set("trust", "on").Set("group", "b").
				Set("way", "mail").Set("lang", "en").Set("note", "").Submit()
		}, "POST /answer?from=query csrf=t%26k&go=1&group=a&group=b&lang=en&note=&outside=o&password=p&trust=on&user=ann&way=mail"},
		{
			"cleared checkboxes", func(p *Page) *Page { return p.Form(0).Set("group", "").Submit() },
			"POST /answer?from=query " + strings.Replace(unchanged, "group=a", "go=1", 1),
		},
		{
			"another button", func(p *Page) *Page { return p.Form(0).Press("Go away") },
			"POST /elsewhere " + strings.Replace(unchanged, "group", "go=2&group", 1),
		},
		{
			"forged", func(p *Page) *Page {
				return p.Form(0).Forge("csrf", "x").Forge("admin", "1").Forge("off", "y").Submit()
			},
			"POST /answer?from=query admin=1&csrf=x&go=1&group=a&lang=de&note=two%0Alines&off=y&outside=o&password=&user=&way=sms",
		},
		{"by GET", func(p *Page) *Page { return p.Form(1).Submit() }, "GET /search?q=a+b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.do(NewClient(t).Get(base+"/forms/page")).Require(200).RequireText(tt.want+" ", "mode=navigate", "site=same-origin")
		})
	}
}

func TestFormReads(t *testing.T) {
	f := NewClient(t).Get(echo(t) + "/forms/page").Form(0)
	if got := f.Value("note"); got != "two\nlines" {
		t.Errorf("note = %q", got)
	}
	if got := f.Attr("user", "autocomplete"); got != "username" {
		t.Errorf("autocomplete = %q", got)
	}
	want := []string{"csrf", "user", "password", "trust", "group", "way", "lang", "note", "off", "off2", "outside"}
	if d := cmp.Diff(want, f.Names()); d != "" {
		t.Error(d)
	}
}

func TestWhatAPersonCannotDoEndsTheTest(t *testing.T) {
	base := echo(t)
	tests := []struct {
		name string
		do   func(p *Page)
		want string
	}{
		{"no such field", func(p *Page) { p.Form(0).Set("nope", "x") }, `no field "nope"`},
		{"hidden field", func(p *Page) { p.Form(0).Set("csrf", "x") }, `no field "csrf"`},
		{"disabled field", func(p *Page) { p.Form(0).Set("off2", "x") }, `no field "off2"`},
		{"no such option", func(p *Page) { p.Form(0).Set("lang", "fr") }, `no field "lang" that takes "fr"`},
		{"disabled option", func(p *Page) { p.Form(0).Set("lang", "xx") }, `no field "lang"`},
		{"no such radio button", func(p *Page) { p.Form(0).Set("way", "pigeon") }, `no field "way"`},
		{"no such button", func(p *Page) { p.Form(0).Press("No") }, `no button "No"`},
		{"no such form", func(p *Page) { p.Form(2) }, "has 2 forms"},
		{"no form with field", func(p *Page) { p.FormWith("x") }, `no form with "x"`},
		{"no such link", func(p *Page) { p.Link("x") }, `no link "x"`},
		{"wrong status", func(p *Page) { p.Require(201) }, "status 200: page should have status 201"},
		{"missing text", func(p *Page) { p.RequireText("Sign in", "Bye") }, `should say "Bye"`},
		{"no redirect", func(p *Page) { p.Location() }, "is no redirect"},
		{"endless", func(p *Page) { p.client.Get(base + "/loop").Follow() }, "redirects without end"},
		{"relative address", func(p *Page) { p.client.Get("/x") }, `"/x" is not an absolute URL`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ending(t, func(tb testing.TB) { tt.do(NewClient(tb).Get(base + "/forms/page")) })
			if !strings.Contains(r.fatal, tt.want) {
				t.Errorf("ended with %q, want %q", r.fatal, tt.want)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	a, b := echo(t), echo(t)
	other := strings.Replace(b, "127.0.0.1", "localhost", 1)
	form := func(to string) url.Values { return url.Values{"to": {to}} }
	tests := []struct {
		name string
		do   func(c *Client) *Page
		want []string
	}{
		{
			"303 after a post", func(c *Client) *Page { return c.PostForm(a+"/redirect/303", form("/x?y")) },
			[]string{"GET /x?y origin= site=same-origin"},
		},
		{"302 after a post", func(c *Client) *Page { return c.PostForm(a+"/redirect/302", form("/x")) }, []string{"GET /x"}},
		{
			"307 keeps the post", func(c *Client) *Page { return c.PostForm(a+"/redirect/307", form("/x")) },
			[]string{"POST /x to=%2Fx origin=" + a + " site=same-origin"},
		},
		{"to another port", func(c *Client) *Page { return c.PostForm(a+"/redirect/302", form(b+"/x")) }, []string{"GET /x", "site=same-site"}},
		{
			"to another site", func(c *Client) *Page { return c.PostForm(a+"/redirect/307", form(other+"/x")) },
			[]string{"POST /x", "origin=" + a, "site=cross-site"},
		},
		{
			"from another site", func(c *Client) *Page { return c.PostFormFrom(other, a+"/redirect/303", form("/x")) },
			[]string{"GET /x", "site=cross-site"},
		},
		{
			"back again", func(c *Client) *Page { return c.PostFormFrom(other, a+"/redirect/307", form(other+"/x")) },
			[]string{"POST /x", "origin=null", "site=cross-site"},
		},
		{"address bar", func(c *Client) *Page { return c.Get(a + "/redirect/302?to=/x") }, []string{"GET /x", "site=none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := tt.do(NewClient(t))
			if !first.IsRedirect() {
				t.Fatalf("status = %d: the client followed by itself", first.Status)
			}
			first.Follow().Require(200).RequireText(tt.want...)
		})
	}
}

func TestHeaderIsSent(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Accept-Language") }))
	defer srv.Close()
	c := NewClient(t)
	c.Header.Set("Accept-Language", "de-CH")
	c.Get(srv.URL)
	if got != "de-CH" {
		t.Errorf("Accept-Language = %q", got)
	}
}

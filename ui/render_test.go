package ui_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"twofold/ui"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func newUI(t *testing.T) *ui.UI {
	t.Helper()
	u, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRenderHeaders(t *testing.T) {
	w := draw(newUI(t), http.StatusUnauthorized, ui.SignIn{Page: ui.Page{FormOrigin: "https://expenses.example:8443/callback?a=b"}})
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d", w.Code)
	}
	got := map[string]string{}
	for k := range w.Header() {
		got[k] = w.Header().Get(k)
	}
	delete(got, "Content-Length")
	want := map[string]string{
		"Content-Type":               "text/html; charset=utf-8",
		"Cache-Control":              "no-store",
		"Content-Security-Policy":    policy + " https://expenses.example:8443",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy":            "no-referrer",
		"X-Content-Type-Options":     "nosniff",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestFormAction(t *testing.T) {
	u := newUI(t)
	for _, tt := range []struct{ name, uri, want string }{
		{"none", "", ""},
		{"origin", "https://app.example", " https://app.example"},
		{"redirect URI", "https://app.example/cb?x=1#y", " https://app.example"},
		{"loopback", "http://127.0.0.1:49152/cb", " http://127.0.0.1:49152"},
		{"loopback by IPv6", "http://[::1]:49152/cb", " http:"},
		{"scheme of an app", "com.example.app:/cb", " com.example.app:"},
		{"scheme of an app with host", "com.example.app://cb", " com.example.app:"},
		{"scheme alone", "https:", " https:"},
		{"relative", "/cb", ""},
		{"no host", "https:///cb", ""},
		{"user info is dropped", "https://a:b@app.example/", " https://app.example"},
		{"new directive", "https://app.example;script-src *", ""},
		{"two sources", "https://app.example *", ""},
		{"quoted keyword", "'unsafe-inline'", ""},
		{"wildcard host", "https://*.example", ""},
		{"line break", "https://app.example\r\nX: y", ""},
		{"not ASCII", "https://bücher.example", ""},
		{"script", "javascript:alert(1)", ""},
		{"data", "data:text/html,x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := draw(u, http.StatusOK, ui.SignIn{Page: ui.Page{FormOrigin: tt.uri}})
			if got := w.Header().Get("Content-Security-Policy"); got != policy+tt.want {
				t.Errorf("got %q, want %q", got, policy+tt.want)
			}
		})
	}
}

func TestFormPostPolicy(t *testing.T) {
	w := draw(newUI(t), http.StatusOK, ui.FormPost{Target: "https://app.example/cb"})
	if got := w.Header().Get("Content-Security-Policy"); got != policy+" https:" {
		t.Errorf("got %q", got)
	}
}

func TestRetryAfter(t *testing.T) {
	u := newUI(t)
	for _, tt := range []struct {
		seconds       int
		header, words string
	}{
		{0, "", ""},
		{1, "1", "1 second"},
		{45, "45", "45 seconds"},
		{91, "91", "2 minutes"},
		{600, "600", "10 minutes"},
		{7200, "7200", "2 hours"},
	} {
		w := draw(u, http.StatusTooManyRequests, ui.TooManyTries(ui.Page{}, tt.seconds))
		if got := w.Header().Get("Retry-After"); got != tt.header {
			t.Errorf("%d: Retry-After %q", tt.seconds, got)
		}
		if says := strings.Contains(w.Body.String(), "You can try again in "+tt.words+"."); says != (tt.words != "") {
			t.Errorf("%d: page says so: %v", tt.seconds, says)
		}
	}
}

type brokenView struct{ ui.Page }

func (brokenView) Template() string { return "broken" }
func (brokenView) Title() string    { return "Broken" }

func TestRenderFailure(t *testing.T) {
	u, err := newUI(t).Extend(fstest.MapFS{"x.html": {Data: []byte(`{{define "broken"}}half a page {{.Missing}}{{end}}`)}}, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	var told error
	u.OnFailure = func(_ *http.Request, err error) { told = err }
	w := draw(u, http.StatusOK, brokenView{ui.Page{Reference: "<ref>", FormOrigin: "https://app.example"}})
	if w.Code != http.StatusInternalServerError || told == nil {
		t.Errorf("status %d, told %v", w.Code, told)
	}
	body := w.Body.String()
	if strings.Contains(body, "half a page") || !strings.Contains(body, "&lt;ref&gt;") {
		t.Errorf("body %q", body)
	}
	if got := w.Header().Get("Content-Security-Policy"); got != policy {
		t.Errorf("policy %q", got)
	}
	u.OnFailure = nil
	if w := draw(u, http.StatusOK, brokenView{}); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d with nobody to tell", w.Code)
	}
}

func TestExtend(t *testing.T) {
	u := newUI(t)
	draw(u, http.StatusOK, ui.SignIn{}) // Extend must work on a UI that is in use
	for _, tt := range []struct {
		name, source string
		ok           bool
	}{
		{"calls components", `{{define "broken"}}{{template "wide-start" .}}<h1>Hello</h1>{{template "code" "x"}}{{template "wide-end" .}}{{end}}`, true},
		{"does not parse", `{{define "broken"}}{{if}}{{end}}`, false},
		{"cannot be made safe", `{{define "broken"}}<a href="{{if .}}x{{else}}y' {{end}}>{{end}}`, false},
		{"unknown template", `{{define "broken"}}{{template "nowhere"}}{{end}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			more, err := u.Extend(fstest.MapFS{"x.html": {Data: []byte(tt.source)}}, "*.html")
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			if !tt.ok {
				return
			}
			if w := draw(more, http.StatusOK, brokenView{}); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
				t.Errorf("status %d, %s", w.Code, w.Body)
			}
		})
	}
	if w := draw(u, http.StatusOK, brokenView{}); w.Code != http.StatusInternalServerError {
		t.Errorf("Extend changed the UI it extended: status %d", w.Code)
	}
}

// TestFocus checks where the focus goes.
func TestFocus(t *testing.T) {
	for _, tt := range []struct {
		name string
		view ui.SignIn
		want string
	}{
		{"nothing typed", ui.SignIn{}, ui.FieldUserName},
		{"name known", ui.SignIn{UserName: "anna"}, ui.FieldPassword},
		{"wrong password", ui.SignIn{UserName: "anna", Errors: []ui.FieldError{{Field: ui.FieldPassword, Message: "x"}}}, ui.FieldPassword},
		{"wrong name", ui.SignIn{UserName: "anna", Errors: []ui.FieldError{{Field: ui.FieldUserName, Message: "x"}}}, ui.FieldUserName},
		{"form as a whole", ui.SignIn{UserName: "anna", Errors: []ui.FieldError{{Message: "x"}}}, ui.FieldPassword},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, in := range tt.view.Inputs() {
				if in.Focus {
					got = append(got, in.Name)
				}
			}
			if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRenderOverHTTP(t *testing.T) {
	u := newUI(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.Render(w, r, http.StatusOK, ui.SignedOut{}) }))
	defer s.Close()
	resp, err := s.Client().Head(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 {
		t.Errorf("status %d, length %d", resp.StatusCode, resp.ContentLength)
	}
}

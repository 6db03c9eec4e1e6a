package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

// BenchmarkSignIn is a whole sign-in in process: authorize, page, password, code
// page, code, token: with the database's round trips, and with and without a
// second factor. The mail goes out by real SMTP.
func BenchmarkSignIn(b *testing.B) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		for _, second := range []bool{false, true} {
			name := dialect + "/password"
			if second {
				name += "+mail"
			}
			b.Run(name, func(b *testing.B) { benchSignIn(b, dialect, second) })
		}
	}
}

func benchSignIn(b *testing.B, dialect string, second bool) {
	databaseURL := testkit.SQLite
	if dialect == "postgres" {
		databaseURL = testkit.Postgres
	}
	w := newWorld(b, databaseURL(b))
	w.tenant("acme", "anna")
	w.factor("mail", "email")
	if second {
		w.assign("mail", "tenant acme", true)
	}
	h := w.handler(false, nil)
	var trips int64
	var seen []string
	for b.Loop() {
		w.clock.Advance(5 * time.Minute) // budgets refill, codes differ by time
		p := w.rp("acme", "expenses")
		br := &inProcess{b: b, h: h, jar: map[string]string{}, trips: &trips}
		loc := br.do("GET", p.authorizeURL(), nil)
		br.do("GET", w.url+loc, nil)
		to := br.do("POST", w.url+loc, url.Values{"username": {"anna"}, "password": {password}})
		if second {
			page := br.page("GET", w.url+loc)
			code := w.newCode("anna@example.test", seen...)
			seen = append(seen, code)
			to = br.do("POST", w.url+loc, url.Values{"do": {"answer"}, "challenge": {between(page, `name="challenge" value="`, `"`)}, "code": {code}})
		}
		u, err := url.Parse(to)
		if err != nil || u.Query().Get("code") == "" {
			b.Fatalf("no code: %q", to)
		}
		br.token(p, u.Query().Get("code"))
	}
	b.ReportMetric(float64(trips)/float64(b.N), "rt/op")
}

// inProcess is a browser without sockets.
type inProcess struct {
	b     *testing.B
	h     http.Handler
	jar   map[string]string
	trips *int64
	body  string
}

func (i *inProcess) serve(r *http.Request) *httptest.ResponseRecorder {
	ctx, n := db.WithCounter(r.Context())
	w := httptest.NewRecorder()
	i.h.ServeHTTP(w, r.WithContext(ctx))
	*i.trips += n.Count()
	i.body = w.Body.String()
	return w
}

func (i *inProcess) do(method, address string, form url.Values) string {
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range i.jar {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := i.serve(r)
	if w.Code >= 400 {
		i.b.Fatalf("%s %s: %d %s", method, address, w.Code, i.body)
	}
	for _, c := range w.Result().Cookies() {
		i.jar[c.Name] = c.Value
	}
	return w.Header().Get("Location")
}

func (i *inProcess) page(method, address string) string {
	i.do(method, address, nil)
	return i.body
}

func (i *inProcess) token(p *rp, code string) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {p.verifier}}
	r := httptest.NewRequest(http.MethodPost, p.base()+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(p.app, secret)
	if w := i.serve(r); w.Code != http.StatusOK {
		i.b.Fatalf("token: %d %s", w.Code, i.body)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

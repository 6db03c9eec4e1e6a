package demo_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/cmd/twofold/demo"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// stage is the site beside a provider that asks nobody anything.
type stage struct {
	*testkit.Client
	op    *op
	url   string
	facts demo.Facts
	inbox *fakes.Inbox
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{Client: testkit.NewClient(t), inbox: &fakes.Inbox{}}
	s.op = newOP(t, "")
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	var err error
	_, s.facts, err = demo.Sample(demo.SampleConfig{
		ProviderURL: s.op.URL, AppURL: s.url, SMTPHost: "127.0.0.1", SMTPPort: 2525, Now: time.Now(), Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.facts.Clients {
		s.facts.Clients[i].ClientSecret = "one-for-all"
	}
	s.op.secret = "one-for-all"
	s.op.userinfo = map[string]any{"sub": "u-1", "name": "Anna Keller"}
	server.Config.Handler, err = demo.New(demo.Config{Facts: s.facts, Inbox: s.inbox})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

const acme = "/apps/acme/expenses"

func (s *stage) signIn(query string) *testkit.Page {
	return s.Get(s.url + acme + "/sign-in" + query).Follow()
}

func TestSignIn(t *testing.T) {
	s := newStage(t)
	s.op.claims = map[string]any{"name": "Anna <b>Keller"}
	p := s.signIn("").Require(http.StatusOK).RequireText("Signed in as Anna <b>Keller", "You are signed in.",
		"A password and a code by e-mail", "Password, then code by e-mail", "s-1", "Just now")
	if p.URL.Path != acme || p.URL.RawQuery != "" {
		t.Errorf("ended at %s", p.URL)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "expenses", "code_challenge_method": "S256", "redirect_uri": s.url + "/callback",
		"scope": "openid profile email phone groups offline_access",
	} {
		if got := s.op.last.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(s.op.last.Get("state")) < 43 || len(s.op.last.Get("nonce")) < 43 || len(s.op.last.Get("code_challenge")) != 43 {
		t.Errorf("state, nonce or challenge is short: %v", s.op.last)
	}
	if again := s.Get(s.url + acme); strings.Contains(again.Text, "You are signed in.") {
		t.Error("a note shows twice")
	}
	s.Get(s.url+"/").RequireText("Open Expenses at Acme", "Signed in as Anna <b>Keller", "Sign in to Vault at Globex")
}

func TestSecondSignIns(t *testing.T) {
	at := time.Now().Add(-90 * time.Second).Unix()
	for _, tt := range []struct {
		name, query string
		claims      map[string]any
		param, sent string
		want        string
		status      int
	}{
		{"single sign-on", "", map[string]any{"auth_time": at}, "prompt", "", "Single sign-on: a new ID token", 200},
		{"stepped up", "?ask=stronger", map[string]any{"auth_time": at, "acr": "urn:twofold:acr:aal2"}, "acr_values", "urn:twofold:acr:aal2", "Stepped up", 200},
		{"less than asked", "?ask=stronger", map[string]any{"auth_time": at}, "acr_values", "urn:twofold:acr:aal2", "answered with less", 200},
		{"fresh", "?ask=fresh", nil, "prompt", "login", "You signed in afresh", 200},
		{"not fresh", "?ask=fresh", map[string]any{"auth_time": at}, "prompt", "login", "The ID token was not accepted", 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.op.claims = map[string]any{"auth_time": at}
			s.signIn("").Require(http.StatusOK)
			s.op.claims = tt.claims
			s.signIn(tt.query).Require(tt.status).RequireText(tt.want)
			if got := s.op.last.Get(tt.param); got != tt.sent {
				t.Errorf("%s is %q, want %q", tt.param, got, tt.sent)
			}
		})
	}
}

func TestSingleSignOnToAnotherApp(t *testing.T) {
	at := time.Now().Add(-90 * time.Second).Unix()
	for name, tt := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"nothing asked":   {map[string]any{"auth_time": at}, "Single sign-on"},
		"stepped up":      {map[string]any{"auth_time": at, "acr": "urn:twofold:acr:aal2"}, "Stepped up"},
		"another session": {map[string]any{"auth_time": at, "sid": "s-2"}, "You are signed in."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.op.claims = map[string]any{"auth_time": at}
			s.Get(s.url + "/apps/globex/expenses/sign-in").Follow()
			s.op.claims = tt.claims
			s.Get(s.url+"/apps/globex/vault/sign-in").Follow().Require(http.StatusOK).RequireText("Vault at Globex", tt.want)
		})
	}
}

func TestIDTokenIsChecked(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"nonce":        {"nonce": "another"},
		"no nonce":     {"nonce": nil},
		"issuer":       {"iss": "http://elsewhere.example"},
		"audience":     {"aud": "vault"},
		"no azp":       {"aud": []string{"expenses", "vault"}},
		"foreign azp":  {"azp": "vault"},
		"expired":      {"exp": time.Now().Add(-time.Minute).Unix()},
		"at_hash":      {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
		"without name": {"sub": ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.op.claims = claims
			s.signIn("").Require(http.StatusBadGateway).RequireText("The ID token was not accepted", "Nobody is signed in")
			if p := s.Get(s.url + acme); !p.IsRedirect() {
				t.Error("somebody is signed in")
			}
		})
	}
}

func TestAnswerIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer url.Values
		status int
		want   string
	}{
		{"unknown state", url.Values{"state": {"x"}}, 400, "belongs to no sign-in"},
		{"no state", url.Values{"state": {}}, 400, "belongs to no sign-in"},
		{"repeated code", url.Values{"code": {"a", "b"}}, 400, "belongs to no sign-in"},
		{"another issuer", url.Values{"iss": {"http://elsewhere.example"}}, 502, "came from another issuer"},
		{"no issuer", url.Values{"iss": {}}, 502, "came from another issuer"},
		{"wrong code", url.Values{"code": {"x"}}, 502, "could not be changed for tokens"},
		{"cancelled", url.Values{"code": {}, "error": {"access_denied"}, "error_description": {"not <i>now"}}, 403, "You were not signed in"},
		{"error from another issuer", url.Values{"code": {}, "error": {"access_denied"}, "iss": {"x"}}, 502, "came from another issuer"},
		{"too weak", url.Values{"code": {}, "error": {"unmet_authentication_requirements"}}, 403, "A sign-in this strong is not possible"},
		{"silent", url.Values{"code": {}, "error": {"login_required"}}, 400, "would have to ask you"},
		{"fault", url.Values{"code": {}, "error": {"temporarily_unavailable"}}, 502, "The provider has a fault"},
		{"mistaken app", url.Values{"code": {}, "error": {"invalid_scope"}}, 400, "did not accept the app's request"},
		{"its own", url.Values{"code": {}, "error": {"<script>"}}, 400, "<script>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.op.answer = tt.answer
			p := s.signIn("").Require(tt.status).RequireText(tt.want)
			if strings.Contains(p.Body, "<i>now") || strings.Contains(p.Body, "<script>") {
				t.Error("not escaped")
			}
			if !strings.HasPrefix(p.Title, "Error: ") {
				t.Errorf("title %q", p.Title)
			}
		})
	}
}

func TestAnswerCountsOnce(t *testing.T) {
	s := newStage(t)
	p := s.Get(s.url + acme + "/sign-in").FollowOnce()
	answer := p.Location().String()
	thief := testkit.NewClient(t)
	thief.Get(answer).Require(http.StatusBadRequest).RequireText("belongs to no sign-in")
	s.Get(answer).Follow().Require(http.StatusOK).RequireText("Signed in as Anna Keller")
	s.Get(answer).Require(http.StatusBadRequest)
}

func TestSessionIsRenewedAtSignIn(t *testing.T) {
	s := newStage(t)
	s.Get(s.url + acme + "/sign-in")
	before := s.Cookie(s.url, "demo_session")
	s.signIn("")
	after := s.Cookie(s.url, "demo_session")
	if before == "" || before == after {
		t.Errorf("cookie before %q, after %q", before, after)
	}
	planted := testkit.NewClient(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+acme, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "demo_session", Value: before})
	if p := planted.Do(req); !p.IsRedirect() {
		t.Error("the cookie from before the sign-in is signed in")
	}
}

func TestRefresh(t *testing.T) {
	at := time.Now().Add(-90 * time.Second).Unix()
	for _, tt := range []struct {
		name   string
		claims map[string]any
		fail   string
		status int
		want   string
	}{
		{"works", map[string]any{"auth_time": at}, "", 200, "Refreshed"},
		{"another person", map[string]any{"auth_time": at, "sub": "u-2"}, "", 502, "was not accepted"},
		{"another sign-in", nil, "", 502, "was not accepted"},
		{"another nonce", map[string]any{"auth_time": at, "nonce": "x"}, "", 502, "was not accepted"},
		{"ended", nil, "invalid_grant", 502, "takes this refresh token no more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.op.claims = map[string]any{"auth_time": at}
			p := s.signIn("")
			s.op.claims, s.op.tokenErr = tt.claims, tt.fail
			p = s.PostForm(p.URL.String()+"/refresh", nil).Follow().Require(tt.status).RequireText(tt.want)
			if strings.Contains(p.Body, "must not show") {
				t.Error("shows the body of the token response")
			}
		})
	}
}

func TestSignOut(t *testing.T) {
	s := newStage(t)
	p := s.signIn("")
	p = s.PostForm(p.URL.String()+"/sign-out", nil).Follow().Require(http.StatusOK).RequireText("You are signed out of Expenses at Acme")
	if strings.Count(s.op.ended.Get("id_token_hint"), ".") != 2 || s.op.ended.Get("client_id") != "expenses" {
		t.Errorf("sent %v", s.op.ended)
	}
	if again := s.Get(p.URL.String()); strings.Contains(again.Text, "Expenses at Acme") {
		t.Error("the state counted twice")
	}
	s.Get(s.url + "/").RequireText("Sign in to Expenses at Acme")
}

func TestOtherSitesCannotPost(t *testing.T) {
	s := newStage(t)
	p := s.signIn("")
	s.PostFormFrom("https://evil.example/", p.URL.String()+"/sign-out", nil).Require(http.StatusForbidden)
	s.Get(s.url + acme).Require(http.StatusOK)
}

func TestUserinfo(t *testing.T) {
	for name, info := range map[string]map[string]any{"somebody else": {"sub": "u-2"}, "refused": nil} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.op.userinfo = info
			s.signIn("").Require(http.StatusOK).RequireText("no longer answers for this access token")
		})
	}
}

func TestPagesThatAreNot(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/x", "/apps/acme/vault", "/apps/acme/reports/sign-in", "/apps/x/expenses"} {
		s.Get(s.url + path).Require(http.StatusNotFound).RequireText("There is no page here")
	}
}

func TestOneName(t *testing.T) {
	s := newStage(t)
	other := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	p := s.Get(other + "/mailbox?to=a")
	if got := p.Location().String(); got != s.url+"/mailbox?to=a" {
		t.Errorf("sent to %s", got)
	}
	s.PostForm(other+acme+"/sign-out", nil).Require(http.StatusMisdirectedRequest)
}

func TestHeaders(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/", "/mailbox", "/nothing"} {
		h := s.Get(s.url + path).Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	p := s.signIn("")
	if got := p.Header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "form-action 'self' "+s.op.URL) {
		t.Errorf("the sign-out could not go to the provider: %s", got)
	}
	for _, name := range []string{"demo.css", "demo.js"} {
		if a := s.Get(s.url + "/demo/" + name); a.Status != http.StatusOK || a.Header.Get("ETag") == "" {
			t.Errorf("%s: %d %v", name, a.Status, a.Header)
		}
	}
}

func TestProviderStartsLater(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	at := server.Listener.Addr().String()
	server.Listener.Close() // only its address was wanted
	_, facts, err := demo.Sample(demo.SampleConfig{ProviderURL: "http://" + at, AppURL: "http://app.example", Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	site, err := demo.New(demo.Config{Facts: facts, HTTP: &http.Client{Transport: &late{refuse: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://app.example"+acme+"/sign-in", nil))
	if got := w.Header().Get("Location"); !strings.HasPrefix(got, "http://"+at+"/t/acme/authorize?") {
		t.Errorf("status %d, location %q", w.Code, got)
	}
}

// late refuses connections at first, as a server does that is still starting.
type late struct{ refuse int }

func (l *late) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.refuse > 0 {
		l.refuse--
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: http.ErrServerClosed}
	}
	iss := strings.TrimSuffix(r.URL.String(), "/.well-known/openid-configuration")
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, err := w.WriteString(`{"issuer":"` + iss + `","authorization_endpoint":"` + iss + `/authorize","token_endpoint":"` + iss + `/token","jwks_uri":"` + iss + `/keys"}`)
	return w.Result(), err
}

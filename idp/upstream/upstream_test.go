package upstream_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/idp/upstream"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

type pair struct {
	*fakes.Provider
	party *upstream.Party
	idp   tenants.IDP
	clock *testkit.Clock
	t     *testing.T
}

func newPair(t *testing.T) *pair {
	t.Helper()
	clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	srv := httptest.NewUnstartedServer(nil)
	issuer := "http://" + srv.Listener.Addr().String()
	p := fakes.NewProvider(issuer, "twofold", "a secret", clock.Now)
	p.Set(fakes.Behaviour{Person: map[string]any{"sub": "u1"}})
	srv.Config.Handler = p
	srv.Start()
	t.Cleanup(srv.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &pair{p, upstream.New(client, clock.Now), tenants.IDP{Type: tenants.IDPOIDC, Issuer: issuer, ClientID: "twofold", ClientSecret: "a secret"}, clock, t}
}

// ask is what this test asks; more changes it.
func (p *pair) ask(more func(*upstream.Ask)) upstream.Ask {
	a := upstream.Ask{RedirectURI: "https://id.example/cb", State: strings.Repeat("s", 43), Nonce: strings.Repeat("n", 43), Verifier: strings.Repeat("v", 43), At: p.clock.Now()}
	if more != nil {
		more(&a)
	}
	return a
}

// answer lets the browser go there and come back.
func (p *pair) answer(a upstream.Ask) url.Values {
	p.t.Helper()
	address, err := p.party.Begin(p.t.Context(), p.idp, a)
	if err != nil {
		p.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound {
		p.t.Fatalf("the provider refuses the request: %d %s", w.Code, w.Body)
	}
	return u.Query()
}

func (p *pair) signIn(more func(*upstream.Ask)) (upstream.Identity, error) {
	p.t.Helper()
	a := p.ask(more)
	return p.party.Finish(p.t.Context(), p.idp, a, p.answer(a))
}

func TestSignIn(t *testing.T) {
	p := newPair(t)
	p.idp.ACRValues, p.idp.GroupsClaim = tenants.List{"strong"}, "roles"
	p.Set(fakes.Behaviour{
		Person: map[string]any{
			"sub": "u1", "acr": "strong", "amr": []string{"pwd", "otp"}, "auth_time": p.clock.Now().Add(-time.Minute).Unix(),
			"email": "anna@corp.example", "email_verified": true, "phone_number": "+41791234567", "phone_number_verified": "true",
		},
		UserInfo: map[string]any{"sub": "u1", "name": "Anna", "roles": []string{"dev", "ops"}, "email": "other@corp.example"},
	})
	got, err := p.signIn(func(a *upstream.Ask) {
		a.LoginHint, a.Prompt, a.UILocales = "anna@corp.example", []string{"login"}, []string{"de"}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := upstream.Identity{
		Subject: "u1", ACR: "strong", AMR: []string{"pwd", "otp"}, AuthTime: p.clock.Now().Add(-time.Minute),
		Profile: tenants.Profile{DisplayName: "Anna", Email: "anna@corp.example", EmailVerified: true, Phone: "+41791234567", Groups: []string{"dev", "ops"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	q := p.Asked()[0]
	for name, want := range map[string]string{"scope": "openid profile email", "login_hint": "anna@corp.example", "prompt": "login", "acr_values": "strong", "ui_locales": "de", "max_age": ""} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
}

// TestVerifiedOnlyByTrue: row 62 of SECURITY.
func TestVerifiedOnlyByTrue(t *testing.T) {
	p := newPair(t)
	for name, c := range map[string]struct {
		verified any
		claim    string
		want     bool
	}{
		"true": {true, "", true}, "false": {false, "", false}, "text": {"true", "", false}, "number": {1, "", false}, "missing": {nil, "", false},
		"another claim": {true, "upn", false},
	} {
		p.idp.EmailClaim = c.claim
		person := map[string]any{"sub": "u1", "name": "A", "email": "a@corp.example", "upn": "a@corp.example"}
		if c.verified != nil {
			person["email_verified"] = c.verified
		}
		p.Set(fakes.Behaviour{Person: person})
		got, err := p.signIn(nil)
		if err != nil || got.Profile.Email != "a@corp.example" || got.Profile.EmailVerified != c.want {
			t.Errorf("%s: %+v, %v", name, got.Profile, err)
		}
	}
}

// TestForgeries: none of these is believed (SECURITY row 59).
func TestForgeries(t *testing.T) {
	p := newPair(t)
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	header := func(name string, v any) fakes.Behaviour { return fakes.Behaviour{Header: set(name, v)} }
	claim := func(name string, v any) fakes.Behaviour { return fakes.Behaviour{Claims: set(name, v)} }
	without := func(name string) fakes.Behaviour {
		return fakes.Behaviour{Claims: func(c map[string]any) { delete(c, name) }}
	}
	now, other := p.clock.Now(), newPair(t)
	foreign, none := "https://other.example", ""
	for name, b := range map[string]fakes.Behaviour{
		"aud of another":            claim("aud", "other"),
		"aud missing":               without("aud"),
		"several aud, no azp":       claim("aud", []string{"twofold", "other"}),
		"azp of another":            claim("azp", "other"),
		"iss of another":            claim("iss", foreign),
		"iss with a slash":          claim("iss", p.Issuer+"/"),
		"iss missing":               without("iss"),
		"expired":                   claim("exp", now.Add(-time.Second).Unix()),
		"exp missing":               without("exp"),
		"iat missing":               without("iat"),
		"iat ahead":                 claim("iat", now.Add(time.Hour).Unix()),
		"iat long ago":              claim("iat", now.Add(-48*time.Hour).Unix()),
		"nbf ahead":                 claim("nbf", now.Add(time.Hour).Unix()),
		"auth_time ahead":           claim("auth_time", now.Add(time.Hour).Unix()),
		"nonce of another":          claim("nonce", strings.Repeat("x", 43)),
		"nonce missing":             without("nonce"),
		"sub missing":               without("sub"),
		"sub empty":                 claim("sub", ""),
		"sub of control characters": claim("sub", "u\x00"),
		"sub too long":              claim("sub", strings.Repeat("u", 256)),
		"sub a number":              claim("sub", 7),
		"at_hash of another":        claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"access token":              header("typ", "at+jwt"),
		"logout token":              header("typ", "logout+jwt"),
		"kid unknown":               header("kid", "../../k1"),
		"crit":                      header("crit", []string{"exp"}),
		"alg none": {Token: func(_ *fakes.Provider, h, c map[string]any) string {
			h["alg"] = "none"
			return fakes.SigningInput(h, c) + "."
		}},
		"alg of the signature changed": {Token: func(p *fakes.Provider, h, c map[string]any) string {
			h["alg"] = "RS256"
			return p.Sign(h, c)
		}},
		"HS256 by the client secret": {Token: func(p *fakes.Provider, h, c map[string]any) string {
			h["alg"] = "HS256"
			text := fakes.SigningInput(h, c)
			mac := hmac.New(sha256.New, []byte(p.ClientSecret))
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}},
		"key of another": {Token: func(_ *fakes.Provider, h, c map[string]any) string { return other.Sign(h, c) }},
		"claims changed after signing": {Token: func(p *fakes.Provider, h, c map[string]any) string {
			signature := p.Sign(h, c)[strings.LastIndexByte(p.Sign(h, c), '.'):]
			c["sub"] = "admin"
			return fakes.SigningInput(h, c) + signature
		}},
		"no signature":           {Token: func(_ *fakes.Provider, h, c map[string]any) string { return fakes.SigningInput(h, c) }},
		"no ID token":            {Token: func(*fakes.Provider, map[string]any, map[string]any) string { return "" }},
		"many dots":              {Token: func(*fakes.Provider, map[string]any, map[string]any) string { return strings.Repeat(".", 5000) }},
		"answer of another":      {ISS: &foreign},
		"answer without iss":     {ISS: &none},
		"error of another":       {ISS: &foreign, Error: "access_denied"},
		"userinfo of another":    {UserInfo: map[string]any{"sub": "u2", "name": "Eve"}},
		"userinfo without a sub": {UserInfo: map[string]any{"name": "Eve"}},
	} {
		b.Person = map[string]any{"sub": "u1"}
		p.Set(b)
		if got, err := p.signIn(nil); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	p.Set(fakes.Behaviour{Person: map[string]any{"sub": "u1"}, Header: set("typ", "JWT")})
	if _, err := p.signIn(nil); err != nil {
		t.Errorf("control: %v", err)
	}
}

// A code is good for one answer, and for who has asked.
func TestCodes(t *testing.T) {
	p := newPair(t)
	a := p.ask(nil)
	answer := p.answer(a)
	thief := a
	thief.Verifier = strings.Repeat("w", 43)
	if _, err := p.party.Finish(t.Context(), p.idp, thief, answer); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("without the verifier: %v", err)
	}
	answer = p.answer(a)
	if _, err := p.party.Finish(t.Context(), p.idp, a, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := p.party.Finish(t.Context(), p.idp, a, answer); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("twice: %v", err)
	}
	answer.Add("code", "another")
	if _, err := p.party.Finish(t.Context(), p.idp, a, answer); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("two codes: %v", err)
	}
}

func TestFreshness(t *testing.T) {
	p := newPair(t)
	for name, c := range map[string]struct {
		maxAge time.Duration
		auth   any
		want   error
	}{
		"just now":            {0, p.clock.Now().Unix(), nil},
		"before":              {0, p.clock.Now().Add(-time.Minute).Unix(), upstream.ErrStale},
		"it does not say":     {0, nil, upstream.ErrStale},
		"young enough":        {5 * time.Minute, p.clock.Now().Add(-4 * time.Minute).Unix(), nil},
		"too old":             {5 * time.Minute, p.clock.Now().Add(-6 * time.Minute).Unix(), upstream.ErrStale},
		"nor with an old age": {time.Hour, nil, upstream.ErrStale},
	} {
		person := map[string]any{"sub": "u1"}
		if c.auth != nil {
			person["auth_time"] = c.auth
		}
		p.Set(fakes.Behaviour{Person: person})
		if _, err := p.signIn(func(a *upstream.Ask) { a.MaxAge = &c.maxAge }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if q := p.Asked()[len(p.Asked())-1]; q.Get("max_age") == "" {
			t.Errorf("%s: max_age was not asked for", name)
		}
	}
}

func TestDeclined(t *testing.T) {
	p := newPair(t)
	p.Set(fakes.Behaviour{Error: "access_denied"})
	_, err := p.signIn(nil)
	if declined := (*upstream.DeclinedError)(nil); !errors.As(err, &declined) || declined.Code != "access_denied" {
		t.Error(err)
	}
}

// F23: what is published is remembered; a key that is not known is looked for once a
// minute at most; who is down is down, and is asked again.
func TestRemembered(t *testing.T) {
	p := newPair(t)
	person := map[string]any{"sub": "u1"}
	ok := func(what string, want error) {
		t.Helper()
		if _, err := p.signIn(nil); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ok("first", nil)
	ok("second", nil)
	if d, k := p.Calls("/.well-known/openid-configuration"), p.Calls("/jwks"); d != 1 || k != 1 {
		t.Errorf("%d discoveries, %d key sets", d, k)
	}
	p.Rotate("k2")
	ok("a new key at once", upstream.ErrRefused)
	ok("and again", upstream.ErrRefused)
	if k := p.Calls("/jwks"); k != 1 {
		t.Errorf("%d key sets", k)
	}
	p.clock.Advance(time.Minute)
	ok("a minute later", nil)
	p.clock.Advance(2 * time.Hour)
	p.Set(fakes.Behaviour{Down: true})
	if _, err := p.party.Begin(t.Context(), p.idp, p.ask(nil)); !errors.Is(err, upstream.ErrDown) {
		t.Errorf("down: %v", err)
	}
	p.Set(fakes.Behaviour{Person: person})
	ok("up again", nil)
}

func TestDiscoveryOfAnother(t *testing.T) {
	p := newPair(t)
	p.Issuer += "/else"
	if _, err := p.party.Begin(t.Context(), p.idp, p.ask(nil)); !errors.Is(err, upstream.ErrDown) {
		t.Error(err)
	}
}

package fakes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Provider is another OpenID Provider, strict about what its clients must send. Whoever
// comes to it is signed in already. Serve it at Issuer.
type Provider struct {
	Issuer                 string
	ClientID, ClientSecret string
	Now                    func() time.Time

	// What the next answers say; change them by Set.
	Behaviour

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	kid   string
	codes map[string]url.Values // by code: what was asked
	asked []url.Values
	calls map[string]int
}

// Behaviour is how a Provider answers.
type Behaviour struct {
	Person   map[string]any                                // claims of whoever signs in, sub among them
	UserInfo map[string]any                                // claims that userinfo tells; nil: sub alone
	Error    string                                        // answers the browser with an error
	ISS      *string                                       // iss of the answer; nil: the issuer, empty: none
	Down     bool                                          // answers everything with 503
	Header   func(h map[string]any)                        // changes the header of ID tokens
	Claims   func(c map[string]any)                        // changes their claims
	Token    func(p *Provider, h, c map[string]any) string // makes them; nil: Sign
}

// NewProvider makes one with a key of its own.
func NewProvider(issuer, clientID, clientSecret string, now func() time.Time) *Provider {
	p := &Provider{Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, Now: now, codes: map[string]url.Values{}, calls: map[string]int{}}
	p.Rotate("k1")
	return p
}

// Rotate takes another key into use, and no longer publishes the one before.
func (p *Provider) Rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("fakes: key: " + err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, kid
}

// Set changes how it answers from now on.
func (p *Provider) Set(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Behaviour = b
}

// Asked lists the authorization requests so far.
func (p *Provider) Asked() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Calls counts the requests to a path.
func (p *Provider) Calls(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls[r.URL.Path]++
	b := p.Behaviour
	p.mu.Unlock()
	if b.Down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.discovery(w)
	case "/jwks":
		p.mu.Lock()
		defer p.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": p.kid, "x": b64(p.key.X.FillBytes(make([]byte, 32))), "y": b64(p.key.Y.FillBytes(make([]byte, 32))),
		}}})
	case "/authorize":
		p.authorize(w, r, b)
	case "/token":
		p.token(w, r, b)
	case "/userinfo":
		p.userinfo(w, r, b)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) discovery(w http.ResponseWriter) {
	d := map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/jwks",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "authorization_response_iss_parameter_supported": true, "userinfo_endpoint": p.Issuer + "/userinfo",
	}
	writeJSON(w, http.StatusOK, d)
}

// authorize answers at once, if the request is all that it should be.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request, b Behaviour) {
	q := r.URL.Query()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || q.Get("client_id") != p.ClientID || redirect.Host == "":
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("nonce")) < 22 ||
		len(q.Get("state")) < 22 || !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		http.Error(w, "careless request", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer}}
	if b.ISS != nil {
		answer.Set("iss", *b.ISS)
		if *b.ISS == "" {
			answer.Del("iss")
		}
	}
	if b.Error != "" {
		answer.Set("error", b.Error)
	} else {
		answer.Set("code", rand.Text())
	}
	p.mu.Lock()
	p.asked = append(p.asked, q)
	p.codes[answer.Get("code")] = q
	p.mu.Unlock()
	redirect.RawQuery = answer.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request, b Behaviour) {
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret) // RFC 6749 §2.3.1
	code := r.PostFormValue("code")
	p.mu.Lock()
	q, known := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case r.Method != http.MethodPost || id != p.ClientID || secret != p.ClientSecret:
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	case !known || code == "" || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != q.Get("redirect_uri") || b64(sum[:]) != q.Get("code_challenge"):
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now := p.Now()
	claims := map[string]any{"iss": p.Issuer, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": q.Get("nonce")}
	for name, v := range b.Person {
		claims[name] = v
	}
	p.mu.Lock()
	header := map[string]any{"alg": "ES256", "kid": p.kid}
	p.mu.Unlock()
	if b.Header != nil {
		b.Header(header)
	}
	if b.Claims != nil {
		b.Claims(claims)
	}
	sign := (*Provider).Sign
	if b.Token != nil {
		sign = b.Token
	}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": "access-token", "token_type": "Bearer", "expires_in": 300, "id_token": sign(p, header, claims)})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request, b Behaviour) {
	if r.Header.Get("Authorization") != "Bearer access-token" {
		http.Error(w, "who?", http.StatusUnauthorized)
		return
	}
	if b.UserInfo == nil {
		b.UserInfo = map[string]any{"sub": b.Person["sub"]}
	}
	writeJSON(w, http.StatusOK, b.UserInfo)
}

// Sign makes a token by ES256.
func (p *Provider) Sign(header, claims map[string]any) string {
	p.mu.Lock()
	key := p.key
	p.mu.Unlock()
	text := SigningInput(header, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic("fakes: sign: " + err.Error())
	}
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// SigningInput is a token without its signature.
func SigningInput(header, claims map[string]any) string {
	h, err1 := json.Marshal(header)
	c, err2 := json.Marshal(claims)
	if err1 != nil || err2 != nil {
		panic("fakes: token cannot be written")
	}
	return b64(h) + "." + b64(c)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

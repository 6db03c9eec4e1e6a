package demo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// op is a provider that asks nobody anything: it answers each request at once,
// as a sign-in with the claims it is told. What it is told to spoil, it spoils.
type op struct {
	*httptest.Server
	t      *testing.T
	signer jose.Signer
	key    jose.JSONWebKey
	secret string // of each client

	mu       sync.Mutex
	requests map[string]url.Values // by code
	last     url.Values            // the authorization request before
	claims   map[string]any        // laid over those of the next ID token
	userinfo map[string]any
	answer   url.Values // laid over the next authorization response
	tokenErr string     // error of the token endpoint
	ended    url.Values // the sign-out before
}

func newOP(t *testing.T, secret string) *op {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "1", Algorithm: "ES256", Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &op{t: t, signer: signer, key: key.Public(), secret: secret, requests: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /t/{tenant}/.well-known/openid-configuration", o.discovery)
	mux.HandleFunc("GET /t/{tenant}/authorize", o.authorize)
	mux.HandleFunc("POST /t/{tenant}/token", o.token)
	mux.HandleFunc("GET /t/{tenant}/userinfo", o.info)
	mux.HandleFunc("GET /t/{tenant}/keys", func(w http.ResponseWriter, _ *http.Request) {
		o.json(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{o.key}})
	})
	mux.HandleFunc("GET /t/{tenant}/end_session", func(w http.ResponseWriter, r *http.Request) {
		o.ended = r.URL.Query()
		http.Redirect(w, r, o.ended.Get("post_logout_redirect_uri")+"?state="+url.QueryEscape(o.ended.Get("state")), http.StatusSeeOther)
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

func (o *op) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		o.t.Error(err)
	}
}

func (o *op) issuer(r *http.Request) string { return o.URL + "/t/" + r.PathValue("tenant") }

func (o *op) discovery(w http.ResponseWriter, r *http.Request) {
	iss := o.issuer(r)
	o.json(w, http.StatusOK, map[string]any{
		"issuer": iss, "authorization_endpoint": iss + "/authorize", "token_endpoint": iss + "/token", "userinfo_endpoint": iss + "/userinfo",
		"jwks_uri": iss + "/keys", "end_session_endpoint": iss + "/end_session", "id_token_signing_alg_values_supported": []string{"ES256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (o *op) authorize(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := r.URL.Query()
	o.last = q
	code := rand.Text()
	o.requests[code] = q
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {o.issuer(r)}}
	for k, v := range o.answer {
		if answer[k] = v; len(v) == 0 {
			delete(answer, k)
		}
	}
	o.answer = nil
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

func (o *op) token(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if o.tokenErr != "" || secret != o.secret {
		o.json(w, http.StatusBadRequest, map[string]string{"error": o.tokenErr, "error_description": "as told <b>", "hidden": "must not show"})
		return
	}
	access := rand.Text()
	hash := sha256.Sum256([]byte(access))
	c := map[string]any{
		"iss": o.issuer(r), "sub": "u-1", "aud": id, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "auth_time": time.Now().Unix(),
		"sid": "s-1", "acr": "urn:twofold:acr:2fa", "amr": []string{"pwd", "email", "mca", "mfa"}, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if r.PostFormValue("grant_type") == "authorization_code" {
		asked, known := o.requests[r.PostFormValue("code")]
		delete(o.requests, r.PostFormValue("code"))
		proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !known || base64.RawURLEncoding.EncodeToString(proof[:]) != asked.Get("code_challenge") || asked.Get("code_challenge_method") != "S256" {
			o.json(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		c["nonce"] = asked.Get("nonce")
	}
	for k, v := range o.claims {
		c[k] = v
	}
	o.json(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": 300, "refresh_token": rand.Text(), "scope": "openid profile", "id_token": o.sign(c),
	})
}

func (o *op) sign(c map[string]any) string {
	b, err := json.Marshal(c)
	if err != nil {
		o.t.Error(err)
		return ""
	}
	jws, err := o.signer.Sign(b)
	if err != nil {
		o.t.Error(err)
		return ""
	}
	s, err := jws.CompactSerialize()
	if err != nil {
		o.t.Error(err)
	}
	return s
}

func (o *op) info(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") || o.userinfo == nil {
		o.json(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	o.json(w, http.StatusOK, o.userinfo)
}

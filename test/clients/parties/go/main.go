// Command go is a relying party made of go-oidc and golang.org/x/oauth2 as their own
// examples are: / signs in and answers with the claims of the ID token, /?acr=… asks for
// that strength if the session of this app has less, and /?prompt=none asks anew.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type app struct {
	verifier   *oidc.IDTokenVerifier
	oauth      *oauth2.Config
	endSession string
	home       string

	mu       sync.Mutex
	begun    map[string]attempt // by state
	sessions map[string]session // by cookie
}

// attempt is what an answer must be held against.
type attempt struct{ nonce, pkce, acr string }

type session struct {
	idToken string
	claims  map[string]any
}

const cookie = "__Host-go-party"

func main() {
	issuer := flag.String("issuer", "", "the issuer")
	home := flag.String("home", "", "the address of this app")
	listen := flag.String("listen", "", "where it listens")
	secret := flag.String("secret", "", "the secret of the app ledger")
	cert := flag.String("cert", "", "its certificate")
	key := flag.String("key", "", "the certificate's key")
	flag.Parse()
	log.Fatal(run(*issuer, *home, *listen, *secret, *cert, *key))
}

func run(issuer, home, listen, secret, cert, key string) error {
	a, err := newApp(issuer, home, secret)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.show)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /signout", a.signOut)
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"bye": true}) })
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ServeTLS(l, cert, key)
}

func newApp(issuer, home, secret string) (*app, error) {
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	return &app{
		verifier: provider.Verifier(&oidc.Config{ClientID: "ledger"}),
		oauth: &oauth2.Config{
			ClientID: "ledger", ClientSecret: secret, Endpoint: provider.Endpoint(),
			RedirectURL: home + "callback", Scopes: []string{oidc.ScopeOpenID, "profile"},
		},
		endSession: more.EndSession, home: home,
		begun: map[string]attempt{}, sessions: map[string]session{},
	}, nil
}

// show answers with the claims, after a sign-in if there are none of that strength.
func (a *app) show(w http.ResponseWriter, r *http.Request) {
	acr, prompt := r.FormValue("acr"), r.FormValue("prompt")
	s, ok := a.session(r)
	if ok && prompt == "" && (acr == "" || s.claims["acr"] == acr) {
		answer(w, s.claims)
		return
	}
	try := attempt{nonce: rand.Text(), pkce: oauth2.GenerateVerifier(), acr: acr}
	state := rand.Text()
	a.mu.Lock()
	a.begun[state] = try
	a.mu.Unlock()
	extra := []oauth2.AuthCodeOption{oidc.Nonce(try.nonce), oauth2.S256ChallengeOption(try.pkce)}
	if acr != "" {
		extra = append(extra, oauth2.SetAuthURLParam("acr_values", acr))
	}
	if prompt != "" {
		extra = append(extra, oauth2.SetAuthURLParam("prompt", prompt))
	}
	http.Redirect(w, r, a.oauth.AuthCodeURL(state, extra...), http.StatusFound)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	try, ok := a.begun[r.FormValue("state")]
	delete(a.begun, r.FormValue("state"))
	a.mu.Unlock()
	if !ok {
		http.Error(w, "unknown state", http.StatusBadRequest)
		return
	}
	if refused := r.FormValue("error"); refused != "" {
		answer(w, map[string]any{"error": refused})
		return
	}
	s, err := a.redeem(r, try)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	id := rand.Text()
	a.mu.Lock()
	a.sessions[id] = s
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, a.home, http.StatusSeeOther)
}

func (a *app) redeem(r *http.Request, try attempt) (session, error) {
	token, err := a.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(try.pkce))
	if err != nil {
		return session{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := a.verifier.Verify(r.Context(), raw)
	if err != nil {
		return session{}, err
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return session{}, err
	}
	s := session{idToken: raw, claims: map[string]any{}}
	if err := idToken.Claims(&s.claims); err != nil {
		return session{}, err
	}
	if idToken.Nonce != try.nonce || (try.acr != "" && s.claims["acr"] != try.acr) {
		return session{}, fmt.Errorf("not what was asked for: %v", s.claims)
	}
	return s, nil
}

// signOut forgets the session and ends that of the provider (RP-Initiated Logout 1.0 §2).
func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	s, _ := a.session(r)
	if c, err := r.Cookie(cookie); err == nil {
		a.mu.Lock()
		delete(a.sessions, c.Value)
		a.mu.Unlock()
	}
	q := fmt.Sprintf("?id_token_hint=%s&post_logout_redirect_uri=%sbye", s.idToken, a.home)
	http.Redirect(w, r, a.endSession+q, http.StatusSeeOther)
}

func (a *app) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return session{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.sessions[c.Value]
	return s, ok
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

package demo

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"twofold/ui"
)

// ask is what a sign-in asks beyond who somebody is.
type ask string

// What can be asked.
const (
	askNothing  ask = ""
	askStronger ask = "stronger" // acr_values
	askFresh    ask = "fresh"    // prompt=login
)

// clockSkew is how far the provider's clock may be behind when it says that
// somebody signed in after being asked to.
const clockSkew = 5 * time.Second

// login is somebody signed in at one place. It is replaced as a whole.
type login struct {
	idToken  string // as received, for id_token_hint
	claims   claims
	called   string // display name
	token    *oauth2.Token
	received time.Time
	note     *ui.Notice // what the last sign-in brought, in words
}

// signIn sends the browser to the provider: authorization code with PKCE, state
// and nonce (RFC 9700 §2.1.1, OpenID Connect Core §3.1.2.1).
func (a *app) signIn(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	found, err := a.providers.get(r.Context(), at.tenant.Issuer)
	if err != nil {
		return unreachable(at, err)
	}
	p := pending{tenant: at.tenant, client: at.client, ask: ask(r.URL.Query().Get("ask")), at: a.now()}
	state, err := token(a.rand)
	if err == nil {
		p.nonce, err = token(a.rand)
	}
	if err == nil {
		p.proof, err = token(a.rand)
	}
	if err != nil {
		return err
	}
	if err := a.sessions.change(w, r, func(s *session) { s.begin(state, p) }); err != nil {
		return err
	}
	http.Redirect(w, r, found.oauth(at.client).AuthCodeURL(state, p.parameters()...), http.StatusSeeOther)
	return nil
}

func (p pending) parameters() []oauth2.AuthCodeOption {
	out := []oauth2.AuthCodeOption{oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.proof)}
	switch p.ask {
	case askStronger:
		out = append(out, oauth2.SetAuthURLParam("acr_values", acrAAL2))
	case askFresh:
		out = append(out, oauth2.SetAuthURLParam("prompt", "login"))
	case askNothing:
	}
	return out
}

// callback takes the provider's answer. It is believed only when it comes back to
// the browser that asked, from the issuer that was asked.
func (a *app) callback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(q[name]) > 1 { // RFC 6749 §3.1
			return errForeign
		}
	}
	var p pending
	var known bool
	a.sessions.look(r, func(s *session) { p, known = s.take(q.Get("state"), a.now()) })
	if !known {
		return errForeign
	}
	at := place{p.tenant, p.client}
	found, err := a.providers.get(r.Context(), p.tenant.Issuer)
	if err != nil {
		return unreachable(at, err)
	}
	if iss := q.Get("iss"); iss != p.tenant.Issuer && (iss != "" || found.SaysIssuer) { // RFC 9207 §2.4
		return refused(at, "The answer came from another issuer", fmt.Errorf("demo: asked %s, answered by %q", p.tenant.Issuer, iss))
	}
	if code := q.Get("error"); code != "" {
		return declined(at, code, q.Get("error_description"))
	}
	l, err := a.redeem(r.Context(), found, p, q.Get("code"))
	if err != nil {
		return err
	}
	l.called = a.displayName(r.Context(), at, l)
	err = a.sessions.renew(w, r, func(s *session) {
		l.note = noted(p.ask, s.before(at, l), l)
		s.logins[at.slot()] = l
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, at.path(), http.StatusSeeOther)
	return nil
}

// redeem changes the code for tokens and checks all that a client must (Core
// §3.1.3.5 and §3.1.3.7).
func (a *app) redeem(ctx context.Context, found *provider, p pending, code string) (login, error) {
	at := place{p.tenant, p.client}
	ctx = a.providers.context(ctx)
	tok, err := found.oauth(p.client).Exchange(ctx, code, oauth2.VerifierOption(p.proof))
	if err != nil {
		return login{}, notExchanged(at, err)
	}
	l, err := a.verify(ctx, found, p.client, tok)
	if err != nil {
		return login{}, refused(at, "The ID token was not accepted", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(l.claims.text("nonce")), []byte(p.nonce)) != 1:
		err = errors.New("demo: the nonce is not the one that was sent")
	case p.ask == askFresh && l.claims.time("auth_time").Before(p.at.Truncate(time.Second).Add(-clockSkew)):
		err = errors.New("demo: auth_time lies before the fresh sign-in that was asked for")
	}
	if err != nil {
		return login{}, refused(at, "The ID token was not accepted", err)
	}
	return l, nil
}

// verify checks what is true of every ID token, at sign-in and at refresh:
// signature, issuer, audience and time by go-oidc, the rest here.
func (a *app) verify(ctx context.Context, found *provider, c Client, tok *oauth2.Token) (login, error) {
	raw, ok := tok.Extra("id_token").(string)
	if !ok {
		return login{}, errors.New("demo: the answer holds no ID token")
	}
	idToken, err := found.Verifier(&oidc.Config{ClientID: c.ClientID, Now: a.now}).Verify(ctx, raw)
	if err != nil {
		return login{}, fmt.Errorf("demo: verify ID token: %w", err)
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(tok.AccessToken); err != nil {
			return login{}, fmt.Errorf("demo: verify at_hash: %w", err)
		}
	}
	l := login{idToken: raw, token: tok, received: a.now()}
	if err := idToken.Claims(&l.claims); err != nil {
		return login{}, fmt.Errorf("demo: claims: %w", err)
	}
	if azp := l.claims.text("azp"); azp != "" && azp != c.ClientID || azp == "" && len(idToken.Audience) > 1 {
		return login{}, errors.New("demo: the ID token was made for another app (azp)")
	}
	if l.claims.text("sub") == "" {
		return login{}, errors.New("demo: the ID token names nobody")
	}
	return l, nil
}

// displayName is what to call somebody. Names are in the ID token only if the app
// is set up so; userinfo has them always.
func (a *app) displayName(ctx context.Context, at place, l login) string {
	info, err := a.userinfo(ctx, at, l)
	if err != nil {
		a.log.WarnContext(ctx, "demo userinfo failed", "error", err)
	}
	for _, c := range []claims{l.claims, info} {
		for _, name := range []string{"name", "preferred_username", "email"} {
			if s := c.text(name); s != "" {
				return s
			}
		}
	}
	return l.claims.text("sub")
}

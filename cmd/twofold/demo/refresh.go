package demo

import (
	"errors"
	"net/http"

	"golang.org/x/oauth2"

	"twofold/ui"
)

// refresh changes the refresh token for new tokens. A new ID token must speak of
// the same sign-in (Core §12.2).
func (a *app) refresh(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	var l login
	a.sessions.look(r, func(s *session) { l = s.logins[at.slot()] })
	if l.token == nil || l.token.RefreshToken == "" {
		http.Redirect(w, r, at.path(), http.StatusSeeOther) //nolint:gosec // a door of the demo's own
		return nil
	}
	found, err := a.providers.get(r.Context(), at.tenant.Issuer)
	if err != nil {
		return unreachable(at, err)
	}
	ctx := a.providers.context(r.Context())
	tok, err := found.oauth(at.client).TokenSource(ctx, &oauth2.Token{RefreshToken: l.token.RefreshToken}).Token()
	if err != nil {
		return notRefreshed(at, err)
	}
	fresh := login{idToken: l.idToken, claims: l.claims, token: tok, received: a.now()}
	if tok.Extra("id_token") != nil {
		if fresh, err = a.verify(ctx, found, at.client, tok); err == nil {
			err = sameSignIn(l.claims, fresh.claims)
		}
		if err != nil {
			return refused(at, "The refreshed ID token was not accepted", err)
		}
	}
	fresh.called = l.called
	fresh.note = &ui.Notice{Kind: ui.Good, Text: "Refreshed: there are new tokens for the same sign-in, and the refresh token before is spent."}
	if tok.RefreshToken == l.token.RefreshToken {
		fresh.note.Text = "Refreshed: there are new tokens for the same sign-in."
	}
	a.sessions.look(r, func(s *session) {
		if _, still := s.logins[at.slot()]; still { // not signed out meanwhile
			s.logins[at.slot()] = fresh
		}
	})
	http.Redirect(w, r, at.path(), http.StatusSeeOther) //nolint:gosec // a door of the demo's own
	return nil
}

func sameSignIn(old, fresh claims) error {
	for _, name := range []string{"iss", "sub"} {
		if fresh.text(name) != old.text(name) {
			return errors.New("demo: the refreshed ID token differs in " + name)
		}
	}
	if !fresh.time("auth_time").Equal(old.time("auth_time")) && len(fresh["auth_time"]) > 0 {
		return errors.New("demo: the refreshed ID token differs in auth_time")
	}
	if n := fresh.text("nonce"); n != "" && n != old.text("nonce") {
		return errors.New("demo: the refreshed ID token differs in nonce")
	}
	return nil
}

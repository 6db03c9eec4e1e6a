package demo

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"twofold/ui"
)

// userinfoWait is how long a page waits for userinfo.
const userinfoWait = 5 * time.Second

// signedIn shows who somebody is at a place, and what the provider says of it.
func (a *app) signedIn(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	l, in := a.login(r, at)
	if !in {
		http.Redirect(w, r, pathHome, http.StatusSeeOther)
		return nil
	}
	now := a.now()
	page := at.page()
	page.Notice = l.note
	v := accountView{
		frame: frame{Page: page, Here: hereApps},
		Place: at.name(), Name: l.called, URL: at.path(), Refresh: l.token.RefreshToken != "",
		Summary: summary(l, now),
		Claims:  claimTable("Claims of the ID token", l.claims, now),
		Access:  access(l, now),
	}
	info, err := a.userinfo(r.Context(), at, l)
	if err != nil {
		a.log.WarnContext(r.Context(), "demo userinfo failed", "error", err)
		v.UserinfoProblem = "The provider no longer answers for this access token. The session may have ended there, or the provider cannot be reached. Sign in again."
	} else {
		v.Userinfo = claimTable("Answer of userinfo", info, now)
	}
	a.ui.Render(w, r, http.StatusOK, v)
	return nil
}

func (a *app) login(r *http.Request, at place) (l login, in bool) {
	a.sessions.look(r, func(s *session) { l, in = s.logins[at.slot()] })
	return l, in
}

// userinfo asks the provider with the access token. Its subject must be the one of
// the ID token (Core §5.3.2).
func (a *app) userinfo(ctx context.Context, at place, l login) (claims, error) {
	ctx, cancel := context.WithTimeout(a.providers.context(ctx), userinfoWait)
	defer cancel()
	found, err := a.providers.get(ctx, at.tenant.Issuer)
	if err != nil {
		return nil, err
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(l.token))
	if err != nil {
		return nil, err
	}
	if info.Subject != l.claims.text("sub") {
		return nil, errors.New("demo: userinfo speaks of somebody else")
	}
	var c claims
	return c, info.Claims(&c)
}

// refresh changes the refresh token for new tokens. A new ID token must speak of
// the same sign-in (Core §12.2).
func (a *app) refresh(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	l, in := a.login(r, at)
	if !in || l.token.RefreshToken == "" {
		http.Redirect(w, r, at.path(), http.StatusSeeOther)
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
	http.Redirect(w, r, at.path(), http.StatusSeeOther)
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

// signOut ends the sign-in here and asks the provider to end its session (RP-Initiated
// Logout 1.0 §2).
func (a *app) signOut(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	state, err := token(a.rand)
	if err != nil {
		return err
	}
	var l login
	var in bool
	a.sessions.look(r, func(s *session) { l, in = s.leave(state, at.slot()) })
	if !in {
		http.Redirect(w, r, pathHome, http.StatusSeeOther)
		return nil
	}
	found, err := a.providers.get(r.Context(), at.tenant.Issuer)
	if err != nil || found.EndSession == "" {
		a.log.WarnContext(r.Context(), "demo signs out alone", "error", err)
		http.Redirect(w, r, pathSignedOut, http.StatusSeeOther)
		return nil
	}
	q := url.Values{
		"id_token_hint": {l.idToken}, "client_id": {at.client.ClientID},
		"post_logout_redirect_uri": {at.client.SignedOutURI}, "state": {state},
	}
	http.Redirect(w, r, found.EndSession+"?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// signedOut is where the provider sends the browser after a sign-out.
func (a *app) signedOut(w http.ResponseWriter, r *http.Request) error {
	v := messageView{
		frame:   frame{Page: ui.Page{Realm: ui.Brand{Name: "Twofold demo"}}, Here: hereApps},
		Heading: "You are signed out of the app", Text: "The provider has not confirmed that its session has ended too.",
		Actions: []ui.Link{{Text: "Back to all apps", URL: pathHome}},
	}
	a.sessions.look(r, func(s *session) {
		slot, known := s.left[r.URL.Query().Get("state")]
		if !known {
			return
		}
		delete(s.left, r.URL.Query().Get("state"))
		for _, t := range a.facts.Tenants {
			for _, p := range a.places(t) {
				if p.slot() == slot {
					v.Page = p.page()
					v.Heading, v.Text = "You are signed out of "+p.name(), "The session at "+t.Title+" has ended as well, so the next sign-in asks for everything again."
					v.Actions = append([]ui.Link{{Text: "Sign in again", URL: p.path() + "/sign-in"}}, v.Actions...)
				}
			}
		}
	})
	a.ui.Render(w, r, http.StatusOK, v)
	return nil
}

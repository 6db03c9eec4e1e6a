package demo

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// userinfoWait is how long a page waits for userinfo.
const userinfoWait = 5 * time.Second

// signedIn shows who somebody is at a place, and what the provider says of it.
func (a *app) signedIn(w http.ResponseWriter, r *http.Request) error {
	at, err := a.place(r)
	if err != nil {
		return err
	}
	var l login
	var in bool
	a.sessions.look(r, func(s *session) { l, in = s.read(at) })
	if !in {
		http.Redirect(w, r, pathHome, http.StatusSeeOther)
		return nil
	}
	now := a.now()
	page := at.page()
	page.Notice = l.note
	v := accountView{
		frame: frame{Page: page, Here: hereApps},
		Place: at.name(), Name: l.called, URL: at.path(), Actions: actions(at, l),
		Summary: summary(l, now),
		Claims:  claimRows(l.claims, now),
		Access:  access(l, now),
	}
	info, err := a.userinfo(r.Context(), at, l)
	if err != nil {
		a.log.WarnContext(r.Context(), "demo userinfo failed", "error", err)
		v.UserinfoProblem = "The provider no longer answers for this access token. The session may have ended there, or the provider cannot be reached. Sign in again."
	} else {
		v.Userinfo = claimRows(info, now)
	}
	a.ui.Render(w, r, http.StatusOK, v)
	return nil
}

// actions are what can be tried with a sign-in.
func actions(at place, l login) []action {
	out := []action{
		{Text: "Sign in again", Detail: "Single sign-on: a new ID token, and nothing to answer.", URL: at.path() + "/sign-in"},
		{Text: "Ask for a stronger sign-in", Detail: "Step-up by acr_values: only what is missing is asked for.", URL: at.path() + "/sign-in?ask=" + string(askStronger)},
		{Text: "Force a fresh sign-in", Detail: "prompt=login: everything is asked for again.", URL: at.path() + "/sign-in?ask=" + string(askFresh)},
	}
	if l.token.RefreshToken != "" {
		out = append(out, action{Text: "Refresh", Detail: "New tokens for the refresh token. The browser does not leave.", URL: at.path() + "/refresh", Post: true})
	}
	return out
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

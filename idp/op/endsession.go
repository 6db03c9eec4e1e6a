package op

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"twofold/internal/problem"
	"twofold/tenants"
)

// EndSessionRequest is a valid request to sign out that came from an app
// (RP-Initiated Logout §2). Without a hint that fits the browser's session the
// user must be asked first: anybody can send a browser here.
type EndSessionRequest struct {
	ClientApp             *tenants.ClientApp // nil: the request names none
	HintUserID            string             // from the id_token_hint; empty: no hint
	HintSessionID         string
	PostLogoutRedirectURI string // registered; empty: stay here
	State                 string
	UILocales             []string
}

// RedirectURL is where the browser goes afterwards, empty if nowhere.
func (e EndSessionRequest) RedirectURL() string {
	if e.PostLogoutRedirectURI == "" || e.State == "" {
		return e.PostLogoutRedirectURI
	}
	return e.PostLogoutRedirectURI + separator(e.PostLogoutRedirectURI) + "state=" + url.QueryEscape(e.State)
}

var (
	errLogoutUnreadable = problem.New(problem.Invalid, "request_unreadable", "The app sent a request to sign out that cannot be read.")
	errLogoutHint       = problem.New(problem.Invalid, "hint_unknown", "The app's request to sign out does not belong to this sign-in service.")
	errLogoutClient     = problem.New(problem.Invalid, "client_unknown", "The app that wants to sign you out is not known.")
	errLogoutRedirect   = problem.New(problem.Invalid, "redirect_unknown",
		"The app that wants to sign you out named an address to go to that is not registered for it.")
)

// EndSession validates a request to sign out, by GET or POST. It ends nothing:
// that is for package idp, once it is sure. An error is shown as a page.
func (p *Provider) EndSession(ctx context.Context, r *http.Request) (EndSessionRequest, error) {
	ps, ok := browserParams(r)
	if !ok || ps.fault() != "" {
		return EndSessionRequest{}, errLogoutUnreadable
	}
	out := EndSessionRequest{State: ps.get("state"), UILocales: words(ps.get("ui_locales"))}
	clientID := ps.get("client_id")
	if hint := ps.get("id_token_hint"); hint != "" {
		claims, err := p.idTokenHint(ctx, hint)
		if errors.Is(err, errKeyUnknown) {
			// Its key was revoked, say. It proves nothing any more, so the user is asked.
			return out, p.endSessionClient(ctx, &out, clientID, ps.get("post_logout_redirect_uri"))
		}
		if isTokenError(err) || err == nil && clientID != "" && claims.Audience[0] != clientID {
			return EndSessionRequest{}, errLogoutHint
		}
		if err != nil {
			return EndSessionRequest{}, err
		}
		out.HintUserID, out.HintSessionID, clientID = claims.Subject, claims.SessionID, claims.Audience[0]
	}
	return out, p.endSessionClient(ctx, &out, clientID, ps.get("post_logout_redirect_uri"))
}

// endSessionClient finds the app and checks the address against its list. An app
// that is gone matters only if there is an address to check.
func (p *Provider) endSessionClient(ctx context.Context, out *EndSessionRequest, clientID, uri string) error {
	if clientID == "" {
		if uri != "" {
			return errLogoutClient
		}
		return nil
	}
	app, err := p.clientApp(ctx, clientID)
	switch {
	case problem.Is(err, problem.NotFound) && uri == "" && out.HintUserID != "":
		return nil
	case problem.Is(err, problem.NotFound):
		return errLogoutClient
	case err != nil:
		return err
	}
	out.ClientApp = &app
	if uri != "" && !redirectAllowed(app, app.PostLogoutRedirectURIs, uri) {
		return errLogoutRedirect
	}
	out.PostLogoutRedirectURI = uri
	return nil
}

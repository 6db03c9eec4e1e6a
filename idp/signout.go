package idp

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"twofold/idp/op"
	"twofold/internal/problem"
	"twofold/ui"
)

// sessionCookieLife outlasts any session: the row decides, not the cookie.
const sessionCookieLife = 90 * 24 * time.Hour

// endSession signs out (OpenID Connect RP-Initiated Logout 1.0). Only a hint that
// names this browser's own session ends it at once; anything else asks first, or
// any site could sign people out.
func (s *IDP) endSession(w http.ResponseWriter, r *http.Request) error {
	ours := r.Method == http.MethodPost && r.PostFormValue(ui.FieldDo) != ""
	if !ours && s.viaGet(w, r) {
		return nil
	}
	ask := r
	if ours {
		// Our own form repeats the request's parameters in its address.
		ask = r.Clone(r.Context())
		ask.Method = http.MethodGet
	}
	es, err := s.Provider.EndSession(r.Context(), ask)
	if err != nil {
		return err
	}
	// All of them: signing out must not leave the one that a sibling host has hidden.
	// One that rests ends too: its apps hold on to it.
	all, live, err := s.toEnd(r)
	if err != nil {
		return err
	}
	confirmed := false
	if ours {
		if err := s.cross.Check(r); err != nil {
			return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
		}
		if one(r, ui.FieldDo) == ui.DoStay {
			s.UI.Render(w, r, http.StatusOK, ui.SignedIn{Page: s.chrome(r, appTitle(es))})
			return nil
		}
		confirmed = true
	}
	switch {
	case len(all) == 0:
	case confirmed, len(all) == 1 && es.HintSessionID == all[0].ID:
		for _, row := range all {
			if err := s.end(r.Context(), &row, "signed out"); err != nil {
				return err
			}
		}
		s.dropCookie(w, r, sessionCookie())
		s.dropSignOnCookie(w, r)
		s.Observe("signed_out")
	case len(live) == 0: // nobody is signed in here, and there is nothing to ask
	default:
		return s.confirmSignOut(w, r, es, &live[0])
	}
	if to := es.RedirectURL(); to != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // registered for the app, see EndSession
		return nil
	}
	s.UI.Render(w, r, http.StatusOK, ui.SignedOut{Page: s.chrome(r, appTitle(es)), AgainURL: path(r, "/account")})
	return nil
}

// toEnd are the sessions that signing out ends, and those of them by which somebody is
// signed in. Where nobody is by one of this tenant, it is the one that another one lends:
// otherwise he who has signed out would be back with the next request.
func (s *IDP) toEnd(r *http.Request) (all, live []sessionRow, err error) {
	if all, err = s.sessions(r); err != nil {
		return nil, nil, err
	}
	live = slices.DeleteFunc(slices.Clone(all), func(row sessionRow) bool { return row.rests(s.Now()) })
	if len(live) > 0 {
		return all, live, nil
	}
	lender, err := s.lender(r)
	if err != nil || lender == nil {
		return all, nil, err
	}
	if !slices.ContainsFunc(all, func(row sessionRow) bool { return row.SignOnID == lender.SignOnID }) {
		all = append(all, *lender)
	}
	return all, []sessionRow{*lender}, nil
}

// confirmSignOut asks. The form posts the same parameters once more, so that they
// are validated once more.
func (s *IDP) confirmSignOut(w http.ResponseWriter, r *http.Request, es op.EndSessionRequest, have *sessionRow) error {
	user, err := s.Tenants.User(r.Context(), have.UserID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	q := url.Values{}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"} {
		if v := r.FormValue(name); v != "" {
			q.Set(name, v)
		}
	}
	action := r.URL.Path
	if len(q) > 0 {
		action += "?" + q.Encode()
	}
	page := s.chrome(r, appTitle(es))
	page.FormOrigin = schemeOf(es.PostLogoutRedirectURI)
	s.UI.Render(w, r, http.StatusOK, ui.SignOut{Page: page, Action: action, UserName: user.DisplayName})
	return nil
}

func appTitle(es op.EndSessionRequest) string {
	if es.ClientApp == nil {
		return ""
	}
	return es.ClientApp.Title
}

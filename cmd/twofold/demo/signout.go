package demo

import (
	"net/http"
	"net/url"

	"twofold/ui"
)

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

package demo

import (
	"errors"
	"net/http"

	"golang.org/x/oauth2"

	"twofold/ui"
)

// failure is an error with what to tell the person about it. Its cause is logged
// and never shown.
type failure struct {
	status        int
	heading, text string
	at            place
	facts         []ui.Fact
	cause         error
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return "demo: " + f.heading
}

func (f *failure) Unwrap() error { return f.cause }

var (
	errNoPage = &failure{
		status: http.StatusNotFound, heading: "There is no page here", text: "The address may be mistyped. All apps of the demo are on the first page.",
	}
	// errForeign is for an answer that nobody here asked for: replayed, too late, or
	// slipped in from another browser (RFC 9700 §4.7).
	errForeign = &failure{
		status: http.StatusBadRequest, heading: "This answer belongs to no sign-in that began here",
		text: "It may have been used already, taken longer than an hour, or begun in another browser. Start again from the app.",
	}
)

// fail draws the page of an error.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{status: http.StatusInternalServerError, heading: "Something went wrong in the app", text: "Go back and try again in a moment.", cause: err}
	}
	if f.cause != nil {
		a.log.WarnContext(r.Context(), "demo app refused", "heading", f.heading, "error", loggable(f.cause))
	}
	v := messageView{
		frame:   frame{Page: ui.Page{Realm: ui.Brand{Name: "Twofold demo"}}, Here: hereApps},
		Heading: f.heading, Text: f.text, Facts: f.facts, Failed: true,
		Actions: []ui.Link{{Text: "Back to all apps", URL: pathHome}},
	}
	if f.at.client.Name != "" {
		v.Page = f.at.page()
		v.Actions = append([]ui.Link{{Text: "Sign in to " + f.at.name(), URL: f.at.path() + "/sign-in"}}, v.Actions...)
	}
	a.ui.Render(w, r, f.status, v)
}

// loggable keeps the body of a token response out of logs: it may hold a token.
func loggable(err error) string {
	var re *oauth2.RetrieveError
	if errors.As(err, &re) {
		return "demo: token endpoint: " + re.ErrorCode
	}
	return err.Error()
}

func unreachable(at place, err error) error {
	return &failure{
		status: http.StatusBadGateway, at: at, cause: err, heading: "The provider cannot be reached",
		text:  "It may still be starting. Try again in a moment.",
		facts: []ui.Fact{{Name: "Issuer", Value: at.tenant.Issuer}},
	}
}

// refused is for an answer that did not pass the app's own checks.
func refused(at place, heading string, err error) error {
	return &failure{
		status: http.StatusBadGateway, at: at, cause: err, heading: heading,
		text: "The app checks every answer and has thrown this one away. Nobody is signed in by it. The log of the demo says why.",
	}
}

// declined is an error response of the provider (RFC 6749 §4.1.2.1, Core §3.1.2.6).
func declined(at place, code, description string) error {
	f := &failure{status: http.StatusBadRequest, at: at, heading: "The provider refused the sign-in", facts: oauthFacts(code, description)}
	switch code {
	case "access_denied":
		f.status, f.heading = http.StatusForbidden, "You were not signed in"
		f.text = "You cancelled, or what the sign-in needs cannot be had. Nothing has changed here."
	case "unmet_authentication_requirements":
		f.status, f.heading = http.StatusForbidden, "A sign-in this strong is not possible"
		f.text = "The app asked for more than your second factors here can give. An administrator can assign a stronger one."
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		f.heading, f.text = "The provider would have to ask you something", "The app asked for an answer without any question, and there was one to ask. Sign in again."
	case "temporarily_unavailable", "server_error":
		f.status, f.heading, f.text = http.StatusBadGateway, "The provider has a fault", "Try again in a moment."
	case "invalid_scope", "invalid_request", "unauthorized_client", "unsupported_response_type", "request_not_supported", "request_uri_not_supported":
		f.heading, f.text = "The provider did not accept the app's request", "The app and its registration do not agree. Only whoever runs the app can mend that."
	default:
		f.text = "Its reason is below, in its own words."
	}
	return f
}

// notExchanged is for a code that the token endpoint did not take.
func notExchanged(at place, err error) error {
	f := &failure{
		status: http.StatusBadGateway, at: at, cause: err, heading: "The code could not be changed for tokens",
		text: "The app did not get through to the provider's token endpoint. Try again in a moment.",
	}
	var re *oauth2.RetrieveError
	if errors.As(err, &re) && re.ErrorCode != "" {
		f.facts = oauthFacts(re.ErrorCode, re.ErrorDescription)
		f.text = "The provider refused it. A code holds for a minute and once only. Start again from the app."
	}
	return f
}

// notRefreshed is for a refresh token that was not taken.
func notRefreshed(at place, err error) error {
	f := &failure{
		status: http.StatusBadGateway, at: at, cause: err, heading: "The tokens could not be refreshed",
		text: "The app did not get through to the provider's token endpoint. Try again in a moment.",
	}
	var re *oauth2.RetrieveError
	if errors.As(err, &re) && re.ErrorCode != "" {
		f.facts = oauthFacts(re.ErrorCode, re.ErrorDescription)
		f.text = "The provider takes this refresh token no more: the session has ended there, or the token was used before. Sign in again."
	}
	return f
}

func oauthFacts(code, description string) []ui.Fact {
	out := []ui.Fact{{Name: "Error code", Value: code}}
	if description != "" {
		out = append(out, ui.Fact{Name: "Description", Value: description})
	}
	return out
}

package idp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"twofold/idp/signin"
	"twofold/idp/upstream"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// answerParameters are those of an answer that are looked at.
var answerParameters = []string{"state", "code", "iss", "error"}

// upstreamCallback takes the answer of another provider.
func (s *IDP) upstreamCallback(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return s.callbackByPost(w, r)
	}
	answer := r.URL.Query()
	if len(answer["state"]) != 1 {
		return errSignInOver
	}
	f, err := s.takeFlow(r, answer.Get("state"))
	if err != nil {
		return err
	}
	s.dropCookie(w, r, f.cookie())
	if f.SignInID == "" {
		return s.finishLink(w, r, f, answer)
	}
	return s.finishUpstream(w, onSignIn(r, f.SignInID), f, answer)
}

// callbackByPost sends a browser that brings the answer by form_post here once more by
// GET: SameSite=Lax keeps our cookies from a post of another site, but not from the
// navigation that follows. The code alone is worth nothing without the PKCE verifier.
func (s *IDP) callbackByPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	answer := url.Values{}
	for _, name := range answerParameters {
		if v, ok := r.PostForm[name]; ok {
			answer[name] = v
		}
	}
	query := answer.Encode()
	if len(query) > maxQuery {
		return errSignInOver
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path+"?"+query, http.StatusSeeOther) //nolint:gosec // this very page
	return nil
}

// onSignIn is a request as it would be at the page of a sign-in, for what leads there.
func onSignIn(r *http.Request, signInID string) *http.Request {
	at := r.Clone(r.Context())
	at.URL = &url.URL{Path: path(r, "/signin/"+signInID)}
	vars := maps.Clone(mux.Vars(r))
	vars["id"] = signInID
	return mux.SetURLVars(at, vars)
}

// finishUpstream goes on with a sign-in by what another provider says.
func (s *IDP) finishUpstream(w http.ResponseWriter, r *http.Request, f *flowRow, answer url.Values) error {
	ctx := r.Context()
	var row signInRow
	if err := s.DB.For(ctx).Where("id = ?", f.SignInID).Take(&row).Error; err != nil {
		if db.IsNotFound(err) {
			return errSignInOver
		}
		return fmt.Errorf("idp: load sign-in: %w", err)
	}
	a, err := s.resume(r, row)
	if err != nil {
		return err
	}
	idp, who, err := s.identity(ctx, f, answer)
	if err != nil {
		return s.upstreamFailed(w, r, a, f.IDPID, err)
	}
	user, err := s.userOf(ctx, a, idp, who)
	if err != nil {
		return s.upstreamFailed(w, r, a, f.IDPID, err)
	}
	if a.req.HintUserID != "" && a.req.HintUserID != user.ID {
		resp, err := s.deny(ctx, a, "login_required", "Another user signed in.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	}
	a.is(user)
	a.facts.IDPID, a.facts.Named, a.row.ChallengeID = idp.ID, "", ""
	a.facts = a.facts.Add(s.vouched(a, idp, who))
	err = s.tell(ctx, a, "sign_in.upstream", map[string]any{"idp": idp.ID, "acr": who.ACR, "amr": who.AMR})
	if err != nil {
		return err
	}
	return s.identified(w, r, a)
}

// identity asks the provider who has signed in.
func (s *IDP) identity(ctx context.Context, f *flowRow, answer url.Values) (tenants.IDP, upstream.Identity, error) {
	idp, err := s.Tenants.Upstream(ctx, f.IDPID)
	if err != nil {
		return idp, upstream.Identity{}, err
	}
	var ask upstream.Ask
	s.complete(ctx, f, answer.Get("state"), &ask)
	who, err := s.Upstream.Finish(ctx, idp, ask, answer)
	return idp, who, err
}

// vouched is the proof that another provider's word makes. Its time is when the user
// signed in there, if it says so: what is older than this sign-in stays old.
func (s *IDP) vouched(a *attempt, idp tenants.IDP, who upstream.Identity) signin.Proof {
	now := a.stamp(db.Micros(s.Now()))
	p := signin.Proof{
		Method: signin.Upstream, Strength: signin.Strength(twofactor.Strength1FA), At: now,
		IDPID: idp.ID, SaidACR: who.ACR, SaidAMR: who.AMR, Given: now,
	}
	if !who.AuthTime.IsZero() && who.AuthTime.Before(a.row.CreatedAt.Add(-clockSkew)) {
		p.At = who.AuthTime
	}
	return p
}

// clockSkew is how far another provider's clock may be behind.
const clockSkew = 5 * time.Second

// userOf finds who is vouched for, or makes him an account where the IDP is trusted with
// that. Only (IDP, subject) tells who somebody is.
func (s *IDP) userOf(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (user tenants.User, err error) {
	for range 3 {
		err = s.DB.Tx(ctx, func(ctx context.Context) error {
			user, err = s.userInTx(ctx, a, idp, who)
			return err
		})
		// Somebody was faster: the same person in another tab, or an administrator.
		if !errors.Is(err, tenants.ErrStale) && !errors.Is(err, tenants.ErrLinked) && problem.From(err).Code != "taken" {
			break
		}
	}
	return user, err
}

func (s *IDP) userInTx(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (tenants.User, error) {
	user, err := s.Tenants.UserBySubject(ctx, idp.ID, who.Subject)
	if errors.Is(err, tenants.ErrNoAccount) {
		return s.admit(ctx, a, idp, who)
	}
	if err != nil {
		return user, err
	}
	if !user.Active || user.Kind != tenants.Person {
		return user, tenants.ErrNoAccount // no word of another provider brings him back
	}
	if !idp.UpdateUsers {
		return user, nil
	}
	d, err := s.Tenants.Follow(ctx, idp, user, who.Profile)
	if err != nil || !d.Changed() {
		return user, err
	}
	var fields []string
	for _, f := range d.Fields {
		fields = append(fields, f.Name)
	}
	if user, err = s.Tenants.UserBySubject(ctx, idp.ID, who.Subject); err != nil {
		return user, err
	}
	return user, s.tellUser(ctx, a, user.ID, "user.followed", map[string]any{"idp": idp.ID, "fields": fields})
}

// admit makes an account for a subject that nobody here is linked to.
func (s *IDP) admit(ctx context.Context, a *attempt, idp tenants.IDP, who upstream.Identity) (tenants.User, error) {
	linked, err := s.Tenants.HasSubject(ctx, idp.ID, who.Subject)
	if err != nil {
		return tenants.User{}, err
	}
	if linked { // to somebody who is no member here, or was deleted
		return tenants.User{}, tenants.ErrNoAccount
	}
	if err := s.Tenants.MayAdmit(ctx, who.Profile); err != nil {
		return tenants.User{}, err
	}
	if !idp.CreateUsers {
		return tenants.User{}, tenants.ErrNoAccount
	}
	user, err := s.Tenants.Admit(ctx, idp, who.Subject, who.Profile)
	if err != nil {
		return user, err
	}
	return user, s.tellUser(ctx, a, user.ID, "user.admitted", map[string]any{"idp": idp.ID})
}

// tellUser records an event about a user whom the sign-in does not know yet.
func (s *IDP) tellUser(ctx context.Context, a *attempt, userID, kind string, detail map[string]any) error {
	detail["sign_in"] = a.row.ID
	return s.Audit.Record(ctx, audit.Event{Kind: kind, Actor: userID, User: userID, ClientApp: a.req.ClientApp.ID}, detail)
}

// outcomes of an errand that did not lead on, by what is said about them.
const (
	upstreamDown     = "upstream_down"
	upstreamDeclined = "upstream_declined"
	upstreamRefused  = "upstream_refused"
	upstreamStale    = "upstream_stale"
)

func upstreamOutcome(err error) (string, bool) {
	var declined *upstream.DeclinedError
	switch {
	case errors.As(err, &declined) && (declined.Code == "temporarily_unavailable" || declined.Code == "server_error"):
		return upstreamDown, true
	case declined != nil:
		return upstreamDeclined, true
	case errors.Is(err, upstream.ErrStale):
		return upstreamStale, true
	case errors.Is(err, upstream.ErrRefused):
		return upstreamRefused, true
	case errors.Is(err, upstream.ErrDown):
		return upstreamDown, true
	case errors.Is(err, tenants.ErrNoAccount), errors.Is(err, tenants.ErrAccountExists):
		return problem.From(err).Code, true
	case problem.Is(err, problem.NotFound): // the IDP was switched off meanwhile
		return upstreamRefused, true
	}
	return "", false
}

// said are the words for an outcome.
func said(p ui.Page, outcome string) string {
	for _, known := range []*problem.Error{tenants.ErrNoAccount, tenants.ErrAccountExists} {
		if outcome == known.Code {
			return p.Explain(known.Code, known.Message)
		}
	}
	switch outcome {
	case upstreamDown:
		return p.Say("upstream.down")
	case upstreamDeclined:
		return p.Say("upstream.declined")
	case upstreamRefused:
		return p.Say("upstream.refused")
	case upstreamStale:
		return p.Say("upstream.stale")
	}
	return ""
}

// upstreamFailed notes why an errand did not lead on, and shows the ways there are. What
// is this server's own fault stays an error.
func (s *IDP) upstreamFailed(w http.ResponseWriter, r *http.Request, a *attempt, idpID string, err error) error {
	outcome, ok := upstreamOutcome(err)
	if !ok {
		return err
	}
	s.Observe(outcome)
	s.Log.WarnContext(r.Context(), "sign-in by another provider failed", "sign_in", a.row.ID, "idp", idpID, "error", err)
	err = s.tell(r.Context(), a, "sign_in.upstream_failed", map[string]any{"idp": idpID, "outcome": outcome, "why": cut(err.Error(), 300)})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path+"?"+url.Values{upstreamParameter: {outcome}}.Encode(), http.StatusSeeOther) //nolint:gosec // the page of this sign-in
	return nil
}

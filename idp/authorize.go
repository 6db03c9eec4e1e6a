package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// authorize begins a sign-in (OIDC Core §3.1.2). With a session that satisfies the
// policy it ends it too, in the same request.
func (s *IDP) authorize(w http.ResponseWriter, r *http.Request) error {
	if s.viaGet(w, r) {
		return nil
	}
	ctx := r.Context()
	req, answer, err := s.Provider.Authorize(ctx, r)
	if err != nil {
		s.Observe("bad_request")
		return s.noteBad(ctx, err)
	}
	if answer != nil {
		if err := s.noteRefusal(ctx, answer.Error); err != nil {
			return err
		}
		return s.respond(w, r, *answer)
	}
	return s.enter(w, r, req)
}

// enter begins the sign-in that a valid request asks for.
func (s *IDP) enter(w http.ResponseWriter, r *http.Request, req op.AuthRequest) error {
	ctx := r.Context()
	a := s.newAttempt(ctx, req)
	a.facts.Silent = slices.Contains(req.Prompt, "none")
	have, err := s.session(r)
	if err != nil {
		return err
	}
	if have != nil && mayUse(have, req) {
		if a.facts, err = have.facts(a.facts); err != nil {
			return err
		}
		a.adopts = true
		if err := s.checkRemembered(r, a); err != nil {
			return err
		}
	}
	v, err := s.judge(ctx, a)
	if problem.Is(err, problem.NotFound) {
		// The session's user is gone, or no longer a member: as if there were none.
		a.facts, have, err = signin.Facts{Silent: a.facts.Silent}, nil, nil
		v = verdict{}
	}
	if err != nil {
		return err
	}
	switch {
	case v.step == signin.Done:
		return s.atOnce(w, r, have, a, v)
	case a.facts.Silent:
		resp, err := s.Provider.Deny(ctx, req.ID, silentError(v.step), "The user has to take part.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	}
	return s.open(w, r, a, v)
}

// mayUse reports whether an app's request lets a session count.
func mayUse(have *sessionRow, req op.AuthRequest) bool {
	if slices.Contains(req.Prompt, "login") || slices.Contains(req.Prompt, "select_account") {
		return false
	}
	return req.HintUserID == "" || req.HintUserID == have.UserID
}

func silentError(step signin.Step) string {
	switch step {
	case signin.Identify:
		return "login_required"
	case signin.Consent:
		return "consent_required"
	case signin.Bar:
		return "access_denied" // no page could help: he has proven who he is, and the app is not for him
	case signin.Challenge, signin.Enroll, signin.Done, signin.Refuse:
	}
	return "interaction_required"
}

// restart begins a sign-in anew that has ended for what changed meanwhile, while the
// app still waits for its answer.
func (s *IDP) restart(w http.ResponseWriter, r *http.Request) error {
	row, err := s.rowOf(r)
	if err != nil {
		return err
	}
	if row.ReturnTo != "" {
		return s.toAccount(w, r)
	}
	req, err := s.Provider.AuthRequest(r.Context(), row.AuthRequestID)
	if err != nil {
		return errSignInOver
	}
	// What is open in the old one goes with it.
	a := &attempt{row: row, req: req}
	if err := json.Unmarshal([]byte(row.Facts), &a.facts); err != nil {
		return fmt.Errorf("idp: facts of sign-in %s: %w", row.ID, err)
	}
	err = s.DB.Tx(r.Context(), func(ctx context.Context) error {
		if err := s.Ceremony.Close(ctx, row.ID); err != nil {
			return err
		}
		return s.change(ctx, a, stateCancelled)
	})
	if err != nil && !errors.Is(err, errSignInMoved) {
		return err
	}
	return s.enter(w, r, req)
}

// againLink leads from the page of a sign-in that has ended to a new one; empty where
// only the app can begin one.
func (s *IDP) againLink(r *http.Request) string {
	row, err := s.rowOf(r)
	if row.ReturnTo != "" {
		return path(r, "/account") // needs nothing of the old one, not even its cookie
	}
	if err != nil {
		return ""
	}
	if _, err := s.Provider.AuthRequest(r.Context(), row.AuthRequestID); err != nil {
		return ""
	}
	return r.URL.Path + "?" + againParameter
}

const againParameter = "again"

// open stores the sign-in, ties it to this browser and sends the browser there.
// When a session proves all but the second factor, its challenge begins at once.
func (s *IDP) open(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	token := id.Token(s.Rand)
	a.row.BrowserHash = tenants.HashHere(r.Context(), token)
	if err := s.create(r.Context(), a); err != nil {
		return err
	}
	if err := s.stepUp(r, a, v); err != nil {
		return err
	}
	to := path(r, "/signin/"+a.row.ID)
	s.setCookie(w, r, signInCookie(a.row.ID), token, signInLife)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *IDP) stepUp(r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	best, ok := v.best("")
	if v.step == signin.Enroll {
		return s.beginOnly(r, a, v)
	}
	if v.step != signin.Challenge || !ok || v.rules.ProveFirst {
		return nil
	}
	if err := s.capOpen(ctx, a.facts.UserID); err != nil {
		return err
	}
	if err := s.start(r, a, v, best); err != nil {
		// The page offers what there is to choose from, and says what is wrong.
		s.Log.WarnContext(ctx, "challenge not begun", "sign_in", a.row.ID, "two_factor", best.ID, "error", err)
	}
	return nil
}

// atOnce answers from the session alone.
func (s *IDP) atOnce(w http.ResponseWriter, r *http.Request, have *sessionRow, a *attempt, v verdict) error {
	var out outcome
	err := s.DB.Tx(r.Context(), func(ctx context.Context) error {
		a.row.State = stateDone
		if err := s.create(ctx, a); err != nil {
			return err
		}
		var err error
		out, err = s.grant(ctx, r, have, a, v)
		return err
	})
	if err != nil {
		return err
	}
	return s.answer(w, r, out)
}

// answer sets the session cookie and sends the browser back to the app.
func (s *IDP) answer(w http.ResponseWriter, r *http.Request, out outcome) error {
	if out.session != "" {
		s.setCookie(w, r, sessionCookie(), out.session, sessionCookieLife)
	}
	s.setSignOnCookie(w, r, out.signOn)
	if out.remember != "" {
		s.setCookie(w, r, rememberCookie(), out.remember, rememberCookieLife)
	}
	return s.respond(w, r, out.response)
}

// respond sends an authorization response, good or bad, in the mode asked for.
func (s *IDP) respond(w http.ResponseWriter, r *http.Request, resp op.Response) error {
	if resp.Device {
		s.deviceAnswered(w, r, resp)
		return nil
	}
	if resp.FormPost == "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, resp.RedirectURL, http.StatusSeeOther)
		return nil
	}
	s.UI.Render(w, r, http.StatusOK, formPost(s.chrome(r, ""), resp))
	return nil
}

// noteBad keeps requests that cannot be answered to the app in the audit trail.
func (s *IDP) noteBad(ctx context.Context, err error) error {
	p := problem.From(err)
	if p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		return err
	}
	if rerr := s.noteRefusal(ctx, p.Code); rerr != nil {
		return rerr
	}
	return err
}

// acrOf is the acr claim for a strength.
func acrOf(st signin.Strength) string { return twofactor.Strength(st).ACR() }

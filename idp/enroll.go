package idp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"twofold/idp/signin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// What a user may come for, in Facts.Wants: a word, and what it is about.
const (
	wantEnroll = "enroll" // a TwoFactor's ID: set up one more
	wantSpare  = "spare"  // a TwoFactor's ID: what stands in for a lost factor; may be left
	wantProve  = "prove"  // a twofactor.Attribute: prove an address of that kind
	wantResync = "resync" // an enrollment's ID and its TwoFactor's
)

// wanted takes Facts.Wants apart.
func (a *attempt) wanted() (what, about string) {
	what, about, _ = strings.Cut(a.facts.Wants, " ")
	return what, about
}

// settable lists what may be set up at this step, best first.
func (s *IDP) settable(a *attempt, v verdict) []tenants.Candidate {
	switch what, about := a.wanted(); what {
	case wantEnroll, wantSpare:
		if c, ok := v.known(about); ok && c.Enrolls && !c.Inactive && c.Invalid == "" {
			return []tenants.Candidate{c}
		}
		return nil
	case wantProve:
		return proving(v, twofactor.Attribute(about))
	case wantResync:
		_, factor, _ := strings.Cut(about, " ")
		if c, ok := v.known(factor); ok {
			return []tenants.Candidate{c}
		}
		return nil
	}
	return v.policy.Settable
}

// proceedEnroll begins with setting up what there is to set up, if there is no choice.
func (s *IDP) proceedEnroll(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	if list := s.settable(a, v); len(list) == 1 {
		return s.setUp(w, r, a, list[0])
	}
	return s.again(w, r)
}

// pickedOf is what the user has chosen of a list, or the only one there is.
func pickedOf(a *attempt, list []tenants.Candidate) (tenants.Candidate, bool) {
	if len(list) == 1 {
		return list[0], true
	}
	return find(list, a.facts.Picked)
}

// beginOnly begins to set up the only thing there is, where that needs no page of its
// own before it. What goes wrong, the page shows when it is asked for.
func (s *IDP) beginOnly(r *http.Request, a *attempt, v verdict) error {
	list := s.settable(a, v)
	if len(list) != 1 || list[0].Proves != "" {
		return nil
	}
	byLink, err := s.byLink(r.Context(), a, list[0])
	if err == nil && !byLink {
		err = s.ask(r, a, a.setUpOf(list[0]))
	}
	if err != nil {
		s.Log.WarnContext(r.Context(), "set-up not begun", "sign_in", a.row.ID, "two_factor", list[0].ID, "error", err)
	}
	return nil
}

// setUpOf is the ceremony that sets c up, or what the user came for.
func (a *attempt) setUpOf(c tenants.Candidate) ceremony.Start {
	if what, about := a.wanted(); what == wantResync {
		enrollment, _, _ := strings.Cut(about, " ")
		return ceremony.Start{Purpose: ceremony.Resync, TwoFactorID: c.ID, EnrollmentID: enrollment}
	}
	return ceremony.Start{Purpose: ceremony.Enroll, TwoFactorID: c.ID}
}

// pickEnroll begins to set up what the user chose. Only what may be set up can be
// chosen, whatever the form says.
func (s *IDP) pickEnroll(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	c, ok := find(s.settable(a, v), one(r, ui.FieldMethod))
	if !ok {
		return s.again(w, r)
	}
	return s.setUp(w, r, a, c)
}

func (s *IDP) setUp(w http.ResponseWriter, r *http.Request, a *attempt, c tenants.Candidate) error {
	if c.Proves != "" {
		// The address comes first, on a page of its own.
		if err := s.Ceremony.Close(r.Context(), a.row.ID); err != nil {
			return err
		}
		a.row.ChallengeID, a.facts.Picked = "", c.ID
		if err := s.save(r.Context(), a); err != nil {
			return err
		}
		return s.again(w, r)
	}
	byLink, err := s.byLink(r.Context(), a, c)
	if err != nil {
		return err
	}
	if byLink {
		return s.mailEnrolLink(w, r, a, c)
	}
	err = s.ask(r, a, a.setUpOf(c))
	if p := problem.From(err); err != nil && p.Kind != problem.Internal && !errors.Is(err, errSignInMoved) {
		// The page says so, and offers what else there is.
		now, jerr := s.judge(r.Context(), a)
		if jerr != nil {
			return lost(jerr)
		}
		return s.showEnroll(w, r, a, now, p.Kind.Status(), s.explain(r, a, err))
	}
	if err != nil {
		return err
	}
	return s.again(w, r)
}

// answerEnroll judges an answer that binds an authenticator, proves an address or
// brings an authenticator back into step.
func (s *IDP) answerEnroll(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	if one(r, ui.FieldChallenge) != a.row.ChallengeID || a.row.ChallengeID == "" {
		return s.again(w, r)
	}
	view, err := s.Ceremony.Show(ctx, a.row.ChallengeID, a.row.ID)
	if err != nil {
		return err
	}
	have, err := s.session(r)
	if err != nil {
		return err
	}
	if _, ok := find(s.settable(a, v), view.TwoFactorID); !ok {
		return s.leaveChallenge(w, r, a, v) // it was withdrawn meanwhile
	}
	was := *a // what was not kept is not shown either
	var now progress
	give := ceremony.Give{Purpose: view.Purpose, ChallengeID: view.ID, SignInID: a.row.ID, UserID: a.facts.UserID, Answer: s.answers(r)}
	err = s.Ceremony.Finish(ctx, give, func(ctx context.Context, p ceremony.Passed) error {
		if err := s.bind(ctx, a, v, view.Purpose, p); err != nil {
			return err
		}
		now, err = s.advance(ctx, r, have, a)
		return err
	})
	if err != nil {
		*a = was
	}
	switch {
	case err == nil:
		s.Observe("set_up")
		return s.advanced(w, r, a, now)
	case problem.Is(err, problem.Invalid), problem.Is(err, problem.Conflict) && !errors.Is(err, errSignInMoved):
		s.Observe("wrong_code")
		return s.showEnroll(w, r, a, v, http.StatusUnprocessableEntity, s.explain(r, a, err))
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showEnroll(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	case gone(err) && !errors.Is(err, errSignInOver):
		return s.again(w, r)
	}
	return err
}

// bind does what setting something up brings with it: the user is told, what was begun
// with his old credentials ends, and what stands in for a lost factor comes next.
func (s *IDP) bind(ctx context.Context, a *attempt, v verdict, purpose ceremony.Purpose, p ceremony.Passed) error {
	c, _ := v.known(p.TwoFactorID)
	if len(p.AMR) > 0 {
		s.prove(ctx, a, p)
	}
	a.facts.Wants = ""
	detail := map[string]any{"two_factor": p.TwoFactorID, "name": c.Name}
	if purpose == ceremony.Prove {
		return s.bindAddress(ctx, a, v, p, detail)
	}
	detail["enrollment"], detail["label"] = p.Used.ID, p.Used.Label
	if purpose == ceremony.Resync {
		return s.tell(ctx, a, "factor.resynced", detail)
	}
	if err := s.raise(ctx, a); err != nil {
		return err
	}
	n := ceremony.Notice{Event: "factor_added", Detail: p.Used.Label}
	if c.Fallback {
		n = ceremony.Notice{Event: "recovery_renewed"}
	} else {
		if err := s.isSetUp(ctx, a, v); err != nil {
			return err
		}
		if len(v.policy.Spares) > 0 {
			a.facts.Wants = wantSpare + " " + v.policy.Spares[0].ID
		}
	}
	if err := s.tell(ctx, a, "factor.enrolled", detail); err != nil {
		return err
	}
	return s.Notify(ctx, a.facts.UserID, n)
}

// isSetUp notes that the user has a second factor now: after a reset, that was it.
func (s *IDP) isSetUp(ctx context.Context, a *attempt, v verdict) error {
	a.facts.SetUp = true
	if !v.policy.ProveFirst {
		return nil
	}
	return s.Tenants.SetProveFirst(ctx, a.facts.UserID, false)
}

// resendEnroll sends the code to a new address again, or begins anew.
func (s *IDP) resendEnroll(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	err := s.Ceremony.Resend(r.Context(), a.row.ChallengeID, a.row.ID)
	switch {
	case problem.Is(err, problem.Gone), problem.Is(err, problem.NotFound):
		if c, ok := pickedOf(a, s.settable(a, v)); ok {
			return s.setUp(w, r, a, c)
		}
		return s.leaveChallenge(w, r, a, v)
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showEnroll(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	case err != nil:
		return err
	}
	return s.again(w, r)
}

// later puts off what may be put off.
func (s *IDP) later(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	what, _ := a.wanted()
	if what != wantSpare && !v.rules.MayPostpone && !a.own() {
		return s.again(w, r)
	}
	a.facts.Wants, a.facts.Later = "", v.rules.MayPostpone
	if err := s.Ceremony.Close(r.Context(), a.row.ID); err != nil {
		return err
	}
	a.row.ChallengeID, a.facts.Picked = "", ""
	now, err := s.judge(r.Context(), a)
	if err != nil {
		return lost(err)
	}
	if now.step == signin.Done {
		return s.finishNow(w, r, a, now)
	}
	if err := s.save(r.Context(), a); err != nil {
		return err
	}
	return s.again(w, r)
}

// keep gives what the user is to keep as a file.
func (s *IDP) keep(w http.ResponseWriter, r *http.Request, a *attempt) error {
	view, err := s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID)
	if err != nil {
		return err
	}
	if !view.Open || len(view.Prompt.Keep) == 0 {
		return errNoPage
	}
	tenant := tenants.RealmFrom(r.Context()).Tenant
	text := tenant.Title + "\r\n" + view.Prompt.KeepLabel + "\r\n\r\n" + strings.Join(view.Prompt.Keep, "\r\n") + "\r\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+tenant.Name+`-codes.txt"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write([]byte(text))
	return err
}

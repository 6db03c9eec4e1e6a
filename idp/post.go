package idp

import (
	"context"
	"errors"
	"net/http"

	"twofold/idp/signin"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/ui"
)

// post takes an answer. Each answer only adds facts; show finds out what is next.
func (s *IDP) post(w http.ResponseWriter, r *http.Request) error {
	if err := s.cross.Check(r); err != nil {
		return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
	}
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	a, err := s.load(r)
	if err != nil {
		return err
	}
	if one(r, ui.FieldDo) == ui.DoCancel {
		return s.cancel(w, r, a)
	}
	v, err := s.judge(r.Context(), a)
	if err != nil {
		return lost(err)
	}
	do := one(r, ui.FieldDo)
	if do == "" && v.step == signin.Identify {
		do = ui.DoAnswer
	}
	if h := s.handler(r, v.step, a, do); h != nil {
		return h(w, r, a, v)
	}
	// A form of another step, from an old page: show where the sign-in stands.
	return s.again(w, r)
}

// stepHandler takes what was posted at a step.
type stepHandler func(http.ResponseWriter, *http.Request, *attempt, verdict) error

// handler finds who takes an action at a step; nil: it does not belong there.
func (s *IDP) handler(r *http.Request, step signin.Step, a *attempt, do string) stepHandler {
	switch step {
	case signin.Identify:
		answer := s.identify
		if a.row.ChallengeID != "" && !r.PostForm.Has(ui.FieldUserName) {
			answer = s.answerIdentify
		}
		return map[string]stepHandler{ui.DoAnswer: answer, ui.DoPasskey: s.beginIdentify, ui.DoChoose: s.leaveChallenge, ui.DoUpstream: s.pickUpstream}[do]
	case signin.Challenge:
		return map[string]stepHandler{
			ui.DoAnswer: s.answerChallenge, ui.DoResend: s.resend, ui.DoPick: s.pick, ui.DoChoose: choose, ui.DoBypass: s.answerBypass,
		}[do]
	case signin.Enroll:
		return map[string]stepHandler{
			ui.DoEnroll: s.pickEnroll, ui.DoAddress: s.answerAddress, ui.DoAnswer: s.answerEnroll, ui.DoResend: s.resendEnroll,
			ui.DoChoose: s.leaveChallenge, ui.DoLater: s.later, ui.DoLink: s.answerLink,
		}[do]
	case signin.Consent:
		return map[string]stepHandler{ui.DoAllow: s.allow}[do]
	case signin.Done, signin.Refuse, signin.Bar:
	}
	return nil
}

// choose shows the list of methods at an address of its own.
func choose(w http.ResponseWriter, r *http.Request, _ *attempt, _ verdict) error {
	http.Redirect(w, r, r.URL.Path+"?choose", http.StatusSeeOther) //nolint:gosec // this very page
	return nil
}

// leaveChallenge closes what is open and shows what else there is.
func (s *IDP) leaveChallenge(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	if err := s.Ceremony.Close(r.Context(), a.row.ID); err != nil {
		return err
	}
	a.row.ChallengeID, a.facts.Picked = "", ""
	if err := s.save(r.Context(), a); err != nil {
		return err
	}
	return s.again(w, r)
}

func (s *IDP) again(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther) //nolint:gosec // this very page
	return nil
}

// orAgain shows where the sign-in stands to whom another tab, or a second click,
// was faster.
func (s *IDP) orAgain(h web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if errors.Is(err, errSignInMoved) {
			return s.again(w, r)
		}
		return err
	}
}

// one returns a form value that was sent exactly once; anything else is nothing.
func one(r *http.Request, name string) string {
	if v := r.PostForm[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// proceed shows where a sign-in goes on, with its challenge begun.
func (s *IDP) proceed(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	best, ok := v.best(a.facts.Picked)
	switch {
	case v.step == signin.Challenge && ok && !v.rules.ProveFirst:
		return s.begin(w, r, a, v, best)
	case v.step == signin.Enroll:
		return s.proceedEnroll(w, r, a, v)
	}
	return s.again(w, r)
}

// progress is where a proof has led: to the end, or to what is next.
type progress struct {
	out  *outcome
	next verdict
}

// advance ends the sign-in if nothing is left to ask, and stores what is known
// otherwise. It is called in the transaction of what was proven.
func (s *IDP) advance(ctx context.Context, r *http.Request, have *sessionRow, a *attempt) (progress, error) {
	a.row.ChallengeID, a.facts.Picked = "", ""
	now, err := s.judge(ctx, a)
	if err != nil {
		return progress{}, err
	}
	if now.step != signin.Done {
		return progress{next: now}, s.save(ctx, a)
	}
	out, err := s.finish(ctx, r, have, a, now)
	return progress{out: &out}, err
}

// advanced shows where advance has led.
func (s *IDP) advanced(w http.ResponseWriter, r *http.Request, a *attempt, now progress) error {
	if now.out != nil {
		s.dropCookie(w, r, signInCookie(a.row.ID))
		return s.answer(w, r, *now.out)
	}
	return s.proceed(w, r, a, now.next)
}

// cancel goes back to the app without signing in.
func (s *IDP) cancel(w http.ResponseWriter, r *http.Request, a *attempt) error {
	resp, err := s.deny(r.Context(), a, "access_denied", s.whyBack(r.Context(), a))
	if err != nil {
		return err
	}
	s.dropCookie(w, r, signInCookie(a.row.ID))
	return s.respond(w, r, resp)
}

// finishNow ends a sign-in that needs no further answer.
func (s *IDP) finishNow(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	have, err := s.session(r)
	if err != nil {
		return err
	}
	var out outcome
	err = s.DB.Tx(r.Context(), func(ctx context.Context) error {
		var err error
		out, err = s.finish(ctx, r, have, a, v)
		return err
	})
	if err != nil {
		return err
	}
	s.dropCookie(w, r, signInCookie(a.row.ID))
	return s.answer(w, r, out)
}

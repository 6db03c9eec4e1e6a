package idp

import (
	"context"
	"errors"
	"net/http"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// Some authenticators tell by themselves whose they are. Where the tenant wants it,
// they stand for name and password too.

// identifier is the instance by which one may sign in here without a name, if any.
func (s *IDP) identifier(ctx context.Context, a *attempt) (tenants.Candidate, bool, error) {
	if !tenants.RealmFrom(ctx).Tenant.PasskeySignIn {
		return tenants.Candidate{}, false, nil
	}
	list, err := s.Tenants.Identifiers(ctx, a.req.ClientApp.ID)
	if err != nil || len(list) == 0 {
		return tenants.Candidate{}, false, err
	}
	return list[0], true, nil
}

// beginIdentify asks an authenticator who is there.
func (s *IDP) beginIdentify(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	c, ok, err := s.identifier(r.Context(), a)
	if err != nil {
		return err
	}
	if !ok {
		return s.again(w, r)
	}
	if err := s.allowTry(r.Context(), "passkey of "+a.row.ID); err != nil {
		return err
	}
	err = s.ask(r, a, ceremony.Start{Purpose: ceremony.Identify, TwoFactorID: c.ID})
	if errors.Is(err, twofactor.ErrUnusable) {
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, "", []ui.FieldError{{Message: s.explain(r, a, err)}})
		return nil
	}
	if err != nil {
		return err
	}
	return s.again(w, r)
}

// answerIdentify judges what the authenticator has answered.
func (s *IDP) answerIdentify(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	if one(r, ui.FieldChallenge) != a.row.ChallengeID {
		return s.again(w, r)
	}
	err := s.Ceremony.FinishIdentify(ctx, ceremony.Give{ChallengeID: a.row.ChallengeID, SignInID: a.row.ID, Answer: s.answers(r)},
		func(ctx context.Context, p ceremony.Passed) error {
			user, err := s.Tenants.User(ctx, p.UserID)
			if err != nil || !user.Active || !p.Alone {
				// Not a member here, or not proven to be who holds it.
				return errors.Join(errNotAlone, err)
			}
			if a.req.HintUserID != "" && a.req.HintUserID != user.ID {
				return errOtherUser
			}
			a.is(user)
			a.facts.IDPID, a.row.ChallengeID, a.facts.Picked = "", "", ""
			s.prove(ctx, a, p)
			return s.save(ctx, a)
		})
	switch {
	case err == nil:
		return s.identified(w, r, a)
	case errors.Is(err, errOtherUser):
		resp, err := s.deny(ctx, a, "login_required", "Another user signed in.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	case problem.Is(err, problem.Invalid), problem.Is(err, problem.Gone), problem.Is(err, problem.Unauthenticated):
		s.Observe("wrong_passkey")
		if err := s.tell(ctx, a, "sign_in.wrong_passkey", map[string]any{}); err != nil {
			return err
		}
		return s.showAsking(w, r, a, v, http.StatusUnprocessableEntity, s.explain(r, a, err))
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showAsking(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	}
	return err
}

var (
	errNotAlone  = problem.New(problem.Unauthenticated, "passkey_unknown", "This passkey cannot sign you in here. Use your name and password.")
	errOtherUser = problem.New(problem.Unauthenticated, "other_user", "Another user signed in.")
)

// showAsking draws the page on which an authenticator is asked who is there.
func (s *IDP) showAsking(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, status int, wrong string) error {
	view, err := s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	if !view.Open || view.Purpose != ceremony.Identify {
		s.showIdentify(w, r, a, status, a.req.LoginHint, fieldErrors(wrong))
		return nil
	}
	page := s.challengePage(r, a, v, view, wrong)
	page.Method, page.MayChoose, page.CanResend = page.Say("signin.passkey"), true, false
	s.UI.Render(w, r, status, page)
	return nil
}

func fieldErrors(wrong string) []ui.FieldError {
	if wrong == "" {
		return nil
	}
	return []ui.FieldError{{Message: wrong}}
}

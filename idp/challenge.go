package idp

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"twofold/idp/signin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// A second factor in a sign-in: it is begun, answered, sent once more, or another is chosen.

// fewLeft is how many codes are few (SPEC §5.6).
const fewLeft = 2

// begin starts a challenge and shows where that leads.
func (s *IDP) begin(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, c tenants.Candidate) error {
	err := s.start(r, a, v, c)
	if p := problem.From(err); err != nil && (p.Kind == problem.TooMany || errors.Is(err, twofactor.ErrUnusable)) {
		s.Log.WarnContext(r.Context(), "challenge not begun", "sign_in", a.row.ID, "two_factor", c.ID, "error", err)
		if len(v.askable()) > 1 {
			retryAfter(w, err)
			page := s.stepPage(r, a)
			return s.showChoose(w, r, a, v, page.Say("choose.not-now", "reason", page.Explain(p.Code, p.Message)))
		}
		return err
	}
	if err != nil {
		return err
	}
	return s.again(w, r)
}

// start begins a challenge that proves the user and stores that it is the open one.
func (s *IDP) start(r *http.Request, a *attempt, v verdict, c tenants.Candidate) error {
	// What is too weak to end the sign-in may still tell who sets up something
	// stronger, so it is itself that the code must not fall below.
	least := min(v.policy.Min, c.Strength)
	return s.ask(r, a, ceremony.Start{TwoFactorID: c.ID, MinStrength: least})
}

// ask begins a challenge of any purpose in a sign-in.
func (s *IDP) ask(r *http.Request, a *attempt, st ceremony.Start) error {
	ctx := r.Context()
	st.SignInID = a.row.ID
	if st.Purpose != ceremony.Identify && st.User.ID == "" {
		st.User = a.user.Factor(tenants.RealmFrom(ctx).Tenant.Title)
	}
	st.User.Locale = s.stepPage(r, a).Lang
	challengeID, err := s.Ceremony.Begin(tenants.WithClientApp(ctx, a.req.ClientApp.ID), st)
	p := (*problem.Error)(nil)
	switch {
	case errors.Is(err, twofactor.ErrUnusable):
		return problem.Wrap(problem.Forbidden, "factor_unusable", "This method cannot be used here as things stand. Use another one, or ask your administrator.", err)
	case errors.As(err, &p) && p.Kind != problem.Internal:
		return err
	case err != nil:
		return problem.Wrap(problem.Unavailable, "factor_failed", "The second factor does not work at the moment. Please try again in a little while.", err)
	}
	a.facts.Picked, a.row.ChallengeID = st.TwoFactorID, challengeID
	if err := s.save(ctx, a); err != nil {
		return errors.Join(err, s.Ceremony.Abandon(ctx, challengeID))
	}
	return nil
}

// answerChallenge judges an answer to the open challenge.
func (s *IDP) answerChallenge(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	if one(r, ui.FieldChallenge) != a.row.ChallengeID || a.row.ChallengeID == "" {
		return s.again(w, r) // an old page: its code was for an older challenge
	}
	have, err := s.session(r)
	if err != nil {
		return err
	}
	was := *a // what was not kept is not shown either
	var now progress
	err = s.Ceremony.Finish(ctx, ceremony.Give{
		ChallengeID: a.row.ChallengeID, SignInID: a.row.ID, UserID: a.facts.UserID, Answer: s.answers(r),
	}, func(ctx context.Context, p ceremony.Passed) error {
		a.facts.Remember = one(r, ui.FieldRemember) == "true"
		s.prove(ctx, a, p)
		if err := s.noteUse(ctx, a, p); err != nil {
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
		return s.advanced(w, r, a, now)
	case problem.Is(err, problem.Invalid):
		s.Observe("wrong_code")
		return s.showChallenge(w, r, a, v, http.StatusUnprocessableEntity, s.explain(r, a, err))
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showChallenge(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	case gone(err):
		return s.again(w, r)
	}
	return err
}

// prove adds what a challenge has proven to the facts.
func (s *IDP) prove(ctx context.Context, a *attempt, p ceremony.Passed) {
	a.facts = a.facts.Add(signin.Proof{
		Method: p.TwoFactorID, AMR: p.AMR, Strength: signin.Strength(p.Strength), At: a.stamp(p.At),
		Alone: p.Alone && tenants.RealmFrom(ctx).Tenant.PasskeySignIn,
	})
}

// noteUse tells the user what he should know about the use of a factor: that a code
// that stands in for a lost factor was used, and that few are left.
func (s *IDP) noteUse(ctx context.Context, a *attempt, p ceremony.Passed) error {
	if p.Used.Uses == 0 {
		return nil
	}
	left := max(p.Used.Uses, 0)
	if err := s.tell(ctx, a, "factor.spent", map[string]any{"two_factor": p.TwoFactorID, "enrollment": p.Used.ID, "left": left}); err != nil {
		return err
	}
	n := ceremony.Notice{Event: "recovery_used", Detail: strconv.Itoa(left)}
	if left <= fewLeft {
		n.Event = "recovery_low"
	}
	return s.Notify(ctx, a.facts.UserID, n)
}

// answers are the form's values but for those that steer.
func (s *IDP) answers(r *http.Request) twofactor.Answer {
	a := twofactor.Answer{}
	for name := range r.PostForm {
		if name != ui.FieldDo && name != ui.FieldChallenge && name != ui.FieldToken && name != ui.FieldRemember {
			a[name] = one(r, name)
		}
	}
	return a
}

// resend sends the same code again, or begins anew when the old one is over.
func (s *IDP) resend(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	err := s.Ceremony.Resend(ctx, a.row.ChallengeID, a.row.ID)
	switch {
	case err == nil:
		return s.again(w, r)
	case problem.Is(err, problem.Gone), problem.Is(err, problem.NotFound):
		c, ok := v.best(a.facts.Picked)
		if !ok {
			return s.again(w, r)
		}
		// It may be over because its code has just been given: then the sign-in has moved
		// on, and no other code is sent.
		if err := s.save(ctx, a); err != nil {
			return err
		}
		return s.begin(w, r, a, v, c)
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showChallenge(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	}
	return err
}

// pick begins the challenge of a method that the user chose. Only what is offered
// can be picked, whatever the form says.
func (s *IDP) pick(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	c, ok := v.offered(one(r, ui.FieldMethod))
	if !ok {
		return s.again(w, r)
	}
	if c.ID == a.facts.Picked && a.row.ChallengeID != "" {
		if view, err := s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID); err == nil && view.Open {
			return s.again(w, r) // it is open already: its code still works
		}
	}
	return s.begin(w, r, a, v, c)
}

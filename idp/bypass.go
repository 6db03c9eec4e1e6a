package idp

import (
	"context"
	"net/http"

	"twofold/idp/signin"
	"twofold/internal/problem"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// answerBypass takes a code that the help desk has given the user in place of a factor
// he cannot use. Without a code it asks for one.
func (s *IDP) answerBypass(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	if !v.rules.MayBypass {
		return s.again(w, r)
	}
	code := one(r, ui.FieldBypass)
	if code == "" {
		http.Redirect(w, r, r.URL.Path+"?bypass", http.StatusSeeOther) //nolint:gosec // this very page
		return nil
	}
	have, err := s.session(r)
	if err != nil {
		return err
	}
	var out *outcome
	err = s.Ceremony.FinishBypass(r.Context(), a.row.ID, a.facts.UserID, code, func(ctx context.Context, p ceremony.Passed) error {
		a.facts = a.facts.Add(signin.Proof{Method: signin.Bypass, AMR: p.AMR, Strength: signin.Strength(p.Strength), At: a.stamp(p.At)})
		if err := s.Ceremony.Close(ctx, a.row.ID); err != nil {
			return err
		}
		if err := s.tell(ctx, a, "factor.bypassed", map[string]any{}); err != nil {
			return err
		}
		if err := s.Notify(ctx, a.facts.UserID, ceremony.Notice{Event: "bypass_used"}); err != nil {
			return err
		}
		out, err = s.advance(ctx, r, have, a)
		return err
	})
	switch {
	case err == nil:
		return s.advanced(w, r, a, out)
	case problem.Is(err, problem.Invalid), problem.Is(err, problem.Gone):
		s.Observe("wrong_code")
		return s.showBypass(w, r, a, v, http.StatusUnprocessableEntity, s.explain(r, a, err))
	case problem.Is(err, problem.TooMany):
		retryAfter(w, err)
		return s.showBypass(w, r, a, v, http.StatusTooManyRequests, s.explain(r, a, err))
	}
	return err
}

func (s *IDP) showBypass(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, status int, wrong string) error {
	page := ui.Bypass{Page: s.stepPage(r, a), Action: r.URL.Path, Error: wrong, CanCancel: true}
	if len(v.askable()) > 0 && !v.rules.ProveFirst {
		page.BackURL = r.URL.Path
	}
	s.UI.Render(w, r, status, page)
	return nil
}

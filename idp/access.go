package idp

import (
	"context"
	"net/http"

	"twofold/idp/signin"
	"twofold/internal/limits"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// A client app that is restricted to some users and groups: who is none of them learns so
// when he has proven who he is, and not before. A stranger learns nothing from it.

// showBarred says that the app is not for the user, and leads back to it.
func (s *IDP) showBarred(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	if err := s.tellBarred(r.Context(), a, v); err != nil {
		return err
	}
	p := s.stepPage(r, a)
	page := ui.Refused{
		Page: p, Action: r.URL.Path, Heading: p.Say("barred.title", "app", p.App), Text: p.Say("barred.text", "name", a.name()),
		Steps: []string{p.Say("barred.step-ask"), p.Say("refused.step-reference")}, CanCancel: true,
	}
	page.Reference = web.RequestID(r.Context())
	s.UI.Render(w, r, http.StatusForbidden, page)
	return nil
}

// tellBarred keeps in the audit trail who wanted to use an app that is not for him.
// Loading the page again and again adds no more.
func (s *IDP) tellBarred(ctx context.Context, a *attempt, v verdict) error {
	ok, _, err := s.Limits.Take(ctx, limits.Limit{Burst: 1, Per: signInLife}, "barred", a.row.ID)
	if err != nil || !ok {
		return err
	}
	s.Observe("no_access")
	return s.tell(ctx, a, "sign_in.no_access", map[string]any{"explanation": tenants.Explain(v.policy)})
}

// whyBack says why a user goes back to the app without having signed in.
func (s *IDP) whyBack(ctx context.Context, a *attempt) string {
	if v, err := s.judge(ctx, a); err == nil && v.step == signin.Bar {
		return "The app is not for this user."
	}
	return "The user cancelled."
}

package idp

import (
	"net/http"
	"slices"
	"time"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// What is shown to who sets something up in the sign-in.

// showEnroll draws what is being set up, or what can be.
func (s *IDP) showEnroll(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, status int, wrong string) error {
	var view ceremony.View
	if a.row.ChallengeID != "" {
		var err error
		view, err = s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	list := s.settable(a, v)
	mayLater, until := s.mayLater(a, v)
	switch c, picked := pickedOf(a, list); {
	case view.ID != "" && view.Purpose != ceremony.SignIn && view.Purpose != ceremony.Identify:
		ch := s.challengePage(r, a, v, view, wrong)
		ch.MayChoose, ch.RememberDays, ch.MayBypass = len(list) > 1 || c.Proves != "", 0, false
		if len(view.Prompt.Keep) > 0 && view.Open {
			ch.KeepURL = r.URL.Path + "?keep"
		}
		page := ui.Enroll{Challenge: ch, MayPostpone: mayLater, PostponeTo: until}
		page.Method = headingOf(page.Page, view, ch.Method)
		page.Step, page.Of = s.steps(a, v, view)
		s.UI.Render(w, r, status, page)
		return nil
	case picked && c.Proves != "":
		return s.showAskAddress(w, r, a, v, c, status, "", wrong)
	case picked && a.facts.Picked != "" && wrong == "":
		byLink, err := s.byLink(r.Context(), a, c)
		if err == nil && byLink {
			s.showLinkSent(w, r, a, len(list) > 1)
			return nil
		}
	}
	page := ui.ChooseEnroll{
		Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Required: v.rules.SecondFactor || v.rules.ProveFirst, Error: wrong,
		MayPostpone: mayLater, PostponeTo: until, CanCancel: true,
	}
	for _, c := range list {
		page.Methods = append(page.Methods, ui.Method{ID: c.ID, Name: c.Name})
	}
	s.UI.Render(w, r, status, page)
	return nil
}

// headingOf says what a page that sets something up is about.
func headingOf(p ui.Page, view ceremony.View, name string) string {
	switch {
	case view.Purpose == ceremony.Enroll && len(view.Prompt.Keep) < 2:
		return p.Say("enroll.title", "thing", name)
	case view.Purpose == ceremony.Resync:
		return p.Say("account.resync")
	}
	return name
}

// steps says where a page stands when two things are set up one after the other.
func (s *IDP) steps(a *attempt, v verdict, view ceremony.View) (step, of int) {
	what, _ := a.wanted()
	switch {
	case what == wantSpare:
		return 2, 2
	case view.Purpose == ceremony.Enroll && len(v.policy.Spares) > 0 && !slices.ContainsFunc(v.policy.Spares, func(c tenants.Candidate) bool { return c.ID == view.TwoFactorID }):
		return 1, 2
	}
	return 0, 0
}

func (s *IDP) mayLater(a *attempt, v verdict) (bool, time.Time) {
	if what, _ := a.wanted(); what == wantSpare {
		return true, time.Time{}
	}
	if v.rules.MayPostpone {
		return true, v.policy.GraceUntil
	}
	return false, time.Time{}
}

func (s *IDP) showAskAddress(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, c tenants.Candidate, status int, typed, wrong string) error {
	mayLater, until := s.mayLater(a, v)
	s.UI.Render(w, r, status, ui.AskAddress{
		Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Phone: c.Proves == twofactor.NeedsPhone, Value: typed, Error: wrong,
		MayChoose: len(s.settable(a, v)) > 1, CanCancel: true, MayPostpone: mayLater, PostponeTo: until,
	})
	return nil
}

package idp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

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

// proving lists the instances that reach people by an address of that kind alone.
func proving(v verdict, kind twofactor.Attribute) []tenants.Candidate {
	var out []tenants.Candidate
	for _, list := range [][]tenants.Candidate{v.policy.Offered, v.policy.Weaker, v.policy.Settable} {
		for _, c := range list {
			if slices.Equal(c.Needs, []twofactor.Attribute{kind}) {
				c.Proves = kind
				out = append(out, c)
			}
		}
	}
	return out
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

// answerAddress takes the address that is to be proven, and sends a code there.
func (s *IDP) answerAddress(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	c, ok := pickedOf(a, s.settable(a, v))
	if !ok || c.Proves == "" {
		return s.again(w, r)
	}
	typed := cut(one(r, ui.FieldAddress), 254)
	address, err := s.Tenants.ReadAddress(ctx, c.Proves, typed)
	if problem.Is(err, problem.Invalid) || problem.Is(err, problem.Forbidden) {
		return s.showAskAddress(w, r, a, v, c, http.StatusUnprocessableEntity, typed, s.explain(r, a, err))
	}
	if err != nil {
		return err
	}
	to := a.user.Factor(tenants.RealmFrom(ctx).Tenant.Title)
	if c.Proves == twofactor.NeedsPhone {
		to.Phone = address
	} else {
		to.Email = address
	}
	err = s.ask(r, a, ceremony.Start{Purpose: ceremony.Prove, TwoFactorID: c.ID, User: to, Proves: ceremony.Address{Kind: c.Proves, Value: address}})
	if p := problem.From(err); err != nil && (p.Kind == problem.TooMany || p.Kind == problem.Forbidden) {
		retryAfter(w, err)
		return s.showAskAddress(w, r, a, v, c, p.Kind.Status(), typed, s.explain(r, a, err))
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

// bindAddress keeps a proven address, and tells the user at the old one and the new.
func (s *IDP) bindAddress(ctx context.Context, a *attempt, v verdict, p ceremony.Passed, detail map[string]any) error {
	old, err := s.Tenants.User(ctx, a.facts.UserID)
	if err != nil {
		return err
	}
	if err := s.Tenants.SetAddress(ctx, a.facts.UserID, p.Proved.Kind, p.Proved.Value); err != nil {
		return err
	}
	a.facts.Epoch++
	if err := s.isSetUp(ctx, a, v); err != nil {
		return err
	}
	detail["kind"] = p.Proved.Kind
	if err := s.tell(ctx, a, "address.proven", detail); err != nil {
		return err
	}
	n := ceremony.Notice{Event: string(p.Proved.Kind) + "_changed"}
	before := old.Factor("").Email
	if err := s.notifyAt(ctx, old, before, n); err != nil {
		return err
	}
	if p.Proved.Kind == twofactor.NeedsEmail && p.Proved.Value != before {
		return s.notifyAt(ctx, old, p.Proved.Value, n)
	}
	return nil
}

// raise ends what was begun with the user's old credentials, but for this sign-in.
func (s *IDP) raise(ctx context.Context, a *attempt) error {
	if err := s.Tenants.RaiseEpoch(ctx, a.facts.UserID); err != nil {
		return err
	}
	a.facts.Epoch++
	return nil
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

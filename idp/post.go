package idp

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"twofold/idp/signin"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
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

// identify takes name and password.
func (s *IDP) identify(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	ctx := r.Context()
	name, password := one(r, ui.FieldUserName), one(r, ui.FieldPassword)
	if !r.PostForm.Has(ui.FieldPassword) {
		return s.named(w, r, a, name)
	}
	if errs := missing(s.stepPage(r, a), name, password); errs != nil {
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), errs)
		return nil
	}
	if err := s.allowTry(r, name); err != nil {
		return err
	}
	login, err := s.Tenants.CheckPassword(ctx, name, password)
	if problem.Is(err, problem.Unauthenticated) || problem.Is(err, problem.Invalid) {
		s.Observe("wrong_password")
		if err := s.tell(ctx, a, "sign_in.wrong_password", map[string]any{"name": hashedName(s, name)}); err != nil {
			return err
		}
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), []ui.FieldError{{Field: ui.FieldPassword, Message: s.explain(r, a, err)}})
		return nil
	}
	if err != nil {
		return err
	}
	s.know(w, r, name)
	if a.req.HintUserID != "" && a.req.HintUserID != login.ID {
		// The app asked for another user (OIDC Core §3.1.2.1, id_token_hint).
		resp, err := s.deny(ctx, a, "login_required", "Another user signed in.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	}
	a.is(login.User)
	a.facts.IDPID = login.IDPID
	a.facts = a.facts.Add(signin.Proof{
		Method: signin.Password, AMR: []string{"pwd"}, Strength: signin.Strength(twofactor.Strength1FA), At: a.stamp(s.Now()),
	})
	return s.identified(w, r, a)
}

// named takes the name alone: it may belong to another provider. Otherwise the password
// is asked for, whoever's name it is.
func (s *IDP) named(w http.ResponseWriter, r *http.Request, a *attempt, name string) error {
	ways, err := s.ways(r.Context())
	if err != nil {
		return err
	}
	if name == "" || !ways.nameFirst() {
		errs := missing(s.stepPage(r, a), name, "-")
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, "", errs)
		return nil
	}
	if v, ok := ways.serving(tenants.NormalName(name)); ok {
		return s.leave(w, r, a, v.ID, name)
	}
	if !ways.local {
		page := s.stepPage(r, a)
		errs := []ui.FieldError{{Field: ui.FieldUserName, Message: page.Explain(tenants.ErrNoAccount.Code, tenants.ErrNoAccount.Message)}}
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), errs)
		return nil
	}
	a.facts.Named = cut(name, 256)
	if err := s.save(r.Context(), a); err != nil {
		return err
	}
	return s.again(w, r)
}

// is notes whom a sign-in is of. What the browser's session has proven of somebody
// else proves nothing of this user.
func (a *attempt) is(user tenants.User) {
	if user.ID != a.facts.UserID {
		wants, recent := a.facts.Wants, a.facts.Recent
		a.facts, a.row.ChallengeID = signin.Facts{Silent: a.facts.Silent, Wants: wants, Recent: recent}, ""
	}
	a.facts.UserID, a.facts.Epoch = user.ID, user.CredentialEpoch
}

// identified goes on after the first factor: the best second factor's challenge
// begins at once, so the code is on its way before the page is shown (SPEC §5.2).
func (s *IDP) identified(w http.ResponseWriter, r *http.Request, a *attempt) error {
	ctx := r.Context()
	// What was begun before the first factor was proven opens nothing afterwards (I9).
	token := id.Token(s.Rand)
	a.row.BrowserHash = tenants.HashHere(ctx, token)
	if err := s.checkRemembered(r, a); err != nil {
		return err
	}
	v, err := s.judge(ctx, a)
	if err != nil {
		return lost(err)
	}
	if v.step == signin.Done {
		return s.finishNow(w, r, a, v)
	}
	if err := s.save(ctx, a); err != nil {
		return err
	}
	if err := s.capOpen(ctx, a.facts.UserID); err != nil {
		return err
	}
	s.setCookie(w, r, signInCookie(a.row.ID), token, signInLife)
	return s.proceed(w, r, a, v)
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

// fewLeft is how many codes are few (SPEC §5.6).
const fewLeft = 2

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

func missing(page ui.Page, name, password string) []ui.FieldError {
	var errs []ui.FieldError
	if name == "" {
		errs = append(errs, ui.FieldError{Field: ui.FieldUserName, Message: page.Say("field.username-missing")})
	}
	if password == "" {
		errs = append(errs, ui.FieldError{Field: ui.FieldPassword, Message: page.Say("field.password-missing")})
	}
	return errs
}

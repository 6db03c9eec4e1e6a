package idp

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"twofold/idp/signin"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
	"twofold/ui"
)

// show draws where a sign-in stands: one address, whatever the step.
func (s *IDP) show(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if query.Has(againParameter) {
		return s.restart(w, r)
	}
	a, err := s.load(r)
	if err != nil {
		return err
	}
	v, err := s.judge(r.Context(), a)
	if err != nil {
		return lost(err)
	}
	switch v.step {
	case signin.Done:
		// A rule was lifted while the page was open, or a session has come by in
		// another tab: nothing is left to ask.
		return s.finishNow(w, r, a, v)
	case signin.Challenge:
		switch {
		case query.Has("choose"):
			return s.showChoose(w, r, a, v, "")
		case v.rules.MayBypass && (query.Has("bypass") || v.rules.ProveFirst || len(v.askable()) == 0):
			return s.showBypass(w, r, a, v, http.StatusOK, "")
		}
		return s.showChallenge(w, r, a, v, http.StatusOK, "")
	case signin.Enroll:
		switch {
		case query.Has("keep"):
			return s.keep(w, r, a)
		case query.Has(linkParameter):
			return s.showEnrolLink(w, r, a, v)
		}
		return s.showEnroll(w, r, a, v, http.StatusOK, "")
	case signin.Consent:
		return s.showConsent(w, r, a)
	case signin.Refuse:
		return s.showRefused(w, r, a, v)
	case signin.Bar:
		return s.showBarred(w, r, a, v)
	case signin.Identify:
	}
	if a.row.ChallengeID != "" {
		return s.showAsking(w, r, a, v, http.StatusOK, "")
	}
	return s.showFirst(w, r, a)
}

// showFirst begins a sign-in: at another provider, if that is where this one goes on, or
// with the ways there are.
func (s *IDP) showFirst(w http.ResponseWriter, r *http.Request, a *attempt) error {
	ways, err := s.ways(r.Context())
	if err != nil {
		return err
	}
	v, ok := ways.direct(a)
	if ok && a.facts.Named == "" && r.Method == http.MethodGet && !r.URL.Query().Has(upstreamParameter) && !s.mayPasskey(r, a) {
		return s.leave(w, r, a, v.ID, a.req.LoginHint)
	}
	s.showIdentify(w, r, a, http.StatusOK, cmp.Or(a.facts.Named, a.req.LoginHint), nil)
	return nil
}

// mayPasskey reports whether the sign-in may begin with a passkey. Where that cannot be
// found out it may not, and the others may.
func (s *IDP) mayPasskey(r *http.Request, a *attempt) bool {
	_, may, err := s.identifier(r.Context(), a)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "passkeys not offered", "error", err)
	}
	return may
}

func (s *IDP) showIdentify(w http.ResponseWriter, r *http.Request, a *attempt, status int, name string, errs []ui.FieldError) {
	page := ui.SignIn{Page: s.stepPage(r, a), Action: r.URL.Path, UserName: name, Errors: errs, CanCancel: true, ResetURL: path(r, "/reset")}
	page.MayPasskey = s.mayPasskey(r, a)
	outcome := r.URL.Query().Get(upstreamParameter)
	if text := said(page.Page, outcome); text != "" {
		page.Notice = &ui.Notice{Kind: ui.Bad, Text: text}
	}
	ways, err := s.ways(r.Context())
	if err != nil {
		s.Log.ErrorContext(r.Context(), "other providers not offered", "error", err)
		ways.local = true
	}
	for _, v := range ways.services {
		page.Services = append(page.Services, ui.Service{ID: v.ID, Name: titleOf(v)})
	}
	page.FormAlso = ways.scheme()
	// Who has several ways says first who he is: that may decide which (SPEC §5.1).
	page.NameFirst = ways.nameFirst() && a.facts.Named == "" && a.req.LoginHint == "" && outcome == "" && !r.PostForm.Has(ui.FieldPassword)
	page.NoPassword = !ways.local && !page.NameFirst
	if page.NoPassword {
		page.ResetURL = ""
	}
	s.UI.Render(w, r, status, page)
}

// stepPage is the chrome of a page whose form may end at the app. The app's origin
// alone would be too narrow for form-action: browsers hold every redirect that
// follows a post against it, and an app may send people on from its redirect URI.
func (s *IDP) stepPage(r *http.Request, a *attempt) ui.Page {
	p := s.chrome(r, a.req.ClientApp.Title)
	p.Realm = brand(r.Context(), p.Realm, a.req.ClientApp)
	p.Lang = s.language(r, a.req.UILocales, func() string { return s.localeOf(r, a) })
	p.FormOrigin = schemeOf(a.req.RedirectURI)
	return p
}

// showChallenge draws the open challenge. problem is what was wrong with the last answer.
func (s *IDP) showChallenge(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, status int, wrong string) error {
	var view ceremony.View
	if a.row.ChallengeID != "" {
		var err error
		view, err = s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	method, ok := v.offered(view.TwoFactorID)
	if view.ID == "" || !ok {
		// None begun yet, or its instance was withdrawn meanwhile.
		return s.showChoose(w, r, a, v, wrong)
	}
	page := s.challengePage(r, a, v, view, wrong)
	page.Method = method.Name
	if view.Open && view.Sends > 0 {
		st, err := s.deliveryOf(r, page.Lang, view.ID)
		if err != nil {
			return err
		}
		page.Delivery, page.StatusURL = st, r.URL.Path+"/status"
	}
	s.UI.Render(w, r, status, page)
	return nil
}

// challengePage is what all pages with an open challenge have in common.
func (s *IDP) challengePage(r *http.Request, a *attempt, v verdict, view ceremony.View, wrong string) ui.Challenge {
	c, _ := v.known(view.TwoFactorID)
	page := ui.Challenge{
		Page: s.stepPage(r, a), Action: r.URL.Path, ID: view.ID, Method: c.Name, UserName: a.name(), Prompt: view.Prompt,
		MayChoose: len(v.askable()) > 1, CanCancel: true, CanResend: view.MayResend, ResendIn: seconds(view.ResendIn),
		MayBypass: v.rules.MayBypass, ScriptURL: s.scriptOf(r.Context(), view), Unsent: view.Sends == 0,
	}
	page.Error = wrongIn(page, wrong)
	if v.rules.SecondFactor && v.rules.MinStrength <= signin.Strength(twofactor.Strength1FA) && !a.own() {
		page.RememberDays = s.rememberDays(r.Context())
	}
	if !view.Open {
		page.Over = true // sending anew then begins a new challenge: see resend
		switch {
		case wrong != "":
		case page.Unsent:
			page.Error = page.Say("challenge.over-unsent")
		default:
			page.Error = page.Say("challenge.over")
		}
	} else if view.Polls {
		page.StatusURL, page.Polls = r.URL.Path+"/status", true
	}
	return page
}

// wrongIn puts what was wrong with an answer into the words of the question: not each
// asks for a code.
func wrongIn(page ui.Challenge, wrong string) string {
	fields := page.Prompt.Fields
	switch {
	case wrong == "" || wrong != page.Explain("wrong_code", ""):
		return wrong
	case len(fields) == 0:
		return page.Say("challenge.not-confirmed")
	case fields[0].Kind == twofactor.KindBool:
		return page.Say("challenge.tick")
	}
	return wrong
}

// deliveryOf tells how the message of a challenge is faring, in words for the user,
// and which way it went when the first did not work.
func (s *IDP) deliveryOf(r *http.Request, lang, challengeID string) (ui.Delivery, error) {
	st, err := s.Outbox.Status(r.Context(), challengeID)
	if err != nil {
		return ui.Delivery{}, err
	}
	d := ui.Delivery{State: ui.Sending}
	switch st.State {
	case "":
		return ui.Delivery{}, nil
	case delivery.Queued, delivery.Sending:
		if st.Class != "" {
			d.Text = ui.Say(lang, "delivery.again")
		}
	case delivery.Sent:
		d.State = ui.Sent
	case delivery.Failed, delivery.Expired:
		d = ui.Delivery{State: ui.Failed, Text: ui.Say(lang, "delivery.failed-help")}
		if st.Class == "recipient" {
			d.Text = ui.Say(lang, "delivery.failed-address")
		}
	}
	if st.Via != "" && d.State != ui.Failed {
		d.Text = ui.Say(lang, "delivery.other", "first", s.nameOf(r.Context(), st.FellFrom), "second", s.nameOf(r.Context(), st.Via))
	}
	return d, nil
}

// nameOf is what an instance is called.
func (s *IDP) nameOf(ctx context.Context, twoFactorID string) string {
	inst, err := s.Tenants.Open(ctx, twoFactorID)
	if err != nil {
		return "…"
	}
	return inst.Name
}

// status answers the page's script: how delivery is faring.
func (s *IDP) status(w http.ResponseWriter, r *http.Request) error {
	a, err := s.load(r)
	if err != nil {
		return err
	}
	if a.row.ChallengeID == "" {
		return errNoPage
	}
	view, err := s.Ceremony.Show(r.Context(), a.row.ChallengeID, a.row.ID)
	if err != nil {
		return err
	}
	lang := s.stepPage(r, a).Lang
	d, err := s.deliveryOf(r, lang, view.ID)
	if err != nil {
		return err
	}
	settled := false
	if view.Polls && view.Open {
		if settled, err = s.Ceremony.Poll(r.Context(), view.ID, a.row.ID); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(ui.DeliveryStatus{Settled: settled, State: d.State, Text: d.Words(lang), ResendIn: seconds(view.ResendIn)})
}

// showChoose lists what the user may use, strongest first.
func (s *IDP) showChoose(w http.ResponseWriter, r *http.Request, a *attempt, v verdict, why string) error {
	page := ui.Choose{Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Error: why, CanCancel: true}
	if a.row.ChallengeID != "" && why == "" {
		page.BackURL = r.URL.Path
	}
	held, err := s.Ceremony.Held(r.Context(), a.user.ID)
	if err != nil {
		return err
	}
	for _, c := range v.askable() {
		page.Methods = append(page.Methods, ui.Method{ID: c.ID, Name: c.Name, Detail: detailOf(page.Page, c, a.user, held, tenants.RealmFrom(r.Context()).Host), Last: c.ID == a.user.LastTwoFactorID})
	}
	status := http.StatusOK
	if why != "" {
		status = http.StatusTooManyRequests
	}
	s.UI.Render(w, r, status, page)
	return nil
}

// detailOf tells a method apart from others: where its code goes, or what the user calls
// what he has set up.
func detailOf(p ui.Page, c tenants.Candidate, user tenants.User, held []ceremony.Held, host string) string {
	var own []string
	for _, e := range held {
		switch {
		case e.TwoFactorID != c.ID, c.HostBound && e.Host != host:
		case e.Uses != 0:
			return p.Say("account.spares-left", "n", max(e.Uses, 0))
		case e.Label != c.Name:
			own = append(own, e.Label)
		}
	}
	to := user.Factor("")
	switch {
	case len(own) > 0:
		return strings.Join(own, ", ")
	case slices.Equal(c.Needs, []twofactor.Attribute{twofactor.NeedsEmail}):
		return masked(to.Email)
	case slices.Equal(c.Needs, []twofactor.Attribute{twofactor.NeedsPhone}):
		return maskedPhone(to.Phone)
	}
	return ""
}

// showRefused says that a second factor is needed and none can be used, and tells
// the administrator why.
func (s *IDP) showRefused(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	if err := s.tellRefused(r.Context(), a, v); err != nil {
		return err
	}
	p := s.stepPage(r, a)
	page := ui.Refused{
		Page: p, Action: r.URL.Path, Heading: p.Say("refused.title"), Text: p.Say("refused.text"),
		Steps: []string{p.Say("refused.step-ask"), p.Say("refused.step-reference")}, CanCancel: true,
	}
	if len(v.policy.Elsewhere) > 0 {
		names := make([]string, len(v.policy.Elsewhere))
		for i, c := range v.policy.Elsewhere {
			names[i] = c.Name
		}
		page.Text = p.Say("refused.elsewhere", "things", strings.Join(names, ", "), "host", s.hostIn(r.Context()))
	}
	page.Reference = web.RequestID(r.Context())
	s.UI.Render(w, r, http.StatusForbidden, page)
	return nil
}

// lost handles a user, tenant or app that went away while a sign-in was open.
func lost(err error) error {
	if problem.Is(err, problem.NotFound) {
		return errSignInOver
	}
	return err
}

func schemeOf(uri string) string {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	return scheme + ":"
}

package idp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
)

// verdict is what the current policy makes of the facts.
type verdict struct {
	step   signin.Step
	rules  signin.Rules
	policy tenants.Policy
}

// judge asks the current database what a sign-in must satisfy, and what comes
// next. It is called at every step, the last one included: what an administrator
// changed meanwhile counts (SECURITY I1).
func (s *IDP) judge(ctx context.Context, a *attempt) (verdict, error) {
	v := verdict{rules: signin.Rules{MaxAge: -1, Since: a.row.CreatedAt, Now: s.Now()}}
	if a.req.MaxAge != nil {
		v.rules.MaxAge = *a.req.MaxAge
	}
	if a.facts.UserID == "" {
		return v, nil // Identify: nobody to judge yet
	}
	var err error
	if a.facts, err = s.weigh(ctx, a.facts); err != nil {
		return v, err
	}
	st, err := s.Ceremony.Standing(ctx, a.facts.UserID)
	if err != nil {
		return v, err
	}
	v.policy, err = s.Tenants.Policy(ctx, tenants.Question{
		ClientAppID: a.req.ClientApp.ID, IDPID: a.facts.IDPID, UserID: a.facts.UserID, Demand: strengthOf(a.req.ACRValues),
		Enrolled: st.Count, Away: st.Away(tenants.RealmFrom(ctx).Host), Preferred: st.Preferred, Account: a.own(),
	})
	if err != nil {
		return v, err
	}
	a.user = v.policy.User
	if a.adopts {
		a.facts.Epoch, a.adopts = v.policy.Epoch, false
	}
	if a.facts.Epoch != v.policy.Epoch {
		// What the user proves himself with has changed since (SECURITY I6).
		return v, errSignInOver
	}
	if !tenants.RealmFrom(ctx).Tenant.PasskeySignIn {
		a.facts = a.facts.NoneAlone() // also what was proven while the tenant wanted that
	}
	s.fill(&v, a)
	if !a.own() && !a.facts.Consented {
		if v.rules.Consent, err = s.Provider.NeedsConsent(ctx, a.req, a.facts.UserID); err != nil {
			return v, err
		}
	}
	v.step = signin.Next(a.facts, v.rules)
	if (v.step == signin.Challenge || v.step == signin.Refuse) && v.rules.BypassHelps() && (!a.own() || v.rules.ProveFirst) {
		// Our own pages are no place for a bypass, unless it leads to a new factor: it
		// counts once, and each of those pages is a place to sign in to.
		if v.rules.MayBypass, err = s.Ceremony.HasBypass(ctx, a.facts.UserID); err != nil {
			return v, err
		}
		v.step = signin.Next(a.facts, v.rules)
	}
	return v, nil
}

// recently is how old proofs may be for a change of what somebody proves himself with
// (SECURITY N38).
const recently = 5 * time.Minute

// fill makes rules of a policy.
func (s *IDP) fill(v *verdict, a *attempt) {
	r, p := &v.rules, v.policy
	r.SecondFactor, r.MinStrength = p.Required, signin.Strength(p.Min)
	r.Bound, r.Weak = idsOf(p.Offered), idsOf(p.Weaker)
	r.NoAccess = p.NoAccess
	r.Held, r.MayEnroll, r.ProveFirst = p.Held, len(p.Settable) > 0, p.ProveFirst
	// A grace lifts what is required (rule 2), and never a strength that is demanded.
	r.MayPostpone = p.GraceUntil.After(s.Now()) && !p.Held && len(p.Offered) == 0 && p.Min <= twofactor.Strength1FA
	r.Remembered = a.mark != nil && a.mark.CredentialEpoch == p.Epoch && a.req.MaxAge == nil && !slices.Contains(a.req.Prompt, "login")
	if !a.own() || !a.facts.Recent {
		return
	}
	// Who is about to change his factors proves the best he has, up to what is not
	// lost with one device.
	r.MaxAge, r.Remembered, r.MayPostpone = recently, false, false
	if i := slices.IndexFunc(p.Offered, func(c tenants.Candidate) bool { return !c.Fallback }); i >= 0 {
		r.SecondFactor = true
		r.MinStrength = max(r.MinStrength, signin.Strength(min(p.Offered[i].Strength, twofactor.StrengthAAL2)))
	}
}

func idsOf(list []tenants.Candidate) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.ID
	}
	return out
}

// askable are the instances that can be asked for now, best first: those that would
// do, or else those that tell who may set up one that does.
func (v verdict) askable() []tenants.Candidate {
	if len(v.policy.Offered) > 0 {
		return v.policy.Offered
	}
	return v.policy.Weaker
}

// known finds any instance that reaches the sign-in.
func (v verdict) known(id string) (tenants.Candidate, bool) {
	for _, list := range [][]tenants.Candidate{v.policy.Offered, v.policy.Weaker, v.policy.Settable, v.policy.Spares} {
		if c, ok := find(list, id); ok {
			return c, true
		}
	}
	return tenants.Candidate{}, false
}

func find(list []tenants.Candidate, id string) (tenants.Candidate, bool) {
	i := slices.IndexFunc(list, func(c tenants.Candidate) bool { return c.ID == id })
	if i < 0 {
		return tenants.Candidate{}, false
	}
	return list[i], true
}

// best is the instance to begin with: the one picked, else the first.
func (v verdict) best(picked string) (tenants.Candidate, bool) {
	list := v.askable()
	if c, ok := find(list, picked); ok {
		return c, true
	}
	if len(list) == 0 {
		return tenants.Candidate{}, false
	}
	return list[0], true
}

func (v verdict) offered(id string) (tenants.Candidate, bool) { return find(v.askable(), id) }

// outcome is how a finished sign-in answers: the app's response, and the cookie.
type outcome struct {
	response op.Response
	session  string // new cookie value, or empty
	signOn   string // likewise, for other tenants
	remember string // likewise, for a remembered browser
}

// finish does all that a finished sign-in does, in the caller's transaction: the
// sign-in is done, the session kept, the code granted, the story told. Any of
// them failing leaves none.
func (s *IDP) finish(ctx context.Context, r *http.Request, have *sessionRow, a *attempt, v verdict) (outcome, error) {
	if err := s.Ceremony.Close(ctx, a.row.ID); err != nil {
		return outcome{}, err
	}
	if err := s.change(ctx, a, stateDone); err != nil {
		return outcome{}, err
	}
	return s.grant(ctx, r, have, a, v)
}

func (s *IDP) grant(ctx context.Context, r *http.Request, have *sessionRow, a *attempt, v verdict) (outcome, error) {
	// From here on nobody changes what the user proves himself with, until this ends.
	switch err := s.Tenants.HoldUser(ctx, a.facts.UserID, v.policy.Epoch); {
	case errors.Is(err, tenants.ErrChanged):
		return outcome{}, errSignInOver
	case err != nil:
		return outcome{}, err
	}
	authTime := signin.AuthTime(a.facts, v.rules).UTC().Truncate(time.Second)
	proofs := signin.Fresh(a.facts, v.rules)
	k, err := s.keepSession(ctx, r, have, a, authTime)
	if err != nil {
		return outcome{}, err
	}
	acr := acrOf(signin.Reached(proofs))
	resp := op.Response{RedirectURL: a.row.ReturnTo}
	if !a.own() {
		resp, err = s.Provider.Grant(ctx, a.req.ID, op.Authentication{
			UserID: a.facts.UserID, SessionID: k.id, ACR: acr, AMR: signin.AMR(proofs), AuthTime: authTime, Consented: a.facts.Consented,
		})
		if err != nil {
			return outcome{}, err
		}
		if resp.Error == "" {
			if err := s.holdBy(ctx, k.id, a); err != nil {
				return outcome{}, err
			}
		}
	}
	if v.policy.ProveFirst && !a.facts.SetUp {
		// A bypass was given, and there is nothing to set up here: that is all there is.
		if err := s.Tenants.SetProveFirst(ctx, a.facts.UserID, false); err != nil {
			return outcome{}, err
		}
	}
	for _, p := range proofs {
		if p.Method != signin.Password && p.Method != signin.Upstream && p.Method != signin.Bypass && !p.At.Before(a.row.CreatedAt) {
			if err := s.Tenants.NoteTwoFactor(ctx, a.facts.UserID, p.Method); err != nil {
				return outcome{}, err
			}
		}
	}
	out := outcome{response: resp, session: k.session, signOn: k.signOn}
	if out.remember, err = s.keepRemembered(ctx, r, a, v); err != nil {
		return outcome{}, err
	}
	for _, row := range a.ended {
		if err := s.tellEnded(ctx, []sessionRow{row}, row.UserID, whyAnother); err != nil {
			return outcome{}, err
		}
	}
	if a.facts.Consented {
		if err := s.tell(ctx, a, "consent.given", map[string]any{"scopes": a.req.Shares}); err != nil {
			return outcome{}, err
		}
	}
	detail := map[string]any{"session": k.id, "acr": acr, "amr": signin.AMR(proofs), "explanation": tenants.Explain(v.policy)}
	if have != nil && have.TenantID != db.ScopeOf(ctx).Tenant && a.borrows() {
		detail["lent_by"] = map[string]string{"tenant": have.TenantID, "session": have.ID}
	}
	err = s.tell(ctx, a, "sign_in.done", detail)
	s.Observe("done")
	return out, err
}

// tell records an event of a sign-in.
func (s *IDP) tell(ctx context.Context, a *attempt, kind string, detail map[string]any) error {
	detail["sign_in"] = a.row.ID
	return s.Audit.Record(ctx, audit.Event{Kind: kind, Actor: a.facts.UserID, User: a.facts.UserID, ClientApp: a.req.ClientApp.ID}, detail)
}

// deny ends a sign-in without success and answers the app with an OAuth error.
func (s *IDP) deny(ctx context.Context, a *attempt, oauthError, why string) (op.Response, error) {
	var resp op.Response
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ceremony.Close(ctx, a.row.ID); err != nil {
			return err
		}
		if err := s.change(ctx, a, stateCancelled); err != nil {
			return err
		}
		if a.own() {
			resp.RedirectURL = pathIn(ctx, "/account/cancelled")
			return s.tell(ctx, a, "sign_in.refused", map[string]any{"error": oauthError, "why": why})
		}
		var err error
		if resp, err = s.Provider.Deny(ctx, a.req.ID, oauthError, why); err != nil {
			return err
		}
		return s.tell(ctx, a, "sign_in.refused", map[string]any{"error": oauthError, "why": why})
	})
	return resp, err
}

// gone reports that the thing a request was about is over.
func gone(err error) bool { return problem.Is(err, problem.Gone) || problem.Is(err, problem.Conflict) }

func toValid(s string) string { return strings.ToValidUTF8(s, "") }

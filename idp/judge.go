package idp

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"twofold/idp/op"
	"twofold/idp/signin"
	"twofold/internal/audit"
	"twofold/internal/problem"
	"twofold/tenants"
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
	v.policy, err = s.Tenants.Policy(ctx, tenants.Question{
		ClientAppID: a.req.ClientApp.ID, IDPID: a.facts.IDPID, UserID: a.facts.UserID, Demand: strengthOf(a.req.ACRValues),
	})
	if err != nil {
		return v, err
	}
	v.rules.SecondFactor = v.policy.Required
	v.rules.MinStrength = signin.Strength(v.policy.Min)
	for _, c := range v.policy.Offered {
		v.rules.Bound = append(v.rules.Bound, c.ID)
	}
	v.step = signin.Next(a.facts, v.rules)
	return v, nil
}

// best is the instance to begin with: the one picked, else the first offered.
func (v verdict) best(picked string) (tenants.Candidate, bool) {
	for _, c := range v.policy.Offered {
		if c.ID == picked {
			return c, true
		}
	}
	if len(v.policy.Offered) == 0 {
		return tenants.Candidate{}, false
	}
	return v.policy.Offered[0], true
}

func (v verdict) offered(id string) (tenants.Candidate, bool) {
	i := slices.IndexFunc(v.policy.Offered, func(c tenants.Candidate) bool { return c.ID == id })
	if i < 0 {
		return tenants.Candidate{}, false
	}
	return v.policy.Offered[i], true
}

// outcome is how a finished sign-in answers: the app's response, and the cookie.
type outcome struct {
	response op.Response
	session  string // new cookie value, or empty
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
	authTime := signin.AuthTime(a.facts, v.rules).UTC().Truncate(time.Second)
	proofs := signin.Fresh(a.facts, v.rules)
	sid, token, err := s.keepSession(ctx, r, have, a, authTime)
	if err != nil {
		return outcome{}, err
	}
	acr := acrOf(signin.Reached(proofs))
	resp, err := s.Provider.Grant(ctx, a.req.ID, op.Authentication{
		UserID: a.facts.UserID, SessionID: sid, ACR: acr, AMR: signin.AMR(proofs), AuthTime: authTime,
	})
	if err != nil {
		return outcome{}, err
	}
	for _, p := range proofs {
		if p.Method != signin.Password && !p.At.Before(a.row.CreatedAt) {
			if err := s.Tenants.NoteTwoFactor(ctx, a.facts.UserID, p.Method); err != nil {
				return outcome{}, err
			}
		}
	}
	err = s.tell(ctx, a, "sign_in.done", map[string]any{
		"session": sid, "acr": acr, "amr": signin.AMR(proofs), "explanation": tenants.Explain(v.policy),
	})
	s.Observe("done")
	return outcome{response: resp, session: token}, err
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

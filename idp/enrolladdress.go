package idp

import (
	"context"
	"net/http"
	"slices"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// An address that a factor needs is asked for and proven in the sign-in.

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

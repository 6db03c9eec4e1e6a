package idp

import (
	"context"
	"encoding/hex"
	"time"

	"twofold/idp/op"
	"twofold/internal/audit"
	"twofold/internal/limits"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

// perSource bounds what strangers can make the audit trail grow by.
var perSource = limits.Limit{Burst: 60, Per: time.Hour}

// noteRefusal records a request that could not become a sign-in.
func (s *IDP) noteRefusal(ctx context.Context, code string) error {
	ok, _, err := s.Limits.Take(ctx, perSource, "bad-request", web.Network(audit.OriginOf(ctx).Address))
	if err != nil || !ok {
		return err
	}
	return s.Audit.Record(ctx, audit.Event{Kind: "sign_in.bad_request"}, map[string]any{"code": code})
}

// hashedName lets the audit trail tell tries of one name apart from tries of many
// without keeping what somebody may have typed by mistake: his password.
func hashedName(s *IDP, name string) string {
	return hex.EncodeToString(s.Seal.MAC("tried-name", tenants.NormalName(name))[:8])
}

// tellRefused tells the administrator why nobody can satisfy the rules for a user;
// the user is given the reference. Loading the page again and again adds no more.
func (s *IDP) tellRefused(ctx context.Context, a *attempt, v verdict) error {
	ok, _, err := s.Limits.Take(ctx, limits.Limit{Burst: 3, Per: signInLife}, "refused", a.row.ID)
	if err != nil || !ok {
		return err
	}
	s.Observe("refused")
	e := tenants.Explain(v.policy)
	s.Log.WarnContext(ctx, "sign-in refused", "request", web.RequestID(ctx), "user", a.facts.UserID, "result", e.Result, "unusable", e.Unusable)
	return s.tell(ctx, a, "sign_in.no_factor", map[string]any{"explanation": e})
}

func formPost(page ui.Page, resp op.Response) ui.FormPost {
	v := ui.FormPost{Page: page, Target: resp.FormPost}
	for _, f := range resp.Fields {
		v.Fields = append(v.Fields, ui.Pair{Name: f[0], Value: f[1]})
	}
	return v
}

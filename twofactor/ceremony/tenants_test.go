package ceremony_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/twofactor/delivery"
)

func TestTwoTenants(t *testing.T) {
	each(t, test{"as a stranger", asStranger}, test{"without a tenant", withoutTenant})
}

// asStranger calls every exported method as globex with what belongs to acme, and
// as globex for its own things under the same names.
func asStranger(t *testing.T, w *world) {
	a := w.begin("s1", "anna", mail)
	wantCode(t, w.answer(a, wrongCode), "wrong_code")
	before, ctx := w.rows(acme), in(t, globex)

	_, err := w.Show(ctx, a.id, a.signIn)
	wantCode(t, err, "challenge_unknown")
	wantCode(t, w.Resend(ctx, a.id, a.signIn), "challenge_unknown")
	wantCode(t, w.Finish(ctx, a.give(a.code), nothing), "challenge_unknown")
	must(t, w.Close(ctx, a.signIn))
	if take, err := w.FallThrough(ctx, delivery.Failure{TwoFactorID: mail, ChallengeID: a.id, UserID: a.user, Next: letter}); err != nil || take.Do != nil || take.Refused != "" {
		t.Errorf("falls through: %+v, %v", take, err)
	}
	must(t, w.Unlock(ctx, a.user))
	twin := w.beginIn(globex, a.signIn, a.user, mail)
	must(t, w.answer(twin, twin.code))
	wantCode(t, w.answer(asking{globex, twin.id, a.signIn, a.user, mail, ""}, a.code), "challenge_over")

	if diff := cmp.Diff(before, w.rows(acme)); diff != "" {
		t.Errorf("acme's rows changed:\n%s", diff)
	}
	must(t, w.answer(a, a.code))
}

func withoutTenant(t *testing.T, w *world) {
	a := w.begin("s1", "anna", mail)
	before, ctx := w.rows(acme), t.Context()
	for name, call := range map[string]func() error{
		"begin":  func() error { _, err := w.Begin(ctx, start("s1", "anna", mail)); return err },
		"show":   func() error { _, err := w.Show(ctx, a.id, a.signIn); return err },
		"resend": func() error { return w.Resend(ctx, a.id, a.signIn) },
		"finish": func() error { return w.Finish(ctx, a.give(a.code), nothing) },
		"close":  func() error { return w.Close(ctx, a.signIn) },
		"unlock": func() error { return w.Unlock(ctx, a.user) },
		"fall through": func() error {
			_, err := w.FallThrough(ctx, delivery.Failure{TwoFactorID: mail, ChallengeID: a.id, Next: letter})
			return err
		},
	} {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if diff := cmp.Diff(before, w.rows(acme)); diff != "" {
		t.Errorf("acme's rows changed:\n%s", diff)
	}
}

// rows is all that a tenant has in the tables of ceremony, read past the guard.
func (w *world) rows(s db.Scope) (out []string) {
	w.t.Helper()
	for q, owner := range map[string]string{
		"SELECT id, sealed, attempts, sends, next_send_at, expires_at, closed_at FROM challenges WHERE tenant_id = '%s' ORDER BY id":       s.Tenant,
		"SELECT user_id, '', failures, last_us, blocked_until_us, '', '' FROM user_failures WHERE subscription_id = '%s' ORDER BY user_id": s.Subscription,
	} {
		rows, err := w.db.SQL().QueryContext(w.t.Context(), fmt.Sprintf(q, owner))
		must(w.t, err)
		for rows.Next() {
			v := make([]any, 7)
			p := make([]any, len(v))
			for i := range v {
				p[i] = &v[i]
			}
			must(w.t, rows.Scan(p...))
			out = append(out, strings.TrimSpace(fmt.Sprintln(v...)))
		}
		must(w.t, rows.Err())
		must(w.t, rows.Close())
	}
	slices.Sort(out)
	return out
}

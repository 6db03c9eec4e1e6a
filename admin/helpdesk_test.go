package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

var operator = admin.By{Actor: "operator", Reason: "asked by telephone"}

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ name, tenant, asked, want, code string }{
			{"by name", "acme", "anna", "anna", ""},
			{"spelt otherwise", "acme", " ANNA ", "anna", ""},
			{"by proven mail address", "acme", "bob@example.test", "bob", ""},
			{"in another tenant too", "globex", "anna", "anna", ""},
			{"of another tenant alone", "globex", "bob", "", "user_unknown"},
			{"of another customer", "acme", "olga", "", "user_unknown"},
			{"of another customer, by mail", "acme", "olga@example.test", "", "user_unknown"},
			{"nobody", "acme", "nobody", "", "user_unknown"},
			{"nothing", "acme", "", "", "user_unknown"},
		} {
			t.Run(c.name, func(t *testing.T) {
				u, err := w.Find(w.in(c.tenant), c.asked)
				wantCode(t, err, c.code)
				if u.Name != c.want {
					t.Errorf("found %q", u.Name)
				}
			})
		}
	})
}

func TestShow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		w.wrong("anna")
		_, _, err := w.Bypass(w.in("acme"), w.ids["anna"], operator)
		must(t, err)
		s, err := w.Show(w.in("acme"), w.ids["anna"])
		must(t, err)
		if len(s.Factors) != 1 || s.Factors[0].Name != "token of one" || s.Factors[0].Label != "Fake of anna" || s.Factors[0].Counted {
			t.Errorf("factors: %+v", s.Factors)
		}
		if s.User.Name != "anna" || s.Sessions != 2 || !s.Bypass || s.Tries != (ceremony.Tries{Wrong: 1}) {
			t.Errorf("%+v", s)
		}
		if s, err = w.Show(w.in("globex"), w.ids["anna"]); err != nil || s.Bypass || len(s.Factors) != 1 {
			t.Errorf("in another tenant: %+v, %v", s, err)
		}
	})
}

// wrong has a user give one wrong answer.
func (w *world) wrong(user string) {
	w.t.Helper()
	ctx := w.in("acme")
	u, err := w.Tenants.User(ctx, w.ids[user])
	must(w.t, err)
	challenge, err := w.Ceremony.Begin(ctx, ceremony.Start{SignInID: "wrong", TwoFactorID: w.ids["token one"], User: u.Factor("")})
	must(w.t, err)
	give := ceremony.Give{Purpose: ceremony.SignIn, ChallengeID: challenge, SignInID: "wrong", UserID: u.ID, Answer: twofactor.Answer{"code": "no"}}
	wantCode(w.t, w.Ceremony.Finish(ctx, give, nil), "wrong_code")
}

func TestUnlock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		for range 2 {
			w.wrong("anna")
		}
		wrong, err := w.Unlock(w.in("acme"), w.ids["anna"], admin.By{Actor: "operator"})
		must(t, err)
		s, err := w.Show(w.in("acme"), w.ids["anna"])
		must(t, err)
		if wrong != 2 || s.Tries != (ceremony.Tries{}) {
			t.Errorf("%d, then %+v", wrong, s.Tries)
		}
		if got, want := w.events("acme")[0], `factor.unlocked by operator of anna {"wrong":2}`; got != want {
			t.Error(cmp.Diff(want, got))
		}
	})
}

// TestReset: all that a user has set up goes, in all tenants, and nothing of others.
func TestReset(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		w.enrol("acme", "bob")
		before, err := w.Tenants.User(w.in("acme"), w.ids["anna"])
		must(t, err)
		done, err := w.Reset(w.in("globex"), w.ids["anna"], operator, admin.Reset{})
		must(t, err)
		if want := (admin.Done{Factors: 1, Phone: true, Sessions: 2}); done != want {
			t.Errorf("%+v", done)
		}
		after, err := w.Tenants.User(w.in("acme"), w.ids["anna"])
		must(t, err)
		if !after.ProveFirst || after.PhoneVerified || after.Phone != before.Phone || !after.EmailVerified || after.CredentialEpoch == before.CredentialEpoch {
			t.Errorf("%+v", after)
		}
		if diff := cmp.Diff([]string{"everywhere anna operator"}, w.ended); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"factors_reset anna"}, w.told); diff != "" {
			t.Error(diff)
		}
		e := w.events("globex")[0]
		for _, want := range []string{"factor.reset by operator of anna", `"reason":"asked by telephone"`, `"phone_unproven":true`, `"sessions":2`, `"name":"token of one"`} {
			if !strings.Contains(e, want) {
				t.Errorf("%s is not in %s", want, e)
			}
		}
		if s, err := w.Show(w.in("acme"), w.ids["bob"]); err != nil || len(s.Factors) != 1 || s.User.ProveFirst {
			t.Errorf("bob: %+v, %v", s, err)
		}
	})
}

func TestResetKeepsPhone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		done, err := w.Reset(w.in("acme"), w.ids["anna"], operator, admin.Reset{KeepPhone: true})
		must(t, err)
		u, err := w.Tenants.User(w.in("acme"), w.ids["anna"])
		must(t, err)
		if done.Phone || !u.PhoneVerified || !u.ProveFirst {
			t.Errorf("%+v, %+v", done, u)
		}
		_, err = w.Reset(w.in("acme"), w.ids["bob"], operator, admin.Reset{KeepPhone: true})
		wantCode(t, err, "nothing_to_reset")
	})
}

// TestRefused: without a reason, for others' users and for who never signs in nothing
// is done, said or written down.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		count := len(w.events("acme"))
		for _, c := range []struct{ name, tenant, user, reason, code string }{
			{"no reason", "acme", "anna", "", "reason_missing"},
			{"a reason of spaces", "acme", "anna", " \n\t", "reason_missing"},
			{"an endless reason", "acme", "anna", strings.Repeat("é", 501), "reason_long"},
			{"of another tenant", "globex", "bob", "x", "user_unknown"},
			{"of another customer", "acme", "olga", "x", "user_unknown"},
		} {
			t.Run(c.name, func(t *testing.T) {
				by := admin.By{Actor: "operator", Reason: c.reason}
				code, until, err := w.Bypass(w.in(c.tenant), w.ids[c.user], by)
				wantCode(t, err, c.code)
				if code != "" || !until.IsZero() {
					t.Errorf("a code all the same: until %v", until)
				}
				_, err = w.Reset(w.in(c.tenant), w.ids[c.user], by, admin.Reset{})
				wantCode(t, err, c.code)
				if c.code == "user_unknown" {
					_, err = w.Unlock(w.in(c.tenant), w.ids[c.user], by)
					wantCode(t, err, c.code)
					_, err = w.Show(w.in(c.tenant), w.ids[c.user])
					wantCode(t, err, c.code)
				}
			})
		}
		if got := w.events("acme"); len(got) != count || len(w.told)+len(w.ended) > 0 {
			t.Errorf("done all the same: %v, %v, %v", got, w.told, w.ended)
		}
	})
}

// TestAllOrNothing: what the user cannot be told of is not done.
func TestAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrol("acme", "anna")
		w.broken = errors.New("no words")
		if code, _, err := w.Bypass(w.in("acme"), w.ids["anna"], operator); !errors.Is(err, w.broken) || code != "" {
			t.Errorf("%q, %v", code, err)
		}
		if done, err := w.Reset(w.in("acme"), w.ids["anna"], operator, admin.Reset{}); !errors.Is(err, w.broken) || done != (admin.Done{}) {
			t.Errorf("%+v, %v", done, err)
		}
		s, err := w.Show(w.in("acme"), w.ids["anna"])
		must(t, err)
		if s.Bypass || len(s.Factors) != 1 || s.User.ProveFirst || !s.User.PhoneVerified {
			t.Errorf("%+v", s)
		}
	})
}

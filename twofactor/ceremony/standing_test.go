package ceremony_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/twofactor"
)

func TestStandingOf(t *testing.T) {
	each(t, test{"agrees with Standing", standingOfAgrees}, test{"of thousands", standingOfThousands})
}

// enrolled puts an enrollment into the database as it stands there, past the guard.
func (w *world) enrolled(s db.Scope, id, userID, twoFactorID string, uses int, preferred bool) {
	w.t.Helper()
	w.exec(fmt.Sprintf(`INSERT INTO enrollments (subscription_id, id, user_id, two_factor_id, label, handle, sealed, uses, preferred, version, created_at)
VALUES ('%s', '%s', '%s', '%s', '', '', '', %d, %v, 1, '2026-01-01')`, s.Subscription, id, userID, twoFactorID, uses, preferred))
}

func standingOfAgrees(t *testing.T, w *world) {
	w.enrol(steps, "one")
	w.enrolled(acme, "e1", anna, steps, 0, true)
	w.enrolled(acme, "e2", anna, paper, 3, false)
	w.enrolled(acme, "e3", bruno, paper, twofactor.UsedUp, false)
	w.enrolled(acme, "e4", bruno, steps, 1, false)
	w.enrolled(globex, "e5", "sub-banna", "sub-bsteps", 0, false)
	for _, s := range []db.Scope{acme, globex} {
		many, err := w.StandingOf(in(t, s), []string{anna, bruno, "sub-banna", "nobody"})
		must(t, err)
		for _, user := range []string{anna, bruno, "sub-banna", "nobody"} {
			one, err := w.Standing(in(t, s), user)
			must(t, err)
			have := many[user]
			if have == nil {
				have = map[string]int{}
			}
			if diff := cmp.Diff(one.Count, have); diff != "" {
				t.Errorf("%s in %s: %s", user, s.Tenant, diff)
			}
		}
	}
	many, err := w.StandingOf(in(t, acme), []string{anna, bruno})
	want := map[string]map[string]int{anna: {steps: 2, paper: 1}, bruno: {steps: 1}}
	if diff := cmp.Diff(want, many); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if none, err := w.StandingOf(in(t, acme), nil); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	if _, err := w.StandingOf(t.Context(), []string{anna}); !errors.Is(err, db.ErrNoScope) {
		t.Errorf("without a scope: %v", err)
	}
}

func standingOfThousands(t *testing.T, w *world) {
	w.enrolled(acme, "e1", anna, steps, 0, false)
	w.enrolled(acme, "e2", bruno, steps, 0, false)
	ids := []string{anna}
	for i := range 5000 {
		ids = append(ids, fmt.Sprint("nobody ", i))
	}
	ctx, n := db.WithCounter(in(t, acme))
	many, err := w.StandingOf(ctx, append(ids, bruno))
	if err != nil || len(many) != 2 || n.Count() != 3 {
		t.Errorf("%v, %v, %d round trips", many, err, n.Count())
	}
}

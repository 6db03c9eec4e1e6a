package idp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gorm.io/gorm"

	"twofold/idp/signin"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// shareSignOns switches it on for the subscriptions of these tenants; their users sign in
// by the IDP "staff".
func (w *world) shareSignOns(names ...string) {
	w.t.Helper()
	for _, name := range names {
		now, err := w.Tenants.RealmByID(w.t.Context(), w.tenantID(name))
		must(w.t, err)
		now.Subscription.SharedSignOn = true
		put(w.t)(w.Tenants.PutSubscription(w.t.Context(), &now.Subscription))
		staff := tenants.IDP{Name: "staff", Title: "Staff", Type: tenants.IDPLocal, Active: true}
		put(w.t)(w.Tenants.PutIDP(w.sub(name), &staff))
		put(w.t)(w.Tenants.SetTenantIDPs(w.sub(name), w.tenantID(name), []string{staff.ID}))
		w.realms[name], err = w.Tenants.RealmByName(w.t.Context(), name)
		must(w.t, err)
		w.users["staff of "+name] = staff.ID
	}
}

// enter makes a session by a password now, in a browser that may have a session, and
// sign-ons, already. A second goes by.
func (w *world) enter(tenant string, have *sessionRow, signOns ...string) kept {
	w.t.Helper()
	a := w.attempt(tenant, w.password(0))
	a.facts.IDPID = w.users["staff of "+tenant]
	k, err := w.keepSession(w.in(tenant), w.carrying(tenant, signOns...), have, a, w.clock.Now())
	must(w.t, err)
	w.clock.Advance(time.Second)
	return k
}

// carrying is a request with these cookies of sign-ons.
func (w *world) carrying(tenant string, tokens ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(w.in(tenant))
	for _, token := range tokens {
		r.AddCookie(&http.Cookie{Name: "twofold-" + w.signOnCookie(r.Context()).name, Value: token})
	}
	return r
}

// lent is the session that stands for a browser with these sign-ons, or nothing.
func (w *world) lent(tenant string, tokens ...string) string {
	w.t.Helper()
	row, err := w.lender(w.carrying(tenant, tokens...))
	must(w.t, err)
	if row == nil {
		return ""
	}
	return row.ID
}

func (w *world) rowOfSession(sid string) (row sessionRow) {
	w.t.Helper()
	must(w.t, w.DB.For(tenants.WithRealm(w.t.Context(), w.realms["acme"])).Where("id = ?", sid).Take(&row).Error)
	return row
}

// TestLender: acme lends to annex, of the same subscription, and to nobody else.
func TestLender(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "annex", "globex")
		ours, theirs := w.enter("acme", nil), w.enter("globex", nil)
		for name, c := range map[string]struct {
			tenant string
			tokens []string
			want   string
		}{
			"to the other one":        {"annex", []string{ours.signOn}, ours.id},
			"among others":            {"annex", []string{"planted", ours.signOn}, ours.id},
			"to itself":               {"acme", []string{ours.signOn}, ""},
			"without a cookie":        {"annex", nil, ""},
			"by that of a session":    {"annex", []string{ours.session}, ""},
			"by its id":               {"annex", []string{ours.id, w.rowOfSession(ours.id).SignOnID}, ""},
			"to another customer":     {"globex", []string{ours.signOn}, ""},
			"of another customer":     {"annex", []string{theirs.signOn}, ""},
			"of another customer too": {"annex", []string{theirs.signOn, ours.signOn}, ours.id},
		} {
			if got := w.lent(c.tenant, c.tokens...); got != c.want {
				t.Errorf("%s: %q", name, got)
			}
		}
		// Of two sessions that lend it is the one that proves more.
		strong := w.attempt("acme", w.password(0), signin.Proof{Method: "mail", Strength: 2, At: w.clock.Now()})
		strong.facts.IDPID = w.users["staff of acme"]
		k, err := w.keepSession(w.in("acme"), w.carrying("acme", ours.signOn), nil, strong, w.clock.Now())
		must(t, err)
		if got := w.lent("annex", k.signOn); got != k.id || w.lent("annex", ours.signOn) != "" || w.count("sign_ons") != 2 {
			t.Errorf("%q lends, of %+v", got, k)
		}
		// More than anybody has who does not try to: nobody.
		row := w.rowOfSession(k.id)
		var many []sessionRow
		for range mostInSignOn {
			row.ID, row.TokenHash = id.New(), id.New()
			many = append(many, row)
		}
		must(t, w.DB.For(w.in("acme")).CreateInBatches(&many, 50).Error)
		if got := w.lent("annex", k.signOn); got != "" {
			t.Errorf("%q lends, of very many", got)
		}
	})
}

// TestSignOnsOfOthers: what belongs to one subscription is not there for another.
func TestSignOnsOfOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "globex")
		ours := w.rowOfSession(w.enter("acme", nil).id)
		if live, err := w.holdSignOn(w.in("globex"), ours.SignOnID); err != nil || live {
			t.Errorf("hold: %v, %v", live, err)
		}
		if live, err := w.holdSignOn(w.in("acme"), ours.SignOnID); err != nil || !live {
			t.Errorf("hold: %v, %v", live, err)
		}
		must(t, w.endSignOns(w.in("globex"), func(q *gorm.DB) *gorm.DB { return q }))
		must(t, w.endSignOns(w.in("globex"), ofUser(ours.UserID)))
		row := sessionRow{UserID: w.users["globex"], SignOnID: ours.SignOnID, ExpiresAt: w.clock.Now().Add(time.Hour)}
		if _, err := w.renewSignOn(w.in("globex"), &row); err != nil || row.SignOnID == ours.SignOnID {
			t.Errorf("renew: %v, %+v", err, row)
		}
		// Nor of another user of the same one.
		row = sessionRow{UserID: w.users["globex"], SignOnID: ours.SignOnID, ExpiresAt: w.clock.Now().Add(time.Hour)}
		if _, err := w.renewSignOn(w.in("acme"), &row); err != nil || row.SignOnID == ours.SignOnID {
			t.Errorf("renew: %v, %+v", err, row)
		}
		if n := w.count("sign_ons WHERE ended_at IS NOT NULL"); n != 0 || w.count("sign_ons") != 3 {
			t.Errorf("%d sign-ons ended, of %d", n, w.count("sign_ons"))
		}
	})
}

// TestSweepSignOns: a sign-on goes with the last of its sessions; until then it is known
// where it was ended.
func TestSweepSignOns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "annex")
		k := w.enter("acme", nil)
		row := w.rowOfSession(k.id)
		there := w.enter("annex", &row)
		must(t, w.EndSession(w.sub("annex"), w.tenantID("annex"), there.id, "root", "x"))
		for _, c := range []struct {
			renew             bool
			sessions, signOns int
		}{{true, 2, 1}, {true, 2, 1}, {false, 2, 1}, {false, 0, 0}} {
			w.clock.Advance(100 * time.Minute)
			if c.renew {
				row := w.rowOfSession(k.id)
				k = w.enter("acme", &row)
			}
			must(t, w.Sweep(t.Context()))
			if got := [2]int{w.count("sessions"), w.count("sign_ons")}; got != [2]int{c.sessions, c.signOns} {
				t.Errorf("%v, want %+v", got, c)
			}
			if got := w.lent("annex", k.signOn); got != "" {
				t.Errorf("what was ended came back: %q", got)
			}
		}
	})
}

// TestSignOnEnds: however somebody is ended for good, no tenant borrows of him.
func TestSignOnEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "annex")
		user := w.users["acme"]
		for name, c := range map[string]struct {
			end  func(k kept) error
			left int // sessions
		}{
			"signed out": {func(k kept) error { row := w.rowOfSession(k.id); return w.end(w.in("acme"), &row, "x") }, 0},
			"a new password": {func(kept) error {
				return w.DB.Tx(w.in("acme"), func(ctx context.Context) error { return w.endAll(ctx, user, "", "x") })
			}, 0},
			"the user":         {func(kept) error { _, err := w.EndUser(w.sub("acme"), user, "root", "x"); return err }, 0},
			"the subscription": {func(kept) error { _, err := w.EndSubscription(w.sub("acme"), "root", "x"); return err }, 0},
			"the tenant":       {func(kept) error { _, err := w.EndTenant(w.sub("acme"), w.tenantID("acme"), "root", "x"); return err }, 1},
			"somebody else": {func(k kept) error {
				row, other := w.rowOfSession(k.id), w.attempt("acme", w.password(0))
				other.facts.UserID = w.users["globex"]
				return w.DB.Tx(w.in("acme"), func(ctx context.Context) error {
					_, err := w.keepSession(ctx, w.carrying("acme", k.signOn), &row, other, w.clock.Now())
					return err
				})
			}, 1},
		} {
			for _, table := range []string{"session_clients", "sessions", "sign_ons", "grants"} {
				_, err := w.DB.SQL().ExecContext(t.Context(), "DELETE FROM "+table)
				must(t, err)
			}
			k := w.enter("acme", nil)
			row := w.rowOfSession(k.id)
			there := w.enter("annex", &row)
			if got := w.lent("annex", there.signOn); got != k.id {
				t.Errorf("%s: %q lends before", name, got)
			}
			must(t, c.end(k))
			if n := w.count("sessions WHERE ended_at IS NULL"); n != c.left || w.lent("annex", there.signOn) != "" {
				t.Errorf("%s: %d sessions live, %q lends", name, n, w.lent("annex", there.signOn))
			}
		}
	})
}

// TestBorrowedNoLonger: a sign-in that borrowed does not go on without its lender.
func TestBorrowedNoLonger(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "annex")
		for name, end := range map[string]func(sid string) error{
			"":                func(string) error { return nil },
			"its session":     func(sid string) error { return w.EndSession(w.sub("acme"), w.tenantID("acme"), sid, "root", "x") },
			"its sign-on":     func(string) error { return w.endSignOns(w.in("acme"), ofUser(w.users["acme"])) },
			"without a trace": func(string) error { return nil },
		} {
			k := w.enter("acme", nil)
			lender := w.rowOfSession(k.id)
			f, err := lender.facts(signin.Facts{})
			must(t, err)
			a := w.attempt("annex", f.Proofs...)
			must(t, end(k.id))
			have := &lender
			if name == "without a trace" {
				have = nil
			}
			err = w.DB.Tx(w.in("annex"), func(ctx context.Context) error {
				_, err := w.keepSession(ctx, w.carrying("annex", k.signOn), have, a, lender.AuthTime)
				return err
			})
			want := errSignInMoved
			if name == "" {
				want = nil
			}
			if p, _ := err.(*problem.Error); p != want { //nolint:errorlint // our own sentinel
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestLenderAtScale: what a browser borrows is found along indexes, among very many.
func TestLenderAtScale(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk(t, w)
		w.shareSignOns("acme", "annex")
		k := w.enter("acme", nil)
		q := `INSERT INTO sign_ons (id, subscription_id, token_hash, user_id, created_at, expires_at)
SELECT 'o' || n.i, s.subscription_id, 'h' || n.i, s.user_id, n.at, s.expires_at FROM SERIES(4000, 1) JOIN sign_ons s ON 1 = 1`
		testkit.Bulk(t, w.url, "sign_ons", q)
		q = `INSERT INTO sessions (tenant_id, id, token_hash, user_id, idp_id, proofs, auth_time, address, user_agent, created_at, seen_at, idle_expires_at, expires_at, sign_on_id)
SELECT s.tenant_id, 's' || n.i, 'h' || n.i, s.user_id, '', '[]', n.at, '', '', n.at, n.at, s.expires_at, s.expires_at, 'o' || n.i FROM SERIES(4000, 1) JOIN sessions s ON 1 = 1`
		testkit.Bulk(t, w.url, "sessions", q)
		r := w.carrying("annex", k.signOn)
		recorder := testkit.Record(t, w.DB.For(t.Context()))
		row, err := w.lender(r)
		must(t, err)
		if row == nil || row.ID != k.id {
			t.Errorf("%+v", row)
		}
		testkit.CheckPlans(t, w.url, testkit.Bounds{Queries: 3, Rows: 500}, recorder.Take())
		must(t, w.endSignOns(w.in("acme"), func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", w.rowOfSession(k.id).SignOnID) }))
		testkit.CheckPlans(t, w.url, testkit.Bounds{Queries: 4, Rows: 500}, recorder.Take())
	})
}

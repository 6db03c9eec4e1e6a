package tenants

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

func TestPolicyLoadsEveryLevel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		second := Group{Name: "another group"}
		done[Difference](t)(w.PutGroup(c.admin, &second))
		targets := map[Level]string{
			LevelSubscription: c.sub.ID, LevelTenant: c.tenant.ID, LevelIDP: c.idp.ID, LevelClientApp: c.app.ID, LevelGroup: c.group.ID, LevelUser: c.anna.ID,
		}
		var names []string
		for _, l := range Levels() {
			f := TwoFactor{Name: "by " + string(l), Type: "key", Active: true}
			done[Difference](t)(w.PutTwoFactor(c.admin, &f, goodOptions))
			done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: f.ID, Level: l, TargetID: targets[l]}))
			names = append(names, f.Name)
		}
		// What must not reach this sign-in.
		for _, a := range []Assignment{{Level: LevelGroup, TargetID: second.ID}, {Level: LevelUser, TargetID: w.user(c, User{Name: "bob", Active: true}).ID}} {
			a.TwoFactorID, a.Required = c.letter.ID, true
			done[Difference](t)(w.PutAssignment(c.admin, &a))
		}
		done[Difference](t)(w.PutAssignment(other.admin, &Assignment{TwoFactorID: other.letter.ID, Level: LevelSubscription, TargetID: other.sub.ID, Required: true}))

		p, err := w.Policy(c.ctx, c.question())
		must(t, err)
		var offered []string
		for _, o := range p.Offered {
			offered = append(offered, o.Name)
		}
		slices.Sort(names)
		if diff := cmp.Diff(names, offered); diff != "" || p.Required || len(p.Unusable) != 0 {
			t.Errorf("%+v %s", p, diff)
		}
		var chain []string
		for _, l := range p.Chain {
			chain = append(chain, string(l.Level)+" "+l.Name)
		}
		want := []string{"subscription acme", "tenant acme", "idp local", "client_app portal", "group all", "user anna"}
		if diff := cmp.Diff(want, chain); diff != "" {
			t.Error(diff)
		}
	})
}

// Everything that bears on a sign-in, in a handful of queries.
func TestPolicyRoundTrips(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for i, name := range []string{"second", "third", "fourth"} {
			g := Group{Name: name}
			done[Difference](t)(w.PutGroup(c.admin, &g))
			done[Difference](t)(w.SetGroupMembers(c.admin, g.ID, []string{c.anna.ID}))
			f := TwoFactor{Name: name, Type: []string{"key", "call", "paper"}[i], Active: true}
			done[Difference](t)(w.PutTwoFactor(c.admin, &f, goodOptions))
			done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: f.ID, Level: LevelGroup, TargetID: g.ID}))
		}
		ctx, n := db.WithCounter(c.ctx)
		p, err := w.Policy(ctx, c.question())
		if err != nil || len(p.Chain) != 9 || len(p.Offered)+len(p.Unusable) != 3 {
			t.Errorf("%+v, %v", p, err)
		}
		if n.Count() > 7 {
			t.Errorf("%d round trips, want at most 7", n.Count())
		}
	})
}

func TestPolicyOfTheDatabaseAsItIs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: c.letter.ID, Level: LevelTenant, TargetID: c.tenant.ID}))
		q := c.question()
		ask := func(name string, required bool, min twofactor.Strength, offered int) Policy {
			t.Helper()
			p, err := w.Policy(c.ctx, q)
			if err != nil || p.Required != required || p.Min != min || len(p.Offered) != offered {
				t.Errorf("%s: required %v, min %v, offered %v, %v", name, p.Required, p.Min, p.Offered, err)
			}
			return p
		}
		ask("optional", false, 0, 1)
		c.tenant.EnforceMFA = true
		done[Difference](t)(w.PutTenant(c.admin, &c.tenant))
		ask("enforced by the tenant", true, 0, 1)
		done[Difference](t)(w.PutExemption(c.admin, &Exemption{Level: LevelUser, TargetID: c.anna.ID, Reason: "x", Until: w.clock.Now().Add(time.Hour)}))
		if p := ask("exempt", false, 0, 1); p.Exempt == nil {
			t.Error("not exempt")
		}
		w.clock.Advance(time.Hour)
		if p := ask("the exemption has ended", true, 0, 1); p.Exempt != nil {
			t.Error("exempt for too long")
		}
		q.Demand = twofactor.StrengthAAL2
		ask("the request demands more", true, twofactor.StrengthAAL2, 0)
		key := TwoFactor{Name: "key", Type: "enrolled", Active: true}
		done[Difference](t)(w.PutTwoFactor(c.admin, &key, goodOptions))
		done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: key.ID, Level: LevelUser, TargetID: c.anna.ID}))
		q.Demand, q.Enrolled = 0, map[string]int{key.ID: 1}
		c.tenant.EnforceMFA = false
		done[Difference](t)(w.PutTenant(c.admin, &c.tenant))
		ask("enrolled", true, 0, 2)
		q.Enrolled = nil
		if p := ask("not enrolled", false, 0, 1); len(p.Settable) != 1 {
			t.Errorf("settable: %+v", p.Settable)
		}
		c.app.MinACR = twofactor.Strength2FA.ACR()
		done[Difference](t)(w.PutClientApp(c.admin, &c.app))
		if p := ask("the app demands", false, twofactor.Strength2FA, 1); !p.Needed() {
			t.Error("not needed")
		}
		w.behind("UPDATE client_apps SET min_acr = 'urn:of:tomorrow' WHERE id = ?", c.app.ID)
		ask("a demand that is not known is the highest", false, twofactor.StrengthPHR, 0)
	})
}

func TestPolicyNamesWhatCannotBeUsed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for _, f := range []struct {
			v TwoFactor
			o Options
		}{
			{TwoFactor{Name: "call", Type: "call", Active: true}, goodOptions},
			{TwoFactor{Name: "broken", Type: "key", Active: true}, nil},
			{TwoFactor{Name: "off", Type: "key"}, goodOptions},
			{TwoFactor{Name: "paper", Type: "paper", Active: true}, goodOptions},
			{TwoFactor{Name: "letter", Type: "letter", Active: true}, goodOptions},
		} {
			done[Difference](t)(w.PutTwoFactor(c.admin, &f.v, f.o))
			done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: f.v.ID, Level: LevelUser, TargetID: c.anna.ID, Required: true}))
		}
		check := func(name string, offered string, unusable map[string]string) {
			t.Helper()
			p, err := w.Policy(c.ctx, c.question())
			must(t, err)
			got := map[string]string{}
			for _, u := range p.Unusable {
				got[u.Name] = u.Reason
			}
			if diff := cmp.Diff(unusable, got); diff != "" || strings.Join(Explain(p).Offered, " ") != offered || !p.Required {
				t.Errorf("%s: offered %v %s", name, Explain(p).Offered, diff)
			}
		}
		never := map[string]string{"broken": "it is invalid: Sender is required", "off": "it is inactive"}
		with := func(more ...string) map[string]string {
			m := map[string]string{}
			for k, v := range never {
				m[k] = v
			}
			for i := 0; i < len(more); i += 2 {
				m[more[i]] = more[i+1]
			}
			return m
		}
		check("mail address alone", "letter paper", with("call", "the user has no proven phone"))
		c.anna.Phone, c.anna.PhoneVerified = "+41791234567", false
		done[Difference](t)(w.PutUser(c.admin, &c.anna))
		check("phone not proven", "letter paper", with("call", "the user has no proven phone"))
		c.anna.PhoneVerified = true
		done[Difference](t)(w.PutUser(c.admin, &c.anna))
		check("both", "call letter paper", with())
		c.anna.PhoneVerified, c.anna.EmailVerified = false, false
		done[Difference](t)(w.PutUser(c.admin, &c.anna))
		check("neither", "", with("call", "the user has no proven phone", "letter", "the user has no proven email", "paper", "it never counts alone"))
	})
}

func TestPolicyRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		outsider := User{Name: "outsider", Kind: Person, Active: true}
		done[Difference](t)(w.PutUser(c.admin, &outsider))
		app := c.app
		app.ID, app.Name, app.ClientID = "", "unassigned", "unassigned"
		done[Difference](t)(w.PutClientApp(c.admin, &app))
		idp := IDP{Name: "unassigned", Type: IDPLocal, Active: true}
		done[Difference](t)(w.PutIDP(c.admin, &idp))
		for name, tc := range map[string]struct {
			change func(*Question)
			code   string
		}{
			"nothing wrong":         {func(*Question) {}, ""},
			"no IDP named":          {func(q *Question) { q.IDPID = "" }, ""},
			"unknown user":          {func(q *Question) { q.UserID = "nobody" }, "user_unknown"},
			"no user":               {func(q *Question) { q.UserID = "" }, "user_unknown"},
			"not a member":          {func(q *Question) { q.UserID = outsider.ID }, "user_unknown"},
			"another's user":        {func(q *Question) { q.UserID = other.anna.ID }, "user_unknown"},
			"unknown app":           {func(q *Question) { q.ClientAppID = "nobody" }, "client_unknown"},
			"no app":                {func(q *Question) { q.ClientAppID = "" }, "client_unknown"},
			"app not of the tenant": {func(q *Question) { q.ClientAppID = app.ID }, "client_unknown"},
			"another's app":         {func(q *Question) { q.ClientAppID = other.app.ID }, "client_unknown"},
			"IDP not of the tenant": {func(q *Question) { q.IDPID = idp.ID }, "idp_unknown"},
			"another's IDP":         {func(q *Question) { q.IDPID = other.idp.ID }, "idp_unknown"},
			"an app for an IDP":     {func(q *Question) { q.IDPID = q.ClientAppID }, "idp_unknown"},
			"a user for an app":     {func(q *Question) { q.ClientAppID = q.UserID }, "client_unknown"},
		} {
			q := c.question()
			tc.change(&q)
			_, err := w.Policy(c.ctx, q)
			if tc.code == "" && err != nil || tc.code != "" && problem.From(err).Code != tc.code {
				t.Errorf("%s: %v, want %q", name, err, tc.code)
			}
		}
		if _, err := w.Policy(t.Context(), c.question()); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
		for table, tc := range map[string]struct{ id, code string }{
			"users": {c.anna.ID, "user_unknown"}, "idps": {c.idp.ID, "idp_unknown"}, "client_apps": {c.app.ID, "client_unknown"},
			"tenants": {c.tenant.ID, "tenant_unknown"}, "subscriptions": {c.sub.ID, "tenant_unknown"},
		} {
			w.behind("UPDATE "+table+" SET active = false WHERE id = ?", tc.id)
			if _, err := w.Policy(c.ctx, c.question()); problem.From(err).Code != tc.code {
				t.Errorf("inactive %s: %v, want %s at once", table, err, tc.code)
			}
			w.behind("UPDATE "+table+" SET active = true WHERE id = ?", tc.id)
		}
	})
}

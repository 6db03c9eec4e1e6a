package tenants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

// staff is a customer with persons of each kind, and what each has set up.
type staff struct {
	*customer
	w                        *world
	post, call, app          TwoFactor
	mailed, called, enrolled User // have a proven mail address, a proven phone, the app
	nobody                   User // has nothing
	standing                 map[string]map[string]int
}

// newStaff assigns nothing yet.
func newStaff(w *world) *staff {
	s := &staff{customer: w.customer("acme"), w: w, standing: map[string]map[string]int{}}
	s.anna.EmailVerified, s.anna.Active = false, false // she is in nobody's way here
	done[Difference](w.t)(w.PutUser(s.admin, &s.anna))
	for name, f := range map[string]*TwoFactor{"post": &s.post, "call": &s.call, "enrolled": &s.app} {
		*f = TwoFactor{Name: name, Type: name, Active: true}
		done[Difference](w.t)(w.PutTwoFactor(s.admin, f, goodOptions))
	}
	s.mailed = s.person(User{Name: "mailed", Email: "m@acme.example", EmailVerified: true})
	s.called = s.person(User{Name: "called", Phone: "+41791234567", PhoneVerified: true})
	s.enrolled = s.person(User{Name: "enrolled"})
	s.nobody = s.person(User{Name: "nobody"})
	s.standing[s.enrolled.ID] = map[string]int{s.app.ID: 1}
	return s
}

// person adds one to tenant and IDP.
func (s *staff) person(u User) User {
	u.ID, u.Kind, u.Active, u.Stamp = id.New(), Person, true, stamped(0)
	must(s.w.t, s.w.DB.For(s.admin).Create(&userRow{User: u}).Error)
	must(s.w.t, s.w.DB.For(s.ctx).Create(&membershipRow{UserID: u.ID}).Error)
	must(s.w.t, s.w.DB.For(s.admin).Create(&identityRow{IDPID: s.idp.ID, Subject: u.Name, UserID: u.ID}).Error)
	return u
}

func (s *staff) assign(a Assignment) {
	done[Difference](s.w.t)(s.w.PutAssignment(s.admin, &a))
}

func (s *staff) ask(_ context.Context, ids []string) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	for _, id := range ids {
		if m, ok := s.standing[id]; ok {
			out[id] = m
		}
	}
	return out, nil
}

// preview is "effect: names; …" of a change.
func (s *staff) preview(c Change) string {
	s.w.t.Helper()
	p, err := s.w.Preview(s.admin, c, s.ask)
	must(s.w.t, err)
	var out []string
	for _, g := range p.Groups {
		if g.Count > 0 {
			names := make([]string, len(g.People.Items))
			for i, a := range g.People.Items {
				names[i] = a.Name
			}
			out = append(out, fmt.Sprintf("%s: %s", g.Effect, strings.Join(names, " ")))
		}
	}
	return fmt.Sprintf("%d reached; %s", p.Reached, strings.Join(out, "; "))
}

func enforcing(l Level, target string) Change {
	yes := true
	return Change{Demand: &Demand{Level: l, TargetID: target, EnforceMFA: &yes}}
}

func demanding(l Level, target string, min twofactor.Strength) Change {
	acr := min.ACR()
	return Change{Demand: &Demand{Level: l, TargetID: target, MinACR: &acr}}
}

func TestPreview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := newStaff(w)
		at := func(f TwoFactor, required bool, grace int64) *Assignment {
			return &Assignment{TwoFactorID: f.ID, Level: LevelTenant, TargetID: s.tenant.ID, Required: required, GraceDays: grace}
		}
		expect := func(name string, c Change, want string) {
			t.Helper()
			if got := s.preview(c); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
		tenant := enforcing(LevelTenant, s.tenant.ID)
		expect("nothing is assigned", tenant, "4 reached; cannot_satisfy: called enrolled mailed nobody")
		expect("to begin with an optional one", Change{PutAssignment: at(s.post, false, 0)}, "4 reached; otherwise: mailed")
		expect("with a required one", Change{PutAssignment: at(s.app, true, 0)}, "4 reached; must_set_up: called mailed nobody; asked_newly: enrolled")
		expect("with a grace", Change{PutAssignment: at(s.app, true, 5)}, "4 reached; grace: called mailed nobody; asked_newly: enrolled")
		expect("one that cannot be set up", Change{PutAssignment: at(s.letter, true, 5)}, "4 reached; cannot_satisfy: called enrolled nobody; asked_newly: mailed")
		s.assign(*at(s.letter, false, 0))
		s.assign(*at(s.call, false, 0))
		expect("two that cannot be set up", tenant, "4 reached; cannot_satisfy: enrolled nobody; asked_newly: called mailed")
		expect("of one strength", demanding(LevelSubscription, s.sub.ID, twofactor.StrengthAAL2), "4 reached; cannot_satisfy: enrolled mailed nobody; asked_newly: called")
		expect("of no more than a password", demanding(LevelTenant, s.tenant.ID, twofactor.Strength1FA), "4 reached; otherwise: called enrolled mailed nobody")
		expect("switched off, needed by none", Change{Switch: &Switch{s.letter.ID, SwitchOff}}, "4 reached; otherwise: mailed")
		expect("left on", Change{Switch: &Switch{s.letter.ID, SwitchOn}}, "4 reached; ")

		s.tenant.EnforceMFA = true
		done[Difference](t)(w.PutTenant(s.admin, &s.tenant))
		expect("as it is", tenant, "4 reached; ")
		expect("switched off", Change{Switch: &Switch{s.letter.ID, SwitchOff}}, "4 reached; cannot_satisfy: mailed")
		expect("deleted", Change{Switch: &Switch{s.letter.ID, SwitchDelete}}, "4 reached; cannot_satisfy: mailed")
		expect("invalid", Change{Invalidate: &Invalidate{[]string{s.letter.ID}}}, "4 reached; cannot_satisfy: mailed")
		expect("both invalid", Change{Invalidate: &Invalidate{[]string{s.letter.ID, s.call.ID}}}, "4 reached; cannot_satisfy: called mailed")
		s.assign(Assignment{TwoFactorID: s.letter.ID, Level: LevelGroup, TargetID: s.group.ID, Required: true})
		into := func(u User, to string) Change {
			return Change{Regroup: &Regroup{GroupID: s.group.ID, UserID: u.ID, To: to}}
		}
		expect("into a group that changes nothing", into(s.mailed, RegroupIn), "1 reached; ")
		expect("a group of nobody", into(User{}, RegroupDelete), "0 reached; ")
		expect("taken away", Change{RemoveAssignment: at(s.call, false, 0)}, "4 reached; cannot_satisfy: called")
		expect("of another instance", Change{RemoveAssignment: at(s.post, false, 0)}, "4 reached; ")
		expect("one more", Change{PutAssignment: at(s.app, false, 0)}, "4 reached; must_set_up: nobody; otherwise: enrolled")
		no := false
		expect("no longer enforced", Change{Demand: &Demand{Level: LevelTenant, TargetID: s.tenant.ID, EnforceMFA: &no}},
			"4 reached; asked_no_more: called enrolled mailed nobody")
		expect("a user exempt", Change{PutExemption: &Exemption{Level: LevelUser, TargetID: s.mailed.ID, Until: firstOfMay.Add(time.Hour)}},
			"1 reached; asked_no_more: mailed")
		expect("for a time that is over", Change{PutExemption: &Exemption{Level: LevelUser, TargetID: s.mailed.ID, Until: firstOfMay}}, "1 reached; ")
		done[Difference](t)(w.PutExemption(s.admin, &Exemption{Level: LevelIDP, TargetID: s.idp.ID, Reason: "x", Until: firstOfMay.Add(time.Hour)}))
		expect("exempt no longer", Change{RemoveExemption: &Exemption{Level: LevelIDP, TargetID: s.idp.ID}},
			"4 reached; cannot_satisfy: enrolled nobody; asked_newly: called mailed")
		expect("exempt, but not as long", Change{PutExemption: &Exemption{Level: LevelIDP, TargetID: s.idp.ID, Until: firstOfMay}},
			"4 reached; cannot_satisfy: enrolled nobody; asked_newly: called mailed")
		expect("a group", Change{PutAssignment: &Assignment{TwoFactorID: s.app.ID, Level: LevelGroup, TargetID: s.group.ID, Required: true}}, "0 reached; ")
	})
}

// What is foreseen of a person: what he meets where, and why.
func TestPreviewOfOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := newStaff(w)
		for _, f := range []TwoFactor{s.letter, s.call} {
			s.assign(Assignment{TwoFactorID: f.ID, Level: LevelTenant, TargetID: s.tenant.ID})
		}
		one := func(c Change, e Effect, name string) Affected {
			t.Helper()
			p, err := w.PreviewList(s.admin, c, e, page.Query{}, s.ask)
			must(t, err)
			for _, a := range p.Items {
				if a.Name == name {
					return a
				}
			}
			t.Fatalf("%s is not among %+v", name, p.Items)
			return Affected{}
		}
		want := Affected{
			ID: s.nobody.ID, Name: "nobody", TenantID: s.tenant.ID, IDPID: s.idp.ID, Before: OutcomeNone, After: OutcomeRefused,
			Reasons: []string{"letter: the user has no proven email", "call: the user has no proven phone"},
		}
		if diff := cmp.Diff(want, one(enforcing(LevelTenant, s.tenant.ID), EffectRefused, "nobody")); diff != "" {
			t.Error(diff)
		}
		w.behind("UPDATE users SET prove_first = true WHERE id = ?", s.mailed.ID)
		got := one(demanding(LevelTenant, s.tenant.ID, twofactor.StrengthPHR), EffectRefused, "mailed")
		if !got.ResetPending || strings.Join(got.Reasons, "; ") != "call: the user has no proven phone; letter: it does not reach phr" {
			t.Errorf("%+v", got)
		}
		grace := Change{PutAssignment: &Assignment{TwoFactorID: s.app.ID, Level: LevelUser, TargetID: s.nobody.ID, Required: true, GraceDays: 2}}
		if got := one(grace, EffectPostpone, "nobody"); !got.GraceUntil.Equal(firstOfMay.AddDate(0, 0, 2)) || got.After != OutcomePostpone {
			t.Errorf("%+v", got)
		}
		// Another day is another grace.
		s.assign(*grace.PutAssignment)
		grace.PutAssignment.GraceDays = 9
		if got := one(grace, EffectPostpone, "nobody"); !got.GraceUntil.Equal(firstOfMay.AddDate(0, 0, 9)) || got.Before != OutcomePostpone {
			t.Errorf("%+v", got)
		}
		w.behind("UPDATE users SET last_two_factor_id = '', phone = '+4915112345678', phone_verified = true WHERE id = ?", s.nobody.ID)
		abroad := one(enforcing(LevelSubscription, s.sub.ID), EffectSetUp, "nobody")
		if !strings.Contains(strings.Join(abroad.Reasons, "; "), "call: the user has no number in a country that text messages may go to") {
			t.Errorf("%+v", abroad)
		}
		// Nothing is enforced yet: the preview has changed nothing.
		if got := s.preview(enforcing(LevelTenant, s.tenant.ID)); !strings.Contains(got, "asked_newly: called mailed") {
			t.Error(got)
		}
	})
}

// A change at an app is about sign-ins to that app; any other is about those apps too
// that are stricter than the tenant's own pages.
func TestPreviewAtApps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := newStaff(w)
		s.assign(Assignment{TwoFactorID: s.letter.ID, Level: LevelTenant, TargetID: s.tenant.ID})
		expect := func(name string, c Change, want string) {
			t.Helper()
			if got := s.preview(c); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
		expect("an app enforces", enforcing(LevelClientApp, s.app0()), "4 reached; cannot_satisfy: called enrolled nobody; asked_newly: mailed")
		vault := s.customer.app
		vault.ID, vault.Stamp, vault.Name, vault.ClientID, vault.MinACR = "", Stamp{}, "vault", "vault", twofactor.Strength2FA.ACR()
		done[Difference](t)(w.PutClientApp(s.admin, &vault))
		expect("an app that no tenant has", enforcing(LevelClientApp, vault.ID), "0 reached; ")
		done[Difference](t)(w.SetTenantClientApps(s.admin, s.tenant.ID, []string{s.app0(), vault.ID}))
		expect("what a strict app needs is switched off", Change{Switch: &Switch{s.letter.ID, SwitchOff}}, "4 reached; cannot_satisfy: mailed")
		p, err := w.PreviewList(s.admin, Change{Switch: &Switch{s.letter.ID, SwitchOff}}, EffectRefused, page.Query{}, s.ask)
		if err != nil || p.Items[0].ClientAppID != vault.ID || p.Items[0].Before != OutcomeAsked {
			t.Errorf("%+v, %v", p, err)
		}
		// And an instance that is assigned to an app alone.
		s.assign(Assignment{TwoFactorID: s.call.ID, Level: LevelClientApp, TargetID: vault.ID})
		expect("assigned to an app", Change{Switch: &Switch{s.call.ID, SwitchOff}}, "4 reached; cannot_satisfy: called")
		machine := s.customer.app
		machine.ID, machine.Stamp = "", Stamp{}
		machine.Name, machine.ClientID, machine.Type, machine.GrantTypes, machine.RedirectURIs = "cron", "cron", AppMachine, List{GrantClientCredentials}, nil
		done[Difference](t)(w.PutClientApp(s.admin, &machine))
		done[Difference](t)(w.SetTenantClientApps(s.admin, s.tenant.ID, []string{s.app0(), machine.ID}))
		expect("of machines", enforcing(LevelClientApp, machine.ID), "0 reached; ")
	})
}

// app0 is the id of the customer's app: the staff has a TwoFactor of that name.
func (s *staff) app0() string { return s.customer.app.ID }

// Who is in several tenants counts once, with the worst; who cannot sign in, never.
func TestPreviewOfSeveralTenants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := newStaff(w)
		s.assign(Assignment{TwoFactorID: s.letter.ID, Level: LevelTenant, TargetID: s.tenant.ID})
		second := Tenant{Name: "acme-two", Active: true}
		done[Difference](t)(w.PutTenant(s.admin, &second))
		done[Difference](t)(w.SetTenantIDPs(s.admin, second.ID, []string{s.idp.ID}))
		done[Difference](t)(w.SetTenantMembers(s.admin, second.ID, []string{s.mailed.ID, s.nobody.ID}))
		if got, want := s.preview(enforcing(LevelSubscription, s.sub.ID)), "4 reached; cannot_satisfy: called enrolled mailed nobody"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		p, err := w.PreviewList(s.admin, enforcing(LevelSubscription, s.sub.ID), EffectRefused, page.Query{}, s.ask)
		if err != nil || p.Items[2].Name != "mailed" || p.Items[2].TenantID != second.ID {
			t.Errorf("%+v, %v", p.Items, err)
		}
		if got, want := s.preview(enforcing(LevelTenant, s.tenant.ID)), "4 reached; cannot_satisfy: called enrolled nobody; asked_newly: mailed"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		w.behind("UPDATE users SET active = false WHERE id = ?", s.called.ID)
		w.behind("UPDATE users SET kind = 'machine' WHERE id = ?", s.enrolled.ID)
		w.behind("DELETE FROM identities WHERE user_id = ?", s.nobody.ID)
		if got, want := s.preview(enforcing(LevelTenant, s.tenant.ID)), "1 reached; asked_newly: mailed"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		w.behind("UPDATE tenants SET active = false WHERE id = ?", s.tenant.ID)
		if got := s.preview(enforcing(LevelTenant, s.tenant.ID)); got != "0 reached; " {
			t.Errorf("at an inactive tenant: %s", got)
		}
		w.behind("UPDATE subscriptions SET active = false WHERE id = ?", s.sub.ID)
		if got := s.preview(enforcing(LevelSubscription, s.sub.ID)); got != "0 reached; " {
			t.Errorf("of an inactive subscription: %s", got)
		}
	})
}

// Lists are bounded, and go on where they end; the queries are as many for each page of
// persons, whatever there is.
func TestPreviewOfMany(t *testing.T) {
	testkit.Later(t)
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		w.crowd(c, peoplePage+10)
		change := enforcing(LevelTenant, c.tenant.ID)
		ctx, n := db.WithCounter(c.admin)
		p, err := w.Preview(ctx, change, w.standing)
		must(t, err)
		if n.Count() > 15+2*7 {
			t.Errorf("%d round trips for two pages", n.Count())
		}
		sum := 0
		for _, g := range p.Groups {
			sum += g.Count
			if len(g.People.Items) > page.MaxLimit || (g.Count > page.MaxLimit) != (g.People.Next != "") {
				t.Errorf("%s: %d of %d, next %q", g.Effect, len(g.People.Items), g.Count, g.People.Next)
			}
		}
		refused := p.Groups[0]
		if p.Reached != peoplePage+11 || sum != p.Affected || refused.Count < 250 || refused.Effect != EffectRefused {
			t.Fatalf("%d reached, %d affected, %d in groups, %d refused", p.Reached, p.Affected, sum, refused.Count)
		}
		seen := map[string]bool{}
		list := refused.People
		for pages := 0; ; pages++ {
			for _, a := range list.Items {
				if seen[a.ID] || a.After != OutcomeRefused {
					t.Fatalf("%s twice, or wrong: %+v", a.Name, a)
				}
				seen[a.ID] = true
			}
			if list.Next == "" {
				break
			}
			list, err = w.PreviewList(c.admin, change, EffectRefused, page.Query{After: list.Next, Limit: 100}, w.standing)
			must(t, err)
		}
		if len(seen) != refused.Count {
			t.Errorf("%d listed of %d", len(seen), refused.Count)
		}
		for name, ask := range map[string]func() error{
			"another change": func() error {
				_, err := w.PreviewList(c.admin, enforcing(LevelSubscription, c.sub.ID), EffectRefused, page.Query{After: refused.People.Next}, w.standing)
				return err
			},
			"another effect": func() error {
				_, err := w.PreviewList(c.admin, change, EffectSetUp, page.Query{After: refused.People.Next}, w.standing)
				return err
			},
			"no effect": func() error { _, err := w.PreviewList(c.admin, change, "", page.Query{}, w.standing); return err },
			"too many": func() error {
				_, err := w.PreviewList(c.admin, change, EffectSetUp, page.Query{Limit: 1000}, w.standing)
				return err
			},
		} {
			if err := ask(); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPreviewRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, other := newStaff(w), w.customer("globex")
		there, exempt := Assignment{TwoFactorID: s.post.ID, Level: LevelTenant, TargetID: s.tenant.ID}, Exemption{Level: LevelUser, TargetID: s.nobody.ID, Reason: "x", Until: firstOfMay}
		done[Difference](t)(w.PutAssignment(s.admin, &there))
		done[Difference](t)(w.PutExemption(s.admin, &exempt))
		there.Level, there.TargetID, exempt.TargetID = LevelIDP, s.idp.ID, s.mailed.ID
		yes, odd, empty := true, "odd", ""
		for name, tc := range map[string]struct {
			c     Change
			field string
		}{
			"nothing": {Change{}, "change"},
			"two at once": {
				Change{Switch: &Switch{s.post.ID, SwitchOff}, Demand: &Demand{Level: LevelTenant, TargetID: s.tenant.ID, EnforceMFA: &yes}},
				"change",
			},
			"an unknown level":              {Change{PutAssignment: &Assignment{TwoFactorID: s.post.ID, Level: "planet", TargetID: s.tenant.ID}}, "level"},
			"another's tenant":              {Change{PutAssignment: &Assignment{TwoFactorID: s.post.ID, Level: LevelTenant, TargetID: other.tenant.ID}}, "target"},
			"another's instance":            {Change{PutAssignment: &Assignment{TwoFactorID: other.letter.ID, Level: LevelTenant, TargetID: s.tenant.ID}}, "two_factor"},
			"a grace of years":              {Change{PutAssignment: &Assignment{TwoFactorID: s.post.ID, Level: LevelTenant, TargetID: s.tenant.ID, GraceDays: 1000}}, "grace_days"},
			"moved":                         {Change{PutAssignment: &there}, "target"},
			"an exemption moved":            {Change{PutExemption: &exempt}, "target"},
			"of nobody's":                   {Change{RemoveAssignment: &Assignment{TwoFactorID: s.post.ID, Level: LevelUser, TargetID: other.anna.ID}}, "target"},
			"a group demands":               {Change{Demand: &Demand{Level: LevelGroup, TargetID: s.group.ID, EnforceMFA: &yes}}, "level"},
			"a demand for nothing":          {Change{Demand: &Demand{Level: LevelTenant, TargetID: s.tenant.ID}}, "enforce_mfa"},
			"an unknown strength":           {Change{Demand: &Demand{Level: LevelTenant, TargetID: s.tenant.ID, MinACR: &odd}}, "min_acr"},
			"an IDP's strength":             {Change{Demand: &Demand{Level: LevelIDP, TargetID: s.idp.ID, MinACR: &empty}}, "min_acr"},
			"another's IDP":                 {enforcing(LevelIDP, other.idp.ID), "target"},
			"switched to something":         {Change{Switch: &Switch{s.post.ID, "dim"}}, "to"},
			"another's instance, switched":  {Change{Switch: &Switch{other.letter.ID, SwitchOff}}, "two_factor"},
			"a tenant exempt":               {Change{PutExemption: &Exemption{Level: LevelTenant, TargetID: s.tenant.ID, Until: firstOfMay}}, "level"},
			"exempt for ever":               {Change{PutExemption: &Exemption{Level: LevelUser, TargetID: s.nobody.ID}}, "until"},
			"another's user, exempt":        {Change{PutExemption: &Exemption{Level: LevelUser, TargetID: other.anna.ID, Until: firstOfMay}}, "target"},
			"another's user, not any more ": {Change{RemoveExemption: &Exemption{Level: LevelUser, TargetID: other.anna.ID}}, "target"},
		} {
			_, err := w.Preview(s.admin, tc.c, s.ask)
			if p := problem.From(err); p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Name != tc.field {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := w.PreviewList(s.admin, tc.c, EffectRefused, page.Query{}, s.ask); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s, as a list: %v", name, err)
			}
		}
		if _, err := w.Preview(t.Context(), enforcing(LevelTenant, s.tenant.ID), s.ask); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a scope: %v", err)
		}
		broken := errors.New("broken")
		fails := func(context.Context, []string) (map[string]map[string]int, error) { return nil, broken }
		if _, err := w.Preview(s.admin, enforcing(LevelTenant, s.tenant.ID), fails); !errors.Is(err, broken) {
			t.Errorf("without what people hold: %v", err)
		}
	})
}

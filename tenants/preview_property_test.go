package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/testkit"
	"twofold/twofactor"
)

// smallWorld is a subscription that rapid has drawn.
type smallWorld struct {
	*world
	ctx      context.Context // of the subscription
	targets  map[Level][]string
	factors  []string
	enrolled map[string]map[string]int
}

// What is drawn with equal chances.
func oneOf[V any](t *rapid.T, label string, list ...V) V {
	return rapid.SampledFrom(list).Draw(t, label)
}

func rarely(t *rapid.T, label string) bool { return rapid.IntRange(0, 4).Draw(t, label) == 0 }

func anyACR(t *rapid.T) string {
	return oneOf(t, "acr", "", "", "", twofactor.Strength1FA.ACR(), twofactor.Strength2FA.ACR(), twofactor.StrengthAAL2.ACR(), twofactor.StrengthPHR.ACR())
}

func stamped(age time.Duration) Stamp {
	return Stamp{CreatedAt: firstOfMay.Add(-age), UpdatedAt: firstOfMay, Version: 1}
}

func (w *world) create(t *rapid.T, ctx context.Context, rows any) {
	if err := w.DB.For(ctx).Create(rows).Error; err != nil {
		t.Fatal(err)
	}
}

func (w *world) drawWorld(t *rapid.T) *smallWorld {
	sub := id.New()
	s := &smallWorld{
		world: w, ctx: db.WithScope(w.t.Context(), db.Scope{Subscription: sub}), enrolled: map[string]map[string]int{},
		targets: map[Level][]string{LevelSubscription: {sub}},
	}
	w.create(t, s.ctx, &subscriptionRow{Subscription{ID: sub, Name: sub, EnforceMFA: rarely(t, "enforces"), MinACR: anyACR(t), Active: true, Stamp: stamped(0)}})
	for range 2 {
		tenant := Tenant{
			ID: id.New(), SubscriptionID: sub, EnforceMFA: rarely(t, "enforces"), MinACR: anyACR(t), SMSCountries: oneOf(t, "countries", List{"CH"}, List{}),
			Active: !rarely(t, "tenant inactive"), Stamp: stamped(0),
		}
		tenant.Name = tenant.ID
		w.create(t, s.ctx, &tenantRow{tenant})
		idp := IDP{ID: id.New(), Type: IDPLocal, EnforceMFA: rarely(t, "enforces"), Active: !rarely(t, "IDP inactive"), Stamp: stamped(0)}
		idp.Name = idp.ID
		w.create(t, s.ctx, &idpRow{IDP: idp})
		app := ClientApp{ID: id.New(), Type: AppWeb, EnforceMFA: rarely(t, "enforces"), MinACR: anyACR(t), Restricted: rarely(t, "restricted"), Active: !rarely(t, "app inactive"), Stamp: stamped(0)}
		app.Name, app.ClientID = app.ID, app.ID
		w.create(t, s.ctx, &clientAppRow{ClientApp: app})
		group := Group{ID: id.New(), Name: id.New(), Stamp: stamped(0)}
		w.create(t, s.ctx, &groupRow{Group: group})
		for l, id := range map[Level]string{LevelTenant: tenant.ID, LevelIDP: idp.ID, LevelClientApp: app.ID, LevelGroup: group.ID} {
			s.targets[l] = append(s.targets[l], id)
		}
	}
	for _, f := range []string{"post", "call", "enrolled", "enrolled", "paper", "key"}[rapid.IntRange(0, 3).Draw(t, "first type"):] {
		v := TwoFactor{Name: f + id.New(), Type: f, Active: !rarely(t, "instance inactive")}
		done[Difference](w.t)(w.PutTwoFactor(s.ctx, &v, oneOf(t, "options", goodOptions, goodOptions, goodOptions, nil)))
		s.factors = append(s.factors, v.ID)
	}
	s.link(t)
	for range 3 {
		s.drawUser(t)
	}
	s.drawAssignments(t)
	for range rapid.IntRange(0, 3).Draw(t, "access") {
		a := s.anyAccess(t)
		s.setAccess(&a, true)
	}
	return s
}

func (s *smallWorld) link(t *rapid.T) {
	for _, tenant := range s.targets[LevelTenant] {
		ctx := db.WithScope(s.ctx, db.Scope{Subscription: s.targets[LevelSubscription][0], Tenant: tenant})
		for i := range 2 {
			if !rarely(t, "IDP not of the tenant") {
				s.create(t, ctx, &tenantIDPRow{IDPID: s.targets[LevelIDP][i]})
			}
			if !rarely(t, "app not of the tenant") {
				s.create(t, ctx, &tenantClientAppRow{ClientAppID: s.targets[LevelClientApp][i]})
			}
		}
	}
}

func (s *smallWorld) drawUser(t *rapid.T) {
	u := User{
		ID: id.New(), Kind: Person, Email: "a@b.example", EmailVerified: rapid.Bool().Draw(t, "mail proven"),
		Phone: oneOf(t, "phone", "", "+41791234567", "+4915112345678", "+41446681800"), PhoneVerified: rapid.Bool().Draw(t, "phone proven"),
		Active: true, Stamp: stamped(time.Duration(rapid.IntRange(0, 9).Draw(t, "age")) * 24 * time.Hour),
	}
	u.Name = u.ID
	s.create(t, s.ctx, &userRow{User: u})
	s.targets[LevelUser] = append(s.targets[LevelUser], u.ID)
	for i := range 2 {
		ctx := db.WithScope(s.ctx, db.Scope{Subscription: s.targets[LevelSubscription][0], Tenant: s.targets[LevelTenant][i]})
		if !rarely(t, "no member") {
			s.create(t, ctx, &membershipRow{UserID: u.ID})
		}
		if !rarely(t, "no identity") {
			s.create(t, s.ctx, &identityRow{IDPID: s.targets[LevelIDP][i], Subject: u.Name, UserID: u.ID})
		}
		if rapid.Bool().Draw(t, "in group") {
			s.create(t, s.ctx, &groupMemberRow{GroupID: s.targets[LevelGroup][i], UserID: u.ID})
		}
	}
	for _, f := range s.factors {
		if rarely(t, "enrolled") {
			if s.enrolled[u.ID] == nil {
				s.enrolled[u.ID] = map[string]int{}
			}
			s.enrolled[u.ID][f] = 1
		}
	}
}

// place draws a level and something there is at it.
func (s *smallWorld) place(t *rapid.T, levels ...Level) (Level, string) {
	l := oneOf(t, "level", levels...)
	return l, oneOf(t, "target", s.targets[l]...)
}

func (s *smallWorld) anyAssignment(t *rapid.T) Assignment {
	a := Assignment{TwoFactorID: oneOf(t, "factor", s.factors...), Required: rapid.Bool().Draw(t, "required"), GraceDays: int64(oneOf(t, "grace", 0, 0, 5))}
	a.Level, a.TargetID = s.place(t, Levels()...)
	return a
}

func (s *smallWorld) anyExemption(t *rapid.T) Exemption {
	x := Exemption{Reason: "x", Until: firstOfMay.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")) * time.Hour)}
	x.Level, x.TargetID = s.place(t, LevelUser, LevelIDP, LevelClientApp)
	return x
}

func (s *smallWorld) drawAssignments(t *rapid.T) {
	for range rapid.IntRange(0, 6).Draw(t, "assignments") {
		a := s.anyAssignment(t)
		done[Difference](s.t)(s.PutAssignment(s.ctx, &a))
	}
	for range rapid.IntRange(0, 2).Draw(t, "exemptions") {
		x := s.anyExemption(t)
		done[Difference](s.t)(s.PutExemption(s.ctx, &x))
	}
}

// anyChange draws a change; one that takes something away finds it there, if there is any.
func (s *smallWorld) anyChange(t *rapid.T) Change {
	assignments, err := s.ListAssignments(s.ctx)
	must(s.t, err)
	exemptions, err := s.ListExemptions(s.ctx)
	must(s.t, err)
	a, x := s.anyAssignment(t), s.anyExemption(t)
	switch rapid.IntRange(0, 8).Draw(t, "change") {
	case 0:
		if len(assignments) > 0 && rapid.Bool().Draw(t, "there already") {
			there := oneOf(t, "which", assignments...)
			a.TwoFactorID, a.Level, a.TargetID = there.TwoFactorID, there.Level, there.TargetID
		}
		return Change{PutAssignment: &a}
	case 1:
		if len(assignments) > 0 {
			a = oneOf(t, "which", assignments...)
		}
		return Change{RemoveAssignment: &Assignment{TwoFactorID: a.TwoFactorID, Level: a.Level, TargetID: a.TargetID}}
	case 2:
		if len(exemptions) > 0 && rapid.Bool().Draw(t, "there already") {
			there := oneOf(t, "which", exemptions...)
			x.Level, x.TargetID = there.Level, there.TargetID
		}
		return Change{PutExemption: &x}
	case 3:
		if len(exemptions) > 0 {
			x = oneOf(t, "which", exemptions...)
		}
		return Change{RemoveExemption: &Exemption{Level: x.Level, TargetID: x.TargetID}}
	case 4:
		return Change{Switch: &Switch{TwoFactorID: oneOf(t, "factor", s.factors...), To: oneOf(t, "to", SwitchOn, SwitchOff, SwitchDelete)}}
	}
	if which := rapid.IntRange(0, 5).Draw(t, "another change"); which < 4 {
		return s.anotherChange(t, which)
	}
	d := &Demand{}
	d.Level, d.TargetID = s.place(t, LevelSubscription, LevelTenant, LevelIDP, LevelClientApp)
	if enforce := rapid.Bool().Draw(t, "enforce"); d.Level == LevelIDP || rapid.Bool().Draw(t, "sets enforce") {
		d.EnforceMFA = &enforce
	}
	if acr := anyACR(t); d.EnforceMFA == nil {
		d.MinACR = &acr
	}
	return Change{Demand: d}
}

// anyAccess draws somebody whom an app is for.
func (s *smallWorld) anyAccess(t *rapid.T) Access {
	a := Access{ClientAppID: oneOf(t, "app", s.targets[LevelClientApp]...)}
	a.Level, a.TargetID = s.place(t, LevelUser, LevelGroup)
	return a
}

func (s *smallWorld) setAccess(a *Access, in bool) {
	change, kind := s.Unlink, LinkAppUser
	if in {
		change = s.Link
	}
	if a.Level == LevelGroup {
		kind = LinkAppGroup
	}
	done[Difference](s.t)(change(s.ctx, kind, a.ClientAppID, a.TargetID))
}

// anotherChange draws one of those that name no level.
func (s *smallWorld) anotherChange(t *rapid.T, which int) Change {
	if which == 0 {
		i := &Invalidate{TwoFactorIDs: []string{oneOf(t, "factor", s.factors...)}}
		if other := oneOf(t, "factor", s.factors...); other != i.TwoFactorIDs[0] {
			i.TwoFactorIDs = append(i.TwoFactorIDs, other)
		}
		return Change{Invalidate: i}
	}
	switch which {
	case 1:
		a := s.anyAccess(t)
		a.To = oneOf(t, "to", RegroupIn, RegroupOut)
		return Change{Access: &a}
	case 2:
		restricted := rapid.Bool().Draw(t, "restricts")
		return Change{Demand: &Demand{Level: LevelClientApp, TargetID: oneOf(t, "app", s.targets[LevelClientApp]...), Restricted: &restricted}}
	}
	r := &Regroup{GroupID: oneOf(t, "group", s.targets[LevelGroup]...), To: oneOf(t, "to", RegroupIn, RegroupOut, RegroupDelete)}
	if r.To != RegroupDelete {
		r.UserID = oneOf(t, "user", s.targets[LevelUser]...)
	}
	return Change{Regroup: r}
}

// makeAnother makes one of these for good.
func (s *smallWorld) makeAnother(c Change) {
	switch {
	case c.Invalidate != nil:
		for _, id := range c.Invalidate.TwoFactorIDs {
			s.behind("UPDATE two_factors SET options_sealed = 'spoilt', version = version + 1 WHERE id = ?", id)
		}
	case c.Access != nil:
		s.setAccess(c.Access, c.Access.To == RegroupIn)
	case c.Regroup.To == RegroupIn:
		done[Difference](s.t)(s.Link(s.ctx, LinkGroupMember, c.Regroup.GroupID, c.Regroup.UserID))
	case c.Regroup.To == RegroupOut:
		done[Difference](s.t)(s.Unlink(s.ctx, LinkGroupMember, c.Regroup.GroupID, c.Regroup.UserID))
	default:
		must(s.t, s.Groups().Delete(s.ctx, c.Regroup.GroupID, 0))
	}
}

// make makes a change for good.
func (s *smallWorld) make(c Change) {
	switch {
	case c.Invalidate != nil, c.Regroup != nil, c.Access != nil:
		s.makeAnother(c)
	case c.PutAssignment != nil:
		a := *c.PutAssignment
		done[Difference](s.t)(s.PutAssignment(s.ctx, &a))
	case c.RemoveAssignment != nil:
		a := c.RemoveAssignment
		all, err := s.ListAssignments(s.ctx)
		must(s.t, err)
		for _, have := range all {
			if a.sameKey(have) {
				must(s.t, s.Assignments().Delete(s.ctx, have.ID, 0))
			}
		}
	case c.PutExemption != nil:
		x := *c.PutExemption
		done[Difference](s.t)(s.PutExemption(s.ctx, &x))
	case c.RemoveExemption != nil:
		s.behind("DELETE FROM exemptions WHERE target_id = ?", c.RemoveExemption.TargetID)
	case c.Switch != nil && c.Switch.To == SwitchDelete:
		must(s.t, s.TwoFactors().Delete(s.ctx, c.Switch.TwoFactorID, 0))
	case c.Switch != nil:
		s.behind(fmt.Sprintf("UPDATE two_factors SET active = %v WHERE id = ?", c.Switch.To == SwitchOn), c.Switch.TwoFactorID)
	default:
		table := map[Level]string{LevelSubscription: "subscriptions", LevelTenant: "tenants", LevelIDP: "idps", LevelClientApp: "client_apps"}[c.Demand.Level]
		if c.Demand.EnforceMFA != nil {
			s.behind(fmt.Sprintf("UPDATE %s SET enforce_mfa = %v WHERE id = ?", table, *c.Demand.EnforceMFA), c.Demand.TargetID)
		}
		if c.Demand.MinACR != nil {
			s.behind(fmt.Sprintf("UPDATE %s SET min_acr = '%s' WHERE id = ?", table, *c.Demand.MinACR), c.Demand.TargetID)
		}
		if c.Demand.Restricted != nil {
			s.behind(fmt.Sprintf("UPDATE client_apps SET restricted = %v WHERE id = ?", *c.Demand.Restricted), c.Demand.TargetID)
		}
	}
}

func (s *smallWorld) standing(_ context.Context, ids []string) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	for _, id := range ids {
		if m, ok := s.enrolled[id]; ok {
			out[id] = m
		}
	}
	return out, nil
}

// policyNow asks what a sign-in would.
func (s *smallWorld) policyNow(t *rapid.T, user string, at signIn) Policy {
	ctx := db.WithScope(s.ctx, db.Scope{Subscription: s.targets[LevelSubscription][0], Tenant: at.tenant})
	p, err := s.Policy(ctx, Question{ClientAppID: at.app, IDPID: at.idp, UserID: user, Enrolled: s.enrolled[user], Account: at.app == ""})
	if err != nil {
		t.Fatalf("%+v: %v", at, err)
	}
	return comparing(p)
}

// comparing leaves out what a policy only passes on, and what a change that nobody has
// made cannot know.
func comparing(p Policy) Policy {
	p.User = User{ID: p.User.ID}
	p.Unusable = slices.Clone(p.Unusable)
	for i, u := range p.Unusable {
		if strings.HasPrefix(u.Reason, "it is invalid: ") {
			p.Unusable[i].Reason = "it is invalid"
		}
	}
	if p.Exempt != nil {
		x := *p.Exempt
		x.ID, x.Stamp = "", Stamp{}
		p.Exempt = &x
	}
	return p
}

// everySignIn lists what persons can do at all.
func everySignIn(e *estate, p *person) (out []signIn) {
	for _, tenant := range p.tenants {
		t, ok := e.tenants[tenant]
		for _, idp := range t.idps {
			if ok && slices.Contains(p.idps, idp) {
				for _, app := range append([]string{""}, t.apps...) {
					out = append(out, signIn{tenant, idp, app})
				}
			}
		}
	}
	return out
}

// What Preview computes for a sign-in is what Store.Policy answers, before the change and
// after it; and the sign-ins that it leaves out are the same before and after, or like one
// that it looks at.
func TestPreviewForeseesPolicy(t *testing.T) {
	testkit.Later(t)
	each(t, func(t *testing.T, w *world) {
		rapid.Check(t, func(t *rapid.T) {
			s := w.drawWorld(t)
			c := s.anyChange(t)
			before, err := s.estate(s.ctx)
			must(w.t, err)
			then, where := before.with(c), before.places(c)
			people, err := s.people(s.ctx, before, places{everyone: true}, "", s.standing)
			if err != nil || len(people) != 3 {
				t.Fatalf("%d people, %v", len(people), err)
			}
			type asked struct {
				user string
				in   signIn
			}
			promised := map[asked]Policy{}
			for _, p := range people {
				looked := before.signIns(p, where)
				for _, in := range everySignIn(before, p) {
					was, is := before.policy(p, in), then.policy(p.with(c, before), in)
					leftOut(t, p, in, looked, func(in signIn) foreseen {
						return judge(p, in, before.policy(p, in), then.policy(p.with(c, before), in))
					})
					if rapid.IntRange(0, 2).Draw(t, "asked") == 0 {
						if diff := cmp.Diff(s.policyNow(t, p.ID, in), comparing(was)); diff != "" {
							t.Fatalf("before %+v: %s", c, diff)
						}
						promised[asked{p.ID, in}] = is
					}
				}
			}
			counts(t, s, c)
			s.make(c)
			for a, is := range promised {
				if diff := cmp.Diff(s.policyNow(t, a.user, a.in), comparing(is)); diff != "" {
					t.Fatalf("after %+v: %s", c, diff)
				}
			}
		})
	})
}

// leftOut fails if a change does something to a sign-in that Preview does not look at, and
// not the same to one that it looks at: of the same person at the same tenant and IDP.
func leftOut(t *rapid.T, p *person, in signIn, looked []signIn, judged func(signIn) foreseen) {
	f := judged(in)
	if f.effect == "" || slices.ContainsFunc(looked, func(o signIn) bool {
		g := judged(o)
		return o.tenant == in.tenant && o.idp == in.idp && g.effect == f.effect && g.Before == f.Before && g.After == f.After
	}) {
		return
	}
	t.Fatalf("%s at %+v is not looked at: %s, %s to %s", p.Name, in, f.effect, f.Before, f.After)
}

// counts holds the numbers and the lists of a preview against each other.
func counts(t *rapid.T, s *smallWorld, c Change) {
	p, err := s.Preview(s.ctx, c, s.standing)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i, g := range p.Groups {
		sum += g.Count
		if g.Effect != Effects()[i] || g.Count != len(g.People.Items) || g.People.Next != "" {
			t.Fatalf("%+v", g)
		}
		for _, a := range g.People.Items {
			if (a.After == OutcomeRefused) != (g.Effect == EffectRefused) || (g.Effect == EffectRefused) && len(a.Reasons) == 0 {
				t.Fatalf("%s: %+v", g.Effect, a)
			}
			if (a.After == OutcomeNoAccess) != (g.Effect == EffectShutOut) || (g.Effect == EffectLetIn) && a.Before != OutcomeNoAccess {
				t.Fatalf("%s: %+v", g.Effect, a)
			}
		}
	}
	if sum != p.Affected || p.Affected > p.Reached || p.Reached > 3 {
		t.Fatalf("%+v", p)
	}
}

package tenants

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"twofold/twofactor"
)

var update = flag.Bool("update", false, "write golden files anew")

// stationsOf has one station of each level, called after it.
func stationsOf() []Station {
	var out []Station
	for _, l := range Levels() {
		out = append(out, Station{Level: l, ID: "id of " + string(l), Name: string(l)})
	}
	return out
}

func at(level Level, twoFactor string, required bool) Assignment {
	return Assignment{TwoFactorID: twoFactor, Level: level, TargetID: "id of " + string(level), Required: required}
}

func exemptionAt(level Level, until time.Time) Exemption {
	return Exemption{Level: level, TargetID: "id of " + string(level), Until: until, Reason: "on leave"}
}

// What a level does in the enumeration.
const (
	nothing = iota
	optional
	required
	enforces
	kinds
)

// TestResolveEveryLevel goes through all that six levels can do, with and without
// each exemption, an enrolled factor and a demand: Resolve must agree with the
// four rules written down once more, plainly.
func TestResolveEveryLevel(t *testing.T) {
	levels := Levels()
	exemptions := []*Exemption{nil}
	for _, l := range levels {
		e, over := exemptionAt(l, firstOfMay.Add(time.Second)), exemptionAt(l, firstOfMay)
		exemptions = append(exemptions, &e, &over)
	}
	demands := []twofactor.Strength{twofactor.StrengthNone, twofactor.Strength2FA, twofactor.StrengthPHR}
	for n := range pow(kinds, len(levels)) {
		r := Reach{Now: firstOfMay, Stations: stationsOf(), Instances: map[string]Candidate{}}
		wantRequired, assigned := false, 0
		for i, l := range levels {
			switch n / pow(kinds, i) % kinds {
			case optional, required:
				id := "tf of " + string(l)
				strength := twofactor.Strength2FA + twofactor.Strength(i%3)
				r.Instances[id] = Candidate{ID: id, Name: id, Strength: strength}
				must := n/pow(kinds, i)%kinds == required
				r.Assignments = append(r.Assignments, at(l, id, must))
				wantRequired, assigned = wantRequired || must, assigned+1
			case enforces:
				r.Stations[i].EnforceMFA = true
				wantRequired = true
			}
		}
		// The side conditions in turn, so that each meets every combination in time.
		enrolled := n%2 == 0
		if enrolled {
			r.Instances["own"] = Candidate{ID: "own", Name: "own", Strength: twofactor.StrengthPHR, Enrolls: true, Enrolled: 1}
			r.Assignments = append(r.Assignments, at(LevelUser, "own", false))
			assigned++
		}
		r.Demand = demands[n%len(demands)]
		r.Exemptions = nil
		e := exemptions[n%len(exemptions)]
		if e != nil {
			r.Exemptions = []Exemption{*e}
		}
		wantRequired = wantRequired || enrolled
		lifts := e != nil && e.Until.After(r.Now) && slices.Contains([]Level{LevelUser, LevelClientApp, LevelIDP}, e.Level)

		p := Resolve(r)
		if p.Required != (wantRequired && !lifts) || (p.Exempt != nil) != (wantRequired && lifts) {
			t.Fatalf("%d: required %v, exempt %v; want %v, %v\n%+v", n, p.Required, p.Exempt, wantRequired && !lifts, wantRequired && lifts, r)
		}
		if p.Min != r.Demand || p.Needed() != (p.Required || r.Demand > twofactor.Strength1FA) {
			t.Fatalf("%d: min %v, needed %v", n, p.Min, p.Needed())
		}
		if len(p.Offered)+len(p.Unusable) != assigned {
			t.Fatalf("%d: %d offered, %d unusable of %d assigned", n, len(p.Offered), len(p.Unusable), assigned)
		}
		for _, c := range p.Offered {
			if c.Strength < r.Demand {
				t.Fatalf("%d: %s is offered and too weak", n, c.Name)
			}
		}
	}
}

func pow(b, e int) int {
	n := 1
	for range e {
		n *= b
	}
	return n
}

func TestResolveUnusable(t *testing.T) {
	strong := twofactor.StrengthAAL2
	for _, c := range []struct {
		name      string
		candidate *Candidate // nil: there is none
		demand    twofactor.Strength
		reason    string // empty: offered
	}{
		{"ready", &Candidate{Strength: strong}, 0, ""},
		{"inactive", &Candidate{Strength: strong, Inactive: true}, 0, "it is inactive"},
		{"invalid", &Candidate{Invalid: "Sender is required"}, 0, "it is invalid: Sender is required"},
		{"invalid and inactive", &Candidate{Invalid: "Sender is required", Inactive: true}, 0, "it is invalid: Sender is required"},
		{"user lacks something", &Candidate{Strength: strong, Lacking: "proven phone"}, 0, "the user has no proven phone"},
		{"gone", nil, 0, "it is invalid: it no longer exists"},
		{"strong enough", &Candidate{Strength: strong}, twofactor.StrengthAAL2, ""},
		{"too weak", &Candidate{Strength: strong}, twofactor.StrengthPHR, "it does not reach phr"},
		{"never alone", &Candidate{Strength: strong, Fallback: true}, 0, "it never counts alone"},
	} {
		for _, must := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, required %v", c.name, must), func(t *testing.T) {
				r := Reach{Now: firstOfMay, Stations: stationsOf(), Demand: c.demand, Instances: map[string]Candidate{}, Assignments: []Assignment{at(LevelTenant, "x", must)}}
				if c.candidate != nil {
					c.candidate.ID, c.candidate.Name = "x", "x"
					r.Instances["x"] = *c.candidate
				}
				p := Resolve(r)
				if p.Required != must {
					t.Errorf("required: %v", p.Required)
				}
				if c.reason == "" && (len(p.Offered) != 1 || len(p.Unusable) != 0) {
					t.Errorf("not offered: %+v", p)
				}
				if c.reason != "" {
					want := []Unusable{{"x", "x", c.reason}}
					if diff := cmp.Diff(want, p.Unusable); diff != "" || len(p.Offered) != 0 {
						t.Errorf("offered %v, unusable: %s", p.Offered, diff)
					}
					if e := Explain(p); must && !strings.HasPrefix(e.Result, "refused") {
						t.Errorf("not refused: %s", e.Result)
					}
				}
			})
		}
	}
}

func TestResolveOrder(t *testing.T) {
	c := func(name string, s twofactor.Strength) Candidate { return Candidate{ID: name, Name: name, Strength: s} }
	spare := c("spare", twofactor.StrengthPHR)
	spare.Fallback = true
	all := []Candidate{spare, c("b", twofactor.Strength2FA), c("a", twofactor.Strength2FA), c("sms", twofactor.StrengthAAL2), c("call", twofactor.StrengthAAL2), c("key", twofactor.StrengthPHR)}
	for _, tc := range []struct {
		name, last string
		want       string
	}{
		{"by strength, then name; what stands in last", "", "key call sms a b spare"},
		{"last used before all of its strength", "sms", "key sms call a b spare"},
		{"and never before a stronger one", "b", "key call sms b a spare"},
		{"unknown last one", "gone", "key call sms a b spare"},
		{"what stands in stays last", "spare", "key call sms a b spare"},
	} {
		r := Reach{Stations: stationsOf(), Instances: map[string]Candidate{}, LastUsed: tc.last}
		for i, cand := range all {
			r.Instances[cand.ID] = cand
			r.Assignments = append(r.Assignments, at(Levels()[i%6], cand.ID, false), at(LevelUser, cand.ID, false)) // twice is once
		}
		if got := strings.Join(Explain(Resolve(r)).Offered, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestResolveDemands(t *testing.T) {
	for _, l := range []Level{LevelSubscription, LevelTenant, LevelClientApp} {
		for _, demand := range []twofactor.Strength{0, twofactor.Strength1FA, twofactor.Strength2FA, twofactor.StrengthPHR} {
			r := Reach{Now: firstOfMay, Stations: stationsOf(), Demand: demand, Exemptions: []Exemption{exemptionAt(LevelUser, firstOfMay.Add(time.Hour))}}
			r.Stations[slices.Index(Levels(), l)].Min = twofactor.StrengthAAL2
			if p := Resolve(r); p.Min != max(demand, twofactor.StrengthAAL2) || !p.Needed() {
				t.Errorf("%s demands aal2, the request %q: got %q, needed %v", l, demand.ACR(), p.Min.ACR(), p.Needed())
			}
		}
	}
	if p := Resolve(Reach{Stations: stationsOf(), Demand: twofactor.Strength1FA}); p.Needed() {
		t.Error("a password reaches what is asked for, and more is needed")
	}
}

// anyReach draws what may bear on a sign-in.
func anyReach(t *rapid.T) Reach {
	r := Reach{Now: firstOfMay, Stations: stationsOf(), Instances: map[string]Candidate{}}
	strengths := rapid.SampledFrom([]twofactor.Strength{twofactor.StrengthNone, twofactor.Strength1FA, twofactor.Strength2FA, twofactor.StrengthAAL2, twofactor.StrengthPHR})
	for i := range r.Stations {
		r.Stations[i].EnforceMFA = rapid.IntRange(0, 5).Draw(t, "enforces") == 0
		if rapid.IntRange(0, 5).Draw(t, "demands") == 0 {
			r.Stations[i].Min = strengths.Draw(t, "min")
		}
	}
	for i := range 5 {
		id := fmt.Sprintf("tf%d", i)
		r.Instances[id] = Candidate{
			ID: id, Name: id, Strength: strengths.Draw(t, "strength"), Fallback: rapid.IntRange(0, 4).Draw(t, "fallback") == 0,
			Inactive: rapid.IntRange(0, 4).Draw(t, "inactive") == 0, Invalid: rapid.SampledFrom([]string{"", "", "", "bad"}).Draw(t, "invalid"),
			Lacking: rapid.SampledFrom([]string{"", "", "", "proven phone"}).Draw(t, "lacking"),
			Enrolls: rapid.Bool().Draw(t, "enrolls"), Enrolled: rapid.IntRange(0, 1).Draw(t, "enrolled"),
		}
	}
	r.Assignments = rapid.SliceOfN(anyAssignment(), 0, 6).Draw(t, "assignments")
	for _, l := range rapid.SliceOfN(rapid.SampledFrom(Levels()), 0, 2).Draw(t, "exemptions") {
		r.Exemptions = append(r.Exemptions, exemptionAt(l, firstOfMay.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until"))*time.Hour)))
	}
	r.Demand = strengths.Draw(t, "demand")
	r.LastUsed = rapid.SampledFrom([]string{"", "tf0", "tf1"}).Draw(t, "last used")
	return r
}

func anyAssignment() *rapid.Generator[Assignment] {
	return rapid.Custom(func(t *rapid.T) Assignment {
		id := fmt.Sprintf("tf%d", rapid.IntRange(0, 5).Draw(t, "instance")) // tf5 is gone
		return at(rapid.SampledFrom(Levels()).Draw(t, "level"), id, rapid.Bool().Draw(t, "required"))
	})
}

func clone(r Reach) Reach {
	r.Stations, r.Assignments, r.Exemptions = slices.Clone(r.Stations), slices.Clone(r.Assignments), slices.Clone(r.Exemptions)
	return r
}

// No level loosens another: whatever is added, only an exemption lifts anything,
// and that only rule 2.
func TestResolveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyReach(t)
		before := Resolve(clone(r))
		more := clone(r)
		i := rapid.IntRange(0, len(r.Stations)-1).Draw(t, "where")
		exempts := false
		switch rapid.IntRange(0, 5).Draw(t, "added") {
		case 0:
			more.Assignments = append(more.Assignments, anyAssignment().Draw(t, "assignment"))
		case 1:
			more.Stations[i].EnforceMFA = true
		case 2:
			more.Stations[i].Min = max(more.Stations[i].Min, twofactor.StrengthAAL2)
		case 3:
			more.Demand = max(more.Demand, twofactor.StrengthAAL2)
		case 4:
			id := fmt.Sprintf("tf%d", rapid.IntRange(0, 4).Draw(t, "sets up"))
			c := more.Instances[id]
			more.Instances = maps.Clone(more.Instances)
			c.Enrolls, c.Enrolled = true, 1
			more.Instances[id] = c
		case 5:
			exempts = true
			more.Exemptions = append(more.Exemptions, exemptionAt(Levels()[i], firstOfMay.Add(time.Hour)))
		}
		after := Resolve(clone(more))
		if after.Min < before.Min || (!exempts && before.Required && !after.Required) {
			t.Fatalf("loosened: %+v, then %+v", before, after)
		}
		if exempts && !cmp.Equal(after.Offered, before.Offered) {
			t.Fatalf("an exemption changes what is offered: %v, then %v", before.Offered, after.Offered)
		}
		if exempts && before.Min > twofactor.Strength1FA && !after.Needed() {
			t.Fatal("an exemption lifts rule 3")
		}
		if len(after.Chain) != len(r.Stations) {
			t.Fatalf("%d links for %d stations", len(after.Chain), len(r.Stations))
		}
		// What is not offered is named with its reason; nothing is skipped in silence.
		for _, a := range more.Assignments {
			offered := slices.ContainsFunc(after.Offered, func(c Candidate) bool { return c.ID == a.TwoFactorID })
			refused := slices.ContainsFunc(after.Unusable, func(u Unusable) bool { return u.ID == a.TwoFactorID && u.Reason != "" })
			if offered == refused {
				t.Fatalf("%s: offered %v, refused %v", a.TwoFactorID, offered, refused)
			}
		}
		slices.Reverse(more.Assignments)
		if again := Resolve(more); again.Required != after.Required || again.Min != after.Min || !cmp.Equal(again.Offered, after.Offered) {
			t.Fatal("the order of assignments matters")
		}
	})
}

func TestExplainGolden(t *testing.T) {
	usual := Reach{
		Now: firstOfMay,
		Stations: []Station{
			{LevelSubscription, "s", "acme", true, 0, false},
			{LevelTenant, "t", "staff", false, twofactor.Strength2FA, false},
			{LevelIDP, "i", "local", false, 0, false},
			{LevelClientApp, "a", "portal", false, twofactor.StrengthAAL2, false},
			{LevelGroup, "g", "travellers", false, 0, false},
			{LevelUser, "u", "anna", false, 0, false},
		},
		Assignments: []Assignment{
			{TwoFactorID: "mail", Level: LevelSubscription, TargetID: "s"},
			{TwoFactorID: "sms", Level: LevelTenant, TargetID: "t", Required: true},
			{TwoFactorID: "old", Level: LevelGroup, TargetID: "g"},
			{TwoFactorID: "gone", Level: LevelUser, TargetID: "u"},
			{TwoFactorID: "app", Level: LevelUser, TargetID: "u"},
			{TwoFactorID: "sms", Level: LevelTenant, TargetID: "another tenant", Required: true},
		},
		Instances: map[string]Candidate{
			"mail": {ID: "mail", Name: "Mail", Strength: twofactor.Strength2FA}, "sms": {ID: "sms", Name: "SMS", Strength: twofactor.StrengthAAL2},
			"old": {ID: "old", Name: "Old gateway", Invalid: "ECallAccountName is required"},
			"app": {ID: "app", Name: "App", Strength: twofactor.StrengthAAL2, Enrolls: true, Enrolled: 1},
		},
	}
	exempt := usual
	exempt.Stations = slices.Clone(usual.Stations)
	exempt.Stations[1].Min, exempt.Stations[3].Min = 0, 0
	exempt.Exemptions = []Exemption{{Level: LevelUser, TargetID: "u", Reason: "lost the phone, ticket 7", Until: firstOfMay.Add(time.Hour)}}
	strict := usual
	strict.Demand = twofactor.StrengthPHR
	cases := []struct {
		Case   string
		Policy Explanation
	}{
		{"asked for", Explain(Resolve(usual))},
		{"exempt", Explain(Resolve(exempt))},
		{"refused", Explain(Resolve(strict))},
		{"nothing", Explain(Resolve(Reach{Stations: usual.Stations[2:3]}))},
	}
	got, err := json.MarshalIndent(cases, "", "  ")
	must(t, err)
	file := filepath.Join("testdata", "explain.json")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("%s\n(run go test with -update)", diff)
	}
}

// What a user may set up, and what he must prove before.
func TestResolveSetUp(t *testing.T) {
	app := Candidate{Strength: twofactor.StrengthAAL2, Enrolls: true}
	set := func(c Candidate, change func(*Candidate)) Candidate { change(&c); return c }
	sms := Candidate{Strength: twofactor.StrengthAAL2, Lacking: "proven phone", Proves: twofactor.NeedsPhone}
	mail := Candidate{Strength: twofactor.Strength2FA}
	paper := Candidate{Strength: twofactor.StrengthAAL2, Enrolls: true, Fallback: true}
	for _, c := range []struct {
		name                              string
		list                              map[string]Candidate
		demand                            twofactor.Strength
		settable, weaker, spares, offered string
		held, may                         bool
	}{
		{"nothing set up", map[string]Candidate{"app": app, "paper": paper}, 0, "app", "", "paper", "", false, true},
		{"set up", map[string]Candidate{"app": set(app, func(c *Candidate) { c.Enrolled = 1 }), "paper": paper}, 0, "", "", "paper", "app", true, false},
		{"invalid", map[string]Candidate{"app": set(app, func(c *Candidate) { c.Invalid = "x" })}, 0, "", "", "", "", false, false},
		{"set up, then invalid", map[string]Candidate{"app": set(app, func(c *Candidate) { c.Invalid, c.Enrolled = "x", 1 }), "sms": sms}, 0, "sms", "", "", "", true, false},
		{"inactive mail holds", map[string]Candidate{"app": app, "mail": set(mail, func(c *Candidate) { c.Inactive = true })}, 0, "app", "", "", "", true, false},
		{"a number to prove", map[string]Candidate{"sms": sms}, 0, "sms", "", "", "", false, true},
		{"a number he may not prove", map[string]Candidate{"sms": set(sms, func(c *Candidate) { c.Proves = "" })}, 0, "", "", "", "", false, false},
		{"stronger than mail", map[string]Candidate{"app": app, "mail": mail}, twofactor.StrengthAAL2, "app", "mail", "", "", true, true},
		{"too weak to set up", map[string]Candidate{"app": app}, twofactor.StrengthPHR, "", "", "", "", false, false},
		{"paper alone is held by nobody", map[string]Candidate{"paper": set(paper, func(c *Candidate) { c.Enrolled = 1 }), "app": app}, 0, "app", "", "", "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Reach{Now: firstOfMay, Stations: stationsOf(), Demand: c.demand, Instances: map[string]Candidate{}}
			for id, cand := range c.list {
				cand.ID, cand.Name = id, id
				r.Instances[id] = cand
				r.Assignments = append(r.Assignments, at(LevelTenant, id, true))
			}
			p := Resolve(r)
			for name, got := range map[string][2]string{
				"settable": {names(p.Settable), c.settable}, "weaker": {names(p.Weaker), c.weaker},
				"spares": {names(p.Spares), c.spares}, "offered": {names(p.Offered), c.offered},
			} {
				if got[0] != got[1] {
					t.Errorf("%s: %q, want %q", name, got[0], got[1])
				}
			}
			if p.Held != c.held || p.maySetUp() != c.may {
				t.Errorf("held %v, may set up %v", p.Held, p.maySetUp())
			}
			if first := strings.HasPrefix(Explain(p).Result, "a second factor must be set up first"); first != (c.may && c.offered == "") {
				t.Errorf("result: %s", Explain(p).Result)
			}
		})
	}
}

func names(list []Candidate) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

func TestResolveGrace(t *testing.T) {
	day := 24 * time.Hour
	begun := firstOfMay.Add(-3 * day)
	graced := func(days int64) Assignment {
		a := at(LevelTenant, "app", true)
		a.GraceDays, a.CreatedAt = days, begun
		return a
	}
	for _, c := range []struct {
		name   string
		change func(*Reach)
		until  time.Time
	}{
		{"running", func(r *Reach) { r.Assignments = []Assignment{graced(5)} }, begun.Add(5 * day)},
		{"ended", func(r *Reach) { r.Assignments = []Assignment{graced(3)} }, time.Time{}},
		{"of a younger user", func(r *Reach) { r.Assignments, r.UserSince = []Assignment{graced(3)}, begun.Add(day) }, begun.Add(4 * day)},
		{"the earliest end", func(r *Reach) {
			more := graced(9)
			more.Level, more.TargetID = LevelUser, "id of user"
			r.Assignments = []Assignment{more, graced(5)}
		}, begun.Add(5 * day)},
		{"one without", func(r *Reach) { r.Assignments = []Assignment{graced(5), at(LevelUser, "app", true)} }, time.Time{}},
		{"an optional one without", func(r *Reach) { r.Assignments = []Assignment{graced(5), at(LevelUser, "app", false)} }, begun.Add(5 * day)},
		{"enforced", func(r *Reach) { r.Assignments, r.Stations[0].EnforceMFA = []Assignment{graced(5)}, true }, time.Time{}},
		{"set up", func(r *Reach) {
			r.Assignments = []Assignment{graced(5)}
			r.Instances["app"] = Candidate{ID: "app", Name: "app", Enrolls: true, Enrolled: 1, Strength: twofactor.StrengthAAL2}
		}, time.Time{}},
	} {
		r := Reach{Now: firstOfMay, Stations: stationsOf(), Instances: map[string]Candidate{"app": {ID: "app", Name: "app", Enrolls: true, Strength: twofactor.StrengthAAL2}}}
		c.change(&r)
		if p := Resolve(r); !p.GraceUntil.Equal(c.until) || !p.Required {
			t.Errorf("%s: until %v, want %v; required %v", c.name, p.GraceUntil, c.until, p.Required)
		}
	}
}

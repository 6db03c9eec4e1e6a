package signin

import (
	"slices"
	"testing"
	"time"
)

func bypassed(age time.Duration) Proof {
	return Proof{Method: Bypass, AMR: []string{"bypass"}, Strength: bypassStrength, At: t0.Add(-age)}
}

func passkey(age time.Duration) Proof {
	return Proof{Method: "key", AMR: []string{"hwk", "user"}, Strength: 4, Alone: true, At: t0.Add(-age)}
}

// TestNextSetUp: who may set up a factor, and when.
func TestNextSetUp(t *testing.T) {
	required := Rules{SecondFactor: true, MaxAge: -1, Now: t0, Since: t0.Add(-time.Minute), MayEnroll: true}
	with := func(change func(*Rules)) Rules {
		r := required
		change(&r)
		return r
	}
	for _, c := range []struct {
		name  string
		facts Facts
		rules Rules
		want  Step
	}{
		{"nothing held: set up", Facts{Proofs: []Proof{pwd(0)}}, required, Enroll},
		{"held, and it does not work", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Held = true }), Refuse},
		{"held, and too weak: prove it first", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Held, r.Weak, r.MinStrength = true, []string{"tf2"}, 3 }), Challenge},
		{"proven, now set up", Facts{Proofs: []Proof{pwd(0), factor(2, 0)}}, with(func(r *Rules) { r.Held, r.Weak, r.MinStrength = true, []string{"tf2"}, 3 }), Enroll},
		{"proven by what is not his here", Facts{Proofs: []Proof{pwd(0), factor(3, 0)}}, with(func(r *Rules) { r.Held, r.Weak, r.MinStrength = true, []string{"tf2"}, 4 }), Challenge},
		{"proven too long ago", Facts{Proofs: []Proof{pwd(0), factor(2, time.Hour)}}, with(func(r *Rules) { r.Held, r.Weak, r.MinStrength, r.MaxAge = true, []string{"tf2"}, 3, time.Minute }), Challenge},
		{"put off", Facts{Later: true, Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.MayPostpone = true }), Done},
		{"may put off, has not", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.MayPostpone = true }), Enroll},
		{"put off and no longer allowed", Facts{Later: true, Proofs: []Proof{pwd(0)}}, required, Enroll},
		{"put off and too weak", Facts{Later: true, Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.MayPostpone, r.MinStrength = true, 3 }), Enroll},
		{"nothing to set up, bypass out", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.MayEnroll, r.MayBypass = false, true }), Challenge},
		{"bypass given", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.MayEnroll = false }), Done},
		{"bypass of an earlier sign-in", Facts{Proofs: []Proof{pwd(0), bypassed(time.Hour)}}, with(func(r *Rules) { r.MayEnroll = false }), Refuse},
		{"bypass is no strong factor", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.MayEnroll, r.MinStrength, r.MayBypass = false, 3, true }), Refuse},
		{"but lets a held one be replaced", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.Held, r.MinStrength = true, 3 }), Enroll},
		{"reset, no bypass out", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.ProveFirst = true }), Refuse},
		{"reset, not by mail either", Facts{Proofs: []Proof{pwd(0), factor(2, 0)}}, with(func(r *Rules) { r.ProveFirst, r.Bound = true, []string{"tf2"} }), Refuse},
		{"reset, bypass out", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.ProveFirst, r.MayBypass = true, true }), Challenge},
		{"reset, bypass given: must set up", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.ProveFirst = true }), Enroll},
		{"also where nothing is required", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.ProveFirst, r.SecondFactor = true, false }), Enroll},
		{"and was set up", Facts{SetUp: true, Proofs: []Proof{pwd(0), bypassed(0), factor(3, 0)}}, with(func(r *Rules) { r.ProveFirst, r.Bound = true, []string{"tf3"} }), Done},
		{"reset, nothing to set up", Facts{Proofs: []Proof{pwd(0), bypassed(0)}}, with(func(r *Rules) { r.ProveFirst, r.MayEnroll = true, false }), Done},
		{"remembered", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Remembered, r.Bound = true, []string{"tf2"} }), Done},
		{"remembered lifts no strength", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Remembered, r.Bound, r.MinStrength = true, []string{"tf3"}, 3 }), Challenge},
		{"a passkey is all", Facts{Proofs: []Proof{passkey(0)}}, with(func(r *Rules) { r.Bound, r.MinStrength = []string{"key"}, 4 }), Done},
		{"not one that was withdrawn", Facts{Proofs: []Proof{passkey(0)}}, required, Identify},
		{"the app must be allowed to: last of all", Facts{Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Consent, r.Bound = true, []string{"tf2"} }), Challenge},
		{"and then", Facts{Proofs: []Proof{pwd(0), factor(2, 0)}}, with(func(r *Rules) { r.Consent, r.Bound = true, []string{"tf2"} }), Consent},
		{"and was", Facts{Consented: true, Proofs: []Proof{pwd(0), factor(2, 0)}}, with(func(r *Rules) { r.Consent, r.Bound = true, []string{"tf2"} }), Done},
		{"which proves nothing", Facts{Consented: true, Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Consent, r.Bound = true, []string{"tf2"} }), Challenge},
		{"wants something: after all else", Facts{Wants: "x", Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.Bound = []string{"tf2"} }), Challenge},
		{"wants something beside what he cannot prove", Facts{Wants: "x", Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.SecondFactor, r.Held = false, true }), Refuse},
		{"or has not proven yet", Facts{Wants: "x", Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.SecondFactor, r.Held, r.Bound = false, true, []string{"tf2"} }), Challenge},
		{"wants one more after he has set one up", Facts{Wants: "x", SetUp: true, Proofs: []Proof{pwd(0)}}, with(func(r *Rules) { r.SecondFactor, r.Held = false, true }), Enroll},
		{"and then", Facts{Wants: "x", Proofs: []Proof{pwd(0), factor(2, 0)}}, with(func(r *Rules) { r.Bound = []string{"tf2"} }), Enroll},
	} {
		c.facts.UserID = "u"
		if got := Next(c.facts, c.rules); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBypassHelps(t *testing.T) {
	for name, c := range map[string]struct {
		rules Rules
		want  bool
	}{
		"nothing demanded":              {Rules{Bound: []string{"tf3"}}, true},
		"as much as it is worth":        {Rules{MinStrength: bypassStrength}, true},
		"more":                          {Rules{MinStrength: bypassStrength + 1}, false},
		"more, and something to set up": {Rules{MinStrength: bypassStrength + 1, MayEnroll: true}, true},
		"more, and something to use":    {Rules{MinStrength: bypassStrength + 1, MayEnroll: true, Bound: []string{"tf3"}}, false},
		"reset":                         {Rules{MinStrength: bypassStrength + 1, ProveFirst: true}, true},
	} {
		if got := c.rules.BypassHelps(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNoneAlone(t *testing.T) {
	f := Facts{UserID: "u", Proofs: []Proof{passkey(0)}}
	g := f.NoneAlone()
	r := Rules{MaxAge: -1, Bound: []string{"key"}}
	if Next(f, r) != Done || Next(g, r) != Identify || !f.Proofs[0].Alone {
		t.Errorf("%v, %v, %+v", Next(f, r), Next(g, r), f)
	}
}

// TestNextHoldsAlways goes through all rules and many facts and asks for what must
// hold whatever they are.
func TestNextHoldsAlways(t *testing.T) {
	proofs := []Proof{pwd(0), pwd(time.Hour), factor(2, 0), factor(3, 0), bypassed(0), bypassed(time.Hour), passkey(0)}
	bools := func(n, i int) bool { return n>>i&1 == 1 }
	checked := 0
	for chosen := range 1 << len(proofs) {
		f := Facts{UserID: "u"}
		for i, p := range proofs {
			if bools(chosen, i) {
				f = f.Add(p)
			}
		}
		for n := range 1 << 9 {
			f.Later, f.SetUp = bools(n, 0), bools(n, 1)
			r := Rules{
				SecondFactor: bools(n, 2), MaxAge: -1, Now: t0, Since: t0.Add(-time.Minute), MayEnroll: bools(n, 3), Held: bools(n, 4),
				ProveFirst: bools(n, 5), MayBypass: bools(n, 6), MayPostpone: bools(n, 7), Remembered: bools(n, 8),
			}
			for minimum := Strength(0); minimum <= 4; minimum += 2 {
				for _, bound := range [][]string{nil, {"tf2", "key"}, {"tf3"}} {
					r.MinStrength, r.Bound = minimum, bound
					r.Weak = []string{"tf2"}
					holds(t, f, r)
					checked++
				}
			}
		}
	}
	if checked < 100_000 {
		t.Errorf("only %d", checked)
	}
}

func holds(t *testing.T, f Facts, r Rules) {
	step := Next(f, r)
	fresh := Fresh(f, r)
	first := slices.ContainsFunc(fresh, Proof.first)
	second := slices.ContainsFunc(fresh, func(p Proof) bool { return p.Method != Password })
	given := slices.ContainsFunc(fresh, func(p Proof) bool { return p.Method == Bypass })
	weak := slices.ContainsFunc(f.Proofs, func(p Proof) bool { return p.Method == "tf2" })
	bad := ""
	switch {
	case (step == Identify) != !first:
		bad = "identified without a first factor, or asked for it again"
	case step == Done && Reached(fresh) < r.MinStrength:
		bad = "done below what is demanded"
	case step == Done && r.SecondFactor && !second && !r.Remembered && !(r.MayPostpone && f.Later):
		bad = "done without a second factor"
	case step == Done && r.ProveFirst && !f.SetUp && (!given || r.MayEnroll):
		bad = "done after a reset without bypass and a new factor"
	case step == Enroll && r.Held && !second && !weak:
		bad = "set up with a password alone, beside what is held"
	case step == Enroll && r.ProveFirst && !f.SetUp && !given:
		bad = "set up after a reset without a bypass"
	case step == Enroll && !r.MayEnroll:
		bad = "set up what there is not"
	case step == Challenge && len(r.Bound)+len(r.Weak) == 0 && !r.MayBypass:
		bad = "asked for what there is not"
	}
	if bad != "" {
		t.Fatalf("%s: %v\n%+v\n%+v", bad, step, f, r)
	}
}

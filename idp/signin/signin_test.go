package signin

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func pwd(age time.Duration) Proof {
	return Proof{Method: Password, AMR: []string{"pwd"}, Strength: 1, At: t0.Add(-age)}
}

func factor(s Strength, age time.Duration) Proof {
	return Proof{Method: fmt.Sprint("tf", s), AMR: []string{"sms", "mca"}, Strength: s, At: t0.Add(-age)}
}

// TestNext enumerates every combination and compares with the rules written down
// once more, the slow way round.
func TestNext(t *testing.T) {
	n := 0
	for _, user := range []string{"", "u"} {
		for _, proofs := range [][]Proof{
			nil,
			{pwd(0)},
			{pwd(time.Hour)},
			{factor(2, 0)},
			{factor(3, 0)},
			{pwd(0), factor(2, 0)},
			{pwd(0), factor(3, 0)},
			{pwd(0), factor(3, time.Hour)},
			{pwd(time.Hour), factor(3, 0)},
			{pwd(time.Hour), factor(3, time.Hour)},
			{pwd(0), factor(4, 0)},
		} {
			for _, second := range []bool{false, true} {
				for minimum := Strength(0); minimum <= 4; minimum++ {
					for _, age := range []time.Duration{-1, 0, time.Minute} {
						for _, bound := range [][]string{nil, {"tf2", "tf4"}, {"tf2", "tf3", "tf4"}} {
							for _, enroll := range []bool{false, true} {
								for _, barred := range []bool{false, true} {
									n++
									f := Facts{UserID: user, Proofs: proofs}
									r := Rules{SecondFactor: second, MinStrength: minimum, MaxAge: age, Now: t0, Since: t0.Add(-time.Second), Bound: bound, MayEnroll: enroll, NoAccess: barred}
									if got, want := Next(f, r), expect(f, r); got != want {
										t.Errorf("Next(%+v, %+v) = %v, want %v", f, r, got, want)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if n < 2000 {
		t.Fatalf("only %d combinations", n)
	}
}

func expect(f Facts, r Rules) Step {
	var hasPassword, hasSecond bool
	var best Strength
	for _, p := range f.Proofs {
		if r.MaxAge >= 0 && t0.Sub(p.At) > r.MaxAge && p.At.Before(r.Since) {
			continue
		}
		if p.Method != Password && !slices.Contains(r.Bound, p.Method) {
			continue // withdrawn, or never assigned here
		}
		if p.Method == Password {
			hasPassword = true
		} else {
			hasSecond = true
		}
		best = max(best, p.Strength)
	}
	if f.UserID == "" || !hasPassword {
		return Identify // a second factor alone never signs anybody in
	}
	if (hasSecond || !r.SecondFactor) && best >= r.MinStrength {
		if r.NoAccess {
			return Bar
		}
		return Done
	}
	if len(r.Bound) > 0 {
		return Challenge
	}
	if r.NoAccess {
		return Bar
	}
	if r.MayEnroll {
		return Enroll
	}
	return Refuse
}

func TestAMR(t *testing.T) {
	mail := Proof{Method: "m", AMR: []string{"email", "mca"}, Strength: 2, At: t0}
	for name, c := range map[string]struct {
		proofs []Proof
		want   []string
	}{
		"nothing":            {nil, nil},
		"password":           {[]Proof{pwd(0)}, []string{"pwd"}},
		"mail is not mfa":    {[]Proof{pwd(0), mail}, []string{"pwd", "email", "mca"}},
		"sms is":             {[]Proof{pwd(0), factor(3, 0)}, []string{"pwd", "sms", "mca", "mfa"}},
		"each method once":   {[]Proof{pwd(0), mail, factor(3, 0)}, []string{"pwd", "email", "mca", "sms", "mfa"}},
		"a code alone isn't": {[]Proof{factor(3, 0)}, []string{"sms", "mca"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := AMR(c.proofs); !slices.Equal(got, c.want) {
				t.Errorf("AMR = %v, want %v", got, c.want)
			}
		})
	}
}

func TestAuthTime(t *testing.T) {
	began := t0.Add(-time.Minute)
	for name, c := range map[string]struct {
		f    Facts
		want time.Time
	}{
		"password in this sign-in":        {Facts{Proofs: []Proof{pwd(30 * time.Second)}}, t0},
		"and a code after it":             {Facts{Proofs: []Proof{pwd(30 * time.Second), factor(3, 0)}}, t0},
		"session":                         {Facts{AuthTime: t0.Add(-time.Hour), Proofs: []Proof{pwd(time.Hour)}}, t0.Add(-time.Hour)},
		"a code on top of an old session": {Facts{AuthTime: t0.Add(-time.Hour), Proofs: []Proof{pwd(time.Hour), factor(3, 0)}}, t0.Add(-time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := AuthTime(c.f, Rules{Now: t0, Since: began}); !got.Equal(c.want) {
				t.Errorf("AuthTime = %v, want %v", got, c.want)
			}
		})
	}
}

// TestProofMadeHereIsFresh: with max_age=0 a proof must outlive the second it was
// made in, or the sign-in would never end.
func TestProofMadeHereIsFresh(t *testing.T) {
	f := Facts{UserID: "u", Proofs: []Proof{pwd(30 * time.Second)}}
	if got := Next(f, Rules{MaxAge: 0, Now: t0, Since: t0.Add(-time.Minute)}); got != Done {
		t.Errorf("Next = %v", got)
	}
}

func TestAddReplacesTheSameMethod(t *testing.T) {
	f := Facts{}.Add(pwd(time.Hour)).Add(factor(3, 0))
	g := f.Add(pwd(0))
	if len(g.Proofs) != 2 || !g.Proofs[1].At.Equal(t0) {
		t.Errorf("proofs = %+v", g.Proofs)
	}
	if !f.Proofs[0].At.Equal(t0.Add(-time.Hour)) {
		t.Error("Add changed the facts it was called on")
	}
}

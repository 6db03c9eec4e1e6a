package signin

import (
	"slices"
	"testing"
	"time"
)

// vouched is another provider's word of an age, trusted with a strength.
func vouched(s Strength, age time.Duration, amr ...string) Proof {
	return Proof{Method: Upstream, Strength: s, AMR: amr, At: t0.Add(-age), Given: t0}
}

// Another provider's word stands for a password, and for a second factor only where it is
// trusted with one.
func TestUpstream(t *testing.T) {
	for name, c := range map[string]struct {
		proofs  []Proof
		second  bool
		minimum Strength
		maxAge  time.Duration
		want    Step
	}{
		"alone":                     {[]Proof{vouched(1, 0)}, false, 1, -1, Done},
		"a factor is asked for":     {[]Proof{vouched(1, 0)}, true, 0, -1, Challenge},
		"trusted with one":          {[]Proof{vouched(2, 0)}, true, 2, -1, Done},
		"but not with as strong":    {[]Proof{vouched(2, 0)}, true, 3, -1, Challenge},
		"ours on top":               {[]Proof{vouched(1, 0), factor(3, 0)}, true, 3, -1, Done},
		"old, and nobody minds":     {[]Proof{vouched(1, time.Hour)}, false, 0, -1, Done},
		"old, and the app minds":    {[]Proof{vouched(3, time.Hour)}, true, 3, time.Minute, Identify},
		"a factor, but nobody else": {[]Proof{factor(3, 0)}, true, 3, -1, Identify},
	} {
		f := Facts{UserID: "u", Proofs: c.proofs}
		r := Rules{SecondFactor: c.second, MinStrength: c.minimum, MaxAge: c.maxAge, Now: t0, Since: t0.Add(-time.Second), Bound: []string{"tf3"}}
		if got := Next(f, r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestUpstreamTells(t *testing.T) {
	r := Rules{Now: t0, Since: t0.Add(-time.Second)}
	for name, c := range map[string]struct {
		proofs []Proof
		amr    []string
		auth   time.Time
	}{
		"untrusted":   {[]Proof{vouched(1, time.Hour)}, nil, t0.Add(-time.Hour)},
		"trusted":     {[]Proof{vouched(3, time.Hour, "pwd", "otp")}, []string{"pwd", "otp", "mfa"}, t0.Add(-time.Hour)},
		"ours on top": {[]Proof{vouched(1, time.Hour), factor(3, 0)}, []string{"sms", "mca", "mfa"}, t0.Add(-time.Hour)},
		"just now":    {[]Proof{vouched(1, 0)}, nil, t0},
	} {
		if got := AMR(c.proofs); !slices.Equal(got, c.amr) {
			t.Errorf("%s: amr %v", name, got)
		}
		if got := AuthTime(Facts{Proofs: c.proofs}, r); !got.Equal(c.auth) {
			t.Errorf("%s: auth_time %v", name, got)
		}
	}
	if p := vouched(1, time.Hour); !p.Since(t0) || p.Since(t0.Add(time.Second)) || !pwd(0).Since(t0) || pwd(1).Since(t0) {
		t.Error("Since")
	}
}

// Package signin decides what comes next in a sign-in.
//
// Facts are what is known; Rules are what must be satisfied; Next derives the step
// from both. Facts only grow and are what is stored; steps never are. The package
// is pure: it knows no HTTP, no SQL and no factor, and reads no clock.
package signin

import (
	"slices"
	"time"
)

// Strength orders what proofs are worth; the zero value is nothing. The values
// are those of twofactor.Strength.
type Strength int

// Facts is all that is known about one sign-in.
type Facts struct {
	Silent   bool      `json:"silent,omitempty"` // prompt=none: no page may be shown
	UserID   string    `json:"user_id,omitempty"`
	IDPID    string    `json:"idp_id,omitempty"`
	Picked   string    `json:"picked,omitempty"` // TwoFactor instance the user chose
	Proofs   []Proof   `json:"proofs,omitempty"`
	AuthTime time.Time `json:"auth_time,omitzero"` // of the session whose proofs were taken over
}

// Proof is one thing the user has shown. Each keeps its method and time, so that
// each policy can compare its own age.
type Proof struct {
	Method   string    `json:"method"` // Password, or a TwoFactor instance's ID
	AMR      []string  `json:"amr"`    // RFC 8176
	Strength Strength  `json:"strength"`
	At       time.Time `json:"at"`
}

// Password is the Method of the first factor.
const Password = "password"

// Rules is what this sign-in must satisfy.
type Rules struct {
	SecondFactor bool          // a second factor is asked for
	MinStrength  Strength      // and at least this strength in all
	MaxAge       time.Duration // proofs older than this do not count, unless made in this sign-in; negative: any age
	Since        time.Time     // when this sign-in began
	Now          time.Time
	Bound        []string // the second factors this user could use now: methods of proofs
	MayEnroll    bool     // and whether he may enrol one
}

// Step is what a sign-in calls for.
type Step int

// Steps.
const (
	Identify  Step = iota // ask for name and password
	Challenge             // ask for a second factor
	Enroll                // let the user enrol one
	Done                  // answer the app
	Refuse                // nobody can satisfy these rules: say so
)

func (s Step) String() string {
	return [...]string{"identify", "challenge", "enroll", "done", "refuse"}[s]
}

// Next reports the step that f and r call for. It is pure, and total.
//
//	no fresh password ──▶ Identify
//	second factor asked for, none fresh or too weak
//	  └─ usable one ──▶ Challenge
//	  └─ may enrol  ──▶ Enroll
//	  └─ neither    ──▶ Refuse
//	else ──▶ Done
func Next(f Facts, r Rules) Step {
	fresh := Fresh(f, r)
	if f.UserID == "" || !slices.ContainsFunc(fresh, isPassword) {
		return Identify
	}
	if satisfied(fresh, r) {
		return Done
	}
	switch {
	case len(r.Bound) > 0:
		return Challenge
	case r.MayEnroll:
		return Enroll
	}
	return Refuse
}

// Fresh returns the proofs that count under r: young enough, and by a password or
// by a second factor that is offered for this very sign-in. What was withdrawn, or
// never assigned here, proves nothing here.
func Fresh(f Facts, r Rules) []Proof {
	return slices.DeleteFunc(slices.Clone(f.Proofs), func(p Proof) bool {
		young := r.MaxAge < 0 || !p.At.Before(r.Since) || r.Now.Sub(p.At) <= r.MaxAge
		return !young || (!isPassword(p) && !slices.Contains(r.Bound, p.Method))
	})
}

func isPassword(p Proof) bool { return p.Method == Password }

func satisfied(fresh []Proof, r Rules) bool {
	if r.SecondFactor && !slices.ContainsFunc(fresh, func(p Proof) bool { return !isPassword(p) }) {
		return false
	}
	return Reached(fresh) >= r.MinStrength
}

// Reached is the strength of proofs together: that of the strongest.
func Reached(proofs []Proof) Strength {
	var s Strength
	for _, p := range proofs {
		s = max(s, p.Strength)
	}
	return s
}

// mfaFrom is the strength from which two proofs may be called multi-factor. A
// code by mail stays below: a mailbox is not something one has (SECURITY §1.3).
const mfaFrom Strength = 3

// AMR is the amr claim that proofs together deserve: each method once, "mfa" only
// where it is true.
func AMR(proofs []Proof) []string {
	var amr []string
	for _, p := range proofs {
		for _, m := range p.AMR {
			if !slices.Contains(amr, m) {
				amr = append(amr, m)
			}
		}
	}
	if Reached(proofs) >= mfaFrom && slices.ContainsFunc(proofs, isPassword) && len(proofs) > 1 && !slices.Contains(amr, "mfa") {
		amr = append(amr, "mfa")
	}
	return amr
}

// AuthTime is when the user authenticated: the end of this sign-in if the password
// was proven in it, else the time of the session it stands on. A code alone does
// not make an old authentication young.
func AuthTime(f Facts, r Rules) time.Time {
	for _, p := range f.Proofs {
		if isPassword(p) && !p.At.Before(r.Since) {
			return r.Now
		}
	}
	return f.AuthTime
}

// Add returns f with p; a later proof by the same method takes the place of the
// earlier one.
func (f Facts) Add(p Proof) Facts {
	proofs := slices.DeleteFunc(slices.Clone(f.Proofs), func(q Proof) bool { return q.Method == p.Method })
	f.Proofs = append(proofs, p)
	return f
}

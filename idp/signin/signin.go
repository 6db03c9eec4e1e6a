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
	Silent    bool      `json:"silent,omitempty"` // prompt=none: no page may be shown
	UserID    string    `json:"user_id,omitempty"`
	IDPID     string    `json:"idp_id,omitempty"`
	Picked    string    `json:"picked,omitempty"` // TwoFactor instance the user chose
	Proofs    []Proof   `json:"proofs,omitempty"`
	Epoch     int64     `json:"epoch,omitempty"`     // the user's credentials when he was first proven here
	Consented bool      `json:"consented,omitempty"` // the user lets the app have what it wants
	Later     bool      `json:"later,omitempty"`     // the user puts off setting up a second factor
	Wants     string    `json:"wants,omitempty"`     // what the user came for: to set something up, in words of package idp
	Recent    bool      `json:"recent,omitempty"`    // what he came for needs proofs of the last minutes
	Linked    string    `json:"linked,omitempty"`    // the instance whose mailed link was opened in this sign-in
	Named     string    `json:"named,omitempty"`     // the name that was given before the password was asked for
	SetUp     bool      `json:"set_up,omitempty"`    // a factor was set up in this sign-in
	Remember  bool      `json:"remember,omitempty"`  // the user wants this browser to be remembered
	AuthTime  time.Time `json:"auth_time,omitzero"`  // of the session whose proofs were taken over
}

// Proof is one thing the user has shown. Each keeps its method and time, so that
// each policy can compare its own age.
type Proof struct {
	Method   string    `json:"method"` // Password, or a TwoFactor instance's ID
	AMR      []string  `json:"amr"`    // RFC 8176
	Strength Strength  `json:"strength"`
	Alone    bool      `json:"alone,omitempty"` // stands for the password too
	At       time.Time `json:"at"`

	// Of method Upstream alone: who has vouched for the user, and in what words. What they
	// count for is asked of the current database each time, and put into Strength and AMR.

	IDPID   string    `json:"idp_id,omitempty"`
	SaidACR string    `json:"said_acr,omitempty"`
	SaidAMR []string  `json:"said_amr,omitempty"`
	Given   time.Time `json:"given,omitzero"` // when it came; At is when the user signed in there
}

// Since reports whether a proof was given at a time or later.
func (p Proof) Since(at time.Time) bool {
	if p.Method == Upstream {
		return !p.Given.Before(at)
	}
	return !p.At.Before(at)
}

// Methods that are no TwoFactor instance.
const (
	Password = "password"
	Bypass   = "bypass"   // a code of the help desk; counts in the sign-in it was given in, and in no other
	Upstream = "upstream" // another OpenID Provider; stands for the password, and for more if it is trusted with that
)

// Rules is what this sign-in must satisfy.
type Rules struct {
	SecondFactor bool          // a second factor is asked for
	MinStrength  Strength      // and at least this strength in all
	MaxAge       time.Duration // proofs older than this do not count, unless made in this sign-in; negative: any age
	Since        time.Time     // when this sign-in began
	Now          time.Time
	Bound        []string // the second factors this user could use now: methods of proofs
	Weak         []string // those of his that are too weak here: they only tell who may enrol
	MayEnroll    bool     // there is one that he may enrol, strong enough
	Held         bool     // he holds a second factor: to enrol, he proves one before
	ProveFirst   bool     // his factors were reset: a bypass first, then he must enrol
	MayBypass    bool     // a bypass is out for him
	MayPostpone  bool     // he need not enrol yet
	NoAccess     bool     // the app is not for this user, whatever he proves
	Consent      bool     // the user must let the app have what it wants
	Remembered   bool     // this browser was remembered: no second factor, but MinStrength holds
}

// Step is what a sign-in calls for.
type Step int

// Steps.
const (
	Identify  Step = iota // ask for name and password
	Challenge             // ask for a second factor
	Enroll                // let the user enrol one
	Consent               // ask whether the app may have what it wants
	Done                  // answer the app
	Refuse                // nobody can satisfy these rules: say so
	Bar                   // the app is not for this user: say so
)

func (s Step) String() string {
	return [...]string{"identify", "challenge", "enroll", "consent", "done", "refuse", "bar"}[s]
}

// Next reports the step that f and r call for. It is pure, and total.
//
//	no fresh first factor ──▶ Identify
//	factors were reset
//	  └─ no bypass given ──▶ Challenge (by bypass)
//	  └─ none set up     ──▶ Enroll, if there is one
//	second factor asked for, none fresh or too weak
//	  └─ usable one      ──▶ Challenge
//	  └─ may enrol       ──▶ Enroll, but who holds a factor proves it first: Challenge
//	  └─ bypass is out   ──▶ Challenge
//	  └─ none of these   ──▶ Refuse
//	the user wants to set something up ──▶ Enroll, but who holds a factor proves it first
//	the app is not for him ──▶ Bar
//	the app must be allowed to, and is not ──▶ Consent
//	else ──▶ Done
//
// Whom the app is not for learns so when he has proven what he has, and sets up nothing
// for it: Bar takes the place of Enroll and Refuse too.
func Next(f Facts, r Rules) Step {
	fresh := Fresh(f, r)
	if f.UserID == "" || !slices.ContainsFunc(fresh, Proof.first) {
		return Identify
	}
	if r.ProveFirst && !f.SetUp {
		switch {
		case !slices.ContainsFunc(fresh, isBypass):
			return ifTrue(r.MayBypass, Challenge)
		case r.MayEnroll:
			return Enroll
		}
	}
	switch {
	case satisfied(f, fresh, r):
		switch {
		case r.NoAccess:
			return Bar
		case f.Wants == "" && r.Consent && !f.Consented:
			return Consent
		case f.Wants == "":
			return Done
		case f.SetUp || mayEnroll(f, r):
			return Enroll
		}
		return ifTrue(len(r.Bound)+len(r.Weak) > 0, Challenge)
	case len(r.Bound) > 0:
		return Challenge
	case r.NoAccess && mayEnroll(f, r):
		return Bar
	case r.MayEnroll && mayEnroll(f, r):
		return Enroll
	case r.MayEnroll && (len(r.Weak) > 0 || r.MayBypass), r.MayBypass && r.MinStrength <= bypassStrength:
		return Challenge
	case r.NoAccess:
		return Bar
	}
	return Refuse
}

func ifTrue(ok bool, s Step) Step {
	if ok {
		return s
	}
	return Refuse
}

// bypassStrength is what a bypass is worth: as much as a code by mail.
const bypassStrength Strength = 2

// mayEnroll reports whether the user may set up a factor: he holds none, or has
// proven in this sign-in, or freshly before, that he is the one who holds it.
func mayEnroll(f Facts, r Rules) bool {
	if !r.Held {
		return true
	}
	return slices.ContainsFunc(young(f, r), func(p Proof) bool {
		return !p.anyones() && (slices.Contains(r.Bound, p.Method) || slices.Contains(r.Weak, p.Method) || isBypass(p) && !p.At.Before(r.Since))
	})
}

// BypassHelps reports whether a bypass would bring a sign-in any further under r: it is
// worth something by itself, or lets the user set up what is.
func (r Rules) BypassHelps() bool {
	return r.ProveFirst || r.MinStrength <= bypassStrength || r.MayEnroll && len(r.Bound) == 0
}

// NoneAlone returns f without proofs that stand for the password too.
func (f Facts) NoneAlone() Facts {
	f.Proofs = slices.Clone(f.Proofs)
	for i := range f.Proofs {
		f.Proofs[i].Alone = false
	}
	return f
}

// Fresh returns the proofs that count under r: young enough, and by a password, by
// a second factor that is offered for this very sign-in, or by a bypass given in
// it. What was withdrawn, or never assigned here, proves nothing here.
func Fresh(f Facts, r Rules) []Proof {
	return slices.DeleteFunc(young(f, r), func(p Proof) bool {
		if isBypass(p) {
			return p.At.Before(r.Since)
		}
		return !p.anyones() && !slices.Contains(r.Bound, p.Method)
	})
}

func young(f Facts, r Rules) []Proof {
	return slices.DeleteFunc(slices.Clone(f.Proofs), func(p Proof) bool {
		return r.MaxAge >= 0 && p.At.Before(r.Since) && r.Now.Sub(p.At) > r.MaxAge
	})
}

// anyones reports whether p is a first factor that nothing has to be set up for here.
func (p Proof) anyones() bool { return p.Method == Password || p.Method == Upstream }

func isBypass(p Proof) bool { return p.Method == Bypass }

// first reports whether p says who the user is, without a second factor beside it.
func (p Proof) first() bool { return p.anyones() || p.Alone }

// second reports whether p shows more than a first factor does: so does another provider
// that is trusted with having asked for two.
func (p Proof) second() bool {
	return p.Method != Password && (p.Method != Upstream || p.Strength >= bypassStrength)
}

func satisfied(f Facts, fresh []Proof, r Rules) bool {
	second := !r.SecondFactor || r.Remembered || (r.MayPostpone && f.Later) ||
		slices.ContainsFunc(fresh, Proof.second)
	return second && Reached(fresh) >= r.MinStrength
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
	several := slices.ContainsFunc(proofs, Proof.anyones) && slices.ContainsFunc(proofs, Proof.second) || slices.ContainsFunc(proofs, func(p Proof) bool { return p.Alone })
	if Reached(proofs) >= mfaFrom && several && !slices.Contains(amr, "mfa") {
		amr = append(amr, "mfa")
	}
	return amr
}

// AuthTime is when the user authenticated: the end of this sign-in if the password
// was proven in it, else the time of the session it stands on. A code alone does
// not make an old authentication young.
//
// Who was signed in at another provider before has authenticated then.
func AuthTime(f Facts, r Rules) time.Time {
	at := f.AuthTime
	for _, p := range f.Proofs {
		switch {
		case !p.first():
		case !p.At.Before(r.Since):
			return r.Now
		case p.Method == Upstream && p.At.After(at):
			at = p.At
		}
	}
	return at
}

// Add returns f with p; a later proof by the same method takes the place of the
// earlier one.
func (f Facts) Add(p Proof) Facts {
	proofs := slices.DeleteFunc(slices.Clone(f.Proofs), func(q Proof) bool { return q.Method == p.Method })
	f.Proofs = append(proofs, p)
	return f
}

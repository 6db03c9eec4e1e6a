package tenants

import "twofold/twofactor"

// Outcome is what a policy means for a person who signs in with his password, and has
// shown nothing else yet.
type Outcome string

// Outcomes, the mildest first.
const (
	OutcomeNone     Outcome = "none"           // no second factor is asked for
	OutcomeAsked    Outcome = "asked"          // one that he has is asked for
	OutcomePostpone Outcome = "may_postpone"   // he must set one up, but not before Policy.GraceUntil
	OutcomeSetUp    Outcome = "must_set_up"    // he must set one up first
	OutcomeRefused  Outcome = "cannot_satisfy" // a second factor is needed, and there is nothing that he could do
	OutcomeNoAccess Outcome = "no_access"      // the app is not for him, whatever he proves
)

// Outcome reports what p means. What a help desk may do about it, a bypass, and what a
// browser may be spared that is remembered, it does not count.
func (p Policy) Outcome() Outcome {
	switch {
	case p.NoAccess:
		return OutcomeNoAccess
	case !p.Needed():
		return OutcomeNone
	case len(p.Offered) > 0:
		return OutcomeAsked
	case p.mayPostpone():
		return OutcomePostpone
	case p.maySetUp():
		return OutcomeSetUp
	}
	return OutcomeRefused
}

// mayPostpone reports whether the user may leave setting up for later: by a grace, which
// lifts no demand of rule 3, and of which only he has the use who holds nothing yet and
// is led to set something up.
func (p Policy) mayPostpone() bool {
	return !p.GraceUntil.IsZero() && !p.Held && len(p.Offered) == 0 && len(p.Settable) > 0 && p.Min <= twofactor.Strength1FA
}

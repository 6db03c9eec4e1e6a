package tenants

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"twofold/twofactor"
)

// Reach is all that bears on one sign-in. Policy (store) loads it; Resolve judges it.
type Reach struct {
	Now         time.Time
	Stations    []Station            // outermost first: subscription, tenant, IDP, client app, groups, user
	Assignments []Assignment         // those that hang on a station
	Instances   map[string]Candidate // by TwoFactor ID, for every assignment
	Exemptions  []Exemption          // of the user, client app or IDP
	UserSince   time.Time            // grace begins with the user or the assignment, whichever is younger
	Demand      twofactor.Strength   // by the request's acr_values
	Admits      []string             // ids of the stations that a restricted app is for
	LastUsed    string               // TwoFactor ID
}

// Station is one level as it stands for this sign-in.
type Station struct {
	Level      Level              `json:"level"`
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	EnforceMFA bool               `json:"enforce_mfa,omitempty"`
	Min        twofactor.Strength `json:"-"`
	Restricted bool               `json:"-"` // of a client app: it is for some of the users and groups alone
}

// Candidate is an instance with what is known about its use for this user.
type Candidate struct {
	ID, Name, Type string
	Strength       twofactor.Strength
	Needs          []twofactor.Attribute
	Fallback       bool   // never counts alone
	Inactive       bool   //
	Invalid        string // which option lacks or is wrong; empty: valid
	Lacking        string // what the user lacks; empty: nothing
	Enrolls        bool   // of use only to who has set it up
	Enrolled       int    // and how often this user has
	HostBound      bool   // what is set up at one host name is of no use at another
	Away           int    // how often he has set it up at another one
	// Proves is the address that the user would have to prove to use it, where he may
	// do that himself; empty otherwise.
	Proves twofactor.Attribute
}

// held reports whether the user has what it takes, whatever state the instance is in.
func (c Candidate) held() bool {
	if c.Enrolls {
		return c.Enrolled > 0
	}
	return c.Lacking == ""
}

// settable reports whether the user could set it up now.
func (c Candidate) settable() bool {
	return c.Invalid == "" && !c.Inactive && !c.held() && (c.Enrolls && c.Lacking == "" || c.Proves != "")
}

// Policy is the answer of the four rules (SPEC §4) for one sign-in.
type Policy struct { //nolint:recvcheck // Resolve builds it by steps; whoever has it only reads
	Required bool               // rule 2, after rule 4
	Min      twofactor.Strength // rule 3: weaker factors are not offered
	Demand   twofactor.Strength // the request's part in that
	Offered  []Candidate        // rule 1: usable, best first
	Unusable []Unusable         // assigned, but not to be used; never skipped in silence
	// What the user could do about it: factors of his that are too weak here, but say
	// that it is he; factors that he may set up, strong enough, best first; and what
	// stands in for a lost one and is not set up yet.
	Weaker, Settable, Spares []Candidate
	Elsewhere                []Candidate // what he has set up, but at another host name
	Held                     bool        // he holds a second factor, usable or not: who has only the password may set up no other
	GraceUntil               time.Time   // until then who has nothing to use may sign in without; zero: no grace
	User                     User        // whose policy it is
	Epoch                    int64       // the user's credential epoch
	NoAccess                 bool        // the app is restricted, and not for him
	ProveFirst               bool        // his factors were reset: a bypass first, then a new factor
	Exempt                   *Exemption  // what lifted rule 2, if it did
	Chain                    []Link      // why, outermost level first
}

// Unusable is an assigned instance that cannot be used, and the reason.
type Unusable struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Link is what one station adds to the policy, in words.
type Link struct {
	Station
	Adds []string `json:"adds"`
}

// Needed reports whether this sign-in needs a second factor: by rule 2, or because
// a password alone does not reach the strength that rule 3 demands.
func (p Policy) Needed() bool { return p.Required || p.Min > twofactor.Strength1FA }

// maySetUp reports whether the user can get a factor that would do: he holds none yet,
// or has one to prove himself by first.
func (p Policy) maySetUp() bool { return len(p.Settable) > 0 && (!p.Held || len(p.Weaker) > 0) }

// Resolve folds what reaches one sign-in into one policy by the four rules of SPEC §4:
//
//  1. Which: what is active, valid and assigned to any station is offered, the
//     strongest first, the one used last before all of its strength; what stands in
//     for a lost factor comes last, and never alone.
//  2. Whether: required if any assignment is, a station enforces it, or the user enrolled.
//  3. How strong: the highest acr that a station or the request demands.
//  4. Exempt: lifts rule 2 only, never rule 3.
//
// It is pure. An instance that cannot be used never lessens what is required.
func Resolve(r Reach) Policy {
	p := Policy{Min: r.Demand, Demand: r.Demand}
	seen := map[string]bool{}
	p.bar(r)
	hard := false // required without any grace
	var own []string
	for _, st := range r.Stations {
		link := Link{Station: st}
		if st.EnforceMFA {
			p.Required, hard = true, true
			link.add("enforces a second factor")
		}
		if st.Min > twofactor.StrengthNone {
			p.Min = max(p.Min, st.Min)
			link.add("demands %s", st.Min.ACR())
		}
		if why := r.lets(st, p.NoAccess); why != "" {
			link.add("%s", why)
		}
		for _, a := range r.Assignments {
			if a.Level != st.Level || a.TargetID != st.ID {
				continue
			}
			c, known := r.Instances[a.TwoFactorID]
			if !known {
				c = Candidate{ID: a.TwoFactorID, Name: a.TwoFactorID, Invalid: "it no longer exists"}
			}
			p.Required = p.Required || a.Required
			if a.Required {
				p.grace(a, r, &hard)
			}
			link.add("assigns %s (%s)", c.Name, requirement(a, r))
			if !seen[c.ID] {
				seen[c.ID] = true
				p.sort(c)
				if c.Enrolled+c.Away > 0 && !c.Fallback {
					own = append(own, c.Name)
				}
			}
		}
		p.Chain = append(p.Chain, link)
	}
	if len(own) > 0 {
		p.Required, hard = true, true
		p.note("has set up %s", strings.Join(own, ", "))
	}
	if hard {
		p.GraceUntil = time.Time{}
	}
	p.exempt(r)
	p.applyStrength()
	p.applyFallback()
	p.order(r.LastUsed)
	return p
}

// bar notes an app that is for others alone. No rule of SPEC §4 has a say in that.
func (p *Policy) bar(r Reach) {
	p.NoAccess = slices.ContainsFunc(r.Stations, func(st Station) bool { return st.Restricted }) &&
		!slices.ContainsFunc(r.Stations, func(st Station) bool { return slices.Contains(r.Admits, st.ID) })
}

// lets says what a station has to do with a restricted app; empty: nothing.
func (r Reach) lets(st Station, barred bool) string {
	switch {
	case st.Restricted:
		return "is restricted to some users and groups"
	case slices.Contains(r.Admits, st.ID):
		return "may use the app"
	case st.Level == LevelUser && barred:
		return "may not use the app: neither he nor a group of his is among those"
	}
	return ""
}

func requirement(a Assignment, r Reach) string {
	switch {
	case !a.Required:
		return "optional"
	case a.graceEnd(r).After(r.Now):
		return "required, from " + a.graceEnd(r).UTC().Format(time.RFC3339)
	}
	return "required"
}

// graceEnd is when the grace of an assignment ends for the user of a reach.
func (a Assignment) graceEnd(r Reach) time.Time {
	if a.GraceDays <= 0 {
		return time.Time{}
	}
	since := a.CreatedAt
	if r.UserSince.After(since) {
		since = r.UserSince
	}
	return since.Add(time.Duration(a.GraceDays) * 24 * time.Hour)
}

// grace keeps the earliest end of all graces, and notes a requirement without one.
func (p *Policy) grace(a Assignment, r Reach, hard *bool) {
	end := a.graceEnd(r)
	switch {
	case !end.After(r.Now):
		*hard = true
	case p.GraceUntil.IsZero() || end.Before(p.GraceUntil):
		p.GraceUntil = end
	}
}

func (l *Link) add(format string, args ...any) { l.Adds = append(l.Adds, fmt.Sprintf(format, args...)) }

// note adds to the last station, the user.
func (p *Policy) note(format string, args ...any) {
	if n := len(p.Chain); n > 0 {
		p.Chain[n-1].add(format, args...)
	}
}

func (p *Policy) sort(c Candidate) {
	p.Held = p.Held || (c.held() || c.Away > 0) && !c.Fallback
	switch {
	case c.settable() && c.Fallback:
		p.Spares = append(p.Spares, c)
	case c.settable():
		p.Settable = append(p.Settable, c)
	}
	switch {
	case c.Invalid != "":
		p.refuse(c, "it is invalid: "+c.Invalid)
	case c.Inactive:
		p.refuse(c, "it is inactive")
	case c.Lacking != "":
		p.refuse(c, "the user has no "+c.Lacking)
	case !c.held() && c.Away > 0:
		p.refuse(c, "the user has set it up at another host name of the server")
		p.Elsewhere = append(p.Elsewhere, c)
	case !c.held():
		p.refuse(c, "the user has not set it up")
	default:
		p.Offered = append(p.Offered, c)
	}
}

func (p *Policy) refuse(c Candidate, reason string) {
	p.Unusable = append(p.Unusable, Unusable{ID: c.ID, Name: c.Name, Reason: reason})
}

// exempt applies rule 4. What has run out counts no more.
func (p *Policy) exempt(r Reach) {
	for i, e := range r.Exemptions {
		if !p.Required || !e.Until.After(r.Now) || !exemptible(e.Level) {
			continue
		}
		for j, st := range r.Stations {
			if st.Level == e.Level && st.ID == e.TargetID {
				p.Required, p.Exempt = false, &r.Exemptions[i]
				p.Chain[j].add("is exempt until %s: %s", e.Until.UTC().Format(time.RFC3339), e.Reason)
				return
			}
		}
	}
}

func exemptible(l Level) bool { return l == LevelUser || l == LevelClientApp || l == LevelIDP }

// applyStrength takes back offers that could not reach what rule 3 demands.
func (p *Policy) applyStrength() {
	p.Offered = slices.DeleteFunc(p.Offered, func(c Candidate) bool {
		if c.Strength >= p.Min {
			return false
		}
		p.refuse(c, "it does not reach "+p.Min.ACR())
		p.Weaker = append(p.Weaker, c)
		return true
	})
	p.Settable = slices.DeleteFunc(p.Settable, func(c Candidate) bool { return c.Strength < p.Min })
}

// applyFallback takes back recovery codes and their like when there is nothing
// that they could stand in for.
func (p *Policy) applyFallback() {
	if slices.ContainsFunc(p.Offered, func(c Candidate) bool { return !c.Fallback }) {
		return
	}
	for _, c := range p.Offered {
		p.refuse(c, "it never counts alone")
	}
	p.Offered = nil
}

func (p *Policy) order(last string) {
	for _, list := range [][]Candidate{p.Offered, p.Weaker, p.Settable} {
		sortBest(list, last)
	}
}

func sortBest(list []Candidate, last string) {
	slices.SortStableFunc(list, func(a, b Candidate) int {
		switch {
		case a.Fallback != b.Fallback:
			if a.Fallback {
				return 1
			}
			return -1
		case a.Strength != b.Strength:
			return int(b.Strength - a.Strength)
		case a.ID == last:
			return -1
		case b.ID == last:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// Explanation is a policy in words, for the audit trail and for administrators.
type Explanation struct {
	Required bool       `json:"required"`
	NoAccess bool       `json:"no_access,omitempty"`
	Demands  string     `json:"demands,omitempty"`         // acr
	Request  string     `json:"request_demands,omitempty"` // acr: what the request asked for itself
	Offered  []string   `json:"offered,omitempty"`
	Unusable []Unusable `json:"unusable,omitempty"`
	Settable []string   `json:"may_set_up,omitempty"`
	Grace    string     `json:"grace_until,omitempty"`
	Exempt   string     `json:"exempt,omitempty"` // the reason given
	Chain    []Link     `json:"chain"`
	Result   string     `json:"result"`
}

// Explain tells why a policy is as it is: what each level adds, and the result.
func Explain(p Policy) Explanation {
	e := Explanation{Required: p.Required, NoAccess: p.NoAccess, Demands: p.Min.ACR(), Request: p.Demand.ACR(), Unusable: p.Unusable, Chain: []Link{}}
	for _, l := range p.Chain {
		if len(l.Adds) > 0 {
			e.Chain = append(e.Chain, l)
		}
	}
	for _, c := range p.Offered {
		e.Offered = append(e.Offered, c.Name)
	}
	for _, c := range p.Settable {
		e.Settable = append(e.Settable, c.Name)
	}
	outcome := p.Outcome()
	if outcome == OutcomePostpone {
		e.Grace = p.GraceUntil.UTC().Format(time.RFC3339)
	}
	if p.Exempt != nil {
		e.Exempt = p.Exempt.Reason
	}
	e.Result = p.result(outcome, e)
	return e
}

func (p Policy) result(o Outcome, e Explanation) string {
	switch {
	case o == OutcomeNoAccess:
		return "no access: the app is restricted, and not for this user"
	case o == OutcomePostpone:
		return "a second factor must be set up by " + e.Grace + ": " + strings.Join(e.Settable, ", ")
	case o == OutcomeSetUp:
		return "a second factor must be set up first: " + strings.Join(e.Settable, ", ")
	case o == OutcomeRefused:
		return "refused: a second factor is needed and none can be used"
	case o == OutcomeAsked:
		return "a second factor is asked for: " + strings.Join(e.Offered, ", ")
	case p.Exempt != nil:
		return "no second factor: exempt"
	}
	return "no second factor: nothing requires one"
}

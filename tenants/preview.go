package tenants

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/page"
)

// Effect is what a change means for one person.
type Effect string

// Effects, the worst first.
const (
	EffectRefused  Effect = "cannot_satisfy" // a second factor is needed, nothing can be used and nothing be set up
	EffectShutOut  Effect = "no_access"      // the app is not for him any more
	EffectSetUp    Effect = "must_set_up"    // nothing can be used, but something be set up, and must be
	EffectPostpone Effect = "grace"          // likewise, but not before the grace ends
	EffectNewly    Effect = "asked_newly"    // asked for a second factor that he has, and was not before
	EffectLetIn    Effect = "let_in"         // may use the app, and might not before
	EffectFreed    Effect = "asked_no_more"  // not asked any more
	EffectOther    Effect = "otherwise"      // asked or not as before, but for a choice or a strength that differs; or helped
)

// Effects lists all effects, the worst first.
func Effects() []Effect {
	return []Effect{EffectRefused, EffectShutOut, EffectSetUp, EffectPostpone, EffectNewly, EffectLetIn, EffectFreed, EffectOther}
}

// Preview tells what a change would do.
type Preview struct {
	Reached  int             // active persons of whom a sign-in passes where the change is made
	Affected int             // those of them for whom something differs: the sum of the groups
	Groups   []AffectedGroup // one for each effect, the worst first
}

// AffectedGroup are the persons whom a change affects alike, by name.
type AffectedGroup struct {
	Effect Effect
	Count  int
	People page.Page[Affected] // the first of them; PreviewList gives the rest
}

// Affected is one person whom a change affects, by the worst that he meets.
type Affected struct {
	ID, Name, DisplayName string
	TenantID, IDPID       string // the sign-in in question
	ClientAppID           string // and the app; empty: the tenant's own pages
	Before, After         Outcome
	Reasons               []string  // where nothing can be used: why, one for each instance
	GraceUntil            time.Time // with EffectPostpone
	ResetPending          bool      // his factors were reset: a bypass comes first, whatever the policy
}

// Preview tells whom a change would affect, before it is made: it changes nothing, and
// asks the same Resolve as sign-ins do.
//
// Of each active person these sign-ins are looked at, with a password and no demand of
// the request: at each active tenant he is a member of, by each active IDP of that tenant
// where he has an identity,
//
//   - to the client app, where the change is made at a client app;
//   - else to the tenant's own pages (Question.Account), and to those of its apps that ask
//     for, offer or spare something by themselves: a change can do harm there that the
//     tenant's own pages do not show. Any other app is like these pages.
//
// Of these only those count that pass the level where the change is made: a person is
// reached if one does, and affected if there the requirement, the strength or the set of
// what is offered differs, or what comes of it (Policy.Outcome). A person with several
// sign-ins, in several tenants say, counts once, with the worst that he meets.
//
// Machines do not count, nor who has no identity anywhere: a passkey that stands for the
// password, a remembered browser and a bypass are no part of it.
//
// within names the tenants that are looked at, by who may see no others: only their
// members and the sign-ins there count. None: all of the subscription.
//
// ctx must have the scope of a subscription. The number of queries grows only by the page
// of thousands of users.
func (s *Store) Preview(ctx context.Context, c Change, standing StandingOf, within ...string) (Preview, error) {
	groups := make([]AffectedGroup, 0, len(Effects()))
	asked := map[Effect]page.Asked{}
	for _, e := range Effects() {
		a, err := s.previewList(ctx, within).Ask(previewQuery(c, e, page.Query{Limit: page.MaxLimit}))
		if err != nil {
			return Preview{}, err
		}
		asked[e], groups = a, append(groups, AffectedGroup{Effect: e})
	}
	var out Preview
	err := s.foresee(ctx, c, "", within, standing, func(f foreseen) bool {
		out.Reached++
		if f.effect == "" {
			return true
		}
		out.Affected++
		g := &groups[slices.Index(Effects(), f.effect)]
		g.Count++
		if len(g.People.Items) <= page.MaxLimit {
			g.People.Items = append(g.People.Items, f.Affected)
		}
		return true
	})
	if err != nil {
		return Preview{}, err
	}
	for i, g := range groups {
		groups[i].People = page.Cut(asked[g.Effect], g.People.Items, affectedKey)
	}
	out.Groups = groups
	return out, nil
}

// PreviewList lists the persons whom a change would affect in one way, by name: a page of
// them, from a cursor of Preview or of PreviewList for the very same change. Of q only
// After and Limit count.
func (s *Store) PreviewList(ctx context.Context, c Change, e Effect, q page.Query, standing StandingOf, within ...string) (page.Page[Affected], error) {
	if !slices.Contains(Effects(), e) {
		return page.Page[Affected]{}, invalid("effect", "is none that a change can have")
	}
	a, err := s.previewList(ctx, within).Ask(previewQuery(c, e, q))
	if err != nil {
		return page.Page[Affected]{}, err
	}
	after := ""
	if a.Keys != nil {
		after = a.Keys[0]
	}
	var items []Affected
	err = s.foresee(ctx, c, after, within, standing, func(f foreseen) bool {
		if f.effect == e {
			items = append(items, f.Affected)
		}
		return len(items) <= a.Limit
	})
	if err != nil {
		return page.Page[Affected]{}, err
	}
	return page.Cut(a, items, affectedKey), nil
}

func affectedKey(a Affected) []string { return []string{a.Name} }

func (s *Store) previewList(ctx context.Context, within []string) page.List {
	owner := db.ScopeOf(ctx).Subscription + "|" + strings.Join(within, ",")
	return page.List{Seal: s.Seal, Name: "preview", Owner: owner, Sorts: []string{"name"}, Filters: []string{"change", "effect"}}
}

// previewQuery binds cursors to the change and the effect that they are of.
func previewQuery(c Change, e Effect, q page.Query) page.Query {
	change, _ := json.Marshal(c) // plain data
	q.Search, q.Sort = "", ""
	q.Filter = map[string]string{"change": string(change), "effect": string(e)}
	return q
}

// foreseen is what a change means for one person whom it reaches; no effect: nothing.
type foreseen struct {
	effect Effect
	Affected
}

// foresee calls do for each person whom a change reaches, by name, beginning after one.
func (s *Store) foresee(ctx context.Context, c Change, after string, within []string, standing StandingOf, do func(f foreseen) (more bool)) error {
	if err := s.checkChange(ctx, c); err != nil {
		return err
	}
	before, err := s.estate(ctx)
	if err != nil {
		return err
	}
	before.within = within
	then, w := before.with(c), before.places(c)
	return s.everybody(ctx, before, w, after, standing, func(p *person) bool {
		at := before.signIns(p, w)
		if len(at) == 0 {
			return true
		}
		worst := foreseen{Affected: Affected{ID: p.ID, Name: p.Name}}
		changed := p.with(c, before)
		for _, in := range at {
			if f := judge(p, in, before.policy(p, in), then.policy(changed, in)); f.worseThan(worst) {
				worst = f
			}
		}
		return do(worst)
	})
}

func (f foreseen) worseThan(g foreseen) bool {
	return f.effect != "" && (g.effect == "" || slices.Index(Effects(), f.effect) < slices.Index(Effects(), g.effect))
}

// judge compares the policies of one sign-in before and after a change.
func judge(p *person, at signIn, before, after Policy) foreseen {
	was, is := before.Outcome(), after.Outcome()
	f := foreseen{Affected: Affected{
		ID: p.ID, Name: p.Name, DisplayName: p.DisplayName, TenantID: at.tenant, IDPID: at.idp, ClientAppID: at.app,
		Before: was, After: is, ResetPending: p.ProveFirst,
	}}
	if was == OutcomeNoAccess && is == was {
		return f
	}
	if was == is && before.Required == after.Required && before.Min == after.Min && sameOffers(before.Offered, after.Offered) &&
		(is != OutcomePostpone || before.GraceUntil.Equal(after.GraceUntil)) {
		return f
	}
	f.effect = effectOf(was, is)
	switch is {
	case OutcomeRefused, OutcomeSetUp:
		f.Reasons = after.reasons()
	case OutcomePostpone:
		f.GraceUntil, f.Reasons = after.GraceUntil, after.reasons()
	case OutcomeNone, OutcomeAsked, OutcomeNoAccess:
	}
	return f
}

func effectOf(was, is Outcome) Effect {
	switch is {
	case OutcomeRefused:
		return EffectRefused
	case OutcomeNoAccess:
		return EffectShutOut
	case OutcomeSetUp:
		return EffectSetUp
	case OutcomePostpone:
		return EffectPostpone
	case OutcomeAsked:
		switch was {
		case OutcomeNoAccess:
			return EffectLetIn
		case OutcomeNone, OutcomePostpone:
			return EffectNewly
		case OutcomeAsked, OutcomeSetUp, OutcomeRefused:
		}
	case OutcomeNone:
		switch was {
		case OutcomeNoAccess:
			return EffectLetIn
		case OutcomeAsked, OutcomePostpone, OutcomeSetUp, OutcomeRefused:
			return EffectFreed
		case OutcomeNone:
		}
	}
	return EffectOther
}

func sameOffers(a, b []Candidate) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(c Candidate) bool {
		return !slices.ContainsFunc(b, func(d Candidate) bool { return d.ID == c.ID })
	})
}

// reasons say in words why nothing of what is assigned can be used.
func (p Policy) reasons() []string {
	if len(p.Unusable) == 0 {
		return []string{"no TwoFactor instance is assigned that he could use"}
	}
	out := make([]string, 0, len(p.Unusable)+1)
	for _, u := range p.Unusable {
		out = append(out, u.Name+": "+u.Reason)
	}
	if len(p.Settable) > 0 && !p.maySetUp() {
		names := make([]string, len(p.Settable))
		for i, c := range p.Settable {
			names[i] = c.Name
		}
		out = append(out, strings.Join(names, ", ")+": can be set up only after another second factor is proven")
	}
	return out
}

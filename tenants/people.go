package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// StandingOf tells for many users what each has set up: TwoFactor ID to how many, by
// user. Implemented by ceremony.
type StandingOf = func(ctx context.Context, userIDs []string) (map[string]map[string]int, error)

// peoplePage is how many persons are loaded at a time.
const peoplePage = 2500

// places are the levels that a change is at: only sign-ins that pass one can change.
type places struct {
	everyone  bool
	ids       map[Level]map[string]bool
	instances []string // and users whom one is assigned to
}

func (e *estate) places(c Change) places {
	w := places{ids: map[Level]map[string]bool{}}
	for _, l := range Levels() {
		w.ids[l] = map[string]bool{}
	}
	if w.instances = c.instances(); len(w.instances) > 0 {
		for _, list := range e.assignments {
			for _, a := range list {
				if slices.Contains(w.instances, a.TwoFactorID) {
					w.ids[a.Level][a.TargetID] = true
				}
			}
		}
	} else {
		l, target := c.at()
		w.ids[l][target] = true
	}
	w.everyone = w.ids[LevelSubscription][e.sub.ID]
	return w
}

// outsideApps reports whether a sign-in passes a place, whatever app asks for it.
func (w places) outsideApps(p *person, tenant, idp string) bool {
	return w.everyone || w.ids[LevelTenant][tenant] || w.ids[LevelIDP][idp] || w.ids[LevelUser][p.ID] ||
		slices.ContainsFunc(p.groups, func(g groupOf) bool { return w.ids[LevelGroup][g.ID] }) ||
		slices.ContainsFunc(p.assignments, func(a Assignment) bool { return slices.Contains(w.instances, a.TwoFactorID) })
}

// signIns are those of a person's that pass a place.
func (e *estate) signIns(p *person, w places) []signIn {
	var out []signIn
	for _, id := range p.tenants {
		t, active := e.tenants[id]
		if !e.active || !active || len(e.within) > 0 && !slices.Contains(e.within, id) {
			continue
		}
		for _, idp := range t.idps {
			if !slices.Contains(p.idps, idp) {
				continue
			}
			var apps []string
			if w.outsideApps(p, id, idp) {
				apps = append([]string{""}, t.special...)
			}
			for _, app := range t.apps {
				if w.ids[LevelClientApp][app] && !slices.Contains(apps, app) {
					apps = append(apps, app)
				}
			}
			for _, app := range apps {
				out = append(out, signIn{id, idp, app})
			}
		}
	}
	return out
}

// everybody calls do for each active person who may pass one of the places, by name,
// beginning after one.
func (s *Store) everybody(ctx context.Context, e *estate, w places, after string, standing StandingOf, do func(p *person) (more bool)) error {
	for {
		people, err := s.people(ctx, e, w, after, standing)
		if err != nil {
			return err
		}
		for _, p := range people {
			if !do(p) {
				return nil
			}
		}
		if len(people) < peoplePage {
			return nil
		}
		after = people[len(people)-1].Name
	}
}

// people loads one page of them with all that bears on their sign-ins.
func (s *Store) people(ctx context.Context, e *estate, w places, after string, standing StandingOf) ([]*person, error) {
	q := s.passing(ctx, e, w).Where("kind = ? AND active AND name > ?", Person, after).Order("name").Limit(peoplePage)
	people, err := list(q.Select(
		"id", "name", "kind", "display_name", "email", "email_verified", "phone", "phone_verified", "last_two_factor_id",
		"credential_epoch", "prove_first", "active", "created_at",
	), func(r userRow) *person {
		return &person{User: r.User, lacks: map[lack]string{}}
	})
	if err != nil || len(people) == 0 {
		return nil, err
	}
	ids, byID := make([]string, len(people)), make(map[string]*person, len(people))
	for i, p := range people {
		ids[i], byID[p.ID] = p.ID, p
	}
	if err := s.loadPeople(ctx, e, ids, byID); err != nil {
		return nil, err
	}
	enrolled, err := standing(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, p := range byID {
		p.enrolled = enrolled[id]
	}
	return people, nil
}

func (s *Store) loadPeople(ctx context.Context, e *estate, ids []string, byID map[string]*person) error {
	of := func(model any, other string) *gorm.DB {
		return s.links(ctx, model).Select("user_id", other).Where("user_id IN ?", ids).Order(other)
	}
	err := errors.Join(
		eachPair(of(&membershipRow{}, "tenant_id"), func(user, tenant string) {
			p := byID[user]
			p.tenants = append(p.tenants, tenant)
		}),
		eachPair(of(&identityRow{}, "idp_id"), func(user, idp string) {
			p := byID[user]
			p.idps = append(p.idps, idp)
		}),
		eachPair(of(&groupMemberRow{}, "group_id"), func(user, group string) {
			p := byID[user]
			if g, ok := e.groups[group]; ok { // it may have been made since the groups were loaded
				p.groups = insertGroup(p.groups, g)
			}
		}),
		eachPair(of(&appUserRow{}, "client_app_id"), func(user, app string) {
			p := byID[user]
			p.apps = append(p.apps, app)
		}),
	)
	if err != nil {
		return err
	}
	assignments, err := list(s.links(ctx, &assignmentRow{}).Where("level = ? AND target_id IN ?", LevelUser, ids).Order("id"), func(r assignmentRow) Assignment { return r.Assignment })
	if err != nil {
		return err
	}
	for _, a := range assignments {
		p := byID[a.TargetID]
		p.assignments = append(p.assignments, a)
	}
	exemptions, err := list(s.links(ctx, &exemptionRow{}).Where("level = ? AND target_id IN ?", LevelUser, ids).Order("id"), func(r exemptionRow) Exemption { return r.Exemption })
	if err != nil {
		return err
	}
	for _, x := range exemptions {
		p := byID[x.TargetID]
		p.exemptions = append(p.exemptions, x)
	}
	return nil
}

// eachPair calls do for each row of two words: links by the ten thousand, for which GORM
// takes ten times as long as the database.
func eachPair(q *gorm.DB, do func(a, b string)) error {
	rows, err := q.Rows()
	if err != nil {
		return fmt.Errorf("tenants: people: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return fmt.Errorf("tenants: people: %w", err)
		}
		do(a, b)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("tenants: people: %w", err)
	}
	return nil
}

// passing are the users of the subscription in ctx who may pass one of the places.
func (s *Store) passing(ctx context.Context, e *estate, w places) *gorm.DB {
	q := s.links(ctx, &userRow{})
	if len(e.within) > 0 {
		q = q.Where("id IN (?)", s.links(ctx, &membershipRow{}).Select("user_id").Where("tenant_id IN ?", e.within))
	}
	if w.everyone {
		return q
	}
	var ors []string
	var args []any
	in := func(column string, sub *gorm.DB) { ors, args = append(ors, column+" IN (?)"), append(args, sub) }
	tenants := keys(w.ids[LevelTenant])
	for id, t := range e.tenants {
		if slices.ContainsFunc(t.apps, func(app string) bool { return w.ids[LevelClientApp][app] }) {
			tenants = append(tenants, id)
		}
	}
	if len(tenants) > 0 {
		in("id", s.links(ctx, &membershipRow{}).Select("user_id").Where("tenant_id IN ?", tenants))
	}
	if idps := keys(w.ids[LevelIDP]); len(idps) > 0 {
		in("id", s.links(ctx, &identityRow{}).Select("user_id").Where("idp_id IN ?", idps))
	}
	if groups := keys(w.ids[LevelGroup]); len(groups) > 0 {
		in("id", s.links(ctx, &groupMemberRow{}).Select("user_id").Where("group_id IN ?", groups))
	}
	if len(w.instances) > 0 {
		in("id", s.links(ctx, &assignmentRow{}).Select("target_id").Where("level = ? AND two_factor_id IN ?", LevelUser, w.instances))
	}
	for id := range w.ids[LevelUser] {
		ors, args = append(ors, "id = ?"), append(args, id)
	}
	if len(ors) == 0 { // an app that no tenant has
		return q.Where("1 = 0")
	}
	return q.Where("("+strings.Join(ors, " OR ")+")", args...)
}

func keys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

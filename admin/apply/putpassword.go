package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"twofold/tenants"
)

// putPasswords comes last: which rules a password must meet depends on what
// reaches its owner.
func (j *job) putPasswords(ctx context.Context) error {
	if err := j.keptPasswords(ctx); err != nil {
		return err
	}
	due, err := j.passwordsDue(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	ids := make([]string, len(due))
	for i, d := range due {
		ids[i] = d.user.ID
	}
	p, err := j.protection(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range due {
		around := append([]string{d.user.Name, d.user.Email, d.user.DisplayName, j.sub.Title}, p.titles[d.user.ID]...)
		if why := tenants.CheckPasswordRules(d.text, p.covers(d.user.ID), around...); why != "" {
			j.found(d.at, "cannot be used: %s", why)
		}
	}
	if err := j.problems.orNil(); err != nil {
		return err
	}
	for _, d := range due {
		if err := j.store.SetPassword(ctx, d.user, d.text, p.covers(d.user.ID)); err != nil {
			if err := j.refused(d.at, user{}, err); err != nil {
				return err
			}
			continue
		}
		c := j.wrote[d.user.ID]
		c.fields = append(c.fields, field{key: "password", note: noteOf(c.created, false)})
	}
	return nil
}

// keptPasswords warns of users who have no password to keep, in one line however
// many they are.
func (j *job) keptPasswords(ctx context.Context) error {
	const most = 5 // names in the line
	var ids []string
	for _, s := range j.spec.Users {
		if s.Password.v.kept {
			ids = append(ids, j.id(kindUser, s.Name.v))
		}
	}
	with, err := j.store.WithPassword(ctx, ids)
	if err != nil {
		return err
	}
	has := make(map[string]bool, len(with))
	for _, id := range with {
		has[id] = true
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return has[id] })
	if len(ids) == 0 {
		return nil
	}
	names := j.namesOf(kindUser, ids[:min(most, len(ids))])
	for i, n := range names {
		names[i] = shownName(n)
	}
	line := strings.Join(names, ", ")
	if more := len(ids) - len(names); more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	j.warn("%s: there is no password to keep; they cannot sign in by one until it is given", j.label("users ")+line)
	return nil
}

// passwordDue is a password that is not its owner's yet.
type passwordDue struct {
	at   place
	user tenants.User
	text string
}

func (j *job) passwordsDue(ctx context.Context) ([]passwordDue, error) {
	var due []passwordDue
	for _, s := range j.spec.Users {
		if !s.Password.set || s.Password.v.kept {
			continue
		}
		u, text := j.users[normal(kindUser, s.Name.v)], j.secret(s.Password)
		if u.Kind == tenants.Machine {
			j.found(s.Password.place, "a machine has no password")
			continue
		}
		fits := false
		if !j.wrote[u.ID].created {
			var err error
			if fits, err = j.store.PasswordFits(ctx, u.ID, text); err != nil {
				return nil, err
			}
		}
		if !fits {
			due = append(due, passwordDue{s.Password.place, u, text})
		}
	}
	return due, nil
}

// protection is what second factors do for the passwords of some users.
type protection struct {
	everybody bool                // the whole subscription needs a second factor
	tenants   map[string]bool     // and these tenants, by id
	exempt    map[string]bool     // but not these users
	in        map[string][]string // tenants of each user
	titles    map[string][]string // and what these are called
}

// covers reports whether something requires a second factor of the user, so that
// the password does not stand alone.
func (p protection) covers(userID string) bool {
	if p.exempt[userID] {
		return false
	}
	for _, t := range p.in[userID] {
		if p.tenants[t] {
			return true
		}
	}
	return p.everybody
}

func (j *job) protection(ctx context.Context, users []string) (protection, error) {
	p := protection{
		everybody: j.sub.EnforceMFA, tenants: map[string]bool{}, exempt: map[string]bool{},
		in: map[string][]string{}, titles: map[string][]string{},
	}
	list, err1 := j.store.ListTenants(ctx)
	assigned, err2 := j.store.ListAssignments(ctx)
	exempt, err3 := j.store.ListExemptions(ctx)
	links, err4 := j.store.TenantsOfUsers(ctx, users)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return p, err
	}
	title := map[string]string{}
	for _, t := range list {
		p.tenants[t.ID], title[t.ID] = t.EnforceMFA, t.Title
	}
	for _, a := range assigned {
		switch {
		case !a.Required:
		case a.Level == tenants.LevelSubscription:
			p.everybody = true
		case a.Level == tenants.LevelTenant:
			p.tenants[a.TargetID] = true
		}
	}
	for _, e := range exempt {
		if e.Level == tenants.LevelUser && e.Until.After(j.store.Now()) {
			p.exempt[e.TargetID] = true
		}
	}
	for _, l := range links {
		p.in[l.UserID] = append(p.in[l.UserID], l.In)
		p.titles[l.UserID] = append(p.titles[l.UserID], title[l.In])
	}
	return p, nil
}

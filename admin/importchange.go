package admin

import (
	"context"
	"strings"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/tenants"
)

// What an import changes of people who are there already, and the passwords that it brings.

// described is what the trail keeps of a new user.
func (n *newcomer) described(m *importing) []tenants.FieldChange {
	fields := tenants.Describe(&n.User)
	for name, ids := range map[string][]string{"tenants": n.In, "groups": n.Groups, "idps": n.IDPs} {
		var names []string
		for _, id := range ids {
			names = append(names, m.names[id])
		}
		if len(names) > 0 {
			fields = append(fields, tenants.FieldChange{Name: name, New: strings.Join(names, ", ")})
		}
	}
	if n.gives {
		fields = append(fields, tenants.FieldChange{Name: "password", New: "(set)"})
	}
	return append(fields, tenants.FieldChange{Name: "imported", New: "true"})
}

// update gives somebody who is there already what his line gives, by the use cases that
// one changes a single user by: their rules hold. It is a transaction of its own, as they
// are: they lock the chain of the trail, behind which one must lock nothing else.
func (m *importing) update(ctx context.Context, n *newcomer) error {
	changed := false
	err := m.commit(ctx, func(ctx context.Context) (err error) {
		changed, err = m.change(ctx, n)
		return err
	})
	switch {
	case err != nil:
		return n.refused(err)
	case changed:
		m.result.Updated++
	default:
		m.result.Unchanged++
	}
	if n.gives && n.hasPassword {
		m.result.PasswordsKept++
	}
	return nil
}

func (m *importing) change(ctx context.Context, n *newcomer) (changed bool, err error) {
	u, err := m.Users().Update(ctx, m.who, m.subscription, n.old.ID, 0, func(u *tenants.User) error {
		n.give(u)
		return nil
	})
	if err != nil {
		return false, err
	}
	changed = u.Version != n.old.Version
	for _, l := range []struct {
		kind tenants.LinkKind
		ids  []string
	}{{tenants.LinkTenantMember, n.In}, {tenants.LinkGroupMember, n.Groups}, {tenants.LinkUserIDP, n.IDPs}} {
		for _, id := range l.ids {
			owner, other := id, u.ID
			if l.kind == tenants.LinkUserIDP {
				owner, other = u.ID, id
			}
			fresh, err := m.Link(ctx, m.who, m.subscription, l.kind, owner, other, true)
			if err != nil {
				return false, err
			}
			changed = changed || fresh
		}
	}
	if n.gives && !n.hasPassword {
		return true, m.firstPassword(ctx, u, n.Hash)
	}
	return changed, nil
}

// firstPassword gives a password to who has none; Update has asked whether one may.
func (m *importing) firstPassword(ctx context.Context, u tenants.User, hash string) error {
	if of := m.who.Tenants(UserPassword, m.subscription); of != nil && len(of) == 0 {
		return errMayNot
	}
	if hash == "" { // a dry run hashes none
		return nil
	}
	if err := m.Admin.Tenants.KeepHash(ctx, u.ID, hash); err != nil {
		return err
	}
	if err := m.endUser(ctx, m.who, u.ID); err != nil {
		return err
	}
	return m.record(ctx, m.who, "config.changed", thing{"user", u.Name, u.ID}, []tenants.FieldChange{{Name: "Password", New: "(changed)"}})
}

// hashed hashes a plain password behind the gate, or in a dry run only checks it.
func (m *importing) hashed(ctx context.Context, n *newcomer) (string, error) {
	ctx, plain := m.realm(ctx, n.In), n.text["password"]
	if m.opts.DryRun {
		return "", m.Admin.Tenants.MayHave(ctx, n.User, plain)
	}
	for {
		hash, err := m.Admin.Tenants.HashPassword(ctx, n.User, plain)
		if !problem.Is(err, problem.Unavailable) {
			return hash, err
		}
		t := time.NewTimer(busyWait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return "", ctx.Err()
		}
	}
}

// realm puts the first of some tenants into ctx, for rules that know its name.
func (m *importing) realm(ctx context.Context, ids []string) context.Context {
	if len(ids) == 0 {
		return ctx
	}
	r, ok := m.realms[ids[0]]
	if !ok {
		var err error
		if r, err = m.Admin.Tenants.RealmByID(ctx, ids[0]); err != nil || r.Subscription.ID != db.ScopeOf(ctx).Subscription {
			return ctx
		}
		m.realms[ids[0]] = r
	}
	return tenants.WithRealm(ctx, r)
}

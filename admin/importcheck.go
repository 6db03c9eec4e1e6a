package admin

import (
	"context"
	"slices"
	"strings"

	"twofold/tenants"
)

// What is wrong with lines of an import, found before anything is written.

// check gives back the lines that can be imported, and keeps at the others what is wrong.
func (m *importing) check(ctx context.Context, entries []*importEntry) ([]*newcomer, error) {
	var right []*newcomer
	var names []string
	for _, e := range entries {
		n := m.read(e)
		if n != nil {
			right, names = append(right, n), append(names, n.User.Name)
		}
	}
	there, err := m.there(ctx, names)
	if err != nil {
		return nil, err
	}
	right = slices.DeleteFunc(right, func(n *newcomer) bool { return m.isThere(n, there) })
	if err := m.passwordsOf(ctx, right); err != nil {
		return nil, err
	}
	for _, n := range right {
		if err := m.complete(ctx, n); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(right, func(n *newcomer) bool { return len(n.faults) > 0 }), nil
}

// read looks at all of a line that can be judged without the database. It gives nothing
// back only where there is no name to go on with.
func (m *importing) read(e *importEntry) *newcomer {
	n := &newcomer{importEntry: e, Arrival: tenants.Arrival{User: tenants.User{Kind: tenants.Person, Active: true}, Hash: e.text["password_hash"]}}
	n.gives = n.Hash != "" || e.text["password"] != ""
	u := &n.User
	if len(e.faults) > 0 && e.text["name"] == "" {
		return nil
	}
	e.give(u)
	if err := tenants.CheckUser(u); err != nil {
		_ = e.refused(err) // it is always one of a field
	}
	if u.Name == "" {
		return nil
	}
	if before, twice := m.seen[u.Name]; twice {
		e.fault("name", "stands in line %d already", before)
	} else {
		m.seen[u.Name] = e.line
	}
	if n.Hash != "" && e.text["password"] != "" {
		e.fault("password_hash", "cannot be given together with password")
	} else if n.Hash != "" {
		if why := tenants.CheckHash(n.Hash); why != "" {
			e.fault("password_hash", "%s", why)
		}
	}
	return n
}

// there finds who of some names is a user already.
func (m *importing) there(ctx context.Context, names []string) (map[string]*tenants.User, error) {
	list, err := m.Admin.Tenants.UsersByName(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*tenants.User, len(list))
	for i := range list {
		out[list[i].Name] = &list[i]
	}
	return out, nil
}

// isThere decides about a user who is there already, and reports whether that was all.
func (m *importing) isThere(n *newcomer, there map[string]*tenants.User) bool {
	old := there[n.User.Name]
	if old == nil {
		return false
	}
	switch m.opts.Existing {
	case ImportSkip:
		if len(n.faults) == 0 {
			m.result.Skipped++
		}
		return true
	case ImportFail:
		n.fault("name", "is that of a user who is there already")
		return true
	}
	n.old = old
	return false
}

// passwordsOf finds out who of those who are there has a password.
func (m *importing) passwordsOf(ctx context.Context, list []*newcomer) error {
	var ids []string
	for _, n := range list {
		if n.old != nil {
			ids = append(ids, n.old.ID)
		}
	}
	with, err := m.Admin.Tenants.WithPassword(ctx, ids)
	if err != nil {
		return err
	}
	for _, n := range list {
		n.hasPassword = n.old != nil && slices.Contains(with, n.old.ID)
	}
	return nil
}

// complete finds what a line names, and hashes its password if it is to be kept.
func (m *importing) complete(ctx context.Context, n *newcomer) error {
	m.placeOf(n)
	if n.old != nil {
		n.User = *n.old
		n.give(&n.User)
		if err := tenants.CheckUser(&n.User); err != nil && len(n.faults) == 0 {
			_ = n.refused(err)
		}
	}
	if n.Hash != "" && n.User.Kind != tenants.Person {
		n.fault("password_hash", "a machine has no password")
	}
	if n.text["password"] == "" || n.hasPassword || len(n.faults) > 0 {
		return nil
	}
	if m.plain++; m.opts.Passwords > 0 && m.plain > m.opts.Passwords {
		n.fault("password", "is one too many: %d plain passwords at a time, since each must be hashed; import hashes, or divide the file", m.opts.Passwords)
		return nil
	}
	hash, err := m.hashed(ctx, n)
	if err != nil {
		return n.refused(err)
	}
	n.Hash = hash
	return nil
}

// placeOf finds the tenants, groups and IDPs of a line by their names. Who runs only some
// tenants brings users into those, and into no group.
func (m *importing) placeOf(n *newcomer) {
	in := n.lists["tenants"]
	if len(in) == 0 && n.old == nil {
		in = m.opts.Tenants
	}
	n.In = n.find("tenants", in, m.tenants)
	n.Groups = n.find("groups", n.lists["groups"], m.groups)
	n.IDPs = n.find("idps", n.lists["idps"], m.idps)
	var known []string
	for _, t := range n.In {
		known = append(known, m.known[t]...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(n.Groups) > 0 && m.who.Tenants(GroupWrite, m.subscription) != nil {
		n.fault("groups", "take an administrator of the subscription")
	}
	if m.mine != nil {
		if n.old == nil && len(n.In) == 0 {
			n.fault("tenants", "is required: name a tenant of yours")
		}
		if slices.ContainsFunc(n.IDPs, func(id string) bool { return !slices.Contains(known, id) }) {
			n.fault("idps", "must be those of the tenants of the line")
		}
	}
	if n.old == nil && len(n.lists["idps"]) == 0 && n.User.Kind == tenants.Person {
		n.IDPs = known
	}
}

func (n *newcomer) find(field string, names []string, ids map[string]string) (found []string) {
	var missing []string
	for _, name := range names {
		if id := ids[name]; id == "" {
			missing = append(missing, shownField(name))
		} else {
			found = append(found, id)
		}
	}
	if len(missing) > 0 {
		n.fault(field, "there is none with the name %s", strings.Join(missing[:min(3, len(missing))], ", "))
	}
	return found
}

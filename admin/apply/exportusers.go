package apply

import (
	"context"
	"errors"
	"slices"
	"strings"

	"twofold/tenants"
)

// pieceOfUsers is how many users are read at a time.
const pieceOfUsers = 500

// users writes all of them, a piece at a time: only their names are held at once.
func (e *subExporter) users(ctx context.Context) error {
	if e.opts.NoUsers {
		return nil
	}
	keys, err := e.store.UserKeys(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(keys, func(a, b tenants.UserKey) int { return strings.Compare(a.Name, b.Name) })
	defer e.section(subIndent, "users")()
	for some := range slices.Chunk(keys, pieceOfUsers) {
		if err := e.someUsers(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (e *subExporter) someUsers(ctx context.Context, keys []tenants.UserKey) error {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	list, err1 := e.store.UsersByID(ctx, ids)
	idps, err2 := e.store.IDPsOfUsers(ctx, ids)
	members, err3 := e.store.TenantsOfUsers(ctx, ids)
	groups, err4 := e.store.GroupsOfUsers(ctx, ids)
	passwords, err5 := e.store.WithPassword(ctx, ids)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	users, hasPassword := map[string]tenants.User{}, map[string]bool{}
	for _, u := range list {
		users[u.ID] = u
	}
	for _, id := range passwords {
		hasPassword[id] = true
	}
	inIDPs, inTenants, inGroups := byUser(idps), byUser(members), byUser(groups)
	for _, id := range ids {
		u := users[id]
		var s user
		describe(&s, u)
		s = lean(e.exporter, s, func(bare user) any { return usualUser(bare) })
		if hasPassword[id] && u.Kind != tenants.Machine {
			s.Password = source{set: true, v: origin{kept: true}}
		}
		s.IDPs, s.Tenants, s.Groups = e.namesOf(kindIDP, inIDPs[id]), e.namesOf(kindTenant, inTenants[id]), e.namesOf(kindGroup, inGroups[id])
		item(e.exporter, listIndent, e.label(kindUser, u.Name), s, nil)
	}
	return nil
}

func byUser(list []tenants.Membership) map[string][]string {
	m := map[string][]string{}
	for _, l := range list {
		m[l.UserID] = append(m[l.UserID], l.In)
	}
	return m
}

// targetUsers learns the names of the users that assignments and exemptions are for.
func (e *subExporter) targetUsers(ctx context.Context, as []tenants.Assignment, es []tenants.Exemption) error {
	if e.opts.NoUsers {
		return nil
	}
	var ids []string
	for _, a := range as {
		if a.Level == tenants.LevelUser {
			ids = append(ids, a.TargetID)
		}
	}
	for _, x := range es {
		if x.Level == tenants.LevelUser {
			ids = append(ids, x.TargetID)
		}
	}
	list, err := e.store.UsersByID(ctx, ids)
	named(e, kindUser, list, func(v tenants.User) (string, string) { return v.Name, v.ID })
	return err
}

package apply

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"twofold/tenants"
)

func (j *job) putUsers(ctx context.Context) error {
	buried, err := j.buriedIDPs(ctx)
	if err != nil {
		return err
	}
	for _, s := range j.spec.Users {
		have, exists := j.users[normal(kindUser, s.Name.v)]
		want, s := wantedUser(s, have, exists)
		d, err := j.store.PutUser(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindUser, want.Name, want.ID)
		fields := compare(s, have, want, d.Created)
		if s.IDPs.set {
			l, err := j.store.SetIdentities(ctx, want, append(j.idsOf(kindIDP, s.IDPs), buried[want.ID]...))
			if err != nil {
				return err
			}
			fields = append(fields, j.linked("idps", kindIDP, l)...)
		}
		j.users[want.Name] = want
		j.wrote[want.ID] = j.changed(kindUser, want.Name, want.ID, d.Created, fields)
	}
	return nil
}

// buriedIDPs are the deleted IDPs that know users of the file, by user.
func (j *job) buriedIDPs(ctx context.Context) (map[string][]string, error) {
	if len(j.aside) == 0 {
		return nil, nil
	}
	var ids []string
	for _, u := range j.users {
		ids = append(ids, u.ID)
	}
	links, err := j.store.IDPsOfUsers(ctx, ids)
	out := byUser(links)
	for u := range out {
		out[u] = j.buried(out[u])
	}
	return out, err
}

func wantedUser(s user, have tenants.User, exists bool) (tenants.User, user) {
	want := have
	if !exists {
		s = withDefaults(s)
		want = usualUser(s)
	}
	// An address that was proven says nothing about the next one.
	if s.Email.set && normalEmail(s.Email.v) != have.Email {
		want.EmailVerified = false
	}
	if s.Phone.set && s.Phone.v != have.Phone {
		want.PhoneVerified = false
	}
	assign(&want.Kind, s.Kind)
	assign(&want.DisplayName, s.DisplayName)
	assign(&want.GivenName, s.GivenName)
	assign(&want.FamilyName, s.FamilyName)
	assign(&want.Email, s.Email)
	assign(&want.EmailVerified, s.EmailVerified)
	assign(&want.Phone, s.Phone)
	assign(&want.PhoneVerified, s.PhoneVerified)
	assign(&want.Locale, s.Locale)
	assign(&want.Active, s.Active)
	return want, s
}

// usualUser is what a new user is before the file has its say.
func usualUser(s user) tenants.User {
	return tenants.User{Name: s.Name.v, DisplayName: cmp.Or(strings.TrimSpace(s.GivenName.v+" "+s.FamilyName.v), s.Name.v)}
}

func (j *job) putGroups(ctx context.Context) error {
	for _, s := range j.spec.Groups {
		want := tenants.Group{Name: s.Name.v}
		d, err := j.store.PutGroup(ctx, &want)
		if err != nil {
			if err := j.refused(s.at, s, err); err != nil {
				return err
			}
			continue
		}
		j.put(kindGroup, want.Name, want.ID)
		var fields []field
		if s.Members.set {
			buried, err := j.buriedMembers(ctx, want.ID)
			if err != nil {
				return err
			}
			l, err := j.store.SetGroupMembers(ctx, want.ID, append(j.idsOf(kindUser, s.Members), buried...))
			if err != nil {
				return err
			}
			fields, err = j.people(ctx, "members", l)
			if err != nil {
				return err
			}
		}
		j.changed(kindGroup, want.Name, want.ID, d.Created, fields)
	}
	return nil
}

// buriedMembers are the deleted users of a group.
func (j *job) buriedMembers(ctx context.Context, groupID string) ([]string, error) {
	links, err := j.store.MembersOfGroup(ctx, groupID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.UserID
	}
	return j.buriedUsers(ctx, ids)
}

// buriedUsers are the deleted ones of some users.
func (j *job) buriedUsers(ctx context.Context, ids []string) ([]string, error) {
	users, err := j.store.UsersByID(ctx, ids)
	var buried []string
	for _, u := range users {
		if u.Deleted() {
			buried = append(buried, u.ID)
		}
	}
	return buried, err
}

// people names the users that a group or an app gained and lost; the lost ones may be
// nowhere in the file.
func (j *job) people(ctx context.Context, key string, d tenants.Difference) ([]field, error) {
	var ids []string
	for _, f := range d.Fields {
		ids = append(ids, cmp.Or(f.New, f.Old))
	}
	users, err := j.store.UsersByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		j.put(kindUser, u.Name, u.ID)
	}
	return j.linked(key, kindUser, d), nil
}

// putMemberships brings the tenants and groups of users to what their keys say.
// The store keeps both from the other end: as members of a tenant, of a group.
func (j *job) putMemberships(ctx context.Context) error {
	err := j.memberships(ctx, membership{
		key: "tenants", kind: kindTenant,
		of:      func(u user) texts { return u.Tenants },
		have:    j.store.TenantsOfUsers,
		members: j.store.MembersOfTenant,
		set:     j.store.SetTenantMembers,
	})
	if err != nil {
		return err
	}
	exact := map[string]bool{} // groups that list their members; putGroups has set them
	for _, g := range j.spec.Groups {
		if g.Members.set {
			exact[j.id(kindGroup, g.Name.v)] = true
		}
	}
	return j.memberships(ctx, membership{
		key: "groups", kind: kindGroup, done: exact,
		of:      func(u user) texts { return u.Groups },
		have:    j.store.GroupsOfUsers,
		members: j.store.MembersOfGroup,
		set:     j.store.SetGroupMembers,
	})
}

// membership is how users are in something.
type membership struct {
	key, kind string
	done      map[string]bool // ids that are settled already
	of        func(user) texts
	have      func(ctx context.Context, users []string) ([]tenants.Membership, error)
	members   func(ctx context.Context, id string) ([]tenants.Membership, error)
	set       func(ctx context.Context, id string, users []string) (tenants.Difference, error)
}

func (j *job) memberships(ctx context.Context, m membership) error {
	want := map[string][]string{} // by user
	var users []string
	for _, s := range j.spec.Users {
		if list := m.of(s); list.set {
			id := j.id(kindUser, s.Name.v)
			users, want[id] = append(users, id), j.idsOf(m.kind, list)
		}
	}
	links, err := m.have(ctx, users)
	if err != nil {
		return err
	}
	have := map[string][]string{}
	for _, l := range links {
		have[l.UserID] = append(have[l.UserID], l.In)
	}
	join, leave := map[string][]string{}, map[string][]string{} // by tenant or group
	var touched []string
	for _, u := range users {
		added, removed := m.open(without(want[u], have[u])), m.open(j.present(without(have[u], want[u])))
		for _, id := range added {
			join[id] = append(join[id], u)
		}
		for _, id := range removed {
			leave[id] = append(leave[id], u)
		}
		touched = append(append(touched, added...), removed...)
		c := j.wrote[u]
		c.fields = append(c.fields, linkField(m.key, j.namesOf(m.kind, added), j.namesOf(m.kind, removed))...)
	}
	slices.Sort(touched)
	for _, id := range slices.Compact(touched) {
		if err := m.change(ctx, id, join[id], leave[id]); err != nil {
			return err
		}
	}
	return nil
}

// open leaves out what is settled already.
func (m membership) open(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return m.done[id] })
}

func (m membership) change(ctx context.Context, id string, join, leave []string) error {
	links, err := m.members(ctx, id)
	if err != nil {
		return err
	}
	var users []string
	for _, l := range links {
		users = append(users, l.UserID)
	}
	_, err = m.set(ctx, id, slices.Concat(without(users, leave), join))
	return err
}

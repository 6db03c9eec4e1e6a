package apply

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"twofold/tenants"
)

// File is a file that was read and can be run. It can be run more than once.
type File struct {
	name    string
	doc     document
	origins []placedOrigin
}

// Kinds of entities, as the report names them. They are the levels of package
// tenants where there is one.
const (
	levelSubscription = string(tenants.LevelSubscription)

	kindSubscription = levelSubscription
	kindTenant       = string(tenants.LevelTenant)
	kindIDP          = string(tenants.LevelIDP)
	kindClientApp    = string(tenants.LevelClientApp)
	kindGroup        = string(tenants.LevelGroup)
	kindUser         = string(tenants.LevelUser)
	kindTwoFactor    = "two_factor"
	kindAssignment   = "assignment"
	kindExemption    = "exemption"
	kindSettings     = "settings"
	kindTemplate     = "template"
	kindRole         = "role"
)

// Parse reads a file. The error is a Problems that names everything that is wrong
// with it as far as the file alone can tell: whether names refer to something in
// the database, which options a factor type has and what the environment holds is
// found out by Run. name is what the problems call the file, and where relative
// paths in it begin.
func Parse(name string, data []byte) (*File, error) {
	p := &parser{finder: finder{file: name}}
	f := &File{name: name}
	if root := p.root(data); root != nil {
		p.object(root, placeOf(root, ""), reflect.ValueOf(&f.doc).Elem())
		p.whole(&f.doc)
	}
	f.origins = p.origins
	if err := p.problems.orNil(); err != nil {
		return nil, err
	}
	return f, nil
}

// whole checks what no single value shows. It sees a document of which parts
// could not be read.
func (p *parser) whole(d *document) {
	subscriptions, tenantNames, clientIDs := names{}, names{}, names{}
	each(p, d.Templates, kindTemplate, func(v *platformText) text {
		return text{place: v.at, set: v.Kind.set && v.Lang.set, v: v.Kind.v + " " + tenants.NormalLang(v.Lang.v)}
	})
	each(p, d.Roles, kindRole, func(v *platformRole) text {
		return text{place: v.at, set: v.Role.set && v.To.set && v.Of.set, v: v.Role.v + " " + v.Of.v + " " + v.To.v.key()}
	})
	for i := range d.Subscriptions {
		s := &d.Subscriptions[i]
		p.unique(subscriptions, kindSubscription, s.Name)
		p.spans(s.SessionSeconds, s.IdleSeconds)
		for _, t := range s.Tenants {
			p.unique(tenantNames, kindTenant, t.Name)
			p.spans(t.SessionSeconds, t.IdleSeconds)
		}
		for _, c := range s.ClientApps {
			p.unique(clientIDs, "client_id", c.ClientID)
			p.redirects(c)
		}
		p.uniqueIn(s)
		p.agree(s)
	}
}

// names are those of one kind seen so far.
type names map[string]place

func (p *parser) unique(seen names, kind string, t text) {
	if !t.set {
		return
	}
	key := normal(kind, t.v)
	if first, taken := seen[key]; taken {
		p.found(t.place, "is taken already, by %s in line %d", first.path, first.line)
		return
	}
	seen[key] = t.place
}

// uniqueIn looks for names that come twice in one subscription.
func (p *parser) uniqueIn(s *subscription) {
	each(p, s.IDPs, kindIDP, func(v *idp) text { return v.Name })
	each(p, s.ClientApps, kindClientApp, func(v *clientApp) text { return v.Name })
	each(p, s.Users, kindUser, func(v *user) text { return v.Name })
	each(p, s.Groups, kindGroup, func(v *group) text { return v.Name })
	each(p, s.TwoFactors, kindTwoFactor, func(v *twoFactor) text { return v.Name })
	each(p, s.Assignments, kindAssignment, func(v *assignment) text {
		return text{place: v.at, set: v.TwoFactor.set && v.To.set, v: v.TwoFactor.v + " " + v.To.v.key()}
	})
	each(p, s.Exemptions, kindExemption, func(v *exemption) text {
		return text{place: v.at, set: v.Of.set, v: v.Of.v.key()}
	})
	each(p, s.Templates, kindTemplate, func(v *template) text {
		return text{place: v.at, set: v.To.set && v.Kind.set && v.Lang.set, v: v.Kind.v + " " + tenants.NormalLang(v.Lang.v) + " " + v.To.v.key()}
	})
	each(p, s.Roles, kindRole, func(v *role) text {
		of := cmp.Or(v.Of.v, s.Name.v)
		return text{place: v.at, set: v.Role.set && v.To.set, v: v.Role.v + " " + v.Tenant.v + " " + of + " " + v.To.v.key()}
	})
	for _, u := range s.Users {
		if u.Kind.set && u.Kind.v == tenants.Machine && u.Password.set {
			p.found(u.Password.place, "a machine has no password")
		}
	}
}

func each[T any](p *parser, list []T, kind string, name func(*T) text) {
	seen := names{}
	for i := range list {
		p.unique(seen, kind, name(&list[i]))
	}
}

// key is the same for two spellings of one destination.
func (d destination) key() string { return d.level + " " + normal(d.level, d.name) }

func (p *parser) redirects(c clientApp) {
	if !c.Type.set {
		return
	}
	for _, u := range slices.Concat(c.RedirectURIs.v, c.PostLogoutRedirectURIs.v) {
		if why := tenants.CheckRedirect(u.v, c.Type.v); why != "" {
			p.found(u.place, "%s", why)
		}
	}
}

// agree holds the members of groups against the groups of users, where both
// are given.
func (p *parser) agree(s *subscription) {
	groups, users := map[string]*group{}, map[string]*user{}
	for i := range s.Groups {
		groups[s.Groups[i].Name.v] = &s.Groups[i]
	}
	for i := range s.Users {
		users[normal(kindUser, s.Users[i].Name.v)] = &s.Users[i]
	}
	for _, u := range s.Users {
		for _, name := range u.Groups.v {
			if g := groups[name.v]; g != nil && g.Members.set && !has(g.Members, kindUser, u.Name.v) {
				p.found(name.place, "group %q lists its members in line %d, and %q is not among them", name.v, g.Members.line, u.Name.v)
			}
		}
	}
	for _, g := range s.Groups {
		for _, name := range g.Members.v {
			if u := users[normal(kindUser, name.v)]; u != nil && u.Groups.set && !has(u.Groups, kindGroup, g.Name.v) {
				p.found(name.place, "user %q lists their groups in line %d, and %q is not among them", name.v, u.Groups.line, g.Name.v)
			}
		}
	}
}

func has(list texts, kind, name string) bool {
	return slices.ContainsFunc(list.v, func(t text) bool { return normal(kind, t.v) == normal(kind, name) })
}

// String is how messages name a destination.
func (d destination) String() string {
	if d.level == levelSubscription {
		return "the subscription"
	}
	return fmt.Sprintf("%s %s", d.level, shownName(d.name))
}

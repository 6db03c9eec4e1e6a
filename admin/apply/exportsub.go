package apply

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"twofold/tenants"
)

// subExporter writes one subscription.
type subExporter struct {
	*exporter
	sub   tenants.Subscription
	names map[string]map[string]string // of ids, by kind
}

const (
	subIndent  = indentStep + indentStep // of the keys of a subscription
	listIndent = subIndent + indentStep  // of what its lists hold
)

func (e *subExporter) all(ctx context.Context) error {
	e.names = map[string]map[string]string{}
	var s subscription
	describe(&s, e.sub)
	s = lean(e.exporter, s, func(bare subscription) any { return tenants.Subscription{Title: bare.Name.v} })
	item(e.exporter, indentStep, e.label(kindSubscription, e.sub.Name), s, nil)
	if err := e.bases(ctx, subIndent, e.sub.Name); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		e.groupNames, e.idps, e.clientApps, e.tenants, e.users, e.groups, e.twoFactors, e.assignments, e.exemptions, e.templates, e.subRoles,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// label names an entity in a warning.
func (e *subExporter) label(kind, name string) string {
	if kind == kindSubscription {
		return kind + " " + shownName(name)
	}
	return kind + " " + shownName(e.sub.Name) + "/" + shownName(name)
}

// named sorts entities by name, and remembers their names. It leaves out those that
// are deleted.
func named[T any](e *subExporter, kind string, list []T, of func(T) (name, id string)) []T {
	list = slices.DeleteFunc(list, func(v T) bool { return isDeleted(v) })
	slices.SortFunc(list, func(a, b T) int {
		x, _ := of(a)
		y, _ := of(b)
		return strings.Compare(x, y)
	})
	if e.names[kind] == nil {
		e.names[kind] = map[string]string{}
	}
	for _, v := range list {
		name, id := of(v)
		e.names[kind][id] = name
	}
	return list
}

func (e *subExporter) idps(ctx context.Context) error {
	list, err := e.store.ListIDPs(ctx)
	if err != nil {
		return err
	}
	list = named(e, kindIDP, list, func(v tenants.IDP) (string, string) { return v.Name, v.ID })
	defer e.section(subIndent, "idps")()
	for _, v := range list {
		var s idp
		describe(&s, v)
		s = lean(e.exporter, s, func(bare idp) any { return tenants.IDP{Title: bare.Name.v} })
		notes := map[string]string{}
		if v.HasSecret {
			s.ClientSecret = source{set: true, v: origin{kept: true}}
			notes["client_secret"] = "or ${env:" + variable(e.sub.Name, v.Name, "client_secret") + "}"
		}
		item(e.exporter, listIndent, e.label(kindIDP, v.Name), s, notes)
	}
	return nil
}

func (e *subExporter) clientApps(ctx context.Context) error {
	list, err1 := e.store.ListClientApps(ctx)
	secrets, err2 := e.store.WithClientSecret(ctx)
	users, err3 := e.store.AppUsers(ctx)
	groups, err4 := e.store.AppGroups(ctx)
	if err := errors.Join(err1, err2, err3, err4, e.appUsers(ctx, users)); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(v tenants.ClientApp) bool { return isConsole(v, e.sub) })
	list = named(e, kindClientApp, list, func(v tenants.ClientApp) (string, string) { return v.Name, v.ID })
	defer e.section(subIndent, "client_apps")()
	for _, v := range list {
		var s clientApp
		describe(&s, v)
		s = lean(e.exporter, s, func(bare clientApp) any { return usualApp(bare.Name.v, bare.Type.v) })
		if !e.opts.NoUsers {
			s.Users = e.namesOf(kindUser, idsOfApp(users, v.ID))
		}
		s.Groups = e.namesOf(kindGroup, idsOfApp(groups, v.ID))
		notes := map[string]string{}
		if usesSecret(v) && slices.Contains(secrets, v.ID) {
			s.ClientSecret = source{set: true, v: origin{kept: true}}
			notes["client_secret"] = "or ${env:" + variable(e.sub.Name, v.Name, "client_secret") + "}"
		}
		item(e.exporter, listIndent, e.label(kindClientApp, v.Name), s, notes)
	}
	return nil
}

// appUsers learns the names of the users that apps are for.
func (e *subExporter) appUsers(ctx context.Context, links []tenants.AppLink) error {
	if e.opts.NoUsers {
		e.leftOut("users of the client apps of "+shownName(e.sub.Name), len(links))
		return nil
	}
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	list, err := e.store.UsersByID(ctx, ids)
	named(e, kindUser, list, func(v tenants.User) (string, string) { return v.Name, v.ID })
	return err
}

func (e *subExporter) tenants(ctx context.Context) error {
	list, err1 := e.store.ListTenants(ctx)
	idps, err2 := e.store.TenantIDPs(ctx)
	apps, err3 := e.store.TenantClientApps(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	list = named(e, kindTenant, list, func(v tenants.Tenant) (string, string) { return v.Name, v.ID })
	defer e.section(subIndent, "tenants")()
	for _, v := range list {
		var s tenant
		describe(&s, v)
		s = lean(e.exporter, s, func(bare tenant) any { return usualTenant(bare) })
		s.IDPs, s.ClientApps = e.linked(kindIDP, v.ID, idps), e.linked(kindClientApp, v.ID, apps)
		item(e.exporter, listIndent, e.label(kindTenant, v.Name), s, nil)
	}
	return nil
}

// linked names what is assigned to a tenant.
func (e *subExporter) linked(kind, tenantID string, links []tenants.TenantLink) texts {
	var ids []string
	for _, l := range links {
		if l.TenantID == tenantID {
			ids = append(ids, l.ID)
		}
	}
	return e.namesOf(kind, ids)
}

// namesOf is a list of names, or no value if there are none.
func (e *subExporter) namesOf(kind string, ids []string) texts {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		if n, ok := e.names[kind][id]; ok { // and is not deleted
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return texts{}
	}
	slices.Sort(names)
	return textsOf(names)
}

func (e *subExporter) groupNames(ctx context.Context) error {
	list, err := e.store.ListGroups(ctx)
	named(e, kindGroup, list, func(v tenants.Group) (string, string) { return v.Name, v.ID })
	return err
}

// groups writes the names alone: users say which groups they are in.
func (e *subExporter) groups(context.Context) error {
	names := make([]string, 0, len(e.names[kindGroup]))
	for _, n := range e.names[kindGroup] {
		names = append(names, n)
	}
	slices.Sort(names)
	defer e.section(subIndent, "groups")()
	for _, n := range names {
		item(e.exporter, listIndent, e.label(kindGroup, n), group{Name: text{set: true, v: n}}, nil)
	}
	return nil
}

func (e *subExporter) twoFactors(ctx context.Context) error {
	list, err := e.store.ListTwoFactors(ctx)
	if err != nil {
		return err
	}
	list = named(e, kindTwoFactor, list, func(v tenants.TwoFactor) (string, string) { return v.Name, v.ID })
	defer e.section(subIndent, "two_factors")()
	for _, v := range list {
		p, ok := e.store.Catalog[v.Type]
		if !ok {
			e.warn("%s is left out: this server has no factor type %s", e.label(kindTwoFactor, v.Name), v.Type)
			continue
		}
		own, err := e.store.OptionsOf(ctx, v.ID)
		if err != nil {
			return err
		}
		m := masker{notes: map[string]string{}, owner: []string{e.sub.Name, v.Name}}
		var s twoFactor
		describe(&s, v)
		s.Options = options{set: true, v: m.options(own, p.Fields)}
		s = lean(e.exporter, s, nil)
		item(e.exporter, listIndent, e.label(kindTwoFactor, v.Name), s, m.notes)
	}
	return nil
}

func (e *subExporter) assignments(ctx context.Context) error {
	list, err := e.store.ListAssignments(ctx)
	if err != nil {
		return err
	}
	if err := e.targetUsers(ctx, list, nil); err != nil {
		return err
	}
	var specs []assignment
	left := 0
	for _, v := range list {
		to, ok := e.target(v.Level, v.TargetID)
		if !ok {
			left++
			continue
		}
		var s assignment
		describe(&s, v)
		s.TwoFactor, s.To = text{set: true, v: e.names[kindTwoFactor][v.TwoFactorID]}, to
		specs = append(specs, lean(e.exporter, s, nil))
	}
	slices.SortFunc(specs, func(a, b assignment) int {
		return cmp.Or(strings.Compare(a.TwoFactor.v, b.TwoFactor.v), byTarget(a.To, b.To))
	})
	defer e.section(subIndent, "assignments")()
	for _, s := range specs {
		item(e.exporter, listIndent, e.label(kindAssignment, s.TwoFactor.v), s, nil)
	}
	e.leftOut("assignments of "+shownName(e.sub.Name), left)
	return nil
}

func (e *subExporter) exemptions(ctx context.Context) error {
	list, err := e.store.ListExemptions(ctx)
	if err != nil {
		return err
	}
	if err := e.targetUsers(ctx, nil, list); err != nil {
		return err
	}
	var specs []exemption
	left := 0
	for _, v := range list {
		of, ok := e.target(v.Level, v.TargetID)
		if !ok {
			left++
			continue
		}
		var s exemption
		describe(&s, v)
		s.Of = of
		specs = append(specs, s)
	}
	slices.SortFunc(specs, func(a, b exemption) int { return byTarget(a.Of, b.Of) })
	defer e.section(subIndent, "exemptions")()
	for _, s := range specs {
		item(e.exporter, listIndent, e.label(kindExemption, s.Of.v.String()), s, nil)
	}
	e.leftOut("exemptions of "+shownName(e.sub.Name), left)
	return nil
}

// leftOut says that something is for nobody the file names.
func (x *exporter) leftOut(what string, n int) {
	if n == 0 {
		return
	}
	why := "they are for what a file does not hold"
	if x.opts.NoUsers {
		why = "they are for single users, or for what a file does not hold"
	}
	x.warn("%s are left out, %d of them: %s", what, n, why)
}

func (e *subExporter) templates(ctx context.Context) error {
	list, err := e.store.Templates(ctx)
	if err != nil {
		return err
	}
	target := func(t tenants.Template) string {
		to, _ := e.target(t.Level, t.TargetID)
		return to.v.key()
	}
	sortTemplates(list, target)
	defer e.section(subIndent, "templates")()
	left := 0
	for _, v := range list {
		to, ok := e.target(v.Level, v.TargetID)
		if !ok {
			left++
			continue
		}
		var s template
		describe(&s, v)
		s.To, s.Subject.set = to, v.Subject != ""
		item(e.exporter, listIndent, e.label(kindTemplate, v.Kind+" in "+v.Lang), s, nil)
	}
	e.leftOut("templates of "+shownName(e.sub.Name), left)
	return nil
}

func sortTemplates(list []tenants.Template, target func(tenants.Template) string) {
	slices.SortFunc(list, func(a, b tenants.Template) int {
		return cmp.Or(strings.Compare(target(a), target(b)), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Lang, b.Lang))
	})
}

// target names what an assignment and the like is for.
func (e *subExporter) target(l tenants.Level, id string) (target, bool) {
	if l == tenants.LevelSubscription {
		return target{set: true, v: destination{level: levelSubscription}}, id == e.sub.ID
	}
	name, ok := e.names[string(l)][id]
	return target{set: true, v: destination{level: string(l), name: name}}, ok
}

// byTarget orders from the subscription to the user, then by name.
func byTarget(a, b target) int {
	at := func(t target) int { return slices.Index(tenants.Levels(), tenants.Level(t.v.level)) }
	return cmp.Or(cmp.Compare(at(a), at(b)), strings.Compare(a.v.name, b.v.name))
}

package admin

import (
	"context"
	"slices"
	"strings"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
)

// GivenRoles are the roles of a scope, with what their subjects are called.
type GivenRoles struct {
	Items []tenants.Grant
	Names Names
}

// RolesNamed is Roles with names. Of subjects of other subscriptions only who has the
// whole server learns the names.
func (a *Admin) RolesNamed(ctx context.Context, w Who, subscription string) (GivenRoles, error) {
	all, err := a.Roles(ctx, w, subscription)
	if err != nil {
		return GivenRoles{}, err
	}
	ids := map[string][]string{}
	for _, g := range all {
		ids[g.SubjectKind] = append(ids[g.SubjectKind], g.SubjectID)
		ids["tenant"] = append(ids["tenant"], g.TenantID)
		ids[tenants.SubjectUser] = append(ids[tenants.SubjectUser], g.CreatedBy)
	}
	ctx = a.scope(ctx, subscription)
	if w.May(RoleRead, db.Scope{}) {
		ctx = db.AllTenants(ctx)
	}
	names, err := a.named(ctx, ids)
	return GivenRoles{all, names}, err
}

// Subject finds the id of whom a role is to be given to, of a subscription: a user by
// login name, a group by name, a machine's client app by name or client_id. An id stands
// for itself. Whom w does not see is not there.
func (a *Admin) Subject(ctx context.Context, w Who, home, kind, name string) (subject string, err error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", fieldError("subject", "is required")
	case id.Valid(name):
		return name, nil
	}
	switch kind {
	case tenants.SubjectUser:
		var found []tenants.User
		found, err = a.Tenants.UsersByName(a.scope(ctx, home), []string{name})
		if err == nil && len(found) == 1 {
			_, err = a.Users().Get(ctx, w, home, found[0].ID)
			subject = found[0].ID
		}
	case tenants.SubjectGroup:
		subject, err = a.subjectIn(ctx, w, home, name, groupNames)
	case tenants.SubjectClientApp:
		subject, err = a.subjectIn(ctx, w, home, name, appNames)
	default:
		return "", fieldError("subject_kind", "must be user, group or client_app")
	}
	switch {
	case problem.Is(err, problem.NotFound), problem.Is(err, problem.Invalid), err == nil && subject == "":
		return "", fieldError("subject", "does not exist here")
	case err != nil:
		return "", err
	}
	return subject, nil
}

// called is a thing with the names that it answers to.
type called struct {
	id    string
	names []string
}

func groupNames(ctx context.Context, a *Admin, w Who, home string, q page.Query) (page.Page[called], error) {
	p, err := a.Groups().List(ctx, w, home, q)
	return page.Map(p, func(g tenants.Group) called { return called{g.ID, []string{g.Name}} }), err
}

func appNames(ctx context.Context, a *Admin, w Who, home string, q page.Query) (page.Page[called], error) {
	p, err := a.ClientApps().List(ctx, w, home, q)
	return page.Map(p, func(c tenants.ClientApp) called { return called{c.ID, []string{c.Name, c.ClientID}} }), err
}

// subjectIn finds the one of that name: of all that begin with it, it comes first.
func (a *Admin) subjectIn(ctx context.Context, w Who, home, name string, list func(context.Context, *Admin, Who, string, page.Query) (page.Page[called], error)) (string, error) {
	found, err := list(ctx, a, w, home, page.Query{Search: name})
	if err != nil {
		return "", err
	}
	for _, c := range found.Items {
		if slices.ContainsFunc(c.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return c.id, nil
		}
	}
	return "", nil
}

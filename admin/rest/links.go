package rest

import (
	"context"
	"net/http"
	"strings"

	"twofold/admin"
	"twofold/tenants"
)

// links adds the operations that link two things. What can be many is listed by a filter
// of its own list: the members of a tenant or a group, and whom a client app is for, by
// users.list and groups.list.
func (a *API) links() {
	for _, l := range []struct {
		kind                      tenants.LinkKind
		owner, ownerPath          string
		other, otherPath, otherID string
		read, write               admin.Action
		many                      bool
	}{
		{tenants.LinkTenantIDP, "tenant", "tenants", "IDP", "idps", "idp", admin.TenantRead, admin.IDPWrite, false},
		{tenants.LinkTenantClientApp, "tenant", "tenants", "client app", "client-apps", "client_app", admin.TenantRead, admin.ClientAppWrite, false},
		{tenants.LinkTenantMember, "tenant", "tenants", "user", "members", "member", admin.UserRead, admin.UserWrite, true},
		{tenants.LinkGroupMember, "group", "groups", "user", "members", "member", admin.GroupRead, admin.GroupWrite, true},
		{tenants.LinkUserIDP, "user", "users", "IDP", "idps", "idp", admin.UserRead, admin.UserWrite, false},
		{tenants.LinkAppUser, "client app", "client-apps", "user", "users", "user", admin.ClientAppRead, admin.ClientAppWrite, true},
		{tenants.LinkAppGroup, "client app", "client-apps", "group", "groups", "group", admin.ClientAppRead, admin.ClientAppWrite, true},
	} {
		path := "/subscriptions/{subscription}/" + l.ownerPath + "/{id}/" + l.otherPath
		name := strings.ReplaceAll(l.ownerPath+"."+l.otherPath, "-", "_")
		if !l.many {
			act[none, Items[string]](a, spec{
				id: name + ".list", method: http.MethodGet, path: path, action: l.read,
				summary: "List what " + withArticle(l.owner) + " is linked to: ids of " + l.other + "s",
			}, func(ctx context.Context, c *call, _ none) (*answer, error) {
				ids, err := a.Admin.Linked(ctx, c.who, c.subscription, l.kind, c.id)
				return items(ids, func(id string) string { return id }), err
			})
		}
		link := func(on bool) func(context.Context, *call, none) (*answer, error) {
			return func(ctx context.Context, c *call, _ none) (*answer, error) {
				_, err := a.Admin.Link(ctx, c.who, c.subscription, l.kind, c.id, c.other, on)
				return &answer{}, err
			}
		}
		at := path + "/{" + l.otherID + "}"
		act[none, none](a, spec{id: name + ".add", method: http.MethodPut, path: at, action: l.write, summary: "Link " + withArticle(l.other) + " to " + withArticle(l.owner)}, link(true))
		act[none, none](a, spec{id: name + ".remove", method: http.MethodDelete, path: at, action: l.write, summary: "Take " + withArticle(l.other) + " from " + withArticle(l.owner), problems: []int{http.StatusConflict}}, link(false))
	}
}

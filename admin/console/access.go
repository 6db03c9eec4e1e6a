package console

import (
	"twofold/admin"
	"twofold/internal/page"
	"twofold/tenants"
	"twofold/ui"
)

// Whom a restricted client app is for: its own users, and the members of its groups.

func appUsers() tie {
	return tie{
		at: "users", title: "Users with access", noun: "a user", kind: tenants.LinkAppUser, operation: "client_apps.users.add", write: admin.ClientAppWrite,
		far: usersFar,
	}
}

func appGroups() tie {
	return tie{
		at: "groups", title: "Groups with access", noun: "a group", kind: tenants.LinkAppGroup, operation: "client_apps.groups.add", write: admin.ClientAppWrite,
		far: func(d *desk) far {
			return farOf(d, groups(), func(tenants.Group) string { return "" }, nil)
		},
	}
}

// accessParts list both on the app's page: also while it is open to everybody, so that
// whom it is for can be said before it is restricted.
func accessParts(d *desk, v tenants.ClientApp) ([]ui.AdminPart, error) {
	q := page.Query{Filter: map[string]string{"client_app": v.ID}}
	var out []ui.AdminPart
	add := func(t tie, ids []string, more ui.Link) error {
		t.empty = "None. It counts once the app is for certain people only."
		if v.Restricted {
			t.empty = "None."
		}
		part, err := t.part(d, "client-apps", ids, more)
		out = append(out, part)
		return err
	}
	if d.may(admin.GroupRead) {
		found, err := d.Admin.Groups().List(d.r.Context(), d.who, d.sub.ID, q)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(found.Items))
		for i, g := range found.Items {
			ids[i] = g.ID
		}
		if err := add(appGroups(), ids, moreOf(d, "groups", v.ID, found.Next)); err != nil {
			return nil, err
		}
	}
	if !d.may(admin.UserRead) {
		return out, nil
	}
	found, err := d.Admin.Users().List(d.r.Context(), d.who, d.sub.ID, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(found.Items))
	for i, u := range found.Items {
		ids[i] = u.ID
	}
	return out, add(appUsers(), ids, moreOf(d, "users", v.ID, found.Next))
}

// moreOf leads to all of a list that its part begins.
func moreOf(d *desk, path, appID, next string) ui.Link {
	if next == "" {
		return ui.Link{}
	}
	return ui.Link{Text: "All of them", URL: d.path(path) + "?client_app=" + appID}
}

// accessFilter narrows the lists of users and groups to whom an app is for.
func accessFilter(d *desk) []ui.AdminFilter {
	if !d.may(admin.ClientAppRead) {
		return nil
	}
	f, ok := filterOf(d, clientApps(), "client_app", "Listed for app")
	if !ok {
		return nil
	}
	return []ui.AdminFilter{f}
}

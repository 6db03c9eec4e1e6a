package console

import (
	"slices"
	"strings"

	"twofold/admin"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// target is what an assignment, an exemption or a template hangs on.
type target = admin.Target

// names are what targets are called, by id.
func (d *desk) names(targets []target) (map[string]string, error) {
	names, err := d.Admin.TargetNames(d.r.Context(), d.who, d.sub.ID, targets)
	if err != nil {
		return nil, err
	}
	if _, ok := names[d.sub.ID]; ok {
		names[d.sub.ID] = titleOf(d.sub.Title, d.sub.Name)
	}
	return names, nil
}

// levelName is what a level is called.
func levelName(l tenants.Level) string {
	switch l {
	case tenants.LevelSubscription:
		return "Subscription"
	case tenants.LevelTenant:
		return "Tenant"
	case tenants.LevelIDP:
		return "Identity provider"
	case tenants.LevelClientApp:
		return "Client app"
	case tenants.LevelGroup:
		return "Group"
	case tenants.LevelUser:
		return "User"
	}
	return string(l)
}

// levelPath is the page of what a level names.
func (d *desk) levelPath(l tenants.Level, id string) string {
	switch l {
	case tenants.LevelSubscription:
		return d.path("subscription")
	case tenants.LevelTenant:
		return d.path("tenants", id)
	case tenants.LevelIDP:
		return d.path("idps", id)
	case tenants.LevelClientApp:
		return d.path("client-apps", id)
	case tenants.LevelGroup:
		return d.path("groups", id)
	case tenants.LevelUser:
		return d.path("users", id)
	}
	return ""
}

// levelOptions are levels to choose from, each with what it reaches.
func levelOptions(levels []tenants.Level) []ui.AdminOption {
	reaches := map[tenants.Level]string{
		tenants.LevelSubscription: "Everybody, in all tenants", tenants.LevelTenant: "All who sign in to one tenant",
		tenants.LevelIDP: "All who prove themselves at one identity provider", tenants.LevelClientApp: "All who sign in to one app",
		tenants.LevelGroup: "The members of one group", tenants.LevelUser: "One user",
	}
	out := make([]ui.AdminOption, len(levels))
	for i, l := range levels {
		out[i] = ui.AdminOption{Value: string(l), Label: levelName(l), Help: reaches[l]}
	}
	return out
}

// some lists up to a page of a kind, as options; more says that there are others.
func some[V any](d *desk, t admin.Things[V], option func(V) ui.AdminOption) (out []ui.AdminOption, more bool, err error) {
	if !d.may(admin.Action(t.Kind() + ".read")) {
		return nil, false, nil
	}
	p, err := t.List(d.r.Context(), d.who, d.sub.ID, page.Query{Limit: page.MaxLimit})
	for _, v := range p.Items {
		out = append(out, option(v))
	}
	return out, p.Next != "", err
}

// targetsAt are what a level has to choose from.
func (d *desk) targetsAt(l tenants.Level) (out []ui.AdminOption, more bool, err error) {
	switch l {
	case tenants.LevelTenant:
		return some(d, d.Admin.TenantsOf(), func(v tenants.Tenant) ui.AdminOption { return ui.AdminOption{Value: v.ID, Label: v.Name} })
	case tenants.LevelIDP:
		return some(d, d.Admin.IDPs(), func(v tenants.IDP) ui.AdminOption { return ui.AdminOption{Value: v.ID, Label: v.Name} })
	case tenants.LevelClientApp:
		return some(d, d.Admin.ClientApps(), func(v tenants.ClientApp) ui.AdminOption { return ui.AdminOption{Value: v.ID, Label: v.Name} })
	case tenants.LevelGroup:
		return some(d, d.Admin.Groups(), func(v tenants.Group) ui.AdminOption { return ui.AdminOption{Value: v.ID, Label: v.Name} })
	case tenants.LevelSubscription, tenants.LevelUser:
	}
	return nil, true, nil
}

// targetField asks for a target of a level: by choosing, or by name where there are
// too many.
func (d *desk) targetField(l tenants.Level, value string) (ui.AdminField, error) {
	if l == tenants.LevelSubscription {
		return fixed("Subscription", titleOf(d.sub.Title, d.sub.Name), ""), nil
	}
	options, more, err := d.targetsAt(l)
	if err != nil {
		return ui.AdminField{}, err
	}
	if !more {
		return required(choose("target", levelName(l), value, "", options...)), nil
	}
	if name, err := d.names([]target{{Level: l, ID: value}}); err == nil && name[value] != "" {
		value = name[value]
	}
	if l == tenants.LevelUser {
		return required(text("target", "User", value, "The login name.")), nil
	}
	return required(text("target", levelName(l), value, "Its name, as the list of them has it.")), nil
}

// findTarget reads what was given for a target: its id, or its name.
func (d *desk) findTarget(l tenants.Level, given string) (string, error) {
	given = strings.TrimSpace(given)
	switch {
	case l == tenants.LevelSubscription:
		return d.sub.ID, nil
	case given == "":
		return "", problem.New(problem.Invalid, "invalid", "Choose one.")
	}
	switch l {
	case tenants.LevelTenant:
		return foundBy(d, d.Admin.TenantsOf(), given, func(v tenants.Tenant) string { return v.Name })
	case tenants.LevelIDP:
		return foundBy(d, d.Admin.IDPs(), given, func(v tenants.IDP) string { return v.Name })
	case tenants.LevelClientApp:
		return foundBy(d, d.Admin.ClientApps(), given, func(v tenants.ClientApp) string { return v.Name })
	case tenants.LevelGroup:
		return foundBy(d, d.Admin.Groups(), given, func(v tenants.Group) string { return v.Name })
	case tenants.LevelUser:
		return foundBy(d, d.Admin.Users(), given, func(v tenants.User) string { return v.Name })
	case tenants.LevelSubscription:
	}
	return "", errNoTarget
}

var errNoTarget = problem.New(problem.Invalid, "invalid", "There is none of this name.")

func foundBy[V any](d *desk, t admin.Things[V], given string, name func(V) string) (string, error) {
	if v, err := t.Get(d.r.Context(), d.who, d.sub.ID, given); err == nil {
		return t.ID(&v), nil
	}
	p, err := t.List(d.r.Context(), d.who, d.sub.ID, page.Query{Search: given, Limit: page.MaxLimit})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(p.Items, func(v V) bool { return strings.EqualFold(name(v), given) })
	if i < 0 {
		return "", errNoTarget
	}
	return t.ID(&p.Items[i]), nil
}

// instances are all TwoFactor instances, as options.
func (d *desk) instances() ([]ui.AdminOption, error) {
	out, _, err := some(d, d.Admin.TwoFactors(), func(v tenants.TwoFactor) ui.AdminOption {
		label := v.Name
		if !v.Active {
			label += " (inactive)"
		}
		return ui.AdminOption{Value: v.ID, Label: label}
	})
	return out, err
}

func labelOf(options []ui.AdminOption, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

package admin

import (
	"slices"

	"twofold/tenants"
)

// RolesWith lists the roles that include an action, the widest first.
func RolesWith(a Action) []tenants.Role {
	return slices.DeleteFunc(slices.Clone(tenants.Roles()), func(r tenants.Role) bool { return !allows(r, a) })
}

package admin

import (
	"slices"

	"twofold/tenants"
)

// Action is something that takes a role: what it is done to, and what is done.
type Action string

// Actions. Write is creating and changing; what takes a fresh sign-in is in sensitive.go.
const (
	SubscriptionRead   Action = "subscription.read"
	SubscriptionWrite  Action = "subscription.write"
	SubscriptionCreate Action = "subscription.create"
	SubscriptionDelete Action = "subscription.delete"
	TenantRead         Action = "tenant.read"
	TenantWrite        Action = "tenant.write"
	TenantCreate       Action = "tenant.create"
	TenantDelete       Action = "tenant.delete"
	TenantHost         Action = "tenant.host" // give it a host name of its own
	IDPRead            Action = "idp.read"
	IDPWrite           Action = "idp.write"
	IDPCreate          Action = "idp.create"
	IDPDelete          Action = "idp.delete"
	ClientAppRead      Action = "client_app.read"
	ClientAppWrite     Action = "client_app.write"
	ClientAppCreate    Action = "client_app.create"
	ClientAppDelete    Action = "client_app.delete"
	ClientAppSecret    Action = "client_app.secret"
	UserRead           Action = "user.read"
	UserWrite          Action = "user.write"
	UserCreate         Action = "user.create"
	UserDelete         Action = "user.delete"
	UserPassword       Action = "user.password"
	UserHelp           Action = "user.help" // reset, bypass, unlock
	GroupRead          Action = "group.read"
	GroupWrite         Action = "group.write"
	GroupCreate        Action = "group.create"
	GroupDelete        Action = "group.delete"
	TwoFactorRead      Action = "two_factor.read"
	TwoFactorWrite     Action = "two_factor.write"
	TwoFactorCreate    Action = "two_factor.create"
	TwoFactorDelete    Action = "two_factor.delete"
	TwoFactorTest      Action = "two_factor.test"
	AssignmentRead     Action = "assignment.read"
	AssignmentWrite    Action = "assignment.write"
	AssignmentCreate   Action = "assignment.create"
	AssignmentDelete   Action = "assignment.delete"
	ExemptionRead      Action = "exemption.read"
	ExemptionWrite     Action = "exemption.write"
	ExemptionCreate    Action = "exemption.create"
	ExemptionDelete    Action = "exemption.delete"
	SettingsRead       Action = "settings.read"
	SettingsWrite      Action = "settings.write"
	TemplateRead       Action = "template.read"
	TemplateWrite      Action = "template.write"
	RoleRead           Action = "role.read"
	RoleWrite          Action = "role.write"
	SessionRead        Action = "session.read"
	SessionEnd         Action = "session.end"
	SigningKeyRead     Action = "signing_key.read"
	SigningKeyWrite    Action = "signing_key.write" // rotate, revoke
	MessageRead        Action = "message.read"
	AuditRead          Action = "audit.read"
	PolicyRead         Action = "policy.read" // explain and preview
)

// everybody may know what he has a role in: without it no page could say where he is.
var everybody = []Action{SubscriptionRead, TenantRead}

// permitted are the actions of the narrower roles (SPEC §1, §8.3). A system_admin and,
// within its subscription, a subscription_admin may do everything but what is in
// operators. What a tenant_admin may change is narrowed further: see tenantrules.go.
var permitted = map[tenants.Role][]Action{
	tenants.RoleTenantAdmin: {
		TenantWrite, IDPRead, ClientAppRead, UserRead, UserWrite, UserCreate, UserDelete, UserPassword, UserHelp, GroupRead, TwoFactorRead,
		AssignmentRead, AssignmentWrite, AssignmentCreate, AssignmentDelete, ExemptionRead, TemplateRead, TemplateWrite,
		RoleRead, RoleWrite, SessionRead, SessionEnd, SigningKeyRead, MessageRead, AuditRead, PolicyRead,
	},
	tenants.RoleHelpDesk: {UserRead, UserHelp},
	tenants.RoleAuditor:  {AuditRead, MessageRead},
}

// operators are the actions of a system_admin alone. Nothing proves that a host name is its
// claimant's, and certificate and proxy are the operator's: so are the names (docs/adr/0034).
var operators = []Action{SubscriptionCreate, SubscriptionDelete, TenantHost}

// allows reports whether a role includes an action.
func allows(r tenants.Role, a Action) bool {
	switch r {
	case tenants.RoleSystemAdmin:
		return true
	case tenants.RoleSubscriptionAdmin:
		return !slices.Contains(operators, a)
	case tenants.RoleTenantAdmin, tenants.RoleHelpDesk, tenants.RoleAuditor:
		return slices.Contains(everybody, a) || slices.Contains(permitted[r], a)
	}
	return false
}

package testkit

import "strings"

// What the roles may do, word for word by SPEC §1 and §8.3, and by nothing of package
// admin: a slip in its table is found by the tests that hold the house against this one.
//
//	letter            role
//	S                 SystemAdmin: creates subscriptions, base settings, sees everything
//	A                 SubscriptionAdmin: configures all of its subscription
//	T                 TenantAdmin: its users, its looks; may tighten, never loosen
//	H                 HelpDesk: finds a user, resets, issues a bypass; nothing else
//	U                 Auditor: reads the audit trail and the delivery log
//
// That everybody may know where he is goes without saying in SPEC: without it no page
// could name the subscription and the tenants that somebody has a role in.
const roleTable = `
subscription.read    SATHU
subscription.write   SA
subscription.create  S
subscription.delete  S
tenant.read          SATHU
tenant.write         SAT
tenant.create        SA
tenant.delete        SA
tenant.host          S
idp.read             SAT
idp.write            SA
idp.create           SA
idp.delete           SA
client_app.read      SAT
client_app.write     SA
client_app.create    SA
client_app.delete    SA
client_app.secret    SA
user.read            SATH
user.write           SAT
user.create          SAT
user.delete          SAT
user.password        SAT
user.help            SATH
group.read           SAT
group.write          SA
group.create         SA
group.delete         SA
two_factor.read      SAT
two_factor.write     SA
two_factor.create    SA
two_factor.delete    SA
two_factor.test      SA
assignment.read      SAT
assignment.write     SAT
assignment.create    SAT
assignment.delete    SAT
exemption.read       SAT
exemption.write      SA
exemption.create     SA
exemption.delete     SA
settings.read        SA
settings.write       SA
template.read        SAT
template.write       SAT
role.read            SAT
role.write           SAT
session.read         SAT
session.end          SAT
signing_key.read     SAT
signing_key.write    SA
message.read         SATU
audit.read           SATU
policy.read          SAT
`

// sensitiveTable are the actions that ask for a sign-in of the last five minutes: what
// gives power, takes protection away from somebody, or cannot be taken back.
const sensitiveTable = `subscription.delete tenant.delete idp.delete client_app.delete client_app.secret
user.delete user.password user.help two_factor.delete assignment.delete exemption.write exemption.create role.write
signing_key.write`

// MayDo lists who may do an action where their role counts, by the letters S, A, T, H
// and U. For an action that nobody has thought of, known is false.
func MayDo(action string) (letters string, known bool) {
	for line := range strings.Lines(roleTable) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == action {
			return f[1], true
		}
	}
	return "", false
}

// IsSensitive reports whether an action asks users for a fresh sign-in.
func IsSensitive(action string) bool {
	for _, a := range strings.Fields(sensitiveTable) {
		if a == action {
			return true
		}
	}
	return false
}

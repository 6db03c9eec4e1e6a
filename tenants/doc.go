// Package tenants is the domain: subscriptions, tenants, IDPs, client apps, users,
// groups, TwoFactor instances, assignments and exemptions, and the four rules that
// decide about a sign-in (resolve.go).
//
// It owns the tables of migrations named "tenants". It knows the factor contract,
// but no factor by name, no HTTP and no OpenID Connect.
package tenants

// Package console is what administrators see: pages over the use cases of package admin,
// and how somebody gets to them. The console is a client app like any other: it signs
// people in by OpenID Connect, at the tenant they belong to, and knows of them what the
// ID token says. It must not know how a sign-in works, and decides nothing that package
// admin decides.
package console

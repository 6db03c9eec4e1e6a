// Package testkit is what tests of all packages share: fresh migrated databases
// of both dialects, a settable clock, a browser without script, captured logs
// and a register of secrets that must not turn up anywhere.
//
// It knows the schema only through package migrations, and nothing of tenants,
// sign-ins or factors. A real browser is in testkit/browser, so that packages
// without pages need not compile it.
package testkit

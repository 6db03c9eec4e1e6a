// Package twofactor is the contract between Twofold and a second factor.
//
// Read factor.go, then write a factor: a directory beside this file with an
// options struct, a Provider made by Define, and one line in catalog. The
// package knows no factor by name, no database and no HTTP request.
package twofactor

// Package factortest is the suite that every factor passes, and a fake factor
// that only tests know.
//
// Run checks the must-sentences of twofactor/factor.go. A bug found in one
// factor first becomes a case here. The package knows no factor by name; a test
// of a factor brings its options, a user, the right answer and, for those that
// send, a strict fake of the service with its ways to fail.
package factortest

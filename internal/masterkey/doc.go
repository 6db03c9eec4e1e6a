// Package masterkey lets an installation change its master key while it works.
//
// It keeps the key that MACs are made with, which stays when the master key goes
// (docs/adr/0027), and seals values anew that are still under another key than the
// first one. Whose values these are, their owners say: they show their sealed columns
// as a Column each. It owns the table house_keys.
package masterkey

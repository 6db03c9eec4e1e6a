// Package recovery is the factor of type "recovery": a set of codes on paper, for
// the day when the other factor is lost. Each code counts once.
//
// It owns how codes are made, read and hashed. Codes are shown while they are made
// and never again: an enrollment's State has their hashes only. Renewing is
// enrolling again; the house then removes the set from before, since Verify takes
// every set that it is given. The package does not know what a code stands in for:
// it never counts alone (Info.Fallback), and the house sees to that.
package recovery

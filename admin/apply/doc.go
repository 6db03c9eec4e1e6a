// Package apply brings subscriptions and all they own to what a YAML file says:
// `twofold apply FILE`.
//
// It owns the form of that file (spec.go is its only description: the parser, the
// defaults and docs/reference/apply.md are drawn from it) and the order in which
// things are put. It owns no table, and knows no factor by name: what options a
// TwoFactor takes, it asks the catalogue.
package apply

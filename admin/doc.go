// Package admin holds what those who run a subscription do to it: use cases, each in
// one transaction with its entry in the audit trail. Commands, the REST API and the
// pages call the same ones. It must not know by which way somebody asks, whether he
// may, or how the answer is shown.
package admin

// Package outbound calls addresses that strangers to the operator have chosen: the
// administrators of a subscription, say. Its client reaches public addresses only,
// and those that the operator allows.
//
// The address is checked when a connection is made, after the name was resolved:
// a name that leads elsewhere the second time gains nothing (SECURITY N52, §3 row
// 64). The package knows nothing of what is called, or why.
package outbound

// Package audit keeps the trail of what happened: every sign-in with its
// explanation, every factor event, every change.
//
// It owns the tables audit_events and audit_chains. Each subscription has one
// chain; an event carries the MAC of itself and of the one before it, so a removed,
// altered or inserted event is found by Verify. It knows no other table.
package audit

// Package rest is administration for programs: the REST API below /admin/v1, and the
// OpenAPI document that describes it, drawn from the same Go types.
//
// It owns the table idempotency_keys. It reads and writes HTTP and decides nothing: who
// may do what, and what follows from it, is package admin's.
package rest

// Package db opens the database and keeps tenants apart.
//
// It owns the connection, the ambient transaction, the tenant guard and the
// few helpers for compare-and-set statements. It knows no table.
//
// Every statement goes through the guard (guard.go): it adds the owner found in
// the context to each query, update and delete, sets it on create, and fails
// when the context names none.
package db

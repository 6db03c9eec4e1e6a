package db

import "context"

// Scope names whose rows a context may touch.
type Scope struct {
	Subscription string
	Tenant       string
}

type (
	scopeKey struct{}
	allKey   struct{}
	rawKey   struct{}
	txKey    struct{}
)

// WithScope returns a context that sees the rows of s alone.
func WithScope(ctx context.Context, s Scope) context.Context {
	return context.WithValue(context.WithValue(ctx, scopeKey{}, s), allKey{}, false)
}

// ScopeOf returns the scope of ctx, empty if there is none.
func ScopeOf(ctx context.Context) Scope {
	s, _ := ctx.Value(scopeKey{}).(Scope)
	return s
}

// AllTenants lifts the guard for reads and writes of the server itself: finding a
// tenant by its name, the outbox, the sweeps. What is created under it must name
// its owner. Use it in a store method only, never in a handler.
func AllTenants(ctx context.Context) context.Context {
	return context.WithValue(ctx, allKey{}, true)
}

func seesAll(ctx context.Context) bool {
	all, _ := ctx.Value(allKey{}).(bool)
	return all
}

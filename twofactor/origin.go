package twofactor

import (
	"context"
	"net/url"
)

type originKey struct{}

// WithOrigin says that the user is at another address of the server than the usual one,
// Env.Origin: scheme://host[:port]. Empty is the usual one. Whoever opens a factor must
// open it for the origin of its context.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginFrom returns the origin of ctx; empty: the usual one.
func OriginFrom(ctx context.Context) string {
	origin, _ := ctx.Value(originKey{}).(string)
	return origin
}

// HostFrom returns the host of OriginFrom.
func HostFrom(ctx context.Context) string {
	u, err := url.Parse(OriginFrom(ctx))
	if err != nil {
		return ""
	}
	return u.Hostname()
}

package op

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"twofold/tenants"
)

// call is one request on its way through the library. It stands in for the
// response writer, to add the headers that the library leaves out.
type call struct {
	http.ResponseWriter
	origin string // of the page that calls, if it is a page
	realm  string
	bearer bool   // the endpoint takes bearer tokens, not client credentials
	denied string // error of a refused bearer token (RFC 6750 §3.1)
}

type callKey struct{}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// WriteHeader adds what a status must have: a challenge to 401 (RFC 6749 §5.2, RFC
// 6750 §3), a time to come back to 503.
func (c *call) WriteHeader(status int) {
	switch {
	case status == http.StatusServiceUnavailable:
		c.Header().Set("Retry-After", "5")
	case c.bearer && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		challenge := fmt.Sprintf("Bearer realm=%q", c.realm)
		if c.denied != "" {
			challenge += fmt.Sprintf(", error=%q", c.denied)
		}
		if c.denied == errInsufficientScope {
			challenge += `, scope="openid"`
		}
		c.Header().Set("WWW-Authenticate", challenge)
	case status == http.StatusUnauthorized:
		c.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", c.realm))
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// allowOrigin lets the pages of a browser app read the answer, and nobody else's:
// the origins are those of its redirect URIs. Never with credentials.
func (c *call) allowOrigin(app tenants.ClientApp) {
	if c == nil || c.origin == "" || app.Type != tenants.AppSPA {
		return
	}
	if slices.ContainsFunc(app.RedirectURIs, func(u string) bool { return originOf(u) == c.origin }) {
		c.Header().Set("Access-Control-Allow-Origin", c.origin)
		c.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
	}
}

// preflight lets a browser ask. Which app asks is not known yet, so every origin
// may try; whether it may read the answer is decided with the answer.
func preflight(c *call, e endpoint) {
	h := c.Header()
	if e.path == pathIntrospect || e.path == pathRevoke || e.path == pathPAR {
		h.Set("Allow", http.MethodPost)
		c.fail(&fault{http.StatusMethodNotAllowed, "invalid_request", "method not allowed"})
		return
	}
	if c.origin != "" && !e.open {
		h.Set("Access-Control-Allow-Origin", c.origin)
	}
	h.Set("Access-Control-Allow-Methods", join(e.methods))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	c.WriteHeader(http.StatusNoContent)
}

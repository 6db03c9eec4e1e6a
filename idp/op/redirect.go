package op

import (
	"slices"
	"strings"

	"twofold/tenants"
)

// redirectAllowed compares strings, nothing else: no decoding, no wildcard (RFC
// 9700 §2.1). Only the port of a native app's loopback address may differ, since
// the system picks it (RFC 8252 §7.3).
func redirectAllowed(app tenants.ClientApp, registered tenants.List, uri string) bool {
	if slices.Contains(registered, uri) {
		return true
	}
	if app.Type != tenants.AppNative {
		return false
	}
	host, rest, ok := splitLoopback(uri)
	if !ok {
		return false
	}
	return slices.ContainsFunc(registered, func(r string) bool {
		h, p, ok := splitLoopback(r)
		return ok && h == host && p == rest
	})
}

// splitLoopback takes the port out of an http address on the loopback interface.
func splitLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	end := strings.IndexAny(after, "/?")
	if end < 0 {
		end = len(after)
	}
	authority, rest := after[:end], after[end:]
	for _, h := range []string{"127.0.0.1", "[::1]", "localhost"} {
		port, found := strings.CutPrefix(authority, h)
		if found && (port == "" || isPort(port)) {
			return h, rest, true
		}
	}
	return "", "", false
}

// isPort accepts a colon and 1 to 5 digits.
func isPort(s string) bool {
	return len(s) >= 2 && len(s) <= 6 && s[0] == ':' && strings.Trim(s[1:], "0123456789") == ""
}

// originOf is the web origin of an address: what a browser sends as Origin.
func originOf(uri string) string {
	scheme, after, ok := strings.Cut(uri, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(after, "/?#"); end >= 0 {
		after = after[:end]
	}
	origin := strings.ToLower(scheme + "://" + after)
	// Browsers leave out the default port (RFC 6454 §6.1).
	if scheme == "https" {
		return strings.TrimSuffix(origin, ":443")
	}
	return strings.TrimSuffix(origin, ":80")
}

package testkit

import (
	"net"
	"net/url"
	"slices"
)

// originOf is scheme://host[:port].
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// originHeader is "null" once a chain of redirects has left its first origin
// (Fetch §4.4, redirect-tainted origin).
func originHeader(r request) string {
	if r.from == nil || (r.site != "same-origin" && originOf(r.from) == originOf(r.url)) {
		return "null"
	}
	return originOf(r.from)
}

// sites from near to far, as Sec-Fetch-Site names them.
var sites = [...]string{"", "none", "same-origin", "same-site", "cross-site"}

// fetchSite relates two URLs. Hosts, not registrable domains, make a site here:
// tests use localhost and names under example.
func fetchSite(from, to *url.URL) string {
	switch {
	case from == nil:
		return "none"
	case originOf(from) == originOf(to):
		return "same-origin"
	case from.Hostname() == to.Hostname() && from.Scheme == to.Scheme:
		return "same-site"
	}
	return "cross-site"
}

func farther(a, b string) string {
	return sites[max(slices.Index(sites[:], a), slices.Index(sites[:], b))]
}

// isTrustworthy reports whether browsers treat u as secure: HTTPS, and plain
// HTTP to this machine (Secure Contexts §3.1).
func isTrustworthy(u *url.URL) bool {
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

package outbound

import (
	"net/netip"
	"slices"
	"syscall"
)

// RefusedError reports an address that must not be called. It does not tell the
// address: whoever may choose a name shall not learn from us what it stands for.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return "outbound: address refused: " + e.Why }

// Refused tells callers that cannot import this package what the error is.
func (e *RefusedError) Refused() bool { return true }

// control runs check on the resolved address before a connection is tried.
func control(check func(netip.Addr) error) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return &RefusedError{Why: "not an IP address"}
		}
		return check(plain(ap.Addr()))
	}
}

// plain is a without what could hide it from a prefix: a zone, an IPv4 address in
// IPv6 clothes.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// check permits what is public or allowed.
func (c Config) check(a netip.Addr) error {
	if c.allows(a) {
		return nil
	}
	if why := reserved(a); why != "" {
		return &RefusedError{Why: why}
	}
	return nil
}

// checkPlain permits what is allowed. Everything else needs TLS.
func (c Config) checkPlain(a netip.Addr) error {
	if c.allows(a) {
		return nil
	}
	return &RefusedError{Why: "plain http"}
}

func (c Config) allows(a netip.Addr) bool { return block{prefixes: c.Allowed}.contains(a) }

// reserved says why a is no public address, or nothing.
func reserved(a netip.Addr) string {
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:])) // the network calls this one
	}
	for _, b := range special {
		if b.contains(a) {
			return b.why
		}
	}
	if a.Is6() && !global.Contains(a) {
		return "not globally routed"
	}
	return ""
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1
	global = netip.MustParsePrefix("2000::/3")     // all of IPv6 that is given out, RFC 4291 §2.4
)

type block struct {
	why      string
	prefixes []netip.Prefix
}

func (b block) contains(a netip.Addr) bool {
	return slices.ContainsFunc(b.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// special are the blocks of IPv4, and those within global, that are not public: the
// IANA registries of special-purpose addresses (RFC 6890), and multicast.
var special = []block{
	{"this network", prefixes("0.0.0.0/8")},
	{"private", prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")},
	{"carrier NAT", prefixes("100.64.0.0/10")},
	{"loopback", prefixes("127.0.0.0/8")},
	{"link-local", prefixes("169.254.0.0/16")},
	{"protocol assignment", prefixes("192.0.0.0/24", "2001::/23")}, // the latter with Teredo, which embeds IPv4
	{"documentation", prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")},
	{"6to4", prefixes("192.88.99.0/24", "2002::/16")}, // embeds IPv4; deprecated by RFC 7526
	{"benchmark", prefixes("198.18.0.0/15")},
	{"multicast", prefixes("224.0.0.0/4")},
	{"reserved", prefixes("240.0.0.0/4")},
	{"cloud platform", prefixes("168.63.129.16/32")}, // Azure's agent and DNS: public by form, not by reach
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

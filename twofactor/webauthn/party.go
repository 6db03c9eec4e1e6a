package webauthn

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"twofold/twofactor"
)

// party is who asks: the relying party.
type party struct {
	id     string // the host: passkeys are bound to it for ever
	origin string // as browsers write it
}

// partyOf reads the origin that people see. Browsers have passkeys for host names
// only, and in secure contexts only; an error wraps ErrUnusable.
func partyOf(origin string) (party, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return party{}, fmt.Errorf("webauthn: passkeys need a host name: %w", twofactor.ErrUnusable)
	}
	host, err := idna.Lookup.ToASCII(strings.ToLower(u.Hostname()))
	if err != nil || host == "" || isAddress(host) {
		return party{}, fmt.Errorf("webauthn: passkeys need a host name: %w", twofactor.ErrUnusable)
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return party{}, fmt.Errorf("webauthn: passkeys need https: %w", twofactor.ErrUnusable)
	}
	written := u.Scheme + "://" + host
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		written += ":" + port
	}
	return party{id: host, origin: written}, nil
}

// isAddress reports what browsers take for an IP address: also 127.1 and 0x7f000001,
// for a last label that is a number makes it one.
func isAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := labels[len(labels)-1]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}

package tenants

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
)

// A tenant may have a host name of its own beside its path on the server's: an issuer
// beside the other (docs/adr/0034). A Realm that was found by it says so in Host and
// Origin; whoever makes an address, or keeps what counts at one of them, asks these.

// OriginAt is where a tenant is reached by its own host name: as the server is by publicURL,
// in scheme and port.
func OriginAt(publicURL, host string) string {
	u, err := url.Parse(publicURL)
	if err != nil || host == "" {
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// At is the realm as it is reached by a host name of its own; empty: below the server's
// address.
func (s *Store) At(r Realm, host string) Realm {
	r.Host, r.Origin = host, OriginAt(s.Env.Origin, host)
	return r
}

// HashHere is what is stored of a token that counts at this address of the tenant alone:
// at another nobody has it. At the server's own it is id.Hash.
func HashHere(ctx context.Context, token string) string {
	if host := RealmFrom(ctx).Host; host != "" {
		token = host + "|" + token
	}
	return id.Hash(token)
}

// RealmByHost finds the tenant that has the host name in a request's Host. ok is false if
// no tenant has it. The answer may be CacheFor old, also that there is none.
func (s *Store) RealmByHost(ctx context.Context, hostport string) (r Realm, ok bool, err error) {
	host, ok := s.ownName(hostport)
	if !ok {
		return Realm{}, false, nil
	}
	names, err := s.hostNames(ctx)
	if err != nil {
		return Realm{}, false, err
	}
	name, ok := names[host]
	if !ok {
		return Realm{}, false, nil
	}
	if r, err = s.RealmByName(ctx, name); err != nil {
		return Realm{}, true, err
	}
	if r.Tenant.HostName != host {
		return Realm{}, true, errNoTenant // one of the two is older than a change
	}
	return s.At(r, host), true, nil
}

// ownName is the name in a request's Host if it could be a tenant's: not the server's own,
// and with the port at which the server is reached, or the usual one.
func (s *Store) ownName(hostport string) (string, bool) {
	own, err := url.Parse(s.Env.Origin)
	if err != nil {
		return "", false
	}
	hostport = strings.ToLower(hostport)
	asked, err := url.Parse("//" + hostport)
	if err != nil || asked.Host != hostport || strings.EqualFold(asked.Hostname(), own.Hostname()) {
		return "", false
	}
	usual := map[string]string{"http": "80", "https": "443"}[own.Scheme]
	port := asked.Port()
	return asked.Hostname(), port == "" || port == own.Port() || port == usual
}

// hostNames are all host names of tenants, those of inactive ones too: what is shut must
// not turn into the server's own address. A stranger may send any name, so that there is
// none is remembered as well.
func (s *Store) hostNames(ctx context.Context) (map[string]string, error) {
	if m, ok := s.hosts.get(ctx, ""); ok {
		return m, nil
	}
	var rows []tenantRow
	if err := s.DB.For(db.AllTenants(ctx)).Select("name", "host_name").Where("host_name <> ''").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: host names: %w", err)
	}
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		m[r.HostName] = r.Name
	}
	s.hosts.put(ctx, "", m)
	return m, nil
}

// errHostTaken does not tell whose it is.
var errHostTaken = &problem.Error{
	Kind: problem.Conflict, Code: "host_taken", Message: "This host name is taken already.",
	Fields: []problem.Field{{Name: "host_name", Message: "is taken already"}},
}

// checkHost brings the host name of a tenant to its normal form, and refuses what it
// cannot be. The unique index decides about two at once.
func (s *Store) checkHost(ctx context.Context, t *Tenant) error {
	if t.HostName == "" {
		return nil
	}
	name, why := NormalHost(t.HostName)
	if why != "" {
		return invalid("host_name", why)
	}
	t.HostName = name
	if own, err := url.Parse(s.Env.Origin); err == nil && strings.EqualFold(own.Hostname(), name) {
		return invalid("host_name", "is the server's own")
	}
	var n int64
	err := s.DB.For(db.AllTenants(ctx)).Model(&tenantRow{}).Where("host_name = ? AND name <> ?", name, t.Name).Count(&n).Error
	switch {
	case err != nil:
		return fmt.Errorf("tenants: host name: %w", err)
	case n > 0:
		return errHostTaken
	}
	return nil
}

// NormalHost is a host name in lower case and in A-labels (RFC 5890), or why it cannot be
// a tenant's.
func NormalHost(name string) (normal, why string) {
	if strings.ContainsAny(name, "/:@[]") {
		return "", "must be a host name alone, without https:// and without a port or a path"
	}
	if isIP(name) {
		return "", "must be a name and not an address"
	}
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(name))
	if err != nil || len(ascii) > 253 || !strings.Contains(ascii, ".") || strings.HasSuffix(ascii, ".") {
		return "", "must be a host name such as login.example.com"
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !validName(label) {
			return "", "must be a host name such as login.example.com"
		}
	}
	return ascii, ""
}

// isIP reports what browsers take for an IP address: also 127.1 and 0x7f000001, for a last
// label that is a number makes it one.
func isIP(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(strings.TrimSuffix(name, "."), '.')+1:]
	_, err := strconv.ParseUint(strings.TrimSuffix(last, "."), 0, 64)
	return err == nil
}

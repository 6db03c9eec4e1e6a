package outbound

import (
	"net/netip"
	"testing"
)

func TestReserved(t *testing.T) {
	for address, public := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true,
		"126.255.255.255": true, "128.0.0.0": true, "169.253.255.255": true, "169.255.0.0": true, "172.15.255.255": true, "172.32.0.0": true,
		"192.167.255.255": true, "192.169.0.0": true, "198.17.255.255": true, "198.20.0.0": true, "223.255.255.255": true, "192.0.1.0": true,
		"2606:4700:4700::1111": true, "2a00::1": true, "2001:200::1": true, "2001:4860:4860::8888": true,
		"::ffff:8.8.8.8": true, "64:ff9b::808:808": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.0": false, "10.255.255.255": false, "100.64.0.0": false, "100.127.255.255": false,
		"127.0.0.1": false, "127.255.255.255": false, "169.254.169.254": false, "172.16.0.0": false, "172.31.255.255": false,
		"192.0.0.1": false, "192.0.0.170": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.0.0": false, "192.168.255.255": false,
		"198.18.0.0": false, "198.19.255.255": false, "198.51.100.7": false, "203.0.113.7": false, "168.63.129.16": false,
		"224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,

		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::169.254.169.254": false, "64:ff9b:1::8.8.8.8": false, "100::1": false,
		"2001::1": false, "2001:0:7f00:1::": false, "2001:2::1": false, "2001:10::1": false, "2001:20::1": false, "2001:db8::1": false,
		"2002:7f00:1::1": false, "2002:a00:1::": false, "2002:808:808::": false, "3fff::1": false, "5f00::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "4000::1": false,
	} {
		t.Run(address, func(t *testing.T) {
			a := netip.MustParseAddr(address)
			if err := (Config{}).check(plain(a)); (err == nil) != public {
				t.Errorf("got %v, want public %v", err, public)
			}
			if err := (Config{}).checkPlain(plain(a)); err == nil {
				t.Error("plain http is permitted")
			}
			everything := Config{Allowed: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
			if everything.check(plain(a)) != nil || everything.checkPlain(plain(a)) != nil {
				t.Error("the operator cannot allow it")
			}
		})
	}
}

func TestAllowedIsNoMore(t *testing.T) {
	c := Config{Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for address, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00:1::9": true,
		"10.2.0.0": false, "64:ff9b::10.1.2.3": false, "fd00:2::9": false, "127.0.0.1": false,
	} {
		if err := c.check(plain(netip.MustParseAddr(address))); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestControl(t *testing.T) {
	check := control((Config{}).check)
	for _, address := range []string{"", "localhost:80", "/run/socket", "127.0.0.1", "[fe80::1%lo]:443", "127.0.0.1:443"} {
		if check("tcp", address, nil) == nil {
			t.Errorf("%q is permitted", address)
		}
	}
	if err := check("tcp", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}

// FuzzReserved: no address that the standard library calls private, loopback or
// otherwise special passes for public, in no clothes.
func FuzzReserved(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0", "8.8.8.8"} {
		a := netip.MustParseAddr(s)
		f.Add(a.AsSlice(), a.Zone())
	}
	f.Fuzz(func(t *testing.T, bytes []byte, zone string) {
		a, ok := netip.AddrFromSlice(bytes)
		if !ok {
			return
		}
		if a.Is6() {
			a = a.WithZone(zone)
		}
		b := a.Unmap()
		special := b.IsPrivate() || b.IsLoopback() || b.IsUnspecified() || b.IsMulticast() || b.IsLinkLocalUnicast() || !b.IsGlobalUnicast()
		if err := control((Config{}).check)("tcp", netip.AddrPortFrom(a, 443).String(), nil); err == nil && special {
			t.Errorf("%v passes", a)
		}
	})
}

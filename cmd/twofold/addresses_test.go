package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAllowedAddresses(t *testing.T) {
	t.Parallel()
	p := providerFlags{PublicURL: "https://id.example", AllowPrivateAddresses: []string{"10.20.0.0/16", "fd00:1::/32"}}
	got, err := p.allowed()
	var texts []string
	for _, network := range got {
		texts = append(texts, network.String())
	}
	if err != nil || !slices.Equal(texts, p.AllowPrivateAddresses) || p.check() != nil {
		t.Errorf("got %v, %v, %v", texts, err, p.check())
	}
	for _, bad := range []string{"10.0.0.1", "10.0.0.0/33", "localhost", "", "::ffff:10.0.0.0/104"} {
		p.AllowPrivateAddresses = []string{bad}
		if err := p.check(); err == nil || !strings.Contains(err.Error(), "--allow-private-addresses") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

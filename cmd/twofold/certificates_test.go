package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
)

// pair writes a certificate and its key to files.
func pair(t *testing.T, dir, host string) (chain, key string, pool *x509.CertPool) {
	t.Helper()
	cert, pool, err := fakes.Certificate(host)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain, key = filepath.Join(dir, host+".pem"), filepath.Join(dir, host+".key")
	for file, block := range map[string]*pem.Block{chain: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return chain, key, pool
}

// TestCertificates: of several certificates each client gets the one for the name that it
// asks for, and the first if there is none.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	chain, key, pool := pair(t, dir, "id.test")
	chain2, key2, pool2 := pair(t, dir, "login.acme.test")
	certs, err := certificates([]string{chain, chain2}, []string{key, key2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := newWorld(t, testkit.SQLite(t))
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		done <- w.serve(ctx, listenTo{On: on, Certificates: certs}, http.NotFoundHandler())
	}()
	for name, trusts := range map[string]*x509.CertPool{"id.test": pool, "login.acme.test": pool2} {
		c, err := tls.Dial("tcp", on.Addr().String(), &tls.Config{ServerName: name, RootCAs: trusts})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = c.Close()
	}
	c, err := tls.Dial("tcp", on.Addr().String(), &tls.Config{ServerName: "other.test", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ConnectionState().PeerCertificates[0].DNSNames; len(got) != 1 || got[0] != "id.test" {
		t.Errorf("for another name: %v", got)
	}
	_ = c.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}

	for what, c := range map[string]struct {
		chains, keys []string
		want         string
	}{
		"no key": {[]string{chain, chain2}, []string{key}, "2 and 1 files"}, "no certificate": {nil, []string{key}, "0 and 1 files"},
		"of another": {[]string{chain}, []string{key2}, chain}, "no file": {[]string{"nowhere.pem"}, []string{key}, "nowhere.pem"},
	} {
		if _, err := certificates(c.chains, c.keys); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

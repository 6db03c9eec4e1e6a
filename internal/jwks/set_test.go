package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/jwks"
	"twofold/internal/testkit"
)

// TestOnlyKeysForSignatures: a set may hold anything; what cannot have made a signature is
// left out, and hides nothing.
func TestOnlyKeysForSignatures(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	key := func(k any, more ...string) string {
		text, err := json.Marshal(jose.JSONWebKey{Key: k, KeyID: "a"})
		must(t, err)
		return strings.TrimSuffix(string(text), "}") + strings.Join(append([]string{""}, more...), ",") + "}"
	}
	pub := func(k crypto.Signer) any { return k.Public() }
	for name, c := range map[string]struct {
		keys []string
		kid  string
		alg  jose.SignatureAlgorithm
		want int
	}{
		"fits":                    {[]string{key(pub(ec))}, "a", jose.ES256, 1},
		"the token names no key":  {[]string{key(pub(ec))}, "", jose.ES256, 1},
		"a key without a name":    {[]string{strings.Replace(key(pub(ec)), `"kid":"a",`, "", 1)}, "b", jose.ES256, 1},
		"another key":             {[]string{key(pub(ec))}, "b", jose.ES256, 0},
		"two of one name":         {[]string{key(pub(ec)), key(pub(ed))}, "a", jose.ES256, 2},
		"for encryption":          {[]string{key(pub(ec), `"use":"enc"`)}, "a", jose.ES256, 0},
		"for another algorithm":   {[]string{key(pub(ec), `"alg":"ES384"`)}, "a", jose.ES256, 0},
		"a private key":           {[]string{key(ec)}, "a", jose.ES256, 0},
		"a secret":                {[]string{`{"kty":"oct","k":"AAAA","kid":"a"}`}, "a", jose.HS256, 0},
		"RSA of 1024 bits":        {[]string{key(pub(short))}, "a", jose.RS256, 0},
		"beside an unknown kind":  {[]string{`{"kty":"new","kid":"a"}`, `7`, key(pub(ec))}, "a", jose.ES256, 1},
		"a point not on the line": {[]string{`{"kty":"EC","crv":"P-256","kid":"a","x":"AAAA","y":"AAAA"}`}, "a", jose.ES256, 0},
		"none":                    {nil, "a", jose.ES256, 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"keys":[`+strings.Join(c.keys, ",")+`]}`)
			}))
			defer srv.Close()
			got, err := jwks.New(srv.Client(), time.Now, srv.URL).Find(t.Context(), jose.Header{KeyID: c.kid, Algorithm: string(c.alg)})
			if err != nil || len(got) != c.want {
				t.Errorf("%d keys, %v", len(got), err)
			}
		})
	}
}

// TestUnreachable: each way not to get keys is an error, and not an empty set.
func TestUnreachable(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"status":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"moved":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) },
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"half of it": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[{"kty":"EC"`) },
		"broken short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(h)
			defer srv.Close()
			client := srv.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if _, err := jwks.New(client, time.Now, srv.URL).Find(t.Context(), jose.Header{}); !errors.Is(err, jwks.ErrUnreachable) {
				t.Error(err)
			}
		})
	}
}

// TestFewCalls: names of keys that somebody makes up bring about one call a minute, also by
// many at once, and an address that does not answer is left alone for ten seconds.
func TestFewCalls(t *testing.T) {
	var calls atomic.Int32
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	defer srv.Close()
	clock := testkit.NewClock(time.Now())
	set := jwks.New(srv.Client(), clock.Now, srv.URL)
	ask := func(n int) int32 {
		calls.Store(0)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { _, _ = set.Find(t.Context(), jose.Header{KeyID: "made up"}) })
		}
		wg.Wait()
		return calls.Load()
	}
	for i, c := range []struct {
		after  time.Duration
		status int
		want   int32
	}{
		{0, 200, 1},
		{59 * time.Second, 200, 0},
		{time.Second, 200, 1},
		{2 * time.Hour, 500, 1},
		{9 * time.Second, 500, 0},
		{time.Second, 500, 1},
		{10 * time.Second, 200, 1},
		{time.Second, 200, 0},
	} {
		clock.Advance(c.after)
		status = c.status
		if got := ask(20); got != c.want {
			t.Errorf("step %d: %d calls, want %d", i, got, c.want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package id_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"twofold/internal/id"
)

func TestNew(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	ids := make([]string, 2000)
	for i := range ids {
		ids[i] = id.New()
	}
	if !slices.IsSorted(ids) {
		t.Error("later IDs do not sort later")
	}
	if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) {
		t.Errorf("%d of %d are different", n, len(ids))
	}
	for _, s := range ids {
		if !id.Valid(s) {
			t.Fatalf("%s is not valid", s)
		}
		if at := id.Time(s); at.Before(before) || at.After(time.Now().Add(time.Second)) || at.Location() != time.UTC {
			t.Fatalf("%s is of %v", s, at)
		}
	}
}

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"018f4d3e-7c1a-7b2c-8d3e-4f5a6b7c8d9e":          true,
		"018F4D3E-7C1A-7B2C-8D3E-4F5A6B7C8D9E":          false, // one spelling only
		"{018f4d3e-7c1a-7b2c-8d3e-4f5a6b7c8d9e}":        false,
		"urn:uuid:018f4d3e-7c1a-7b2c-8d3e-4f5a6b7c8d9e": false,
		"018f4d3e7c1a7b2c8d3e4f5a6b7c8d9e":              false,
		"018f4d3e-7c1a-4b2c-8d3e-4f5a6b7c8d9e":          false, // version 4
		"018f4d3e-7c1a-7b2c-0d3e-4f5a6b7c8d9e":          false, // another variant
		"00000000-0000-0000-0000-000000000000":          false,
		"018f4d3e-7c1a-7b2c-8d3e-4f5a6b7c8d9e ":         false,
		"018f4d3e-7c1a-7b2c-8d3e-4f5a6b7c8d9":           false,
		"' OR 1=1 --":                                   false,
		"":                                              false,
	} {
		if got := id.Valid(s); got != want {
			t.Errorf("Valid(%q) = %v", s, got)
		}
		if !want && !id.Time(s).IsZero() {
			t.Errorf("Time(%q) = %v", s, id.Time(s))
		}
	}
}

func TestToken(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		tok := id.Token(rand.Reader)
		if len(tok) != 43 || strings.Trim(tok, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("token %q", tok)
		}
		if seen[tok] {
			t.Fatalf("%q twice", tok)
		}
		seen[tok] = true
	}
	if a, b := id.Token(bytes.NewReader(make([]byte, 32))), strings.Repeat("A", 43); a != b {
		t.Errorf("of zeros: %s; all 32 bytes must come from the reader", a)
	}
}

func TestTokenWithoutRandomness(t *testing.T) {
	for name, r := range map[string]io.Reader{"broken": iotest.ErrReader(io.ErrClosedPipe), "short": bytes.NewReader(make([]byte, 31))} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a token all the same", name)
				}
			}()
			id.Token(r)
		}()
	}
}

func TestHash(t *testing.T) {
	// SHA-256 of "abc", FIPS 180-2 appendix B.1.
	if got := id.Hash("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(got)
	}
}

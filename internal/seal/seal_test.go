package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"twofold/internal/seal"
)

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, seal.KeySize) }

func sealer(t testing.TB, keys ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	s := sealer(t, key(1))
	for name, plain := range map[string][]byte{
		"text": []byte("123456"), "empty": {}, "nil": nil, "zero bytes": {0, 0, 0}, "long": bytes.Repeat([]byte("x"), 100_000),
	} {
		sealed := s.Seal(plain, "challenges", "code", "tenant", "row")
		got, err := s.Open(sealed, "challenges", "code", "tenant", "row")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if again := s.Seal(plain, "challenges", "code", "tenant", "row"); again == sealed {
			t.Errorf("%s: sealed twice, the same text comes out", name)
		}
		if len(plain) > 3 && strings.Contains(sealed, base64.RawURLEncoding.EncodeToString(plain)[:8]) {
			t.Errorf("%s: not encrypted: %.60s", name, sealed)
		}
		if strings.ContainsFunc(sealed, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%s: not plain text: %.60s", name, sealed)
		}
	}
}

func TestOpenInAnotherPlace(t *testing.T) {
	s := sealer(t, key(1))
	sealed := s.Seal([]byte("123456"), "challenges", "code", "tenant", "row")
	for name, place := range map[string][]string{
		"no place":      {},
		"other table":   {"messages", "code", "tenant", "row"},
		"other row":     {"challenges", "code", "tenant", "row2"},
		"other tenant":  {"challenges", "code", "tenant2", "row"},
		"one part less": {"challenges", "code", "tenant"},
		"one part more": {"challenges", "code", "tenant", "row", ""},
		"parts joined":  {"challenges", "codetenant", "row"},
		"parts moved":   {"challenges", "codet", "enant", "row"},
		"other order":   {"code", "challenges", "tenant", "row"},
		"as one":        {"10:challenges|4:code|6:tenant|3:row|"},
	} {
		if got, err := s.Open(sealed, place...); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestOpenAlteredText(t *testing.T) {
	s := sealer(t, key(1))
	sealed := s.Seal([]byte("123456"), "place")
	for i := range sealed {
		for _, with := range []byte{'A', 'B', '.', '_', '=', '\n', 0, 0xff} {
			altered := sealed[:i] + string([]byte{with}) + sealed[i+1:]
			if altered == sealed {
				continue
			}
			if got, err := s.Open(altered, "place"); !errors.Is(err, seal.ErrOpen) {
				t.Fatalf("byte %d altered to %q: got %q, %v", i, with, got, err)
			}
		}
		if _, err := s.Open(sealed[:i], "place"); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	for _, more := range []string{"A", "=", "\n", ".", " "} {
		if _, err := s.Open(sealed+more, "place"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("with %q behind: %v", more, err)
		}
	}
}

func TestRotation(t *testing.T) {
	old, next, both := sealer(t, key(1)), sealer(t, key(2)), sealer(t, key(2), key(1))
	byOld := old.Seal([]byte("before"), "place")
	byBoth := both.Seal([]byte("after"), "place")
	for _, c := range []struct {
		name   string
		by     *seal.Sealer
		sealed string
		want   string // empty: does not open
	}{
		{"old value, old key", old, byOld, "before"},
		{"old value, both keys", both, byOld, "before"},
		{"old value, new key alone", next, byOld, ""},
		{"new value, both keys", both, byBoth, "after"},
		{"new value, new key alone", next, byBoth, "after"},
		{"new value, old key", old, byBoth, ""},
	} {
		got, err := c.by.Open(c.sealed, "place")
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
	mac := old.MAC("cookie", "a")
	if !both.CheckMAC(mac, "cookie", "a") || next.CheckMAC(mac, "cookie", "a") {
		t.Error("a MAC must hold while its key is there, and no longer")
	}
	if !bytes.Equal(both.MAC("cookie", "a"), next.MAC("cookie", "a")) {
		t.Error("MACs must be made with the first key")
	}
}

func TestMAC(t *testing.T) {
	s := sealer(t, key(1))
	mac := s.MAC("cookie", "a", "b")
	if !s.CheckMAC(mac, "cookie", "a", "b") {
		t.Error("its own MAC does not hold")
	}
	for name, ok := range map[string]bool{
		"other purpose":    s.CheckMAC(mac, "rate", "a", "b"),
		"other parts":      s.CheckMAC(mac, "cookie", "a", "c"),
		"parts joined":     s.CheckMAC(mac, "cookie", "ab"),
		"purpose moved in": s.CheckMAC(mac, "cookiea", "b"),
		"part as purpose":  s.CheckMAC(mac, "cookie", "", "a", "b"),
		"cut":              s.CheckMAC(mac[:16], "cookie", "a", "b"),
		"nil":              s.CheckMAC(nil, "cookie", "a", "b"),
		"empty":            s.CheckMAC([]byte{}, "cookie", "a", "b"),
		"another key":      sealer(t, key(2)).CheckMAC(mac, "cookie", "a", "b"),
	} {
		if ok {
			t.Errorf("%s: holds", name)
		}
	}
}

func TestNew(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"none": {}, "short": {key(1)[:31]}, "long": {append(key(1), 1)}, "second short": {key(1), {1}}, "nil": {nil},
	} {
		if _, err := seal.New(keys...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseKey(t *testing.T) {
	raw := make([]byte, seal.KeySize)
	for i := range raw {
		raw[i] = byte(0xf8 + i%8) // + / - _ in base64
	}
	for name, text := range map[string]string{
		"hex":              hex.EncodeToString(raw),
		"hex, upper case":  strings.ToUpper(hex.EncodeToString(raw)),
		"base64":           base64.StdEncoding.EncodeToString(raw),
		"base64, no pad":   base64.RawStdEncoding.EncodeToString(raw),
		"base64 for URLs":  base64.URLEncoding.EncodeToString(raw),
		"same, no pad":     base64.RawURLEncoding.EncodeToString(raw),
		"with line breaks": "\n " + hex.EncodeToString(raw) + "\r\n",
	} {
		if got, err := seal.ParseKey(text); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "a word": "hunter2", "hex, too short": hex.EncodeToString(raw[:31]), "hex, too long": hex.EncodeToString(raw) + "00",
		"base64, too short": base64.StdEncoding.EncodeToString(raw[:30]), "two keys": hex.EncodeToString(raw) + " " + hex.EncodeToString(raw),
	} {
		if got, err := seal.ParseKey(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
	}
}

func TestReadKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.ReadKeyFile(path, false, rand.Reader); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("missing file: %v", err)
	}
	if _, err := seal.ReadKeyFile(path, true, iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
		t.Fatal("made a key without randomness")
	}
	made, err := seal.ReadKeyFile(path, true, rand.Reader)
	if err != nil || len(made) != 1 || len(made[0]) != seal.KeySize {
		t.Fatalf("made %x, %v", made, err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
	for _, create := range []bool{false, true} {
		read, err := seal.ReadKeyFile(path, create, rand.Reader)
		if err != nil || len(read) != 1 || !bytes.Equal(read[0], made[0]) {
			t.Errorf("read %x, %v; made %x", read, err, made)
		}
	}
}

func TestReadKeyFileOfAnOperator(t *testing.T) {
	a, b := hex.EncodeToString(key(1)), base64.StdEncoding.EncodeToString(key(2))
	for _, c := range []struct {
		name, text string
		want       [][]byte
	}{
		{"one", a, [][]byte{key(1)}},
		{"two, the sealing one first", b + "\n" + a + "\n", [][]byte{key(2), key(1)}},
		{"empty lines", "\n\n" + a + "\r\n\n", [][]byte{key(1)}},
		{"empty", "", nil},
		{"only space", " \n\n", nil},
		{"one that is none", a + "\nhunter2\n", nil},
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(c.text), 0o400); err != nil {
			t.Fatal(err)
		}
		got, err := seal.ReadKeyFile(path, true, rand.Reader)
		if (err == nil) != (c.want != nil) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(c.want, nil)) {
			t.Errorf("%s: got %x, %v", c.name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the line: %v", c.name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, key(1), key(2))
	good := s.Seal([]byte("123456"), "place")
	for _, seed := range []string{"", "v1", "v1.", "v1..", good, good[:len(good)-1], "v1.00000000.AAAA", "v2" + good[2:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := s.Open(text, "place")
		if err != nil && !errors.Is(err, seal.ErrOpen) {
			t.Errorf("an error that is not ErrOpen: %v", err)
		}
		if err == nil && string(got) != "123456" { // only what was sealed opens
			t.Errorf("%q opens: %q", text, got)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(hex.EncodeToString(key(1)))
	f.Add(base64.StdEncoding.EncodeToString(key(0xff)))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := seal.ParseKey(text)
		if err == nil && len(got) != seal.KeySize {
			t.Errorf("a key of %d bytes", len(got))
		}
		if err == nil {
			if again, err := seal.ParseKey(hex.EncodeToString(got)); err != nil || !bytes.Equal(again, got) {
				t.Errorf("%x read back as %x, %v", got, again, err)
			}
		}
	})
}

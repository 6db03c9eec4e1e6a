package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"twofold/internal/seal"
)

func keyFile(t *testing.T, keys ...[]byte) string {
	t.Helper()
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(hex.EncodeToString(k) + "\n")
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ids(t *testing.T, path string) []string {
	t.Helper()
	keys, err := seal.ReadKeyFile(path, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sealer(t, keys...).KeyIDs()
}

// TestKeyFileOfARotation adds a key, puts it first, and drops the old one.
func TestKeyFileOfARotation(t *testing.T) {
	path := keyFile(t, key(1))
	old := ids(t, path)[0]
	added, err := seal.AddKey(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"added", func() error { return nil }, []string{old, added}},
		{"put first", func() error { return seal.PutKeyFirst(path, added) }, []string{added, old}},
		{"put first again", func() error { return seal.PutKeyFirst(path, added) }, []string{added, old}},
		{"back", func() error { return seal.PutKeyFirst(path, old) }, []string{old, added}},
		{"forth", func() error { return seal.PutKeyFirst(path, added) }, []string{added, old}},
		{"dropped", func() error { return seal.DropKey(path, old) }, []string{added}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := ids(t, path); !slices.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", step.name, st.Mode(), err)
		}
	}
}

func TestKeyFileIsLeftAlone(t *testing.T) {
	a, b := key(1), key(2)
	first, second := sealer(t, a).KeyIDs()[0], sealer(t, b).KeyIDs()[0]
	for name, do := range map[string]func(path string) error{
		"dropping the one that seals": func(p string) error { return seal.DropKey(p, first) },
		"dropping one that is not":    func(p string) error { return seal.DropKey(p, "00000000") },
		"dropping nothing":            func(p string) error { return seal.DropKey(p, "") },
		"putting first one that is not": func(p string) error {
			return seal.PutKeyFirst(p, "00000000")
		},
		"no randomness": func(p string) error { _, err := seal.AddKey(p, strings.NewReader("short")); return err },
		"another command at work": func(p string) error {
			if err := os.WriteFile(p+".new", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(p + ".new")
			return seal.PutKeyFirst(p, second)
		},
		"a line that is no key": func(p string) error {
			if err := os.WriteFile(p, []byte("hunter2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := seal.DropKey(p, second)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows the line")
			}
			if err := os.WriteFile(p, []byte(hex.EncodeToString(a)+"\n"+hex.EncodeToString(b)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return err
		},
	} {
		path := keyFile(t, a, b)
		if err := do(path); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := ids(t, path); !slices.Equal(got, []string{first, second}) {
			t.Errorf("%s: the file holds %v", name, got)
		}
		if names, err := filepath.Glob(path + ".*"); err != nil || len(names) > 0 {
			t.Errorf("%s: left behind: %v, %v", name, names, err)
		}
	}
}

// TestKeyFileKeepsItsPlace: a link stays one, and who could read the file still can.
func TestKeyFileKeepsItsPlace(t *testing.T) {
	path := keyFile(t, key(1))
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.AddKey(link, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", st.Mode(), err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o440 {
		t.Errorf("mode %v, %v; want 0440", st.Mode(), err)
	}
	if got := ids(t, path); len(got) != 2 {
		t.Errorf("the file holds %v", got)
	}
}

func TestKeyOf(t *testing.T) {
	s := sealer(t, key(1), key(2))
	sealed := s.Seal([]byte("x"), "place")
	id, err := seal.KeyID(key(1))
	if err != nil || s.KeyIDs()[0] != id || seal.KeyOf(sealed) != id || seal.KeyOf(sealed[:seal.PrefixLen]) != id {
		t.Errorf("id %q, %v; the sealer says %v, the value %q", id, err, s.KeyIDs(), seal.KeyOf(sealed))
	}
	if !strings.HasPrefix(sealed, s.Prefix()) || len(s.Prefix()) != seal.PrefixLen {
		t.Errorf("prefix %q", s.Prefix())
	}
	for _, text := range []string{"", "v1.", sealed[:seal.PrefixLen-1], "v2" + sealed[2:], "v1.zzzzzzzz.AAAA", "v1.00.0000.AAAA", "hello, this is a text"} {
		if got := seal.KeyOf(text); got != "" {
			t.Errorf("%.20q is under %q", text, got)
		}
	}
}

// TestMACKeys: with keys of their own, MACs do not depend on the master keys.
func TestMACKeys(t *testing.T) {
	one, other := sealer(t, key(1)).WithMACKeys(key(7), key(8)), sealer(t, key(2)).WithMACKeys(key(8), key(7))
	mac := one.MAC("cookie", "a")
	if !other.CheckMAC(mac, "cookie", "a") || bytes.Equal(mac, other.MAC("cookie", "a")) {
		t.Error("MACs must be made by the first key and checked by any")
	}
	if sealer(t, key(1)).CheckMAC(mac, "cookie", "a") || one.CheckMAC(sealer(t, key(1)).MAC("cookie", "a"), "cookie", "a") {
		t.Error("a MAC by the master key fits")
	}
	derived := sealer(t, key(1), key(2)).MACKeys()
	if adopted := sealer(t, key(3)).WithMACKeys(derived...); !adopted.CheckMAC(sealer(t, key(2)).MAC("cookie", "a"), "cookie", "a") {
		t.Error("MACs of before do not fit with their keys")
	}
}

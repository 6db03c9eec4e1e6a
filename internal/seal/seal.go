package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// KeySize of a master key in bytes.
const KeySize = 32

// ErrOpen reports a value that does not open: wrong key, wrong place or altered.
var ErrOpen = errors.New("seal: value does not open")

// Sealer seals under its first key and opens under any.
type Sealer struct{ keys []derived }

type derived struct {
	id   string
	aead cipher.AEAD
	mac  []byte
}

// New makes a Sealer from master keys of KeySize bytes; the first one seals,
// the others still open what was sealed before a rotation.
func New(masters ...[]byte) (*Sealer, error) {
	if len(masters) == 0 {
		return nil, errors.New("seal: no master key")
	}
	s := &Sealer{}
	for _, m := range masters {
		d, err := derive(m)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, d)
	}
	return s, nil
}

func derive(master []byte) (derived, error) {
	if len(master) != KeySize {
		return derived{}, fmt.Errorf("seal: a master key has %d bytes, this one %d", KeySize, len(master))
	}
	sub := func(label string) ([]byte, error) {
		return hkdf.Key(sha256.New, master, nil, "twofold/"+label, KeySize)
	}
	enc, err1 := sub("seal")
	mac, err2 := sub("mac")
	kid, err3 := sub("key-id")
	if err := errors.Join(err1, err2, err3); err != nil {
		return derived{}, fmt.Errorf("seal: derive: %w", err)
	}
	block, err := aes.NewCipher(enc)
	if err != nil {
		return derived{}, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return derived{}, fmt.Errorf("seal: %w", err)
	}
	return derived{id: hex.EncodeToString(kid[:4]), aead: aead, mac: mac}, nil
}

// Seal encrypts plain for one place, named by parts such as table, column, tenant
// and row id. The result is text: v1.KEYID.BASE64.
func (s *Sealer) Seal(plain []byte, place ...string) string {
	k := s.keys[0]
	ct := k.aead.Seal(nil, nil, plain, aad(place)) //nolint:gosec // this AEAD draws its nonce itself
	return "v1." + k.id + "." + base64.RawURLEncoding.EncodeToString(ct)
}

// Open decrypts what Seal made for the same place. Any failure is ErrOpen.
func (s *Sealer) Open(sealed string, place ...string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	keyID, b64, _ := strings.Cut(rest, ".")
	if version != "v1" {
		return nil, ErrOpen
	}
	ct, err := base64.RawURLEncoding.DecodeString(b64)
	// Decoding takes line breaks and stray last bits; one value has one spelling.
	if err != nil || base64.RawURLEncoding.EncodeToString(ct) != b64 {
		return nil, ErrOpen
	}
	for _, k := range s.keys {
		if k.id != keyID {
			continue
		}
		if plain, err := k.aead.Open(nil, nil, ct, aad(place)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// MAC authenticates parts under the first key, for one purpose.
func (s *Sealer) MAC(purpose string, parts ...string) []byte { return s.keys[0].sum(purpose, parts) }

// CheckMAC reports in constant time whether sum is the MAC of parts under any key.
func (s *Sealer) CheckMAC(sum []byte, purpose string, parts ...string) bool {
	ok := false
	for _, k := range s.keys {
		ok = hmac.Equal(sum, k.sum(purpose, parts)) || ok
	}
	return ok
}

func (d derived) sum(purpose string, parts []string) []byte {
	h := hmac.New(sha256.New, d.mac)
	h.Write(aad(append([]string{purpose}, parts...)))
	return h.Sum(nil)
}

// aad joins parts so that no two different lists give the same bytes.
func aad(parts []string) []byte {
	var b []byte
	for _, p := range parts {
		b = fmt.Appendf(b, "%d:%s|", len(p), p)
	}
	return b
}

// ParseKey reads a master key: 32 bytes as 64 hex digits or base64.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil && len(b) == KeySize {
		return b, nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(text); err == nil && len(b) == KeySize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("seal: a master key is %d bytes as hex or base64", KeySize)
}

// ReadKeyFile reads master keys from a file, one a line, the sealing one first.
// With create, a missing file is made with one new key, readable by its owner alone.
func ReadKeyFile(path string, create bool, random io.Reader) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && create {
		return createKeyFile(path, random)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	var keys [][]byte
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("seal: the key file holds no key")
	}
	return keys, nil
}

func createKeyFile(path string, random io.Reader) ([][]byte, error) {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	// Sealed values must not outlive the key in a power cut.
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return [][]byte{key}, nil
}

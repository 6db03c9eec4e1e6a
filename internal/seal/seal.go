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
	"strings"
)

// KeySize of a master key in bytes.
const KeySize = 32

// ErrOpen reports a value that does not open: wrong key, wrong place or altered.
var ErrOpen = errors.New("seal: value does not open")

// Sealer seals under its first key and opens under any.
type Sealer struct {
	keys []derived
	macs [][]byte // MACs are made by the first one and checked by any
}

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
		s.keys, s.macs = append(s.keys, d), append(s.macs, d.mac)
	}
	return s, nil
}

// WithMACKeys returns a Sealer that makes MACs by the first of these keys and checks
// them by any, so that MACs do not depend on the master keys.
func (s *Sealer) WithMACKeys(keys ...[]byte) *Sealer { return &Sealer{keys: s.keys, macs: keys} }

// MACKeys are those that MACs are made and checked by. They are secret.
func (s *Sealer) MACKeys() [][]byte { return s.macs }

// KeyIDs names the master keys, the sealing one first.
func (s *Sealer) KeyIDs() []string {
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = k.id
	}
	return ids
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
	return derived{id: hex.EncodeToString(kid[:idSize]), aead: aead, mac: mac}, nil
}

// idSize is how many bytes of a derived value name a key. Knowing them helps nobody.
const idSize = 4

// KeyID is the name of a master key in sealed values. It tells nothing about the key.
func KeyID(master []byte) (string, error) {
	d, err := derive(master)
	return d.id, err
}

// PrefixLen is the length of what sealed values begin with: version and key.
const PrefixLen = len("v1.") + 2*idSize + len(".")

// Prefix is what values begin with that are sealed under the first key.
func (s *Sealer) Prefix() string { return "v1." + s.keys[0].id + "." }

// KeyOf is the id of the key that a value, or the beginning of one, was sealed under;
// empty if it is no sealed value.
func KeyOf(sealed string) string {
	if len(sealed) < PrefixLen {
		return ""
	}
	version, rest, _ := strings.Cut(sealed[:PrefixLen], ".")
	keyID, end, ok := strings.Cut(rest, ".")
	if _, err := hex.DecodeString(keyID); version != "v1" || err != nil || !ok || end != "" {
		return ""
	}
	return keyID
}

// Seal encrypts plain for one place, named by parts such as table, column, tenant
// and row id. The result is text: v1.KEYID.BASE64.
func (s *Sealer) Seal(plain []byte, place ...string) string {
	ct := s.keys[0].aead.Seal(nil, nil, plain, aad(place)) //nolint:gosec // this AEAD draws its nonce itself
	return s.Prefix() + base64.RawURLEncoding.EncodeToString(ct)
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
func (s *Sealer) MAC(purpose string, parts ...string) []byte { return sum(s.macs[0], purpose, parts) }

// CheckMAC reports in constant time whether mac is the MAC of parts under any key.
func (s *Sealer) CheckMAC(mac []byte, purpose string, parts ...string) bool {
	ok := false
	for _, k := range s.macs {
		ok = hmac.Equal(mac, sum(k, purpose, parts)) || ok
	}
	return ok
}

func sum(key []byte, purpose string, parts []string) []byte {
	h := hmac.New(sha256.New, key)
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

// Package id makes identifiers and random tokens.
package id

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"time"

	"github.com/google/uuid"
)

// New returns a UUIDv7: sorted by time, so it tells when it was made. Never a secret.
func New() string { return uuid.Must(uuid.NewV7()).String() }

// Valid reports whether s looks like an ID made by New: a UUIDv7 in its usual spelling.
func Valid(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s && u.Version() == 7 && u.Variant() == uuid.RFC4122
}

// Token returns 256 random bits as 43 URL-safe characters: for cookies, codes
// and links. r must be a CSPRNG; a failing one is fatal for a security product.
func Token(r io.Reader) string {
	var b [32]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		panic("id: no randomness: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is what is stored of a token: SHA-256 in hex. Enough for 256 random bits.
func Hash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// Time reads the time out of an ID, in milliseconds; zero if s is none.
func Time(s string) time.Time {
	if !Valid(s) {
		return time.Time{}
	}
	sec, nsec := uuid.MustParse(s).Time().UnixTime()
	return time.Unix(sec, nsec).UTC()
}

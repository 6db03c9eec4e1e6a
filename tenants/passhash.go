package tenants

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argonParams of argon2id; memory in KiB.
type argonParams struct {
	memory, time uint32
	threads      uint8
}

// hasher makes and checks password hashes. Params are those of new ones.
type hasher struct {
	params argonParams
	derive func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte
}

// newHasher has the parameters of today (OWASP, ASVS appendix C): 19 MiB, t=2, p=1.
func newHasher() hasher {
	return hasher{params: argonParams{memory: 19 * 1024, time: 2, threads: 1}, derive: argon2.IDKey}
}

const (
	saltSize = 16
	hashSize = 32
)

var errHash = errors.New("tenants: password hash cannot be read")

// hash makes a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h hasher) hash(password string, random io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("tenants: salt: %w", err)
	}
	p := h.params
	return p.phc(salt, h.derive([]byte(password), salt, p.time, p.memory, p.threads, hashSize)), nil
}

// check compares in constant time; stale says that the hash was made with other
// parameters than today's and should be made anew.
func (h hasher) check(phc, password string) (ok, stale bool, err error) {
	p, salt, sum, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got := h.derive([]byte(password), salt, p.time, p.memory, p.threads, uint32(len(sum))) //nolint:gosec // 64 at most
	return subtle.ConstantTimeCompare(got, sum) == 1, p != h.params || len(sum) != hashSize, nil
}

// decoy is a hash that no password has, and that costs as much to check as any:
// both its salt and its sum are random. random must be a CSPRNG; a failing one is
// fatal for a security product.
func (h hasher) decoy(random io.Reader) string {
	var b [saltSize + hashSize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("tenants: no randomness: " + err.Error())
	}
	return h.params.phc(b[:saltSize], b[saltSize:])
}

func (p argonParams) String() string {
	return fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads)
}

func (p argonParams) phc(salt, sum []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, p, b64(salt), b64(sum))
}

func parsePHC(phc string) (p argonParams, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || parts[3] != p.String() {
		return p, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	// Bounds keep a damaged or planted row from taking the process down.
	if errors.Join(err1, err2) != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 ||
		p.memory == 0 || p.memory > 256*1024 || p.time == 0 || p.time > 10 || p.threads == 0 || p.threads > 16 {
		return p, nil, nil, errHash
	}
	return p, salt, sum, nil
}

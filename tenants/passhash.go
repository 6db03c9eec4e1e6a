package tenants

import (
	"crypto/subtle"
	"encoding/base64"
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

// hash makes a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h hasher) hash(password string, random io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("tenants: salt: %w", err)
	}
	p := h.params
	return p.phc(salt, h.derive([]byte(password), salt, p.time, p.memory, p.threads, hashSize)), nil
}

// check compares in constant time; stale says that the hash was made otherwise than
// today's are and should be made anew. hash may be one of another system, see readHash.
func (h hasher) check(hash, password string) (ok, stale bool, err error) {
	k, err := readHash(hash)
	if err != nil {
		return false, false, err
	}
	if _, argon := k.(argonHash); !argon && strings.ContainsRune(password, 0) {
		// bcrypt repeats a key with a NUL behind it, HMAC fills one up with NULs: to them
		// several passwords with NULs are one, and what was typed would be kept.
		return false, false, nil
	}
	ok, err = k.fits(h, []byte(password))
	return ok, ok && k.outdated(h, password), err
}

// fits makes own hashes by derive, which tests count.
func (k argonHash) fits(h hasher, password []byte) (bool, error) {
	derive := h.derive
	if k.variant == argon2i {
		derive = argon2.Key
	}
	got := derive(password, k.salt, k.params.time, k.params.memory, k.params.threads, uint32(len(k.sum))) //nolint:gosec // 64 at most
	return subtle.ConstantTimeCompare(got, k.sum) == 1, nil
}

func (k argonHash) outdated(h hasher, _ string) bool {
	return k.variant != argon2id || k.params != h.params || len(k.sum) != hashSize
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

// Variants of Argon2 that are read. New hashes are argon2id.
const (
	argon2id = "argon2id"
	argon2i  = "argon2i"
)

// argonHash is a PHC string of Argon2, read.
type argonHash struct {
	variant   string
	params    argonParams
	salt, sum []byte
}

// Bounds keep a damaged or planted row from taking the process down: memory by the
// slots of the Gate, and time, of which memory and passes are the product.
const (
	maxMemoryKiB = 256 * 1024
	maxWorkKiB   = 4 * maxMemoryKiB
)

func readArgon2(hash string) (k argonHash, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != argon2id && parts[1] != argon2i {
		return k, errHash
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return k, errArgonVersion
	}
	p := &k.params
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || parts[3] != p.String() {
		return k, errHash
	}
	if p.memory == 0 || p.time == 0 || p.threads == 0 {
		return k, errHash
	}
	if p.memory > maxMemoryKiB || p.time > 10 || p.memory*p.time > maxWorkKiB || p.threads > 16 {
		return k, errHashCost
	}
	k.variant = parts[1]
	k.salt, k.sum, err = readSaltAndSum(parts[4], parts[5], 64)
	return k, err
}

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

// current is what new hashes are made with (OWASP, ASVS appendix C): 19 MiB, t=2, p=1.
var current = argonParams{memory: 19 * 1024, time: 2, threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

var errHash = errors.New("tenants: password hash cannot be read")

// hashPassword makes a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func hashPassword(password string, random io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("tenants: salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt, current.time, current.memory, current.threads, hashSize)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, current.memory, current.time, current.threads, b64(salt), b64(sum)), nil
}

// checkPassword compares in constant time; stale says that the hash was made with
// other parameters than today's and should be made anew.
func checkPassword(phc, password string) (ok, stale bool, err error) {
	p, salt, sum, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got := argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, p != current || len(sum) != hashSize, nil
}

func parsePHC(phc string) (p argonParams, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	// Bounds keep a damaged or planted row from taking the process down.
	if errors.Join(err1, err2) != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 ||
		p.memory == 0 || p.memory > 256*1024 || p.time == 0 || p.time > 10 || p.threads == 0 || p.threads > 16 {
		return p, nil, nil, errHash
	}
	return p, salt, sum, nil
}

package tenants

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Hashes of other systems are checked and never made: whoever signs in by one gets
// one of ours at once (SPEC §8.5). Until then his sign-in may take another time than
// that of an unknown name, which takes as long as one of our own.

// knownHash is a password hash that was found to be of a form that is read.
type knownHash interface {
	// fits reports whether the hash is that of password.
	fits(h hasher, password []byte) (bool, error)
	// outdated reports whether a hash that fits should be made anew.
	outdated(h hasher, password string) bool
}

// Why a hash cannot be read. They hold nothing of it.
var (
	errHash = errors.New("tenants: password hash cannot be read: " +
		"known are bcrypt, PBKDF2 with SHA-256 or SHA-512, scrypt and Argon2 (argon2id, argon2i), see the guide to importing users")
	errHashCost     = errors.New("tenants: password hash costs too much to check")
	errArgonVersion = errors.New("tenants: password hash is of a version of Argon2 that is not known: only v=19 is")
	errHashSize     = errors.New("tenants: password hash has a salt or a sum of a size that is not taken: 8 to 64 and 16 to 64 bytes are")
)

// CheckHash says in words why a password hash cannot be kept, or nothing: it must be of
// a form that CheckPassword reads, and cheap enough to be checked. It computes nothing.
func CheckHash(hash string) string {
	if _, err := readHash(hash); err != nil {
		return strings.TrimPrefix(err.Error(), "tenants: password hash ")
	}
	return ""
}

// maxHash is longer than any hash that is read.
const maxHash = 512

// readHash reads a hash of ours or of another system. Django writes the name of its
// own class before what others begin with.
func readHash(hash string) (knownHash, error) {
	if len(hash) > maxHash {
		return nil, errHash
	}
	for _, django := range []string{"argon2", "bcrypt$"} {
		if rest, ok := strings.CutPrefix(hash, django); ok && strings.HasPrefix(rest, "$") {
			hash = rest
		}
	}
	switch name := nameOf(hash); {
	case strings.HasPrefix(name, "2"):
		return readBcrypt(hash)
	case strings.HasPrefix(name, "pbkdf2"):
		return readPBKDF2(hash)
	case name == "scrypt":
		return readScrypt(hash)
	}
	return readArgon2(hash)
}

// nameOf is what a hash calls itself: the first part that is not empty.
func nameOf(hash string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(hash, "$"), "$")
	return name
}

// bcryptHash is a hash by bcrypt, as it is.
type bcryptHash struct{ hash string }

// bcryptForm has the version, the cost, 22 characters of salt and 31 of sum. $2x$ marks
// hashes of an implementation with a flaw.
var bcryptForm = regexp.MustCompile(`^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$`)

const (
	maxBcryptCost = 14
	bcryptCut     = 72 // bytes that it looks at
)

func readBcrypt(hash string) (bcryptHash, error) {
	m := bcryptForm.FindStringSubmatch(hash)
	if m == nil {
		return bcryptHash{}, errHash
	}
	switch cost, _ := strconv.Atoi(m[1]); {
	case cost < bcrypt.MinCost:
		return bcryptHash{}, errHash
	case cost > maxBcryptCost:
		return bcryptHash{}, errHashCost
	}
	return bcryptHash{hash}, nil
}

// fits looks at 72 bytes, as the system did that made the hash.
func (k bcryptHash) fits(_ hasher, password []byte) (bool, error) {
	err := bcrypt.CompareHashAndPassword([]byte(k.hash), password[:min(len(password), bcryptCut)])
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// outdated leaves long passwords alone: what comes behind the cut was not looked at, and
// a slip there must not become somebody's password.
func (bcryptHash) outdated(_ hasher, password string) bool { return len(password) <= bcryptCut }

// pbkdf2Hash is a hash by PBKDF2, read.
type pbkdf2Hash struct {
	digest     func() hash.Hash
	iterations int
	salt, sum  []byte
}

const maxIterations = 2_000_000

// digests are those of PBKDF2, with the size of their sums: a longer one only costs more.
var digests = map[string]struct {
	make func() hash.Hash
	size int
}{"sha256": {sha256.New, sha256.Size}, "sha512": {sha512.New, sha512.Size}}

// readPBKDF2 reads three spellings:
//
//	pbkdf2_sha256$1000000$salt$sum       Django: a salt of text, a sum of padded base64
//	$pbkdf2-sha256$29000$salt$sum        passlib: base64 with . for +
//	$pbkdf2-sha256$i=600000,l=32$salt$sum  PHC
func readPBKDF2(text string) (k pbkdf2Hash, err error) {
	rest, phc := strings.CutPrefix(text, "$")
	parts := strings.Split(rest, "$")
	if len(parts) != 4 {
		return k, errHash
	}
	name, params, salt, sum := parts[0], parts[1], parts[2], parts[3]
	separator := "_"
	if phc {
		separator = "-"
		salt, sum = strings.ReplaceAll(salt, ".", "+"), strings.ReplaceAll(sum, ".", "+")
	} else {
		// The salt is the text itself; only its size is looked at here.
		salt, sum = base64.RawStdEncoding.EncodeToString([]byte(salt)), strings.TrimRight(sum, "=")
	}
	digest, ok := digests[strings.TrimPrefix(name, "pbkdf2"+separator)]
	if !ok {
		return k, errHash
	}
	k.digest = digest.make
	if k.salt, k.sum, err = readSaltAndSum(salt, sum, digest.size); err != nil {
		return k, err
	}
	if phc {
		params = strings.TrimPrefix(params, "i=")
		params = strings.TrimSuffix(params, fmt.Sprintf(",l=%d", len(k.sum)))
	}
	k.iterations, err = positive(params, maxIterations)
	return k, err
}

func (k pbkdf2Hash) fits(_ hasher, password []byte) (bool, error) {
	got, err := pbkdf2.Key(k.digest, string(password), k.salt, k.iterations, len(k.sum))
	if err != nil {
		return false, fmt.Errorf("tenants: pbkdf2: %w", err)
	}
	return subtle.ConstantTimeCompare(got, k.sum) == 1, nil
}

func (pbkdf2Hash) outdated(hasher, string) bool { return true }

// scryptHash is a hash by scrypt, read.
type scryptHash struct {
	logN, r, p int
	salt, sum  []byte
}

// readScrypt reads $scrypt$ln=…,r=…,p=…$salt$sum.
func readScrypt(text string) (k scryptHash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 || parts[0] != "" {
		return k, errHash
	}
	if _, err := fmt.Sscanf(parts[2], "ln=%d,r=%d,p=%d", &k.logN, &k.r, &k.p); err != nil || parts[2] != fmt.Sprintf("ln=%d,r=%d,p=%d", k.logN, k.r, k.p) {
		return k, errHash
	}
	if k.logN < 1 || k.r < 1 || k.p < 1 {
		return k, errHash
	}
	if k.logN > 20 || k.r > 32 || k.p > 16 {
		return k, errHashCost
	}
	if kib := (1 << k.logN) * k.r / 8; kib > maxMemoryKiB || kib*k.p > maxWorkKiB/2 {
		return k, errHashCost
	}
	k.salt, k.sum, err = readSaltAndSum(parts[3], parts[4], 64)
	return k, err
}

func (k scryptHash) fits(_ hasher, password []byte) (bool, error) {
	got, err := scrypt.Key(password, k.salt, 1<<k.logN, k.r, k.p, len(k.sum))
	if err != nil {
		return false, fmt.Errorf("tenants: scrypt: %w", err)
	}
	return subtle.ConstantTimeCompare(got, k.sum) == 1, nil
}

func (scryptHash) outdated(hasher, string) bool { return true }

// readSaltAndSum reads base64 without padding.
func readSaltAndSum(salt64, sum64 string, most int) (salt, sum []byte, err error) {
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(salt64)
	sum, err2 := base64.RawStdEncoding.Strict().DecodeString(sum64)
	switch {
	case errors.Join(err1, err2) != nil || strings.ContainsAny(salt64+sum64, "\r\n"): // which the decoder skips
		return nil, nil, errHash
	case len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > most:
		return nil, nil, errHashSize
	}
	return salt, sum, nil
}

// positive reads a number from 1 to most as it is usually written.
func positive(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) || n > most:
		return 0, errHashCost
	case err != nil || n < 1 || strconv.Itoa(n) != text:
		return 0, errHash
	}
	return n, nil
}

package recovery

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/argon2"

	"twofold/twofactor"
)

// params of argon2id; memory in KiB.
type params struct {
	Memory uint32 `json:"memory"`
	Time   uint32 `json:"time"`
}

// hasher makes the hashes. Params are those of new sets.
type hasher struct {
	params
	derive func(code, salt []byte, time, memory uint32, threads uint8, size uint32) []byte
}

// newHasher costs about 17 ms and 7 MiB a hash: the least memory of the settings
// that OWASP holds equal, since a set is hashed in one request.
func newHasher() hasher {
	return hasher{params: params{Memory: 7 * 1024, Time: 5}, derive: argon2.IDKey}
}

func (h hasher) hash(code string, salt []byte, p params) []byte {
	return h.derive([]byte(code), salt, p.Time, p.Memory, 1, hashSize)
}

const (
	saltSize = 16
	hashSize = 32
	maxCodes = 64 // no set is larger, whatever a State says
)

// set is the State of an enrollment: the codes that are left.
type set struct {
	params
	Codes []entry `json:"codes"`
}

// entry is one code. The selector says which; all else about it is in the hash.
type entry struct {
	Selector string `json:"selector"`
	Salt     []byte `json:"salt"`
	Hash     []byte `json:"hash"`
}

// newSet hashes codes, which draw made.
func (h hasher) newSet(codes []string, rand io.Reader) (set, error) {
	s := set{params: h.params}
	for _, code := range codes {
		salt := make([]byte, saltSize)
		if _, err := io.ReadFull(rand, salt); err != nil {
			return set{}, fmt.Errorf("recovery: salt: %w", err)
		}
		s.Codes = append(s.Codes, entry{Selector: selector(code), Salt: salt, Hash: h.hash(code, salt, h.params)})
	}
	return s, nil
}

// errState is never wrapped around a cause, which may quote the state.
var errState = errors.New("recovery: the state cannot be read")

func readSet(state twofactor.State) (set, error) {
	var s set
	// Bounds keep a damaged row from taking the process down.
	if json.Unmarshal(state, &s) != nil || s.Codes == nil || len(s.Codes) > maxCodes ||
		s.Memory < 8 || s.Memory > 64*1024 || s.Time == 0 || s.Time > 16 {
		return set{}, errState
	}
	for _, e := range s.Codes {
		if len(e.Selector) != selectorSize || len(e.Salt) != saltSize || len(e.Hash) != hashSize {
			return set{}, errState
		}
	}
	return s, nil
}

// find returns which code of which set it is. It looks at every entry of all sets and
// costs one hash, whether the selector is known or not (N21).
func (h hasher) find(sets []set, code string) (in, at int, ok bool) {
	candidate, p := entry{Salt: make([]byte, saltSize), Hash: make([]byte, hashSize)}, h.params
	for i, s := range sets {
		for j, e := range s.Codes {
			if e.Selector == selector(code) {
				candidate, p, in, at, ok = e, s.params, i, j, true
			}
		}
	}
	same := subtle.ConstantTimeCompare(h.hash(code, candidate.Salt, p), candidate.Hash) == 1
	return in, at, ok && same
}

// without returns e after the code at i was used.
func (s set) without(i int, e twofactor.Enrollment) (twofactor.Enrollment, error) {
	s.Codes = slices.Delete(slices.Clone(s.Codes), i, i+1)
	var err error
	if e.State, err = json.Marshal(s); err != nil {
		return twofactor.Enrollment{}, errState
	}
	if e.Uses = len(s.Codes); e.Uses == 0 {
		e.Uses = twofactor.UsedUp
	}
	return e, nil
}

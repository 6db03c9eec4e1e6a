package totp

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"twofold/twofactor"
)

const (
	secretSize = 20 // bytes: 160 bits (N17)
	minSecret  = 16 // no key of a State is shorter
	window     = 1  // steps to either side of the app's clock (N18)
	maxOffset  = 20 // steps, ten minutes: how far resync lets an app's clock be off
)

// key is what we share with one app, and how far it was used. It is the State of an
// enrollment; without Last, of the ceremony that makes one.
type key struct {
	Secret string `json:"secret"`           // base32, as the QR code has it
	Digits int    `json:"digits"`           // fixed when the app was set up, whatever the options say later
	Last   int64  `json:"last,omitempty"`   // step of the last accepted code
	Offset int64  `json:"offset,omitempty"` // steps that the app's clock is ahead of ours
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

func newKey(rand io.Reader, digits int) (key, error) {
	var b [secretSize]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return key{}, fmt.Errorf("totp: random key: %w", err)
	}
	return key{Secret: base32Text.EncodeToString(b[:]), Digits: digits}, nil
}

// errState is never wrapped around a cause, which may quote the secret.
var errState = errors.New("totp: the state cannot be read")

func readKey(s twofactor.State) (key, error) {
	var k key
	if err := json.Unmarshal(s, &k); err != nil {
		return key{}, errState
	}
	secret, err := base32Text.DecodeString(k.Secret)
	if err != nil || len(secret) < minSecret || (k.Digits != 6 && k.Digits != 8) ||
		k.Last < 0 || k.Offset < -maxOffset || k.Offset > maxOffset {
		return key{}, errState
	}
	return k, nil
}

func (k key) state() (twofactor.State, error) {
	s, err := json.Marshal(k)
	if err != nil {
		return nil, errState
	}
	return s, nil
}

// used is e after its app's code of this step was accepted.
func (k key) used(e twofactor.Enrollment, step int64) (twofactor.Enrollment, error) {
	k.Last = step
	var err error
	e.State, err = k.state()
	return e, err
}

// shows reports whether code is the app's at that step, in constant time.
func (k key) shows(code string, step int64) bool {
	if step < 0 {
		return false
	}
	ok, err := hotp.ValidateCustom(code, uint64(step), k.Secret, hotp.ValidateOpts{Digits: otp.Digits(k.Digits), Algorithm: otp.AlgorithmSHA1})
	return ok && err == nil
}

// find returns the step of a code that may be accepted now. A step counts once, and
// none before it counts any more (N19). All of the window is tried whatever matches,
// so that time does not tell which; of steps that show the same code the last counts,
// or the code would do once more.
func (k key) find(code string, now int64) (step int64, ok bool) {
	now += k.Offset
	for s := now - window; s <= now+window; s++ {
		if k.shows(code, s) && s > k.Last {
			step, ok = s, true
		}
	}
	return step, ok
}

// grouped is the secret as people read and type it: in fours.
func (k key) grouped() string {
	var groups []string
	for rest := k.Secret; rest != ""; {
		n := min(4, len(rest))
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	return strings.Join(groups, " ")
}

package recovery

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// alphabet has no I, L, O and U: the first three are read as digits, and without
// the last fewer words appear by chance (Crockford's base 32).
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	codeSize     = 10 // bytes: 80 bits (N21)
	codeLength   = 16 // characters
	groupLength  = 4
	selectorSize = 2 // characters in front that tell the codes of a set apart; not secret
)

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// draw makes a code, each equally likely, without hyphens.
func draw(rand io.Reader) (string, error) {
	var b [codeSize]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("recovery: random code: %w", err)
	}
	return encoding.EncodeToString(b[:]), nil
}

// drawSet makes n codes that differ in their selectors, among each other and from
// those that are taken.
func drawSet(rand io.Reader, n int, taken map[string]bool) ([]string, error) {
	codes := make([]string, 0, n)
	for tries := 0; len(codes) < n; tries++ {
		if tries == maxTries {
			return nil, errors.New("recovery: the random source repeats itself")
		}
		code, err := draw(rand)
		if err != nil {
			return nil, err
		}
		if s := selector(code); !taken[s] {
			taken[s] = true
			codes = append(codes, code)
		}
	}
	return codes, nil
}

// maxTries bounds drawSet: of 1024 selectors few are taken.
const maxTries = 1000

func selector(code string) string { return code[:selectorSize] }

// written is a code as people keep it: ABCD-EFGH-JKMN-PQRS.
func written(code string) string {
	groups := make([]string, 0, codeLength/groupLength)
	for i := 0; i < len(code); i += groupLength {
		groups = append(groups, code[i:i+groupLength])
	}
	return strings.Join(groups, "-")
}

// maxAnswer bounds what normal looks at, in bytes.
const maxAnswer = 128

// normal reads a code as people type it: in any case, with or without hyphens and
// spaces, with letters that look like digits for these. Anything else is no code;
// letters of other scripts are not translated (SECURITY M36).
func normal(answer string) (code string, ok bool) {
	if len(answer) > maxAnswer {
		return "", false
	}
	var b strings.Builder
	for _, r := range answer {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		switch {
		case unicode.IsSpace(r), isHyphen(r):
			continue
		case r == 'O':
			r = '0'
		case r == 'I', r == 'L':
			r = '1'
		}
		if !strings.ContainsRune(alphabet, r) {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == codeLength
}

// isHyphen knows the hyphen and what programs make of it: U+2010 to U+2013.
func isHyphen(r rune) bool { return r == '-' || ('\u2010' <= r && r <= '\u2013') }

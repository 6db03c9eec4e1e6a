package oob

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// newCode draws n decimal digits, each equally likely.
func newCode(rand io.Reader, n int) (string, error) {
	code := make([]byte, 0, n)
	var buf [16]byte
	for len(code) < n {
		if _, err := io.ReadFull(rand, buf[:]); err != nil {
			return "", fmt.Errorf("oob: random digits: %w", err)
		}
		for _, b := range buf {
			// 250 is the largest multiple of 10 in a byte; what lies above would
			// favour the digits 0 to 5.
			if b < 250 && len(code) < n {
				code = append(code, '0'+b%10)
			}
		}
	}
	return string(code), nil
}

// maxAnswer bounds what Digits looks at.
const maxAnswer = 64

// errNotDigits reports an answer that cannot be a code.
var errNotDigits = errors.New("oob: not a code")

// Digits reads a typed or pasted code: spaces and hyphens are dropped, and only
// ASCII digits may remain. Digits of other scripts are refused, not translated,
// so that one code has one spelling (SECURITY M36).
func Digits(answer string) (string, error) {
	if len(answer) > maxAnswer {
		return "", errNotDigits
	}
	var digits strings.Builder
	for _, r := range answer {
		switch {
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		case unicode.IsSpace(r), isHyphen(r):
		default:
			return "", errNotDigits
		}
	}
	if digits.Len() == 0 {
		return "", errNotDigits
	}
	return digits.String(), nil
}

// isHyphen knows the hyphen and those that mail programs make of it: U+2010
// hyphen, U+2011 non-breaking hyphen, U+2012 figure dash, U+2013 en dash.
func isHyphen(r rune) bool {
	return r == '-' || ('\u2010' <= r && r <= '\u2013')
}

package tenants

import (
	_ "embed"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Password lengths (SECURITY N30): characters, but for the ceiling.
const (
	MinPasswordWithMFA = 12
	MinPasswordAlone   = 15
	MaxPasswordBytes   = 256
)

//go:embed passwords.txt
var commonText string

// common is the set of the most used passwords, folded.
var common = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool, 12_000)
	for line := range strings.Lines(commonText) {
		m[strings.TrimSpace(line)] = true
	}
	return m
})

// CheckPasswordRules says in words why a password cannot be used, or nothing.
// There are no rules of composition (NIST SP 800-63B): length, and not being one
// that is tried first: a common one, or one made of the words around the user.
func CheckPasswordRules(password string, withMFA bool, around ...string) string {
	least := MinPasswordAlone
	if withMFA {
		least = MinPasswordWithMFA
	}
	switch {
	case !utf8.ValidString(password):
		return "it is not valid text."
	case len(password) > MaxPasswordBytes:
		return "it is longer than 256 bytes."
	case utf8.RuneCountInString(password) < least:
		return "it needs at least " + itoa(least) + " characters."
	case isCommon(password):
		return "it is among the first that anybody would try."
	}
	for _, text := range around {
		for word := range strings.FieldsFuncSeq(NormalName(text), notWord) {
			if rest := strings.ReplaceAll(NormalName(password), word, ""); len(word) >= 4 && utf8.RuneCountInString(strings.Trim(rest, trimmed)) < 6 && rest != NormalName(password) {
				return "it is little more than a name that everybody knows."
			}
		}
	}
	return ""
}

const trimmed = "0123456789 !?.,;:-_+*#$%&/()=@"

// isCommon also finds a common word that is only padded with digits and signs,
// repeated, or spelled with the usual substitutes.
func isCommon(password string) bool {
	p := NormalName(password)
	for _, form := range []string{p, strings.Trim(p, trimmed), plain.Replace(p), strings.Trim(plain.Replace(strings.Trim(p, trimmed)), trimmed)} {
		if len(form) <= 2 || common()[form] || common()[period(form)] {
			return true
		}
	}
	return false
}

var plain = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// period returns the shortest text whose repetition is s.
func period(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			if n <= 2 {
				return "password" // a letter or two, repeated, is as good as none
			}
			return s[:n]
		}
	}
	return s
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func itoa(n int) string { return strconv.Itoa(n) }

func randomText(r io.Reader) string {
	b := make([]byte, 32)
	if _, err := io.ReadFull(r, b); err != nil {
		panic("tenants: no randomness: " + err.Error())
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

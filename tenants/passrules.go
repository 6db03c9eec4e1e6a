package tenants

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"twofold/internal/problem"
)

// Password lengths (SECURITY N30): characters, but for the ceiling.
const (
	MinPasswordWithMFA = 12
	MinPasswordAlone   = 15
	MaxPasswordBytes   = 256
)

//go:embed passwords.txt
var commonText string

// common is the set of the most used passwords, in the form of NormalName.
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
	if err := passwordRule(password, withMFA, around); err != nil {
		return err.Message
	}
	return ""
}

// passwordRule is the rule that a password breaks, or nil.
func passwordRule(password string, withMFA bool, around []string) *problem.Error {
	least := MinPasswordAlone
	if withMFA {
		least = MinPasswordWithMFA
	}
	switch {
	case !utf8.ValidString(password):
		return problem.New(problem.Invalid, "password_text", "it is not valid text.")
	case len(password) > MaxPasswordBytes:
		return problem.New(problem.Invalid, "password_long", "it is longer than 256 bytes.")
	case utf8.RuneCountInString(password) < least:
		return problem.New(problem.Invalid, "password_short", "it needs at least "+strconv.Itoa(least)+" characters.")
	case isCommon(password):
		return problem.New(problem.Invalid, "password_common", "it is among the first that anybody would try.")
	case isAround(password, around):
		return problem.New(problem.Invalid, "password_own", "it is little more than a name that everybody knows.")
	}
	return nil
}

// isAround reports whether little is left of a password without the words around
// its owner.
func isAround(password string, around []string) bool {
	p := NormalName(password)
	words := strings.FieldsFunc(NormalName(strings.Join(around, " ")), notWord)
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	rest := p
	for _, w := range words {
		if utf8.RuneCountInString(w) >= 4 {
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	return rest != p && utf8.RuneCountInString(strings.Trim(rest, trimmed)) < 6
}

const trimmed = "0123456789 !?.,;:-_+*#$%&/()=@"

// isCommon also finds a common word that is only padded with digits and signs,
// repeated, or spelled with the usual substitutes, and what is no word at all.
func isCommon(password string) bool {
	p := NormalName(password)
	for _, form := range []string{p, strings.Trim(p, trimmed), plain.Replace(p), strings.Trim(plain.Replace(strings.Trim(p, trimmed)), trimmed)} {
		if common()[form] || common()[period(form)] {
			return true
		}
	}
	return isPattern(p)
}

// isPattern reports whether s has few different characters, or mostly such as
// follow one another: 1234567890123, abcdefgh, aaabbbccc.
func isPattern(s string) bool {
	different, breaks, last := map[rune]bool{}, 0, rune(0)
	for _, r := range s {
		if step := r - last; step < -1 || step > 1 {
			breaks++
		}
		different[r], last = true, r
	}
	return len(different) < 5 || breaks < 5
}

var plain = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// period returns the shortest text whose repetition is s.
func period(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

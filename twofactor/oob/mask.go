package oob

import (
	"net/mail"
	"strings"
	"unicode/utf8"
)

// hidden stands for whatever was left out; its width never tells how much (SECURITY M63).
const hidden = "•••"

// MaskEmail shows the first character and the domain: "m•••@example.ch". A
// one-letter name is hidden whole. What is no address is hidden whole.
func MaskEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || !plainAddress(address) {
		return hidden
	}
	local, domain := address[:at], address[at:]
	first, size := utf8.DecodeRuneInString(local)
	if size == len(local) || first == '"' {
		return hidden + domain
	}
	return string(first) + hidden + domain
}

// MaskPhone shows the country code and the last two digits: "+41 •• ••• 67". A
// number too short to hide anything is hidden but for its country.
func MaskPhone(number string) string {
	if !isE164(number) {
		return hidden
	}
	digits := number[1:]
	country := digits[:countryCode(digits)]
	if len(digits)-len(country) < 6 {
		return "+" + country + " •• ••• ••"
	}
	return "+" + country + " •• ••• " + digits[len(digits)-2:]
}

// plainAddress reports whether s is an address and nothing else: no name, no
// comment, no brackets.
func plainAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254
}

// isE164 reports whether s is + and up to 15 digits that do not start with 0.
func isE164(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// twoDigitCountries are the calling codes of two digits (ITU-T E.164, list of
// assigned country codes). 1 and 7 have one digit, all others three.
const twoDigitCountries = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

// countryCode returns the length of the calling code at the start of digits.
func countryCode(digits string) int {
	switch {
	case digits[0] == '1', digits[0] == '7':
		return 1
	case strings.Contains(twoDigitCountries, " "+digits[:2]+" "):
		return 2
	}
	return 3
}

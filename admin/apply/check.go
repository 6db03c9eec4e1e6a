package apply

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"twofold/tenants"
	"twofold/twofactor"
)

// What a single value may be.

const (
	maxName = 128
	maxText = 1000
)

// checkText says why s cannot stand where tag is, or nothing.
func checkText(s string, tag reflect.StructTag) string {
	if choices := tag.Get("choices"); choices != "" && !slices.Contains(strings.Split(choices, ","), s) {
		return "must be " + oneOf(strings.Split(choices, ","))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || utf8.RuneCountInString(s) > maxText {
		return "must be text of one line"
	}
	return checkRule(s, tag.Get("check"))
}

var (
	accentForm = regexp.MustCompile(`^(#[0-9a-fA-F]{6})?$`)
	clientForm = regexp.MustCompile(`^[!-~]{1,128}$`)
	// RFC 6749 §3.3
	scopeForm   = regexp.MustCompile(`^[!#-\[\]-~]{1,128}$`)
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
)

func checkRule(s, rule string) string {
	switch rule {
	case "name":
		return when(!validName(s), "must be 1 to 128 characters, without space at its ends")
	case "slug":
		return when(!tenants.ValidName(s), "must be 1 to 63 lower-case letters, digits or inner hyphens")
	case "login":
		return when(tenants.NormalName(s) == "" || len(tenants.NormalName(s)) > 254, "must be 1 to 254 characters")
	case "filled":
		return when(strings.TrimSpace(s) == "", "must not be empty")
	case "accent":
		return when(!accentForm.MatchString(s), `must be a colour such as "#2f5d50"`)
	case "logo":
		return when(!tenants.ValidLogo(s), "must be an https address")
	case "host":
		if s == "" {
			return ""
		}
		_, why := tenants.NormalHost(s)
		return why
	case "called":
		why := tenants.CheckCalledURI(s)
		return when(why != "", why)
	case "acr":
		return when(s != "" && !slices.Contains(twofactor.ACRs(), s), "must be empty or "+oneOf(twofactor.ACRs()))
	case "client_id":
		return when(!clientForm.MatchString(s), "must be 1 to 128 printable ASCII characters without spaces")
	case "scope":
		return when(!scopeForm.MatchString(s), "must be printable ASCII without spaces, quotes and backslashes")
	case "country":
		return when(!countryForm.MatchString(s), "must be a country code of two capital letters, such as CH")
	case "email":
		return when(s != "" && !tenants.ValidEmail(normalEmail(s)), "is not a mail address")
	case "phone":
		return when(s != "" && !tenants.ValidPhone(s), "must be a number in international form, such as +41791234567")
	case "locale":
		_, err := language.Parse(s)
		return when(s != "" && err != nil, "must be a language such as en or de-CH")
	}
	return ""
}

func when(wrong bool, why string) string {
	if wrong {
		return why
	}
	return ""
}

func validName(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && utf8.RuneCountInString(s) <= maxName
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func oneOf(choices []string) string {
	if len(choices) == 1 {
		return choices[0]
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// normalEmail is the form in which the store keeps an address.
func normalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// normal is the form in which names of a kind are compared.
func normal(kind, name string) string {
	if kind == kindUser {
		return tenants.NormalName(name)
	}
	return name
}

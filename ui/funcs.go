package ui

import (
	"fmt"
	"html/template"
	"strings"
	"unicode"
)

// funcs are the functions that templates may call. None decides anything.
// Those with words are of one language each: see words.
func (u *UI) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    u.assets.url,
		"accent":   accentURL,
		"dir":      direction,
		"initial":  initial,
		"lang":     langTag,
		"logo":     logoURL,
		"name":     cleanName,
		"titlebar": titlebar,
		"column":   columnAt,
		"linked":   func(c AdminCell, url string) AdminCell { c.URL = url; return c },
		"refresh":  refreshOf,
		"row":      func(r AdminRow, columns []AdminColumn) rowOf { return rowOf{r, columns} },
		"under":    func(token string, it any) under { return under{token, it} },
		"mail":     mailBlocks,
		"sample":   sampleURL,
		"figures":  Figures,
	}
}

// under is something to draw within a page: templates that hold forms need the
// page's anti-forgery token beside it.
type under struct {
	Token string
	It    any
}

// words are the functions of templates that speak, bound to one language, since
// most templates see no Page. Sentences are plain text: html/template escapes them.
func words(lang string) template.FuncMap {
	return template.FuncMap{
		"named": func(key, slot, name string) named { return nameIn(lang, key, slot, name) },
		"names": func(key, slot1, first, slot2, second string) named2 {
			return namesIn(lang, key, slot1, first, slot2, second)
		},
		"t":    func(key string, vars ...any) string { return Say(lang, key, vars...) },
		"wait": func(seconds int) string { return waitWords(lang, seconds) },
	}
}

// url is the address of an asset.
func (a *assets) url(name string) (string, error) {
	if u, ok := a.urls[name]; ok {
		return u, nil
	}
	return "", fmt.Errorf("no asset %q", name)
}

// accentURL is the style sheet of an accent, or empty.
func accentURL(colour string) string {
	c, ok := parseHex(colour)
	if !ok {
		return ""
	}
	return assetPrefix + "accent-" + c.String()[1:] + ".css"
}

// sampleURL is the style sheet of an accent for the samples of sign-in pages that a
// page of another accent shows.
func sampleURL(colour string) string {
	return strings.Replace(accentURL(colour), "/accent-", "/sample-", 1)
}

func langTag(tag string) string {
	if tag == "" {
		return "en"
	}
	return tag
}

// direction is the direction of the words of a language.
func direction(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch primary {
	case "ar", "he", "fa", "ur", "yi", "ps", "sd", "ug", "dv", "ckb":
		return "rtl"
	}
	return "ltr"
}

// cleanName takes from a name what could make it pose as something else:
// control characters and overrides of text direction (UAX #9 §2). Templates
// isolate what is left with <bdi>.
func cleanName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
}

// logoURL is the address of a logo if it lies on our origin, or empty.
func logoURL(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") {
		return ""
	}
	return path
}

// initial is the letter that stands for a tenant without a logo.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return ""
}

// titlebar is the title of the window: what it is about, then where.
func titlebar(v View) string {
	name := cleanName(v.Base().Realm.Name)
	if name == "" {
		name = "Twofold"
	}
	return cleanName(v.Title()) + " · " + name
}

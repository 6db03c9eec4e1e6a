package ui

import (
	"net/url"
	"strings"

	"golang.org/x/text/language"
)

// FieldLanguage is the parameter by which the links at the foot of a page choose a
// language.
const FieldLanguage = "lang"

// tongue is a language that the pages speak.
type tongue struct {
	Tag  string
	Name string // as its speakers call it
}

// spoken are all; the first is spoken to whom none of them suits.
var spoken = [...]tongue{{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"it", "Italiano"}}

var tongues = language.NewMatcher([]language.Tag{language.English, language.German, language.French, language.Italian})

// maxPreference is more than any browser sends.
const maxPreference = 512

// Language returns the tag of the language to speak: the first preference that
// suits decides, or else English. A preference is a BCP 47 tag, a list of them
// separated by blanks as in ui_locales, or a whole Accept-Language header; an empty
// one, an unreadable one and one for a language nobody speaks here are passed over.
func Language(prefs ...string) string {
	if tag, ok := Match(prefs...); ok {
		return tag
	}
	return spoken[0].Tag
}

// Match is Language that reports whether any preference has decided.
func Match(prefs ...string) (tag string, ok bool) {
	for _, pref := range prefs {
		if tag, ok = match(pref); ok {
			return tag, true
		}
	}
	return "", false
}

func match(pref string) (string, bool) {
	if pref == "" || len(pref) > maxPreference {
		return "", false
	}
	list := pref
	if !strings.ContainsAny(pref, ",;") {
		list = strings.Join(strings.Fields(pref), ",")
	}
	wanted, _, err := language.ParseAcceptLanguage(list)
	if err != nil {
		return "", false
	}
	// One by one: asked for all at once, the matcher prefers an exact match to an
	// earlier good one.
	for _, tag := range wanted {
		if _, i, sure := tongues.Match(tag); sure > language.No {
			return spoken[i].Tag, true
		}
	}
	return "", false
}

// Speaks reports whether tag is the tag of a language that the pages speak.
func Speaks(tag string) bool {
	for _, l := range spoken {
		if l.Tag == tag {
			return true
		}
	}
	return false
}

// speech is the language to find words in for a page in the language tag.
func speech(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if Speaks(primary) {
		return primary
	}
	return spoken[0].Tag
}

// LanguageLink leads to the same page in a language.
type LanguageLink struct {
	Tag, Name, URL string
	Current        bool
}

// Languages are the links of the language switch; none without a LanguageURL.
func (p Page) Languages() []LanguageLink {
	u, err := url.Parse(p.LanguageURL)
	if err != nil || p.LanguageURL == "" {
		return nil
	}
	var out []LanguageLink
	for _, l := range spoken {
		q := u.Query()
		q.Set(FieldLanguage, l.Tag)
		to := *u
		to.RawQuery = q.Encode()
		out = append(out, LanguageLink{l.Tag, l.Name, to.String(), l.Tag == speech(p.Lang)})
	}
	return out
}

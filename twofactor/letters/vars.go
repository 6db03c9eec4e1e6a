package letters

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"twofold/twofactor"
)

// Bounds of values, in characters.
const (
	maxName  = 60
	maxValue = 120
	maxLink  = 2048
)

// values are the variables of a letter, made safe: each is one line of visible
// characters, or a link to our own host. All that its kind has are there.
func (c Composer) values(l twofactor.Letter) (map[string]string, error) {
	k, ok := kinds[l.Kind]
	if !ok {
		return nil, fmt.Errorf("letters: there is no kind %q", l.Kind)
	}
	vars := map[string]string{}
	for _, name := range Variables(l.Kind) {
		most := maxValue
		if name == "Name" || name == "Realm" {
			most = maxName
		}
		vars[name] = clean(l.Vars[name], most)
	}
	if c.Host != "" {
		vars["Host"] = c.Host // what is configured, whatever a request said
	}
	if k.must == "Link" {
		link := l.Vars["Link"]
		if err := checkLink(link, c.Host); err != nil {
			return nil, err
		}
		vars["Link"] = link
	}
	if vars[k.must] == "" {
		return nil, fmt.Errorf("letters: a letter of kind %s without %s", l.Kind, k.must)
	}
	return vars, nil
}

// plainLink has the characters that stay as they are in text and in HTML attributes.
var plainLink = regexp.MustCompile(`^https?://[A-Za-z0-9._~:/?#\[\]@!$&*+,;=%-]+$`)

// checkLink refuses a link that leads elsewhere: a host taken from a request's
// headers must never end up in a mail (SECURITY row 53).
func checkLink(link, host string) error {
	u, err := url.Parse(link)
	if err != nil || !plainLink.MatchString(link) || u.User != nil || u.Hostname() == "" || len(link) > maxLink {
		return fmt.Errorf("letters: the link is no plain web address")
	}
	if host != "" && !strings.EqualFold(u.Hostname(), host) {
		return fmt.Errorf("letters: the link leads to another host than ours")
	}
	return nil
}

// clean makes a value safe to stand in a message: one line, nothing invisible
// (controls, bidirectional overrides, zero-width characters), not endless.
func clean(value string, most int) string {
	visible := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, value)
	runes := []rune(strings.Join(strings.Fields(visible), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes)
}

// moments are how languages write a point in time.
var moments = map[string]string{
	"en": "2006-01-02 at 15:04 UTC",
	"de": "02.01.2006 um 15:04 UTC",
	"fr": "02.01.2006 à 15:04 UTC",
	"it": "02.01.2006 alle 15:04 UTC",
}

// localised is vars with what depends on the language put into it: At, which comes
// by RFC 3339, and the sentence for Event.
func localised(vars map[string]string, lang string) map[string]string {
	out := make(map[string]string, len(vars)+2)
	for name, v := range vars {
		out[name] = v
	}
	primary, _, _ := strings.Cut(lang, "-")
	if at, err := time.Parse(time.RFC3339, vars["At"]); err == nil {
		layout := moments[primary]
		if layout == "" {
			layout = "2006-01-02 15:04 UTC"
		}
		out["At"] = at.UTC().Format(layout)
	}
	if event := vars["Event"]; event != "" {
		out["Event"] = eventSentence(primary, event)
	}
	return out
}

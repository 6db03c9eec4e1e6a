package ui

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

//go:embed texts
var textFiles embed.FS

// Say returns the sentence of a key in the language of lang (BCP 47), or in
// English. Vars are pairs of name and value: {name} in the sentence stands for the
// value, and the one called "n" also chooses the plural form. What comes back is
// plain text. A key that is not there comes back as it is: a test finds those.
func Say(lang, key string, vars ...any) string {
	if s, ok := catalogue().say(lang, key, vars); ok {
		return s
	}
	return key
}

// Say is [Say] in the language of the page.
func (p Page) Say(key string, vars ...any) string { return Say(p.Lang, key, vars...) }

// Explain returns what a problem.Error of this code means, in the language of the
// page, or message where the texts have nothing to say about the code.
func (p Page) Explain(code, message string) string {
	if s, ok := catalogue().say(p.Lang, "problem."+code, nil); ok {
		return s
	}
	return message
}

// Date is a day in words: "3 December 2026".
func (p Page) Date(t time.Time) string {
	month := p.Say(fmt.Sprintf("month.%d", int(t.Month())))
	return p.Say("date", "n", t.Day(), "month", month, "year", t.Year())
}

// Ago is a time that has passed, in words: "3 days ago".
func (p Page) Ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return p.Say("ago.now")
	case d < time.Hour:
		return p.Say("ago.minutes", "n", int(d/time.Minute))
	case d < 24*time.Hour:
		return p.Say("ago.hours", "n", int(d/time.Hour))
	case d < 31*24*time.Hour:
		return p.Say("ago.days", "n", int(d/(24*time.Hour)))
	}
	return p.Say("ago.date", "date", p.Date(t))
}

// waitWords is a time to wait: "2 minutes".
func waitWords(lang string, seconds int) string {
	switch {
	case seconds > 90*60:
		return Say(lang, "wait.hours", "n", (seconds+3599)/3600)
	case seconds > 90:
		return Say(lang, "wait.minutes", "n", (seconds+59)/60)
	}
	return Say(lang, "wait.seconds", "n", seconds)
}

// named is a sentence with a name in it, in three parts: the template isolates the
// name, wherever the language puts it.
type named struct{ Before, Name, After string }

func nameIn(lang, key, slot, name string) named {
	before, after, _ := strings.Cut(Say(lang, key, slot, "\x00"), "\x00")
	return named{before, cleanName(name), after}
}

// texts are the sentences of all languages. They do not change after the start.
type texts map[string]*i18n.Localizer

// catalogue reads the texts once. It panics on a file that cannot be read: a
// programming mistake.
var catalogue = sync.OnceValue(func() texts {
	bundle, all := i18n.NewBundle(language.English), texts{}
	for _, l := range spoken {
		if _, err := bundle.LoadMessageFileFS(textFiles, "texts/"+l.Tag+".json"); err != nil {
			panic("ui: texts: " + err.Error())
		}
		all[l.Tag] = i18n.NewLocalizer(bundle, l.Tag)
	}
	return all
})

func (t texts) say(lang, key string, vars []any) (string, bool) {
	config := i18n.LocalizeConfig{MessageID: key, TemplateData: vars, TemplateParser: braces{}}
	for i := 0; i+1 < len(vars); i += 2 {
		if vars[i] == "n" {
			config.PluralCount = vars[i+1]
		}
	}
	// An error may come with a sentence, in the form for any number. Without a
	// sentence there is no such key.
	s, _ := t[speech(lang)].Localize(&config)
	return s, s != ""
}

// braces lets {name} stand for a variable, as in the texts of factors. Values are
// put in as they are and never read as a sentence.
type braces struct{}

// Cacheable implements template.Parser.
func (braces) Cacheable() bool { return false }

// Parse implements template.Parser.
func (braces) Parse(src, _, _ string) (template.ParsedTemplate, error) { return sentence(src), nil }

type sentence string

// Execute implements template.ParsedTemplate.
func (s sentence) Execute(data any) (string, error) {
	vars, _ := data.([]any)
	pairs := make([]string, 0, len(vars))
	for i := 0; i+1 < len(vars); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", vars[i]), fmt.Sprint(vars[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(string(s)), nil
}

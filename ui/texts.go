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

// named2 is a sentence with two names in it, the first one first in every language.
type named2 struct{ Before, First, Between, Second, After string }

func namesIn(lang, key, slot1, first, slot2, second string) named2 {
	before, rest, _ := strings.Cut(Say(lang, key, slot1, "\x00", slot2, "\x01"), "\x00")
	between, after, _ := strings.Cut(rest, "\x01")
	return named2{before, cleanName(first), between, cleanName(second), after}
}

// texts are the sentences of all languages. They do not change after the start.
type texts map[string]tongueTexts

// tongueTexts are the sentences of one language.
type tongueTexts struct {
	plain   map[string]sentence // those without plural forms
	plurals *i18n.Localizer     // the others
}

// catalogue reads the texts once. It panics on a file that cannot be read: a
// programming mistake.
var catalogue = sync.OnceValue(func() texts {
	bundle, all := i18n.NewBundle(language.English), texts{}
	for _, l := range spoken {
		file, err := bundle.LoadMessageFileFS(textFiles, "texts/"+l.Tag+".json")
		if err != nil {
			panic("ui: texts: " + err.Error())
		}
		one := tongueTexts{map[string]sentence{}, i18n.NewLocalizer(bundle, l.Tag)}
		for _, m := range file.Messages {
			if m.One == "" {
				one.plain[m.ID] = sentence(m.Other)
			}
		}
		all[l.Tag] = one
	}
	return all
})

func (t texts) say(lang, key string, vars []any) (string, bool) {
	in := t[speech(lang)]
	if s, ok := in.plain[key]; ok {
		return s.with(vars), true
	}
	config := i18n.LocalizeConfig{MessageID: key, TemplateData: vars, TemplateParser: braces{}}
	for i := 0; i+1 < len(vars); i += 2 {
		if vars[i] == "n" {
			config.PluralCount = vars[i+1]
		}
	}
	// An error may come with a sentence, in the form for any number. Without a
	// sentence there is no such key.
	s, _ := in.plurals.Localize(&config)
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
	return s.with(vars), nil
}

// with puts the values in the places of the variables.
func (s sentence) with(vars []any) string {
	var out strings.Builder
	rest := string(s)
	for {
		before, after, found := strings.Cut(rest, "{")
		name, next, closed := strings.Cut(after, "}")
		if !found || !closed {
			out.WriteString(rest)
			return out.String()
		}
		out.WriteString(before)
		out.WriteString(value(vars, name))
		rest = next
	}
}

// value is the value of a variable. One that is missing stays as it is written.
func value(vars []any, name string) string {
	for i := 0; i+1 < len(vars); i += 2 {
		if vars[i] == name {
			return fmt.Sprint(vars[i+1])
		}
	}
	return "{" + name + "}"
}

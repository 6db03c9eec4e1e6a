package oob

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"twofold/twofactor"
)

//go:embed texts
var textFiles embed.FS

// languages are those we have texts for; the first is for everybody else.
var languages = [...]string{"en", "de", "fr", "it"}

// texts are the parsed sentences of all languages and the layouts of mails.
type texts struct {
	sentences map[string]*texttemplate.Template
	plain     *texttemplate.Template
	rich      *htmltemplate.Template
}

// parseTexts panics on a text that does not parse: a programming mistake.
func parseTexts() *texts {
	t := &texts{
		sentences: map[string]*texttemplate.Template{},
		plain:     texttemplate.Must(texttemplate.ParseFS(textFiles, "texts/mail.txt")),
		rich:      htmltemplate.Must(htmltemplate.ParseFS(textFiles, "texts/mail.html")),
	}
	for _, lang := range languages {
		t.sentences[lang] = texttemplate.Must(texttemplate.ParseFS(textFiles, "texts/"+lang+".tmpl"))
	}
	return t
}

// letter is what the sentences of a language may use.
type letter struct {
	Name, Realm string // cleaned; may be empty
	Code, Host  string
	Minutes     int
	At          time.Time
}

// sentences are the parts of a mail, in one language, for the layouts.
type sentences struct {
	Lang                                              string
	Subject, Greeting, Lead, Code, Valid, Asked, Warn string
}

// compose writes the message in the language of locale, or in English.
func (t *texts) compose(medium Medium, l letter, locale string) (twofactor.Message, error) {
	lang := language(locale)
	if medium == SMS {
		text, err := say(t.sentences[lang], "sms", l)
		return twofactor.Message{Text: text + boundLine(l)}, err
	}
	s := sentences{Lang: lang, Code: l.Code}
	for name, to := range map[string]*string{
		"subject": &s.Subject, "greeting": &s.Greeting, "lead": &s.Lead,
		"valid": &s.Valid, "asked": &s.Asked, "warn": &s.Warn,
	} {
		var err error
		if *to, err = say(t.sentences[lang], name, l); err != nil {
			return twofactor.Message{}, err
		}
	}
	return t.lay(s)
}

func say(t *texttemplate.Template, name string, l letter) (string, error) {
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, l); err != nil {
		return "", fmt.Errorf("oob: text %s: %w", name, err)
	}
	return b.String(), nil
}

// boundLine ties the code to our host, so that a browser fills it in there and
// nowhere else: the last line, "@host #code" (WICG origin-bound one-time codes).
func boundLine(l letter) string {
	if l.Host == "" {
		return ""
	}
	return "\n@" + l.Host + " #" + l.Code
}

// lay puts the sentences into the layouts. Sentences are plain text here; the
// HTML layout escapes them.
func (t *texts) lay(s sentences) (twofactor.Message, error) {
	var text, html strings.Builder
	if err := t.plain.Execute(&text, s); err != nil {
		return twofactor.Message{}, fmt.Errorf("oob: mail text: %w", err)
	}
	if err := t.rich.Execute(&html, s); err != nil {
		return twofactor.Message{}, fmt.Errorf("oob: mail html: %w", err)
	}
	return twofactor.Message{Subject: s.Subject, Text: text.String(), HTML: html.String()}, nil
}

// language picks one of our languages for a BCP 47 tag.
func language(locale string) string {
	primary, _, _ := strings.Cut(strings.ToLower(locale), "-")
	if slices.Contains(languages[:], primary) {
		return primary
	}
	return languages[0]
}

// maxName bounds names that others chose, in characters.
const maxName = 60

// clean makes a name safe to stand in a message: one line, nothing invisible
// (controls, bidirectional overrides, zero-width characters), not endless.
func clean(name string) string {
	visible := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, name)
	runes := []rune(strings.Join(strings.Fields(visible), " "))
	if len(runes) > maxName {
		runes = append(runes[:maxName-1], '…')
	}
	return string(runes)
}

package letters

import (
	"embed"
	"maps"
	"slices"
	"strings"

	"twofold/twofactor"
)

// Part is what a template consists of; each can be overridden by itself.
type Part string

// Parts of a template, by the names that a FieldError has.
const (
	Subject Part = "subject" // of a mail: one line
	Text    Part = "text"    // of a mail, for readers without HTML
	HTML    Part = "html"    // of a mail: what stands between header and footer of the page
	SMS     Part = "sms"     // a text message, without the line that binds a code to our host
)

// Parts are the sources of a template. An empty one is inherited.
type Parts struct{ Subject, Text, HTML, SMS string }

// Get returns the source of one part.
func (p Parts) Get(part Part) string {
	switch part {
	case Subject:
		return p.Subject
	case Text:
		return p.Text
	case HTML:
		return p.HTML
	case SMS:
		return p.SMS
	}
	return ""
}

func (p *Parts) set(part Part, source string) {
	switch part {
	case Subject:
		p.Subject = source
	case Text:
		p.Text = source
	case HTML:
		p.HTML = source
	case SMS:
		p.SMS = source
	}
}

// allParts in the order in which people read them.
var allParts = [...]Part{Subject, Text, HTML, SMS}

// Override is what one level has set for a kind of letter in a language.
type Override struct {
	Level string // for the log: "tenant"
	Lang  string // BCP 47
	Parts
}

// kind is what there is to say about a kind of letter.
type kind struct {
	vars []string // beside common
	must string   // the variable that such a letter is worthless without
}

// common are the variables of all kinds.
var common = [...]string{"Name", "Realm", "Host"}

var kinds = map[string]kind{
	twofactor.LetterCode:   {[]string{"Code", "Minutes", "At"}, "Code"},
	twofactor.LetterEnrol:  {[]string{"Link", "Minutes"}, "Link"},
	twofactor.LetterReset:  {[]string{"Link", "Minutes"}, "Link"},
	twofactor.LetterNotice: {[]string{"Event", "Detail", "At", "Address"}, "Event"},
}

// Kinds lists the kinds of letters.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Variables lists what the templates of a kind may use, none for a kind that there
// is not.
func Variables(kind string) []string {
	k, ok := kinds[kind]
	if !ok {
		return nil
	}
	return append(slices.Clone(common[:]), k.vars...)
}

// languages are those with texts of our own; the first is for everybody else.
var languages = [...]string{"en", "de", "fr", "it"}

// Languages lists the languages with texts of our own.
func Languages() []string { return slices.Clone(languages[:]) }

//go:embed texts
var files embed.FS

// Default returns the template that Twofold comes with, a good start for one's own.
// It is empty for a kind or a language that there is not.
func Default(kind, lang string) Parts {
	if _, ok := kinds[kind]; !ok || !slices.Contains(languages[:], lang) {
		return Parts{}
	}
	raw, err := files.ReadFile("texts/" + kind + "." + lang + ".tmpl")
	if err != nil {
		panic("letters: " + err.Error()) // a file that was forgotten: a programming mistake
	}
	return split(string(raw))
}

// split reads a file of sections, each after a line "-- part --".
func split(file string) Parts {
	var p Parts
	rest := "\n" + file
	for _, part := range allParts {
		_, section, _ := strings.Cut(rest, "\n-- "+string(part)+" --\n")
		section, _, _ = strings.Cut(section, "\n-- ")
		p.set(part, strings.TrimRight(section, "\n"))
	}
	return p
}

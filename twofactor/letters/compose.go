package letters

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"twofold/twofactor"
)

// Composer puts letters into words. Its Compose is a twofactor.Compose.
//
// Each part of a letter is looked for by itself, language first: in the reader's
// language at the levels, nearest first, then in the texts that Twofold comes with;
// only if there is none, the same in English. So what is set for readers of one
// language leaves all others alone. docs/adr/0021 says why.
type Composer struct {
	// Overrides finds what the levels that ctx speaks for have set for a kind of
	// letter, nearest first, in all languages. Nil: nothing is overridden.
	Overrides func(ctx context.Context, kind string) ([]Override, error)
	Host      string       // of our address: for Host, links and codes bound to it
	Log       *slog.Logger // nil: none
}

// Compose writes a letter. A template of others that fails is passed over and
// logged: a code must go out.
func (c Composer) Compose(ctx context.Context, l twofactor.Letter) (twofactor.Message, error) {
	if host := twofactor.HostFrom(ctx); host != "" {
		c.Host = host // where the reader is: what he gets leads back there
	}
	vars, err := c.values(l)
	if err != nil {
		return twofactor.Message{}, err
	}
	w := writer{Composer: c, kind: l.Kind, vars: vars, sources: sources(l.Kind, l.Locale, c.overrides(ctx, l.Kind))}
	return w.write(ctx, l.Medium)
}

// overrides are none when they cannot be read: a code in other words is better
// than no code.
func (c Composer) overrides(ctx context.Context, kind string) []Override {
	if c.Overrides == nil {
		return nil
	}
	found, err := c.Overrides(ctx, kind)
	if err != nil {
		c.log().ErrorContext(ctx, "message templates not read, defaults used", "kind", kind, "error", err)
		return nil
	}
	return found
}

func (c Composer) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// levelDefault is the level of the texts that Twofold comes with.
const levelDefault = "default"

// sources lists where to look for a part, best first; English defaults come last.
func sources(kind, locale string, overrides []Override) []Override {
	var out []Override
	for _, lang := range chain(locale) {
		for _, o := range overrides {
			if strings.EqualFold(o.Lang, lang) {
				o.Lang = lang
				out = append(out, o)
			}
		}
		if p := Default(kind, lang); p != (Parts{}) {
			out = append(out, Override{levelDefault, lang, p})
		}
	}
	return out
}

// chain are the languages to try for a locale: de-CH, de, en.
func chain(locale string) []string {
	tag := strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	primary, _, _ := strings.Cut(tag, "-")
	var out []string
	for _, lang := range []string{tag, primary, languages[0]} {
		if lang != "" && !slices.Contains(out, lang) {
			out = append(out, lang)
		}
	}
	return out
}

// writer writes one letter.
type writer struct {
	Composer
	kind    string
	vars    map[string]string
	sources []Override
}

func (w writer) write(ctx context.Context, medium twofactor.Medium) (m twofactor.Message, err error) {
	switch medium {
	case twofactor.ByMail:
		if m.Subject, err = w.part(ctx, Subject, ""); err != nil {
			return twofactor.Message{}, err
		}
		if m.Text, err = w.part(ctx, Text, ""); err != nil {
			return twofactor.Message{}, err
		}
		if m.HTML, err = w.part(ctx, HTML, m.Subject); err != nil {
			return twofactor.Message{}, err
		}
		return m, nil
	case twofactor.BySMS:
		text, err := w.part(ctx, SMS, "")
		if err != nil {
			return twofactor.Message{}, err
		}
		return twofactor.Message{Text: text + boundLine(w.kind, w.vars)}, nil
	}
	return twofactor.Message{}, fmt.Errorf("letters: there is no medium %q", medium)
}

// part writes one part from the first source that has it and works.
func (w writer) part(ctx context.Context, part Part, subject string) (string, error) {
	var last error
	for _, s := range w.sources {
		source := s.Get(part)
		if source == "" {
			continue
		}
		out, err := render(w.kind, part, source, withLayout(localised(w.vars, s.Lang), s.Lang, subject))
		if err == nil {
			return out, nil
		}
		last = err
		w.log().WarnContext(ctx, "message template passed over", "kind", w.kind, "level", s.Level, "lang", s.Lang, "part", string(part), "error", err)
	}
	return "", fmt.Errorf("letters: %s of %s: %w", part, w.kind, last)
}

// boundLine ties the code of a text message to our host, so that a browser fills it
// in there and nowhere else: the last line, "@host #code" (WICG origin-bound
// one-time codes). It is ours alone: no template can have it or leave it out.
func boundLine(kind string, vars map[string]string) string {
	if kind != twofactor.LetterCode || vars["Host"] == "" {
		return ""
	}
	return "\n@" + vars["Host"] + " #" + vars["Code"]
}

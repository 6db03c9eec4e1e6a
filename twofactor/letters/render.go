package letters

import (
	"html"
	"regexp"
	"strings"
	"unicode/utf8"

	"twofold/twofactor"
)

// withLayout adds what the page around the HTML of a mail needs. No template of
// others may use it: it is no variable of any kind.
func withLayout(vars map[string]string, lang, subject string) map[string]string {
	vars["Lang"], vars["Subject"] = lang, subject
	return vars
}

// render runs a source with values, and holds what comes out to its rules too.
func render(kind string, part Part, source string, vars map[string]string) (string, error) {
	p, err := compile(kind, part, source)
	if err != nil {
		return "", err
	}
	return run(p, kind, part, vars)
}

func run(p program, kind string, part Part, vars map[string]string) (string, error) {
	b := &bounded{}
	if err := p.Execute(b, vars); err != nil {
		if b.full {
			return "", faultf("makes more than %d bytes", maxResult)
		}
		return "", parseFault(err)
	}
	return finish(kind, part, b.String(), vars)
}

var blankLines = regexp.MustCompile(`\n{3,}`)

// finish gives what was rendered its form, and refuses what must not go out.
func finish(kind string, part Part, out string, vars map[string]string) (string, error) {
	text := out
	switch part {
	case Subject:
		out = clean(out, maxValue)
		text = out
	case Text:
		out = strings.Trim(blankLines.ReplaceAllString(out, "\n\n"), "\n") + "\n"
	case HTML:
		text = html.UnescapeString(out)
	case SMS:
		out = strings.TrimSpace(out)
		if utf8.RuneCountInString(out) > maxSMS {
			return "", faultf("makes more than %d characters", maxSMS)
		}
	}
	if strings.TrimSpace(out) == "" {
		return "", fault("makes nothing")
	}
	if must := kinds[kind].must; part != Subject && !strings.Contains(text, vars[must]) {
		return "", faultf("does not show {{.%s}}", must)
	}
	if part == SMS && kind == twofactor.LetterCode && (out[0] == '@' || strings.Contains(out, "\n@")) {
		return "", fault("must have no line that begins with @: the last line of the message, added by itself, does")
	}
	return out, nil
}

// bounded takes so much and no more.
type bounded struct {
	strings.Builder
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxResult {
		b.full = true
		return 0, fault("is too long")
	}
	return b.Builder.Write(p)
}

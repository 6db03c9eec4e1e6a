package apply

import (
	"regexp"
	"strings"
)

// A whole scalar value may be a reference: ${env:NAME}, ${file:PATH}, or ${kept} for
// what the database has already. Text that begins like one is written with one more $.

const (
	keptForm = "${kept}"
	wantRef  = "is no reference: there are ${env:NAME}, ${file:PATH} and ${kept}; write $${ for text that begins with ${"
)

var (
	refForm   = regexp.MustCompile(`^\$\{(env|file):([^\r\n]+)\}$`)
	refBegins = regexp.MustCompile(`^\$+\{`)
)

// isRef reports whether a scalar must be a reference.
func isRef(s string) bool { return strings.HasPrefix(s, "${") }

// unescaped is the text that a scalar stands for which is no reference.
func unescaped(s string) string {
	if refBegins.MatchString(s) {
		return s[1:]
	}
	return s
}

// escaped is the scalar for a text.
func escaped(s string) string {
	if refBegins.MatchString(s) {
		return "$" + s
	}
	return s
}

// reference reads a scalar for which isRef holds.
func (p *parser) reference(s string, at place) (origin, bool) {
	if s == keptForm {
		return origin{kept: true}, true
	}
	m := refForm.FindStringSubmatch(s)
	if m == nil {
		p.found(at, "%s", wantRef) // and not s, which may be a secret
		return origin{}, false
	}
	if m[1] == "env" {
		return p.origin(origin{env: m[2]}, at, at)
	}
	return p.origin(origin{file: m[2]}, at, at)
}

// origin notes a place that is kept elsewhere for looking up. where is that of the
// name alone.
func (p *parser) origin(o origin, at, where place) (origin, bool) {
	if o.env != "" && !envName.MatchString(o.env) {
		p.found(where, "must be the name of an environment variable: letters, digits and underscores")
		return origin{}, false
	}
	p.origins = append(p.origins, placedOrigin{at, o})
	return o, true
}

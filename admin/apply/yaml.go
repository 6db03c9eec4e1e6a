package apply

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// emitter writes YAML that the parser reads back as it was. It writes less than
// YAML can say, and always the same for the same.
type emitter struct{ bytes.Buffer }

const indentStep = "  "

// plainForm is text that needs no quotes and is safe between brackets too; words
// are what YAML, old or new, takes for something else.
var (
	plainForm = regexp.MustCompile(`^[A-Za-z_/]([A-Za-z0-9_ .@/+:-]*[A-Za-z0-9_./+-])?$`)
	yamlWords = regexp.MustCompile(`(?i)^(y|yes|n|no|on|off|true|false|null)$`)
)

// quoted is text as a scalar of one line.
func quoted(s string) string {
	if plainForm.MatchString(s) && !yamlWords.MatchString(s) && !strings.Contains(s, ": ") {
		return s
	}
	if strings.ContainsAny(s, `"\`) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return strconv.Quote(s) // whose escapes are all YAML's too
}

// line writes one key and its value.
func (e *emitter) line(indent, key, value string) { fmt.Fprintf(e, "%s%s: %s\n", indent, key, value) }

// object writes the keys of spec, a struct of spec.go, that are set: the first
// behind a dash, as an item of a list. notes are comments, by key.
func (e *emitter) object(indent string, spec any, notes map[string]string) {
	begin, rest := indent+"- ", indent+indentStep
	v := reflect.ValueOf(spec)
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("key")
		if f := v.Field(i); key != "" && f.Kind() == reflect.Struct && f.FieldByName("set").Bool() {
			e.key(begin, rest, key, f.Interface(), notes)
			begin = rest
		}
	}
}

// key writes one key of such a struct; what follows on other lines stands at rest.
func (e *emitter) key(begin, rest, key string, v any, notes map[string]string) {
	value := ""
	switch v := v.(type) {
	case text:
		value = quoted(escaped(v.v))
	case flag:
		value = strconv.FormatBool(v.v)
	case count:
		value = strconv.FormatInt(v.v, 10)
	case span:
		value = shownSpan(v.v)
	case moment:
		value = shownMoment(v.v)
	case texts:
		e.texts(begin, rest, key, words(v))
		return
	case target:
		value = "{" + v.v.level + ": " + quoted(escaped(v.v.name)) + "}"
		if v.v.level == levelSubscription {
			value = "{" + levelSubscription + ": true}"
		}
	case source:
		if v.v.kept {
			value = keptForm
			break
		}
		e.long(begin, rest, key, escaped(v.v.literal))
		return
	case rules:
		e.rules(begin, rest, key, v.v)
		return
	case constant:
		value = shownConstant(v.v)
	case options:
		e.tree(begin, rest, key, v.v, notes)
		return
	}
	e.line(begin, key, value+noteAt(notes, key))
}

func noteAt(notes map[string]string, key string) string {
	if n := notes[key]; n != "" {
		return " # " + n
	}
	return ""
}

// texts writes a list in one line, or, where that is long, an item a line.
func (e *emitter) texts(begin, rest, key string, list []string) {
	const most = 100
	parts, length := make([]string, len(list)), 0
	for i, s := range list {
		parts[i] = quoted(escaped(s))
		length += len(parts[i])
	}
	if length <= most {
		e.line(begin, key, "["+strings.Join(parts, ", ")+"]")
		return
	}
	fmt.Fprintf(e, "%s%s:\n", begin, key)
	for _, p := range parts {
		fmt.Fprintf(e, "%s- %s\n", rest+indentStep, p)
	}
}

// long writes text that may have many lines.
func (e *emitter) long(begin, rest, key, s string) {
	if !asBlock(s) {
		e.line(begin, key, quoted(s))
		return
	}
	body, ended := strings.CutSuffix(s, "\n")
	mark := "|-"
	if ended {
		mark = "|"
	}
	e.line(begin, key, mark)
	for l := range strings.SplitSeq(body, "\n") {
		if l != "" {
			l = rest + indentStep + l
		}
		e.WriteString(l + "\n")
	}
}

// asBlock reports whether a text of several lines comes back from a block as it
// was: blocks lose what they cannot show.
func asBlock(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	return strings.Contains(body, "\n") && !strings.HasPrefix(body, " ") && !strings.HasPrefix(body, "\t") && !strings.HasPrefix(body, "\n") &&
		!strings.HasSuffix(body, "\n") && !strings.ContainsFunc(body, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) && !blankLine(body)
}

func blankLine(s string) bool {
	for l := range strings.SplitSeq(s, "\n") {
		if l != "" && strings.TrimSpace(l) == "" {
			return true
		}
	}
	return false
}

// tree writes options.
func (e *emitter) tree(begin, rest, key string, t tree, notes map[string]string) {
	e.treeAt(begin, rest, key, "", t, notes)
}

func (e *emitter) treeAt(begin, rest, key, path string, t tree, notes map[string]string) {
	switch {
	case t.kind == originTree:
		e.line(begin, key, keptForm+noteAt(notes, path))
	case t.kind == scalarTree:
		if s, ok := t.scalar.(string); ok {
			e.long(begin, rest, key, escaped(s))
			return
		}
		e.line(begin, key, t.raw)
	case len(t.members) == 0:
		e.line(begin, key, "{}")
	default:
		fmt.Fprintf(e, "%s%s:\n", begin, key)
		for _, m := range t.members {
			e.treeAt(rest+indentStep, rest+indentStep, quoted(m.name), path+"."+m.name, m.value, notes)
		}
	}
}

// shownMoment writes a time as the file would: the end of a day as that day.
func shownMoment(t time.Time) string {
	t = t.UTC()
	if end := t.Add(time.Second); end.Equal(end.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}

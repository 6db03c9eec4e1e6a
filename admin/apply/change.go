package apply

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"twofold/tenants"
)

// change is what a run did to one entity.
type change struct {
	kind, name, id string
	subscription   string // its id; empty for the platform
	in             string // its name
	label          string // how the report names the entity
	created        bool
	fields         []field
}

// field is one key that changed. Of secrets it holds only a note.
type field struct {
	key            string
	old, fresh     any    // string, bool, []string, time.Duration or time.Time
	note           string // instead of values: (set), (changed), (removed)
	saidOld        string // what the report says in place of the note; the trail does not
	saidFresh      string
	usual          bool     // of a new entity: what it has anyway
	added, removed []string // instead of values: names of a link list
}

const (
	noteSet     = "(set)"
	noteChanged = "(changed)"
	noteRemoved = "(removed)"
)

func (c *change) any() bool { return c.created || len(c.fields) > 0 }

// line is how the report shows the change.
func (c *change) line() string {
	if c.created {
		return "+ " + c.label
	}
	parts := make([]string, len(c.fields))
	for i, f := range c.fields {
		parts[i] = f.key + " " + f.words()
	}
	return "~ " + c.label + ": " + strings.Join(parts, ", ")
}

func (f field) words() string {
	switch {
	case f.saidFresh != "":
		return f.saidOld + " → " + f.saidFresh
	case f.note != "":
		return f.note
	case f.added != nil || f.removed != nil:
		return plusMinus(f.added, f.removed)
	}
	old, isList := f.old.([]string)
	if !isList {
		return shown(f.old) + " → " + shown(f.fresh)
	}
	fresh, _ := f.fresh.([]string)
	if w := plusMinus(without(fresh, old), without(old, fresh)); w != "" {
		return w
	}
	return "in another order"
}

func plusMinus(added, removed []string) string {
	var parts []string
	for _, a := range added {
		parts = append(parts, "+"+shownName(a))
	}
	for _, r := range removed {
		parts = append(parts, "-"+shownName(r))
	}
	return strings.Join(parts, " ")
}

// without lists what is in a and not in b.
func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

func shown(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case time.Duration:
		return shownSpan(v)
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// shownSpan writes a span as the file would: 30d, 24h, 1h30m.
func shownSpan(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// shownName quotes a name that would not be read as one word.
func shownName(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return notWord(r) && !strings.ContainsRune("-_.:/@+", r) }) {
		return strconv.Quote(s)
	}
	return s
}

// opaque are keys whose values say nothing to people.
func opaque(key string) bool { return key == "jwks" }

// compare lists the keys of spec, a struct of spec.go, whose values differ
// between two entities of package tenants; of a new one also those that are false.
// An entity's field has the same name as that of the spec which sets it.
func compare(spec, have, want any, created bool) []field {
	var out []field
	t := reflect.TypeOf(spec)
	a, b := reflect.ValueOf(have), reflect.ValueOf(want)
	for i := range t.NumField() {
		sf := t.Field(i)
		key := sf.Tag.Get("key")
		x, y := a.FieldByName(sf.Name), b.FieldByName(sf.Name)
		if key == "" || key == "name" || !x.IsValid() {
			continue
		}
		f := field{key: key, old: inFile(sf, x.Interface()), fresh: inFile(sf, y.Interface())}
		if _, yesOrNo := f.fresh.(bool); reflect.DeepEqual(f.old, f.fresh) && (!created || !yesOrNo) {
			continue
		}
		if opaque(key) {
			f = field{key: key, note: noteOf(x.IsZero(), y.IsZero())}
		}
		def, ok := sf.Tag.Lookup("default")
		f.usual = ok && f.note == "" && (fmt.Sprint(f.fresh) == def || shown(f.fresh) == def)
		out = append(out, f)
	}
	return out
}

func noteOf(wasEmpty, isEmpty bool) string {
	switch {
	case wasEmpty:
		return noteSet
	case isEmpty:
		return noteRemoved
	}
	return noteChanged
}

// inFile turns an entity's value into that of the file.
func inFile(sf reflect.StructField, v any) any {
	switch v := v.(type) {
	case int64:
		if sf.Type == reflect.TypeFor[span]() {
			return time.Duration(v) * time.Second
		}
	case tenants.List:
		return append([]string{}, v...)
	case tenants.ClaimRules:
		return shownRules(v)
	case bool:
		return v != (sf.Tag.Get("key") == "require_pkce") // kept as its opposite
	}
	return v
}

// linkField makes a field of a link list's difference, or none.
func linkField(key string, added, removed []string) []field {
	if len(added)+len(removed) == 0 {
		return nil
	}
	slices.SortFunc(removed, cmp.Compare[string])
	return []field{{key: key, added: added, removed: removed}}
}

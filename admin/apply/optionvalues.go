package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twofold/tenants"
	"twofold/twofactor"
)

// optionSet is the options of one instance, or of one factor type of the base
// settings: as they are, and as the file wants them.
type optionSet struct {
	factorType string
	fields     []twofactor.Field
	given      tree
	old, fresh tenants.Options
	lacking    []string // paths of options to be kept of which there is nothing
}

// options turns what the file gives into the JSON that a factor type reads. What
// the file keeps is taken from old.
func (r *run) options(o options, factorType string, old tenants.Options) *optionSet {
	s := &optionSet{factorType: factorType, fields: r.store.Catalog[factorType].Fields, given: o.v, old: old, fresh: tenants.Options{}}
	for _, m := range o.v.members {
		f, _ := fieldNamed(s.fields, m.name)
		was := expanded(decoded(old[m.name]), f)
		raw, _ := json.Marshal(r.plain(s, m, f, was, m.name)) // of what YAML can say, but for NaN, which is refused
		if had, ok := old[m.name]; ok && sameJSON(was, expanded(decoded(raw), f)) {
			raw = had // which may say it in other words
		}
		s.fresh[m.name] = raw
	}
	return s
}

// plain is the Go value of a member of options where f is expected and was is
// what there is.
func (r *run) plain(s *optionSet, m member, f twofactor.Field, was any, path string) any {
	t := m.value
	switch t.kind {
	case objectTree:
		o, had := map[string]any{}, asObject(was)
		for _, m := range t.members {
			part, _ := fieldNamed(f.Fields, m.name)
			o[m.name] = r.plain(s, m, part, had[m.name], path+"."+m.name)
		}
		return o
	case listTree:
		l := make([]any, len(t.items))
		for i, item := range t.items {
			l[i] = r.plain(s, member{value: item}, twofactor.Field{}, itemOf(was, i), path+"["+strconv.Itoa(i)+"]")
		}
		return l
	case originTree:
		if !t.origin.kept {
			return fitting(r.texts[t.place], f)
		}
		if was == nil {
			// null is the value of no option: the instance is invalid, and stays so until
			// somebody gives the secret.
			s.lacking = append(s.lacking, path)
		}
		return was
	case scalarTree:
	}
	// Digits where text belongs are that text: phone numbers are written without quotes.
	isText := f.Kind == twofactor.KindText || f.Kind == twofactor.KindPassword || f.Kind == twofactor.KindSelect
	if _, yesOrNo := t.scalar.(bool); isText && !yesOrNo {
		return t.raw
	}
	return t.scalar
}

// fitting is a text from elsewhere as the value that f wants.
func fitting(text string, f twofactor.Field) any {
	switch f.Kind {
	case twofactor.KindNumber:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case twofactor.KindBool:
		if b, err := strconv.ParseBool(text); err == nil && (text == "true" || text == "false") {
			return b
		}
	case twofactor.KindText, twofactor.KindPassword, twofactor.KindSelect, twofactor.KindCode, twofactor.KindJSON:
	}
	return text
}

// decoded is a JSON value; nil if there is none.
func decoded(raw json.RawMessage) any {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber() // digits are not to be rounded
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// expanded turns text that holds an object into that object where f is one:
// factor types read both alike.
func expanded(v any, f twofactor.Field) any {
	if f.Kind != twofactor.KindJSON {
		return v
	}
	o, ok := v.(map[string]any)
	if text, isText := v.(string); isText {
		o, ok = decoded(json.RawMessage(text)).(map[string]any)
	}
	if !ok {
		return v
	}
	out := make(map[string]any, len(o))
	for name, part := range o {
		p, _ := fieldNamed(f.Fields, name)
		out[name] = expanded(part, p)
	}
	return out
}

func asObject(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func itemOf(v any, i int) any {
	if l, ok := v.([]any); ok && i < len(l) {
		return l[i]
	}
	return nil
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// changes lists what differs. Values are shown of options that are not secret and
// that the file holds itself; the trail gets none.
func (s *optionSet) changes(stored []tenants.FieldChange) []field {
	var out []field
	for _, name := range namesIn(s.old, s.fresh) {
		f, _ := fieldNamed(s.fields, name)
		a, b := expanded(decoded(s.old[name]), f), expanded(decoded(s.fresh[name]), f)
		found := optionChanges(nil, name, f, a, b, s.given.under(name))
		at := slices.IndexFunc(stored, func(c tenants.FieldChange) bool { return c.Name == name })
		if len(found) == 0 && at >= 0 { // the same in other words, or null
			found = notes(stored[at : at+1])
		}
		out = append(out, found...)
	}
	return out
}

func optionChanges(out []field, path string, f twofactor.Field, a, b any, given tree) []field {
	if sameJSON(a, b) {
		return out
	}
	x, wasObject := a.(map[string]any)
	y, isObject := b.(map[string]any)
	if len(f.Fields) > 0 && (wasObject || a == nil) && (isObject || b == nil) && (len(x) > 0 || len(y) > 0) {
		for _, name := range namesIn(x, y) {
			part, _ := fieldNamed(f.Fields, name)
			out = optionChanges(out, path+"."+name, part, x[name], y[name], given.under(name))
		}
		return out
	}
	c := field{key: path, note: noteOf(a == nil, b == nil)}
	if f.Kind != "" && !f.Secret && given.kind != originTree && scalar(a) && scalar(b) {
		c.saidOld, c.saidFresh = shownOption(a), shownOption(b)
	}
	return append(out, c)
}

// under is the value of a member, or nothing.
func (t tree) under(name string) tree {
	for _, m := range t.members {
		if m.name == name {
			return m.value
		}
	}
	if t.kind == originTree {
		return t // the whole is from elsewhere, so each part is
	}
	return tree{}
}

func scalar(v any) bool {
	switch v.(type) {
	case nil, string, bool, json.Number:
		return true
	}
	return false
}

func shownOption(v any) string {
	switch v := v.(type) {
	case nil:
		return "(not set)"
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}

// namesIn are the names in either of two maps, in order.
func namesIn[M ~map[string]V, V any](a, b M) []string {
	all := maps.Clone(a)
	if all == nil {
		all = M{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// warnKept says which secrets a file keeps of which there are none. owner are the
// names that a variable of the environment could have.
func (r *run) warnKept(label, invalid string, lacking []string, owner ...string) {
	for _, path := range lacking {
		r.warn("%s: there is no %s to keep; until it is given, such as by ${env:%s}, %s invalid", label, path, variable(append(owner, path)...), invalid)
	}
}

// variable is a name for a variable of the environment that holds a secret.
func variable(parts ...string) string {
	word := func(r rune) rune {
		if (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') {
			return r
		}
		return '_'
	}
	name := strings.Map(word, strings.ToUpper(strings.Join(parts, "_")))
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

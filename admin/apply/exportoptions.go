package apply

import (
	"encoding/json"
	"slices"

	"twofold/tenants"
	"twofold/twofactor"
)

// masker turns options into what a file may show of them: secrets, and whatever
// does not fit the schema that would tell, are ${kept}.
type masker struct {
	owner []string          // names that a variable of the environment could have
	notes map[string]string // how to give a secret, by the path of its option
}

func (m masker) options(o tenants.Options, fields []twofactor.Field) tree {
	v := make(map[string]any, len(o))
	for name, raw := range o {
		v[name] = decoded(raw)
	}
	return m.object(v, fields, "")
}

func (m masker) object(o map[string]any, fields []twofactor.Field, path string) tree {
	t := tree{kind: objectTree}
	var known []string
	for _, f := range fields {
		known = append(known, f.Name)
		if v, ok := o[f.Name]; ok {
			t.members = append(t.members, member{name: f.Name, value: m.value(expanded(v, f), f, path+"."+f.Name)})
		}
	}
	for _, name := range namesIn(o, nil) {
		if !slices.Contains(known, name) {
			t.members = append(t.members, member{name: name, value: m.kept(path + "." + name)})
		}
	}
	return t
}

func (m masker) value(v any, f twofactor.Field, path string) tree {
	text := f.Kind == twofactor.KindText || f.Kind == twofactor.KindPassword || f.Kind == twofactor.KindSelect || f.Kind == twofactor.KindCode
	switch v := v.(type) {
	case map[string]any:
		if f.Kind == twofactor.KindJSON && !f.Secret && !looksLikeOrigin(v) {
			return m.object(v, f.Fields, path)
		}
	case string:
		if !f.Secret && f.Kind != twofactor.KindJSON {
			return tree{scalar: v, raw: v}
		}
	case bool:
		if !f.Secret && (f.Kind == twofactor.KindBool || text) {
			return tree{scalar: v, raw: map[bool]string{true: "true", false: "false"}[v]}
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && !f.Secret && f.Kind == twofactor.KindNumber {
			return tree{scalar: n, raw: v.String()}
		}
	}
	return m.kept(path)
}

// looksLikeOrigin reports whether a file would take an object for {env: NAME}.
func looksLikeOrigin(o map[string]any) bool {
	_, env := o["env"]
	_, file := o["file"]
	return len(o) == 1 && (env || file)
}

func (m masker) kept(path string) tree {
	m.notes[path] = "or ${env:" + variable(append(slices.Clone(m.owner), path[1:])...) + "}"
	return tree{kind: originTree, origin: origin{kept: true}}
}

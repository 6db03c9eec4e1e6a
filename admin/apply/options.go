package apply

import (
	"encoding/json"
	"strings"

	"twofold/tenants"
	"twofold/twofactor"
)

// checkOptions holds every factor type and option against the catalogue. Values
// are checked when an instance is opened: only all levels together are complete.
func (r *run) checkOptions() {
	d := &r.file.doc
	r.checkBases(d.Settings)
	for i := range d.Subscriptions {
		s := &d.Subscriptions[i]
		r.checkBases(s.Settings)
		for _, f := range s.TwoFactors {
			if r.checkType(f.Type) {
				r.checkNames(f.Options.v, r.store.Catalog[f.Type.v].Fields, "option of type "+f.Type.v)
			}
		}
	}
}

func (r *run) checkBases(b bases) {
	for _, t := range b.v {
		if r.checkType(t.factorType) {
			r.checkNames(t.options.v, r.store.Catalog[t.factorType.v].Fields, "option of type "+t.factorType.v)
		}
	}
}

func (r *run) checkType(t text) bool {
	if _, ok := r.store.Catalog[t.v]; ok {
		return true
	}
	r.found(t.place, "must be a factor type of this server: %s", oneOf(r.store.Catalog.Types()))
	return false
}

func (r *run) checkNames(t tree, fields []twofactor.Field, what string) {
	if t.kind != objectTree || len(fields) == 0 {
		return
	}
	for _, m := range t.members {
		f, ok := fieldNamed(fields, m.name)
		if !ok {
			r.found(m.place, "is no %s; there are %s", what, fieldNames(fields))
			continue
		}
		r.checkNames(m.value, f.Fields, "part of "+f.Name)
	}
}

func fieldNamed(fields []twofactor.Field, name string) (twofactor.Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	return twofactor.Field{}, false
}

func fieldNames(fields []twofactor.Field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return strings.Join(list, ", ")
}

// options turns options into the JSON that a factor type reads.
func (r *run) options(o options, factorType string) tenants.Options {
	out := tenants.Options{}
	for _, m := range o.v.members {
		f, _ := fieldNamed(r.store.Catalog[factorType].Fields, m.name)
		raw, _ := json.Marshal(r.plain(m.value, f)) // of what YAML can say, but for NaN, which is refused
		out[m.name] = raw
	}
	return out
}

// plain is the Go value of a tree where f is expected. Digits where text belongs
// are that text: phone numbers are written without quotes.
func (r *run) plain(t tree, f twofactor.Field) any {
	switch t.kind {
	case objectTree:
		o := map[string]any{}
		for _, m := range t.members {
			part, _ := fieldNamed(f.Fields, m.name)
			o[m.name] = r.plain(m.value, part)
		}
		return o
	case listTree:
		l := make([]any, len(t.items))
		for i, item := range t.items {
			l[i] = r.plain(item, twofactor.Field{})
		}
		return l
	case originTree:
		return r.texts[t.place]
	case scalarTree:
	}
	isText := f.Kind == twofactor.KindText || f.Kind == twofactor.KindPassword || f.Kind == twofactor.KindSelect
	if _, yesOrNo := t.scalar.(bool); isText && !yesOrNo {
		return t.raw
	}
	return t.scalar
}

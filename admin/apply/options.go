package apply

import (
	"strings"

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

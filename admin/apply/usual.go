package apply

import (
	"reflect"
	"slices"
	"time"

	"twofold/tenants"
)

// describe sets the keys of spec, a pointer to a struct of spec.go, from the
// fields of the same name of an entity of package tenants: compare backwards.
func describe(spec, entity any) {
	to, from := reflect.ValueOf(spec).Elem(), reflect.ValueOf(entity)
	for i := range to.NumField() {
		x := from.FieldByName(to.Type().Field(i).Name)
		if !x.IsValid() {
			continue
		}
		switch d := to.Field(i).Addr().Interface().(type) {
		case *text:
			*d = text{set: true, v: x.String()}
		case *flag:
			*d = flag{set: true, v: x.Bool() != (to.Type().Field(i).Tag.Get("key") == "require_pkce")} // kept as its opposite
		case *count:
			*d = count{set: true, v: x.Int()}
		case *span:
			*d = span{set: true, v: spanOf(x.Int())}
		case *moment:
			if t, ok := x.Interface().(time.Time); ok {
				*d = moment{set: true, v: t}
			}
		case *texts:
			if l, ok := x.Interface().(tenants.List); ok {
				*d = textsOf(l)
			}
		case *rules:
			if l, ok := x.Interface().(tenants.ClaimRules); ok {
				*d = rulesOf(l)
			}
		case *source:
			if s := x.String(); s != "" {
				*d = source{set: true, v: origin{literal: s}}
			}
		}
	}
}

func textsOf(list []string) texts {
	t := texts{set: true, v: make([]text, len(list))}
	for i, s := range list {
		t.v[i] = text{set: true, v: s}
	}
	return t
}

// lean takes out of spec what a new entity gets anyway: its defaults, and what
// usual derives from the other keys.
func lean[T any](x *exporter, spec T, usual func(bare T) any) T {
	var derived, none T
	defaults, ok := x.defaults[reflect.TypeFor[T]()]
	if !ok {
		defaults = withDefaults(none)
		x.defaults[reflect.TypeFor[T]()] = defaults
	}
	bare := spec
	each := func(of *T, do func(f reflect.StructField, v reflect.Value)) {
		v := reflect.ValueOf(of).Elem()
		for i := range v.NumField() {
			do(v.Type().Field(i), v.Field(i))
		}
	}
	each(&bare, func(f reflect.StructField, v reflect.Value) {
		if f.Tag.Get("derived") != "" {
			v.SetZero()
		}
	})
	if usual != nil {
		describe(&derived, usual(bare))
	}
	each(&spec, func(f reflect.StructField, v reflect.Value) {
		from := reflect.ValueOf(derived)
		if _, ok := f.Tag.Lookup("default"); ok {
			from = reflect.ValueOf(defaults)
		} else if f.Tag.Get("derived") == "" {
			return
		}
		if sameValue(v, from.FieldByIndex(f.Index)) {
			v.SetZero()
		}
	})
	return spec
}

// sameValue compares two values of spec.go, wherever they stand.
func sameValue(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case text:
		return equal(x, b)
	case flag:
		return equal(x, b)
	case count:
		return equal(x, b)
	case span:
		return equal(x, b)
	case texts:
		y, _ := b.Interface().(texts)
		return x.set && y.set && slices.Equal(words(x), words(y))
	case rules:
		y, _ := b.Interface().(rules)
		return x.set && y.set && claimRules(x).String() == claimRules(y).String()
	case options:
		y, _ := b.Interface().(options)
		return x.set && y.set && len(x.v.members) == 0 && len(y.v.members) == 0
	}
	return false
}

func equal[T comparable](x value[T], b reflect.Value) bool {
	y, _ := b.Interface().(value[T])
	return x.set && y.set && x.v == y.v
}

package rest

import "reflect"

// carry copies what two structs share, by the names of fields: between a thing of the
// house and what the API shows or takes of it. Each field of ours must be a field of
// theirs; what ours lacks stays as it is.

// take fills ours from theirs.
func take[O any](theirs any) (ours O) {
	each(reflect.ValueOf(&ours).Elem(), reflect.Indirect(reflect.ValueOf(theirs)), func(o, t reflect.Value) {
		o.Set(convert(t, o.Type()))
		if o.Kind() == reflect.Slice && o.IsNil() {
			o.Set(reflect.MakeSlice(o.Type(), 0, 0)) // [] in JSON
		}
	})
	return ours
}

// give puts ours into theirs.
func give(theirs any, ours any) {
	each(reflect.Indirect(reflect.ValueOf(ours)), reflect.ValueOf(theirs).Elem(), func(o, t reflect.Value) { t.Set(convert(o, t.Type())) })
}

// convert is Convert, of each element where a list is of structs that differ by their tags.
func convert(v reflect.Value, to reflect.Type) reflect.Value {
	if v.CanConvert(to) || v.Kind() != reflect.Slice {
		return v.Convert(to)
	}
	out := reflect.MakeSlice(to, v.Len(), v.Len())
	for i := range v.Len() {
		out.Index(i).Set(v.Index(i).Convert(to.Elem()))
	}
	return out
}

func each(ours, theirs reflect.Value, f func(o, t reflect.Value)) {
	for _, field := range reflect.VisibleFields(ours.Type()) {
		if !field.Anonymous && field.Tag.Get("carry") != "-" {
			f(ours.FieldByIndex(field.Index), theirs.FieldByName(field.Name))
		}
	}
}

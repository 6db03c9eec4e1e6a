package twofactor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Define derives schema, defaults and strict decoding from one options struct,
// so that form, validation and reference page cannot disagree.
//
// Tags: json (the option's name), label, help, required:"true", choices:"a,b",
// min, max, kind (to override), guards. A Secret field is write-only; a struct field is
// a JSON object with fields of its own; an embedded struct is part of the whole.
// What tags cannot say, a Validator says. Define panics when O cannot be
// described: a programming mistake.
func Define[O any](info Info, defaults O, open func(O, Env) (Factor, error)) Provider {
	fields := fieldsOf(reflect.ValueOf(defaults))
	return Provider{
		Info:   info,
		Fields: fields,
		Open: func(options json.RawMessage, env Env) (Factor, error) {
			o := defaults
			if errs := decodeObject(options, reflect.ValueOf(&o).Elem(), ""); len(errs) > 0 {
				return nil, &OptionsError{Errors: errs}
			}
			return open(o, env)
		},
	}
}

// Validator is an options struct, or a struct in one, that knows more about its
// values than tags can say. Names are those of its own options, without a path;
// an option that already has an error keeps that one.
type Validator interface{ Validate() []FieldError }

var secretType = reflect.TypeFor[Secret]()

func fieldsOf(v reflect.Value) []Field {
	var out []Field
	t := v.Type()
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous {
			out = append(out, fieldsOf(v.Field(i))...)
			continue
		}
		f := Field{
			Name: optionName(sf), Label: sf.Tag.Get("label"), Help: sf.Tag.Get("help"),
			Required: sf.Tag.Get("required") == "true", Secret: sf.Type == secretType, Guards: sf.Tag.Get("guards") == "true",
			Min: tagInt(sf, "min"), Max: tagInt(sf, "max"),
		}
		if f.Label == "" {
			panic("twofactor: option " + f.Name + " has no label")
		}
		if c := sf.Tag.Get("choices"); c != "" {
			f.Choices = strings.Split(c, ",")
		}
		switch {
		case sf.Tag.Get("kind") != "":
			f.Kind = Kind(sf.Tag.Get("kind"))
		case f.Secret:
			f.Kind = KindPassword
		case len(f.Choices) > 0:
			f.Kind = KindSelect
		case sf.Type.Kind() == reflect.String:
			f.Kind = KindText
		case sf.Type.Kind() == reflect.Int:
			f.Kind = KindNumber
		case sf.Type.Kind() == reflect.Bool:
			f.Kind = KindBool
		case sf.Type.Kind() == reflect.Struct:
			f.Kind = KindJSON
			f.Fields = fieldsOf(v.Field(i))
		default:
			panic("twofactor: option " + f.Name + " has an unsupported type")
		}
		if dv := v.Field(i); !dv.IsZero() && !f.Secret && f.Kind != KindJSON {
			f.Default = fmt.Sprint(dv.Interface())
		}
		out = append(out, f)
	}
	return out
}

func optionName(sf reflect.StructField) string {
	name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
	if name == "" || !sf.IsExported() {
		panic("twofactor: option " + sf.Name + " has no json tag")
	}
	return name
}

func tagInt(sf reflect.StructField, key string) int {
	s := sf.Tag.Get(key)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("twofactor: option " + sf.Name + ": bad " + key)
	}
	return n
}

// decodeObject fills v from a JSON object, strictly: names are case-sensitive,
// unknown and repeated ones are errors, each named by its path.
func decodeObject(raw json.RawMessage, v reflect.Value, path string) []FieldError {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	given, err := objectOf(raw)
	if err != nil {
		return []FieldError{{strings.TrimSuffix(path, "."), err.Error()}}
	}
	var errs []FieldError
	known := map[string]bool{}
	eachOption(v, func(sf reflect.StructField, fv reflect.Value) {
		name := optionName(sf)
		known[name] = true
		full := path + name
		if val, ok := given[name]; ok {
			if fv.Kind() == reflect.Struct {
				errs = append(errs, decodeObject(val, fv, full+".")...)
				return
			}
			if msg := decodeValue(val, fv); msg != "" {
				errs = append(errs, FieldError{full, msg})
				return
			}
		}
		if fv.Kind() == reflect.Struct {
			if _, ok := given[name]; !ok && sf.Tag.Get("required") == "true" {
				errs = append(errs, FieldError{full, "is required"})
			}
			return
		}
		if msg := checkValue(sf, fv); msg != "" {
			errs = append(errs, FieldError{full, msg})
		}
	})
	for name := range given {
		if !known[name] {
			errs = append(errs, FieldError{path + name, "is not an option of this type"})
		}
	}
	if val, ok := v.Addr().Interface().(Validator); ok {
		errs = append(errs, unreported(val.Validate(), errs, path)...)
	}
	slices.SortStableFunc(errs, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	return errs
}

// unreported puts path before the fields of found, without those in errs already.
func unreported(found, errs []FieldError, path string) []FieldError {
	var out []FieldError
	for _, f := range found {
		f.Field = path + f.Field
		if !slices.ContainsFunc(errs, func(e FieldError) bool { return e.Field == f.Field }) {
			out = append(out, f)
		}
	}
	return out
}

func eachOption(v reflect.Value, do func(reflect.StructField, reflect.Value)) {
	t := v.Type()
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			eachOption(v.Field(i), do)
			continue
		}
		do(t.Field(i), v.Field(i))
	}
}

// objectOf reads an object, or a string that holds one: administrators paste
// MailServerConfig as text.
func objectOf(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.New("must be a JSON object")
	}
	m := map[string]json.RawMessage{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, errors.New("is not valid JSON")
		}
		name := tok.(string)
		if _, dup := m[name]; dup {
			return nil, fmt.Errorf("names %q twice", name)
		}
		var val json.RawMessage
		if err := dec.Decode(&val); err != nil {
			return nil, errors.New("is not valid JSON")
		}
		m[name] = val
	}
	if _, err := dec.Token(); err != nil {
		return nil, errors.New("is not valid JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("has text after the object")
	}
	return m, nil
}

func decodeValue(raw json.RawMessage, v reflect.Value) string {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return "must not be null"
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		switch v.Kind() {
		case reflect.Int:
			return "must be a whole number"
		case reflect.Bool:
			return "must be true or false"
		}
		return "must be text"
	}
	return ""
}

func checkValue(sf reflect.StructField, v reflect.Value) string {
	if v.IsZero() && sf.Tag.Get("required") == "true" {
		return "is required"
	}
	if c := sf.Tag.Get("choices"); c != "" && v.String() != "" && !slices.Contains(strings.Split(c, ","), v.String()) {
		return "must be one of " + strings.ReplaceAll(c, ",", ", ")
	}
	if v.Kind() == reflect.Int {
		lo, hi := tagInt(sf, "min"), tagInt(sf, "max")
		if n := int(v.Int()); (lo != 0 && n < lo) || (hi != 0 && n > hi) {
			return fmt.Sprintf("must be from %d to %d", lo, hi)
		}
	}
	return ""
}

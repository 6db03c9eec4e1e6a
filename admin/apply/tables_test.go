package apply

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"twofold/twofactor"
)

// KeyTables draws the keys of each mapping of a file as a table, by the key that
// the mapping stands under; "file" is the file itself.
func KeyTables() map[string]string {
	out := map[string]string{}
	drawKeys("file", reflect.TypeFor[document](), out)
	return out
}

func drawKeys(name string, t reflect.Type, out map[string]string) {
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n| --- | --- | --- | --- |\n")
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			continue
		}
		if f.Type == reflect.TypeFor[rules]() {
			drawKeys(tableOf(f), reflect.TypeFor[claimRule](), out)
		}
		if f.Type.Kind() == reflect.Slice {
			drawKeys(tableOf(f), f.Type.Elem(), out)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, drawType(f), drawDefault(f), f.Tag.Get("help"))
	}
	out[name] = b.String()
}

func drawType(f reflect.StructField) string {
	choices := f.Tag.Get("choices")
	if f.Tag.Get("check") == "acr" {
		choices = strings.Join(twofactor.ACRs(), ",")
	}
	of := map[string]string{
		"idp": "names of IDPs", "client_app": "names of client apps", "tenant": "names of tenants", "group": "names of groups",
		"user": "login names", "two_factor": "name of an instance",
	}[f.Tag.Get("ref")]
	switch reflect.New(f.Type).Interface().(type) {
	case *flag:
		return "true or false"
	case *count:
		return "whole number"
	case *span:
		return "time span"
	case *moment:
		return "date or time"
	case *source:
		if f.Tag.Get("secret") == "true" {
			return "text, a reference or `${kept}`"
		}
		return "text or a reference"
	case *options:
		return "options"
	case *bases:
		return "factor type: options"
	case *target:
		return "`{LEVEL: NAME}`, LEVEL one of " + ticked(f.Tag.Get("levels"))
	case *constant:
		return "text, number, true, false or a list"
	case *texts:
		switch {
		case choices != "":
			return "list of " + ticked(choices)
		case of != "":
			return "list of " + of
		}
		return "list of text"
	case *text:
		switch {
		case choices != "":
			return ticked(choices)
		case of != "":
			return of
		}
		return "text"
	}
	return fmt.Sprintf("list, see [`%s`](#%s)", tableOf(f), tableOf(f))
}

// tableOf names the table of the keys of a list's entries.
func tableOf(f reflect.StructField) string { return cmp.Or(f.Tag.Get("table"), f.Tag.Get("key")) }

func ticked(list string) string { return "`" + strings.ReplaceAll(list, ",", "`, `") + "`" }

func drawDefault(f reflect.StructField) string {
	def, ok := f.Tag.Lookup("default")
	switch {
	case f.Tag.Get("must") == "true":
		return "required"
	case ok:
		return "`" + def + "`"
	case f.Tag.Get("derived") != "":
		return f.Tag.Get("derived")
	}
	return "nothing"
}

// FieldKeys are the keys of each table by the fields of spec.go.
func FieldKeys() map[string]map[string]string {
	out := map[string]map[string]string{}
	fieldKeys("file", reflect.TypeFor[document](), out)
	return out
}

func fieldKeys(table string, t reflect.Type, out map[string]map[string]string) {
	out[table] = map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("key") == "" {
			continue
		}
		if f.Type.Kind() == reflect.Slice {
			fieldKeys(tableOf(f), f.Type.Elem(), out)
		}
		out[table][f.Name] = f.Tag.Get("key")
	}
}

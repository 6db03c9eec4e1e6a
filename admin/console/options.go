package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// optionForm is the extended form of a factor type's options (SPEC §3.2): of an instance,
// or of the base settings of a level. It is drawn from the type's schema alone.
type optionForm struct {
	options []admin.Option
	here    tenants.Source  // the level that the form is of; empty: an instance
	again   []problem.Field // secrets that must be typed again
	posted  url.Values      // what was typed; nil: the form is new
	spoilt  *spoilt         // whom it affects if it is saved; nil: nobody
}

// was is put before the name of a field for the value that the form was drawn with: what
// is the same when it comes back is not set, but stays inherited.
const was = "was."

// fields are the form's fields with their values and sources.
func (o optionForm) fields() []ui.AdminField {
	schema := make([]twofactor.Field, len(o.options))
	for i, x := range o.options {
		schema[i] = x.Field
	}
	values := o.values()
	for name := range values {
		if o.posted != nil {
			values[name] = o.typed(name, values[name])
		}
	}
	return ui.AdminFields(schema, values, o.tell)
}

// typed is what was typed into a field. A box that is not ticked comes back as nothing.
func (o optionForm) typed(name, value string) string {
	f, ok := o.field(name)
	if !ok || f.Secret {
		return value
	}
	if f.Kind == twofactor.KindBool {
		return strconv.FormatBool(o.posted.Get(name) == "true")
	}
	return o.posted.Get(name)
}

// field finds a field of the schema, "Group.Name" within a group.
func (o optionForm) field(name string) (twofactor.Field, bool) {
	group, inner, nested := strings.Cut(name, ".")
	for _, x := range o.options {
		if x.Field.Name != group {
			continue
		}
		if !nested {
			return x.Field, true
		}
		for _, f := range x.Field.Fields {
			if f.Name == inner {
				return f, true
			}
		}
	}
	return twofactor.Field{}, false
}

// values are those in force of all fields but groups and secrets, by name.
func (o optionForm) values() map[string]string {
	out := map[string]string{}
	for _, x := range o.options {
		switch {
		case x.Field.Kind == twofactor.KindJSON:
			var members map[string]json.RawMessage
			_ = json.Unmarshal(x.Value, &members) // nothing set: all have their defaults
			for _, f := range x.Field.Fields {
				if !f.Secret {
					out[x.Field.Name+"."+f.Name] = shownAs(f, members[f.Name])
				}
			}
		case !x.Field.Secret:
			out[x.Field.Name] = shownAs(x.Field, x.Value)
		}
	}
	return out
}

// shownAs is a value as a field shows it; of nothing, the default.
func shownAs(f twofactor.Field, v json.RawMessage) string {
	var text string
	switch {
	case len(v) == 0 && f.Kind == twofactor.KindBool && f.Default == "":
		return "false"
	case len(v) == 0:
		return f.Default
	case json.Unmarshal(v, &text) == nil:
		return text
	}
	return string(v)
}

// hidden are the values that the form was drawn with at first.
func (o optionForm) hidden() []ui.Pair {
	var out []ui.Pair
	for name, v := range o.values() {
		if o.posted.Has(was + name) {
			v = o.posted.Get(was + name)
		}
		out = append(out, ui.Pair{Name: was + name, Value: v})
	}
	slices.SortFunc(out, func(a, b ui.Pair) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// tell says of a field where its value comes from and what would come in its place.
func (o optionForm) tell(f *ui.AdminField) {
	group, inner, nested := strings.Cut(f.Name, ".")
	i := slices.IndexFunc(o.options, func(x admin.Option) bool { return x.Field.Name == group })
	if i < 0 {
		return
	}
	x := o.options[i]
	f.Inherits = o.posted.Get(ui.InheritName(f.Name)) == "true"
	f.Again = slices.ContainsFunc(o.again, func(p problem.Field) bool { return p.Name == f.Name })
	if f.Kind == twofactor.KindSelect && f.Value != "" {
		f.Required = true // there is always one
	}
	if nested {
		o.tellMember(f, x, inner)
		return
	}
	f.Source = named(x.Field.Name, o.sourceWords(x.Source, x.Set))
	if f.Draw == ui.DrawSecret && x.Set {
		f.Set, f.Source = o.secretWords(x.Source), named(x.Field.Name, "")
	}
	// What inherits nothing is taken back by emptying it.
	if x.Here && (x.Inherited.Set || x.Field.Secret || x.Field.Kind == twofactor.KindJSON) {
		f.Inherit = inheritWords(x)
	}
}

// tellMember is for a field of a group, which is inherited or set as a whole.
func (o optionForm) tellMember(f *ui.AdminField, x admin.Option, name string) {
	f.Source = named(name, "")
	if f.Draw == ui.DrawSecret {
		if slices.Contains(x.Secrets, name) {
			f.Set = o.secretWords(x.Source)
			if x.Here {
				f.Inherit = "Remove it"
			}
		}
		return
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(x.Value, &members)
	if _, given := members[name]; given {
		f.Source = named(name, o.sourceWords(x.Source, true))
	} else if f.Value != "" {
		f.Source = named(name, "Default")
	}
}

// named puts the exact name of an option before where its value comes from: many know it
// from other systems (SPEC §3.4).
func named(name, from string) string {
	if from == "" {
		return name
	}
	return name + " · " + from
}

func (o optionForm) sourceWords(s tenants.Source, set bool) string {
	switch {
	case s == tenants.SourceDefault && set:
		return "Default"
	case s == tenants.SourceDefault:
		return ""
	case s == tenants.SourceInstance || s == o.here:
		return "Set here"
	}
	return "Inherited from " + string(s)
}

func (o optionForm) secretWords(s tenants.Source) string {
	if s == tenants.SourceInstance || s == o.here {
		return "Set"
	}
	return "Set in " + string(s)
}

// inheritWords offer what comes in place of a value that is set here.
func inheritWords(x admin.Option) string {
	in := x.Inherited
	from := ", from " + string(in.Source)
	if in.Source == tenants.SourceDefault {
		from = ", the default"
	}
	switch {
	case !in.Set && x.Field.Kind == twofactor.KindJSON:
		return "Remove all of it"
	case !in.Set:
		return "Remove it"
	case x.Field.Secret || x.Field.Kind == twofactor.KindJSON:
		return "Use the inherited value" + from
	}
	v := shownAs(x.Field, in.Value)
	if x.Field.Kind == twofactor.KindBool {
		v = map[string]string{"true": "on", "false": "off"}[v]
	}
	return fmt.Sprintf("Use the inherited value %q%s", v, from)
}

// null takes an option back.
var null = json.RawMessage("null")

// change is what was changed in the form, as the use cases take it: only what differs
// from what the form was drawn with.
func (o optionForm) change() (tenants.Options, []ui.FieldError) {
	out := tenants.Options{}
	var errs []ui.FieldError
	for _, x := range o.options {
		name := x.Field.Name
		switch {
		case o.posted.Get(ui.InheritName(name)) == "true":
			if x.Here {
				out[name] = null
			}
		case x.Field.Kind == twofactor.KindJSON:
			object, wrong := o.object(x)
			errs = append(errs, wrong...)
			if object != nil {
				out[name], _ = json.Marshal(object) // raw JSON of our own
			}
		default:
			v, err := o.value(x.Field, name, shownAs(x.Field, x.Inherited.Value))
			if err != nil {
				errs = append(errs, *err)
			}
			if v != nil && (x.Here || string(v) != "null") {
				out[name] = v
			}
		}
	}
	return out, errs
}

// object is what was changed within a group. Where the group was inherited, what is set
// now takes the place of all of it, and so must be whole.
func (o optionForm) object(x admin.Option) (map[string]json.RawMessage, []ui.FieldError) {
	changed, whole := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	var inherited map[string]json.RawMessage
	_ = json.Unmarshal(x.Value, &inherited)
	var errs []ui.FieldError
	for _, f := range x.Field.Fields {
		name := x.Field.Name + "." + f.Name
		if f.Secret && o.posted.Get(ui.InheritName(name)) == "true" {
			changed[f.Name] = null
			continue
		}
		v, err := o.value(f, name, f.Default)
		if err != nil {
			errs = append(errs, *err)
		}
		if v != nil {
			changed[f.Name] = v
			if string(v) != "null" {
				whole[f.Name] = v
			}
		} else if have, ok := inherited[f.Name]; ok {
			whole[f.Name] = have
		}
	}
	switch {
	case len(changed) == 0:
		return nil, errs
	case x.Here:
		return changed, errs
	}
	return whole, errs
}

// value reads one field; nil: it was not changed.
func (o optionForm) value(f twofactor.Field, name, below string) (json.RawMessage, *ui.FieldError) {
	v := o.posted.Get(name)
	if f.Secret {
		if v == "" {
			return nil, nil
		}
		return quoted(v), nil
	}
	if f.Kind == twofactor.KindBool {
		v = strconv.FormatBool(v == "true")
	} else {
		v = strings.TrimSpace(v)
	}
	if v == o.posted.Get(was+name) {
		return nil, nil
	}
	switch {
	case f.Kind == twofactor.KindBool:
		return json.RawMessage(v), nil
	case v == "" && (below == "" || f.Kind != twofactor.KindText):
		return null, nil
	case f.Kind == twofactor.KindNumber:
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, &ui.FieldError{Field: name, Message: f.Label + " must be a whole number."}
		}
		return json.RawMessage(strconv.Itoa(n)), nil
	}
	return quoted(v), nil
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string
	return b
}

// faults are the errors of options as sentences, at their fields.
func (o optionForm) faults(found []problem.Field) []ui.FieldError {
	out := make([]ui.FieldError, len(found))
	for i, p := range found {
		out[i] = ui.FieldError{Field: p.Name, Message: capital(p.Message)}
		if f, ok := o.field(p.Name); ok {
			out[i].Message = f.Label + " " + p.Message
		}
		if !strings.HasSuffix(out[i].Message, ".") {
			out[i].Message += "."
		}
	}
	return out
}

// differences are the fields that were changed here and are something else by now.
func (o optionForm) differences(shown []ui.AdminField) []ui.AdminConflictRow {
	var out []ui.AdminConflictRow
	now := o.values()
	var walk func([]ui.AdminField)
	walk = func(fields []ui.AdminField) {
		for _, f := range fields {
			theirs, ok := now[f.Name]
			if ok && f.Value != o.posted.Get(was+f.Name) && f.Value != theirs {
				other := f
				other.Value = theirs
				out = append(out, ui.AdminConflictRow{Field: f.Label, Yours: f.Words(), Theirs: other.Words()})
			}
			walk(f.Fields)
		}
	}
	walk(shown)
	return out
}

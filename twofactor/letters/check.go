package letters

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"twofold/twofactor"
)

// Check says what is wrong with the parts of a template that is to be saved, by
// part. It tries each with sample values, with long ones, and with each that may be
// empty there and not there: what passes works for every letter of its kind.
func Check(kind string, p Parts) []twofactor.FieldError {
	if _, ok := kinds[kind]; !ok {
		return []twofactor.FieldError{{Field: "kind", Message: fmt.Sprintf("must be one of %s", strings.Join(Kinds(), ", "))}}
	}
	var found []twofactor.FieldError
	for _, part := range allParts {
		source := p.Get(part)
		if source == "" {
			continue
		}
		if err := try(kind, part, source); err != nil {
			found = append(found, twofactor.FieldError{Field: string(part), Message: words(err)})
		}
	}
	return found
}

// words are those of the fault in err, without our package's name.
func words(err error) string {
	var f fault
	if errors.As(err, &f) {
		return string(f)
	}
	return "does not work"
}

func try(kind string, part Part, source string) error {
	p, err := compile(kind, part, source)
	if err != nil {
		return err
	}
	for _, s := range samples(kind) {
		out, err := run(p, kind, part, withLayout(localised(s.vars, languages[0]), languages[0], "Sample"))
		if err != nil {
			return faultf("%s%s", words(err), s.when)
		}
		if strings.Contains(out, "ZgotmplZ") { // what html/template writes for what it cannot make safe
			return fault("has a variable where no text may stand")
		}
	}
	return nil
}

// sampleVars are values as they may be; Link leads to host.
func sampleVars(host string) map[string]string {
	return map[string]string{
		"Name": "Anna Muster", "Realm": "Acme", "Host": host, "Code": "123456", "Minutes": "5", "At": "2026-03-04T12:00:00Z",
		"Link": "https://" + host + "/t/acme/link?token=k3Jq7sXv0bNwYpTg", "Event": EventFactorAdded, "Detail": "YubiKey 5", "Address": "203.0.113.7",
	}
}

type sample struct {
	vars map[string]string
	when string // for the words to whoever wrote the template
}

// samples are sets of values: all, long ones, and each that may be empty in and out.
func samples(kind string) []sample {
	all := map[string]string{}
	var optional []string
	for _, name := range Variables(kind) {
		all[name] = sampleVars("id.example.org")[name]
		if name != kinds[kind].must {
			optional = append(optional, name)
		}
	}
	change := func(change func(name, value string) string) map[string]string {
		out := map[string]string{}
		for name, v := range all {
			out[name] = v
			if slices.Contains(optional, name) {
				out[name] = change(name, v)
			}
		}
		return out
	}
	out := []sample{
		{all, ""},
		{change(func(string, string) string { return "" }), ", when all that may be empty is"},
		{change(long), ", when names are long"},
	}
	for _, name := range optional {
		out = append(out,
			sample{change(func(n, v string) string { return only(n != name, v) }), ", when ." + name + " is empty"},
			sample{change(func(n, v string) string { return only(n == name, v) }), ", when only ." + name + " is not empty"})
	}
	return out
}

func only(keep bool, v string) string {
	if keep {
		return v
	}
	return ""
}

func long(name, v string) string {
	switch name {
	case "Name", "Realm":
		return strings.Repeat("W", maxName)
	case "Detail":
		return strings.Repeat("W", maxValue)
	}
	return v
}

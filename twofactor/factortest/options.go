package factortest

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twofold/twofactor"
)

var typeName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// provider checks what the catalogue shows.
func (s *suite) provider(t *testing.T) {
	info := s.Provider.Info
	if !typeName.MatchString(info.Type) {
		t.Errorf("type %q is not lower case", info.Type)
	}
	if info.Name == "" {
		t.Error("has no name")
	}
	if info.Strength.ACR() == "" {
		t.Errorf("strength %d has no acr value", info.Strength)
	}
	s.fields(t, s.Provider.Fields, "")
}

func (s *suite) fields(t *testing.T, fields []twofactor.Field, path string) {
	kinds := []twofactor.Kind{
		twofactor.KindText, twofactor.KindPassword, twofactor.KindNumber, twofactor.KindBool, twofactor.KindSelect, twofactor.KindJSON,
	}
	seen := map[string]bool{}
	for _, f := range fields {
		name := path + f.Name
		if f.Name == "" || seen[f.Name] {
			t.Errorf("option %q is unnamed or repeated", name)
		}
		seen[f.Name] = true
		if f.Label == "" {
			t.Errorf("option %s has no label", name)
		}
		if f.Help == "" {
			t.Errorf("option %s has no help", name)
		}
		if !slices.Contains(kinds, f.Kind) {
			t.Errorf("option %s has kind %q", name, f.Kind)
		}
		if f.Secret && (f.Kind != twofactor.KindPassword || f.Default != "") {
			t.Errorf("option %s is a secret of kind %q with default %q", name, f.Kind, f.Default)
		}
		if f.Kind == twofactor.KindSelect && len(f.Choices) < 2 {
			t.Errorf("option %s offers no choice", name)
		}
		s.fields(t, f.Fields, name+".")
	}
}

// options checks that good options open and bad ones are named.
func (s *suite) options(t *testing.T) {
	s.open(t)
	cases := append([]Invalid{
		{"unknown option", `{"NoSuchOption":1}`, append(required(s.Provider.Fields), "NoSuchOption")},
		{"nothing", `{}`, required(s.Provider.Fields)},
		{"no object", `[1]`, nil},
		{"no JSON", `{"a":`, nil},
		{"null", `null`, nil},
	}, s.Invalid...)
	for _, f := range s.Provider.Fields {
		cases = append(cases, Invalid{f.Name + " of the wrong kind", with(s.Options, f.Name, []int{1}), []string{f.Name}})
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			_, err := s.Provider.Open([]byte(c.Options), s.Env)
			var bad *twofactor.OptionsError
			if !errors.As(err, &bad) {
				if err == nil && len(c.Fields) == 0 && c.Name == "nothing" {
					return // all has a default
				}
				t.Fatalf("got %v, want an OptionsError", err)
			}
			s.mustHide(t, "the error", printed(err)+printed(bad.Errors))
			var named []string
			for _, f := range bad.Errors {
				named = append(named, f.Field)
				if f.Message == "" {
					t.Errorf("no message for %s", f.Field)
				}
				if f.Field != "" && !known(s.Provider.Fields, f.Field) && !slices.Contains(c.Fields, f.Field) {
					t.Errorf("names %s, which is no option", f.Field)
				}
			}
			for _, f := range c.Fields {
				if !slices.Contains(named, f) {
					t.Errorf("names %q, want %q among them", named, f)
				}
			}
		})
	}
}

func required(fields []twofactor.Field) []string {
	var out []string
	for _, f := range fields {
		if f.Required {
			out = append(out, f.Name)
		}
	}
	return out
}

func known(fields []twofactor.Field, path string) bool {
	name, rest, nested := strings.Cut(path, ".")
	for _, f := range fields {
		if f.Name == name {
			return !nested || known(f.Fields, rest)
		}
	}
	return false
}

// with sets one option.
func with(options, name string, value any) string {
	m := map[string]any{}
	if err := json.Unmarshal([]byte(options), &m); err != nil {
		return options
	}
	m[name] = value
	out, _ := json.Marshal(m) //nolint:errchkjson // it came from JSON
	return string(out)
}

// secrets checks that a factor can be printed and marshalled without harm.
func (s *suite) secrets(t *testing.T) {
	f := s.open(t)
	s.mustHide(t, "fmt", printed(f))
	if text, err := json.Marshal(f); err == nil {
		s.mustHide(t, "JSON", string(text))
	}
	s.Env.Log.Info("opened", "factor", f) // Run looks at the log
}

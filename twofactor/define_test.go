package twofactor_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

type Shared struct {
	Length int `json:"Length" label:"Length" min:"6" max:"10"`
}

type nested struct {
	Host  string           `json:"Host" label:"Host" required:"true"`
	Token twofactor.Secret `json:"Token" label:"Token"`
	Port  int              `json:"Port" label:"Port" min:"1" max:"65535"`
}

// Validate says what tags cannot.
func (n *nested) Validate() []twofactor.FieldError {
	if n.Host == "" || strings.Contains(n.Host, " ") {
		return []twofactor.FieldError{{Field: "Host", Message: "must have no spaces"}}
	}
	return nil
}

type options struct {
	Name   string           `json:"Name" label:"Name" help:"Its name." required:"true"`
	Key    twofactor.Secret `json:"Key" label:"Key" required:"true"`
	Mood   string           `json:"Mood" label:"Mood" choices:"calm,merry"`
	Loud   bool             `json:"Loud" label:"Loud"`
	Server nested           `json:"Server" label:"Server" required:"true"`
	Note   string           `json:"Note" label:"Note" kind:"password"`
	Shared
}

func defaultOptions() options {
	o := options{Mood: "calm", Loud: true, Key: "default-secret"}
	o.Length, o.Server.Port = 6, 465
	return o
}

// opened is what Open got.
func opened(t testing.TB, text string) (options, error) {
	t.Helper()
	var got options
	p := twofactor.Define(twofactor.Info{Type: "x"}, defaultOptions(), func(o options, _ twofactor.Env) (twofactor.Factor, error) {
		got = o
		return nil, nil
	})
	_, err := p.Open(json.RawMessage(text), twofactor.Env{})
	return got, err
}

const valid = `{"Name":"n","Key":"k","Server":{"Host":"h"}}`

func TestDefineFields(t *testing.T) {
	p := twofactor.Define(twofactor.Info{Type: "x"}, defaultOptions(), func(options, twofactor.Env) (twofactor.Factor, error) { return nil, nil })
	want := []twofactor.Field{
		{Name: "Name", Label: "Name", Help: "Its name.", Kind: twofactor.KindText, Required: true},
		{Name: "Key", Label: "Key", Kind: twofactor.KindPassword, Required: true, Secret: true},
		{Name: "Mood", Label: "Mood", Kind: twofactor.KindSelect, Default: "calm", Choices: []string{"calm", "merry"}},
		{Name: "Loud", Label: "Loud", Kind: twofactor.KindBool, Default: "true"},
		{Name: "Server", Label: "Server", Kind: twofactor.KindJSON, Required: true, Fields: []twofactor.Field{
			{Name: "Host", Label: "Host", Kind: twofactor.KindText, Required: true},
			{Name: "Token", Label: "Token", Kind: twofactor.KindPassword, Secret: true},
			{Name: "Port", Label: "Port", Kind: twofactor.KindNumber, Default: "465", Min: 1, Max: 65535},
		}},
		{Name: "Note", Label: "Note", Kind: twofactor.KindPassword},
		{Name: "Length", Label: "Length", Kind: twofactor.KindNumber, Default: "6", Min: 6, Max: 10},
	}
	if diff := cmp.Diff(want, p.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestDefineDecodes(t *testing.T) {
	got, err := opened(t, `{"Name":"n","Key":"k","Mood":"merry","Loud":false,"Length":8,
		"Server":{"Host":"h","Token":"t","Port":25}}`)
	want := options{Name: "n", Key: "k", Mood: "merry", Server: nested{"h", "t", 25}}
	want.Length = 8
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = opened(t, valid)
	want = defaultOptions()
	want.Name, want.Key, want.Server.Host = "n", "k", "h"
	if err != nil || got != want {
		t.Errorf("defaults: got %+v, %v", got, err)
	}
	got, err = opened(t, `{"Name":"n","Key":"k","Server":"{\"Host\":\"pasted\"}"}`)
	if err != nil || got.Server.Host != "pasted" {
		t.Errorf("object as text: got %+v, %v", got, err)
	}
}

func TestDefineRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		want    []twofactor.FieldError
	}{
		"nothing": {``, []twofactor.FieldError{{"Name", "is required"}, {"Server", "is required"}}},
		"empty":   {`{}`, []twofactor.FieldError{{"Name", "is required"}, {"Server", "is required"}}},
		"empty values": {`{"Name":"","Key":"","Server":{"Host":""}}`, []twofactor.FieldError{
			{"Key", "is required"}, {"Name", "is required"}, {"Server.Host", "is required"},
		}},
		"validator":      {`{"Name":"n","Server":{"Host":"a b"}}`, []twofactor.FieldError{{"Server.Host", "must have no spaces"}}},
		"validator too":  {`{"Server":{"Host":"a b"}}`, []twofactor.FieldError{{"Name", "is required"}, {"Server.Host", "must have no spaces"}}},
		"array":          {`[]`, []twofactor.FieldError{{"", "must be a JSON object"}}},
		"null":           {`null`, []twofactor.FieldError{{"", "must be a JSON object"}}},
		"number":         {`1`, []twofactor.FieldError{{"", "must be a JSON object"}}},
		"cut off":        {`{"Name":"n"`, []twofactor.FieldError{{"", "is not valid JSON"}}},
		"trailing":       {valid + `x`, []twofactor.FieldError{{"", "has text after the object"}}},
		"trailing comma": {`{"Name":"n",}`, []twofactor.FieldError{{"", "is not valid JSON"}}},
		"two objects":    {valid + valid, []twofactor.FieldError{{"", "has text after the object"}}},
		"twice":          {`{"Name":"a","Name":"b"}`, []twofactor.FieldError{{"", `names "Name" twice`}}},
		"other case":     {strings.Replace(valid, "}}", `},"name":"x"}`, 1), []twofactor.FieldError{{"name", "is not an option of this type"}}},
		"unknown within": {strings.Replace(valid, "}}", `,"host":1}}`, 1), []twofactor.FieldError{{"Server.host", "is not an option of this type"}}},
		"null value":     {strings.Replace(valid, `"n"`, `null`, 1), []twofactor.FieldError{{"Name", "must not be null"}}},
		"null object":    {`{"Name":"n","Server":null}`, []twofactor.FieldError{{"Server", "must be a JSON object"}}},
		"kinds": {`{"Name":1,"Key":["x"],"Loud":"yes","Length":"6","Server":[]}`, []twofactor.FieldError{
			{"Key", "must be text"},
			{"Length", "must be a whole number"},
			{"Loud", "must be true or false"},
			{"Name", "must be text"},
			{"Server", "must be a JSON object"},
		}},
		"fraction":     {strings.Replace(valid, "}}", `},"Length":6.5}`, 1), []twofactor.FieldError{{"Length", "must be a whole number"}}},
		"too big":      {strings.Replace(valid, "}}", `},"Length":99999999999999999999}`, 1), []twofactor.FieldError{{"Length", "must be a whole number"}}},
		"above":        {strings.Replace(valid, "}}", `},"Length":11}`, 1), []twofactor.FieldError{{"Length", "must be from 6 to 10"}}},
		"zero":         {strings.Replace(valid, "}}", `},"Length":0}`, 1), []twofactor.FieldError{{"Length", "must be from 6 to 10"}}},
		"choice":       {strings.Replace(valid, "}}", `},"Mood":"sad"}`, 1), []twofactor.FieldError{{"Mood", "must be one of calm, merry"}}},
		"twice within": {`{"Name":"n","Server":{"Host":"a","Host":"b"}}`, []twofactor.FieldError{{"Server", `names "Host" twice`}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := opened(t, c.options)
			var bad *twofactor.OptionsError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(c.want, bad.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDefineKeepsDefaults: opening one instance does not change the next.
func TestDefineKeepsDefaults(t *testing.T) {
	p := twofactor.Define(twofactor.Info{}, defaultOptions(), func(o options, _ twofactor.Env) (twofactor.Factor, error) {
		if o.Length != 6 && o.Length != 9 {
			t.Errorf("length %d", o.Length)
		}
		o.Length = 1
		return nil, nil
	})
	for _, text := range []string{strings.Replace(valid, "}}", `},"Length":9}`, 1), valid} {
		if _, err := p.Open(json.RawMessage(text), twofactor.Env{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefinePanics(t *testing.T) {
	for name, define := range map[string]func(){
		"no label": func() {
			define[struct {
				A string `json:"A"`
			}]()
		},
		"no name": func() {
			define[struct {
				A string `label:"A"`
			}]()
		},
		"kind": func() {
			define[struct {
				A []string `json:"A" label:"A"`
			}]()
		},
		"bound": func() {
			define[struct {
				A int `json:"A" label:"A" min:"x"`
			}]()
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("Define did not panic")
				}
			}()
			define()
		})
	}
}

func define[O any]() {
	var o O
	twofactor.Define(twofactor.Info{}, o, func(O, twofactor.Env) (twofactor.Factor, error) { return nil, nil })
}

func TestCatalog(t *testing.T) {
	c := twofactor.NewCatalog(twofactor.Provider{Info: twofactor.Info{Type: "b"}}, twofactor.Provider{Info: twofactor.Info{Type: "a"}})
	if diff := cmp.Diff([]string{"a", "b"}, c.Types()); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	defer func() {
		if recover() == nil {
			t.Error("a duplicate did not panic")
		}
	}()
	twofactor.NewCatalog(twofactor.Provider{}, twofactor.Provider{})
}

func FuzzDefine(f *testing.F) {
	for _, s := range []string{valid, `{}`, `"{}"`, `{"Name":1}`, `{"Server":{"Port":1e9}}`, `{"Name":"a","Name":"b"}`, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := opened(t, text)
		var bad *twofactor.OptionsError
		switch {
		case err == nil:
			if got.Name == "" || got.Key == "" || got.Server.Host == "" || got.Length < 6 || got.Length > 10 {
				t.Errorf("accepts %q as %+v", text, got)
			}
		case !errors.As(err, &bad) || len(bad.Errors) == 0:
			t.Errorf("got %v", err)
		}
	})
}

package rest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"twofold/admin"
)

// Section are the operations on one kind of thing.
type Section struct {
	Name       string // "client_apps"
	Operations []Operation
}

// Operation is one as a reference page shows it.
type Operation struct {
	ID, Method, Path     string
	Summary, Description string
	Action               admin.Action // empty: whoever has a role
	Fresh                bool         // users must have signed in lately
	Params               []Param
	Media                string   // of the body; empty: it takes none
	Body                 []Member // in the order of names
	Answers              []Answer
}

// Param is a parameter: In is path, query or header.
type Param struct {
	Name, In, Type, Doc string
	Required            bool
	Choices             []string
}

// Member is a member of a body.
type Member struct {
	Name, Type, Doc, Default string
	Required                 bool
	Choices                  []string
}

// Answer is a status that an operation gives.
type Answer struct {
	Status, Doc, Schema string
	Members             []Member
}

// Reference describes all operations, in the order of the document.
func (a *API) Reference() []Section {
	var out []Section
	for _, op := range a.ops {
		tag := op.Tags[0]
		i := slices.IndexFunc(out, func(g Section) bool { return g.Name == tag })
		if i < 0 {
			out = append(out, Section{Name: tag})
			i = len(out) - 1
		}
		out[i].Operations = append(out[i].Operations, a.reference(op))
	}
	return out
}

func (a *API) reference(op *operation) Operation {
	o := Operation{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Action: op.action, Fresh: op.fresh(),
	}
	for _, p := range op.Parameters {
		o.Params = append(o.Params, Param{Name: p.Name, In: p.In, Type: typeOf(p.Schema), Doc: p.Description, Required: p.Required, Choices: texts(p.Schema.Enum)})
	}
	if op.body != nil {
		o.Media, o.Body = op.body.media(), a.membersOf(op.body.schema)
	}
	if op.file != nil {
		o.Media = strings.Join(op.file.media, ", ")
	}
	for status, r := range op.Responses {
		if name, ok := strings.CutPrefix(r.Ref, responses); ok {
			r = a.doc.Components.Responses[name]
		}
		answer := Answer{Status: status, Doc: r.Description}
		for _, m := range r.Content {
			answer.Schema = strings.TrimPrefix(m.Schema.Ref, schemas)
			answer.Members = a.membersOf(m.Schema)
		}
		o.Answers = append(o.Answers, answer)
	}
	slices.SortFunc(o.Answers, func(x, y Answer) int { return strings.Compare(x.Status, y.Status) })
	return o
}

func (a *API) membersOf(s *huma.Schema) (out []Member) {
	if s.Ref != "" {
		s = a.doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	for name, p := range s.Properties {
		m := Member{Name: name, Type: typeOf(p), Doc: p.Description, Required: slices.Contains(s.Required, name), Choices: texts(p.Enum)}
		if d := texts([]any{p.Default}); p.Default != nil {
			m.Default = d[0]
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// typeOf is a type in words: "array of string", "string (uuid)", or a schema's name.
func typeOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, schemas)
	case s.Type == huma.TypeArray && s.Items != nil:
		return "array of " + typeOf(s.Items)
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

func texts(values []any) (out []string) {
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

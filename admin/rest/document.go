package rest

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"twofold/internal/page"
)

const (
	schemas   = "#/components/schemas/"
	responses = "#/components/responses/"
)

// newDocument is the OpenAPI document before it has operations.
func newDocument() *huma.OpenAPI {
	reg := huma.NewMapRegistry(schemas, nameOf)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Twofold administration", Version: "v1",
			Description: "All that administration does. Call it with an access token of this server that has the scope `admin`: of a machine " +
				"(client credentials), or of a user who signed in with a second factor. What the roles of the caller do not reach is not there: 404. " +
				"Operations with `x-twofold-fresh-sign-in` ask users for a sign-in of the last 5 minutes (RFC 9470).",
		},
		Components: &huma.Components{
			Schemas: reg, Responses: map[string]*huma.Response{},
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token of any tenant of this server, with the scope `admin`."},
			},
		},
		Security: []map[string][]string{{"bearer": {}}},
	}
	reg.Schema(reflect.TypeFor[Problem](), true, "")
	return doc
}

// nameOf names a schema by its type: User, UserList, UserStale.
func nameOf(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return huma.DefaultSchemaNamer(t, hint)
	}
	of = strings.TrimSuffix(of, "]")
	return of[strings.LastIndexByte(of, '.')+1:] + name
}

// shapeOf is the shape of a body of type B; R is what is answered.
func shapeOf[R, B any](doc *huma.OpenAPI, must, fixed []string) *shape {
	reg := doc.Components.Schemas
	s := &shape{
		registry: reg, schema: reg.Schema(reflect.TypeFor[B](), false, ""), must: must, fixed: fixed,
		readOnly: append(members(reflect.TypeFor[R]()), "id", "version", "created_at", "updated_at", "deleted_at", "subscription", "subscription_id"),
	}
	s.schema.Required = must
	s.schema.PrecomputeMessages()
	return s
}

// finish takes back what the library says too much: a list is never null, and answers may
// have more members one day.
func (a *API) finish() {
	taken := map[*huma.Schema]bool{}
	for _, op := range a.ops {
		if op.body != nil {
			taken[op.body.schema] = true
		}
	}
	for _, s := range a.doc.Components.Schemas.Map() {
		if !taken[s] {
			s.AdditionalProperties = nil
		}
		for _, p := range s.Properties {
			if p.Type == huma.TypeArray {
				p.Nullable = false
			}
		}
	}
}

// members are the names that a struct has in JSON.
func members(t reflect.Type) (out []string) {
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			out = append(out, memberOf(f))
		}
	}
	return out
}

// documenter describes one operation.
type documenter struct {
	a  *API
	op *operation
}

func (d documenter) ref(t reflect.Type) *huma.Schema {
	return d.a.doc.Components.Schemas.Schema(t, true, "")
}

// ok is the answer when all is well; nil: it has no body.
func (d documenter) ok(status int, t reflect.Type, headers ...string) {
	d.op.DefaultStatus = status
	r := &huma.Response{Description: http.StatusText(status)}
	if t != nil {
		r.Content = map[string]*huma.MediaType{mediaJSON: {Schema: d.ref(t)}}
	}
	for _, h := range headers {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		r.Headers[h] = &huma.Param{Description: headerDocs[h], Schema: &huma.Schema{Type: huma.TypeString}}
	}
	d.op.Responses[strconv.Itoa(status)] = r
}

// lines is an answer of lines of JSON.
func (d documenter) lines() {
	d.ok(http.StatusOK, nil, "Content-Disposition")
	d.op.Responses["200"].Content = map[string]*huma.MediaType{mediaLines: {Schema: &huma.Schema{Type: huma.TypeString, Description: "A JSON object on each line."}}}
}

var headerDocs = map[string]string{
	"ETag":                "Its version. Send it as If-Match with a change.",
	"Location":            "Where the new one is.",
	"Link":                "Where the page that follows is, as rel=next.",
	"Content-Disposition": "A name for the file.",
	"Retry-After":         "Seconds to wait.",
	"WWW-Authenticate":    "What kind of token is missing.",
}

// problemDocs says when a status is answered.
var problemDocs = map[int]string{
	http.StatusBadRequest:            "The request cannot be read: not JSON, broken UTF-8, nested too deep.",
	http.StatusUnauthorized:          "No access token, one that is not good, or a sign-in that is not fresh enough for this.",
	http.StatusForbidden:             "The roles of the caller, or the scopes of the token, do not allow this.",
	http.StatusNotFound:              "There is no such thing, or the caller cannot see it.",
	http.StatusConflict:              "Something else stands against it, such as a name that is taken.",
	http.StatusRequestEntityTooLarge: "The body is too large.",
	http.StatusUnsupportedMediaType:  "The body is not what this takes, by its Content-Type.",
	http.StatusUnprocessableEntity:   "Members or parameters are not right: each is named in errors.",
	http.StatusPreconditionRequired:  "If-Match is missing.",
	http.StatusTooManyRequests:       "The caller asks too often: see Retry-After.",
	http.StatusInternalServerError:   "Something went wrong on this side.",
}

func (d documenter) problems(statuses ...int) {
	for _, s := range statuses {
		name := "Problem" + strconv.Itoa(s)
		if d.a.doc.Components.Responses[name] == nil {
			d.a.doc.Components.Responses[name] = &huma.Response{
				Description: problemDocs[s], Content: map[string]*huma.MediaType{"application/problem+json": {Schema: d.ref(reflect.TypeFor[Problem]())}},
			}
			if s == http.StatusTooManyRequests {
				d.a.doc.Components.Responses[name].Headers = map[string]*huma.Param{
					"Retry-After": {Description: headerDocs["Retry-After"], Schema: &huma.Schema{Type: huma.TypeInteger}},
				}
			}
		}
		d.op.Responses[strconv.Itoa(s)] = &huma.Response{Ref: responses + name}
	}
}

func (d documenter) param(in, name, doc string, required bool, s *huma.Schema) {
	d.op.Parameters = append(d.op.Parameters, &huma.Param{Name: name, In: in, Description: doc, Required: required, Schema: s})
}

func (d documenter) list(filters []filter, sorts []string) {
	lowest, highest := 1.0, float64(page.MaxLimit)
	text := &huma.Schema{Type: huma.TypeString}
	d.param("query", "limit", "How many at most.", false, &huma.Schema{Type: huma.TypeInteger, Minimum: &lowest, Maximum: &highest, Default: page.DefaultLimit})
	d.param("query", "after", "The next of the page before.", false, text)
	var orders []any
	for _, s := range sorts {
		s = strings.TrimPrefix(s, "-")
		orders = append(orders, s, "-"+s)
	}
	d.param("query", "sort", "The order; - turns it round.", false, &huma.Schema{Type: huma.TypeString, Enum: orders, Default: sorts[0]})
	if slices.Contains(sorts, "name") {
		d.param("query", "search", "What a name begins with.", false, text)
	}
	for _, f := range filters {
		d.param("query", f.name, f.doc, false, d.choice(f))
	}
}

func (documenter) choice(f filter) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, c := range f.choices {
		s.Enum = append(s.Enum, c)
	}
	return s
}

func (d documenter) ifMatch(stale reflect.Type) {
	d.param("header", "If-Match", `The ETag that you have seen, or * to change whatever there is.`, true, &huma.Schema{Type: huma.TypeString, Examples: []any{`"3"`}})
	d.problems(http.StatusPreconditionRequired)
	d.op.Responses["412"] = &huma.Response{
		Description: "Somebody else was faster: here is what it is now.",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: d.ref(stale)}},
		Headers:     map[string]*huma.Param{"ETag": {Description: "The version that it has now.", Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

func (d documenter) notModified() {
	d.param("header", "If-None-Match", "An ETag that you have: if it is still the present one, the answer is 304.", false, &huma.Schema{Type: huma.TypeString})
	d.op.Responses["304"] = &huma.Response{Description: "You have the present version."}
}

var pathDocs = map[string]string{
	"subscription": "Id of the subscription.", "id": "Its id.", "type": "A type of second factor.",
	"idp": "Id of the IDP.", "client_app": "Id of the client app.", "member": "Id of the user.", "user": "Id of the user.", "group": "Id of the group.", "secret": "Id of the secret.", "session": "Id of the session.", "key": "Id of the key.",
}

// describe adds what all operations have in common.
func describe(doc *huma.OpenAPI, op *operation) {
	d := documenter{&API{doc: doc}, op}
	op.Extensions = map[string]any{}
	if op.action != "" {
		op.Extensions["x-twofold-action"] = string(op.action)
	}
	if op.fresh() {
		op.Extensions["x-twofold-fresh-sign-in"] = true
	}
	var ids []*huma.Param
	for part := range strings.SplitSeq(op.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			s := &huma.Schema{Type: huma.TypeString, Format: "uuid"}
			if name == "type" {
				s.Format = ""
			}
			ids = append(ids, &huma.Param{
				Name: name, In: "path", Required: true, Schema: s,
				Description: pathDocs[name],
			})
		}
	}
	if len(ids) > 0 {
		d.problems(http.StatusNotFound)
	}
	if op.once {
		d.param("header", "Idempotency-Key", "A word of your choice for this request. Sent again within 24 hours by the same caller with the same body, "+
			"it gives the same answer and has no second effect.", false, &huma.Schema{Type: huma.TypeString, Examples: []any{"8e03978e-40d5-43dd-bc93-6894a57f9324"}})
	}
	op.Parameters = append(ids, op.Parameters...)
	d.problems(http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError)
	if op.body != nil {
		name := ""
		for n, s := range doc.Components.Schemas.Map() {
			if s == op.body.schema {
				name = n
			}
		}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{op.body.media(): {Schema: &huma.Schema{Ref: schemas + name}}}}
		d.problems(http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.file != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}, Description: op.file.doc}
		for _, m := range op.file.media {
			op.RequestBody.Content[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: op.file.format}}
		}
		d.problems(http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.query {
		if r := op.Responses["200"]; r != nil {
			r.Headers = map[string]*huma.Param{"Link": {Description: headerDocs["Link"], Schema: &huma.Schema{Type: huma.TypeString}}}
		}
	}
}

// documents are all forms of the document.
type documents map[string][]byte

// render writes the document in all its forms: they never change while serving.
func (a *API) render() documents {
	out := documents{}
	for name, f := range map[string]func() ([]byte, error){
		"openapi.json": a.doc.MarshalJSON, "openapi.yaml": a.doc.YAML, "openapi-3.0.json": a.doc.Downgrade, "openapi-3.0.yaml": a.doc.DowngradeYAML,
	} {
		text, err := f()
		if err != nil {
			panic("rest: the document cannot be written: " + err.Error()) // a mistake of ours, found by every test
		}
		out[name] = text
	}
	return out
}

// OpenAPI is the document: openapi.json, openapi.yaml, or for older tools
// openapi-3.0.json and openapi-3.0.yaml. Any other name gives nothing.
func (a *API) OpenAPI(name string) []byte { return a.bytes()[name] }

// mountDocuments serves the document. It holds nothing that is not in this repository,
// so anybody may read it.
func (a *API) mountDocuments(root *mux.Router) {
	for _, form := range []string{"json", "yaml"} {
		for _, version := range []string{"", "-3.0"} {
			name := "openapi" + version + "." + form
			root.HandleFunc(Root+"/"+name, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/openapi+"+form)
				w.Header().Set("Cache-Control", "no-cache")
				_, _ = w.Write(a.OpenAPI(name))
			}).Methods(http.MethodGet)
		}
	}
}

// dashed is a plural as addresses have it.
func dashed(plural string) string { return strings.ReplaceAll(plural, "_", "-") }

func withArticle(noun string) string {
	if strings.ContainsRune("aeioAEIO", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

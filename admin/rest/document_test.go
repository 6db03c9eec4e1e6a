package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twofold/admin"
	"twofold/admin/rest"
	"twofold/internal/testkit"
	"twofold/tenants"
)

type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 string            `json:"type"`
	Items                *schema           `json:"items"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
	Description          string            `json:"description"`
	WriteOnly            bool              `json:"writeOnly"`
	Required             []string          `json:"required"`
	Enum                 []string          `json:"enum"`
	Format               string            `json:"format"`
}

type media map[string]struct {
	Schema schema `json:"schema"`
}

type parameter struct {
	Name, In, Description string
	Required              bool
}

type described struct {
	OperationID string      `json:"operationId"`
	Action      string      `json:"x-twofold-action"`
	Summary     string      `json:"summary"`
	Fresh       bool        `json:"x-twofold-fresh-sign-in"`
	Parameters  []parameter `json:"parameters"`
	RequestBody struct {
		Content media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]answered `json:"responses"`
}

type answered struct {
	Ref         string `json:"$ref"`
	Description string `json:"description"`
	Content     media  `json:"content"`
}

type document struct {
	OpenAPI    string                          `json:"openapi"`
	Paths      map[string]map[string]described `json:"paths"`
	Components struct {
		Schemas   map[string]schema   `json:"schemas"`
		Responses map[string]answered `json:"responses"`
	} `json:"components"`
}

func readDocument(t testing.TB, api *rest.API) (d document) {
	t.Helper()
	must(t, json.Unmarshal(api.OpenAPI("openapi.json"), &d))
	for _, methods := range d.Paths {
		for _, op := range methods {
			for status, r := range op.Responses {
				if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
					op.Responses[status] = d.Components.Responses[name]
				}
			}
		}
	}
	return d
}

func TestDocument(t *testing.T) {
	api := rest.New(rest.Config{})
	d := readDocument(t, api)
	if d.OpenAPI != "3.1.0" || len(d.Paths) < 10 {
		t.Fatalf("%s with %d paths", d.OpenAPI, len(d.Paths))
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.OperationID == "" || op.Summary == "" || op.Action == "" && op.OperationID != "me.get" && op.OperationID != "two_factor_types.list" {
				t.Errorf("%s %s says too little: %+v", method, path, op)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s: %s is not described", op.OperationID, p.Name)
				}
			}
			for _, status := range []string{"400", "401", "403", "422", "500"} {
				if op.Responses[status].Content["application/problem+json"].Schema.Ref == "" {
					t.Errorf("%s does not document %s", op.OperationID, status)
				}
			}
			if strings.Contains(path, "{") && op.Responses["404"].Description == "" {
				t.Errorf("%s does not document 404", op.OperationID)
			}
		}
	}
	for name, s := range d.Components.Schemas {
		for member, m := range s.Properties {
			if m.Description == "" && m.Ref == "" {
				t.Errorf("%s.%s is not described", name, member)
			}
		}
		if s.AdditionalProperties != false && strings.HasSuffix(name, "Update") {
			t.Errorf("%s takes anything", name)
		}
	}
	for _, name := range []string{"openapi.json", "openapi.yaml", "openapi-3.0.json", "openapi-3.0.yaml"} {
		text := string(api.OpenAPI(name))
		if regexp.MustCompile(`https?://`).MatchString(strings.NewReplacer("https://acme.example", "", "https://shop.example", "", "https://login.example", "").Replace(text)) || len(text) < 1000 {
			t.Errorf("%s refers to the outside", name)
		}
		if text != string(rest.New(rest.Config{}).OpenAPI(name)) {
			t.Errorf("%s is not the same each time", name)
		}
	}
	if api.OpenAPI("x") != nil {
		t.Error("a document of any name")
	}
}

// secretive are names that a response has no business with, and those that are fine.
var (
	secretive = regexp.MustCompile(`secret|passw|token|credential|private|hash|key|code|seal|bypass|state$|epoch`)
	harmless  = []string{
		"two_factor", "code", "id_token_alg", "id_token_profile", "auth_method", "passkey_sign_in",
		"provider_code", // what a provider answered to a test that carried none
		"state",         // of an instance, in words
		"has_secret",    // whether there is one
	}
)

// No response has a member whose name suggests a secret: only those that exist to show
// one once.
func TestResponsesHoldNoSecrets(t *testing.T) {
	d := readDocument(t, rest.New(rest.Config{}))
	shownOnce := []string{"ClientSecretShown.secret", "BypassShown.bypass_code"}
	var walk func(at string, s schema, seen []string)
	walk = func(at string, s schema, seen []string) {
		if name := strings.TrimPrefix(s.Ref, "#/components/schemas/"); s.Ref != "" {
			if !slices.Contains(seen, name) {
				walk(name, d.Components.Schemas[name], append(seen, name))
			}
			return
		}
		if s.Items != nil {
			walk(at, *s.Items, seen)
		}
		for member, m := range s.Properties {
			full := at + "." + member
			if secretive.MatchString(member) && !slices.Contains(harmless, member) && !slices.Contains(shownOnce, full) {
				t.Errorf("%s is answered", full)
			}
			if m.WriteOnly {
				t.Errorf("%s is write-only, and answered", full)
			}
			walk(full, m, seen)
		}
	}
	for _, methods := range d.Paths {
		for _, op := range methods {
			for _, r := range op.Responses {
				for _, m := range r.Content {
					walk(op.OperationID, m.Schema, nil)
				}
			}
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	w := newWorld(t, sqlite(t))
	for name, media := range map[string]string{
		"openapi.json": "application/openapi+json", "openapi.yaml": "application/openapi+yaml", "openapi-3.0.json": "application/openapi+json", "openapi-3.0.yaml": "application/openapi+yaml",
	} {
		r := w.do("", http.MethodGet, "/admin/v1/"+name, "")
		if r.StatusCode != http.StatusOK || r.text != string(w.api.OpenAPI(name)) || r.Header.Get("Content-Type") != media {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Header.Get("Content-Type"))
		}
	}
	want(t, w.do("", http.MethodGet, "/admin/v1/openapi.txt", ""), 404, "operation_unknown")
}

func TestReference(t *testing.T) {
	var ids []string
	d := readDocument(t, rest.New(rest.Config{}))
	for _, s := range rest.New(rest.Config{}).Reference() {
		for _, op := range s.Operations {
			ids = append(ids, op.ID)
			have := d.Paths[op.Path][strings.ToLower(op.Method)]
			if have.OperationID != op.ID || have.Action != string(op.Action) || len(have.Parameters) != len(op.Params) || len(have.Responses) != len(op.Answers) {
				t.Errorf("%s is not what the document says: %+v", op.ID, op)
			}
			if (op.Media != "") != (len(op.Body) > 0) && !strings.Contains(op.Media, ", ") { // files have no members
				t.Errorf("%s: %s with %d members", op.ID, op.Media, len(op.Body))
			}
		}
	}
	n := 0
	for _, methods := range d.Paths {
		n += len(methods)
	}
	slices.Sort(ids)
	if len(ids) != n || len(slices.Compact(ids)) != n {
		t.Errorf("%d operations, %d in the document", len(ids), n)
	}
}

// named is the id of a thing of a subscription, by what an operation's path goes on with.
func (w *world) named(path, sub string) string {
	for part, name := range map[string]string{
		"/tenants/": map[string]string{"one": "acme", "two": "other"}[sub], "/idps/": "idp " + sub, "/client-apps/": "app " + sub, "/users/": "nobody " + sub,
		"/groups/": "group " + sub, "/assignments/": "assignment " + sub, "/exemptions/": "exemption " + sub, "/two-factors/": "factor " + sub,
	} {
		if strings.Contains(path, part+"{id}") {
			return w.ids[name]
		}
	}
	return w.ids[sub]
}

// try sends a request that fits an operation, about things of one subscription at the
// address of another.
func (w *world) try(d document, who, method, path, at, of string) reply {
	op := d.Paths[path][method]
	body, headers := "", []string{"If-Match", "*", "Idempotency-Key", op.OperationID}
	for media, m := range op.RequestBody.Content {
		body = sample(d, m.Schema)
		headers = append(headers, "Content-Type", media)
	}
	url := strings.NewReplacer(
		"{subscription}", w.ids[at], "{id}", w.named(path, of), "{type}", "token", "{idp}", w.ids["idp "+of], "{client_app}", w.ids["app "+of],
		"{member}", w.ids["nobody "+of], "{secret}", w.ids["app "+of],
	).Replace(path)
	for _, p := range op.Parameters {
		if p.In == "query" && p.Required {
			url += "?" + p.Name + "=" + w.ids["nobody "+of]
		}
	}
	return w.do(who, strings.ToUpper(method), url, body, headers...)
}

// Whatever is asked of a thing of another subscription: there is no such thing, under
// its own subscription as under the asker's.
func TestForeignThingsAreNotThere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := readDocument(t, w.api)
		tried := 0
		for path, methods := range d.Paths {
			for method, op := range methods {
				if !strings.Contains(path, "{subscription}") && !strings.Contains(path, "{id}") {
					continue
				}
				at := []string{"two"}
				if strings.Contains(path, "{id}") {
					at = append(at, "one")
				}
				for _, sub := range at {
					if r := w.try(d, "sub one", method, path, sub, "two"); r.StatusCode != http.StatusNotFound {
						t.Errorf("%s under %s: %d %s", op.OperationID, sub, r.StatusCode, r.text)
					}
					tried++
				}
			}
		}
		if tried < 100 {
			t.Errorf("only %d requests", tried)
		}
	})
}

// An operation that says which action it takes refuses whose roles do not include it.
func TestActionsAreTrue(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := readDocument(t, w.api)
		for who, g := range map[string]tenants.Grant{
			"help one": {Role: tenants.RoleHelpDesk, SubscriptionID: w.ids["one"], TenantID: w.ids["acme"]},
			"aud one":  {Role: tenants.RoleAuditor, SubscriptionID: w.ids["one"]},
			"ten one":  {Role: tenants.RoleTenantAdmin, SubscriptionID: w.ids["one"], TenantID: w.ids["acme"]},
		} {
			may := admin.Who{Grants: []tenants.Grant{g}}
			for path, methods := range d.Paths {
				for method, op := range methods {
					sub := ""
					if strings.Contains(path, "/subscriptions/{") {
						sub = w.ids["one"]
					}
					in := may.Tenants(admin.Action(op.Action), sub)
					r := w.try(d, who, method, path, "one", "one")
					refused := r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusNotFound
					if r.StatusCode >= 500 || op.Action != "" && op.Action != "subscription.read" && in != nil && len(in) == 0 && !refused {
						t.Errorf("%s by %s: %d %s", op.OperationID, who, r.StatusCode, r.text)
					}
				}
			}
		}
	})
}

// sample is a value that fits a schema: of an object, what must be in it.
func sample(d document, s schema) string {
	if s.Ref != "" {
		return sample(d, d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")])
	}
	switch {
	case len(s.Enum) > 0:
		return `"` + s.Enum[0] + `"`
	case s.Format == "uuid":
		return `"01938c2e-7c1a-7b1e-9d53-3f1f0f3c9a10"`
	case s.Format == "date-time":
		return `"2027-01-01T00:00:00Z"`
	case s.Type != "object":
		return map[string]string{"string": `"x"`, "integer": "1", "boolean": "true", "array": "[]"}[s.Type]
	}
	var members []string
	for _, name := range s.Required {
		members = append(members, `"`+name+`":`+sample(d, s.Properties[name]))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func sqlite(t testing.TB) string { return testkit.SQLite(t) }

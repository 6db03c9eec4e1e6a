package apply_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"twofold/admin/apply"
	"twofold/tenants"
)

// entities are the types of package tenants that a file describes, by the table of
// their keys.
func entities() map[string]any {
	return map[string]any{
		"subscriptions": tenants.Subscription{}, "tenants": tenants.Tenant{}, "idps": tenants.IDP{}, "client_apps": tenants.ClientApp{},
		"users": tenants.User{}, "groups": tenants.Group{}, "two_factors": tenants.TwoFactor{}, "assignments": tenants.Assignment{},
		"exemptions": tenants.Exemption{}, "templates": tenants.Template{}, "platform_templates": tenants.Template{},
		"roles": tenants.Grant{}, "platform_roles": tenants.Grant{},
	}
}

// notConfiguration are fields that no file sets, and why; for all types, or for one.
var notConfiguration = map[string]string{
	"ID":                            "made by the server",
	"Stamp":                         "made by the server",
	"UpdatedAt":                     "made by the server",
	"Version":                       "made by the server",
	"Trash":                         "what is deleted is no configuration",
	"CreatedBy":                     "who ran the file",
	"idps.HasSecret":                "whether a secret is set: client_secret sets it",
	"tenants.SubscriptionID":        "the subscription that the entry stands in",
	"roles.SubscriptionID":          "the subscription that the entry stands in",
	"platform_roles.SubscriptionID": "the platform has none",
	"platform_roles.TenantID":       "the platform has none",
	"platform_templates.Level":      "the platform",
	"platform_templates.TargetID":   "the platform",
	"users.LastTwoFactorID":         "what the user did",
	"users.CredentialEpoch":         "what happened to the user",
	"users.ProveFirst":              "what happened to the user",
	"two_factors.LastSentAt":        "what the instance did",
	"two_factors.FailingSince":      "what the instance did",
	"two_factors.LastError":         "what the instance did",
}

// byOtherKey are fields that a key of another name sets.
var byOtherKey = map[string]string{
	"assignments.TwoFactorID": "two_factor", "assignments.Level": "to", "assignments.TargetID": "to",
	"exemptions.Level": "of", "exemptions.TargetID": "of", "templates.Level": "to", "templates.TargetID": "to",
	"roles.TenantID": "tenant", "roles.SubjectKind": "to", "roles.SubjectID": "to", "roles.HomeID": "of",
	"platform_roles.SubjectKind": "to", "platform_roles.SubjectID": "to", "platform_roles.HomeID": "of",
}

// TestEveryField: each field of the domain has a key, or is known not to be
// configuration. A new field fails here until somebody decides.
func TestEveryField(t *testing.T) {
	keys := apply.FieldKeys()
	used := map[string]bool{}
	for table, v := range entities() {
		for i := range reflect.TypeOf(v).NumField() {
			name := reflect.TypeOf(v).Field(i).Name
			key, other := byOtherKey[table+"."+name]
			switch {
			case keys[table][name] != "":
			case other && slices.Contains(slices.Collect(maps.Values(keys[table])), key):
				used[table+"."+name] = true
			case notConfiguration[table+"."+name] != "":
				used[table+"."+name] = true
			case notConfiguration[name] != "":
				used[name] = true
			default:
				t.Errorf("%s: a file cannot say %s: give it a key in spec.go, or say in notConfiguration why not", table, name)
			}
		}
	}
	for _, m := range []map[string]string{notConfiguration, byOtherKey} {
		for name := range m {
			if !used[name] {
				t.Errorf("%s is listed, and no field needs it", name)
			}
		}
	}
}

// TestEveryType: each entity of the domain, known by its stamp or its versions, is
// among those above.
func TestEveryType(t *testing.T) {
	have := map[string]bool{}
	for _, v := range entities() {
		have[reflect.TypeOf(v).Name()] = true
	}
	have["Settings"] = true // a factor type and its options, under settings
	files, err := filepath.Glob("../../tenants/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool { return knownType(t, n, have) })
	}
}

// knownType fails the test for an entity that is not among those we have.
func knownType(t *testing.T, n ast.Node, have map[string]bool) bool {
	t.Helper()
	spec, ok := n.(*ast.TypeSpec)
	if !ok || !spec.Name.IsExported() || spec.Name.Name == "Stamp" {
		return true
	}
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return true
	}
	for _, f := range s.Fields.List {
		if id, embedded := f.Type.(*ast.Ident); (embedded && id.Name == "Stamp" && f.Names == nil) || named(f, "Version") {
			if !have[spec.Name.Name] && !strings.HasPrefix(spec.Name.Name, "Kept") {
				t.Errorf("a file cannot describe a %s", spec.Name.Name)
			}
		}
	}
	return true
}

func named(f *ast.Field, name string) bool {
	return slices.ContainsFunc(f.Names, func(id *ast.Ident) bool { return id.Name == name })
}

package admin_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin"
	"twofold/tenants"
)

//go:generate go test -run TestRolesPage . -update

var updateRoles = flag.Bool("update", false, "write the table of roles anew")

const (
	rolesPage  = "../docs/guides/administration.md"
	rolesBegin = "<!-- roles: drawn from admin/role.go by make generate -->\n"
	rolesEnd   = "<!-- end of roles -->\n"
)

// TestRolesPage holds the table of what each role may against the code.
func TestRolesPage(t *testing.T) {
	page, err := os.ReadFile(rolesPage)
	must(t, err)
	before, rest, found := strings.Cut(string(page), rolesBegin)
	have, after, closed := strings.Cut(rest, rolesEnd)
	if !found || !closed {
		t.Fatalf("%s lacks its marks", rolesPage)
	}
	want := rolesTable(t)
	if *updateRoles {
		must(t, os.WriteFile(rolesPage, []byte(before+rolesBegin+want+rolesEnd+after), 0o644))
		return
	}
	if diff := cmp.Diff(have, want); diff != "" {
		t.Errorf("the table is out of date, run with -update (-page +code):\n%s", diff)
	}
}

// rolesTable has a line for each kind of thing and a column for each role. A dagger marks
// what asks for a fresh sign-in.
func rolesTable(t *testing.T) string {
	t.Helper()
	var kinds []string
	verbs := map[string][]admin.Action{}
	for _, a := range declaredActions(t) {
		kind, _, _ := strings.Cut(string(a), ".")
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		verbs[kind] = append(verbs[kind], a)
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, r := range tenants.Roles() {
		fmt.Fprintf(&b, " `%s` |", r)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(tenants.Roles())+1) + "\n")
	for _, kind := range kinds {
		fmt.Fprintf(&b, "| `%s` |", kind)
		for _, r := range tenants.Roles() {
			fmt.Fprintf(&b, " %s |", mayInWords(r, verbs[kind]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func mayInWords(r tenants.Role, actions []admin.Action) string {
	in := tenants.Grant{SubscriptionID: "s", Role: r} // of a tenant alone, all this holds in the tenant
	if r == tenants.RoleSystemAdmin {
		in.SubscriptionID = ""
	}
	w, words := admin.Who{Grants: []tenants.Grant{in}}, []string{}
	for _, a := range actions {
		if w.Tenants(a, "s") != nil {
			continue
		}
		_, verb, _ := strings.Cut(string(a), ".")
		if admin.Sensitive(a) {
			verb += "†"
		}
		words = append(words, verb)
	}
	if len(words) == 0 {
		return "–"
	}
	return strings.Join(words, ", ")
}

// declaredActions are the constants of role.go, in their order.
func declaredActions(t *testing.T) (list []admin.Action) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "role.go", nil, 0)
	must(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Action" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			must(t, err)
			list = append(list, admin.Action(text))
		}
		return true
	})
	if len(list) < 40 {
		t.Fatalf("only %d actions", len(list))
	}
	return list
}

package twofold_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "twofold/"

// cellar is what every floor of the house stands on.
const cellar = "internal/audit internal/db internal/id internal/jwks internal/limits internal/masterkey internal/page internal/phone internal/problem internal/seal internal/web"

// permitted is the import table: which packages of ours a package may import. "x/..."
// is x and all below it. A package without a line fails the test; a line without a
// package is fine. One more factor needs no line: twofactor/* is for it.
var permitted = map[string]string{
	".": "",

	"cmd/twofold":      cellar + " admin/... cmd/twofold/... idp/... internal/fakes internal/outbound migrations tenants twofactor/... ui/...",
	"cmd/twofold/demo": cellar + " internal/fakes tenants twofactor ui",

	"admin":         cellar + " tenants twofactor twofactor/ceremony twofactor/delivery",
	"admin/apply":   cellar + " admin tenants twofactor",
	"admin/rest":    cellar + " admin tenants twofactor twofactor/ceremony twofactor/delivery",
	"admin/console": cellar + " admin tenants twofactor twofactor/ceremony twofactor/delivery ui",

	"idp":          cellar + " idp/signin idp/op idp/upstream tenants twofactor twofactor/ceremony twofactor/delivery ui",
	"idp/signin":   "",
	"idp/op":       cellar + " tenants twofactor",
	"idp/upstream": cellar + " tenants twofactor",

	"tenants": cellar + " twofactor",

	"twofactor":             "",
	"twofactor/*":           "twofactor twofactor/oob",
	"twofactor/oob":         "twofactor",
	"twofactor/oob/oobtest": "twofactor twofactor/oob twofactor/factortest",
	"twofactor/factortest":  "twofactor",
	"twofactor/letters":     "twofactor",
	"twofactor/catalog":     "twofactor/...",
	"twofactor/ceremony":    cellar + " twofactor twofactor/delivery",
	"twofactor/delivery":    cellar + " twofactor",

	"ui":               "twofactor",
	"ui/storybook":     "twofactor ui",
	"ui/storybook/cmd": "twofactor ui ui/storybook",

	"examples/resourceserver": "",

	"migrations": "",

	"internal/db":        "",
	"internal/id":        "",
	"internal/jwks":      "",
	"internal/page":      "internal/problem internal/seal",
	"internal/phone":     "",
	"internal/problem":   "",
	"internal/seal":      "",
	"internal/audit":     "internal/db internal/id internal/page internal/problem internal/seal",
	"internal/limits":    "internal/db internal/id internal/problem internal/seal",
	"internal/masterkey": "internal/db internal/seal",
	"internal/outbound":  "",
	"internal/web":       "internal/audit internal/id internal/jwks internal/limits internal/problem",
	"internal/fakes":     "",

	"internal/testkit":                   "internal/testkit/... migrations",
	"internal/testkit/browser":           "internal/testkit/...",
	"internal/testkit/cmd/with-postgres": "internal/testkit/...",
	"internal/testkit/need":              "",
	"internal/testkit/pgcluster":         "internal/testkit/...",
	"internal/testkit/scratch":           "",

	"deploy":             "",
	"deploy/healthcheck": "",
	"docs":               "",
	"scripts/new-factor": "",

	"test/clients/parties/go": "", // only what anybody else has
}

// Tests may import more: the kit, and what is named here.
const testKit = "internal/fakes internal/testkit/... twofactor/factortest twofactor/oob/oobtest"

var permittedInTests = map[string]string{
	"admin/apply":       "twofactor/catalog", // files are tried with the real types
	"cmd/twofold":       "examples/...",      // they are tried with the whole
	"cmd/twofold/demo":  "admin/apply",       // the sample is a file like any other
	"idp":               "internal/outbound", // apps are told by the client that it gets
	"twofactor/webhook": "internal/outbound", // held to the client that it gets
	"ui":                "ui/storybook",      // every page in every state
}

// vendors are the libraries that stay in one place, by the start of their paths.
var vendors = map[string]string{
	"github.com/zitadel/":        "idp/op/...",
	"github.com/coreos/go-oidc":  "admin/console cmd/twofold/demo examples/resourceserver idp/upstream test/clients/parties/go",
	"gorm.io/driver/":            "internal/db",
	"github.com/glebarez/":       "internal/db internal/testkit/...",
	"github.com/jackc/":          "internal/db internal/testkit/...",
	"gorm.io/gorm":               "internal/db internal/audit internal/limits internal/testkit tenants twofactor/ceremony twofactor/delivery idp idp/op admin/console",
	"github.com/pressly/goose":   "migrations",
	"github.com/alecthomas/kong": "cmd/twofold/...",
	"github.com/gorilla/mux":     "cmd/... idp/... admin/... ui/storybook",
	"github.com/twilio/":         "twofactor/twilio",
	"github.com/Azure/":          "twofactor/email",
	"github.com/wneessen/":       "twofactor/email",
	"github.com/pquerna/":        "twofactor/totp",
	"github.com/go-webauthn/":    "twofactor/webauthn",
	"github.com/descope/":        "", // for tests alone
	"github.com/emersion/":       "internal/fakes",
	"github.com/chromedp/":       "internal/testkit/browser",
	"github.com/prometheus/":     "cmd/twofold internal/web",
	"github.com/nicksnyder/":     "ui",
	"github.com/boombuler/":      "ui",
	"github.com/nyaruka/":        "internal/phone",
	"github.com/danielgtaylor/":  "admin/rest",
}

type goPackage struct {
	ImportPath, Dir                             string
	GoFiles, Imports, TestImports, XTestImports []string
}

// name is the package's path within the module.
func (p goPackage) name() string {
	if p.ImportPath+"/" == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module)
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	lookAtSources(t)
	// -e: a package that does not compile fails elsewhere, and says why there.
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("go list finds only %d packages", len(all))
	}
	return all
}

// lookAtSources lets go test know what the result depends on: it would go on
// showing the old one, since it cannot see what go list reads.
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(path) == ".go":
			_, _ = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// line finds the line of a package, or of a factor's directory.
func line(name string) (list string, ok bool) {
	if list, ok = permitted[name]; ok {
		return list, true
	}
	if rest, below := strings.CutPrefix(name, "twofactor/"); below && !strings.Contains(rest, "/") {
		return permitted["twofactor/*"], true
	}
	return "", false
}

func allows(list, name string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(item string) bool {
		tree, whole := strings.CutSuffix(item, "/...")
		return name == tree || whole && strings.HasPrefix(name, tree+"/")
	})
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := p.name()
		list, ok := line(name)
		if !ok {
			t.Errorf("package %s has no line in the import table", name)
			continue
		}
		for _, i := range ours(p.Imports) {
			if !allows(list, i) {
				t.Errorf("%s must not import %s", name, i)
			}
		}
		for _, i := range ours(slices.Concat(p.TestImports, p.XTestImports)) {
			if i != name && !allows(list+" "+testKit+" "+permittedInTests[name], i) {
				t.Errorf("the tests of %s must not import %s", name, i)
			}
		}
	}
}

func ours(imports []string) []string {
	var out []string
	for _, i := range imports {
		if name, ok := strings.CutPrefix(i, module); ok {
			out = append(out, name)
		}
	}
	return out
}

// The table could be edited into nonsense: these hold whatever it says.
func TestImportTable(t *testing.T) {
	for name, list := range permitted {
		isCmd := name == "cmd/twofold" || strings.HasPrefix(name, "cmd/twofold/")
		switch {
		case !isCmd && name != "twofactor/catalog" && (allows(list, "twofactor/catalog") || allows(list, "cmd/twofold")):
			t.Errorf("%s may import the catalogue or a command", name)
		case !isCmd && !strings.HasPrefix(name, "internal/testkit") && (allows(list, "internal/testkit") || allows(list, "internal/fakes")):
			t.Errorf("%s may import what is for tests", name)
		case strings.HasPrefix(name, "internal/") && (allows(list, "tenants") || allows(list, "idp") || allows(list, "twofactor") || allows(list, "ui")):
			t.Errorf("%s may import what stands above it", name)
		case strings.HasPrefix(name, "idp") && allows(list, "admin") || strings.HasPrefix(name, "admin") && allows(list, "idp"):
			t.Errorf("%s: idp and admin must not know each other", name)
		}
	}
}

// A foreign library is known in one place, and its types do not leave that.
func TestVendors(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			for start, places := range vendors {
				if strings.HasPrefix(i, start) && !allows(places, p.name()) {
					t.Errorf("%s must not import %s", p.name(), i)
				}
			}
		}
	}
}

// unguarded are methods of GORM that the tenant guard refuses or cannot hold, and
// ways past it (ARCHITECTURE §3).
var unguarded = []string{"Raw", "Table", "Exec", "Joins", "Save", "Migrator", "AutoMigrate", "SQL", "Preload", "Association", "ToSQL", "Unscoped"}

func TestNothingPassesTheGuard(t *testing.T) {
	for _, p := range packages(t) {
		if name := p.name(); !slices.Contains(ours(p.Imports), "internal/db") || strings.HasPrefix(name, "cmd/") {
			continue
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(unguarded, sel.Sel.Name) {
					t.Errorf("%s:%d calls %s: only package db may", filepath.Join(p.name(), file), fset.Position(sel.Sel.Pos()).Line, sel.Sel.Name)
				}
				return true
			})
		}
	}
}

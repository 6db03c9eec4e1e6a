package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every TWOFOLD_ name in the files here must be a setting of the program.
func TestSettingsExist(t *testing.T) {
	known := settings(t)
	for _, needed := range []string{
		"TWOFOLD_LISTEN", "TWOFOLD_OPS_LISTEN", "TWOFOLD_PUBLIC_URL", "TWOFOLD_DATABASE", "TWOFOLD_DATABASE_FILE", "TWOFOLD_MASTER_KEY_FILE",
	} {
		if !known[needed] {
			t.Errorf("the program does not know %s, or this test does not see it", needed)
		}
	}
	own := map[string]bool{"TWOFOLD_SECRETS": true, "TWOFOLD_OWNER": true} // of make-secrets
	files := []string{"../docker-compose.yml", "Dockerfile", "twofold.service", "twofold.env.example", "make-secrets", "haproxy.cfg"}
	for _, file := range files {
		for _, name := range regexp.MustCompile(`TWOFOLD_[A-Z_]+`).FindAllString(read(t, file), -1) {
			if !known[name] && !own[name] {
				t.Errorf("%s: there is no setting %s", file, name)
			}
		}
	}
}

// settings reads the fields of the command structs as kong does: a flag is named
// by its tag or its field, its variable by an env tag or by the flag's name.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../cmd/twofold/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of the program: %v", err)
	}
	known := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil || len(field.Names) == 0 {
				return true
			}
			text, _ := strconv.Unquote(field.Tag.Value)
			tag := reflect.StructTag(text)
			if env := tag.Get("env"); env != "" {
				for name := range strings.SplitSeq(env, ",") {
					known[name] = true
				}
				return true
			}
			name := tag.Get("name")
			if name == "" {
				name = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(field.Names[0].Name, "$1-$2")
			}
			known["TWOFOLD_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = true
			return true
		})
	}
	return known
}

package ui_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/ui"
	"twofold/ui/storybook"
)

var update = flag.Bool("update", false, "write what is drawn to testdata")

// assetHash changes with every asset; the golden pages do not.
var assetHash = regexp.MustCompile(`(/assets/[a-z]+)\.[0-9a-f]{8}\.`)

// TestGolden compares every story with the page in testdata.
func TestGolden(t *testing.T) {
	seen := map[string]bool{}
	for name, page := range drawStories(t, "en") {
		if name == "admin.list-thousand" {
			continue // a thousand rows like those of admin.list
		}
		file := filepath.Join("testdata", name+".html")
		seen[file] = true
		got := assetHash.ReplaceAllString(page, "$1.HASH.")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v (run go test with -update)", err)
			continue
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	files, err := filepath.Glob("testdata/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f] {
			t.Errorf("%s belongs to no story", f)
		}
	}
}

// drawStories draws every story in a language, by name.
func drawStories(t *testing.T, lang string) map[string]string {
	t.Helper()
	u, err := storybook.New()
	if err != nil {
		t.Fatal(err)
	}
	u.OnFailure = func(_ *http.Request, err error) { t.Error(err) }
	pages := map[string]string{}
	for _, s := range storybook.Stories(lang) {
		if _, dup := pages[s.Name]; dup {
			t.Errorf("two stories named %s", s.Name)
		}
		pages[s.Name] = draw(u, http.StatusOK, s.View).Body.String()
	}
	return pages
}

func draw(u *ui.UI, status int, v ui.View) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	u.Render(w, httptest.NewRequest(http.MethodGet, "/", nil), status, v)
	return w
}

package storybook_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"twofold/ui/storybook"
)

// TestWrite checks that what is written stands by itself.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := storybook.Write(dir); err != nil {
		t.Fatal(err)
	}
	linked := regexp.MustCompile(`(?:src|<link[^>]* href)="([^"]+)"`)
	for _, s := range storybook.Stories("en") {
		b, err := os.ReadFile(filepath.Join(dir, s.Name+".html"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range linked.FindAllSubmatch(b, -1) {
			if _, err := os.Stat(filepath.Join(dir, string(m[1]))); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		t.Error(err)
	}
}

func TestHandler(t *testing.T) {
	h, err := storybook.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/": 303, "/stories/": 200, "/stories/signin.plain.html": 200, "/logo.svg": 200, "/status": 200, "/nowhere": 404,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}

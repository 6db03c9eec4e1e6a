package storybook

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"twofold/twofactor"
	"twofold/ui"
)

//go:embed templates logo.svg
var files embed.FS

//go:embed texts
var textFiles embed.FS

// samples are what other packages would say on the pages: factors, handlers.
var samples = twofactor.MustTexts(mustSub(textFiles, "texts"))

func mustSub(fsys fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		panic("storybook: " + err.Error())
	}
	return sub
}

// Story is one page in one state. The part of the name before the first dot
// groups stories.
type Story struct {
	Name string
	View ui.View
}

// New returns a UI that can draw all stories.
func New() (*ui.UI, error) {
	u, err := ui.New()
	if err != nil {
		return nil, err
	}
	return u.Extend(files, "templates/*.html")
}

// index lists the stories by group.
type index struct {
	ui.Page
	Tables []ui.Table
}

func (index) Template() string { return "story-index" }
func (index) Title() string    { return "Storybook" }

func newIndex(stories []Story) index {
	v := index{}
	for _, s := range stories {
		group, _, _ := strings.Cut(s.Name, ".")
		if n := len(v.Tables); n == 0 || v.Tables[n-1].Caption != group {
			v.Tables = append(v.Tables, ui.Table{Caption: group, Head: []string{"Story", "Title", "In other languages", "", ""}})
		}
		last := &v.Tables[len(v.Tables)-1]
		row := []ui.Cell{{Text: s.Name, URL: FileName(s.Name, "en")}, {Text: s.View.Title()}}
		for _, lang := range languagesOf(group) {
			row = append(row, ui.Cell{Text: lang, URL: FileName(s.Name, lang)})
		}
		last.Rows = append(last.Rows, row)
	}
	return v
}

// languagesOf are the languages that a group is told in besides English.
func languagesOf(group string) []string {
	if group == "admin" {
		return nil
	}
	return Languages()[1:]
}

// FileName is the name of the file with a story in a language.
func FileName(story, lang string) string {
	if lang == "en" {
		return story + ".html"
	}
	return story + "." + lang + ".html"
}

// Handler serves the stories and their assets.
func Handler() (http.Handler, error) {
	u, err := New()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", u.Assets())
	mux.Handle("GET /{$}", http.RedirectHandler("/stories/", http.StatusSeeOther))
	mux.HandleFunc("GET /stories/{$}", func(w http.ResponseWriter, r *http.Request) {
		u.Render(w, r, http.StatusOK, newIndex(Stories("en")))
	})
	for _, lang := range Languages() {
		for _, s := range Stories(lang) {
			mux.HandleFunc("GET /stories/"+FileName(s.Name, lang), func(w http.ResponseWriter, r *http.Request) {
				u.Render(w, r, http.StatusOK, s.View)
			})
		}
	}
	mux.Handle("GET "+logoURL, http.FileServerFS(files))
	mux.HandleFunc("GET "+statusURL, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"state":"sent","text":"Sent to m•••@example.ch.","resend_in":30}`)
	})
	mux.HandleFunc("POST /stories/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/stories/", http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		u.Render(w, r, http.StatusNotFound, ui.NotFound(ui.Page{}))
	})
	return mux, nil
}

var assetURL = regexp.MustCompile(`"/(assets/[^"]+|logo\.svg)"`)

// Write draws every story into dir as a file that a browser can open by itself,
// with an index beside them.
func Write(dir string) error {
	h, err := Handler()
	if err != nil {
		return err
	}
	names := []string{"index.html"}
	for _, lang := range Languages() {
		for _, s := range Stories(lang) {
			names = append(names, FileName(s.Name, lang))
		}
	}
	for _, name := range names {
		path := "/stories/" + name
		if name == "index.html" {
			path = "/stories/"
		}
		page, err := get(h, path)
		if err != nil {
			return err
		}
		for _, m := range assetURL.FindAllSubmatch(page, -1) {
			if err := writeAsset(h, dir, string(m[1])); err != nil {
				return err
			}
		}
		page = assetURL.ReplaceAll(page, []byte(`"$1"`))
		if err := writeFile(filepath.Join(dir, name), page); err != nil {
			return err
		}
	}
	return nil
}

func writeAsset(h http.Handler, dir, path string) error {
	b, err := get(h, "/"+path)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, filepath.FromSlash(path)), b)
}

func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("storybook: %w", err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("storybook: %w", err)
	}
	return nil
}

func get(h http.Handler, path string) ([]byte, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("storybook: draw %s: status %d", path, w.Code)
	}
	return w.Body.Bytes(), nil
}

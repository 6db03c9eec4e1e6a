package ui

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"sync"
)

//go:embed templates assets
var files embed.FS

// UI draws views and serves their assets. It is safe for concurrent use once
// OnFailure is set.
type UI struct {
	// OnFailure is told of a page that could not be drawn. The person at the
	// other end already has a plain page by then. May be nil.
	OnFailure func(r *http.Request, err error)

	assets *assets
	source *template.Template            // never executed, so that Extend can clone it
	ready  map[string]*template.Template // by language
}

// New returns the pages. They are part of the program: it parses them once, and each
// caller has an OnFailure of its own.
func New() (*UI, error) {
	u, err := parsed()
	if err != nil {
		return nil, err
	}
	return u.Telling(nil), nil
}

// Telling returns the same pages with another OnFailure.
func (u *UI) Telling(onFailure func(r *http.Request, err error)) *UI {
	own := *u
	own.OnFailure = onFailure
	return &own
}

var parsed = sync.OnceValues(parse)

// parse parses all templates and prepares all assets.
func parse() (*UI, error) {
	a, err := loadAssets(files)
	if err != nil {
		return nil, err
	}
	u := &UI{assets: a}
	return u.with(template.New("ui").Option("missingkey=error").Funcs(u.funcs()).Funcs(words(spoken[0].Tag)), files, "templates/*.html")
}

// Extend returns a UI that also knows the templates of fsys matching patterns.
// They can call every template of this package: a page of their own begins
// with {{template "wide-start" .}} and ends with {{template "wide-end" .}}.
func (u *UI) Extend(fsys fs.FS, patterns ...string) (*UI, error) {
	set, err := u.source.Clone()
	if err != nil {
		return nil, fmt.Errorf("ui: clone templates: %w", err)
	}
	return u.with(set, fsys, patterns...)
}

// with parses into set, makes a copy for each language and checks the whole.
func (u *UI) with(set *template.Template, fsys fs.FS, patterns ...string) (*UI, error) {
	set, err := set.ParseFS(fsys, patterns...)
	if err != nil {
		return nil, fmt.Errorf("ui: parse templates: %w", err)
	}
	ready := map[string]*template.Template{}
	for _, l := range spoken {
		one, err := set.Clone()
		if err != nil {
			return nil, fmt.Errorf("ui: clone templates: %w", err)
		}
		ready[l.Tag] = one.Funcs(words(l.Tag))
	}
	// What is safe in one language is in all: only what the words are differs.
	if err := checkEscaping(ready[spoken[0].Tag]); err != nil {
		return nil, err
	}
	return &UI{OnFailure: u.OnFailure, assets: u.assets, source: set, ready: ready}, nil
}

// checkEscaping finds templates that html/template cannot make safe.
// It escapes at the first execution, which is too late for us.
func checkEscaping(set *template.Template) error {
	for _, t := range set.Templates() {
		if t.Tree == nil || t.Tree.Root == nil {
			continue
		}
		var bad *template.Error
		if err := set.ExecuteTemplate(io.Discard, t.Name(), nil); errors.As(err, &bad) {
			return fmt.Errorf("ui: template %s: %w", t.Name(), err)
		}
	}
	return nil
}

package ui_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var assetLink = regexp.MustCompile(`"(/assets/[^"]+)"`)

func fetch(h http.Handler, method, path, encoding string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	h.ServeHTTP(w, r)
	return w
}

// TestAssetsOfPages fetches every asset that a page names.
func TestAssetsOfPages(t *testing.T) {
	h := newUI(t).Assets()
	limits := map[string]int{"signin.css": 12 << 10, "signin.js": 10 << 10, "admin.css": 40 << 10, "admin.js": 12 << 10}
	hash := regexp.MustCompile(`\.[0-9a-f]{8}\.`)
	for name, page := range drawStories(t, "en") {
		for _, m := range assetLink.FindAllStringSubmatch(page, -1) {
			plain := fetch(h, http.MethodGet, m[1], "")
			if plain.Code != http.StatusOK || plain.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Fatalf("%s: %s: status %d, %v", name, m[1], plain.Code, plain.Header())
			}
			file := hash.ReplaceAllString(filepath.Base(m[1]), ".")
			if limit := limits[file]; limit > 0 && plain.Body.Len() > limit {
				t.Errorf("%s has %d bytes, limit %d", file, plain.Body.Len(), limit)
			}
			if strings.HasPrefix(file, "accent-") || strings.HasPrefix(file, "sample-") {
				continue
			}
			if got := plain.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
				t.Errorf("%s: Cache-Control %q", m[1], got)
			}
			zipped := fetch(h, http.MethodGet, m[1], "br, gzip;q=0.5")
			if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%s: %v", m[1], zipped.Header())
			}
			z, err := gzip.NewReader(zipped.Body)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil || string(b) != plain.Body.String() {
				t.Errorf("%s: gzip differs, %v", m[1], err)
			}
		}
	}
}

func TestAssets(t *testing.T) {
	h := newUI(t).Assets()
	script := assetLink.FindStringSubmatch(regexp.MustCompile(`<script.*>`).FindString(drawStories(t, "en")["signin.plain"]))[1]
	for _, tt := range []struct {
		name, method, path, encoding string
		status                       int
		mime, coding                 string
	}{
		{"script", "GET", script, "", 200, "text/javascript; charset=utf-8", ""},
		{"script zipped", "GET", script, "gzip", 200, "text/javascript; charset=utf-8", "gzip"},
		{"gzip refused", "GET", script, "gzip;q=0", 200, "text/javascript; charset=utf-8", ""},
		{"gzip refused finely", "GET", script, "gzip; q=0.000, br", 200, "text/javascript; charset=utf-8", ""},
		{"head", "HEAD", script, "", 200, "text/javascript; charset=utf-8", ""},
		{"post", "POST", script, "", 405, "text/plain; charset=utf-8", ""},
		{"unknown hash", "GET", "/assets/signin.00000000.js", "", 404, "text/plain; charset=utf-8", ""},
		{"no hash", "GET", "/assets/signin.js", "", 404, "text/plain; charset=utf-8", ""},
		{"folder", "GET", "/assets/", "", 404, "text/plain; charset=utf-8", ""},
		{"outside", "GET", "/assets/../templates/layout.html", "", 404, "text/plain; charset=utf-8", ""},
		{"accent", "GET", "/assets/accent-ff8800.css", "", 200, "text/css; charset=utf-8", ""},
		{"sample", "GET", "/assets/sample-ff8800.css", "", 200, "text/css; charset=utf-8", ""},
		{"sample not hex", "GET", "/assets/sample-ff880g.css", "", 404, "text/plain; charset=utf-8", ""},
		{"accent in capitals", "GET", "/assets/accent-FF8800.css", "", 404, "text/plain; charset=utf-8", ""},
		{"accent too long", "GET", "/assets/accent-ff88000.css", "", 404, "text/plain; charset=utf-8", ""},
		{"accent not hex", "GET", "/assets/accent-ff880g.css", "", 404, "text/plain; charset=utf-8", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := fetch(h, tt.method, tt.path, tt.encoding)
			if w.Code != tt.status || w.Header().Get("Content-Type") != tt.mime || w.Header().Get("Content-Encoding") != tt.coding {
				t.Errorf("status %d, %v", w.Code, w.Header())
			}
		})
	}
}

// TestAccentSheet checks that the sheet holds nothing but computed colours.
func TestAccentSheet(t *testing.T) {
	for file, where := range map[string]string{"accent": ":root", "sample": `\.sample`} {
		got := fetch(newUI(t).Assets(), http.MethodGet, "/assets/"+file+"-ff8800.css", "").Body.String()
		want := regexp.MustCompile(`^@layer tokens\{` + where + `\{(--(accent|accent-hover|on-accent|accent-text):light-dark\(#[0-9a-f]{6},#[0-9a-f]{6}\);){4}\}\}\n$`)
		if !want.MatchString(got) {
			t.Errorf("got %s", got)
		}
	}
}

// TestRawValuesLiveInTokens keeps colours and measures out of the other sheets.
// Media queries cannot read custom properties.
func TestRawValuesLiveInTokens(t *testing.T) {
	raw := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(|[0-9](px|rem|pt|ms|s)\b|!important|url\(`)
	zero := regexp.MustCompile(`\b0s\b`)
	comment := regexp.MustCompile(`(?s)/\*.*?\*/`)
	files, err := filepath.Glob("assets/*.css")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if base := filepath.Base(f); base == "tokens.css" || base == "admintokens.css" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(comment.ReplaceAllString(string(b), "")) {
			if strings.Contains(line, "@media") {
				continue
			}
			if m := raw.FindString(zero.ReplaceAllString(line, "")); m != "" {
				t.Errorf("%s: raw value %s in %s", f, m, strings.TrimSpace(line))
			}
		}
	}
}

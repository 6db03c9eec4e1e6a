package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// assetPrefix is where Assets must be mounted.
const assetPrefix = "/assets/"

// bundles are the style sheets that pages link, one per layout, in parts.
func bundles() map[string][]string {
	return map[string][]string{
		"admin.css":   {"tokens.css", "admintokens.css", "base.css", "components.css", "admin.css"},
		"account.css": {"tokens.css", "base.css", "components.css", "wide.css", "account.css"},
		"signin.css":  {"tokens.css", "base.css", "components.css", "signin.css"},
		"wide.css":    {"tokens.css", "base.css", "components.css", "wide.css"},
	}
}

// singles are served as they are.
func singles() []string { return []string{"admin.js", "signin.js", "favicon.svg", "twofold.svg"} }

// asset is one file, ready to be written.
type asset struct {
	mime      string
	raw, gzip []byte
}

// assets is everything below assetPrefix. It does not change after the start.
type assets struct {
	urls        map[string]string // name to URL path with the hash
	byFile      map[string]asset  // name.hash8.ext to content
	light, dark palette
}

func loadAssets(fsys fs.FS) (*assets, error) {
	a := &assets{urls: map[string]string{}, byFile: map[string]asset{}}
	for name, parts := range bundles() {
		css := "@layer reset,tokens,base,components,pages,still;\n"
		for _, part := range parts {
			b, err := fs.ReadFile(fsys, "assets/"+part)
			if err != nil {
				return nil, fmt.Errorf("ui: read asset: %w", err)
			}
			css += compact(string(b))
		}
		if err := a.add(name, []byte(css)); err != nil {
			return nil, err
		}
	}
	for _, name := range singles() {
		b, err := fs.ReadFile(fsys, "assets/"+name)
		if err != nil {
			return nil, fmt.Errorf("ui: read asset: %w", err)
		}
		if err := a.add(name, b); err != nil {
			return nil, err
		}
	}
	tokens, err := fs.ReadFile(fsys, "assets/tokens.css")
	if err != nil {
		return nil, fmt.Errorf("ui: read asset: %w", err)
	}
	a.light, a.dark, err = palettes(string(tokens))
	return a, err
}

func (a *assets) add(name string, raw []byte) error {
	mime := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}[path.Ext(name)]
	zipped, err := zip(raw)
	if err != nil {
		return fmt.Errorf("ui: compress %s: %w", name, err)
	}
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	file := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext
	a.urls[name] = assetPrefix + file
	a.byFile[file] = asset{mime: mime, raw: raw, gzip: zipped}
	return nil
}

func zip(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Assets serves /assets/: embedded files under names that hold their hash, and
// accent-{rrggbb}.css for any colour, with sample-{rrggbb}.css for a sample of a page
// within another. Mount it at the root of the server.
func (u *UI) Assets() http.Handler { return u.assets }

var accentFile = regexp.MustCompile(`^(accent|sample)-([0-9a-f]{6})\.css$`)

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	file := strings.TrimPrefix(r.URL.Path, assetPrefix)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if m := accentFile.FindStringSubmatch(file); m != nil {
		// Not immutable: the next version may fit colours differently.
		h.Set("Cache-Control", "public, max-age=86400")
		where := ":root"
		if m[1] == "sample" {
			where = ".sample"
		}
		c, _ := parseHex("#" + m[2])
		writeBody(w, "text/css; charset=utf-8", []byte(accentSheet(where, c, a.light, a.dark)))
		return
	}
	found, ok := a.byFile[file]
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		writeBody(w, found.mime, found.gzip)
		return
	}
	writeBody(w, found.mime, found.raw)
}

func writeBody(w http.ResponseWriter, mime string, b []byte) {
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // the browser has gone: nobody to tell
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3) as far as gzip goes.
func acceptsGzip(header string) bool {
	for _, part := range strings.Split(header, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		v, found := strings.CutPrefix(strings.ReplaceAll(q, " ", ""), "q=")
		n, err := strconv.ParseFloat(v, 64)
		return !found || err == nil && n > 0
	}
	return false
}

// compact drops comments and indentation: all the build step there is.
func compact(css string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(css, "/*")
		for line := range strings.Lines(before) {
			if line = strings.TrimSpace(line); line != "" {
				out.WriteString(line)
				out.WriteByte('\n')
			}
		}
		if !found {
			return out.String()
		}
		_, css, _ = strings.Cut(rest, "*/")
	}
}

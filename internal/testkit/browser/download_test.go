package browser_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"twofold/internal/testkit/browser"
)

func TestDownload(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			w.Header().Set("Content-Disposition", `attachment; filename="codes.txt"`)
			_, _ = w.Write([]byte("one\r\ntwo\r\n"))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>Files</title><link rel="icon" href="data:,"><a href="/file" download>Get it</a> <a href="/?next">Next</a>`))
	}))
	t.Cleanup(srv.Close)
	b := browser.New(t)
	for range 2 { // each has a directory of its own
		b.Open(srv.URL)
		if name, content := b.Download("a[download]"); name != "codes.txt" || string(content) != "one\r\ntwo\r\n" {
			t.Errorf("%s holds %q", name, content)
		}
		b.ClickText("Next") // the page is as usable as before
		b.WaitText("Get it")
	}
}

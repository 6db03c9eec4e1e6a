package browser

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/page"
)

// Screenshot writes the page as NAME.png, as it looks in a window of this size,
// and returns the file's path. With height 0 the picture has the height of the
// whole page. The directory is TWOFOLD_SCREENSHOTS; without it there is no picture, and
// the path is empty. Size and colour scheme are as before afterwards.
func (b *Browser) Screenshot(name string, width, height int, dark bool) string {
	b.t.Helper()
	dir := os.Getenv("TWOFOLD_SCREENSHOTS")
	if dir == "" {
		return "" // nobody looks at it, and it takes as long as all the rest
	}
	w, h, d := b.width, b.height, b.dark
	defer func() { b.dark = d; b.SetViewport(w, h) }()
	b.dark = dark
	whole := height == 0
	if whole {
		height = 800
	}
	b.SetViewport(width, height)
	params := page.CaptureScreenshotParams{}
	if whole {
		tall := must[float64](b, "measure the page", "document.documentElement.scrollHeight")
		beyond := true
		params.CaptureBeyondViewport = &beyond
		params.Clip = &page.Viewport{Width: float64(width), Height: tall, Scale: 1}
	}
	b.painted()
	res, err := call(b, page.CaptureScreenshot, params)
	if err != nil {
		b.fatalf("take a picture: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.fatalf("make the directory for pictures: %v", err)
	}
	path := filepath.Join(dir, fileName(name)+".png")
	if err := os.WriteFile(path, res.Data, 0o644); err != nil {
		b.fatalf("write the picture: %v", err)
	}
	return path
}

// painted waits until fonts are there. Frames cannot be waited for: without
// script, requestAnimationFrame never calls back.
func (b *Browser) painted() {
	b.t.Helper()
	wait(b, "wait for fonts", `document.readyState === "complete" && document.fonts.status === "loaded"`,
		func(done bool) bool { return done }, func(bool) string { return "they are still loading" })
}

// fileName keeps letters, digits, dots and dashes.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		}
		return '-'
	}, name)
}

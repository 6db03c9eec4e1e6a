package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// Download clicks what begins a download, and returns the file as a person finds it
// on the disk.
func (b *Browser) Download(sel string) (name string, content []byte) {
	b.t.Helper()
	dir := b.t.TempDir()
	ctx, cancel := context.WithTimeout(b.ctx, b.Timeout)
	defer cancel()
	_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	if err != nil {
		b.fatalf("allow downloads: %v", err)
	}
	at := b.find("download "+sel, bySelector(sel))
	if err := b.do(chromedp.MouseClickXY(at.X, at.Y)); err != nil {
		b.fatalf("download %s: %v", sel, err)
	}
	for deadline := time.Now().Add(b.Timeout); time.Now().Before(deadline); time.Sleep(pollEvery) {
		files, err := os.ReadDir(dir)
		if err != nil {
			b.fatalf("download %s: %v", sel, err)
		}
		if len(files) != 1 || strings.HasSuffix(files[0].Name(), ".crdownload") {
			continue
		}
		if content, err = os.ReadFile(filepath.Join(dir, files[0].Name())); err == nil && len(content) > 0 {
			return files[0].Name(), content
		}
	}
	b.fatalf("download %s: no file came", sel)
	return "", nil
}

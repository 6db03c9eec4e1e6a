package browser

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"twofold/internal/testkit"
	"twofold/internal/testkit/need"
	"twofold/internal/testkit/scratch"
)

const (
	defaultTimeout = 20 * time.Second      // for each wait; two busy cores are slow
	pollEvery      = 20 * time.Millisecond // the page has no event for "looks right now"
)

// Browser is one user's browser: a tab with its own cookies and storage.
type Browser struct {
	// Timeout limits each wait.
	Timeout time.Duration

	t    testing.TB
	root context.Context //nolint:containedctx // chromedp keeps the Chromium process in a context
	ctx  context.Context //nolint:containedctx // and each tab in another
	log  *events

	width, height int
	dark          bool
}

// shared is the Chromium of this test binary: to start one takes seconds. It is the only
// package-level variable here, and ends with the binary.
var shared struct {
	sync.Mutex
	root context.Context //nolint:containedctx // chromedp keeps the Chromium process in a context
}

// New returns a browser with an empty profile: one more context of the Chromium that all
// tests of a binary share. It ends with the test. What a browser shows of our own code the
// race detector has seen without one: see testkit.Later.
func New(t testing.TB) *Browser {
	t.Helper()
	testkit.Later(t)
	b := &Browser{t: t, Timeout: defaultTimeout, log: newEvents(), root: chromium(t)}
	b.open(b.root, chromedp.WithNewBrowserContext())
	return b
}

// chromium starts the shared one, if it does not run or has died.
func chromium(t testing.TB) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.root != nil && shared.root.Err() == nil {
		return shared.root
	}
	path := findChromium(t)
	dir, err := scratch.New(os.TempDir(), "twofold-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(options(path), chromedp.UserDataDir(filepath.Join(dir.Path, "profile")), chromedp.Env("TMPDIR="+dir.Path))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	testkit.AtEnd(func() { stop(); dir.Remove() })
	// chromedp would print what it cannot decode; t.Logf must not be called after the test.
	root, _ := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {})) //nolint:govet // stop ends it
	if err := chromedp.Do(root); err != nil {
		t.Fatalf("browser: start Chromium: %v", err)
	}
	shared.root = root
	return root
}

// NewContext returns the browser of a second user: the same Chromium, nothing
// else in common. It ends with the test.
func (b *Browser) NewContext() *Browser {
	b.t.Helper()
	return b.For(b.t)
}

// For is NewContext for a subtest, so that subtests can share one Chromium.
func (b *Browser) For(t testing.TB) *Browser {
	t.Helper()
	n := &Browser{t: t, Timeout: b.Timeout, log: newEvents(), root: b.root}
	n.open(b.root, chromedp.WithNewBrowserContext())
	return n
}

// open makes the tab and begins to listen to it.
func (b *Browser) open(parent context.Context, opts ...chromedp.ContextOption) {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(parent, append(opts, chromedp.WithListener(b.log.handle))...)
	b.t.Cleanup(cancel)
	b.ctx = ctx
	// The first call must have no timeout: it would become the tab's lifetime.
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("browser: start Chromium: %v", err)
	}
	b.SetViewport(1280, 800)
}

// options are chromedp's defaults, which name most of what makes Chromium quiet,
// and what our tests need on top.
func options(path string) []chromedp.ExecAllocatorOption {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("accept-lang", "en-US"),
		chromedp.WindowSize(1280, 800),
	)
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // the sandbox refuses root
	}
	return opts
}

// findChromium takes TWOFOLD_CHROMIUM, or the first of the usual names in PATH.
func findChromium(t testing.TB) string {
	t.Helper()
	names := []string{
		"chromium-headless-shell", // without a window: the same pages in half the time
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	}
	if own := os.Getenv("TWOFOLD_CHROMIUM"); own != "" {
		names = []string{own}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	need.Missing(t, "Chromium", "apt-get install chromium, or set TWOFOLD_CHROMIUM to the program",
		errors.New("browser: found none of the usual names in PATH"))
	return ""
}

// Open loads a page and waits until it is loaded.
func (b *Browser) Open(address string) {
	b.t.Helper()
	if err := b.do(chromedp.Navigate(address)); err != nil {
		b.fatalf("open %s: %v", address, err)
	}
}

// Reload loads the page again.
func (b *Browser) Reload() {
	b.t.Helper()
	if err := b.do(chromedp.Reload()); err != nil {
		b.fatalf("reload: %v", err)
	}
}

// Back goes back by one page, as the back button does.
func (b *Browser) Back() {
	b.t.Helper()
	h, err := call(b, page.GetNavigationHistory, cdp.Empty{})
	if err != nil || h.CurrentIndex == 0 {
		b.fatalf("go back: no earlier page (error: %v)", err)
	}
	entry := h.Entries[h.CurrentIndex-1]
	// chromedp's own action waits for a load event, which a page from the
	// back-forward cache does not have.
	if _, err := call(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: entry.ID}); err != nil {
		b.fatalf("go back: %v", err)
	}
	wait(b, "go back to "+entry.URL, `document.readyState === "complete" ? location.href : ""`,
		func(at string) bool { return at == entry.URL }, func(at string) string { return "still at " + at })
}

// URL is the address of the page.
func (b *Browser) URL() *url.URL {
	b.t.Helper()
	s := must[string](b, "read the URL", `location.href`)
	u, err := url.Parse(s)
	if err != nil {
		b.fatalf("read the URL: %v", err)
	}
	return u
}

// Title is the title of the page.
func (b *Browser) Title() string {
	b.t.Helper()
	return must[string](b, "read the title", `document.title`)
}

// Status is the HTTP status of the page.
func (b *Browser) Status() int { return b.log.pageStatus() }

// do runs one action within the timeout.
func (b *Browser) do(a chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, b.Timeout)
	defer cancel()
	return chromedp.Do(ctx, a)
}

// call sends one protocol command to b's tab.
func call[P, R any](b *Browser, cmd cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.Timeout)
	defer cancel()
	return chromedp.Call(ctx, cmd, params)
}

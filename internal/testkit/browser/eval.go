package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// Eval runs an expression in the page, awaits it if it is a promise, and reads
// its JSON value into out, unless out is nil.
func (b *Browser) Eval(js string, out any) {
	b.t.Helper()
	raw, err := eval[json.RawMessage](b, js)
	if err == nil && out != nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		b.fatalf("evaluate %s: %v", js, err)
	}
}

// eval is one round trip to the page, without retry.
func eval[T any](b *Browser, js string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.Timeout)
	defer cancel()
	var v T
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](js, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	if err != nil {
		return v, err
	}
	if len(raw) == 0 { // undefined
		raw = []byte("null")
	}
	return v, json.Unmarshal(raw, &v)
}

// wait evaluates js until ok likes the value. It retries errors: while a page
// gives way to the next, there is none to evaluate in. A failure names what was
// done and, by why, what the last value lacked.
func wait[T any](b *Browser, what, js string, ok func(T) bool, why func(T) string) T {
	b.t.Helper()
	deadline := time.Now().Add(b.Timeout)
	for {
		v, err := eval[T](b, js)
		if err == nil && ok(v) {
			return v
		}
		if time.Now().After(deadline) {
			if err == nil {
				err = errors.New(why(v))
			}
			b.fatalf("%s: %v", what, err)
		}
		time.Sleep(pollEvery)
	}
}

// must evaluates js in whatever page there is.
func must[T any](b *Browser, what, js string) T {
	b.t.Helper()
	return wait(b, what, js, func(T) bool { return true }, func(T) string { return "" })
}

// quote writes s as a JavaScript string.
func quote(s string) string {
	j, _ := json.Marshal(s) // a string cannot fail
	return string(j)
}

// fatalf ends the test and says where the browser stands.
func (b *Browser) fatalf(format string, args ...any) {
	b.t.Helper()
	b.Timeout = 3 * time.Second // the page may be what hangs
	type page struct{ URL, Title, Text string }
	p, err := eval[page](b, `({URL: location.href, Title: document.title, Text: (document.body?.innerText ?? "").slice(0, 1500)})`)
	var out strings.Builder
	fmt.Fprintf(&out, "browser: "+format, args...)
	if err != nil {
		fmt.Fprintf(&out, "\n  the page does not answer: %v", err)
	} else {
		fmt.Fprintf(&out, "\n  URL:     %s\n  title:   %s\n  text:    %s", p.URL, p.Title, strings.ReplaceAll(p.Text, "\n", "\n           "))
	}
	for _, e := range b.ConsoleErrors() {
		fmt.Fprintf(&out, "\n  console: %s", e)
	}
	b.t.Fatal(out.String())
}

package browser

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// events keeps what the tab reports. handle is called by chromedp in the order
// of arrival and must be quick.
type events struct {
	mu       sync.Mutex
	errors   []string
	urls     map[network.RequestID]string
	frame    cdp.FrameID // of the page itself; empty until the first page
	status   int
	loading  bool
	finished chan struct{} // closed when loading ends
}

func newEvents() *events {
	return &events{urls: map[network.RequestID]string{}, finished: make(chan struct{})}
}

func (e *events) handle(ev any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch ev := ev.(type) {
	case *page.EventFrameNavigated:
		if ev.Frame.ParentID == "" {
			e.frame = ev.Frame.ID
		}
	case *page.EventFrameRequestedNavigation:
		e.begin(ev.FrameID, ev.Disposition == page.ClientNavigationDispositionCurrentTab)
	case *page.EventFrameStartedLoading:
		e.begin(ev.FrameID, true)
	case *page.EventFrameStoppedLoading:
		if e.isPage(ev.FrameID) && e.loading {
			e.loading = false
			close(e.finished)
		}
	case *runtime.EventExceptionThrown:
		e.add("exception", exceptionText(ev.ExceptionDetails), ev.ExceptionDetails.URL)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeAssert {
			e.add("console", argsText(ev.Args), "")
		}
	case *log.EventEntryAdded:
		// Failed requests come with more detail below.
		if ev.Entry.Level == log.EntryLevelError && ev.Entry.Source != log.EntrySourceNetwork {
			e.add(string(ev.Entry.Source), ev.Entry.Text, ev.Entry.URL)
		}
	default:
		e.handleNetwork(ev)
	}
}

func (e *events) handleNetwork(ev any) {
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		e.urls[ev.RequestID] = ev.Request.URL
	case *network.EventLoadingFailed:
		if !ev.Canceled || ev.BlockedReason != "" {
			e.add("network", strings.TrimSpace(ev.ErrorText+" "+string(ev.BlockedReason)), e.urls[ev.RequestID])
		}
	case *network.EventResponseReceived:
		isPage := ev.Type == network.ResourceTypeDocument && e.isPage(ev.FrameID)
		if isPage {
			e.status = int(ev.Response.Status)
		}
		// A page that says no is often what a test wants; a broken part never is.
		if !isPage && ev.Response.Status >= 400 {
			e.add("network", fmt.Sprintf("status %d", ev.Response.Status), ev.Response.URL)
		}
	}
}

func (e *events) isPage(id cdp.FrameID) bool { return e.frame == "" || id == e.frame }

func (e *events) begin(id cdp.FrameID, sameTab bool) {
	if sameTab && e.isPage(id) && !e.loading {
		e.loading, e.finished = true, make(chan struct{})
	}
}

func (e *events) add(kind, text, url string) {
	if url != "" {
		text += " (" + url + ")"
	}
	e.errors = append(e.errors, kind+": "+text)
}

func (e *events) pageStatus() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

func (e *events) isLoading() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.loading
}

// waitLoaded gives up in silence: a download, say, never finishes as a page.
// What the test waits for next will tell.
func (e *events) waitLoaded(limit time.Duration) {
	e.mu.Lock()
	finished := e.finished
	e.mu.Unlock()
	select {
	case <-finished:
	case <-time.After(limit):
	}
}

func exceptionText(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func argsText(args []*runtime.RemoteObject) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a.Description; words[i] == "" {
			words[i] = strings.Trim(string(a.Value), `"`)
		}
	}
	return strings.Join(words, " ")
}

package storybook_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"twofold/internal/testkit/browser"
	"twofold/ui"
	"twofold/ui/storybook"
)

func adminStories() []string {
	var names []string
	for _, s := range storybook.Stories("en") {
		if strings.HasPrefix(s.Name, "admin.") {
			names = append(names, s.Name)
		}
	}
	return names
}

// TestAdminScreenshots takes pictures of the admin pages, for people to look at.
func TestAdminScreenshots(t *testing.T) {
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		t.Skip("make screenshots takes pictures")
	}
	base, b := serve(t, nil), browser.New(t)
	for _, name := range adminStories() {
		if name == "admin.list-thousand" {
			continue // a thousand rows tall
		}
		b.Open(base + "/stories/" + storybook.FileName(name, "en"))
		for _, width := range []int{390, 1280} {
			b.Screenshot(fmt.Sprintf("%s-%d-light", name, width), width, 0, false)
			b.Screenshot(fmt.Sprintf("%s-%d-dark", name, width), width, 0, true)
		}
	}
}

// TestAdminMovesScreenshots takes pictures of what opens by a click.
func TestAdminMovesScreenshots(t *testing.T) {
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		t.Skip("make screenshots takes pictures")
	}
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/admin.list.html")
	b.Click("#pick-1")
	b.Click(".more summary")
	b.Screenshot("admin.open-list-1280-light", 1280, 800, false)
	b.Screenshot("admin.open-list-390-dark", 390, 844, true)
	b.Open(base + "/stories/admin.audit.html")
	b.Click(".log summary")
	b.Screenshot("admin.open-audit-1280-dark", 1280, 800, true)
	b.Screenshot("admin.open-audit-390-light", 390, 844, false)
	b.SetViewport(390, 844)
	b.ClickText("Menu")
	b.Screenshot("admin.open-menu-390-light", 390, 0, false)
}

// TestAdminWidths opens every admin page at the widths between phone and desk, where
// the rail folds and tables stop scrolling: nothing may stick out.
func TestAdminWidths(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	for _, name := range adminStories() {
		b.Open(base + "/stories/" + storybook.FileName(name, "en"))
		for _, width := range []int{641, 900, 1024, 1280} {
			b.SetViewport(width, 800)
			var over int
			b.Eval("document.documentElement.scrollWidth - innerWidth", &over)
			if over > 0 {
				t.Errorf("%s at %d: %d pixels stick out", name, width, over)
			}
		}
	}
	b.RequireClean(t)
}

// TestAdminSearchKeys checks that keys lead to the search field, also where it is
// folded away, and that they leave fields alone.
func TestAdminSearchKeys(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/admin.list.html")
	b.Press("/")
	if got := b.Focused(); got != "rail-search" {
		t.Errorf("/ leads to %q", got)
	}
	b.Fill("#list-search", "a")
	b.Press("/")
	if got := b.Focused(); got != "list-search" {
		t.Errorf("/ in a field leads to %q", got)
	}
	b.Press("Control+k")
	if got := b.Focused(); got != "rail-search" {
		t.Errorf("Ctrl K leads to %q", got)
	}
	b.SetViewport(390, 844)
	b.Open(base + "/stories/admin.list.html")
	b.Press("Control+k")
	if got := b.Focused(); got != "menu-search" {
		t.Errorf("on a phone Ctrl K leads to %q", got)
	}
	b.Press("Escape")
	if b.Has("[data-fold][open]") || b.Focused() != "summary" {
		t.Errorf("Escape leaves the menu open or the focus at %q", b.Focused())
	}
}

// TestAdminBulk chooses rows one by one, all together and by range.
func TestAdminBulk(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/admin.list.html")
	shown := func() (v bool) { b.Eval("document.querySelector('.bulk').checkVisibility()", &v); return v }
	if shown() {
		t.Error("the bar is there before anything is chosen")
	}
	b.Click("#pick-1")
	b.WaitText("1 chosen")
	b.Eval("document.querySelector('#pick-3').dispatchEvent(new MouseEvent('click', {shiftKey: true, bubbles: true}))", nil)
	b.WaitText("3 chosen")
	b.Click("#pick-all")
	b.WaitText("6 chosen")
	if !shown() {
		t.Error("the bar is not there")
	}
	b.Click("#pick-all")
	if shown() {
		t.Error("the bar stays when nothing is chosen")
	}
	plain := b.NewContext()
	plain.DisableScript()
	plain.Open(base + "/stories/admin.list.html")
	plain.Click("#pick-1")
	plain.WaitFor(".bulk .button")
}

// TestAdminRow checks that a row leads where its name does, and that what lies in
// it is still its own.
func TestAdminRow(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/admin.list.html")
	b.Click("tbody tr:nth-child(3) td:nth-child(4)")
	if got := b.URL().Path; got != "/stories/" {
		t.Errorf("the row leads to %s", got)
	}
	b.Open(base + "/stories/admin.list.html")
	b.Click("#pick-2")
	if got := b.URL().Path; got != "/stories/admin.list.html" {
		t.Errorf("the box leads to %s", got)
	}
}

// TestAdminSecret checks that a secret can be replaced without script.
func TestAdminSecret(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.DisableScript()
	b.Open(base + "/stories/admin.form.html")
	b.Click(".replace summary")
	b.Fill("#f-MailServerConfig-Password", "new")
	if got := b.Value("#f-MailServerConfig-Password"); got != "new" {
		t.Errorf("value %q", got)
	}
}

// TestAdminProgress follows a job to its end: the page stays, the focus too.
func TestAdminProgress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	base := serve(t, map[string]http.HandlerFunc{"/job": page(t, func(*http.Request) ui.View {
		v := ui.AdminProgress{Done: int(asked.Add(1)) * 10, Total: 30, Refresh: 1, Buttons: []ui.AdminButton{{Label: "Stop", URL: "/stop", Post: true}}}
		if v.Done >= v.Total {
			v.Refresh, v.Failures = 0, []ui.AdminItem{{Title: "Emil Keller", Detail: "No address."}}
		}
		return v
	})})
	b := browser.New(t)
	b.Open(base + "/job")
	b.Eval("window.same = true; document.querySelector('[data-live=buttons] button').focus()", nil)
	b.WaitText("30 of 30 done, 1 failed")
	b.WaitText("Emil Keller")
	var same bool
	b.Eval("window.same === true && document.querySelector('progress').value === 30", &same)
	if !same || b.Focused() != "button" {
		t.Errorf("same page: %v, focus on %q", same, b.Focused())
	}
	plain := b.NewContext()
	plain.DisableScript()
	asked.Store(0)
	plain.Open(base + "/job")
	plain.WaitText("30 of 30 done, 1 failed")
}

// TestAdminSample checks that the sample of a sign-in page follows the form.
func TestAdminSample(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/admin.form-branding.html")
	b.Fill("#f-name", "Globex")
	if got := b.Text(".sample.dark [data-sample=name]"); got != "Globex" || b.Text("[data-sample=initial]") != "G" {
		t.Errorf("the name is %q", got)
	}
	b.Fill("#f-accent", "#1E2A5A")
	b.WaitFor("body:has(link[href='/assets/sample-1e2a5a.css'])")
	var fill string
	b.Eval(`new Promise((done) => { setTimeout(() => done(getComputedStyle(document.querySelector('.sample.light .sample-button')).backgroundColor), 500); })`, &fill)
	if fill != "rgb(30, 42, 90)" {
		t.Errorf("the button is %s", fill)
	}
	b.RequireClean(t)
}

// TestAxe runs axe-core on every story, in both colour schemes, and tolerates no
// serious or critical finding.
func TestAxe(t *testing.T) {
	browser.RequireAxe(t)
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	for _, s := range storybook.Stories("en") {
		if s.Name == "end.form-post" || s.Name == "admin.list-thousand" {
			continue // leaves at once; a thousand rows like those of admin.list
		}
		b.Open(base + "/stories/" + s.Name + ".html")
		b.Axe(t, s.Name)
	}
}

package storybook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"twofold/internal/testkit/browser"
	"twofold/ui"
	"twofold/ui/storybook"
)

// serve starts a server for pages of this test beside the stories. The pages
// are on localhost, and so on another site than the client app of each test.
func serve(t *testing.T, routes map[string]http.HandlerFunc) string {
	t.Helper()
	stories, err := storybook.Handler()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", stories)
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

func page(t *testing.T, view func(r *http.Request) ui.View) http.HandlerFunc {
	t.Helper()
	u, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) { u.Render(w, r, http.StatusOK, view(r)) }
}

// TestStoriesInTheBrowser opens every page at the smallest width: nothing may
// stick out, and nothing may be stopped by the content security policy.
func TestStoriesInTheBrowser(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.SetViewport(320, 640)
	for _, s := range storybook.Stories("en") {
		if s.Name == "end.form-post" {
			continue // leaves at once; TestFormPost follows it
		}
		b.Open(base + "/stories/" + s.Name + ".html")
		var over int
		b.Eval("document.documentElement.scrollWidth - innerWidth", &over)
		if over > 0 {
			t.Errorf("%s: %d pixels stick out", s.Name, over)
		}
	}
	b.RequireClean(t)
}

// TestLanguagesInTheBrowser opens the main pages on a phone in the other languages,
// whose words are longer: nothing may stick out of the page, and no button out of
// its own box.
func TestLanguagesInTheBrowser(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.SetViewport(390, 844)
	for _, lang := range storybook.Languages()[1:] {
		for _, name := range mainStories() {
			b.Open(base + "/stories/" + storybook.FileName(name, lang))
			var over []string
			b.Eval(`[...document.querySelectorAll('body *')].filter((e) => {
				const box = e.getBoundingClientRect();
				return !e.closest('.aside, .scroll') && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
			}).concat([...document.querySelectorAll('button, .button, label, h1, h2')].filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0))
				.map((e) => e.tagName + ': ' + e.textContent.trim())`, &over)
			for _, what := range over {
				t.Errorf("%s in %s: %s sticks out", name, lang, what)
			}
		}
	}
	b.RequireClean(t)
}

// TestRevealInGerman checks that the script has its words from the page.
func TestRevealInGerman(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/signin.known-name.de.html")
	b.Fill("#password", "ein ziemlich langes Passwort mit vielen Zeichen")
	b.ClickText("Anzeigen")
	b.ClickText("Verbergen")
	b.WaitText("Anzeigen")
	b.Open(base + "/stories/challenge.sending.fr.html")
	b.WaitText("dans 0:")
}

// TestKeep checks that texts to keep can be copied and printed with script, and
// fetched without.
func TestKeep(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/enroll.codes.html")
	b.Eval(`(() => {
		window.copied = ''; window.printed = 0;
		navigator.clipboard.writeText = async (s) => { window.copied = s; };
		window.print = () => { window.printed += 1; };
	})()`, nil)
	b.ClickText("Copy")
	b.WaitText("Copied")
	var copied string
	b.Eval("window.copied", &copied)
	if lines := strings.Split(copied, "\n"); len(lines) != 10 || lines[0] != "7K3QM-9XD2R" {
		t.Errorf("copied %q", copied)
	}
	b.ClickText("Print")
	var printed int
	b.Eval("window.printed", &printed)
	if printed != 1 {
		t.Errorf("printed %d times", printed)
	}
	plain := b.NewContext()
	plain.DisableScript()
	plain.Open(base + "/stories/enroll.codes.html")
	if !plain.Has("a[download]") || !plain.Has("[data-copy][hidden]") || !plain.Has("[data-print][hidden]") {
		t.Error("without script the page offers what it cannot do, or no file")
	}
}

// TestPrinting checks that only the codes come to paper.
func TestPrinting(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/enroll.codes.html")
	var shown string
	b.Eval(`(() => {
		// The rules of paper on the screen: the kit cannot switch media.
		for (const sheet of document.styleSheets) for (const layer of sheet.cssRules) for (const rule of layer.cssRules ?? []) {
			if (rule instanceof CSSMediaRule && rule.media.mediaText === 'print') rule.media.mediaText = 'all';
		}
		return document.body.innerText.trim();
	})()`, &shown)
	if got := strings.Fields(shown); len(got) != 12 || got[0] != "Recovery" || got[2] != "7K3QM-9XD2R" || got[11] != "M6BXT-H2VDP" {
		t.Errorf("on paper: %q", shown)
	}
}

// TestScreenshots takes pictures of the main pages, for people to look at.
func TestScreenshots(t *testing.T) {
	if os.Getenv("TWOFOLD_SCREENSHOTS") == "" {
		t.Skip("make screenshots takes pictures")
	}
	base, b := serve(t, nil), browser.New(t)
	for _, name := range mainStories() {
		for _, lang := range storybook.Languages() {
			b.Open(base + "/stories/" + storybook.FileName(name, lang))
			for _, width := range []int{390, 1280} {
				b.Screenshot(fmt.Sprintf("%s-%s-%d-light", name, lang, width), width, 0, false)
				if lang == "en" {
					b.Screenshot(fmt.Sprintf("%s-%s-%d-dark", name, lang, width), width, 0, true)
				}
			}
		}
	}
}

// mainStories are the pages that people see most, and the fullest.
func mainStories() []string {
	return []string{
		"signin.languages", "signin.wrong", "challenge.resend-later", "challenge.remember", "challenge.bypass", "challenge.fallback",
		"choose.methods", "enroll.app", "enroll.codes", "enroll.later", "enroll.choose", "enroll.phone-number", "reset.ask",
		"reset.sent", "reset.password", "refused.steps", "problem.foreign", "end.signout", "account.all", "account.empty", "account.remove",
		"account.rename-taken", "account.error",
	}
}

func TestPasswordReveal(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/signin.known-name.html")
	if got := b.Focused(); got != ui.FieldPassword {
		t.Errorf("focus on %q", got)
	}
	kind := func() (s string) { b.Eval("document.getElementById('password').type", &s); return s }
	b.Fill("#password", "secret")
	b.ClickText("Show")
	if got := kind(); got != "text" || b.Text(".reveal") != "Hide" {
		t.Errorf("shown: type %q, button %q", got, b.Text(".reveal"))
	}
	b.ClickText("Hide")
	if got := kind(); got != "password" {
		t.Errorf("hidden: type %q", got)
	}
}

func TestCodeField(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/challenge.sent.html")
	b.Fill("#f-code", " 123 456 ")
	if got := b.Value("#f-code"); got != "123456" {
		t.Errorf("value %q", got)
	}
	b.Press("Enter")
	if got := b.URL().Path; got != "/stories/" {
		t.Errorf("Enter leads to %s", got)
	}
}

// TestDelivery follows a delivery that fails at the third question: the page
// says so, asks no more and lets the code be sent again.
func TestDelivery(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	base := serve(t, map[string]http.HandlerFunc{
		"/page": page(t, func(*http.Request) ui.View {
			return ui.Challenge{ID: "c1", Delivery: ui.Delivery{State: ui.Sending}, StatusURL: "/delivery", CanResend: true, ResendIn: 60}
		}),
		"/delivery": func(w http.ResponseWriter, _ *http.Request) {
			switch asked.Add(1) {
			case 1:
				http.Error(w, "busy", http.StatusServiceUnavailable)
			case 2:
				fmt.Fprint(w, `{"state":"sending","text":"Still sending.","resend_in":50}`)
			default:
				fmt.Fprint(w, `{"state":"failed","text":"<b>No</b> such mailbox.","resend_in":0}`)
			}
		},
	})
	b := browser.New(t)
	b.Open(base + "/page")
	b.WaitText("in 1:00")
	b.WaitText("Still sending.")
	b.WaitText("<b>No</b> such mailbox.")
	b.WaitFor("button[value=resend]:not(:disabled)")
	if !b.Has(".delivery[data-state=failed]") {
		t.Error("the state is not shown")
	}
	b.Eval("new Promise(done => setTimeout(done, 2500))", nil) // longer than a pause between questions
	if got := asked.Load(); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
}

// TestDoubleClick checks that of two clicks one is sent.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	base, b := serve(t, nil), browser.New(t)
	b.Open(base + "/stories/signin.known-name.html")
	var sent int
	b.Eval(`(() => {
		let sent = 0;
		document.addEventListener('submit', (event) => { if (!event.defaultPrevented) sent += 1; });
		const go = document.querySelector('.primary');
		go.click(); go.click();
		return sent;
	})()`, &sent)
	if sent != 1 {
		t.Errorf("sent %d times, want 1", sent)
	}
	b.WaitText("Storybook")
}

// clientApp is another origin that says what it was sent, or sends it on.
func clientApp(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "app got %s %s", r.Method, r.FormValue("code"))
	})
	mux.HandleFunc("/onward", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:"+r.URL.Query().Get("port")+"/arrived", http.StatusSeeOther)
	})
	mux.HandleFunc("/arrived", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "app arrived") })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// TestRedirectAfterPost checks that the policy lets a sign-in end at the app.
func TestRedirectAfterPost(t *testing.T) {
	t.Parallel()
	app := clientApp(t)
	port := app.URL[strings.LastIndex(app.URL, ":")+1:]
	for _, tt := range []struct{ name, origin, to, want string }{
		{"origin", app.URL + "/callback", "/callback", "app got GET"},
		{"scheme, and the app sends on to another origin", "http:", "/onward?port=" + port, "app arrived"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := serve(t, map[string]http.HandlerFunc{
				"GET /page":  page(t, func(*http.Request) ui.View { return ui.SignIn{Page: ui.Page{FormOrigin: tt.origin}, Action: "/page"} }),
				"POST /page": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, app.URL+tt.to, http.StatusSeeOther) },
			})
			b := browser.New(t)
			b.Open(base + "/page")
			b.Click("button.primary")
			b.WaitText(tt.want)
		})
	}
}

// TestFormPost checks that the answer reaches the app, with script and without.
func TestFormPost(t *testing.T) {
	t.Parallel()
	app := clientApp(t)
	base := serve(t, map[string]http.HandlerFunc{
		"/page": page(t, func(*http.Request) ui.View {
			return ui.FormPost{Target: app.URL + "/callback", Fields: []ui.Pair{{Name: "code", Value: "abc"}, {Name: "submit", Value: "x"}}}
		}),
	})
	b := browser.New(t)
	b.Open(base + "/page")
	b.WaitText("app got POST abc")
	plain := b.NewContext()
	plain.DisableScript()
	plain.Open(base + "/page")
	plain.ClickText("Continue")
	plain.WaitText("app got POST abc")
}

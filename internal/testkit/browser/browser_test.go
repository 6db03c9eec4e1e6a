package browser_test

import (
	"fmt"
	"html"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/testkit/browser"
)

const page = `<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>Sign in</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"><script type="module" src="/app.js"></script></head><body><h1>Sign in</h1>
<form method="post" action="/answer"><label for="user">Name</label><input id="user" name="user" value="old">
<select id="lang" name="lang"><option value="en">English<option value="de">Deutsch</select>
<input type="checkbox" id="trust" name="trust"><label for="trust">Trust</label>
<input type="date" id="day" name="day"><textarea id="note" name="note"></textarea>
<button id="go" name="go" value="1">Go on</button> <button disabled id="off">Off</button></form>
<p id="script">no script</p><p id="cover">x<button id="under">Under</button><span></span></p>
<button hidden id="invisible">I</button><a href="/second">Second page</a></body></html>`

const style = `:root{color-scheme:light dark} body{background:rgb(255,255,255)} @media (prefers-color-scheme:dark){body{background:rgb(0,0,0)}}
#cover{position:relative} #cover span{position:absolute;inset:0;background:#888}`

const script = `document.querySelector("#script").textContent = "script runs";
document.querySelector("#user").addEventListener("input", e => { document.querySelector("#script").textContent = "typed " + e.target.value });`

// site is a small site with a strict content security policy.
func site(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'")
			f(w, r)
		})
	}
	handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-sid", Value: "s", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/", MaxAge: 3600})
		fmt.Fprint(w, page)
	})
	handle("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond) // a slow answer: what follows must not see the old page
		http.Redirect(w, r, "/done?"+postForm(r), http.StatusSeeOther)
	})
	handle("GET /done", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>Done</title><link rel="icon" href="data:,"><h1>Done</h1><p id="sent">%s</p>`, html.EscapeString(r.URL.Query().Encode()))
	})
	handle("GET /second", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>Second</title><link rel="icon" href="data:,"><h1>Second</h1><p id="language">%s</p>`, r.Header.Get("Accept-Language"))
	})
	handle("GET /refused", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<!doctype html><title>No</title><link rel="icon" href="data:,"><p>Refused</p>`)
	})
	handle("GET /bad", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>Bad</title><link rel="icon" href="data:,"><script>inline()</script><script src="/throws.js"></script><p>Bad</p>`)
	})
	asset := func(path, kind, body string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, body)
		})
	}
	asset("/style.css", "text/css", style)
	asset("/app.js", "text/javascript", script)
	asset("/throws.js", "text/javascript", `console.error("I say", 42); fetch("/missing"); throw new Error("thrown here")`)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
}

func postForm(r *http.Request) string {
	_ = r.ParseForm()
	return r.PostForm.Encode()
}

func TestForm(t *testing.T) {
	base := site(t)
	b := browser.New(t)
	b.Open(base + "/")
	if b.Title() != "Sign in" || b.Text("h1") != "Sign in" || b.Status() != 200 {
		t.Errorf("title %q, h1 %q, status %d", b.Title(), b.Text("h1"), b.Status())
	}
	b.WaitText("script runs")
	b.Fill("#user", "Änn & Co")
	b.WaitText("typed Änn & Co")
	b.Fill("#lang", "de")
	b.Fill("#day", "2031-02-03")
	b.Fill("#note", "gone")
	b.Fill("#note", "")
	b.Click("#trust")
	b.Click("#go")
	// No waiting here: Click has waited for the page.
	if got, want := b.Text("#sent"), "day=2031-02-03&go=1&lang=de&note=&trust=on&user=%C3%84nn+%26+Co"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	b.WaitURL(func(u *url.URL) bool { return u.Path == "/done" && u.Query().Get("go") == "1" })
	b.Back()
	b.ClickText("Second page")
	if b.URL().Path != "/second" {
		t.Errorf("URL = %s", b.URL())
	}
	b.RequireClean(t)
}

func TestKeyboard(t *testing.T) {
	b := browser.New(t)
	b.Open(site(t) + "/")
	b.Click("#user")
	b.Press("Control+a")
	b.Press("bob")
	if got := b.Value("#user"); got != "bob" {
		t.Errorf("value = %q", got)
	}
	b.Press("Tab")
	if got := b.Focused(); got != "lang" {
		t.Errorf("focus on %q after Tab", got)
	}
	b.Press("Shift+Tab")
	b.Press("Enter")
	if got := b.Text("#sent"); !strings.Contains(got, "user=bob") {
		t.Errorf("sent %q", got)
	}
}

func TestWithoutScript(t *testing.T) {
	t.Setenv("TWOFOLD_SCREENSHOTS", t.TempDir())
	b := browser.New(t)
	b.DisableScript()
	b.Open(site(t) + "/")
	if got := b.Text("#script"); got != "no script" {
		t.Errorf("script ran: %q", got)
	}
	b.Fill("#user", "ann")
	b.Fill("#lang", "de")
	b.Click("#go")
	b.WaitText("user=ann")
	if got := b.Text("#sent"); !strings.Contains(got, "lang=de") {
		t.Errorf("sent %q", got)
	}
	b.Screenshot("without script", 400, 300, false)
}

func TestConsoleErrors(t *testing.T) {
	base := site(t)
	b := browser.New(t)
	b.Open(base + "/refused") // a page's own status is no error
	b.WaitText("Refused")
	b.RequireClean(t)
	if b.Status() != http.StatusForbidden {
		t.Errorf("status = %d", b.Status())
	}
	b.Open(base + "/bad")
	b.WaitConsole("/missing")
	all := strings.Join(b.ConsoleErrors(), "\n")
	for _, want := range []string{"Content Security Policy", "thrown here", "console: I say 42", "network: status 404 (" + base + "/missing)"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
	r := &recorder{TB: t}
	b.RequireClean(r)
	if len(r.errors) != len(b.ConsoleErrors()) {
		t.Errorf("RequireClean reported %d of %d errors", len(r.errors), len(b.ConsoleErrors()))
	}
	b.ClearErrors()
	b.RequireClean(t)
}

func TestSecondUserSharesNothing(t *testing.T) {
	base := site(t)
	ann := browser.New(t)
	bob := ann.NewContext()
	ann.Open(base + "/")
	bob.Open(base + "/second")
	sid := ann.Cookie("__Host-sid")
	if sid == nil || !sid.Secure || !sid.HttpOnly || sid.SameSite != http.SameSiteLaxMode || !sid.Expires.IsZero() {
		t.Errorf("cookie = %v", sid)
	}
	if seen := ann.Cookie("seen"); seen == nil || time.Until(seen.Expires) < 50*time.Minute {
		t.Errorf("cookie = %v", seen)
	}
	if got := bob.Cookies(); len(got) != 0 {
		t.Errorf("the second user has cookies: %v", got)
	}
	ann.ClearCookies()
	if got := ann.Cookies(); len(got) != 0 {
		t.Errorf("cookies after ClearCookies: %v", got)
	}
	t.Run("subtest", func(t *testing.T) {
		eve := ann.For(t)
		eve.SetLanguage("de-CH, de")
		eve.Open(base + "/second")
		if got := eve.Text("#language"); got != "de-CH, de" {
			t.Errorf("language = %q", got)
		}
	})
	ann.Reload() // the subtest's end leaves the others alone
}

func TestScreenshot(t *testing.T) {
	t.Setenv("TWOFOLD_SCREENSHOTS", t.TempDir())
	dir := t.TempDir()
	t.Setenv("TWOFOLD_SCREENSHOTS", dir+"/deep/er")
	b := browser.New(t)
	b.Open(site(t) + "/")
	tests := []struct {
		name          string
		width, height int
		dark          bool
		light         uint32
	}{
		{"phone light", 320, 640, false, 0xffff},
		{"desk dark", 1000, 500, true, 0},
		{"whole page", 500, 0, false, 0xffff},
	}
	for _, tt := range tests {
		path := b.Screenshot(tt.name, tt.width, tt.height, tt.dark)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		size := img.Bounds().Size()
		if size.X != tt.width || (tt.height != 0 && size.Y != tt.height) {
			t.Errorf("%s: size %v", tt.name, size)
		}
		if r, _, _, _ := img.At(2, 2).RGBA(); r != tt.light {
			t.Errorf("%s: red of the ground = %x", tt.name, r)
		}
	}
	var now struct{ W, H int }
	b.Eval(`({W: innerWidth, H: innerHeight})`, &now)
	if d := cmp.Diff(struct{ W, H int }{1280, 800}, now); d != "" {
		t.Errorf("viewport afterwards: %s", d)
	}
}

func TestPasskey(t *testing.T) {
	b := browser.New(t)
	device := b.AddAuthenticator()
	b.Open(site(t) + "/")
	var kind string
	b.Eval(`navigator.credentials.create({publicKey: {challenge: new Uint8Array(32), rp: {name: "Twofold"},
		user: {id: new Uint8Array([1, 2]), name: "ann", displayName: "Ann"}, pubKeyCredParams: [{type: "public-key", alg: -7}],
		authenticatorSelection: {residentKey: "required", userVerification: "required"}}}).then(c => c.type)`, &kind)
	keys := device.Passkeys()
	if kind != "public-key" || len(keys) != 1 || keys[0].RelyingParty != "localhost" || !keys[0].Discoverable || string(keys[0].UserHandle) != "\x01\x02" {
		t.Errorf("type %q, passkeys %+v", kind, keys)
	}
	device.VerifyUser(false)
	var failed string
	b.Eval(`navigator.credentials.get({publicKey: {challenge: new Uint8Array(32), userVerification: "required", timeout: 1000}}).then(() => "", e => e.name)`, &failed)
	if failed == "" {
		t.Error("a user who is not verified passes")
	}
	device.Remove()
}

func TestFailuresSayWhereTheBrowserStands(t *testing.T) {
	base := site(t)
	shared := browser.New(t)
	tests := []struct {
		name string
		do   func(b *browser.Browser)
		want string
	}{
		{"absent", func(b *browser.Browser) { b.Click("#nope") }, "click #nope: there is no such element"},
		{"disabled", func(b *browser.Browser) { b.Click("#off") }, "the element is disabled"},
		{"invisible", func(b *browser.Browser) { b.Click("#invisible") }, "the element is not visible"},
		{"covered", func(b *browser.Browser) { b.Click("#under") }, "the element is covered by <span>"},
		{"no text", func(b *browser.Browser) { b.WaitText("Bye") }, `wait for the text "Bye"`},
		{"no element", func(b *browser.Browser) { b.Text("#nope") }, "read #nope: there is no such element"},
		{"no option", func(b *browser.Browser) { b.Fill("#lang", "fr") }, `it does not take "fr"`},
		{"filling a checkbox", func(b *browser.Browser) { b.Fill("#trust", "on") }, "it is a checkbox; click it"},
		{"other page", func(b *browser.Browser) { b.WaitURL(func(u *url.URL) bool { return u.Path == "/x" }) }, "wait for the URL"},
		{"script error", func(b *browser.Browser) { b.Eval(`nope()`, nil) }, "nope is not defined"},
		{"no server", func(b *browser.Browser) { b.Open("http://localhost:1/") }, "ERR_"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				b := shared.For(r)
				b.Open(base + "/")
				b.Timeout = 500 * time.Millisecond
				tt.do(b)
			}()
			<-done
			if !strings.Contains(r.fatal, tt.want) || !strings.Contains(r.fatal, "URL:") {
				t.Errorf("failed with:\n%s\nwant %q", r.fatal, tt.want)
			}
		})
	}
}

// recorder stands for a test and notes why it ends.
type recorder struct {
	testing.TB
	fatal  string
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatal(args ...any) { r.fatal = fmt.Sprint(args...); runtime.Goexit() }

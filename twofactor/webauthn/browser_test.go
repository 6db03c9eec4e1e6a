package webauthn_test

import (
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"twofold/internal/testkit/browser"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/webauthn"
)

// page is what the sign-in page makes of a prompt: the same form, script and policy.
var page = template.Must(template.New("page").Parse(`<!doctype html><html lang="{{.Lang}}"><head><title>Passkey</title><link rel="icon" href="data:,">
<script src="/spy.js"></script><script type="module" src="/signin.js"></script></head><body><h1>Passkey</h1>
{{with .Error}}<div class="notice bad" role="alert"><p>{{.}}</p></div>{{end}}<p>{{.Message}}</p>
{{if .Name}}<form method="post" action="/name"><input id="name" name="name" autocomplete="username webauthn"><button>Next</button></form>
{{end}}<form method="post" action="/answer/{{.Kind}}" novalidate data-guard data-prompt="{{.Data}}" id="answer">
<input type="hidden" name="challenge" value="c-1">
<button class="primary" name="do" value="answer">Continue</button></form>
<a href="/away">Away</a><script type="module" src="/webauthn.js"></script></body></html>`))

// spy counts what the browser is asked, and takes away what the page's query names.
const spy = `window.asked = window.settled = 0;
for (const name of ["create", "get"]) {
  const call = navigator.credentials[name].bind(navigator.credentials);
  navigator.credentials[name] = (options) => { window.asked++; return call(options).finally(() => { window.settled++; }); };
}
const query = new URLSearchParams(location.search);
if (query.has("bare")) delete window.PublicKeyCredential;
if (query.has("background")) document.hasFocus = () => false;`

// site is a provider of one user, in one place.
type site struct {
	t       *testing.T
	factor  whole
	base    string
	mu      sync.Mutex
	open    map[string]twofactor.Challenge // by kind of page
	bound   []twofactor.Enrollment
	user    twofactor.User
	lang    string
	name    bool // the page has a name field
	answers int  // posted
	last    url.Values
}

func newSite(t *testing.T, options string) *site {
	t.Helper()
	s := &site{t: t, open: map[string]twofactor.Challenge{}, user: ann, lang: "en"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{kind}", s.show)
	mux.HandleFunc("POST /answer/{kind}", s.answer)
	mux.HandleFunc("GET /done", s.done)
	mux.HandleFunc("GET /away", s.done)
	mux.HandleFunc("GET /webauthn.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, webauthn.Provider().Assets, "webauthn.js")
	})
	mux.HandleFunc("GET /spy.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(spy))
	})
	mux.HandleFunc("GET /signin.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, os.DirFS("../../ui/assets"), "signin.js")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	s.base = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	env := factortest.Env()
	env.Origin = s.base
	s.factor = openAt(t, options, env)
	return s
}

func head(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")
}

func (s *site) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := r.PathValue("kind")
	var c twofactor.Challenge
	var err error
	switch kind {
	case "create":
		c, err = s.factor.BeginEnroll(r.Context(), s.user, s.bound)
	case "get":
		c, err = s.factor.Challenge(r.Context(), s.user, s.bound)
	case "identify":
		c, err = s.factor.Identify(r.Context())
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		s.t.Errorf("show %s: %v", kind, err)
		return
	}
	s.open[kind] = c
	head(w)
	err = page.Execute(w, map[string]any{
		"Kind": kind, "Lang": s.lang, "Message": c.Prompt.Message, "Data": string(c.Prompt.Data), "Name": s.name, "Error": r.URL.Query().Get("error"),
	})
	if err != nil {
		s.t.Error(err)
	}
}

func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	if err := r.ParseForm(); err != nil {
		s.t.Error(err)
	}
	s.last = r.PostForm
	kind := r.PathValue("kind")
	c, a := s.open[kind], credential(r.PostForm.Get("credential"))
	var err error
	if kind == "create" {
		var e twofactor.Enrollment
		if e, err = s.factor.FinishEnroll(r.Context(), s.user, s.bound, c, a); err == nil {
			s.bound = append(s.bound, e)
		}
	} else {
		err = s.signIn(r, c, a, kind == "identify")
	}
	if err != nil {
		if !errors.Is(err, twofactor.ErrWrongAnswer) {
			s.t.Errorf("answer to %s: %v", kind, err)
		}
		http.Redirect(w, r, "/"+kind+"?error=That+was+not+right.", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, "/done", http.StatusSeeOther)
}

func (s *site) signIn(r *http.Request, c twofactor.Challenge, a twofactor.Answer, identify bool) error {
	bound := s.bound
	if identify {
		handle, err := s.factor.Whose(c, a)
		if err != nil {
			return err
		}
		bound = nil
		for _, e := range s.bound {
			if e.Handle == handle {
				bound = append(bound, e)
			}
		}
	}
	res, err := s.factor.Verify(r.Context(), bound, c, a)
	if err != nil {
		return err
	}
	for i := range s.bound {
		if s.bound[i].Handle == res.Used.Handle {
			s.bound[i] = res.Used
		}
	}
	return nil
}

func (s *site) done(w http.ResponseWriter, _ *http.Request) {
	head(w)
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>Done</title><link rel="icon" href="data:,"><h1>Done</h1></html>`))
}

func (s *site) posted() (int, url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers, s.last
}

func (s *site) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// requirePosted fails unless n answers have come, the last as the page's button sends it.
func (s *site) requirePosted(n int) {
	s.t.Helper()
	got, last := s.posted()
	if got != n || last.Get("do") != "answer" || last.Get("challenge") != "c-1" || len(last["credential"]) != 1 || len(last) != 3 {
		s.t.Errorf("%d answers, want %d; the last: %v", got, n, last)
	}
}

// requireAsked fails unless the page has asked the browser n times so far. Modules
// have run when a page is loaded.
func requireAsked(t *testing.T, b *browser.Browser, n int) {
	t.Helper()
	var asked int
	b.Eval(`window.asked`, &asked)
	if asked != n {
		t.Errorf("the browser was asked %d times, want %d", asked, n)
	}
}

func requireAlerts(t *testing.T, b *browser.Browser, n int) {
	t.Helper()
	var alerts int
	b.Eval(`document.querySelectorAll('[role="alert"]').length`, &alerts)
	if alerts != n {
		t.Errorf("%d alerts, want %d", alerts, n)
	}
}

func atDone(u *url.URL) bool { return u.Path == "/done" }

// enrollIn sets up a passkey in b, which has a device.
func (s *site) enrollIn(b *browser.Browser) {
	s.t.Helper()
	b.Open(s.base + "/create")
	b.ClickText("Continue")
	b.WaitURL(atDone)
}

func TestBrowser(t *testing.T) {
	shared := browser.New(t)

	t.Run("create, get, identify", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		device := b.AddAuthenticator()
		b.Open(s.base + "/create")
		requireAsked(t, b, 0)
		b.ClickText("Continue")
		b.WaitURL(atDone)
		s.requirePosted(1)
		keys := device.Passkeys()
		if len(keys) != 1 || keys[0].RelyingParty != "localhost" || len(keys[0].UserHandle) != 64 || encode(keys[0].ID) != s.bound[0].Handle {
			t.Errorf("passkeys on the device: %+v", keys)
		}
		b.Open(s.base + "/get") // at once
		b.WaitURL(atDone)
		s.requirePosted(2)
		b.Open(s.base + "/identify")
		b.ClickText("Continue")
		b.WaitURL(atDone)
		s.requirePosted(3)
		b.RequireClean(t)
	})

	t.Run("a name field offers passkeys", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.AddAuthenticator()
		s.enrollIn(b)
		s.with(func() { s.name = true })
		b.Open(s.base + "/identify") // the virtual device picks one by itself
		b.WaitURL(atDone)
		s.requirePosted(2)
		b.RequireClean(t)
	})

	t.Run("the button takes over from the name field", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.AddAuthenticator()
		s.with(func() { s.name = true })
		b.Open(s.base + "/identify") // there is no passkey: the offer stays open
		for _, button := range []string{"Continue", "Try again"} {
			b.ClickText(button)
			b.WaitText("The passkey was not used")
			requireAlerts(t, b, 1)
		}
		if n, _ := s.posted(); n != 0 {
			t.Errorf("%d answers", n)
		}
		b.RequireClean(t)
	})

	t.Run("the device has one already", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.AddAuthenticator()
		s.enrollIn(b)
		b.Open(s.base + "/create")
		b.ClickText("Continue")
		b.WaitText("This device already has a passkey for this account.")
		s.requirePosted(1)
		b.RequireClean(t)
	})

	t.Run("refused, in German, then not", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		device := b.AddAuthenticator()
		s.enrollIn(b)
		s.with(func() { s.user.Locale = "de-CH" })
		device.VerifyUser(false)
		b.Open(s.base + "/get")
		requireAsked(t, b, 1)
		b.Eval(`new Promise((done) => { const t = setInterval(() => { if (settled) { clearInterval(t); done(); } }, 10); })`, nil)
		requireAlerts(t, b, 0) // nobody has asked for anything yet
		b.ClickText("Continue")
		b.WaitText("Der Passkey wurde nicht verwendet")
		requireAlerts(t, b, 1)
		device.VerifyUser(true)
		b.ClickText("Noch einmal versuchen") // right away: nothing is locked by the first click
		b.WaitURL(atDone)
		s.requirePosted(2)
		b.RequireClean(t)
	})

	t.Run("who is not known is told in the page's language", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		device := b.AddAuthenticator()
		s.enrollIn(b)
		device.VerifyUser(false)
		s.with(func() { s.lang = "fr-CH" })
		b.Open(s.base + "/identify")
		b.ClickText("Continue")
		b.WaitText("La clé d’accès n’a pas été utilisée")
	})

	t.Run("after a wrong answer it waits", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.AddAuthenticator()
		s.enrollIn(b)
		b.Open(s.base + "/get?error=Wrong.")
		requireAsked(t, b, 0) // it would go round in circles
		b.ClickText("Continue")
		b.WaitURL(atDone)
		s.requirePosted(2)
	})

	t.Run("back after an answer", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.AddAuthenticator()
		s.enrollIn(b)
		b.Open(s.base + "/identify")
		b.ClickText("Continue")
		b.WaitURL(atDone)
		b.Back()
		b.ClickText("Continue") // the button works again; the old challenge is still open here
		b.WaitURL(atDone)
		s.requirePosted(3)
	})

	t.Run("in the background it waits, and says so", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		device := b.AddAuthenticator()
		s.enrollIn(b)
		device.VerifyUser(false)
		b.Open(s.base + "/get?background")
		requireAsked(t, b, 0)
		b.ClickText("Continue")
		b.WaitText("this window was in the background")
	})

	t.Run("no passkeys in this browser", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.Open(s.base + "/create?bare")
		b.WaitText("Passkeys do not work in this browser or on this device.")
		b.ClickText("Continue")
		requireAlerts(t, b, 1)
		b.Open(s.base + "/identify?bare") // there are other ways to sign in
		requireAlerts(t, b, 0)
		b.ClickText("Continue")
		b.WaitText("Passkeys do not work in this browser or on this device.")
		if n, _ := s.posted(); n != 0 {
			t.Errorf("%d answers", n)
		}
		b.RequireClean(t)
	})

	t.Run("at another address", func(t *testing.T) {
		s, b := newSite(t, `{}`), shared.For(t)
		b.Open(strings.Replace(s.base, "localhost", "127.0.0.1", 1) + "/create")
		b.ClickText("Continue")
		b.WaitText("Passkeys do not work at this web address.")
		if n, _ := s.posted(); n != 0 {
			t.Errorf("%d answers", n)
		}
	})
}

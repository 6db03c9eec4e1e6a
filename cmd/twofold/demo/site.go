package demo

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"time"

	"twofold/internal/fakes"
	"twofold/ui"
)

//go:embed templates assets
var files embed.FS

// Paths of the site.
const (
	pathHome        = "/"
	pathApps        = "/apps/"
	pathCallback    = "/callback"
	pathSignedOut   = "/signed-out"
	pathMailbox     = "/mailbox"
	pathMailboxJSON = "/mailbox.json"
	pathMail        = "/mailbox/mail"
	pathAssets      = "/demo/"
)

// Config is what the site is built from.
type Config struct {
	Facts Facts
	Inbox *fakes.Inbox // what the mailbox shows
	HTTP  *http.Client // reaches the provider; default: a client with a timeout
	Now   func() time.Time
	Rand  io.Reader
	Log   *slog.Logger
}

// Site is everything of the demo that a browser sees beside the provider: the app
// and the mailbox page.
type Site struct {
	app    app
	host   string
	routes http.Handler
}

// New builds the site; it is an http.Handler for a server of its own at
// Facts.AppURL.
func New(c Config) (*Site, error) {
	c = c.withDefaults()
	u, err := ui.New()
	if err != nil {
		return nil, err
	}
	if u, err = u.Extend(files, "templates/*.html"); err != nil {
		return nil, err
	}
	u.OnFailure = func(r *http.Request, err error) { c.Log.ErrorContext(r.Context(), "demo page not drawn", "error", err) }
	at, err := url.Parse(c.Facts.AppURL)
	if err != nil || at.Host == "" {
		return nil, errors.New("demo: the facts name no app URL")
	}
	s := &Site{host: at.Host, app: app{
		facts: c.Facts, ui: u, now: c.Now, rand: c.Rand, log: c.Log,
		providers: providers{http: c.HTTP},
		sessions:  sessions{now: c.Now, rand: c.Rand, secure: at.Scheme == "https"},
	}}
	s.routes = s.mount(&mailbox{ui: u, inbox: c.Inbox, now: c.Now})
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return c
}

// mount lists all routes.
func (s *Site) mount(m *mailbox) http.Handler {
	a := &s.app
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET "+pathApps+"{tenant}/{app}", a.edge(a.signedIn))
	mux.HandleFunc("GET "+pathApps+"{tenant}/{app}/sign-in", a.edge(a.signIn))
	mux.HandleFunc("POST "+pathApps+"{tenant}/{app}/refresh", a.edge(a.refresh))
	mux.HandleFunc("POST "+pathApps+"{tenant}/{app}/sign-out", a.edge(a.signOut))
	mux.HandleFunc("GET "+pathCallback, a.edge(a.callback))
	mux.HandleFunc("GET "+pathSignedOut, a.edge(a.signedOut))
	mux.HandleFunc("GET "+pathMailbox, m.list)
	mux.HandleFunc("GET "+pathMailboxJSON, m.json)
	mux.HandleFunc("GET "+pathMail, m.mail)
	mux.Handle("GET /assets/", a.ui.Assets())
	mux.HandleFunc("GET "+pathAssets+"{name}", asset)
	mux.HandleFunc("/", a.edge(func(http.ResponseWriter, *http.Request) error { return errNoPage }))
	return http.NewCrossOriginProtection().Handler(mux)
}

// ServeHTTP answers under the one name of the site. Cookies and redirect URIs
// belong to it, and no other name that somebody points at this address may read
// the codes in the mailbox (DNS rebinding).
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != s.host {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			to := url.URL{Scheme: s.scheme(), Host: s.host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
			return
		}
		http.Error(w, "misdirected request", http.StatusMisdirectedRequest)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	s.routes.ServeHTTP(w, r)
}

func (s *Site) scheme() string {
	if s.app.sessions.secure {
		return "https"
	}
	return "http"
}

// asset serves the style sheet and the script of the site. Browsers ask each time
// whether they have changed, for they have names without a hash.
func asset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.PathValue("name"))
	b, err := files.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(b)
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", fmt.Sprintf("%q", hex.EncodeToString(sum[:8])))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if path.Ext(name) == ".js" {
		h.Set("Content-Type", "text/javascript; charset=utf-8") // whatever the system's table of types says
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

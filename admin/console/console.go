package console

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

//go:embed templates
var files embed.FS

// Config is what a Console stands on; all fields must be set.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger
	Tenants   *tenants.Store
	Audit     *audit.Trail
	Admin     *admin.Admin
	UI        *ui.UI // whose OnFailure is told of pages that cannot be drawn
	PublicURL string // scheme://host[:port], without a trailing slash
	// HTTP reaches the issuers below PublicURL, best without leaving the process.
	HTTP *http.Client
	// SessionLive reports whether a session of the tenant in ctx still stands behind
	// what was granted in it.
	SessionLive func(ctx context.Context, tenantID, sid, userID string) (bool, error)
	// Reference describes the API; it is asked while serving.
	Reference func() Reference
}

// Console serves the pages of the administration.
type Console struct {
	Config
	secure bool
	cross  *http.CrossOriginProtection
}

// pages are those of package ui and our own: parsed once, as they are there.
var pages = sync.OnceValues(func() (*ui.UI, error) {
	u, err := ui.New()
	if err != nil {
		return nil, err
	}
	return u.Extend(files, "templates/*.html")
})

// New makes a Console.
func New(c Config) (*Console, error) {
	if c.DB == nil || c.Seal == nil || c.Now == nil || c.Rand == nil || c.Log == nil || c.Tenants == nil || c.Audit == nil || c.Admin == nil || c.UI == nil ||
		c.HTTP == nil || c.SessionLive == nil || c.Reference == nil || c.PublicURL == "" {
		return nil, errors.New("console: incomplete configuration")
	}
	all, err := pages()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.UI = all.Telling(c.UI.OnFailure)
	return &Console{Config: c, secure: strings.HasPrefix(c.PublicURL, "https://"), cross: http.NewCrossOriginProtection()}, nil
}

// Mount puts all routes on r, the root router.
func (c *Console) Mount(r *mux.Router) {
	r.HandleFunc("/admin", c.page(c.toHome)).Methods(http.MethodGet, http.MethodHead)
	a := r.PathPrefix("/admin").Subrouter()
	a.HandleFunc("/signin", c.page(c.signIn)).Methods(http.MethodGet)
	a.HandleFunc("/callback", c.page(c.callback)).Methods(http.MethodGet)
	a.HandleFunc("/signout", c.page(c.signOut)).Methods(http.MethodPost)
	a.HandleFunc("/setup", c.page(c.showSetup)).Methods(http.MethodGet, http.MethodHead)
	a.HandleFunc("/setup", c.page(c.setUp)).Methods(http.MethodPost)
	a.HandleFunc("/", c.at(start)).Methods(http.MethodGet, http.MethodHead)
	c.mountPages(a)
	a.NotFoundHandler = c.page(func(http.ResponseWriter, *http.Request) error {
		return &offer{errNoPage, heading(problem.NotFound), []ui.Link{{Text: "To the start page", URL: pathHome}}}
	})
}

var errNoPage = problem.New(problem.NotFound, "page_unknown", "There is no page at this address.")

func (c *Console) toHome(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, pathHome, http.StatusSeeOther)
	return nil
}

// page runs h and shows its error: one place that turns errors into pages.
func (c *Console) page(h web.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if errors.Is(err, admin.ErrAgain) {
			err = c.proveAnew(w, r)
		}
		if err != nil {
			c.fail(w, r, err)
		}
	}
}

// fail shows an error as a page, or as JSON to a program.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = problem.New(problem.Invalid, "too_large", "That is more than we can take.")
	}
	p := problem.From(err)
	if p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		c.Log.ErrorContext(r.Context(), "request failed", "request", web.RequestID(r.Context()), "error", err)
	}
	if p.Code == codeRefused {
		c.Log.WarnContext(r.Context(), "sign-in to the console refused", "request", web.RequestID(r.Context()), "error", err)
	}
	if accept := r.Header.Get("Accept"); accept != "" && !strings.Contains(accept, "text/html") && !strings.Contains(accept, "*/*") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(p.Kind.Status())
		_ = json.NewEncoder(w).Encode(map[string]any{
			"title": p.Message, "status": p.Kind.Status(), "code": p.Code, "request_id": web.RequestID(r.Context()),
		})
		return
	}
	page := c.chrome(r)
	page.Reference = web.RequestID(r.Context())
	v := ui.Problem{Page: page, Heading: heading(p.Kind), Text: p.Message, RetryAfter: int(math.Ceil(p.RetryAfter.Seconds()))}
	var o *offer
	if errors.As(err, &o) {
		v.Heading, v.Actions = o.heading, o.actions
	}
	c.UI.Render(w, r, p.Kind.Status(), v)
}

// offer is an error whose page has more to say than its kind: what is best done next.
type offer struct {
	problem *problem.Error
	heading string
	actions []ui.Link
}

func (o *offer) Error() string { return o.problem.Error() }
func (o *offer) Unwrap() error { return o.problem }

func heading(k problem.Kind) string {
	switch k {
	case problem.NotFound:
		return "There is nothing here"
	case problem.Method, problem.Invalid:
		return "This could not be read"
	case problem.Forbidden, problem.Unauthenticated:
		return "This is not possible"
	case problem.TooMany:
		return "Please wait a little"
	case problem.Gone, problem.Conflict:
		return "This is over"
	case problem.Unavailable:
		return "We are busy"
	default:
		return "Something went wrong on our side"
	}
}

// chrome is what all pages share. They are in English (SPEC §8.2 has no translations).
func (c *Console) chrome(*http.Request) ui.Page { return ui.Page{Lang: "en"} }

// ownForm checks that a post comes from a page of ours, and reads it.
func (c *Console) ownForm(r *http.Request) error {
	if err := c.cross.Check(r); err != nil {
		return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
	}
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	return nil
}

// one is a value that was posted exactly once; anything else is empty.
func one(r *http.Request, name string) string {
	if v := r.PostForm[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

package idp

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/ui"
)

var (
	errNoPage = problem.New(problem.NotFound, "page_unknown", "There is no page at this address.")
	errMethod = problem.New(problem.Method, "method", "This address cannot be used in this way.")
)

// page runs h and shows its error: one place that turns errors into pages.
func (s *IDP) page(h web.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.chooseLanguage(w, r) {
			return
		}
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// fail shows an error as a page, or as JSON to a program.
func (s *IDP) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = problem.New(problem.Invalid, "too_large", "That is more than we can take.")
	}
	p := problem.From(err)
	if p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		s.Log.ErrorContext(r.Context(), "request failed", "request", web.RequestID(r.Context()), "error", err)
	}
	switch p.Code {
	case "tenant_unknown", "sign_in_over", "sign_in_foreign":
		if err := s.noteRefusal(r.Context(), p.Code); err != nil {
			s.Log.ErrorContext(r.Context(), "refusal not recorded", "error", err)
		}
	}
	if !wantsPage(r) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(p.Kind.Status())
		_ = json.NewEncoder(w).Encode(map[string]any{
			"title": p.Message, "status": p.Kind.Status(), "code": p.Code, "request_id": web.RequestID(r.Context()),
		})
		return
	}
	s.UI.Render(w, r, p.Kind.Status(), s.problemPage(r, p))
}

func wantsPage(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "*/*")
}

// chrome is what all pages of a request share.
func (s *IDP) chrome(r *http.Request, app string) ui.Page {
	t := tenants.RealmFrom(r.Context()).Tenant
	p := ui.Page{
		Lang:  s.language(r, nil, nobody),
		Realm: ui.Brand{Name: t.Title, Logo: logoIn(r.Context(), t.LogoURL), Accent: t.Accent}, App: app, Reference: "",
	}
	if t.ID != "" {
		p.LanguageURL = r.URL.RequestURI()
	}
	return p
}

// problemPage finds the page for an error. It carries a reference to read out.
func (s *IDP) problemPage(r *http.Request, p *problem.Error) ui.View {
	page := s.chrome(r, "")
	page.Reference = web.RequestID(r.Context())
	switch p.Code {
	case "tenant_unknown":
		return ui.UnknownTenant(page)
	case "client_unknown":
		return ui.UnknownApp(page)
	case "redirect_unknown":
		return ui.BadRedirect(page)
	case "sign_in_over":
		return ui.ExpiredSignIn(page, ui.Link{Text: page.Say("signin.again"), URL: s.againLink(r)})
	case "sign_in_foreign":
		return ui.ForeignSignIn(page, ui.Link{})
	}
	return ui.Problem{Page: page, Heading: page.Say(heading(p.Kind)), Text: page.Explain(p.Code, p.Message), RetryAfter: seconds(p.RetryAfter)}
}

// heading is the key of what to say above an error of kind k.
func heading(k problem.Kind) string {
	switch k {
	case problem.NotFound:
		return "kind.nothing"
	case problem.Method, problem.Invalid:
		return "kind.unreadable"
	case problem.Forbidden, problem.Unauthenticated:
		return "kind.forbidden"
	case problem.TooMany:
		return "kind.wait"
	case problem.Gone, problem.Conflict:
		return "kind.over"
	case problem.Unavailable:
		return "kind.busy"
	case problem.Internal:
	}
	return "kind.fault"
}

// retryAfter says with a step's own page how long to wait, where err knows.
func retryAfter(w http.ResponseWriter, err error) {
	if p := problem.From(err); p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(p.RetryAfter)))
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

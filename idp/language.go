package idp

import (
	"net/http"
	"strings"
	"time"

	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/ui"
)

// languageCookie keeps the language that somebody has chosen at the foot of a page.
// It decides about words and nothing else (SECURITY I12).
func languageCookie() cookie { return cookie{name: "lang"} }

const languageCookieLife = 365 * 24 * time.Hour

// chooseLanguage keeps the language that the links at the foot of our pages name, and
// shows the same page again without it: wherever the sign-in stands. A link on
// another site chooses nothing, so that no app changes what people have chosen.
func (s *IDP) chooseLanguage(w http.ResponseWriter, r *http.Request) bool {
	query := r.URL.Query()
	lang := query.Get(ui.FieldLanguage)
	if r.Method != http.MethodGet || !ui.Speaks(lang) || tenants.RealmFrom(r.Context()).Tenant.ID == "" {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return false
	}
	query.Del(ui.FieldLanguage)
	to := *r.URL
	to.RawQuery = query.Encode()
	s.setCookie(w, r, languageCookie(), lang, languageCookieLife)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
	return true
}

// language is what to speak on a page: the language chosen in this browser, asked for
// by the app, kept for the user, wished by the browser, set for the tenant. The user
// is only asked for when nothing before decides.
func (s *IDP) language(r *http.Request, asked []string, user func() string) string {
	first := append(s.cookies(r, languageCookie()), strings.Join(asked, " "), r.URL.Query().Get("ui_locales"))
	if lang, ok := ui.Match(first...); ok {
		return lang
	}
	return ui.Language(user(), r.Header.Get("Accept-Language"), tenants.RealmFrom(r.Context()).Tenant.Locale)
}

// nobody is the locale of a user who is not known.
func nobody() string { return "" }

// localeOf is the locale of the user of a sign-in, if there is one.
func (s *IDP) localeOf(r *http.Request, a *attempt) string {
	switch a.facts.UserID {
	case "":
		return ""
	case a.user.ID:
		return a.user.Locale
	}
	user, err := s.Tenants.User(r.Context(), a.facts.UserID)
	if err != nil {
		return "" // the page finds out by itself, and says so
	}
	return user.Locale
}

// explain puts an error of a step into words.
func (s *IDP) explain(r *http.Request, a *attempt, err error) string {
	p := problem.From(err)
	return s.stepPage(r, a).Explain(p.Code, p.Message)
}

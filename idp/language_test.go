package idp

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/tenants"
)

func inAcme(t *testing.T, method, address string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, address, nil)
	return r.WithContext(tenants.WithRealm(t.Context(), tenants.Realm{Tenant: tenants.Tenant{ID: "t1", Name: "acme", Locale: "it-CH"}}))
}

func TestChooseLanguage(t *testing.T) {
	const page = "/t/acme/signin/x"
	for _, c := range []struct {
		name, method, address, site string
		want                        string // where to; empty: nothing is chosen
	}{
		{"chosen", "GET", page + "?lang=de", "same-origin", page},
		{"typed", "GET", page + "?lang=de", "none", page},
		{"by a browser that does not say", "GET", page + "?lang=fr", "", page},
		{"the rest stays", "GET", "/t/acme/end_session?state=a%26b&lang=it&id_token_hint=x", "same-origin", "/t/acme/end_session?id_token_hint=x&state=a%26b"},
		{"by another site", "GET", page + "?lang=de", "cross-site", ""},
		{"by a sibling", "GET", page + "?lang=de", "same-site", ""},
		{"posted", "POST", page + "?lang=de", "same-origin", ""},
		{"a language nobody speaks", "GET", page + "?lang=nl", "same-origin", ""},
		{"not a language", "GET", page + "?lang=%0d%0aSet-Cookie:x", "same-origin", ""},
		{"not asked", "GET", page, "same-origin", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := inAcme(t, c.method, c.address), httptest.NewRecorder()
			r.Header.Set("Sec-Fetch-Site", c.site)
			chosen := New(Config{PublicURL: "http://x"}).chooseLanguage(w, r)
			if chosen != (c.want != "") || w.Header().Get("Location") != c.want {
				t.Fatalf("chosen %v, to %q", chosen, w.Header().Get("Location"))
			}
			if !chosen {
				return
			}
			want := "twofold-lang=" + r.URL.Query().Get("lang") + "; Path=/t/acme; Max-Age=31536000; HttpOnly; SameSite=Lax"
			if got := w.Header().Get("Set-Cookie"); got != want || w.Code != http.StatusSeeOther {
				t.Errorf("status %d, cookie %q", w.Code, got)
			}
		})
	}
	w := httptest.NewRecorder()
	if New(Config{}).chooseLanguage(w, httptest.NewRequest(http.MethodGet, "/?lang=de", nil)) {
		t.Error("a language was chosen at no tenant")
	}
}

// The order: chosen, asked for by the app, kept for the user, wished by the browser,
// set for the tenant.
func TestLanguageOrder(t *testing.T) {
	for _, c := range []struct {
		name, cookie, query string
		asked               []string
		user, browser       string
		want                string
		looksUp             bool
	}{
		{"all", "fr", "it", []string{"de"}, "en", "it", "fr", false},
		{"the app's request", "", "", []string{"rm", "de-CH"}, "en", "it", "de", false},
		{"the address", "", "de fr", nil, "en", "it", "de", false},
		{"the user", "", "", []string{"es", "pt"}, "fr-CH", "de", "fr", true},
		{"the browser", "", "", nil, "", "pt, de;q=0.3", "de", true},
		{"the tenant", "", "", nil, "", "pt", "it", true},
		{"a cookie of nonsense", "../x", "", nil, "", "de", "de", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := inAcme(t, http.MethodGet, "/t/acme/signin/x")
			if c.query != "" {
				r.URL.RawQuery = "ui_locales=" + url.QueryEscape(c.query)
			}
			if c.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "twofold-lang", Value: c.cookie})
			}
			r.Header.Set("Accept-Language", c.browser)
			looked := false
			got := New(Config{PublicURL: "http://x"}).language(r, c.asked, func() string { looked = true; return c.user })
			if diff := cmp.Diff([]any{c.want, c.looksUp}, []any{got, looked}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

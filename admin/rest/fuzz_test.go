package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzChange sends bodies to a change: none may end in a 5xx, nor change what is not
// to be changed.
func FuzzChange(f *testing.F) {
	w := newWorld(f, sqlite(f))
	for _, body := range []string{
		`{}`, `{"name":"x"}`, `{"name":null}`, `{"active":false,"email":"a@b.example"}`, `{"id":"x","version":1}`, `{"phone":"+41791234567","locale":"de"}`,
		`[[[]]]`, `{"name":"\u0000"}`, `{"name":1e999}`, `{"display_name":"\ud800"}`, "\xff", `{"name":"a","name":"b"}`, `{"Name":"a"}`,
	} {
		f.Add(body)
	}
	id := w.ids["nobody one"]
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPatch, w.in("one", "/users/"+id), strings.NewReader(body))
		r.Header = http.Header{"Authorization": {"Bearer sub-one"}, "Content-Type": {"application/merge-patch+json"}, "If-Match": {"*"}}
		rec := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(rec, r)
		if rec.Code >= 500 || rec.Code == 200 && !strings.Contains(rec.Body.String(), id) {
			t.Errorf("%q: %d %s", body, rec.Code, rec.Body)
		}
	})
}

// FuzzList asks for lists in any way.
func FuzzList(f *testing.F) {
	w := newWorld(f, sqlite(f))
	for _, query := range []string{
		"", "limit=1", "limit=-1", "after=W10.AA", "sort=-created", "search=a%00", "name=%ff", "active=true&kind=person", "limit=1&limit=2", "%zz", ";", "tenant=x&group=y",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, w.in("one", "/users"), nil)
		r.URL = &url.URL{Path: r.URL.Path, RawQuery: query}
		r.Header = http.Header{"Authorization": {"Bearer sub-one"}}
		rec := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(rec, r)
		if rec.Code != 200 && rec.Code != 400 && rec.Code != 422 || strings.ContainsAny(rec.Header().Get("Link"), "\r\n") {
			t.Errorf("%q: %d %s", query, rec.Code, rec.Body)
		}
	})
}

// FuzzOversight sends anything to what was made to be searched, previewed and done in bulk:
// it answers, or says what is wrong.
func FuzzOversight(f *testing.F) {
	w := newWorld(f, sqlite(f))
	acme := w.ids["acme"]
	for _, c := range []struct {
		which uint8
		query string
		body  string
	}{
		{0, "kind=sign_in.&from=2026-01-01T00:00:00Z", ""},
		{0, "to=9999-99-99", ""},
		{1, "request=%f0&user=x", ""},
		{2, "state=sent&after=W10.AA", ""},
		{3, "tenant=" + acme, ""},
		{4, "", `{"change":"demand","level":"tenant","target":"` + acme + `","enforce_mfa":true}`},
		{4, "", `{"change":"put_assignment","grace_days":1e18}`},
		{5, "", `{"change":"switch","effect":"grace","two_factor":"` + w.ids["factor one"] + `","to":"off","limit":200,"after":"x.y"}`},
		{6, "", `{"do":"activate","matching":{"search":"\u0000"}}`},
		{6, "", `{"do":"delete","users":[null]}`},
		{6, "", `{"do":"activate","matching":{"limit":"1","after":"x"}}`},
		{7, "", "\x89PNG\r\n\x1a\n"},
		{8, "dry_run=true", `{"name":"x","tenants":"acme"}`},
		{8, "dry_run=true&existing=fail", "name,\"x\n"},
	} {
		f.Add(c.which, c.query, c.body)
	}
	paths := []struct{ method, path, media string }{
		{"GET", "/audit", ""},
		{"GET", "/audit/export", ""},
		{"GET", "/messages", ""},
		{"GET", "/sessions", ""},
		{"POST", "/preview", "application/json"},
		{"POST", "/preview/list", "application/json"},
		{"POST", "/jobs", "application/json"},
		{"PUT", "/tenants/" + acme + "/logo", "image/png"},
		{"POST", "/users/import", "text/csv"},
	}
	f.Fuzz(func(t *testing.T, which uint8, query, body string) {
		to := paths[int(which)%len(paths)]
		r := httptest.NewRequest(to.method, w.in("one", to.path), strings.NewReader(body))
		r.URL = &url.URL{Path: r.URL.Path, RawQuery: query}
		r.Header = http.Header{"Authorization": {"Bearer sub-one"}, "Content-Type": {to.media}}
		rec := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(rec, r)
		if rec.Code >= 500 || rec.Code >= 400 && rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s?%q %q: %d %s", to.method, to.path, query, body, rec.Code, rec.Body)
		}
	})
}

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

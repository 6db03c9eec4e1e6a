package rest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAuthentication(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const me = "/admin/v1/me"
		for name, c := range map[string]struct {
			header, code string
			status       int
			challenge    string
		}{
			"none":       {"", "token_missing", 401, `Bearer realm="twofold"`},
			"another":    {"Basic cm9vdDpyb290", "token_missing", 401, `Bearer realm="twofold"`},
			"empty":      {"Bearer ", "token_missing", 401, `Bearer realm="twofold"`},
			"unknown":    {"Bearer x", "token_invalid", 401, `Bearer realm="twofold", error="invalid_token"`},
			"no role":    {"Bearer nobody-one", "no_role", 403, ""},
			"lower case": {"bearer root-one", "", 200, ""},
		} {
			t.Run(name, func(t *testing.T) {
				r := w.do("", http.MethodGet, me, "", "Authorization", c.header)
				want(t, r, c.status, c.code)
				if got := r.Header.Get("WWW-Authenticate"); got != c.challenge {
					t.Errorf("challenge %q", got)
				}
			})
		}
		r := w.do("ten one", http.MethodGet, me, "")
		want(t, r, 200, "")
		if r.str("kind") != "user" || r.str("id") != w.ids["ten one"] || !strings.Contains(r.text, `"roles":[{"role":"tenant_admin","subscription":"`+w.ids["one"]+`","tenant":"`+w.ids["acme"]+`"}]`) {
			t.Errorf("me: %s", r.text)
		}
		want(t, w.do("", http.MethodGet, me+"?access_token=root-one", ""), 401, "token_missing")
		if r := w.do("panic", http.MethodGet, me, ""); r.StatusCode != http.StatusInternalServerError || strings.Contains(r.text, "secret-words") {
			t.Errorf("a panic: %s", r.text)
		} else {
			want(t, r, 500, "internal")
		}
		w.scopes = []string{"openid"}
		r = w.do("root one", http.MethodGet, me, "")
		want(t, r, 403, "insufficient_scope")
		if got := r.Header.Get("WWW-Authenticate"); got != `Bearer realm="twofold", error="insufficient_scope", scope="admin"` {
			t.Errorf("challenge %q", got)
		}
		w.broken = errors.New("the database is full of secret-words")
		r = w.do("root one", http.MethodGet, me, "")
		want(t, r, 500, "internal")
		if strings.Contains(r.text, "secret-words") || !w.logs.Contains("secret-words") {
			t.Errorf("a broken system: %s", r.text)
		}
	})
}

// What matters asks for a fresh sign-in (RFC 9470), and only then.
func TestFreshSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fresh = false
		path := w.in("one", "/users/"+w.ids["nobody one"])
		r := w.do("sub one", http.MethodDelete, path, "", "If-Match", "*")
		want(t, r, 401, "sign_in_again")
		got := r.Header.Get("WWW-Authenticate")
		if !strings.Contains(got, `error="insufficient_user_authentication"`) || !strings.Contains(got, `max_age="300"`) {
			t.Errorf("challenge %q", got)
		}
		want(t, w.do("sub one", http.MethodPatch, path, `{"display_name":"Nobody"}`, "If-Match", "*"), 200, "")
		w.fresh = true
		want(t, w.do("sub one", http.MethodDelete, path, "", "If-Match", "*"), 204, "")
	})
}

func TestNoSuchOperation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, path := range []string{"/admin/v1", "/admin/v1/", "/admin/v1/nothing", w.in("one", "/nothing"), w.in("one", "/users/")} {
			want(t, w.do("root one", http.MethodGet, path, ""), 404, "operation_unknown")
		}
		for path, allow := range map[string]string{
			"/admin/v1/me": "GET", w.in("one", "/users"): "GET, POST", w.in("one", "/users/"+w.ids["sub one"]): "GET, PATCH, DELETE",
			w.in("one", "/users/x/restore"): "POST",
		} {
			r := w.do("root one", http.MethodPut, path, "{}")
			want(t, r, 405, "method_not_allowed")
			if got := r.Header.Get("Allow"); got != allow {
				t.Errorf("%s allows %q", path, got)
			}
		}
		for _, path := range []string{"/", "/nothing", "/admin", "/admin/v10", "/page"} {
			if r := w.do("", http.MethodPost, path, ""); strings.Contains(r.Header.Get("Content-Type"), "json") {
				t.Errorf("%s is answered by the API: %s", path, r.text)
			}
		}
	})
}

func TestLifeOfAThing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.do("sub one", http.MethodPost, w.in("one", "/client-apps"), `{"name":"shop","type":"spa","redirect_uris":["https://shop.example/cb"]}`)
		want(t, r, 201, "")
		path := strings.TrimPrefix(r.Header.Get("Location"), "https://id.example.test")
		if path != w.in("one", "/client-apps/"+r.str("id")) || r.Header.Get("ETag") != `"1"` || r.str("auth_method") != "none" || r.str("client_id") != "shop" || r.body["active"] != true {
			t.Fatalf("created: %v %s", r.Header, r.text)
		}
		if !strings.Contains(r.text, `"post_logout_redirect_uris":[]`) {
			t.Errorf("an empty list is not []: %s", r.text)
		}
		got := w.do("sub one", http.MethodGet, path, "")
		want(t, got, 200, "")
		if got.text != r.text || got.Header.Get("ETag") != `"1"` {
			t.Errorf("shown: %s", got.text)
		}
		for _, have := range []string{`"1"`, `W/"1"`, `"9", "1"`, "*"} {
			if r := w.do("sub one", http.MethodGet, path, "", "If-None-Match", have); r.StatusCode != http.StatusNotModified || r.text != "" {
				t.Errorf("If-None-Match %s: %d", have, r.StatusCode)
			}
		}
		want(t, w.do("sub one", http.MethodGet, path, "", "If-None-Match", `"2"`), 200, "")
		want(t, w.do("sub one", http.MethodPatch, path, `{"title":"Shop"}`), 428, "if_match_missing")
		r = w.do("sub one", http.MethodPatch, path, `{"title":"Shop","logo_url":null,"min_acr":"urn:twofold:acr:2fa"}`, "If-Match", `"1"`, "Content-Type", "application/merge-patch+json")
		want(t, r, 200, "")
		if r.Header.Get("ETag") != `"2"` || r.str("title") != "Shop" || r.str("name") != "shop" || r.str("min_acr") != "urn:twofold:acr:2fa" {
			t.Errorf("changed: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodPatch, path, `{"min_acr":null}`, "If-Match", `"2"`), 200, "")
		for _, old := range []string{`"1"`, `W/"3"`, "3", `"x"`, `"1", "3"`} {
			r = w.do("sub one", http.MethodPatch, path, `{"title":"Mine"}`, "If-Match", old)
			want(t, r, 412, "changed")
			yours, _ := r.body["yours"].(map[string]any)
			theirs, _ := r.body["theirs"].(map[string]any)
			if r.Header.Get("ETag") != `"3"` || r.str("etag") != `"3"` || yours["title"] != "Mine" || theirs["title"] != "Shop" || theirs["min_acr"] != "" {
				t.Fatalf("If-Match %s: %s", old, r.text)
			}
		}
		want(t, w.do("sub one", http.MethodDelete, path, ""), 428, "if_match_missing")
		r = w.do("sub one", http.MethodDelete, path, "", "If-Match", `"2"`)
		want(t, r, 412, "changed")
		if _, there := r.body["yours"]; there {
			t.Errorf("nothing was to become of it: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodDelete, path, "", "If-Match", `"3"`), 204, "")
		want(t, w.do("sub one", http.MethodGet, path, ""), 404, "unknown")
		r = w.do("sub one", http.MethodPost, path+"/restore", "")
		want(t, r, 200, "")
		if r.body["active"] != false || r.str("name") != "shop" || r.Header.Get("ETag") == "" {
			t.Errorf("restored: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodPost, path+"/restore", ""), 404, "unknown")
		want(t, w.do("sub one", http.MethodPost, w.in("one", "/client-apps"), `{"name":"shop","type":"spa","redirect_uris":["https://shop.example/cb"]}`), 409, "taken", "name")
	})
}

// Each kind can be made, and changed by what the list shows.
func TestEachKind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		user, factor := w.ids["nobody one"], w.ids["factor one"]
		until := w.clock.Now().Add(time.Hour).Format(time.RFC3339)
		for plural, c := range map[string]struct{ body, patch, member string }{
			"tenants":     {`{"name":"shop","sms_countries":["CH"]}`, `{"title":"Shop"}`, "title"},
			"idps":        {`{"name":"partners"}`, `{"title":"Partners"}`, "title"},
			"users":       {`{"name":"Bea","tenants":["` + w.ids["acme"] + `"],"password":"` + password + `"}`, `{"display_name":"Bea"}`, "display_name"},
			"groups":      {`{"name":"engineers"}`, `{"name":"makers"}`, "name"},
			"assignments": {`{"two_factor":"` + factor + `","level":"user","target":"` + user + `"}`, `{"grace_days":7}`, "grace_days"},
			"exemptions":  {`{"level":"idp","target":"` + w.ids["idp one"] + `","reason":"move","until":"` + until + `"}`, `{"reason":"longer move"}`, "reason"},
		} {
			t.Run(plural, func(t *testing.T) {
				r := w.do("root one", http.MethodPost, w.in("one", "/"+plural), c.body)
				want(t, r, 201, "")
				path := w.in("one", "/"+plural+"/"+r.str("id"))
				changed := w.do("root one", http.MethodPatch, path, c.patch, "If-Match", r.Header.Get("ETag"))
				want(t, changed, 200, "")
				if changed.body[c.member] == r.body[c.member] {
					t.Errorf("not changed: %s", changed.text)
				}
				list := w.do("root one", http.MethodGet, w.in("one", "/"+plural)+"?limit=200&sort=-created", "")
				want(t, list, 200, "")
				if items, _ := list.body["items"].([]any); len(items) == 0 || items[0].(map[string]any)["id"] != r.str("id") {
					t.Errorf("list: %s", list.text)
				}
				want(t, w.do("root one", http.MethodDelete, path, "", "If-Match", changed.Header.Get("ETag")), 204, "")
				for _, secret := range []string{password, "the-key"} {
					if strings.Contains(r.text+changed.text+list.text, secret) {
						t.Errorf("a secret is shown")
					}
				}
			})
		}
		r := w.do("root one", http.MethodPost, "/admin/v1/subscriptions", `{"name":"three"}`)
		want(t, r, 201, "")
		path := "/admin/v1/subscriptions/" + r.str("id")
		want(t, w.do("root one", http.MethodPatch, path, `{"title":"Three"}`, "If-Match", `"1"`), 200, "")
		want(t, w.do("root one", http.MethodPatch, path, `{"title":"Drei"}`, "If-Match", `"1"`), 412, "changed")
		want(t, w.do("root one", http.MethodDelete, path, "", "If-Match", `"2"`), 204, "")
		want(t, w.do("root one", http.MethodGet, path+"/users", ""), 404, "unknown")
		want(t, w.do("root one", http.MethodPost, path+"/restore", ""), 200, "")
		want(t, w.do("sub one", http.MethodPost, "/admin/v1/subscriptions", `{"name":"four"}`), 403, "may_not")
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/users")
		var all []string
		next := path + "?limit=2&sort=-name"
		for range 10 {
			r := w.do("sub one", http.MethodGet, next, "")
			want(t, r, 200, "")
			all = append(all, r.names()...)
			link := r.Header.Get("Link")
			if (link == "") != (r.str("next") == "") {
				t.Fatalf("link %q, next %q", link, r.str("next"))
			}
			if link == "" {
				break
			}
			address, ok := strings.CutPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<https://id.example.test")
			if !ok || strings.Contains(address, ">") {
				t.Fatalf("link %q", link)
			}
			next = address
		}
		if got := strings.Join(all, " "); got != "ten sub root nobody help aud" {
			t.Errorf("all pages: %s", got)
		}
		r := w.do("sub one", http.MethodGet, path+"?search=h&active=true", "")
		want(t, r, 200, "")
		if !slices.Equal(r.names(), []string{"help"}) || !strings.Contains(r.text, `"next":""`) {
			t.Errorf("search: %s", r.text)
		}
		cursor := w.do("sub one", http.MethodGet, path+"?limit=1", "").str("next")
		foreign := w.do("sub two", http.MethodGet, w.in("two", "/users?limit=1"), "").str("next")
		for query, field := range map[string]string{
			"limit=-1": "limit", "limit=0": "limit", "limit=201": "limit", "limit=x": "limit", "limit=99999999999999999999": "limit", "limit=": "limit",
			"sort=password": "sort", "after=x": "after", "limit=1&after=" + foreign: "after", "sort=-name&after=" + cursor: "after",
			"password=x": "password", "active=maybe": "active", "limit=1&limit=2": "limit", "name=%00": "name", "email=%ff": "email", "search=%00": "search",
			"method=x": "method", "search=" + strings.Repeat("x", 300): "search", "access_token=x": "access_token",
		} {
			r := w.do("sub one", http.MethodGet, path+"?"+query, "")
			if r.StatusCode != http.StatusUnprocessableEntity || !slices.Equal(r.faults(), []string{field}) {
				t.Errorf("%s: %d %s", query, r.StatusCode, r.text)
			}
		}
		want(t, w.do("sub one", http.MethodGet, path+"?name=%zz", ""), 400, "query")
		want(t, w.do("sub one", http.MethodGet, path+"/"+w.ids["sub one"]+"?x=1", ""), 422, "invalid", "x")
	})
}

func TestBadBodies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		create, path := w.in("one", "/users"), w.in("one", "/users/"+w.ids["nobody one"])
		for name, c := range map[string]struct {
			body, media string
			status      int
			code        string
			fields      []string
		}{
			"nothing":          {"", "", 415, "media_type", nil},
			"empty":            {" ", "", 400, "json", nil},
			"not JSON":         {"name=x", "", 400, "json", nil},
			"cut":              {`{"name":"x"`, "", 400, "json", nil},
			"two":              {`{} {}`, "", 400, "json", nil},
			"a list":           {`[]`, "", 422, "invalid", nil},
			"null":             {`null`, "", 422, "invalid", nil},
			"a form":           {"name=x", "application/x-www-form-urlencoded", 415, "media_type", nil},
			"text":             {`{}`, "text/plain", 415, "media_type", nil},
			"a strange +json":  {`{}`, "application/vnd.x+json", 415, "media_type", nil},
			"NUL":              {`{"name":"a\u0000"}`, "", 400, "json_nul", nil},
			"NUL in a name":    {`{"a\u0000":1}`, "", 400, "json_nul", nil},
			"broken UTF-8":     {"{\"name\":\"\xff\"}", "", 400, "json", nil},
			"a huge number":    {`{"name":1e400}`, "", 400, "json_number", nil},
			"deep":             {strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000), "", 400, "json_deep", nil},
			"deep lists":       {`{"a":` + strings.Repeat("[", 30000), "", 400, "json_deep", nil},
			"twice":            {`{"name":"a","name":"b"}`, "", 400, "json_twice", nil},
			"too large":        {`{"name":"` + strings.Repeat("a", 1<<20) + `"}`, "", 413, "too_large", nil},
			"just too large":   {`{"name":"` + strings.Repeat("a", 64<<10-10) + `"}`, "", 413, "too_large", nil},
			"large":            {`{"name":"` + strings.Repeat("a", 64<<10-11) + `"}`, "", 422, "invalid", []string{"name"}},
			"nothing in it":    {`{}`, "", 422, "invalid", []string{"name"}},
			"wrong types":      {`{"name":7,"active":"yes","given_name":null,"tenants":"x"}`, "", 422, "invalid", []string{"active", "given_name", "name", "tenants"}},
			"unknown":          {`{"name":"x","is_admin":true,"Active":false}`, "", 422, "invalid", []string{"Active", "is_admin"}},
			"read-only":        {`{"name":"x","id":"` + w.ids["sub one"] + `","version":7,"created_at":"2026-01-01T00:00:00Z","subscription":"x","prove_first":false}`, "", 422, "invalid", []string{"created_at", "id", "prove_first", "subscription", "version"}},
			"a rule":           {`{"name":"x","phone":"123"}`, "", 422, "invalid", []string{"phone"}},
			"a foreign tenant": {`{"name":"x","tenants":["` + w.ids["other"] + `"]}`, "", 422, "invalid", []string{"tenants"}},
			"a wrong choice":   {`{"name":"x","kind":"alien"}`, "", 422, "invalid", []string{"kind"}},
		} {
			t.Run(name, func(t *testing.T) {
				headers := []string{}
				if c.media != "" {
					headers = []string{"Content-Type", c.media}
				}
				want(t, w.do("root one", http.MethodPost, create, c.body, headers...), c.status, c.code, c.fields...)
			})
		}
		for body, field := range map[string]string{
			`{"id":"` + w.ids["sub one"] + `"}`: "id", `{"kind":"machine"}`: "kind", `{"password":"` + password + `"}`: "password", `{"version":null}`: "version",
			`{"nothing":null}`: "nothing", `{"name":null}`: "name", `{"active":1}`: "active", `{"credential_epoch":1}`: "credential_epoch",
		} {
			r := w.do("root one", http.MethodPatch, path, body, "If-Match", "*")
			want(t, r, 422, r.str("code"), field)
			if strings.Contains(r.text, password) {
				t.Errorf("the value comes back: %s", r.text)
			}
		}
		for body, status := range map[string]int{`{"grace_days":99999999999999999999}`: 422, `{"grace_days":1.5}`: 422, `{"grace_days":7e0}`: 422, `{"grace_days":-1}`: 422, `{"grace_days":366}`: 422, `{"grace_days":365}`: 200} {
			if r := w.do("root one", http.MethodPatch, w.in("one", "/assignments/"+w.ids["assignment one"]), body, "If-Match", "*"); r.StatusCode != status || status == 422 && !slices.Equal(r.faults(), []string{"grace_days"}) {
				t.Errorf("%s: %d %s", body, r.StatusCode, r.text)
			}
		}
		if n := len(w.do("root one", http.MethodGet, create+"?limit=200", "").names()); n != 6 {
			t.Errorf("%d users: something was made", n)
		}
	})
}

func TestWhoIsAskedBeforeWhat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		body := `{"name":"` + strings.Repeat("a", 1<<20)
		want(t, w.do("", http.MethodPost, w.in("one", "/users"), body), 401, "token_missing")
	})
}

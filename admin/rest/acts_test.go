package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// An instance is made incomplete, says why it is invalid, is configured, and never
// shows its secret.
func TestTwoFactors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		types := w.do("sub one", http.MethodGet, "/admin/v1/two-factor-types", "")
		want(t, types, 200, "")
		if !strings.Contains(types.text, `"type":"token"`) || !strings.Contains(types.text, `"write_only":true`) {
			t.Errorf("types: %s", types.text)
		}
		path := w.in("one", "/two-factors")
		want(t, w.do("sub one", http.MethodPost, path, `{"name":"x","type":"alien"}`), 422, "invalid", "type")
		r := w.do("sub one", http.MethodPost, path, `{"name":"mail","type":"token"}`)
		want(t, r, 201, "")
		if !strings.Contains(r.text, `"word":"invalid"`) || strings.Contains(r.text, `"wrong":[]`) {
			t.Errorf("an incomplete one: %s", r.text)
		}
		at := path + "/" + r.str("id")
		want(t, w.do("sub one", http.MethodPatch, at, `{"options":{"Nothing":1}}`, "If-Match", "*"), 422, "invalid", "Nothing")
		r = w.do("sub one", http.MethodPatch, at, `{"name":"post","options":{"Key":"a-very-hidden-word","Greeting":"Hi"}}`, "If-Match", r.Header.Get("ETag"))
		want(t, r, 200, "")
		got := w.do("sub one", http.MethodGet, at, "")
		want(t, got, 200, "")
		list := w.do("sub one", http.MethodGet, path, "")
		want(t, list, 200, "")
		if strings.Contains(r.text+got.text+list.text, "a-very-hidden-word") || !strings.Contains(got.text, `"Key":{"value":null,"own":null,"set":true,"source":"instance"}`) ||
			!strings.Contains(got.text, `"Greeting":{"value":"Hi","own":"Hi","set":true,"source":"instance"}`) {
			t.Errorf("configured: %s", got.text)
		}
		if strings.Join(list.names(), " ") != "post token" || strings.Contains(list.text, `"word":""`) {
			t.Errorf("list: %s", list.text)
		}
		stale := w.do("sub one", http.MethodPatch, at, `{"name":"late","options":{"Key":"another-hidden-word"}}`, "If-Match", `"1"`)
		want(t, stale, 412, "changed")
		if strings.Contains(stale.text, "hidden-word") || !strings.Contains(stale.text, `"name":"late"`) {
			t.Errorf("stale: %s", stale.text)
		}
		uses := w.do("sub one", http.MethodGet, path+"/"+w.ids["factor one"]+"/uses", "")
		want(t, uses, 200, "")
		if !strings.Contains(uses.text, w.ids["assignment one"]) {
			t.Errorf("uses: %s", uses.text)
		}
		want(t, w.do("ten one", http.MethodGet, at, ""), 200, "")
		want(t, w.do("ten one", http.MethodPatch, at, `{"name":"mine"}`, "If-Match", "*"), 403, "may_not")
		want(t, w.do("sub one", http.MethodDelete, at, "", "If-Match", `"1"`), 412, "changed")
		want(t, w.do("sub one", http.MethodDelete, at, "", "If-Match", r.Header.Get("ETag")), 204, "")
		want(t, w.do("sub one", http.MethodPost, at+"/restore", ""), 200, "")
		if w.logs.Contains("hidden-word") {
			t.Error("the log holds a secret")
		}
	})
}

func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tenant, user := w.in("one", "/tenants/"+w.ids["acme"]), w.ids["nobody one"]
		apps := tenant + "/client-apps"
		for _, step := range []struct {
			method, path string
			status       int
			code         string
		}{
			{"PUT", apps + "/" + w.ids["app one"], 204, ""},
			{"PUT", apps + "/" + w.ids["app one"], 204, ""},
			{"PUT", apps + "/" + w.ids["app two"], 422, "invalid"},
			{"DELETE", tenant + "/members/" + user, 204, ""},
			{"DELETE", tenant + "/members/" + user, 204, ""},
			{"PUT", tenant + "/members/" + user, 204, ""},
			{"PUT", w.in("one", "/groups/"+w.ids["group one"]) + "/members/" + user, 204, ""},
			{"DELETE", w.in("one", "/users/"+user) + "/idps/" + w.ids["idp one"], 204, ""},
			{"PUT", w.in("one", "/users/"+user) + "/idps/" + w.ids["idp one"], 204, ""},
		} {
			r := w.do("sub one", step.method, step.path, "")
			if r.StatusCode != step.status && !(step.status == 422 && r.StatusCode == http.StatusNotFound) {
				t.Errorf("%s %s: %d %s", step.method, step.path, r.StatusCode, r.text)
			}
		}
		if r := w.do("sub one", http.MethodGet, apps, ""); r.text != `{"items":["`+w.ids["app one"]+`"]}`+"\n" {
			t.Errorf("apps: %s", r.text)
		}
		members := w.do("sub one", http.MethodGet, w.in("one", "/users?group="+w.ids["group one"]), "")
		if strings.Join(members.names(), " ") != "nobody" {
			t.Errorf("members: %s", members.text)
		}
	})
}

// What is shown once is shown once, even to who asks for it again: except by his own
// Idempotency-Key, and then it is sealed in between.
func TestShownOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/client-apps/"+w.ids["app one"]+"/secrets")
		r := w.do("sub one", http.MethodPost, path, `{"days":30}`, "Idempotency-Key", "s1")
		want(t, r, 201, "")
		secret := r.str("secret")
		again := w.do("sub one", http.MethodPost, path, `{"days":30}`, "Idempotency-Key", "s1")
		if len(secret) < 20 || again.str("secret") != secret {
			t.Errorf("secret %q, then %s", secret, again.text)
		}
		w.fresh = false
		want(t, w.do("sub one", http.MethodPost, path, `{"days":30}`, "Idempotency-Key", "s1"), 401, "sign_in_again")
		w.fresh = true
		var kept []string
		must(t, w.db.QueryRaw(t.Context(), &kept, "SELECT sealed FROM idempotency_keys"))
		if len(kept) != 1 || strings.Contains(kept[0], secret) || !strings.HasPrefix(kept[0], "v1.") {
			t.Errorf("kept: %q", kept)
		}
		list := w.do("sub one", http.MethodGet, path, "")
		want(t, list, 200, "")
		items, _ := list.body["items"].([]any)
		if len(items) != 1 || strings.Contains(list.text, secret) {
			t.Fatalf("list: %s", list.text)
		}
		want(t, w.do("sub one", http.MethodDelete, path+"/"+items[0].(map[string]any)["id"].(string), ""), 204, "")
		user := w.in("one", "/users/"+w.ids["nobody one"])
		want(t, w.do("help one", http.MethodPost, user+"/bypass", `{}`), 422, "invalid", "reason")
		r = w.do("help one", http.MethodPost, user+"/bypass", `{"reason":"called back"}`, "Idempotency-Key", "b1")
		want(t, r, 201, "")
		code := r.str("bypass_code")
		sheet := w.do("help one", http.MethodGet, user+"/help", "")
		want(t, sheet, 200, "")
		if code == "" || strings.Contains(sheet.text, code) || sheet.body["help_issued"] != true {
			t.Errorf("help: %s", sheet.text)
		}
		want(t, w.do("help one", http.MethodPost, user+"/unlock", `{"reason":"called back"}`), 200, "")
		want(t, w.do("sub one", http.MethodPut, user+"/password", `{"password":"`+password+`"}`), 204, "")
		want(t, w.do("help one", http.MethodPut, user+"/password", `{"password":"`+password+`"}`), 403, "may_not")
		short := w.do("sub one", http.MethodPut, user+"/password", `{"password":"short-one"}`)
		if short.StatusCode != http.StatusUnprocessableEntity || strings.Contains(short.text, "short-one") {
			t.Errorf("a weak password: %s", short.text)
		}
		for _, hidden := range []string{secret, code, password, "short-one"} {
			if w.logs.Contains(hidden) {
				t.Error("the log holds a secret")
			}
		}
	})
}

func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/roles")
		role := `{"role":"auditor","tenant":"` + w.ids["acme"] + `","subject_kind":"user","subject":"` + w.ids["nobody one"] + `"}`
		r := w.do("sub one", http.MethodPost, path, role)
		want(t, r, 201, "")
		want(t, w.do("sub one", http.MethodPost, path, role), 409, "taken", "name")
		want(t, w.do("sub one", http.MethodPost, path, strings.Replace(role, "auditor", "system_admin", 1)), 403, "above")
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/roles", ""), 404, "unknown")
		want(t, w.do("root one", http.MethodDelete, w.in("two", "/roles/"+r.str("id")), ""), 404, "unknown")
		want(t, w.do("sub one", http.MethodDelete, path+"/"+r.str("id"), ""), 204, "")
		list := w.do("root one", http.MethodGet, "/admin/v1/roles", "")
		want(t, list, 200, "")
		if items, _ := list.body["items"].([]any); len(items) != 1 {
			t.Fatalf("of the server: %s", list.text)
		}
		last := list.body["items"].([]any)[0].(map[string]any)["id"].(string)
		want(t, w.do("root one", http.MethodDelete, "/admin/v1/roles/"+last, ""), 409, "last_system_admin")
	})
}

func TestBaseSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/base-settings/token")
		r := w.do("sub one", http.MethodGet, path, "")
		want(t, r, 200, "")
		r = w.do("sub one", http.MethodPatch, path, `{"options":{"Greeting":"Good day"}}`, "If-Match", r.Header.Get("ETag"))
		want(t, r, 200, "")
		if !strings.Contains(r.text, `"Greeting":{"value":"Good day","own":"Good day","set":true,"source":"subscription"}`) {
			t.Errorf("settings: %s", r.text)
		}
		r = w.do("sub one", http.MethodPatch, path, `{"options":{"Greeting":"Hi"}}`, "If-Match", `"1"`)
		want(t, r, 412, "changed")
		mine, _ := r.body["yours"].(map[string]any)
		theirs, _ := r.body["theirs"].(map[string]any)
		if r.Header.Get("ETag") != `"2"` || !strings.Contains(fmt.Sprint(mine), "own:Hi") || !strings.Contains(fmt.Sprint(theirs), "own:Good day") {
			t.Errorf("both versions: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodPatch, path, `{"options":{"Greeting":"Hi"}}`), 428, "if_match_missing")
		want(t, w.do("sub one", http.MethodPatch, path, `{"options":{"Greeting":null}}`, "If-Match", "*"), 200, "")
		want(t, w.do("sub one", http.MethodGet, w.in("one", "/base-settings/alien"), ""), 404, "unknown")
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/base-settings/token", ""), 404, "unknown")
		want(t, w.do("root one", http.MethodGet, "/admin/v1/base-settings/token", ""), 200, "")
	})
}

func TestExplainAndSearch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/tenants/"+w.ids["acme"]+"/explain")
		r := w.do("ten one", http.MethodGet, path+"?user="+w.ids["nobody one"]+"&acr=urn:twofold:acr:2fa", "")
		want(t, r, 200, "")
		if r.str("result") == "" || !strings.Contains(r.text, `"level":"tenant"`) {
			t.Errorf("explained: %s", r.text)
		}
		want(t, w.do("ten one", http.MethodGet, path, ""), 422, "invalid", "user")
		want(t, w.do("ten one", http.MethodGet, path+"?user="+w.ids["nobody one"]+"&acr=x", ""), 422, "invalid", "acr")
		want(t, w.do("ten one", http.MethodGet, path+"?user="+w.ids["nobody one"]+"&x=1", ""), 422, "invalid", "x")
		want(t, w.do("ten one", http.MethodGet, path+"?user="+w.ids["sub two"], ""), 404, "unknown")
		r = w.do("sub one", http.MethodGet, w.in("one", "/search?search=help"), "")
		want(t, r, 200, "")
		if strings.Join(r.names(), " ") != "help" {
			t.Errorf("found: %s", r.text)
		}
	})
}

// Machines do what their client app has a role for; they are always fresh.
func TestMachine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		want(t, w.do("app one", http.MethodGet, "/admin/v1/me", ""), 403, "no_role")
		g := tenants.Grant{SubscriptionID: w.ids["one"], Role: tenants.RoleSubscriptionAdmin, SubjectKind: tenants.SubjectClientApp, SubjectID: w.ids["app one"], HomeID: w.ids["one"], CreatedBy: "test"}
		put(t)(w.store.PutGrant(t.Context(), &g))
		r := w.do("app one", http.MethodGet, "/admin/v1/me", "")
		want(t, r, 200, "")
		if r.str("kind") != "client_app" || strings.Contains(r.text, "signed_in_at") {
			t.Errorf("me: %s", r.text)
		}
		w.clock.Advance(time.Hour)
		want(t, w.do("app one", http.MethodDelete, w.in("one", "/users/"+w.ids["nobody one"]), "", "If-Match", "*"), 204, "")
		want(t, w.do("app one", http.MethodGet, w.in("two", "/users"), ""), 404, "unknown")
	})
}

func TestTemplates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/templates")
		part := `"level":"tenant","target":"` + w.ids["acme"] + `","kind":"code","lang":"de"`
		want(t, w.do("ten one", http.MethodPut, path, `{`+part+`,"sms":"Hallo"}`), 428, "if_match_missing")
		want(t, w.do("ten one", http.MethodPut, path, `{`+part+`,"sms":"Hallo"}`, "If-Match", "*"), 412, "if_match_any")
		r := w.do("ten one", http.MethodPut, path, `{`+part+`,"sms":"Hallo"}`, "If-Match", `"0"`)
		want(t, r, 200, "")
		stale := w.do("ten one", http.MethodPut, path, `{`+part+`,"sms":"Hoi"}`, "If-Match", `"0"`)
		want(t, stale, 412, "changed")
		if stale.Header.Get("ETag") != r.Header.Get("ETag") || !strings.Contains(stale.text, "Hallo") || !strings.Contains(stale.text, "Hoi") {
			t.Errorf("stale: %s", stale.text)
		}
		if list := w.do("ten one", http.MethodGet, path, ""); !strings.Contains(list.text, "Hallo") {
			t.Errorf("list: %s", list.text)
		}
		want(t, w.do("ten one", http.MethodPost, path+"/preview", `{`+part+`,"medium":"sms"}`), 200, "")
		want(t, w.do("ten one", http.MethodPut, path, `{`+part+`}`, "If-Match", r.Header.Get("ETag")), 200, "")
		want(t, w.do("ten one", http.MethodPut, path, strings.Replace(`{`+part+`}`, w.ids["acme"], w.ids["globex"], 1), "If-Match", `"0"`), 404, "unknown")
		want(t, w.do("sub one", http.MethodPut, path, `{"level":"platform","kind":"code","lang":"de"}`, "If-Match", `"0"`), 422, "invalid", "level")
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/templates", ""), 404, "unknown")
		want(t, w.do("root one", http.MethodGet, "/admin/v1/templates", ""), 200, "")
	})
}

// A list and a look cost few statements, however many things there are.
func TestRoundTrips(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const forWho = 3 // his membership, himself, his roles
		w.tell(t, "one", "acme", "sign_in.done", "nobody one")
		said := testkit.Record(t, w.db.For(t.Context()))
		for path, most := range map[string]int{
			"/users?limit=2": 1, "/users?limit=2&active=true&search=a": 1, "/users?second_factor=none": 1, "/users/" + w.ids["nobody one"]: 1, "/client-apps": 1,
			"/audit?limit=2": 5, "/audit?user=" + w.ids["nobody one"] + "&kind=sign_in.": 5, "/messages?state=failed": 3,
			"/two-factors": 3, "/two-factors/" + w.ids["factor one"]: 6,
		} {
			said.Take()
			want(t, w.do("sub one", http.MethodGet, w.in("one", path), ""), 200, "")
			if all := said.Take(); len(all) > forWho+most {
				t.Errorf("%s: %d statements: %v", path, len(all), all)
			}
		}
	})
}

// An IDP that was deleted stays with its tenants for 30 days: new users have none of it.
func TestUserOfTenantWithDeletedIDP(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.do("sub one", http.MethodPost, w.in("one", "/idps"), `{"name":"old","type":"local"}`)
		want(t, r, 201, "")
		old := w.in("one", "/idps/"+r.str("id"))
		want(t, w.do("sub one", http.MethodPut, w.in("one", "/tenants/"+w.ids["acme"]+"/idps/"+r.str("id")), ""), 204, "")
		want(t, w.do("sub one", http.MethodDelete, old, "", "If-Match", "*"), 204, "")
		body := `{"name":"late","tenants":["` + w.ids["acme"] + `"]`
		want(t, w.do("sub one", http.MethodPost, w.in("one", "/users"), body+`,"idps":["`+r.str("id")+`"]}`), 422, "invalid", "idps")
		r = w.do("sub one", http.MethodPost, w.in("one", "/users"), body+"}")
		want(t, r, 201, "")
		r = w.do("sub one", http.MethodGet, w.in("one", "/users/"+r.str("id")+"/idps"), "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"items":["`+w.ids["idp one"]+`"]`) {
			t.Errorf("known to %s", r.text)
		}
	})
}

package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestAppRules: claim rules are replaced as a whole, and those that cannot be are named;
// whom a restricted app is for is linked, and listed by the lists of users and groups.
func TestAppRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/client-apps/"+w.ids["app one"])
		patch := func(body string) reply { return w.do("sub one", http.MethodPatch, path, body, "If-Match", "*") }
		r := patch(`{"claim_rules":[{"name":"roles","source":"groups","prefix":"app:","map":["app:x = y"],"in":["access_token"]},{"name":"level","source":"constant","value":[1,"a"]}]}`)
		want(t, r, 200, "")
		if !strings.Contains(r.text, `{"name":"roles","source":"groups","in":["access_token"],"prefix":"app:","map":["app:x = y"]},{"name":"level","source":"constant","value":[1,"a"]}`) {
			t.Errorf("kept: %s", r.text)
		}
		// What a new rule does not say it does not get from the one before it.
		r = patch(`{"claim_rules":[{"name":"n","source":"groups"}]}`)
		want(t, r, 200, "")
		if !strings.Contains(r.text, `"claim_rules":[{"name":"n","source":"groups"}]`) {
			t.Errorf("replaced: %s", r.text)
		}
		want(t, patch(`{"claim_rules":[{"name":"sub","source":"tenant"}]}`), 422, "claim_protected", "claim_rules")
		for _, rule := range []string{`{"name":"c","source":"constant","value":{"a":1}}`, `{"name":"c","source":"groups","attribute":"id"}`} {
			want(t, patch(`{"claim_rules":[`+rule+`]}`), 422, "invalid", "claim_rules")
		}
		for _, rule := range []string{`{"name":"c"}`, `{"source":"tenant"}`, `{"name":"c","source":"script"}`, `{"name":"c","source":"tenant","in":["header"]}`, `{"name":"c","source":"tenant","expression":"x"}`} {
			if r := patch(`{"claim_rules":[` + rule + `]}`); r.StatusCode != 422 {
				t.Errorf("%s: %d %s", rule, r.StatusCode, r.text)
			}
		}
		r = patch(`{"claim_rules":[]}`)
		if want(t, r, 200, ""); !strings.Contains(r.text, `"claim_rules":[]`) {
			t.Errorf("taken away: %s", r.text)
		}

		for _, c := range []struct{ kind, id, foreign string }{{"users", w.ids["nobody one"], "nobody two"}, {"groups", w.ids["group one"], "group two"}} {
			list := func() int {
				t.Helper()
				l := w.do("sub one", http.MethodGet, w.in("one", "/"+c.kind+"?client_app="+w.ids["app one"]), "")
				want(t, l, 200, "")
				items, _ := l.body["items"].([]any)
				return len(items)
			}
			at := path + "/" + c.kind + "/" + c.id
			for range 2 {
				want(t, w.do("sub one", http.MethodPut, at, ""), 204, "")
			}
			if list() != 1 {
				t.Errorf("%s: %d are listed", c.kind, list())
			}
			want(t, w.do("sub one", http.MethodDelete, at, ""), 204, "")
			if list() != 0 {
				t.Errorf("%s: still listed", c.kind)
			}
			want(t, w.do("sub one", http.MethodPut, path+"/"+c.kind+"/"+w.ids[c.foreign], ""), 422, "invalid", strings.TrimSuffix(c.kind, "s")+"_id")
		}
	})
}

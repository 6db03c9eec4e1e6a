package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSigningKeys: who runs a tenant sees its keys, who runs the subscription rotates and
// revokes them, with a fresh sign-in and a reason.
func TestSigningKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		acme, key := w.in("one", "/tenants/"+w.ids["acme"]+"/signing-keys"), w.ids["acme"]
		revoke := acme + "/" + key + "/revoke"
		r := w.do("ten one", http.MethodGet, acme, "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"state":"active"`) || strings.Contains(r.text, `"until"`) {
			t.Errorf("list: %s", r.text)
		}
		for _, other := range []string{"globex", "other"} {
			want(t, w.do("ten one", http.MethodGet, w.in("one", "/tenants/"+w.ids[other]+"/signing-keys"), ""), 404, "unknown")
		}
		want(t, w.do("sub one", http.MethodPost, w.in("one", "/tenants/"+w.ids["other"]+"/signing-keys/rotate"), ""), 404, "unknown")
		want(t, w.do("help one", http.MethodGet, acme, ""), 403, "may_not")
		want(t, w.do("ten one", http.MethodPost, acme+"/rotate", ""), 403, "may_not")
		want(t, w.do("ten one", http.MethodPost, revoke, `{"reason":"x"}`), 403, "may_not")
		want(t, w.do("sub two", http.MethodPost, revoke, `{"reason":"x"}`), 404, "unknown")
		want(t, w.do("sub one", http.MethodPost, revoke, `{"reason":" "}`), 422, "reason_missing")
		want(t, w.do("sub one", http.MethodPost, acme+"/"+w.ids["globex"]+"/revoke", `{"reason":"x"}`), 404, "unknown")
		if len(w.ended) > 0 {
			t.Fatalf("refused, and done: %s", w.ended)
		}
		want(t, w.do("sub one", http.MethodPost, acme+"/rotate", ""), 200, "")
		want(t, w.do("sub one", http.MethodPost, revoke, `{"reason":" a lost\nbackup "}`), 204, "")
		if got := strings.Join(w.ended, ", "); !strings.HasPrefix(got, "rotation of acme by ") || !strings.HasSuffix(got, ", key of acme for a lost backup") {
			t.Error(got)
		}
		w.clock.Advance(time.Hour)
		w.fresh = false
		want(t, w.do("sub one", http.MethodGet, acme, ""), 200, "")
		want(t, w.do("sub one", http.MethodPost, acme+"/rotate", ""), 401, "sign_in_again")
		want(t, w.do("sub one", http.MethodPost, revoke, `{"reason":"x"}`), 401, "sign_in_again")
	})
}

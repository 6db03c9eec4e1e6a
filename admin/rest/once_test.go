package rest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/tenants"
)

func TestIdempotencyKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path, body := w.in("one", "/users"), `{"name":"bea","tenants":["`+w.ids["acme"]+`"]}`
		first := w.do("sub one", http.MethodPost, path, body, "Idempotency-Key", "k1")
		want(t, first, 201, "")
		again := w.do("sub one", http.MethodPost, path, body, "Idempotency-Key", "k1")
		want(t, again, 201, "")
		for _, h := range []string{"ETag", "Location", "Content-Type"} {
			if first.Header.Get(h) == "" || first.Header.Get(h) != again.Header.Get(h) {
				t.Errorf("%s: %q, then %q", h, first.Header.Get(h), again.Header.Get(h))
			}
		}
		if first.text != again.text {
			t.Errorf("%s, then %s", first.text, again.text)
		}
		want(t, w.do("sub one", http.MethodPost, path, `{"name":"carl"}`, "Idempotency-Key", "k1"), 422, "idempotency_key_used", "Idempotency-Key")
		want(t, w.do("sub one", http.MethodPost, w.in("one", "/groups"), `{"name":"bea"}`, "Idempotency-Key", "k1"), 422, "idempotency_key_used", "Idempotency-Key")
		want(t, w.do("root one", http.MethodPost, path, body, "Idempotency-Key", "k1"), 409, "taken", "name")
		for _, key := range []string{"", "a b", strings.Repeat("x", 256), "é"} {
			r, err := http.NewRequest(http.MethodPost, w.server.URL+path, strings.NewReader(body))
			must(t, err)
			r.Header = http.Header{"Authorization": {"Bearer sub-one"}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
			want(t, w.send(r), 422, "idempotency_key_invalid", "Idempotency-Key")
		}
		// What failed had no effect, and may be tried again.
		want(t, w.do("sub one", http.MethodPost, path, `{"name":""}`, "Idempotency-Key", "k2"), 422, "invalid", "name")
		want(t, w.do("sub one", http.MethodPost, path, `{"name":"dora"}`, "Idempotency-Key", "k2"), 201, "")
		// Who has lost a role is not told again what he was told with it.
		role := tenants.Grant{SubscriptionID: w.ids["one"], TenantID: w.ids["globex"], Role: tenants.RoleAuditor, SubjectKind: tenants.SubjectUser, SubjectID: w.ids["sub one"], HomeID: w.ids["one"], CreatedBy: "test"}
		put(t)(w.store.PutGrant(t.Context(), &role))
		r := w.do("sub one", http.MethodPost, path, body, "Idempotency-Key", "k1")
		want(t, r, 409, "done_before")
		if r.Header.Get("Location") != first.Header.Get("Location") {
			t.Errorf("location %q", r.Header.Get("Location"))
		}
		must(t, w.store.DeleteGrant(t.Context(), role.ID))
		want(t, w.do("sub one", http.MethodPost, path, body, "Idempotency-Key", "k1"), 201, "")
		// A day later it is another request.
		w.clock.Advance(25 * time.Hour)
		want(t, w.do("sub one", http.MethodPost, path, body, "Idempotency-Key", "k1"), 409, "taken", "name")
		must(t, w.api.SweepKeys(t.Context()))
		var n []int64
		must(t, w.db.QueryRaw(t.Context(), &n, "SELECT count(*) FROM idempotency_keys"))
		if n[0] != 0 {
			t.Errorf("%d keys are left", n[0])
		}
	})
}

func TestIdempotencyKeyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		replies := make([]reply, 6)
		for i := range replies {
			wg.Go(func() {
				replies[i] = w.do("sub one", http.MethodPost, w.in("one", "/groups"), `{"name":"makers"}`, "Idempotency-Key", "k")
			})
		}
		wg.Wait()
		for _, r := range replies {
			want(t, r, 201, "")
			if r.text != replies[0].text {
				t.Errorf("%s and %s", r.text, replies[0].text)
			}
		}
		if got := w.do("sub one", http.MethodGet, w.in("one", "/groups"), "").names(); strings.Join(got, " ") != "makers sales" {
			t.Errorf("groups: %v", got)
		}
	})
}

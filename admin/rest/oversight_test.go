package rest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// tell puts an event into the trail of a tenant.
func (w *world) tell(t *testing.T, sub, tenant, kind, user string) {
	t.Helper()
	trail := &audit.Trail{DB: w.db, Seal: w.store.Seal, Now: w.clock.Now}
	ctx := db.WithScope(t.Context(), db.Scope{Subscription: w.ids[sub], Tenant: w.ids[tenant]})
	must(t, trail.Record(ctx, audit.Event{Kind: kind, Actor: w.ids[user], User: w.ids[user]}, map[string]any{"mark": tenant}))
}

// events are the items of a list of events, as "kind@tenant".
func (w *world) events(r reply) (out []string) {
	list, _ := r.body["items"].([]any)
	for _, e := range list {
		e := e.(map[string]any)
		out = append(out, e["kind"].(string)+"@"+w.called(e["tenant"].(string)))
	}
	return out
}

// TestAudit: the trail is listed, filtered, paged and shown, each within its scope.
func TestAudit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell(t, "one", "acme", "sign_in.done", "nobody one")
		w.tell(t, "one", "globex", "sign_in.done", "nobody one")
		w.tell(t, "one", "acme", "factor.sent", "sub one")
		w.tell(t, "two", "other", "sign_in.done", "nobody two")
		path := w.in("one", "/audit")
		for query, want := range map[string]string{
			"": "factor.sent@acme sign_in.done@globex sign_in.done@acme", "?sort=seq": "sign_in.done@acme sign_in.done@globex factor.sent@acme", "?kind=factor.": "factor.sent@acme",
			"?tenant=" + w.ids["globex"]: "sign_in.done@globex", "?user=" + w.ids["sub one"]: "factor.sent@acme", "?actor=system": "",
			"?from=2027-01-01T00:00:00Z": "", "?to=2027-01-01T00:00:00Z&limit=1": "factor.sent@acme", "?tenant=" + w.ids["other"]: "",
		} {
			r := w.do("aud one", http.MethodGet, path+query, "")
			if got := strings.Join(w.events(r), " "); r.StatusCode != 200 || got != want {
				t.Errorf("%s: %d %s, want %s", query, r.StatusCode, got, want)
			}
		}
		if r := w.do("ten one", http.MethodGet, path, ""); strings.Join(w.events(r), " ") != "factor.sent@acme sign_in.done@acme" {
			t.Errorf("of one tenant: %s", r.text)
		}
		for query, field := range map[string]string{"?from=yesterday": "from", "?search=x": "search", "?x=1": "x", "?limit=0": "limit", "?sort=at": "sort", "?after=x": "after", "?kind=%ff": "kind", "?from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "to"} {
			r := w.do("aud one", http.MethodGet, path+query, "")
			want(t, r, 422, r.str("code"), field)
		}
		first := w.do("aud one", http.MethodGet, path+"?limit=2", "")
		want(t, first, 200, "")
		next := w.do("aud one", http.MethodGet, path+"?limit=2&after="+url.QueryEscape(first.str("next")), "")
		if want(t, next, 200, ""); strings.Join(w.events(next), " ") != "sign_in.done@acme" || next.str("next") != "" || !strings.Contains(first.Header.Get("Link"), `rel="next"`) {
			t.Errorf("the second page: %s", next.text)
		}
		e := first.body["items"].([]any)[0].(map[string]any)
		one := w.do("ten one", http.MethodGet, path+"/"+e["id"].(string), "")
		if want(t, one, 200, ""); one.str("actor_name") != "sub" || one.str("tenant_name") != "acme" || one.str("user_name") != "sub" || !strings.Contains(one.text, `"detail":{"mark":"acme"}`) {
			t.Errorf("shown: %s", one.text)
		}
		other := first.body["items"].([]any)[1].(map[string]any)["id"].(string)
		want(t, w.do("ten one", http.MethodGet, path+"/"+other, ""), 404, "event_unknown")
		want(t, w.do("sub two", http.MethodGet, w.in("two", "/audit/"+other), ""), 404, "event_unknown")
		want(t, w.do("sub two", http.MethodGet, path, ""), 404, "unknown")
		want(t, w.do("help one", http.MethodGet, path, ""), 403, "may_not")
		want(t, w.do("root one", http.MethodGet, "/admin/v1/audit", ""), 200, "")
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/audit", ""), 404, "unknown")
	})
}

// TestExport: a file of lines, oldest first, and the trail says who took it.
func TestExport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell(t, "one", "acme", "sign_in.done", "nobody one")
		w.tell(t, "one", "globex", "factor.sent", "nobody one")
		path := w.in("one", "/audit/export")
		r := w.do("sub one", http.MethodGet, path+"?kind=sign_in.done", "")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/jsonl" || r.Header.Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(r.Header.Get("Content-Disposition"), `attachment; filename="twofold-audit-`+w.ids["one"]+"-2026") {
			t.Fatalf("%d %v", r.StatusCode, r.Header)
		}
		var line audit.Line
		if err := json.Unmarshal([]byte(r.text), &line); err != nil || line.Kind != "sign_in.done" || strings.Count(r.text, "\n") != 1 {
			t.Errorf("lines: %s", r.text)
		}
		r = w.do("ten one", http.MethodGet, path, "")
		if lines := bufio.NewScanner(strings.NewReader(r.text)); !lines.Scan() || strings.Contains(r.text, w.ids["globex"]) {
			t.Errorf("of one tenant: %s", r.text)
		}
		for query, field := range map[string]string{"?from=x": "from", "?limit=1": "limit", "?sort=seq": "sort", "?after=x": "after", "?kind=a&kind=b": "kind"} {
			r := w.do("sub one", http.MethodGet, path+query, "")
			want(t, r, 422, r.str("code"), field)
		}
		empty := w.do("sub one", http.MethodGet, path+"?kind=nothing", "", "Idempotency-Key", "k")
		if empty.StatusCode != 200 || empty.text != "" || empty.Header.Get("Content-Disposition") == "" {
			t.Errorf("nothing to export: %d %q", empty.StatusCode, empty.text)
		}
		taken := w.do("sub one", http.MethodGet, w.in("one", "/audit?kind=audit.exported"), "")
		if len(w.events(taken)) != 3 {
			t.Errorf("who took it along: %s", taken.text)
		}
		want(t, w.do("help one", http.MethodGet, path, ""), 403, "may_not")
		want(t, w.do("sub two", http.MethodGet, path, ""), 404, "unknown")
		if r := w.do("root one", http.MethodGet, "/admin/v1/audit/export", ""); r.StatusCode != 200 || !strings.Contains(r.Header.Get("Content-Disposition"), "audit-server-") {
			t.Errorf("of the server: %d %v", r.StatusCode, r.Header)
		}
	})
}

// TestVerify: a whole chain holds, until somebody alters it.
func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell(t, "one", "acme", "sign_in.done", "nobody one")
		w.tell(t, "one", "acme", "factor.sent", "nobody one")
		path := w.in("one", "/audit/verify")
		r := w.do("aud one", http.MethodPost, path, "")
		if want(t, r, 200, ""); r.body["ok"] != true || r.body["events"] != 2.0 || r.str("chain") != w.ids["one"] {
			t.Errorf("a chain that holds: %s", r.text)
		}
		var altered []string
		must(t, w.db.QueryRaw(t.Context(), &altered, "UPDATE audit_events SET kind = 'x' WHERE kind = 'factor.sent' RETURNING id"))
		r = w.do("sub one", http.MethodPost, path, "")
		if want(t, r, 200, ""); r.body["ok"] != false || r.body["events"] != 1.0 || r.body["broken"] != 2.0 || r.str("why") == "" {
			t.Errorf("a broken chain: %s", r.text)
		}
		want(t, w.do("ten one", http.MethodPost, path, ""), 403, "may_not")
		if r := w.do("root one", http.MethodPost, "/admin/v1/audit/verify", ""); r.StatusCode != 200 || r.str("chain") != "platform" || r.body["ok"] != true {
			t.Errorf("of the server: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodPost, "/admin/v1/audit/verify", ""), 404, "unknown")
	})
}

// TestMessages: the delivery log, and how one message took another's place.
func TestMessages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := db.WithScope(t.Context(), db.Scope{Subscription: w.ids["one"], Tenant: w.ids["acme"]})
		now := w.clock.Now()
		row := func(id, state, fell string) {
			var got []string
			must(t, w.db.QueryRaw(ctx, &got, `INSERT INTO messages (id, subscription_id, tenant_id, two_factor_id, challenge_id, user_id, kind, medium, state, sealed, masked, fell_from, created_at, next_at, expires_at, attempts, provider_id, provider_status, segments, error_class, error)
				VALUES (?, ?, ?, ?, 'c', ?, 'code', 'sms', ?, '', '•••67', ?, ?, ?, ?, 1, '', '', 0, '', '') RETURNING id`, id, w.ids["one"], w.ids["acme"], w.ids["factor one"], w.ids["nobody one"], state, fell, now, now, now))
		}
		const one, two = "01938c2e-7c1a-7b1e-9d53-3f1f0f3c9a11", "01938c2e-7c1a-7b1e-9d53-3f1f0f3c9a12"
		row(one, delivery.Failed, "")
		row(two, delivery.Sent, one)
		path := w.in("one", "/messages")
		r := w.do("aud one", http.MethodGet, path+"?state=failed&from=2026-01-01T00:00:00Z&two_factor="+w.ids["factor one"], "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"id":"`+one+`"`) || strings.Contains(r.text, two) || !strings.Contains(r.text, `"user_name":"nobody"`) || !strings.Contains(r.text, `"two_factor_name":"token"`) {
			t.Errorf("list: %s", r.text)
		}
		r = w.do("ten one", http.MethodGet, path+"/"+two, "")
		chain, _ := r.body["chain"].([]any)
		if want(t, r, 200, ""); len(chain) != 2 || chain[0].(map[string]any)["id"] != one || r.str("to") != "•••67" || r.str("fell_from") != one {
			t.Errorf("message: %s", r.text)
		}
		for query, field := range map[string]string{"?state=lost": "state", "?medium=fax": "medium", "?to=x": "to", "?search=x": "search", "?sort=name": "sort"} {
			r := w.do("aud one", http.MethodGet, path+query, "")
			want(t, r, 422, r.str("code"), field)
		}
		want(t, w.do("sub two", http.MethodGet, w.in("two", "/messages/"+two), ""), 404, "message_unknown")
		want(t, w.do("help one", http.MethodGet, path, ""), 403, "may_not")
	})
}

// TestConsents: who may see and end a user's sessions sees what he lets apps have, and
// takes it back.
func TestConsents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		of := w.in("one", "/users/"+w.ids["nobody one"]+"/consents")
		r := w.do("ten one", http.MethodGet, of, "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"tenant_name":"acme"`) || !strings.Contains(r.text, `"scopes":["email"]`) {
			t.Errorf("list: %s", r.text)
		}
		want(t, w.do("aud one", http.MethodGet, of, ""), 403, "may_not")
		want(t, w.do("sub two", http.MethodGet, of, ""), 404, "unknown")
		want(t, w.do("sub one", http.MethodGet, w.in("one", "/users/"+id.New()+"/consents"), ""), 404, "unknown")
		want(t, w.do("help one", http.MethodDelete, of+"/"+w.ids["app one"], ""), 403, "may_not")
		want(t, w.do("sub one", http.MethodDelete, of+"/"+id.New(), ""), 404, "unknown")
		want(t, w.do("sub one", http.MethodDelete, of+"/"+w.ids["app one"], ""), 204, "")
		if got := strings.Join(w.ended, ", "); got != "consent of nobody one to app one" {
			t.Errorf("withdrawn: %s", got)
		}
	})
}

// TestSessions: they are listed, and end one by one or all at once.
func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.do("ten one", http.MethodGet, w.in("one", "/sessions?user="+w.ids["nobody one"]+"&sort=-created"), "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"user_name":"nobody"`) || !strings.Contains(r.text, `"tenant_name":"acme"`) || !strings.Contains(r.text, `"amr":[]`) {
			t.Errorf("list: %s", r.text)
		}
		want(t, w.do("ten one", http.MethodGet, w.in("one", "/sessions?idp=x"), ""), 422, "filter_unknown", "idp")
		want(t, w.do("aud one", http.MethodGet, w.in("one", "/sessions"), ""), 403, "may_not")
		r = w.do("sub one", http.MethodGet, w.in("one", "/client-apps/"+w.ids["app one"]+"/logouts"), "")
		if want(t, r, 200, ""); !strings.Contains(r.text, `"state":"queued","error":"HTTP 503","attempts":1,"ended_at":"2026-11-26T12:00:00Z","next_at":"2026-11-26T12:01:00Z"}`) {
			t.Errorf("how an app was told: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodGet, w.in("one", "/client-apps/"+w.ids["app two"]+"/logouts"), ""), 404, "unknown")
		acme, session := w.in("one", "/tenants/"+w.ids["acme"]), w.ids["factor one"]
		want(t, w.do("ten one", http.MethodDelete, acme+"/sessions/"+session, ""), 204, "")
		want(t, w.do("ten one", http.MethodDelete, w.in("one", "/tenants/"+w.ids["globex"])+"/sessions/"+session, ""), 404, "unknown")
		want(t, w.do("ten one", http.MethodDelete, acme+"/sessions/x", ""), 404, "unknown")
		r = w.do("ten one", http.MethodDelete, acme+"/sessions", "")
		if want(t, r, 200, ""); r.body["sessions"] != 3.0 {
			t.Errorf("of a tenant: %s", r.text)
		}
		want(t, w.do("ten one", http.MethodDelete, w.in("one", "/tenants/"+w.ids["globex"])+"/sessions", ""), 404, "unknown")
		// The user is a member of acme and globex: who runs acme ends what he has there.
		want(t, w.do("ten one", http.MethodDelete, w.in("one", "/users/"+w.ids["nobody one"])+"/sessions", ""), 200, "")
		want(t, w.do("sub one", http.MethodDelete, w.in("one", "/users/"+w.ids["nobody one"])+"/sessions", ""), 200, "")
		want(t, w.do("help one", http.MethodDelete, w.in("one", "/users/"+w.ids["nobody one"])+"/sessions", ""), 403, "may_not")
		want(t, w.do("ten one", http.MethodDelete, w.in("one", "/sessions"), ""), 404, "unknown")
		r = w.do("sub one", http.MethodDelete, w.in("one", "/sessions"), "")
		if want(t, r, 200, ""); r.body["sessions"] != 7.0 {
			t.Errorf("of all: %s", r.text)
		}
		if got := strings.Join(w.ended, ", "); got != "session factor one, tenant acme, user nobody one in acme, user nobody one in one, subscription one" {
			t.Errorf("ended: %s", got)
		}
	})
}

// TestTestSend: a test goes to the caller's own proven address, and says what came of it.
func TestTestSend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.do("sub one", http.MethodPost, w.in("one", "/two-factors"), `{"name":"post","type":"post","options":{"Key":"k","Greeting":"Hi"}}`)
		want(t, r, 201, "")
		path := w.in("one", "/two-factors/"+r.str("id")) + "/test"
		want(t, w.do("sub one", http.MethodPost, path, ""), 409, "no_address")
		want(t, w.do("ten one", http.MethodPost, path, ""), 403, "may_not")
		want(t, w.do("sub one", http.MethodPatch, w.in("one", "/users/"+w.ids["sub one"]), `{"email_verified":true}`, "If-Match", "*"), 200, "")
		r = w.do("sub one", http.MethodPost, path, "")
		if want(t, r, 200, ""); r.body["passed"] != true || r.str("to") != "sub@one.test" || len(w.post.Sent()) != 1 || !strings.Contains(r.text, `"word":"ready"`) {
			t.Errorf("sent: %s", r.text)
		}
		w.post.FailSends(&twofactor.SendError{Class: twofactor.ErrAccount, Stage: "auth", Status: 401, Code: "20003", Help: "Check the account."})
		r = w.do("sub one", http.MethodPost, path, "")
		if want(t, r, 200, ""); r.body["passed"] != false || r.str("stage") != "auth" || r.body["provider_status"] != 401.0 || r.str("provider_code") != "20003" || r.str("error_class") != "account" || r.str("help") == "" {
			t.Errorf("failed: %s", r.text)
		}
		want(t, w.do("sub one", http.MethodPost, path, ""), 200, "")
		r = w.do("sub one", http.MethodPost, path, "")
		want(t, r, 429, "too_many_tests")
		if n, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || n < 1 || n > 600 {
			t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
		}
		want(t, w.do("sub one", http.MethodPost, path, "{}"), 429, "too_many_tests")
	})
}

// TestPreview: whom a change would affect, as counts and as pages of a list.
func TestPreview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/preview")
		demand := `"change":"demand","level":"tenant","target":"` + w.ids["globex"] + `","enforce_mfa":true`
		r := w.do("sub one", http.MethodPost, path, "{"+demand+"}")
		want(t, r, 200, "")
		groups, _ := r.body["groups"].([]any)
		if r.body["reached"] != 6.0 || r.body["affected"] != 5.0 || len(groups) != 8 || groups[0].(map[string]any)["count"] != 5.0 || !strings.Contains(r.text, `"after":"cannot_satisfy"`) {
			t.Errorf("preview: %s", r.text)
		}
		var names []string
		after := ""
		for range 4 {
			body := "{" + demand + `,"effect":"cannot_satisfy","limit":2`
			if after != "" {
				body += `,"after":"` + after + `"`
			}
			r = w.do("sub one", http.MethodPost, path+"/list", body+"}")
			want(t, r, 200, "")
			names = append(names, r.names()...)
			if after = r.str("next"); after == "" {
				break
			}
		}
		if strings.Join(names, " ") != "aud help root sub ten" { // nobody is exempt
			t.Errorf("listed: %v", names)
		}
		// Who runs acme alone learns nothing of globex.
		if r := w.do("ten one", http.MethodPost, path, "{"+demand+"}"); r.StatusCode == 200 && r.body["reached"] != 0.0 {
			t.Errorf("of another tenant: %s", r.text)
		}
		for _, c := range []struct {
			body   string
			fields []string
		}{
			{`{}`, []string{"change"}},
			{`{"change":"x"}`, []string{"change"}},
			{`{"change":"demand"}`, []string{"level", "target"}},
			{`{"change":"switch","two_factor":"` + w.ids["factor one"] + `","to":"off","level":"tenant"}`, []string{"level"}},
			{`{"change":"invalidate","two_factors":["` + w.ids["factor two"] + `"]}`, []string{"two_factors"}},
			{`{"change":"regroup","group":"` + w.ids["group one"] + `","to":"out"}`, []string{"user"}},
			{`{"change":"regroup","group":"` + w.ids["group one"] + `","to":"on"}`, []string{"to"}},
			{`{"change":"demand","level":"tenant","target":"` + w.ids["acme"] + `","restricted":true}`, []string{"restricted"}},
			{`{"change":"access","level":"group","target":"` + w.ids["group one"] + `","to":"in"}`, []string{"client_app"}},
			{`{"change":"access","client_app":"` + w.ids["app one"] + `","level":"group","target":"` + w.ids["group two"] + `","to":"in"}`, []string{"target"}},
			{`{"change":"put_exemption","level":"user","target":"x","until":"soon"}`, []string{"target", "until"}},
			{`{"change":"put_assignment","two_factor":"` + w.ids["factor two"] + `","level":"tenant","target":"` + w.ids["acme"] + `"}`, []string{"two_factor"}},
			{`{"change":"remove_exemption","level":"user","target":"` + w.ids["nobody one"] + `","Until":1}`, []string{"Until"}},
		} {
			r := w.do("sub one", http.MethodPost, path, c.body)
			want(t, r, 422, r.str("code"), c.fields...)
		}
		foreign := w.do("sub one", http.MethodPost, path, strings.Replace("{"+demand+"}", w.ids["globex"], w.ids["other"], 1))
		if foreign.StatusCode != 422 && foreign.StatusCode != 404 {
			t.Errorf("a foreign tenant: %d %s", foreign.StatusCode, foreign.text)
		}
		moved := w.do("sub one", http.MethodPost, path+"/list", strings.Replace("{"+demand+`,"effect":"cannot_satisfy","limit":2,"after":"W10.AA"}`, "true", "false", 1))
		want(t, moved, 422, "cursor_invalid", "after")
		for _, change := range []string{
			`{"change":"put_assignment","two_factor":"` + w.ids["factor one"] + `","level":"tenant","target":"` + w.ids["globex"] + `","grace_days":7}`,
			`{"change":"remove_assignment","two_factor":"` + w.ids["factor one"] + `","level":"tenant","target":"` + w.ids["acme"] + `"}`,
			`{"change":"switch","two_factor":"` + w.ids["factor one"] + `","to":"delete"}`,
			`{"change":"put_exemption","level":"user","target":"` + w.ids["nobody one"] + `","until":"2027-01-31T00:00:00Z"}`,
			`{"change":"remove_exemption","level":"user","target":"` + w.ids["nobody one"] + `"}`,
			`{"change":"demand","level":"client_app","target":"` + w.ids["app one"] + `","min_acr":"urn:twofold:acr:2fa"}`,
			`{"change":"demand","level":"client_app","target":"` + w.ids["app one"] + `","restricted":true}`,
			`{"change":"access","client_app":"` + w.ids["app one"] + `","level":"group","target":"` + w.ids["group one"] + `","to":"out"}`,
			`{"change":"invalidate","two_factors":["` + w.ids["factor one"] + `"]}`,
			`{"change":"regroup","group":"` + w.ids["group one"] + `","user":"` + w.ids["nobody one"] + `","to":"in"}`,
			`{"change":"regroup","group":"` + w.ids["group one"] + `","to":"delete"}`,
		} {
			want(t, w.do("sub one", http.MethodPost, path, change), 200, "")
		}
		want(t, w.do("aud one", http.MethodPost, path, "{"+demand+"}"), 403, "may_not")
	})
}

// picture is a PNG file.
func picture(t *testing.T, side int) string {
	t.Helper()
	var out bytes.Buffer
	must(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, side, side))))
	return out.String()
}

// TestLogos: a picture is kept and served; what is none is refused, and no other path
// takes as much.
func TestLogos(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		large := picture(t, 64) + strings.Repeat("x", 100<<10)
		for path, mine := range map[string]string{w.in("one", "/tenants/"+w.ids["acme"]): "ten one", w.in("one", "/client-apps/"+w.ids["app one"]): "sub one"} {
			put := func(who, media, body string) reply {
				return w.do(who, http.MethodPut, path+"/logo", body, "Content-Type", media)
			}
			r := put(mine, "image/png", large)
			if want(t, r, 200, ""); !strings.HasPrefix(r.str("logo_url"), "/t/") || r.Header.Get("ETag") == "" {
				t.Errorf("kept: %s", r.text)
			}
			want(t, put(mine, "image/svg+xml", "<svg/>"), 415, "media_type")
			want(t, put(mine, "application/json", "{}"), 415, "media_type")
			want(t, put(mine, "image/png", "<svg/>"), 422, "invalid", "logo")
			want(t, put(mine, "image/png", picture(t, 1025)), 422, "invalid", "logo")
			want(t, put(mine, "image/png", " "), 422, "invalid", "logo")
			want(t, put(mine, "image/jpeg", strings.Repeat("x", 128<<10+1)), 413, "too_large")
			want(t, put("aud one", "image/png", large), 403, "may_not")
			want(t, put("sub two", "image/png", large), 404, "unknown")
			r = w.do(mine, http.MethodDelete, path+"/logo", "")
			if want(t, r, 200, ""); r.str("logo_url") != "" {
				t.Errorf("taken away: %s", r.text)
			}
		}
		r, err := http.NewRequest(http.MethodPut, w.server.URL+w.in("one", "/tenants/"+w.ids["acme"])+"/logo", http.NoBody)
		must(t, err)
		r.Header = http.Header{"Authorization": {"Bearer sub-one"}, "Content-Type": {"image/png"}}
		want(t, w.send(r), 422, "invalid", "logo")
	})
}

// TestJobs: a bulk action is begun, looked at and stopped; it never means more than was
// asked for.
func TestJobs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/jobs")
		nobody, group := w.ids["nobody one"], w.ids["group one"]
		for body, field := range map[string]string{
			`{"do":"delete"}`: "users", `{"do":"delete","users":[]}`: "users", `{"do":"delete","users":["x"]}`: "users", `{"do":"delete","users":["` + nobody + `"],"matching":{}}`: "users",
			`{"do":"delete","matching":{"serach":"x"}}`: "serach", `{"do":"delete","matching":{"active":"maybe"}}`: "active", `{"do":"fire","matching":{}}`: "do",
			`{"do":"add_to_group","users":["` + nobody + `"]}`: "group", `{"do":"activate","group":"` + group + `","matching":{}}`: "group",
			`{"do":"add_to_group","group":"` + w.ids["group two"] + `","matching":{}}`: "group", `{"do":"delete","matching":{"sort":"name"}}`: "sort",
		} {
			r := w.do("sub one", http.MethodPost, path, body)
			want(t, r, 422, r.str("code"), field)
		}
		r := w.do("sub one", http.MethodPost, path, `{"do":"add_to_group","group":"`+group+`","users":["`+nobody+`","`+w.ids["nobody two"]+`"]}`, "Idempotency-Key", "j")
		want(t, r, 201, "")
		at := path + "/" + r.str("id")
		if again := w.do("sub one", http.MethodPost, path, `{"do":"add_to_group","group":"`+group+`","users":["`+nobody+`","`+w.ids["nobody two"]+`"]}`, "Idempotency-Key", "j"); again.str("id") != r.str("id") || !strings.HasSuffix(r.Header.Get("Location"), at) {
			t.Errorf("again: %s", again.text)
		}
		for {
			more, err := w.admin.WorkJobs(t.Context())
			if must(t, err); !more {
				break
			}
		}
		r = w.do("sub one", http.MethodGet, at, "")
		if want(t, r, 200, ""); r.str("state") != "done" || r.body["done"] != 1.0 || r.body["failed"] != 1.0 || !strings.Contains(r.text, `"user":"`+w.ids["nobody two"]+`"`) {
			t.Errorf("done: %s", r.text)
		}
		if list := w.do("sub one", http.MethodGet, path, ""); len(list.body["items"].([]any)) != 1 {
			t.Errorf("list: %s", list.text)
		}
		want(t, w.do("ten one", http.MethodGet, at, ""), 404, "unknown")
		want(t, w.do("ten one", http.MethodPost, path, `{"do":"add_to_group","group":"`+group+`","matching":{}}`), 403, "may_not")
		want(t, w.do("help one", http.MethodPost, path, `{"do":"activate","matching":{}}`), 403, "may_not")
		r = w.do("ten one", http.MethodPost, path, `{"do":"deactivate","matching":{"search":"no","kind":"person"}}`)
		want(t, r, 201, "")
		r = w.do("ten one", http.MethodPost, path+"/"+r.str("id")+"/stop", "")
		if want(t, r, 200, ""); r.str("state") != "stopped" || r.str("ended_at") == "" {
			t.Errorf("stopped: %s", r.text)
		}
		want(t, w.do("sub two", http.MethodPost, at+"/stop", ""), 404, "unknown")
		w.fresh = false
		want(t, w.do("sub one", http.MethodPost, path, `{"do":"delete","matching":{"name":"x"}}`), 401, "sign_in_again")
	})
}

// TestPace: a caller has so many requests a minute, whatever the others do.
func TestPace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.api.PerMinute = 5
		for range 5 {
			want(t, w.do("sub one", http.MethodGet, "/admin/v1/me", ""), 200, "")
		}
		r := w.do("sub one", http.MethodGet, "/admin/v1/me", "")
		want(t, r, 429, "too_many_requests")
		if r.Header.Get("Retry-After") != "12" {
			t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
		}
		want(t, w.do("sub two", http.MethodGet, "/admin/v1/me", ""), 200, "")
		w.clock.Advance(12 * time.Second)
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/me", ""), 200, "")
		want(t, w.do("sub one", http.MethodGet, "/admin/v1/me", ""), 429, "too_many_requests")
	})
}

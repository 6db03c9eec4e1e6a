package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

func TestImportUsers(t *testing.T) {
	testkit.Later(t)
	t.Parallel() // beside others: it is long
	each(t, func(t *testing.T, w *world) {
		path := w.in("one", "/users/import")
		send := func(who, query, file string) reply {
			return w.do(who, http.MethodPost, path+query, file, "Content-Type", "application/jsonl")
		}
		file := "name,display_name,tenants,password_hash\n" +
			"clara,Clara,acme,$2b$04$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy\n" +
			"dora,Dora,nowhere,\n"
		r := w.do("sub one", http.MethodPost, path+"?dry_run=true", file, "Content-Type", "text/csv")
		want(t, r, 200, "")
		if r.body["dry_run"] != true || r.body["created"] != 1.0 || r.body["faulty"] != 1.0 || !strings.Contains(r.text, `{"line":3,"field":"tenants","message":"there is none with the name nowhere"}`) {
			t.Error(r.text)
		}
		r = w.do("sub one", http.MethodPost, path, file, "Content-Type", "text/csv")
		if want(t, r, 200, ""); r.body["created"] != 1.0 || r.body["skipped"] != 0.0 {
			t.Error(r.text)
		}
		lines := `{"name":"clara","display_name":"Clara X"}` + "\n" + `{"name":"emil"}`
		r = w.do("ten one", http.MethodPost, path+"?existing=update&tenant=acme", lines, "Content-Type", "application/x-ndjson")
		if want(t, r, 200, ""); r.body["created"] != 1.0 || r.body["updated"] != 1.0 {
			t.Error(r.text)
		}
		list := w.do("sub one", http.MethodGet, w.in("one", "/users?name=clara"), "")
		if !strings.Contains(list.text, "Clara X") || strings.Contains(list.text, "$2b$") {
			t.Error(list.text)
		}

		// Far more than a body usually may have.
		var many strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&many, "{\"name\": \"user-%d\", \"display_name\": \"%s\"}\n", i, strings.Repeat("x", 100))
		}
		if r = send("sub one", "", many.String()); r.body["created"] != 2000.0 {
			t.Error(r.StatusCode, r.text)
		}
		r = send("sub one", "", "[]")
		if want(t, r, 200, ""); !strings.Contains(fmt.Sprint(r.body["stopped"]), "JSON array") {
			t.Error(r.text)
		}
		var plain strings.Builder
		for i := range 1001 {
			fmt.Fprintf(&plain, "{\"name\": \"plain-%d\", \"password\": \"a long and winding road\"}\n", i)
		}
		r = send("sub one", "?dry_run=true", plain.String())
		if want(t, r, 200, ""); r.body["created"] != 1000.0 || r.body["faulty"] != 1.0 {
			t.Error(r.text)
		}

		want(t, send("sub one", "?dry_run=yes", lines), 422, "invalid", "dry_run")
		want(t, send("sub one", "?existing=replace", lines), 422, "invalid", "existing")
		want(t, send("sub one", "?tenant=nowhere", lines), 422, "invalid", "tenants")
		want(t, send("sub one", "?colour=red", lines), 422, "invalid", "colour")
		want(t, send("help one", "", lines), 403, "may_not")
		want(t, send("aud one", "", lines), 403, "may_not")
		want(t, send("sub two", "", lines), 404, "unknown")
		want(t, send("", "", lines), 401, "token_missing")
		want(t, w.do("sub one", http.MethodPost, path, lines), 415, "media_type")
		want(t, send("sub one", "?existing=skip&existing=fail", lines), 422, "invalid", "existing")
		w.fresh = false
		want(t, send("sub one", "", lines), 200, "")
		want(t, send("sub one", "?existing=update", lines), 401, "sign_in_again")
	})
}

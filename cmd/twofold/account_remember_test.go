package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestAccountRemembered: a remembered browser lifts the demand for a second factor for
// its user, and nothing else (SECURITY N28, M55).
func TestAccountRemembered(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna", "bruno")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page, code := openCode(t, w, p, c, "anna")
		if strings.Contains(page.Body, `name="remember"`) {
			t.Error("offered where the tenant does not want it")
		}
		p.callback(page.FormWith("code").Forge("remember", "true").Set("code", code).Press("Continue"))
		if w.count("remembered_browsers", "1=1") != 0 {
			t.Fatal("remembered where the tenant does not want it")
		}
		w.tune("acme", func(v *tenants.Tenant) { v.RememberDays = 30 })
		mark := func() string { return c.Cookie(w.account("acme"), "twofold-remember") }
		out := func() { c.Get(w.url + "/t/acme/end_session").Press("Sign out"); w.clock.Advance(10 * time.Minute) }
		remember := func() {
			t.Helper()
			spent := w.spent("anna")
			page := p.toCode(c, "anna")
			page = page.FormWith("code").Set("code", w.newCode("anna@example.test", spent...)).Set("remember", "true").Press("Continue")
			p.callback(page)
			if mark() == "" {
				t.Fatal("no mark")
			}
			out()
		}
		out()
		remember()
		first := mark()

		tok := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		if cl := claims(t, tok.IDToken); cl["acr"] != "urn:twofold:acr:1fa" || strings.Contains(str(cl["amr"]), "mfa") {
			t.Errorf("acr %v amr %v", cl["acr"], cl["amr"])
		}
		if mark() == first {
			t.Error("the mark is not new after its use")
		}
		second := mark()
		for name, more := range map[string][2]string{
			"step-up": {"acr_values", "urn:twofold:acr:2fa"}, "max_age": {"max_age", "3600"}, "prompt=login": {"prompt", "login"},
		} {
			strict := w.rp("acme", "expenses").with(more[0], more[1])
			page := c.Get(strict.authorizeURL()).Follow()
			if page.FormWith("do").Has("password") {
				page = page.FormWith("username").Set("username", "anna").Set("password", password).Press("Sign in")
			}
			if toApp(page) {
				t.Errorf("%s is content with the mark", name)
			}
			w.spent("anna")
			w.clock.Advance(10 * time.Minute)
		}
		out()
		if page := p.signIn(c, "bruno"); toApp(page) {
			t.Error("the mark counts for somebody else")
		}
		w.spent("bruno")
		p.callback(p.signIn(c, "anna"))

		// The account lists it, and takes it back; others cannot.
		page = c.Get(w.account("acme")).Follow()
		ids := w.column("SELECT id FROM remembered_browsers")
		if len(ids) != 1 || !strings.Contains(page.Body, ids[0]) {
			t.Fatalf("%v", ids)
		}
		if mark() == second {
			t.Error("the mark is not new after its use")
		}
		brunos := testkit.NewClient(t)
		spent := w.spent("bruno")
		p.callback(p.toCode(brunos, "bruno").FormWith("code").Set("code", w.newCode("bruno@example.test", spent...)).Press("Continue"))
		w.act(brunos, "forget", ids[0])
		if len(w.column("SELECT id FROM remembered_browsers")) != 1 {
			t.Fatal("somebody else's is gone")
		}
		w.act(c, "forget", ids[0]).Follow() // and is asked for a code at once
		w.spent("anna")
		out()
		if page := p.signIn(c, "anna"); toApp(page) {
			t.Error("what was taken back still counts")
		}
		w.spent("anna")

		// It dies with any change of what the user proves himself with, and with time.
		w.clock.Advance(time.Hour)
		remember()
		if err := w.tenants.RaiseEpoch(w.in("acme"), w.ids["user anna"]); err != nil {
			t.Fatal(err)
		}
		if page := p.signIn(c, "anna"); toApp(page) {
			t.Error("the mark outlives a change")
		}
		w.spent("anna")
		w.clock.Advance(time.Hour)
		remember()
		w.clock.Advance(31 * 24 * time.Hour)
		if page := p.signIn(c, "anna"); toApp(page) {
			t.Error("the mark outlives its time")
		}
	})
}

// spent are the codes that were mailed to somebody, once all that were made have arrived:
// the clock must not go on before.
func (w *world) spent(name string) (codes []string) {
	w.t.Helper()
	made := w.count("messages", "kind = 'code' AND user_id = '"+w.ids["user "+name]+"'")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if made == 0 {
		return nil
	}
	_, err := w.inbox.Wait(ctx, func(m fakes.Message) bool {
		code := digits.FindString(m.Text)
		if m.To == name+"@example.test" && code != "" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
		return len(codes) >= made
	})
	if err != nil {
		w.t.Fatalf("%d codes of %d: %v", len(codes), made, err)
	}
	return codes
}

// column reads one column through plain SQL: tests may look where code may not.
func (w *world) column(query string) (out []string) {
	w.t.Helper()
	rows, err := w.db.SQL().Query(query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

package op

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm/schema"

	"twofold/tenants"
)

// The models and the schema tell the same story on both databases.
func TestModelsMatchTheSchema(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, m := range []schema.Tabler{
			signingKeyRow{}, authRequestRow{}, authCodeRow{}, grantRow{}, revokedTokenRow{}, replayRow{}, consentRow{}, pushedRow{}, deviceRow{}, usableApp{}, &subject{},
		} {
			s, err := schema.Parse(m, new(sync.Map), schema.NamingStrategy{})
			w.must(err)
			rows, err := w.db.SQL().QueryContext(t.Context(), "SELECT * FROM "+m.TableName())
			w.must(err)
			columns, err := rows.Columns()
			w.must(err)
			w.must(rows.Err())
			w.must(rows.Close())
			slices.Sort(columns)
			names := slices.Sorted(slices.Values(s.DBNames))
			if d := cmp.Diff(names, columns); d != "" {
				t.Error(m.TableName(), d)
			}
		}
	})
}

// R25, R26: without a database everything is refused, and nothing is told.
func TestDatabaseGone(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		machine := w.post("/token", "machine", url.Values{"grant_type": {"client_credentials"}})
		bearer := httptest.NewRequest(http.MethodGet, "/t/acme/userinfo", nil)
		bearer.Header.Set("Authorization", "Bearer "+a.str("access_token"))
		requests := map[string]*http.Request{
			"code":           w.form(t.Context(), "acme", "/token", "web", g.codeForm()),
			"refresh":        w.form(t.Context(), "acme", "/token", "web", refreshForm(a.str("refresh_token"))),
			"unknown client": formRequest(http.MethodPost, "/t/acme/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"x"}}),
			"assertion":      w.form(t.Context(), "acme", "/token", "jwt", url.Values{"grant_type": {"client_credentials"}}),
			"userinfo":       bearer,
			"introspection":  w.form(t.Context(), "acme", "/introspect", "web", url.Values{"token": {a.str("access_token")}}),
			"machine":        w.form(t.Context(), "acme", "/introspect", "machine", url.Values{"token": {machine.str("access_token")}}),
			"own refresh":    w.form(t.Context(), "acme", "/introspect", "web", url.Values{"token": {a.str("refresh_token")}}),
			"revocation":     w.form(t.Context(), "acme", "/revoke", "web", url.Values{"token": {a.str("access_token")}}),
		}
		w.must(w.db.Close())
		for name, r := range requests {
			got := w.send(r)
			if got.status != 503 || got.header.Get("Retry-After") == "" || got.str("error") != "server_error" || strings.Contains(got.text, "sql") {
				t.Error(name, got.status, got.header, got.text)
			}
		}
		w.p.keys.forget(w.acme.Tenant.ID)
		if got := w.get("/t/acme/keys"); got.status != 503 {
			t.Error("keys:", got.status, got.text)
		}
		if _, resp, err := w.authorize(asked(w.apps["web"])); err == nil || resp != nil {
			t.Error("authorize:", resp, err)
		}
	})
}

// Who waits for another's look at the keys can give up.
func TestWaitingForKeysCanBeCancelled(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.p.keys.entry(w.acme.Tenant.ID).free <- struct{}{} // somebody reads them, slowly
		ctx, cancel := context.WithCancel(tenants.WithRealm(t.Context(), w.acme))
		cancel()
		if _, err := w.p.keySet(ctx); err == nil {
			t.Error("no error")
		}
	})
}

package tenants

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/internal/seal"
)

func TestClientSecrets(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		holds := func(secret string) bool {
			t.Helper()
			ok, err := w.CheckClientSecret(c.ctx, c.app.ClientID, secret)
			must(t, err)
			return ok
		}
		if holds("") {
			t.Error("the empty secret of an app without any")
		}
		first, err := w.AddClientSecret(c.admin, c.app.ID)
		must(t, err)
		second, err := w.AddClientSecret(c.admin, c.app.ID)
		must(t, err)
		if first == second || !strings.HasPrefix(first, "tfs_") || len(first) != 47 {
			t.Errorf("secrets %q, %q", first, second)
		}
		until := w.clock.Now().Add(time.Hour)
		must(t, w.PutClientSecret(c.admin, c.app.ID, "of an hour", &until))
		must(t, w.PutClientSecret(c.admin, c.app.ID, "of an hour", &until))
		for secret, want := range map[string]bool{
			first: true, second: true, "of an hour": true, "": false, "x": false, first + "x": false, first[:46]: false, strings.ToUpper(first): false,
		} {
			if holds(secret) != want {
				t.Errorf("%q: %v", secret, !want)
			}
			if has, err := w.HasClientSecret(c.admin, c.app.ID, secret); has != want || err != nil {
				t.Errorf("HasClientSecret %q: %v, %v", secret, has, err)
			}
		}
		if ok, err := w.CheckClientSecret(other.ctx, other.app.ClientID, first); ok || err != nil {
			t.Errorf("at another app: %v, %v", ok, err)
		}
		var rows []clientSecretRow
		must(t, w.DB.For(c.admin).Find(&rows).Error)
		for _, r := range rows {
			if len(rows) != 3 || len(r.MAC) != 64 || strings.Contains(r.MAC, first) {
				t.Errorf("%d rows, kept as %q", len(rows), r.MAC)
			}
		}
		w.clock.Advance(time.Hour - time.Microsecond)
		if !holds("of an hour") {
			t.Error("ended too soon")
		}
		w.clock.Advance(time.Microsecond)
		if has, _ := w.HasClientSecret(c.admin, c.app.ID, "of an hour"); has || holds("of an hour") || !holds(first) {
			t.Error("has not ended, or others have")
		}
		if _, err := w.CheckClientSecret(c.ctx, "unknown", first); problem.From(err).Code != "client_unknown" {
			t.Errorf("unknown app: %v", err)
		}
		if secret, err := w.AddClientSecret(c.admin, "unknown"); secret != "" || problem.From(err).Code != "client_unknown" {
			t.Errorf("for an unknown app: %q, %v", secret, err)
		}
	})
}

func TestClientSecretsAfterRotation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		secret, err := w.AddClientSecret(c.admin, c.app.ID)
		must(t, err)
		w.Seal, err = seal.New(bytes.Repeat([]byte{2}, seal.KeySize), bytes.Repeat([]byte{1}, seal.KeySize))
		must(t, err)
		must(t, w.PutClientSecret(c.admin, c.app.ID, secret, nil))
		var n int64
		must(t, w.DB.For(c.admin).Model(&clientSecretRow{}).Count(&n).Error)
		ok, err := w.CheckClientSecret(c.ctx, c.app.ClientID, secret)
		if !ok || err != nil || n != 1 {
			t.Errorf("%v, %v, %d rows", ok, err, n)
		}
	})
}

func TestClientApp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		unassigned := c.app
		unassigned.ID, unassigned.Name, unassigned.ClientID = "", "unassigned", "unassigned"
		done[Difference](t)(w.PutClientApp(c.admin, &unassigned))
		inactive := unassigned
		inactive.ID = ""
		inactive.Name, inactive.ClientID, inactive.Active = "inactive", "inactive", false
		done[Difference](t)(w.PutClientApp(c.admin, &inactive))
		done[Difference](t)(w.SetTenantClientApps(c.admin, c.tenant.ID, []string{c.app.ID, inactive.ID}))
		for id, want := range map[string]bool{c.app.ClientID: true, "unassigned": false, "inactive": false, other.app.ClientID: false, "": false, c.app.ID: false} {
			for range 2 { // the second time from what is remembered
				app, err := w.ClientApp(c.ctx, id)
				if (err == nil) != want || (err != nil && problem.From(err).Code != "client_unknown") || (want && app.ID != c.app.ID) {
					t.Errorf("%q: %+v, %v", id, app, err)
				}
			}
		}
		if _, err := w.ClientApp(t.Context(), c.app.ClientID); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
		if app, err := w.ClientAppByID(c.admin, inactive.ID); err != nil || app.Name != "inactive" {
			t.Errorf("by id: %+v, %v", app, err)
		}
	})
}

// behind writes without the store's knowledge, as another replica does.
func (w *world) behind(q string, args ...any) {
	w.t.Helper()
	for i := range args {
		q = strings.Replace(q, "?", "'"+args[i].(string)+"'", 1)
	}
	_, err := w.DB.SQL().ExecContext(w.t.Context(), q)
	must(w.t, err)
}

func TestWhatIsRememberedEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for name, tc := range map[string]struct {
			off, on string
			works   func() bool
		}{
			"tenant": {"UPDATE tenants SET active = false WHERE id = ?", "UPDATE tenants SET active = true WHERE id = ?", func() bool {
				_, err := w.RealmByName(t.Context(), "acme")
				return err == nil
			}},
			"client app": {"UPDATE client_apps SET active = false WHERE id = ?", "UPDATE client_apps SET active = true WHERE id = ?", func() bool {
				_, err := w.ClientApp(c.ctx, c.app.ClientID)
				return err == nil
			}},
			"IDP": {"UPDATE idps SET active = false WHERE id = ?", "UPDATE idps SET active = true WHERE id = ?", func() bool {
				l, err := w.IDPs(c.ctx)
				return err == nil && len(l) == 1
			}},
		} {
			id := map[string]string{"tenant": c.tenant.ID, "client app": c.app.ID, "IDP": c.idp.ID}[name]
			if !tc.works() {
				t.Fatalf("%s: does not work at all", name)
			}
			w.behind(tc.off, id)
			w.clock.Advance(CacheFor - time.Microsecond)
			if !tc.works() {
				t.Errorf("%s: not remembered", name)
			}
			w.clock.Advance(time.Microsecond)
			if tc.works() {
				t.Errorf("%s: remembered for longer than %v", name, CacheFor)
			}
			w.behind(tc.on, id)
			w.Forget() // of an empty list of IDPs
			if !tc.works() {
				t.Errorf("%s: a miss is remembered", name)
			}
			w.behind(tc.off, id)
			w.clock.Advance(-time.Hour) // a clock that was set back
			if tc.works() {
				t.Errorf("%s: remembered although the time it is from has not come", name)
			}
			w.behind(tc.on, id)
			w.clock.Advance(2 * time.Hour)
		}
	})
}

// What the store itself changes, it forgets; but only when it is committed, and
// what it read before that never stays.
func TestChangesAreSeenAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		title := func(ctx context.Context) string {
			app, err := w.ClientApp(ctx, c.app.ClientID)
			must(t, err)
			return app.Title
		}
		title(c.ctx)
		c.app.Title = "Second"
		done[Difference](t)(w.PutClientApp(c.admin, &c.app))
		if got := title(c.ctx); got != "Second" {
			t.Errorf("after a change: %q", got)
		}
		undo := errors.New("undo")
		err := w.DB.Tx(c.ctx, func(ctx context.Context) error {
			app := c.app
			app.Title = "Third"
			done[Difference](t)(w.PutClientApp(ctx, &app))
			if got := title(ctx); got != "Third" {
				t.Errorf("inside the transaction: %q", got)
			}
			return undo
		})
		if got := title(c.ctx); !errors.Is(err, undo) || got != "Second" {
			t.Errorf("after a rollback: %q", got)
		}
		must(t, w.DB.Tx(c.ctx, func(ctx context.Context) error {
			app := c.app
			app.Title = "Fourth"
			done[Difference](t)(w.PutClientApp(ctx, &app))
			return nil
		}))
		if got := title(c.ctx); got != "Fourth" {
			t.Errorf("after the commit: %q", got)
		}
		secret, err := w.AddClientSecret(c.admin, c.app.ID)
		must(t, err)
		if ok, err := w.CheckClientSecret(c.ctx, c.app.ClientID, secret); !ok || err != nil {
			t.Errorf("a new secret: %v, %v", ok, err)
		}
	})
}

func TestRealms(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		r, err := w.RealmByName(t.Context(), "acme")
		if err != nil || r.Tenant.ID != c.tenant.ID || r.Subscription.ID != c.sub.ID {
			t.Errorf("got %+v, %v", r, err)
		}
		ctx := WithRealm(t.Context(), r)
		if !cmp.Equal(RealmFrom(ctx), r) || db.ScopeOf(ctx) != (db.Scope{Subscription: c.sub.ID, Tenant: c.tenant.ID}) || !cmp.Equal(RealmFrom(t.Context()), Realm{}) {
			t.Errorf("scope %+v", db.ScopeOf(ctx))
		}
		for _, name := range []string{"", "nobody", "ACME", "acme ", "acme/../x", "a%", strings.Repeat("a", 64), "acme\x00"} {
			if _, err := w.RealmByName(t.Context(), name); problem.From(err).Code != "tenant_unknown" {
				t.Errorf("%q: %v", name, err)
			}
		}
		c.sub.Active = false
		done[Difference](t)(w.PutSubscription(t.Context(), &c.sub))
		if _, err := w.RealmByName(t.Context(), "acme"); problem.From(err).Code != "tenant_unknown" {
			t.Errorf("of an inactive subscription: %v", err)
		}
		if r, err := w.RealmByID(t.Context(), c.tenant.ID); err != nil || r.Tenant.Name != "acme" || r.Subscription.Active {
			t.Errorf("by id: %+v, %v", r, err)
		}
		if _, err := w.RealmByID(t.Context(), "nobody"); problem.From(err).Code != "tenant_unknown" {
			t.Errorf("by unknown id: %v", err)
		}
		if _, err := w.IDPs(db.AllTenants(t.Context())); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("IDPs of nobody: %v", err)
		}
	})
}

func TestCacheHasASize(t *testing.T) {
	now := firstOfMay
	c := newCache[int](func() time.Time { return now })
	for i := range cacheSize + 10 {
		c.put(t.Context(), strings.Repeat("x", i%7)+string(rune(i)), i)
	}
	if len(c.m) > cacheSize {
		t.Errorf("holds %d", len(c.m))
	}
}

package tenants

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// TestPurge: what was deleted 30 days ago is erased, but for ids that nobody gets again;
// who makes it anew inherits nothing (SECURITY 57).
func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		bob := w.user(c, User{Name: "bob", DisplayName: "Bob Bones", Email: "bob@acme.example", EmailVerified: true, Active: true})
		done[Difference](t)(w.SetGroupMembers(c.admin, c.group.ID, []string{c.anna.ID, bob.ID}))
		must(t, w.PutClientSecret(c.admin, c.app.ID, "secret of an app", nil))
		forgotten := map[string]string{}
		forget := func(ctx context.Context, kind, id string) error {
			forgotten[id] = kind
			if db.ScopeOf(ctx).Subscription != c.sub.ID {
				t.Errorf("in %+v", db.ScopeOf(ctx))
			}
			return nil
		}
		purge := func(want int) {
			t.Helper()
			if n, err := w.Purge(t.Context(), forget); err != nil || n != want {
				t.Fatalf("%d erased, %v; want %d", n, err, want)
			}
		}
		must(t, w.Users().Delete(c.admin, bob.ID, 0))
		must(t, w.ClientApps().Delete(c.admin, c.app.ID, 0))
		w.clock.Advance(time.Hour)
		must(t, w.TwoFactors().Delete(c.admin, c.letter.ID, 0))
		w.clock.Advance(KeepDeleted - time.Hour - time.Second)
		purge(0)
		w.clock.Advance(time.Second)
		purge(2)
		purge(0)
		w.clock.Advance(time.Hour)
		purge(1)
		if len(forgotten) != 3 || forgotten[bob.ID] != "user" || forgotten[c.app.ID] != "client_app" || forgotten[c.letter.ID] != "two_factor" {
			t.Errorf("%v", forgotten)
		}

		// Nothing is left but the stubs, and no other thing was touched.
		for _, table := range []string{"users", "client_apps", "two_factors", "memberships", "group_members", "identities", "passwords", "client_secrets", "tenant_client_apps"} {
			if rows := w.dump(table); strings.Contains(strings.ToLower(rows), "bob") || strings.Contains(rows, "https://") ||
				!strings.Contains(rows, c.anna.ID) && strings.Contains("users memberships group_members identities", table) {
				t.Errorf("%s: %s", table, rows)
			}
		}
		for _, id := range []string{bob.ID, c.app.ID, c.letter.ID} {
			named, err := w.Called(c.admin, "user", []string{id})
			if err != nil || len(named) != 0 {
				t.Errorf("%v %v", named, err)
			}
		}
		if _, err := w.Users().Restore(c.admin, bob.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("brought back: %v", err)
		}

		// The names are free; ids and client_ids are not.
		again := w.user(c, User{Name: "bob", Active: true})
		if of, err := w.TenantsOf(c.admin, again.ID); err != nil || again.ID == bob.ID || again.EmailVerified || len(of) != 1 {
			t.Errorf("%+v %v %v", again, of, err)
		}
		app := c.app
		app.ID, app.Stamp, app.Trash = "", Stamp{}, Trash{}
		if _, err := w.PutClientApp(c.admin, &app); !problem.Is(err, problem.Conflict) {
			t.Errorf("the client_id is given again: %v", err)
		}
		app.ID, app.ClientID = "", "another"
		done[Difference](t)(w.PutClientApp(c.admin, &app))
		if ok, err := w.HasClientSecret(c.admin, app.ID, "secret of an app"); err != nil || ok {
			t.Errorf("it has a secret: %v", err)
		}
	})
}

// dump is all that a table holds.
func (w *world) dump(table string) string {
	w.t.Helper()
	rows, err := w.DB.SQL().QueryContext(w.t.Context(), "SELECT * FROM "+table)
	must(w.t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	must(w.t, err)
	var out strings.Builder
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		must(w.t, rows.Scan(into...))
		fmt.Fprintf(&out, "%s\n", row)
	}
	must(w.t, rows.Err())
	return out.String()
}

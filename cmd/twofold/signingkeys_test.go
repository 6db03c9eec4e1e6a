package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"twofold/admin"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestSigningKeyPages: an administrator rotates the keys of a tenant, sees what comes
// next, and in an emergency revokes one by typing the tenant's name.
func TestSigningKeyPages(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		w.customer()
		o := w.officer("suba", tenants.RoleSubscriptionAdmin, "")
		tenant := w.ids["tenant acme"]
		page := o.open("tenants/" + tenant).RequireText("Signing keys").Link("Signing keys").Require(http.StatusOK)
		page.RequireText("RS256 key", "ES256 key", "Signs", "Until somebody rotates the keys")
		page = page.Link("Rotate keys").RequireText("Nobody is signed out").Press("Rotate keys").Follow().Require(http.StatusOK)
		page.RequireText("The rotation has begun", "The next one is being made")
		w.check(w.provider.TendKeys(t.Context()))
		page = o.open("tenants/"+tenant+"/signing-keys").RequireText("Next", "Takes over in 1 day", "The next one takes over in 1 day")
		if strings.Contains(page.Text, "Rotate keys") {
			t.Error("two rotations at once are offered")
		}
		kid := activeKey(w, tenant)
		at := "tenants/" + tenant + "/signing-keys/" + kid + "/revoke"
		ask := o.open(at).RequireText("Every token that it signed is refused", "A new key signs at once")
		ask.FormWith("typed").Set("typed", "globex").Set("reason", "a lost backup").Press("Revoke key").Require(http.StatusUnprocessableEntity).RequireText("This is not the name of the tenant.")
		ask = o.open(at)
		ask.FormWith("typed").Set("typed", "acme").Press("Revoke key").Require(http.StatusUnprocessableEntity).RequireText("Give the reason")
		if got := activeKey(w, tenant); got != kid {
			t.Fatal("revoked without a name and a reason")
		}
		ask = o.open(at)
		ask.FormWith("typed").Set("typed", "acme").Set("reason", "a lost backup").Press("Revoke key").Follow().Require(http.StatusOK).RequireText("The key is revoked")
		if got := activeKey(w, tenant); got == kid || got == "" {
			t.Errorf("signs now: %q", got)
		}
		o.open(at).Require(http.StatusNotFound)
		if got := w.trail(w.in("acme")); !strings.Contains(got, "signing_key.revoked") || !strings.Contains(got, "a lost backup") {
			t.Error(got)
		}
		w.clock.Advance(10 * time.Minute)
		if page := o.open("tenants/" + tenant + "/signing-keys/rotate"); !strings.Contains(page.Header.Get("Location")+page.Text, "signin") && page.Status == http.StatusOK {
			t.Error("no fresh sign-in was asked for")
		}
	})
}

// activeKey is the ES256 key that signs.
func activeKey(w *world, tenant string) string {
	w.t.Helper()
	all, err := w.admin.SigningKeysOf(context.Background(), admin.Operator(), w.sub.ID, tenant)
	w.check(err)
	for _, k := range all {
		if k.State == "active" && k.Alg == "ES256" {
			return k.ID
		}
	}
	return ""
}

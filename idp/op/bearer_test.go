package op

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// withAdmin gives an app the scope of the administration.
func (w *world) withAdmin(apps ...string) {
	w.Helper()
	for _, name := range apps {
		a := w.apps[name]
		a.Scopes = append(slices.Clone(a.Scopes), ScopeAdmin)
		w.put(w.store.PutClientApp(w.in(w.acme), &a))
		w.apps[name] = a
	}
}

// machineToken gets a token by client credentials.
func (w *world) machineToken(app string, scope string) string {
	w.Helper()
	v := url.Values{"grant_type": {"client_credentials"}}
	if scope != "" {
		v.Set("scope", scope)
	}
	a := w.post("/token", app, v)
	if a.status != 200 {
		w.Fatal(a.status, a.text)
	}
	return a.str("access_token")
}

func (w *world) refused(name, token string) {
	w.Helper()
	b, err := w.p.Bearer(w.Context(), token)
	if !errors.Is(err, ErrBearer) || b.ClientApp.ID != "" || b.UserID != "" {
		w.Errorf("%s: %+v %v", name, b, err)
	}
}

func TestBearer(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.withAdmin("web", "machine")
		g, a := w.tokensOf("web", "scope", "openid admin")
		b, err := w.p.Bearer(t.Context(), a.str("access_token"))
		w.must(err)
		if b.Realm.Tenant.ID != w.acme.Tenant.ID || b.Realm.Subscription.ID != w.acme.Subscription.ID || b.UserID != w.ada.ID ||
			b.ClientApp.ID != w.apps["web"].ID || b.SessionID != g.session.ID || b.ACR != "urn:twofold:acr:aal2" ||
			!slices.Equal(b.AMR, []string{"pwd", "otp", "mfa"}) || b.AuthTime.Unix() != g.session.AuthTime.Unix() || !slices.Contains(b.Scopes, ScopeAdmin) {
			t.Errorf("of a user: %+v", b)
		}
		b, err = w.p.Bearer(t.Context(), w.machineToken("machine", ""))
		w.must(err)
		if b.UserID != "" || b.SessionID != "" || !b.AuthTime.IsZero() || b.ClientApp.ID != w.apps["machine"].ID || b.Realm.Tenant.Name != "acme" {
			t.Errorf("of a machine: %+v", b)
		}
		refreshed := w.post("/token", "web", refreshForm(w.offline("web")))
		if b, err := w.p.Bearer(t.Context(), refreshed.str("access_token")); err != nil || b.UserID != w.ada.ID {
			t.Errorf("refreshed: %+v %v", b, err)
		}
	})
}

// offline is a refresh token of a grant for administration.
func (w *world) offline(app string) string {
	w.Helper()
	_, a := w.tokensOf(app, "scope", "openid admin offline_access")
	return a.str("refresh_token")
}

// The scope is never given to an app that has it not in its list, and never by default.
func TestBearerNeedsScope(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, app := range []string{"web", "bare", "spa"} {
			if _, a := w.tokensOf(app, "scope", "openid admin"); strings.Contains(a.str("scope"), "admin") {
				t.Errorf("%s was given %q", app, a.str("scope"))
			}
		}
		if a := w.post("/token", "machine", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}); a.status != 400 || a.str("error") != "invalid_scope" {
			t.Error(a.status, a.text)
		}
		w.refused("machine without it", w.machineToken("machine", ""))
		w.withAdmin("web", "machine")
		_, a := w.tokensOf("web", "scope", "openid profile")
		w.refused("user's, not asked for", a.str("access_token"))
		w.refused("machine's, not asked for", w.machineToken("machine", "read"))

		// It counts no longer than the app has it.
		_, user := w.tokensOf("web", "scope", "openid admin")
		machine := w.machineToken("machine", "admin")
		for _, name := range []string{"web", "machine"} {
			less := w.apps[name]
			less.Scopes = slices.DeleteFunc(slices.Clone(less.Scopes), func(s string) bool { return s == ScopeAdmin })
			w.put(w.store.PutClientApp(w.in(w.acme), &less))
		}
		w.refused("user's, taken from the app", user.str("access_token"))
		w.refused("machine's, taken from the app", machine)
	})
}

// Nothing but a live access token of the tenant that it names passes.
func TestBearerForged(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.withAdmin("web", "machine")
		_, a := w.tokensOf("web", "scope", "openid admin")
		good, machine := a.str("access_token"), w.machineToken("machine", "")
		acme, err := w.p.keySet(w.in(w.acme))
		w.must(err)
		globex, err := w.p.keySet(w.in(w.globex))
		w.must(err)
		forge := func(set *keySet, typ string, change func(map[string]any)) string {
			c := claimsOf(t, good)
			change(c)
			text, err := set.sign(jose.ES256, typ, c)
			w.must(err)
			return text
		}
		iss := func(to any) func(map[string]any) { return func(c map[string]any) { c["iss"] = to } }
		same := func(map[string]any) {}
		if _, err := w.p.Bearer(t.Context(), forge(acme, typAccess, same)); err != nil {
			t.Fatal("the forge makes bad tokens:", err)
		}
		head, rest, _ := strings.Cut(good, ".")
		payload, sig, _ := strings.Cut(rest, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
		for name, token := range map[string]string{
			"empty": "", "no token": "nonsense", "three dots": "a.b.c", "no JSON": head + ".bm8." + sig, "huge": strings.Repeat("a", maxToken+1),
			"altered":                  head + "." + payload[:len(payload)-4] + "AAAA." + sig,
			"alg none":                 none + "." + payload + ".",
			"alg none, old signature":  none + "." + payload + "." + sig,
			"ID token":                 a.str("id_token"),
			"refresh token":            a.str("refresh_token"),
			"typ JWT":                  forge(acme, typID, same),
			"another tenant's key":     forge(globex, typAccess, same),
			"names another tenant":     forge(acme, typAccess, iss(publicURL+"/t/globex")),
			"both of another tenant":   forge(globex, typAccess, iss(publicURL+"/t/globex")),
			"unknown tenant":           forge(acme, typAccess, iss(publicURL+"/t/nowhere")),
			"no tenant":                forge(acme, typAccess, iss(publicURL+"/t/")),
			"another host":             forge(acme, typAccess, iss("https://evil.example/t/acme")),
			"host with a tail":         forge(acme, typAccess, iss(publicURL+".evil.example/t/acme")),
			"a path below":             forge(acme, typAccess, iss(publicURL+"/t/acme/x")),
			"a slash at the end":       forge(acme, typAccess, iss(publicURL+"/t/acme/")),
			"upper case":               forge(acme, typAccess, iss(publicURL+"/t/ACME")),
			"a list of issuers":        forge(acme, typAccess, iss([]string{publicURL + "/t/acme"})),
			"no issuer":                forge(acme, typAccess, func(c map[string]any) { delete(c, "iss") }),
			"another audience":         forge(acme, typAccess, func(c map[string]any) { c["aud"] = "web" }),
			"another user":             forge(acme, typAccess, func(c map[string]any) { c["sub"] = w.bob.ID }),
			"no grant":                 forge(acme, typAccess, func(c map[string]any) { delete(c, "gid") }),
			"another app":              forge(acme, typAccess, func(c map[string]any) { c["client_id"] = "other" }),
			"expired":                  forge(acme, typAccess, func(c map[string]any) { c["exp"] = w.clock.Now().Unix() }),
			"without the scope":        forge(acme, typAccess, func(c map[string]any) { c["scope"] = "openid" }),
			"a scope that looks alike": forge(acme, typAccess, func(c map[string]any) { c["scope"] = "openid administrator xadmin" }),
		} {
			w.refused(name, token)
		}
		w.clock.Advance(accessLife)
		w.refused("user's, ran out", good)
		w.refused("machine's, ran out", machine)
	})
}

// Whatever ends, ends at once.
func TestBearerEnds(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.withAdmin("web", "machine")
		forget := func() { w.store.Forget() }
		for _, c := range []struct {
			name       string
			end, after func(g granted, token string)
		}{
			{"session ended", func(g granted, _ string) { w.endSession(g.session) }, nil},
			{"grant revoked", func(g granted, _ string) { w.must(w.p.RevokeSession(w.in(w.acme), g.session.ID, "sign_out")) }, nil},
			{"token revoked", func(_ granted, token string) { w.post("/revoke", "web", url.Values{"token": {token}}) }, nil},
			{"user disabled", func(granted, string) { w.setActive(false) }, func(granted, string) { w.setActive(true) }},
			{"app switched off", func(g granted, _ string) {
				off := w.apps["web"]
				off.Active, off.Stamp = false, tenants.Stamp{}
				w.put(w.store.PutClientApp(w.in(w.acme), &off))
			}, func(granted, string) {
				on := w.apps["web"]
				on.Stamp = tenants.Stamp{}
				w.put(w.store.PutClientApp(w.in(w.acme), &on))
			}},
			{"tenant switched off", func(granted, string) { w.tenantActive(false) }, func(granted, string) { w.tenantActive(true) }},
			{"subscription switched off", func(granted, string) { w.subscriptionActive(false) }, func(granted, string) { w.subscriptionActive(true) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				g, a := w.tokensOf("web", "scope", "openid admin")
				token := a.str("access_token")
				if _, err := w.p.Bearer(t.Context(), token); err != nil {
					t.Fatal(err)
				}
				c.end(g, token)
				forget()
				if b, err := w.p.Bearer(t.Context(), token); !errors.Is(err, ErrBearer) {
					t.Errorf("%+v %v", b, err)
				}
				if c.after != nil {
					c.after(g, token)
					forget()
				}
			})
		}
		machine := w.machineToken("machine", "")
		w.post("/revoke", "machine", url.Values{"token": {machine}})
		w.refused("machine's, revoked", machine)
		machine = w.machineToken("machine", "")
		off := w.apps["machine"]
		off.Active, off.Stamp = false, tenants.Stamp{}
		w.put(w.store.PutClientApp(w.in(w.acme), &off))
		w.refused("machine's, app switched off", machine)
	})
}

func (w *world) tenantActive(on bool) {
	w.Helper()
	v := w.acme.Tenant
	v.Active, v.Stamp = on, tenants.Stamp{}
	w.put(w.store.PutTenant(w.in(w.acme), &v))
}

func (w *world) subscriptionActive(on bool) {
	w.Helper()
	v := w.acme.Subscription
	v.Active, v.Stamp = on, tenants.Stamp{}
	w.put(w.store.PutSubscription(w.in(w.acme), &v))
}

// A database that fails is no bad token.
func TestBearerFailure(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.withAdmin("machine")
	token := w.machineToken("machine", "")
	w.store.Forget()
	w.must(w.db.Close())
	if b, err := w.p.Bearer(t.Context(), token); err == nil || errors.Is(err, ErrBearer) || b.Realm.Tenant.ID != "" {
		t.Errorf("%+v %v", b, err)
	}
}

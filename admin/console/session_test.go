package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestSessionTimes: a session ends when it is not used, and in the end anyway.
func TestSessionTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		c := w.browser()
		w.clock.Advance(idleLife - time.Second)
		if !w.isIn(c) {
			t.Fatal("ended early")
		}
		w.clock.Advance(idleLife)
		if w.isIn(c) {
			t.Error("an idle session lives")
		}
		c = w.browser()
		for range int(absoluteLife/(10*time.Minute)) - 1 {
			w.clock.Advance(10 * time.Minute)
			if !w.isIn(c) {
				t.Fatal("a session in use ended early")
			}
		}
		w.clock.Advance(10 * time.Minute)
		if w.isIn(c) {
			t.Error("a session lives for longer than it may")
		}
		if w.count("console_sessions") == 0 {
			t.Fatal("nothing to sweep")
		}
		must(t, w.Sweep(t.Context()))
		if n := w.count("console_sessions"); n != 0 {
			t.Error("not swept:", n)
		}
		live := w.browser()
		must(t, w.Sweep(t.Context()))
		if !w.isIn(live) {
			t.Error("a live one was swept")
		}
	})
}

// TestWhatEndsASession: all that a session stands on is asked each time.
func TestWhatEndsASession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		put := func(d tenants.Difference, err error) { t.Helper(); must(t, err) }
		user := func(change func(*tenants.User)) func() {
			return func() {
				v := w.sue
				v.Stamp = tenants.Stamp{}
				change(&v)
				put(w.Tenants.PutUser(w.in(), &v))
			}
		}
		tenant := func(change func(*tenants.Tenant)) func() {
			return func() {
				v := w.realm.Tenant
				v.Stamp = tenants.Stamp{}
				change(&v)
				put(w.Tenants.PutTenant(w.in(), &v))
			}
		}
		nothing := func() {}
		for _, c := range []struct {
			name      string
			end, back func()
		}{
			{"his session at the tenant ended", func() { w.dead[w.op.sid] = true }, func() { delete(w.dead, w.op.sid) }},
			{"he is switched off", user(func(u *tenants.User) { u.Active = false }), user(func(*tenants.User) {})},
			{"what he proves himself with changed", func() { must(t, w.Tenants.RaiseEpoch(w.in(), w.sue.ID)) }, nothing},
			{
				"he is no member any more", func() { put(w.Tenants.SetTenantMembers(w.in(), w.realm.Tenant.ID, nil)) },
				func() { put(w.Tenants.Link(w.in(), tenants.LinkTenantMember, w.realm.Tenant.ID, w.sue.ID)) },
			},
			{"the tenant is switched off", tenant(func(v *tenants.Tenant) { v.Active = false }), tenant(func(*tenants.Tenant) {})},
			{
				"the console is taken from the tenant", func() { put(w.Tenants.SetTenantClientApps(w.in(), w.realm.Tenant.ID, nil)) },
				func() { must(t, w.EnsureConsole(t.Context(), w.realm)) },
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := w.browser()
				c.end()
				w.Tenants.Forget()
				if w.isIn(b) {
					t.Error("the session lives")
				}
				c.back()
				w.Tenants.Forget()
				if w.isIn(b) {
					t.Error("the session came back")
				}
			})
		}
	})
}

// TestPosts: without a session nothing that is posted counts, and nobody is sent away
// with it; with one it must come from a page of ours.
func TestPosts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		out := testkit.NewClient(t).PostForm(w.url+"/admin/things", url.Values{})
		if out.Status != http.StatusUnauthorized || !strings.Contains(out.Text, "nothing was changed") || out.Link("Sign in") == nil {
			t.Errorf("signed out: %d %s", out.Status, out.Text)
		}
		c := w.browser()
		if page := c.PostFormFrom(w.url, w.url+"/admin/things", url.Values{}); page.Body != "thing POST sue "+w.op.sid {
			t.Errorf("own: %d %s", page.Status, page.Text)
		}
		for _, from := range []string{"https://evil.example", "http://localhost:1"} {
			for _, path := range []string{"/admin/things", "/admin/signout"} {
				if page := c.PostFormFrom(from, w.url+path, url.Values{}); page.Status != http.StatusForbidden {
					t.Errorf("%s from %s: %d", path, from, page.Status)
				}
			}
		}
		if !w.isIn(c) {
			t.Error("another site signed out")
		}
	})
}

// TestSignOut: the session here ends, and the issuer is asked to end its own.
func TestSignOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		c := w.browser()
		other := w.browser()
		_, err := w.Tenants.PutGrant(w.in(), &tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectUser, SubjectID: w.sue.ID, HomeID: w.realm.Subscription.ID})
		must(t, err)
		page := c.Get(w.url + "/admin/").Follow().RequireText("Sue Root").Press("Sign out")
		to := page.Location()
		if page.Status != http.StatusSeeOther || to.Path != "/t/system/end_session" || to.Query().Get("client_id") != clientID(w.realm.Subscription.ID) ||
			to.Query().Get("post_logout_redirect_uri") != w.url+"/admin/" {
			t.Fatal(page.Status, to)
		}
		if c.Cookie(w.url+"/admin/", "twofold-console") != "" || w.count("console_sessions") != 1 || !w.isIn(other) || w.events()[0] != "console.signed_out" {
			t.Error("the wrong session ended, or none")
		}
		if page := c.PostFormFrom(w.url, w.url+"/admin/signout", nil); page.Status != http.StatusSeeOther || page.Location().Path != "/admin/" {
			t.Error("once more:", page.Status)
		}
	})
}

// Two sessions in one browser cannot be told apart, so neither counts.
func TestTwoCookies(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t)).populate()
	a, b := w.browser(), w.browser()
	send := func(values ...string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/admin/things", nil)
		must(t, err)
		for _, v := range values {
			r.AddCookie(&http.Cookie{Name: "twofold-console", Value: v})
		}
		return testkit.NewClient(t).Do(r).Status
	}
	one, two := a.Cookie(w.url+"/admin/", "twofold-console"), b.Cookie(w.url+"/admin/", "twofold-console")
	if send(one) != 200 || send(one, two) != 303 || send(one, "x") != 200 || send(strings.Repeat("x", 5000)) != 303 {
		t.Error("wrong")
	}
}

// TestProveAnew: what asks for a fresh sign-in leads to one, and back.
func TestProveAnew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		c := w.browser()
		page := c.Get(w.url + "/admin/things?sensitive")
		if page.Status != http.StatusOK {
			t.Fatal(page.Status, page.Text)
		}
		w.clock.Advance(6 * time.Minute)
		out := c.PostFormFrom(w.url, w.url+"/admin/things?sensitive", nil)
		if out.Status != http.StatusUnauthorized || !strings.Contains(out.Text, "nothing was changed") {
			t.Errorf("posted: %d %s", out.Status, out.Text)
		}
		if page := out.Link("Sign in again").Follow(); page.URL.RequestURI() != "/admin/things?sensitive" || page.Status != http.StatusOK || w.op.asked.Get("max_age") != "0" {
			t.Errorf("after it: %d %s", page.Status, page.URL)
		}
		w.clock.Advance(6 * time.Minute)
		page = c.Get(w.url + "/admin/things?sensitive").Follow()
		if page.URL.RequestURI() != "/admin/things?sensitive" || !strings.HasPrefix(page.Body, "thing GET sue") || w.op.asked.Get("prompt") != "login" {
			t.Errorf("opened: %d %s", page.Status, page.URL)
		}
		w.op.claims = func(c map[string]any) { c["auth_time"] = w.clock.Now().Add(-6 * time.Minute).Unix() }
		if s := c.Get(w.url + "/admin/things?sensitive").Follow(); s.Status != http.StatusOK {
			t.Errorf("still fresh: %d", s.Status)
		}
	})
}

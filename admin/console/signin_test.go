package console

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestSignIn: what is asked, what is kept, and where it leads.
func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		c := testkit.NewClient(t)
		page := c.Get(w.url + "/admin/things?a=1&b=%2F").Follow()
		if page.URL.RequestURI() != "/admin/things?a=1&b=%2F" || page.Body != "thing GET sue "+w.op.sid {
			t.Fatalf("%s %d %s", page.URL, page.Status, page.Text)
		}
		q := w.op.asked
		for name, want := range map[string]string{
			"response_type": "code", "client_id": "console-" + w.realm.Subscription.ID, "redirect_uri": w.url + "/admin/callback", "scope": "openid",
			"acr_values": "urn:twofold:acr:2fa", "code_challenge_method": "S256", "max_age": "900", "prompt": "",
		} {
			if q.Get(name) != want {
				t.Errorf("%s %q, want %q", name, q.Get(name), want)
			}
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if len(q.Get(name)) != 43 {
				t.Errorf("%s is %q", name, q.Get(name))
			}
		}
		if got := w.events()[0]; got != "console.signed_in" {
			t.Error(got)
		}
		cookie := c.Cookie(w.url+"/admin/", "twofold-console")
		if len(cookie) != 43 || c.Cookie(w.url+"/admin/", "twofold-console-at") != "system" {
			t.Error("cookies:", c.Cookies(w.url+"/admin/"))
		}
		for _, k := range c.Cookies(w.url + "/admin/") {
			if strings.Contains(k.Name, "flow") {
				t.Error("a flow is left:", k.Name)
			}
		}
		var hash string
		must(t, w.DB.SQL().QueryRowContext(t.Context(), "SELECT token_hash FROM console_sessions").Scan(&hash))
		if hash == cookie || w.logs.Contains(cookie) || w.logs.Contains(q.Get("nonce")) {
			t.Error("the cookie or the nonce is kept readable")
		}
		// Fresh: everything is proven anew, under a new cookie.
		if page := c.Get(w.url + "/admin/signin?fresh=1&to=/admin/things").Follow(); page.URL.Path != "/admin/things" {
			t.Error(page.URL)
		}
		if w.op.asked.Get("prompt") != "login" || w.op.asked.Get("max_age") != "0" {
			t.Error(w.op.asked)
		}
		if again := c.Cookie(w.url+"/admin/", "twofold-console"); again == cookie || again == "" {
			t.Error("the cookie stayed")
		}
		if n := w.count("console_sessions"); n != 1 {
			t.Error("sessions:", n)
		}
	})
}

// TestAnswersRefused: no answer counts that is not exactly what was asked for.
func TestAnswersRefused(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	each(t, func(t *testing.T, w *world) {
		w.populate()
		claim := func(name string, v any) func() {
			return func() {
				w.op.claims = func(c map[string]any) {
					if c[name] = v; v == nil {
						delete(c, name)
					}
				}
			}
		}
		answer := func(name string, v ...string) func() {
			return func() { w.op.answer = func(q url.Values) { q[name] = v } }
		}
		now := w.clock.Now()
		for _, c := range []struct {
			name   string
			wrong  func()
			status int
		}{
			{"another issuer in the token", claim("iss", w.url+"/t/other"), 403},
			{"another app's token", claim("aud", "web"), 403},
			{"a token for several", claim("aud", []string{clientID(w.realm.Subscription.ID), "web"}), 403},
			{"another nonce", claim("nonce", "n"), 403},
			{"no nonce", claim("nonce", nil), 403},
			{"expired", claim("exp", now.Unix()-1), 403},
			{"one factor", claim("acr", "urn:twofold:acr:1fa"), 403},
			{"no acr", claim("acr", nil), 403},
			{"an acr that nobody knows", claim("acr", "urn:example:best"), 403},
			{"an old proof", claim("auth_time", now.Add(-16*time.Minute).Unix()), 403},
			{"no auth_time", claim("auth_time", nil), 403},
			{"no session", claim("sid", nil), 403},
			{"nobody", claim("sub", ""), 403},
			{"another access token", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), 403},
			{"no at_hash", claim("at_hash", nil), 403},
			{"a user who is not there", claim("sub", "0190"), 410},
			{"a session that has ended", claim("sid", "dead"), 410},
			{"another key", func() {
				w.op.sign = func(c map[string]any) string { return w.op.signed(jose.RS256, other, "k", c) }
			}, 403},
			{"a MAC", func() {
				w.op.sign = func(c map[string]any) string { return w.op.signed(jose.HS256, []byte(strings.Repeat("k", 32)), "k", c) }
			}, 403},
			{"no signature", func() {
				w.op.sign = func(c map[string]any) string {
					return "eyJhbGciOiJub25lIn0." + strings.Split(w.op.signed(jose.RS256, other, "k", c), ".")[1] + "."
				}
			}, 403},
			{"no ID token", func() { w.op.token = func(b map[string]any) int { delete(b, "id_token"); return 200 } }, 403},
			{"a code that is over", answer("code", "c"), 403},
			{"answered by another issuer", answer("iss", w.url+"/t/other"), 403},
			{"answered by nobody", answer("iss"), 403},
			{"two issuers", answer("iss", w.url+"/t/system", w.url+"/t/system"), 410},
			{"two codes", answer("code", "a", "b"), 410},
			{"another state", answer("state", "s"), 410},
			{"no state", answer("state"), 410},
			{"cancelled", answer("error", "access_denied"), 403},
			{"the issuer fails", func() { w.op.token = func(map[string]any) int { return 500 } }, 500},
		} {
			t.Run(c.name, func(t *testing.T) {
				w.dead["dead"] = true
				c.wrong()
				defer func() { w.op.answer, w.op.claims, w.op.sign, w.op.token = nil, nil, nil, nil }()
				b := testkit.NewClient(t)
				page := b.Get(w.url + "/admin/things").Follow()
				if page.Status != c.status || b.Cookie(w.url+"/admin/", "twofold-console") != "" || w.isIn(b) {
					t.Errorf("%d %s", page.Status, page.Text)
				}
				if n := w.count("console_sessions"); n != 0 {
					t.Error("a session began")
				}
			})
		}
		if w.logs.Contains("eyJ") || w.logs.Contains("access_token") {
			t.Error("a token is in the log")
		}
		w.browser() // and without all this it works
	})
}

// A fresh sign-in must be one: an issuer that answers from an old session is refused.
func TestFreshMustBeFresh(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t)).populate()
	before := w.clock.Now().Add(-time.Minute)
	w.op.claims = func(c map[string]any) { c["auth_time"] = before.Unix() }
	c := testkit.NewClient(t)
	if page := c.Get(w.url + "/admin/signin?fresh=1").Follow(); page.Status != http.StatusForbidden {
		t.Error(page.Status, page.Text)
	}
	if page := c.Get(w.url + "/admin/signin?to=/admin/things").Follow(); page.Status != http.StatusOK {
		t.Error("an ordinary one:", page.Status, page.Text)
	}
}

// TestLoginCSRF: an answer that another browser asked for signs nobody in.
func TestLoginCSRF(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		mallory, victim := testkit.NewClient(t), testkit.NewClient(t)
		answer := mallory.Get(w.url + "/admin/signin").FollowOnce().Location().String() // her own code, not used yet
		for _, way := range []string{"without a sign-in", "with one under way"} {
			page := victim.Get(answer)
			if page.Status != http.StatusGone || victim.Cookie(w.url+"/admin/", "twofold-console") != "" {
				t.Errorf("%s: %d %s", way, page.Status, page.Text)
			}
			victim.Get(w.url + "/admin/signin")
		}
		// Nor by the state of his own sign-in: the code is tied to her proof.
		mine, _ := url.Parse(victim.Get(w.url + "/admin/signin").FollowOnce().Location().String())
		hers, _ := url.Parse(answer)
		q := mine.Query()
		q.Set("code", hers.Query().Get("code"))
		mine.RawQuery = q.Encode()
		if page := victim.Get(mine.String()); page.Status != http.StatusForbidden || w.count("console_sessions") != 0 {
			t.Errorf("another's code: %d %s", page.Status, page.Text)
		}
		// Her own answer counts once, also for her.
		if page := mallory.Get(answer); page.Status != http.StatusGone && page.Status != http.StatusForbidden {
			t.Errorf("a code that was tried elsewhere: %d", page.Status)
		}
		answer = mallory.Get(w.url + "/admin/signin").FollowOnce().Location().String()
		if page := mallory.Get(answer); page.Status != http.StatusSeeOther {
			t.Fatal(page.Status, page.Text)
		}
		if page := mallory.Get(answer); page.Status != http.StatusGone || w.count("console_sessions") != 1 {
			t.Errorf("the second time: %d", page.Status)
		}
		// One that is too old does not count.
		answer = victim.Get(w.url + "/admin/signin").FollowOnce().Location().String()
		w.clock.Advance(flowLife)
		if page := victim.Get(answer); page.Status != http.StatusGone {
			t.Errorf("too old: %d", page.Status)
		}
	})
}

// TestFixation: a cookie that was there before a sign-in opens nothing after it.
func TestFixation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		planted := strings.Repeat("p", 43)
		with := func(value, path string) int {
			r := httptest.NewRequest(http.MethodGet, w.url+path, nil)
			r.RequestURI = ""
			r.AddCookie(&http.Cookie{Name: "twofold-console", Value: value})
			res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
			must(t, err)
			_ = res.Body.Close()
			return res.StatusCode
		}
		c := testkit.NewClient(t)
		u, _ := url.Parse(w.url)
		c.HTTP.Jar.SetCookies(u, []*http.Cookie{{Name: "twofold-console", Value: planted, Path: "/"}})
		if page := c.Get(w.url + "/admin/things").Follow(); page.Status != http.StatusOK {
			t.Fatal(page.Status, page.Text)
		}
		mine := c.Cookie(w.url+"/admin/", "twofold-console")
		if mine == planted || with(planted, "/admin/things") != http.StatusSeeOther || with(mine, "/admin/things") != http.StatusOK {
			t.Error("the planted cookie counts")
		}
		// Whoever knows the cookie before another sign-in has nothing of it afterwards.
		c.Get(w.url + "/admin/signin?fresh=1").Follow()
		if with(mine, "/admin/things") != http.StatusSeeOther {
			t.Error("the old cookie counts")
		}
	})
}

// Several sign-ins may be under way in one browser, but not any number.
func TestFlowsSideBySide(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t)).populate()
	c := testkit.NewClient(t)
	first := c.Get(w.url + "/admin/signin?to=/admin/things?1").FollowOnce().Location().String()
	second := c.Get(w.url + "/admin/signin?to=/admin/things?2").FollowOnce().Location().String()
	for i, answer := range []string{first, second} {
		if page := c.Get(answer).Follow(); page.Status != http.StatusOK || page.URL.RawQuery != string(rune('1'+i)) {
			t.Errorf("%d: %d %s", i, page.Status, page.URL)
		}
	}
	for range 20 {
		c.Get(w.url + "/admin/signin")
	}
	if n := len(c.Cookies(w.url + "/admin/")); n > maxFlows+2 {
		t.Error("cookies:", n)
	}
}

// A tenant without a console and one that is not there look the same.
func TestNoConsole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		for _, name := range []string{"acme", "off"} {
			sub := tenants.Subscription{Name: name, Title: name, Active: true}
			_, err := w.Tenants.PutSubscription(t.Context(), &sub)
			must(t, err)
			v := tenants.Tenant{Name: name, Title: "The secret name", Active: name == "acme"}
			_, err = w.Tenants.PutTenant(tenants.WithRealm(t.Context(), tenants.Realm{Subscription: sub}), &v)
			must(t, err)
		}
		c := testkit.NewClient(t)
		var pages []string
		for _, name := range []string{"acme", "off", "nowhere", "%2e%2e", "A", strings.Repeat("x", 300)} {
			page := c.Get(w.url + "/admin/signin?tenant=" + name)
			if page.Status != http.StatusNotFound || !strings.Contains(page.Text, "given a role") {
				t.Errorf("%s: %d %s", name, page.Status, page.Text)
			}
			pages = append(pages, page.Body)
		}
		if len(slices.Compact(pages)) != 1 {
			t.Error("the pages differ")
		}
		if n := w.count("client_apps"); n != 1 {
			t.Error("a stranger made a client app:", n)
		}
		acme, err := w.Tenants.RealmByName(t.Context(), "acme")
		must(t, err)
		for range 2 {
			must(t, w.EnsureConsole(t.Context(), acme))
		}
		page := c.Get(w.url + "/admin/signin?tenant=acme")
		if to := page.Location(); page.Status != http.StatusSeeOther || to.Path != "/t/acme/authorize" || to.Query().Get("client_id") != "console-"+acme.Subscription.ID {
			t.Error(page.Status, to)
		}
	})
}

// EnsureConsole brings the client app back to what it must be, and notes only changes.
func TestEnsureConsole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.populate()
		app, err := w.Tenants.ClientApp(w.in(), clientID(w.realm.Subscription.ID))
		must(t, err)
		if !app.Public() || !app.EnforceMFA || app.MinACR != "urn:twofold:acr:2fa" || app.PKCEOptional || !slices.Equal(app.RedirectURIs, tenants.List{w.url + "/admin/callback"}) ||
			!slices.Equal(app.PostLogoutRedirectURIs, tenants.List{w.url + "/admin/"}) || !slices.Equal(app.GrantTypes, tenants.List{tenants.GrantCode}) {
			t.Errorf("%+v", app)
		}
		before := len(w.events())
		must(t, w.EnsureConsole(t.Context(), w.realm))
		if n := len(w.events()); n != before {
			t.Error("an event for nothing")
		}
		loose := app
		loose.EnforceMFA, loose.MinACR, loose.Active = false, "", false
		loose.RedirectURIs = append(loose.RedirectURIs, "https://evil.example/cb")
		_, err = w.Tenants.PutClientApp(w.in(), &loose)
		must(t, err)
		_, err = w.Tenants.SetTenantClientApps(w.in(), w.realm.Tenant.ID, nil)
		must(t, err)
		must(t, w.EnsureConsole(t.Context(), w.realm))
		got, err := w.Tenants.ClientApp(w.in(), clientID(w.realm.Subscription.ID))
		must(t, err)
		if got.ID != app.ID || !got.EnforceMFA || got.MinACR != app.MinACR || len(got.RedirectURIs) != 1 || w.events()[0] != "console.ensured" {
			t.Errorf("%+v %v", got, w.events())
		}
	})
}

// TestOnGrant: who is given a role can sign in to the console where he is a member, and
// nobody else can.
func TestOnGrant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		put := func(_ tenants.Difference, err error) { t.Helper(); must(t, err) }
		sub := tenants.Subscription{Name: "acme", Title: "Acme", Active: true}
		put(w.Tenants.PutSubscription(t.Context(), &sub))
		ctx := db.WithScope(t.Context(), db.Scope{Subscription: sub.ID})
		ids := map[string]string{}
		for _, name := range []string{"one", "two", "three"} {
			v := tenants.Tenant{Name: name, Title: name, Active: true}
			put(w.Tenants.PutTenant(ctx, &v))
			u := tenants.User{Name: name, DisplayName: name, Kind: tenants.Person, Active: true}
			put(w.Tenants.PutUser(ctx, &u))
			put(w.Tenants.Link(ctx, tenants.LinkTenantMember, v.ID, u.ID))
			ids[name] = u.ID
		}
		group := tenants.Group{Name: "desk"}
		put(w.Tenants.PutGroup(ctx, &group))
		put(w.Tenants.SetGroupMembers(ctx, group.ID, []string{ids["two"]}))
		open := func() (out []string) {
			for _, name := range []string{"one", "two", "three"} {
				if _, _, err := w.consoleOf(t.Context(), name); err == nil {
					out = append(out, name)
				}
			}
			return out
		}
		for _, c := range []struct {
			kind, id string
			want     []string
		}{
			{tenants.SubjectClientApp, "app", nil},
			{tenants.SubjectUser, ids["one"], []string{"one"}},
			{tenants.SubjectUser, ids["one"], []string{"one"}},
			{tenants.SubjectGroup, group.ID, []string{"one", "two"}},
		} {
			must(t, w.OnGrant(t.Context(), tenants.Grant{SubscriptionID: sub.ID, Role: tenants.RoleHelpDesk, SubjectKind: c.kind, SubjectID: c.id, HomeID: sub.ID}))
			if got := open(); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.kind, got, c.want)
			}
		}
	})
}

func TestBackTo(t *testing.T) {
	for to, want := range map[string]string{
		"/admin/":                             "/admin/",
		"/admin/users?q=a&b=%2F":              "/admin/users?q=a&b=%2F",
		"/admin/users/1/edit":                 "/admin/users/1/edit",
		"/admin/users/":                       "/admin/users/",
		"/admin/users#x":                      "/admin/users",
		"":                                    "/admin/",
		"/":                                   "/admin/",
		"/admin":                              "/admin/",
		"/t/acme/account":                     "/admin/",
		"/adminx/":                            "/admin/",
		"admin/users":                         "/admin/",
		"https://evil.example/":               "/admin/",
		"//evil.example/admin/":               "/admin/",
		"/\\evil.example/admin/":              "/admin/",
		"/admin/\\evil.example":               "/admin/",
		"/admin//evil.example":                "/admin/",
		"///evil.example":                     "/admin/",
		"https:/admin/":                       "/admin/",
		"javascript:alert(1)":                 "/admin/",
		"/admin/../t/acme/authorize":          "/admin/",
		"/admin/%2e%2e/t/x":                   "/admin/",
		"/admin/./users":                      "/admin/",
		"/admin/signin":                       "/admin/",
		"/admin/signin?to=/admin/x":           "/admin/",
		"/admin/callback?code=1":              "/admin/",
		"/admin/signout":                      "/admin/",
		"/admin/setup?link=x":                 "/admin/",
		"/admin/a b":                          "/admin/",
		"/admin/a\r\nSet-Cookie: x":           "/admin/",
		"/admin/%zz":                          "/admin/",
		"/admin/\u00fc":                       "/admin/",
		"/admin/" + strings.Repeat("a", 1100): "/admin/",
	} {
		if got := backTo(to); got != want {
			t.Errorf("%.40q leads to %.60q, want %q", to, got, want)
		}
	}
}

// On https the cookies have the prefix that no sibling host can plant.
func TestCookieAttributes(t *testing.T) {
	for _, c := range []struct{ url, name string }{{"https://id.example.test", "__Host-twofold-console"}, {"http://localhost:8080", "twofold-console"}} {
		k := Console{Config: Config{PublicURL: c.url}, secure: strings.HasPrefix(c.url, "https://")}
		rec := httptest.NewRecorder()
		k.setCookie(rec, sessionCookie, "v", 0)
		k.dropCookie(rec, sessionCookie)
		for _, got := range rec.Result().Cookies() {
			if got.Name != c.name || got.Path != "/" || got.Domain != "" || !got.HttpOnly || got.Secure != k.secure || got.SameSite != http.SameSiteLaxMode {
				t.Errorf("%s: %+v", c.url, got)
			}
		}
	}
}

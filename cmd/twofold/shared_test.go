package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/outbound"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/ui"
)

// sharing is a world with the tenants acme and globex, which share sign-ons: anna and bruno
// are members of both, carl of acme alone.
func sharing(t *testing.T, db string) *world {
	t.Helper()
	w := newWorld(t, db)
	w.tenant("acme", "anna", "bruno", "carl")
	w.tenant("globex", "anna", "bruno")
	w.share(true)
	return w
}

func (w *world) share(on bool) {
	w.t.Helper()
	w.sub.SharedSignOn = on
	w.must(w.tenants.PutSubscription(w.ctx(), &w.sub))
}

// shared is what a browser holds of its sign-on.
func (w *world) shared(c *testkit.Client) (found *http.Cookie) {
	w.t.Helper()
	for _, cookie := range c.Cookies(w.url + "/t/any") {
		if strings.HasPrefix(cookie.Name, "twofold-shared-") {
			if found != nil {
				w.t.Fatalf("two: %s and %s", found.Name, cookie.Name)
			}
			found = cookie
		}
	}
	return found
}

// arrives opens an app with what the browser has, or with these cookies alone, and reports
// whether nothing was asked.
func (p *rp) arrives(c *testkit.Client, cookies ...*http.Cookie) bool {
	p.w.t.Helper()
	if cookies == nil {
		return toApp(c.Get(p.authorizeURL()))
	}
	req, err := http.NewRequestWithContext(p.w.t.Context(), http.MethodGet, p.authorizeURL(), nil)
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, cookie := range cookies {
		req.AddCookie(cookie)
	}
	return toApp(testkit.NewClient(p.w.t).Do(req))
}

// enters signs somebody in by name and password, and returns the claims of his ID token. A
// second goes by: what is proven then is of no later sign-in.
func (p *rp) enters(c *testkit.Client, name string) (cl map[string]any, idToken string) {
	p.w.t.Helper()
	tok := p.exchange(p.callback(p.signIn(c, name)).Get("code"))
	p.w.clock.Advance(time.Second)
	return claims(p.w.t, tok.IDToken), tok.IDToken
}

// sidOf tells a session, and the tenant that it is of.
func sidOf(cl map[string]any) string { return cl["iss"].(string) + " " + cl["sid"].(string) }

func idIn(sid string) string { return sid[strings.LastIndexByte(sid, ' ')+1:] }

func (w *world) live() int { return w.count("sessions", "ended_at IS NULL") }

// TestSharedSignOn: who has signed in at one tenant is asked nothing at the other, as long
// as the subscription wants that.
func TestSharedSignOn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		acme, globex := w.rp("acme", "expenses"), w.rp("globex", "expenses")
		c := testkit.NewClient(t)
		first, _ := acme.enters(c, "anna")
		w.clock.Advance(2 * time.Minute)
		second := claims(t, globex.exchange(globex.callback(c.Get(globex.authorizeURL())).Get("code")).IDToken)
		if second["sub"] != first["sub"] || second["auth_time"] != first["auth_time"] || second["sid"] == first["sid"] || second["iss"] != globex.base() {
			t.Errorf("acme %v\nglobex %v", first, second)
		}
		if w.live() != 2 || w.count("sign_ons", "1=1") != 1 || w.sessionCookie(c, "globex") == "" || w.sessionCookie(c, "globex") == w.sessionCookie(c, "acme") {
			t.Errorf("%d sessions, %d sign-ons", w.live(), w.count("sign_ons", "1=1"))
		}
		if n := w.count("sessions s", "expires_at > (SELECT MIN(expires_at) FROM sessions)"); n != 0 {
			t.Error("what is borrowed lives longer than what it is borrowed of")
		}
		if trail := w.events("globex"); !strings.Contains(trail, "lent_by") {
			t.Errorf("the trail does not say whose word it was:\n%s", trail)
		}
		globex.arrives(c) // its own session by now
		if w.live() != 2 {
			t.Errorf("%d sessions", w.live())
		}

		for name, k := range map[string]struct {
			user  string
			extra []string
			want  bool
		}{
			"nothing special":      {"anna", nil, true},
			"silently":             {"anna", []string{"prompt", "none"}, true},
			"young enough":         {"anna", []string{"max_age", "600"}, true},
			"too old":              {"anna", []string{"max_age", "60"}, false},
			"asked anew":           {"anna", []string{"prompt", "login"}, false},
			"another account":      {"anna", []string{"prompt", "select_account"}, false},
			"whom the app expects": {"bruno", []string{"id_token_hint", ""}, false},
			"no member":            {"carl", nil, false},
			"no member, silently":  {"carl", []string{"prompt", "none"}, false},
		} {
			c, p := testkit.NewClient(t), w.rp("globex", "expenses")
			acme.enters(c, k.user)
			w.clock.Advance(2 * time.Minute)
			if k.extra != nil {
				p = p.with(k.extra[0], k.extra[1])
			}
			if name == "whom the app expects" {
				other := testkit.NewClient(t)
				_, hint := globex.enters(other, "anna")
				p = p.with("id_token_hint", hint)
			}
			if got := p.arrives(c); got != k.want {
				t.Errorf("%s: %v", name, got)
			}
		}
		// By the tenant's own pages too.
		c = testkit.NewClient(t)
		acme.enters(c, "anna")
		if page := c.Get(w.account("globex")).Follow(); page.Status != http.StatusOK || !strings.Contains(page.Text, "Your account") {
			t.Errorf("account: %d %s", page.Status, page.Text)
		}

		c = testkit.NewClient(t)
		acme.enters(c, "carl")
		if page := c.Get(w.account("globex")).Follow(); len(page.Forms) == 0 || !page.Forms[0].Has("password") || strings.Contains(page.Text, "Carl") {
			t.Errorf("account of no member: %d %s", page.Status, page.Text)
		}

		c = testkit.NewClient(t)
		acme.enters(c, "anna")
		w.share(false)
		if globex.arrives(c) || !acme.arrives(c) {
			t.Error("what is switched off goes on, or took a session along")
		}
		if c := testkit.NewClient(t); acme.arrives(c) || w.shared(c) != nil {
			t.Error("a cookie without the switch")
		}
		w.share(true)
		if !globex.arrives(c) {
			t.Error("switched on again it does not work")
		}
	})
}

// TestSharedSignOnStepsUp: each tenant's own rules hold: what is missing is asked for, and
// no more.
func TestSharedSignOnStepsUp(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		w.factor("mail", "email")
		w.assign("mail", "tenant globex", true)
		acme, globex := w.rp("acme", "expenses"), w.rp("globex", "expenses")
		c := testkit.NewClient(t)
		first, _ := acme.enters(c, "anna")
		before := w.shared(c)
		w.clock.Advance(time.Minute)
		page := c.Get(globex.authorizeURL()).Follow()
		if len(page.Forms) == 0 || page.Forms[0].Has("password") || !page.Forms[0].Has("code") {
			t.Fatalf("not asked for the code alone: %s", page.Text)
		}
		code := w.code("anna@example.test")
		second := claims(t, globex.exchange(globex.callback(page.Forms[0].Set("code", code).Press("Continue")).Get("code")).IDToken)
		if second["acr"] != "urn:twofold:acr:2fa" || second["auth_time"] != first["auth_time"] {
			t.Errorf("%v", second)
		}
		if now := w.shared(c); now.Value == before.Value || globex.arrives(nil, before) || !acme.arrives(nil, now) {
			t.Error("the cookie is the old one, or that still counts")
		}

		// What has ended meanwhile lends nothing to a sign-in that is under way.
		c = testkit.NewClient(t)
		_, idToken := acme.enters(c, "bruno")
		page = c.Get(globex.authorizeURL()).Follow()
		form := page.Forms[0].Set("code", w.code("bruno@example.test"))
		c.Get(acme.base() + "/end_session?" + url.Values{"id_token_hint": {idToken}}.Encode()).Require(http.StatusOK)
		if toApp(form.Submit()) {
			t.Fatal("a password of a sign-on that has ended counts")
		}
		if page = c.Get(page.URL.String()); len(page.Forms) == 0 || !page.Forms[0].Has("password") {
			t.Errorf("the password is not asked for again: %s", page.Text)
		}
	})
}

// heardFrom makes the app "expenses" hear of sessions that have ended: by issuer and sid.
func (w *world) heardFrom() chan string {
	w.t.Helper()
	heard := make(chan string, 100)
	w.idp.Guarded = outbound.Client(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cl := claims(w.t, r.PostFormValue("logout_token"))
		heard <- sidOf(cl)
	}))
	w.t.Cleanup(server.Close)
	app, err := w.tenants.ClientApp(w.in("acme"), "expenses")
	if err != nil {
		w.t.Fatal(err)
	}
	app.LogoutURI = server.URL
	w.must(w.tenants.PutClientApp(w.ctx(), &app))
	return heard
}

// TestSharedSignOnEnds: who signs out at one tenant is out at all; who is ended at one by an
// administrator is out there alone, and does not come back by himself.
func TestSharedSignOnEnds(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		heard := w.heardFrom()
		acme, globex := w.rp("acme", "expenses"), w.rp("globex", "expenses")
		var idToken string
		both := func(c *testkit.Client) (atAcme, atGlobex string) {
			t.Helper()
			var first map[string]any
			first, idToken = acme.enters(c, "anna")
			tok := globex.exchange(globex.callback(c.Get(globex.authorizeURL())).Get("code"))
			return sidOf(first), sidOf(claims(t, tok.IDToken))
		}
		hear := func(sids ...string) {
			t.Helper()
			for left := sids; len(left) > 0; {
				select {
				case s := <-heard:
					i := slices.Index(left, s)
					if i < 0 {
						t.Fatalf("heard %s, want one of %v", s, left)
					}
					left = slices.Delete(left, i, i+1)
				case <-time.After(20 * time.Second):
					t.Fatalf("not heard: %v", left)
				}
			}
		}

		// By an app of one of them.
		c := testkit.NewClient(t)
		atAcme, atGlobex := both(c)
		copied := w.shared(c)
		c.Get(acme.base() + "/end_session?" + url.Values{"id_token_hint": {idToken}}.Encode()).Require(http.StatusOK)
		hear(atAcme, atGlobex)
		if w.live() != 0 || w.shared(c) != nil || acme.arrives(c) || globex.arrives(c) || globex.arrives(nil, copied) {
			t.Errorf("%d sessions live on, cookie %v", w.live(), w.shared(c))
		}

		// At the other one, without a session of its own there: it is asked, and then all end.
		c = testkit.NewClient(t)
		mine, _ := acme.enters(c, "anna")
		page := c.Get(globex.base() + "/end_session").RequireText("Anna")
		if w.live() != 1 {
			t.Error("ended without being asked")
		}
		page.Press("Sign out").Require(http.StatusOK)
		hear(sidOf(mine))
		if w.live() != 0 || globex.arrives(c) {
			t.Errorf("%d sessions live on", w.live())
		}

		// By an administrator, at one.
		c = testkit.NewClient(t)
		_, atGlobex = both(c)
		if err := w.idp.EndSession(w.ctx(), w.ids["tenant globex"], idIn(atGlobex), "root", "ended by an administrator"); err != nil {
			t.Fatal(err)
		}
		hear(atGlobex)
		if !acme.arrives(c) || globex.arrives(c) || globex.arrives(nil, w.shared(c)) || w.live() != 1 {
			t.Errorf("%d sessions: ended too much, or came back by itself", w.live())
		}
		// It does not either after it was swept, while the sign-on goes on.
		w.clock.Advance(23 * time.Hour)
		again := w.rp("acme", "expenses").with("prompt", "login")
		rests, _ := again.enters(c, "anna")
		w.clock.Advance(3 * time.Hour)
		again.enters(c, "anna")
		if err := w.idp.Sweep(w.ctx()); err != nil {
			t.Fatal(err)
		}
		if globex.arrives(c) {
			t.Error("what an administrator has ended came back after the sweep")
		}
		// By the password it does, and belongs to the others again.
		w.clock.Advance(time.Second)
		back, _ := globex.enters(c, "anna")
		mine, idToken = again.enters(c, "anna")
		c.Get(acme.base() + "/end_session?" + url.Values{"id_token_hint": {idToken}}.Encode()).Require(http.StatusOK)
		hear(sidOf(rests), sidOf(mine), sidOf(back))

		// By the account page: one elsewhere, then all elsewhere.
		for _, all := range []bool{false, true} {
			here, there := testkit.NewClient(t), testkit.NewClient(t)
			atAcme, atGlobex := both(there)
			hereAcme, hereGlobex := both(here)
			form := url.Values{"do": {ui.DoEnd}}
			if !all {
				form.Set("id", idIn(atGlobex))
			}
			stale := w.shared(here)
			here.PostForm(w.account("globex"), form).Require(http.StatusSeeOther)
			if all {
				hear(atAcme, atGlobex, hereAcme) // but that one is lent a session again
			} else {
				hear(atAcme, atGlobex)
			}
			if acme.arrives(there) || globex.arrives(there) || !globex.arrives(here) || !acme.arrives(here) {
				t.Errorf("all %v: ended too much or too little", all)
			}
			if all && (w.shared(here).Value == stale.Value || acme.arrives(nil, stale)) {
				t.Error("the cookie that others may have still counts")
			}
			if !all {
				c := w.shared(here)
				if _, err := w.idp.EndUser(w.ctx(), w.ids["user anna"], "root", "disabled"); err != nil {
					t.Fatal(err)
				}
				hear(hereAcme, hereGlobex)
				if globex.arrives(nil, c) {
					t.Error("what has ended lends")
				}
			}
		}
	})
}

// TestSharedSignOnCookies: the cookie is as good as that of a session, and no better; and a
// session lends as long as it lives, in a tenant and by an IDP that count.
func TestSharedSignOnCookies(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		acme, globex := w.rp("acme", "expenses"), w.rp("globex", "expenses")
		c, attacker := testkit.NewClient(t), testkit.NewClient(t)
		page := acme.signIn(c, "anna")
		acme.callback(page)
		w.clock.Advance(time.Second)
		acme.enters(attacker, "bruno")
		mine, planted := w.shared(c), w.shared(attacker)
		if mine.Name != planted.Name || len(mine.Value) != 43 || strings.Contains(mine.Name, w.sub.ID) || strings.Contains(mine.Name, w.sub.Name) {
			t.Errorf("%s, %s", mine.Name, planted.Name)
		}
		said := strings.Join(page.Header.Values("Set-Cookie"), "\n")
		if !strings.Contains(said, mine.Name+"="+mine.Value+"; Path=/t; Max-Age=7776000; HttpOnly; SameSite=Lax") {
			t.Errorf("cookies: %s", said)
		}
		if n := w.count("sign_ons", "token_hash = '"+mine.Value+"'"); n != 0 || w.logs.Contains(mine.Value) {
			t.Error("the cookie is in the database, or in the log")
		}
		var kept string
		if err := w.db.SQL().QueryRow("SELECT token_hash FROM sign_ons ORDER BY id LIMIT 1").Scan(&kept); err != nil {
			t.Fatal(err)
		}
		garbage := &http.Cookie{Name: mine.Name, Value: "garbage"}
		hash := &http.Cookie{Name: mine.Name, Value: kept}
		session := &http.Cookie{Name: mine.Name, Value: w.sessionCookie(c, "acme")}
		asSession := &http.Cookie{Name: "twofold-session", Value: mine.Value}
		for name, k := range map[string]struct {
			cookies []*http.Cookie
			want    bool
		}{
			"ours alone":        {[]*http.Cookie{mine}, true},
			"garbage before":    {[]*http.Cookie{garbage, mine}, true},
			"garbage":           {[]*http.Cookie{garbage}, false},
			"its hash":          {[]*http.Cookie{hash}, false},
			"that of a session": {[]*http.Cookie{session}, false},
			"as a session":      {[]*http.Cookie{asSession}, false},
			"two that live":     {[]*http.Cookie{mine, planted}, false},
		} {
			if got := globex.arrives(nil, k.cookies...); got != k.want {
				t.Errorf("%s: %v", name, got)
			}
		}

		// Another customer of the same server: his cookie has another name, and ours is
		// worth nothing there, whatever its name.
		ours, ids := w.sub, maps.Clone(w.ids)
		w.sub = tenants.Subscription{Name: "other", Title: "Other", Active: true, SharedSignOn: true}
		w.must(w.tenants.PutSubscription(w.ctx(), &w.sub))
		other := tenants.Tenant{Name: "initech", Title: "Initech", Active: true}
		w.must(w.tenants.PutTenant(w.ctx(), &other))
		w.idp_("staff")
		w.must(w.tenants.SetTenantIDPs(w.ctx(), other.ID, []string{w.ids["idp staff"]}))
		w.must(w.tenants.SetTenantClientApps(w.ctx(), other.ID, []string{w.app(tenants.ClientApp{Name: "books"})}))
		w.must(w.tenants.SetTenantMembers(w.ctx(), other.ID, []string{w.user(tenants.User{Name: "anna"})}))
		initech, there := w.rp("initech", "books"), testkit.NewClient(t)
		initech.enters(there, "anna")
		theirs := w.shared(there)
		if theirs.Name == mine.Name || initech.arrives(nil, mine, &http.Cookie{Name: theirs.Name, Value: mine.Value}) ||
			globex.arrives(nil, theirs, &http.Cookie{Name: mine.Name, Value: theirs.Value}) {
			t.Error("two customers share a sign-on")
		}
		w.sub, w.ids = ours, ids

		for name, k := range map[string]struct{ spoil, mend func() }{
			"another tenant, inactive": {
				func() { w.changeTenant("acme", func(v *tenants.Tenant) { v.Active = false }) },
				func() { w.changeTenant("acme", func(v *tenants.Tenant) { v.Active = true }) },
			},
			"no member there any more": {
				func() { w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], nil)) },
				func() {
					w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], []string{w.ids["user anna"], w.ids["user bruno"]}))
				},
			},
			"an IDP that this one has not": {
				func() { w.must(w.tenants.SetTenantIDPs(w.ctx(), w.ids["tenant globex"], nil)); w.tenants.Forget() },
				func() {
					w.must(w.tenants.SetTenantIDPs(w.ctx(), w.ids["tenant globex"], []string{w.ids["idp staff"]}))
					w.tenants.Forget()
				},
			},
			"longer idle than this one lets": {
				func() {
					w.clock.Advance(2 * time.Minute)
					w.changeTenant("globex", func(v *tenants.Tenant) { v.IdleSeconds = 60 })
				},
				func() { w.changeTenant("globex", func(v *tenants.Tenant) { v.IdleSeconds = 3600 }) },
			},
			"older than this one lets": {
				func() {
					w.clock.Advance(2 * time.Minute)
					w.changeTenant("globex", func(v *tenants.Tenant) { v.SessionSeconds, v.IdleSeconds = 60, 60 })
				},
				func() {
					w.changeTenant("globex", func(v *tenants.Tenant) { v.SessionSeconds, v.IdleSeconds = 86400, 3600 })
				},
			},
			"idle": {func() { w.clock.Advance(time.Hour) }, nil},
		} {
			c := testkit.NewClient(t)
			acme.enters(c, "anna")
			k.spoil()
			now := w.shared(c)
			if globex.arrives(nil, now) {
				t.Errorf("%s: it lends", name)
			}
			if k.mend != nil {
				k.mend()
			}
			if got := globex.arrives(nil, now); got != (k.mend != nil) {
				t.Errorf("%s: mended, it lends: %v", name, got)
			}
		}
	})
}

// TestSharedSignOnRaces: of somebody who signs out at one tenant and arrives at another in
// the same moment nothing is left, whoever comes first.
func TestSharedSignOnRaces(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		acme, globex := w.rp("acme", "expenses"), w.rp("globex", "expenses")
		for range 8 {
			c := testkit.NewClient(t)
			_, idToken := acme.enters(c, "anna")
			cookie := w.shared(c)
			var both sync.WaitGroup
			for range 3 {
				both.Go(func() { globex.arrives(nil, cookie) })
			}
			both.Go(func() {
				c.Get(acme.base() + "/end_session?" + url.Values{"id_token_hint": {idToken}}.Encode()).Require(http.StatusOK)
			})
			both.Wait()
			if n := w.live(); n != 0 {
				t.Fatalf("%d sessions live on", n)
			}
		}
	})
}

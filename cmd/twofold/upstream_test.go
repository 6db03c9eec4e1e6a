package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/idp/upstream"
	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// upstreamWorld has, beside passwords, another provider to sign in at: "Corp".
type upstreamWorld struct {
	*world
	corp *fakes.Provider
	idp_ tenants.IDP
}

func newUpstreamWorld(t *testing.T, db string, users ...string) *upstreamWorld {
	t.Helper()
	w := &upstreamWorld{world: newWorld(t, db)}
	w.idp.Upstream = upstream.New(&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, w.clock.Now)
	w.tenant("acme", users...)
	w.factor("mail", "email") // assigned to nobody: notices go out by it
	w.corp = w.provider(t, "corp", func(v *tenants.IDP) {
		v.Domains, v.CreateUsers, v.UpdateUsers = tenants.List{"corp.example"}, true, true
	})
	w.offer("staff", "corp")
	w.person(map[string]any{"sub": "c1", "name": "Carla", "email": "carla@corp.example", "email_verified": true})
	return w
}

// provider starts another provider, and makes an IDP of it.
func (w *upstreamWorld) provider(t *testing.T, name string, change func(*tenants.IDP)) *fakes.Provider {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	issuer := "http://" + srv.Listener.Addr().String()
	p := fakes.NewProvider(issuer, "twofold", "upstream-secret", w.clock.Now)
	srv.Config.Handler = p
	srv.Start()
	t.Cleanup(srv.Close)
	v := tenants.IDP{Name: name, Title: strings.ToUpper(name[:1]) + name[1:], Type: tenants.IDPOIDC, Issuer: issuer, ClientID: "twofold", ClientSecret: "upstream-secret", Active: true}
	change(&v)
	w.must(w.tenants.PutIDP(w.ctx(), &v))
	w.ids["idp "+name] = v.ID
	if name == "corp" {
		w.idp_ = v
	}
	return p
}

// offer sets the IDPs of acme.
func (w *upstreamWorld) offer(names ...string) {
	w.t.Helper()
	var ids []string
	for _, n := range names {
		ids = append(ids, w.ids["idp "+n])
	}
	w.must(w.tenants.SetTenantIDPs(w.ctx(), w.ids["tenant acme"], ids))
}

// change changes the IDP "corp".
func (w *upstreamWorld) change(f func(*tenants.IDP)) {
	w.t.Helper()
	f(&w.idp_)
	w.must(w.tenants.PutIDP(w.ctx(), &w.idp_))
}

// person is who is signed in at Corp from now on.
func (w *upstreamWorld) person(claims map[string]any) { w.corp.Set(fakes.Behaviour{Person: claims}) }

// through follows redirects, to Corp and back, until there is a page or the app's answer.
func through(page *testkit.Page) *testkit.Page {
	for page.IsRedirect() && !strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
		page = page.FollowOnce()
	}
	return page
}

// button presses the button of a service on the page of a sign-in.
func button(page *testkit.Page, service string) *testkit.Page {
	return through(page.Press("Continue with " + service))
}

// tokenOf changes the app's answer for an ID token.
func (p *rp) tokenOf(page *testkit.Page) map[string]any {
	p.w.t.Helper()
	got := p.exchange(p.callback(page).Get("code"))
	if got.IDToken == "" {
		p.w.t.Fatalf("no ID token: %+v", got)
	}
	return claims(p.w.t, got.IDToken)
}

func listOf(v any) (out []string) {
	some, _ := v.([]any)
	for _, e := range some {
		out = append(out, e.(string))
	}
	return out
}

// TestUpstreamSignIn: a stranger gets an account, once; tokens tell what is true; each
// way to say who one is leads where it should.
func TestUpstreamSignIn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		signed := w.clock.Now().Add(-2 * time.Hour)
		w.person(map[string]any{"sub": "c1", "name": "Carla", "email": "carla@corp.example", "email_verified": true, "auth_time": signed.Unix(), "acr": "gold", "amr": []string{"pwd", "mfa"}})
		first := p.tokenOf(button(c.Get(p.authorizeURL()).Follow(), "Corp"))
		if first["acr"] != "urn:twofold:acr:1fa" || first["auth_time"] != float64(signed.Unix()) || len(listOf(first["amr"])) != 0 {
			t.Errorf("an untrusted word counts: acr %v, amr %v, auth_time %v", first["acr"], first["amr"], first["auth_time"])
		}
		if again := p.tokenOf(through(c.Get(p.authorizeURL()))); again["sub"] != first["sub"] || again["auth_time"] != first["auth_time"] {
			t.Errorf("single sign-on: %v, before %v", again, first)
		}
		user, err := w.tenants.User(w.in("acme"), first["sub"].(string))
		if err != nil || user.DisplayName != "Carla" || user.Email != "carla@corp.example" || !user.EmailVerified {
			t.Errorf("%+v, %v", user, err)
		}
		for name, c := range map[string]struct {
			do   func(c *testkit.Client) *testkit.Page
			hint string
		}{
			"by address": {func(c *testkit.Client) *testkit.Page {
				page := c.Get(p.authorizeURL()).Follow()
				if page.FormWith("username").Has("password") {
					t.Error("the password is asked for before the name has decided")
				}
				return page.FormWith("username").Set("username", "Carla@Corp.Example").Press("Continue")
			}, "Carla@Corp.Example"},
			"by login_hint": {func(c *testkit.Client) *testkit.Page {
				return c.Get(w.rp("acme", "expenses").with("login_hint", "carla@corp.example").authorizeURL())
			}, "carla@corp.example"},
			"by name": {func(c *testkit.Client) *testkit.Page {
				return c.Get(w.rp("acme", "expenses").with("acr_values", "idp:corp").authorizeURL())
			}, ""},
		} {
			if got := p.tokenOf(through(c.do(testkit.NewClient(t)))); got["sub"] != first["sub"] {
				t.Errorf("%s: %v", name, got["sub"])
			}
			if asked := w.corp.Asked(); asked[len(asked)-1].Get("login_hint") != c.hint {
				t.Errorf("%s: login_hint %q", name, asked[len(asked)-1].Get("login_hint"))
			}
		}
		page := testkit.NewClient(t).Get(p.authorizeURL()).Follow().FormWith("username").Set("username", "anna").Press("Continue").Follow()
		form := page.FormWith("password")
		if form.Value("username") != "anna" {
			t.Errorf("the name is %q", form.Value("username"))
		}
		p.callback(form.Set("password", password).Press("Sign in"))
		w.offer("corp")
		if got := p.tokenOf(through(testkit.NewClient(t).Get(p.authorizeURL()))); got["sub"] != first["sub"] {
			t.Errorf("the only way: %v", got["sub"])
		}
		if n := w.count("users", "email = 'carla@corp.example'"); n != 1 || w.count("audit_events", "kind = 'user.admitted'") != 1 {
			t.Errorf("%d accounts", n)
		}
		if w.count("upstream_flows", "1=1") != 0 {
			t.Error("errands are left")
		}
	})
}

// TestUpstreamTrust: our factor is asked on top, unless the provider is trusted with what
// it says; what it is trusted with is asked each time.
func TestUpstreamTrust(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db)
		w.assign("mail", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		mfa := map[string]any{"sub": "c1", "email": "carla@corp.example", "email_verified": true, "amr": []string{"pwd", "otp", "x-own", "mfa"}}
		w.person(mfa)
		page := button(c.Get(p.authorizeURL()).Follow(), "Corp")
		ours := p.tokenOf(page.FormWith("code").Set("code", w.code("carla@corp.example")).Press("Continue"))
		if ours["acr"] != "urn:twofold:acr:2fa" || slices.Contains(listOf(ours["amr"]), "mfa") {
			t.Errorf("ours on top: acr %v, amr %v", ours["acr"], ours["amr"])
		}
		w.change(func(v *tenants.IDP) { v.Trust = tenants.List{"amr:mfa = aal2"} })
		c = testkit.NewClient(t)
		theirs := p.tokenOf(button(c.Get(p.authorizeURL()).Follow(), "Corp"))
		if theirs["acr"] != "urn:twofold:acr:aal2" || !slices.Equal(listOf(theirs["amr"]), []string{"pwd", "otp", "mfa"}) {
			t.Errorf("trusted: acr %v, amr %v", theirs["acr"], theirs["amr"])
		}
		w.change(func(v *tenants.IDP) { v.Trust = tenants.List{"acr:gold = phr"} })
		if page := c.Get(p.authorizeURL()); strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Error("trust that was withdrawn still counts")
		}
		w.person(map[string]any{"sub": "c1", "amr": "mfa", "acr": "silver"})
		through(testkit.NewClient(t).Get(p.with("acr_values", "phr idp:corp").authorizeURL())).Require(http.StatusForbidden)
	})
}

// TestUpstreamFresh: an app that asks for a fresh sign-in gets one from there, or none.
func TestUpstreamFresh(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		at := func(age time.Duration) {
			w.person(map[string]any{"sub": "c1", "auth_time": w.clock.Now().Add(-age).Unix()})
		}
		at(time.Hour)
		p.tokenOf(button(c.Get(p.authorizeURL()).Follow(), "Corp"))
		page := button(c.Get(p.with("prompt", "login").authorizeURL()).Follow(), "Corp")
		page.Require(http.StatusOK).RequireText("just signed in there")
		asked := w.corp.Asked()
		if q := asked[len(asked)-1]; q.Get("prompt") != "login" || q.Get("max_age") != "0" {
			t.Errorf("asked with prompt %q, max_age %q", q.Get("prompt"), q.Get("max_age"))
		}
		w.clock.Advance(time.Minute)
		at(0)
		if got := p.tokenOf(button(page, "Corp")); got["auth_time"] != float64(w.clock.Now().Unix()) {
			t.Errorf("auth_time %v", got["auth_time"])
		}
		p = w.rp("acme", "expenses").with("max_age", "600")
		w.clock.Advance(20 * time.Minute)
		at(5 * time.Minute)
		want := float64(w.clock.Now().Add(-5 * time.Minute).Unix())
		if got := p.tokenOf(button(c.Get(p.authorizeURL()).Follow(), "Corp")); got["auth_time"] != want {
			t.Errorf("auth_time %v, want %v", got["auth_time"], want)
		}
	})
}

// TestUpstreamStrangers: an address proves nothing, and nothing brings back who was shut
// out (SECURITY rows 39, 62).
func TestUpstreamStrangers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db, "anna")
		p := w.rp("acme", "expenses")
		come := func(text string) {
			t.Helper()
			button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp").Require(http.StatusOK).RequireText(text)
		}
		const exists, nobody = "with your e-mail address already", "no account for you here"
		for _, verified := range []any{true, "true", nil} {
			w.person(map[string]any{"sub": "evil", "email": "anna@example.test", "email_verified": verified})
			come(exists)
		}
		outside := w.user(tenants.User{Name: "outsider"})
		w.person(map[string]any{"sub": "evil", "email": "outsider@example.test", "email_verified": true})
		come(nobody)
		w.change(func(v *tenants.IDP) { v.CreateUsers = false })
		w.person(map[string]any{"sub": "new", "email": "new@corp.example", "email_verified": true})
		come(nobody)
		w.change(func(v *tenants.IDP) { v.CreateUsers = true })
		if n := w.count("identities", "idp_id = '"+w.idp_.ID+"'"); n != 0 {
			t.Fatalf("%d were linked", n)
		}
		sub := p.tokenOf(button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp"))["sub"].(string)
		user, err := w.tenants.User(w.in("acme"), sub)
		if err != nil {
			t.Fatal(err)
		}
		user.Active = false
		w.must(w.tenants.PutUser(w.ctx(), &user))
		come(nobody)
		user.Active = true
		w.must(w.tenants.PutUser(w.ctx(), &user))
		w.must(w.tenants.Unlink(w.ctx(), tenants.LinkTenantMember, w.ids["tenant acme"], sub))
		come(nobody)
		w.must(w.tenants.Link(w.ctx(), tenants.LinkTenantMember, w.ids["tenant acme"], sub))
		// What was proven here stays, whatever is said there: codes go there.
		w.person(map[string]any{"sub": "new", "name": "New Name", "email": "thief@corp.example", "email_verified": true})
		p.tokenOf(button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp"))
		user, err = w.tenants.User(w.in("acme"), sub)
		if err != nil || user.DisplayName != "New Name" || user.Email != "new@corp.example" {
			t.Errorf("%+v, %v", user, err)
		}
		if list, err := w.tenants.TenantsOf(w.ctx(), outside); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// TestUpstreamAnswers: an answer counts once, in the browser that asked, from who was
// asked.
func TestUpstreamAnswers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db)
		evil := w.provider(t, "evil", func(v *tenants.IDP) { v.CreateUsers = true })
		evil.Set(fakes.Behaviour{Person: map[string]any{"sub": "c1"}})
		w.offer("staff", "corp", "evil")
		p := w.rp("acme", "expenses")
		// leave goes to Corp, and stops before its answer is brought back.
		leave := func(c *testkit.Client, service string) *testkit.Page {
			return c.Get(p.authorizeURL()).Follow().Press("Continue with " + service).FollowOnce()
		}
		c := testkit.NewClient(t)
		page := leave(c, "Corp")
		answer := page.Location()
		testkit.NewClient(t).Get(answer.String()).Require(http.StatusForbidden)
		mixed := *answer
		mixed.Path = strings.Replace(mixed.Path, w.ids["idp corp"], w.ids["idp evil"], 1)
		c.Get(mixed.String()).Require(http.StatusGone)
		other := w.rp("acme", "expenses")
		other.tokenOf(through(page))
		c.Get(answer.String()).Require(http.StatusGone)

		// A mix-up (RFC 9207 §1): the answer of one provider to what another was asked.
		c = testkit.NewClient(t)
		page = leave(c, "Evil")
		swapped := page.Location()
		q := swapped.Query()
		q.Set("iss", w.corp.Issuer)
		swapped.RawQuery = q.Encode()
		through(c.Get(swapped.String())).Require(http.StatusOK).RequireText("could not be accepted")

		for name, b := range map[string]fakes.Behaviour{
			"a forged token": {Token: func(*fakes.Provider, map[string]any, map[string]any) string { return "a.b.c" }},
			"a foreign aud":  {Claims: func(c map[string]any) { c["aud"] = "other" }},
		} {
			b.Person = map[string]any{"sub": "c1"}
			w.corp.Set(b)
			if page := button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp"); !strings.Contains(page.Text, "could not be accepted") {
				t.Errorf("%s: %d %s", name, page.Status, page.Text)
			}
		}
		w.person(map[string]any{"sub": "c1"})

		// By form_post, which brings none of our cookies.
		c = testkit.NewClient(t)
		answer = leave(c, "Corp").Location()
		posted := answer.Query()
		answer.RawQuery = ""
		p.tokenOf(through(c.PostFormFrom(w.corp.Issuer, answer.String(), posted)))

		// Many at once: one counts.
		c = testkit.NewClient(t)
		answer = leave(c, "Corp").Location()
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for range 8 {
			wg.Go(func() {
				req, _ := http.NewRequest(http.MethodGet, answer.String(), nil)
				for _, k := range c.Cookies(answer.String()) {
					req.AddCookie(k)
				}
				res, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				if strings.HasPrefix(res.Header.Get("Location"), redirectURI) {
					won++
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d of 8 equal answers counted", won)
		}
		w.clock.Advance(time.Hour)
		late := leave(testkit.NewClient(t), "Corp")
		w.clock.Advance(11 * time.Minute)
		through(late).Require(http.StatusGone)
	})
}

// TestUpstreamDown: who is down hurts nobody else; who declines leads back to the choice.
func TestUpstreamDown(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		w.corp.Set(fakes.Behaviour{Down: true})
		page := button(c.Get(p.authorizeURL()).Follow(), "Corp").Require(http.StatusOK).RequireText("does not answer at the moment")
		p.callback(page.FormWith("password").Set("username", "anna").Set("password", password).Press("Sign in"))
		w.corp.Set(fakes.Behaviour{Error: "access_denied"})
		c = testkit.NewClient(t)
		page = button(c.Get(p.authorizeURL()).Follow(), "Corp").Require(http.StatusOK).RequireText("You were not signed in there")
		wrong := page.FormWith("password").Set("username", "anna").Set("password", "wrong").Press("Sign in").Require(http.StatusUnprocessableEntity)
		p.callback(wrong.FormWith("password").Set("password", password).Press("Sign in"))
		// Where it is the only way it does not lead round in circles.
		w.offer("corp")
		page = through(testkit.NewClient(t).Get(p.authorizeURL())).Require(http.StatusOK).RequireText("You were not signed in there")
		w.person(map[string]any{"sub": "c1"})
		p.tokenOf(button(page, "Corp"))
		if n := w.count("audit_events", "kind = 'sign_in.upstream_failed'"); n != 3 {
			t.Errorf("%d failures in the trail", n)
		}
	})
}

// TestUpstreamLink: who has an account links it himself, and takes that back; the last
// way in stays.
func TestUpstreamLink(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db, "anna", "bruno")
		p := w.rp("acme", "expenses")
		own := func(name string) *testkit.Client {
			c := testkit.NewClient(t)
			page := c.Get(w.account("acme")).Follow().FormWith("username").Set("username", name).Press("Continue").Follow()
			page.FormWith("password").Set("password", password).Press("Sign in").Follow().Require(http.StatusOK).RequireText("Other sign-in services")
			return c
		}
		w.person(map[string]any{"sub": "anna-there", "email": "anna@example.test", "email_verified": true})
		c := own("anna")
		through(w.act(c, "connect", w.idp_.ID)).Require(http.StatusOK).RequireText("Unlink")
		if got := p.tokenOf(button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp")); got["sub"] != w.ids["user anna"] {
			t.Errorf("signed in as %v", got["sub"])
		}
		through(w.act(own("bruno"), "connect", w.idp_.ID)).Require(http.StatusConflict).RequireText("linked to an account already")
		// An answer that somebody else's account has asked for is nobody's.
		left := w.act(own("bruno"), "connect", w.idp_.ID).FollowOnce().Location()
		c.Get(left.String()).Require(http.StatusForbidden)

		if w.count("identities", "subject = 'anna-there'") != 1 || w.count("audit_events", "kind = 'identity.linked'") != 1 {
			t.Error("not linked once")
		}
		w.clock.Advance(6 * time.Minute)
		if page := w.act(c, "unlink", w.idp_.ID); page.Status != http.StatusSeeOther || !strings.Contains(page.Header.Get("Location"), "/signin/") {
			t.Errorf("unlinked without a fresh sign-in: %d", page.Status)
		}
		c = own("anna")
		w.act(c, "unlink", w.idp_.ID).Require(http.StatusOK).RequireText("Unlink Corp?").Press("Unlink").Follow().Require(http.StatusOK).RequireText("Link Corp")
		if w.count("identities", "subject = 'anna-there'") != 0 {
			t.Error("still linked")
		}
		button(testkit.NewClient(t).Get(p.authorizeURL()).Follow(), "Corp").RequireText("with your e-mail address already")

		w.person(map[string]any{"sub": "c1", "auth_time": w.clock.Now().Unix()})
		c = testkit.NewClient(t)
		button(c.Get(w.account("acme")).Follow(), "Corp").Require(http.StatusOK).RequireText("Your account")
		page := c.PostForm(w.account("acme"), url.Values{"do": {"unlink"}, "id": {w.idp_.ID}, "confirmed": {"true"}})
		page.Require(http.StatusConflict).RequireText("only way you can sign in")
	})
}

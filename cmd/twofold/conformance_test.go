package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// What docs/conformance.md needs over HTTP and no other test shows.

// redirectTricks are addresses that fooled others, for an app that has registered
// https://app.example/cb and, as a native app, http://127.0.0.1/cb.
func redirectTricks() []string {
	return []string{
		"https://evil.example/cb", "http://app.example/cb", "HTTPS://app.example/cb", "https://APP.example/cb", "https://app.example/CB",
		"https://app.example/cb/", "https://app.example/cb//", "https://app.example//cb", "https://app.example/./cb", "https://app.example/x/../cb",
		"https://app.example/cb/..", "https://app.example/cb/../evil", "https://app.example/cb/%2e%2e/evil", "https://app.example/cb%2f..%2fevil",
		"https://app.example/cb?", "https://app.example/cb?x=1", "https://app.example/cb?code=x", "https://app.example/cb?redirect=https://evil.example",
		"https://app.example/cb&x=1", "https://app.example/cb;x", "https://app.example/cb#", "https://app.example/cb#x", "https://app.example/cb#@evil.example/",
		"https://app.example/%63b", "https://app.example/c%62", "https://app.example/cb%00", "https://app.example/cb%20", "https://app.example/cb%0d%0aX:1",
		"https://app.example/cb%23x", "https://app.example/cb%3fx", "https://app.example%2fcb", "https://app.example/cb.evil.example", "https://app.example/c",
		"https://app.example/", "https://app.example", "https://app.example:443/cb", "https://app.example:8443/cb", "https://app.example:/cb", "https://app.example./cb",
		"https://app.example.evil.example/cb", "https://evil.example/https://app.example/cb", "https://evil.example?https://app.example/cb",
		"https://evil.example#https://app.example/cb", "https://app.example@evil.example/cb", "https://app.example:x@evil.example/cb",
		"https://user@app.example/cb", "https://evil.example\\@app.example/cb", "https://evil.example%5c@app.example/cb", "https://app.example\\@evil.example/cb",
		"https://evil.example%00.app.example/cb", "https://evilapp.example/cb", "https://sub.app.example/cb", "https://app-example/cb", "https://*.example/cb",
		"https://app.example/*", "https://аpp.example/cb", "https://app。example/cb", "https://xn--pp-8kc.example/cb", "https:app.example/cb", "https:/app.example/cb",
		"https:///app.example/cb", "//app.example/cb", "///evil.example", "/cb", "cb", "app.example/cb", "\\\\evil.example\\cb", "https:\\\\app.example\\cb",
		"https://app.example/cb\\", "https://app.example/cb ", " https://app.example/cb", "https://app.example/cb\t", "https://app.example/\ncb", "https://app.example/cb\r\nLocation: https://evil.example",
		"https://app.example/cb,https://evil.example/", "https://app.example/cb https://evil.example/", "javascript:alert(1)", "javascript://app.example/cb%0aalert(1)",
		"data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://app.example/cb", "about:blank", "urn:ietf:wg:oauth:2.0:oob", "https://[app.example]/cb",
		"http://127.0.0.1:80@evil.example/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1:8080/cb/", "http://127.0.0.1:8080/cb?x=1", "http://127.0.0.1:/cb",
		"http://127.0.0.1:123456/cb", "http://127.0.0.1:80a/cb", "http://127.1/cb", "http://2130706433/cb", "http://0x7f000001/cb", "http://[::ffff:127.0.0.1]/cb",
		"http://localhost/cb", "http://0.0.0.0:1/cb", "https://127.0.0.1:8080/cb",
	}
}

// TestRedirectTricks: SECURITY §3 row 51 over HTTP: nobody is sent to an address that is
// not registered letter by letter, whether for an answer or after signing out.
func TestRedirectTricks(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.app(tenants.ClientApp{Name: "site", RedirectURIs: tenants.List{"https://app.example/cb"}})
		w.app(tenants.ClientApp{Name: "tool", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, RedirectURIs: tenants.List{"http://127.0.0.1/cb", "https://app.example/cb"}})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app site"], w.ids["client_app tool"]}))
		c, tricks := testkit.NewClient(t), redirectTricks()
		if len(tricks) < 60 {
			t.Fatalf("%d tricks", len(tricks))
		}
		for _, uri := range tricks {
			for _, app := range []string{"site", "tool"} {
				p := w.rp("acme", app).with("redirect_uri", uri).with("prompt", "none")
				if page := c.Get(p.authorizeURL()); page.Status != http.StatusBadRequest || page.Header.Get("Location") != "" || len(page.Forms) != 0 {
					t.Errorf("%s: answered at %q: %d to %q", app, uri, page.Status, page.Header.Get("Location"))
				}
			}
			form := url.Values{"client_id": {"tool"}, "response_type": {"code"}, "redirect_uri": {uri}, "scope": {"openid"}, "code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"}}
			if page := postForm(t, w.url+"/t/acme/par", form); page.Status != http.StatusBadRequest {
				t.Errorf("pushed with %q: %d", uri, page.Status)
			}
			out := url.Values{"client_id": {"site"}, "post_logout_redirect_uri": {uri}}
			if page := c.Get(w.url + "/t/acme/end_session?" + out.Encode()); page.Status != http.StatusBadRequest || page.Header.Get("Location") != "" {
				t.Errorf("signed out to %q: %d to %q", uri, page.Status, page.Header.Get("Location"))
			}
		}
		// The yardstick itself is good.
		good := w.rp("acme", "site").with("redirect_uri", "https://app.example/cb").with("prompt", "none")
		if page := c.Get(good.authorizeURL()); !strings.HasPrefix(page.Header.Get("Location"), "https://app.example/cb?error=login_required") {
			t.Errorf("the registered one: %d to %q", page.Status, page.Header.Get("Location"))
		}
	})
}

// TestSilentRequests: prompt=none is answered from the session alone, as it is, or by an
// error; and max_age, acr and hints count (Core §3.1.2.1, §3.1.2.3, §3.1.2.6, §5.5.1.1).
func TestSilentRequests(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna", "bruno")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		first := p.exchange(p.callback(p.signIn(c, "anna")).Get("code"))
		other := p.exchange(p.callback(p.signIn(testkit.NewClient(t), "bruno")).Get("code"))
		was := claims(t, first.IDToken)
		w.clock.Advance(2 * time.Minute)
		for name, try := range map[string]struct{ key, value, want string }{
			"as it is":                {"nonce", "n-2", ""},
			"max_age not reached":     {"max_age", "10000", ""},
			"max_age passed":          {"max_age", "60", "login_required"},
			"his own hint":            {"id_token_hint", first.IDToken, ""},
			"the hint of another":     {"id_token_hint", other.IDToken, "login_required"},
			"himself by claims":       {"claims", `{"id_token":{"sub":{"value":"` + was["sub"].(string) + `"}}}`, ""},
			"another by claims":       {"claims", `{"id_token":{"sub":{"value":"` + w.ids["user bruno"] + `"}}}`, "login_required"},
			"another's name as hint":  {"login_hint", "bruno", ""},
			"a voluntary unknown acr": {"acr_values", "urn:example:silver", ""},
			"an essential acr":        {"claims", `{"id_token":{"acr":{"essential":true,"values":["urn:twofold:acr:aal2"]}}}`, "interaction_required"},
		} {
			q := w.rp("acme", "expenses").with("prompt", "none").with(try.key, try.value)
			got := q.callback(c.Get(q.authorizeURL()))
			if got.Get("error") != try.want {
				t.Errorf("%s: error %q, want %q", name, got.Get("error"), try.want)
			}
			if try.want != "" {
				continue
			}
			is := claims(t, q.exchange(got.Get("code")).IDToken)
			if is["sub"] != was["sub"] || is["auth_time"] != was["auth_time"] || is["sid"] != was["sid"] || is["acr"] != was["acr"] {
				t.Errorf("%s: %v, was %v", name, is, was)
			}
		}
	})
}

// TestEssentialACR: a level that must be reached and cannot be gives no code, whatever
// the user does (Core §5.5.1.1).
func TestEssentialACR(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		with := func(acr string) *rp {
			return w.rp("acme", "expenses").with("claims", `{"id_token":{"acr":{"essential":true,"value":"`+acr+`"}}}`)
		}
		c := testkit.NewClient(t)
		nobodys := with("urn:example:gold")
		if got := nobodys.callback(c.Get(nobodys.authorizeURL())).Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("a level of nobody here: %q", got)
		}
		page := with("urn:twofold:acr:aal2").signIn(c, "anna")
		if strings.HasPrefix(page.Header.Get("Location"), redirectURI) {
			t.Errorf("without such a factor: %q", page.Header.Get("Location"))
		}
		if n := w.count("auth_codes", "1=1"); n != 0 {
			t.Errorf("%d codes", n)
		}
	})
}

// TestFormPost: answers and errors reach the app in a form that its user's browser posts
// (Form Post Response Mode §2), with iss (RFC 9207 §2).
func TestFormPost(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		c := testkit.NewClient(t)
		posting := func() *rp { return w.rp("acme", "expenses").with("response_mode", "form_post") }
		posted := func(page *testkit.Page) url.Values {
			t.Helper()
			if page.Status != http.StatusOK || len(page.Forms) != 1 || page.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
				t.Fatalf("%d %v %s", page.Status, page.Header, page.Text)
			}
			if !strings.Contains(page.Body, `method="post"`) || !strings.Contains(page.Body, "data-autosubmit") || !strings.Contains(page.Body, `action="`+redirectURI+`"`) {
				t.Errorf("the form: %s", page.Body)
			}
			v := page.Forms[0].Values()
			if v.Get("state") != "state-1" || v.Get("iss") != w.url+"/t/acme" {
				t.Errorf("posted: %v", v)
			}
			return v
		}
		if v := posted(c.Get(posting().with("prompt", "none").authorizeURL())); v.Get("error") != "login_required" || v.Has("code") {
			t.Errorf("nobody in: %v", v)
		}
		if v := posted(c.Get(posting().with("max_age", "x").authorizeURL())); v.Get("error") != "invalid_request" {
			t.Errorf("a bad request: %v", v)
		}
		page := c.Get(posting().authorizeURL()).Follow()
		if v := posted(c.PostForm(page.URL.String(), url.Values{"do": {"cancel"}})); v.Get("error") != "access_denied" {
			t.Errorf("cancelled: %v", v)
		}
		p := posting()
		if tok := p.exchange(posted(p.signIn(c, "anna")).Get("code")); tok.Status != http.StatusOK {
			t.Errorf("signed in: %+v", tok)
		}
		if tok := p.exchange(posted(c.Get(p.authorizeURL())).Get("code")); tok.Status != http.StatusOK {
			t.Errorf("single sign-on: %+v", tok)
		}
	})
}

// TestAuthorizeByPost: a request may be posted, also from the app's own site, with and
// without a session (Core §3.1.2.1).
func TestAuthorizeByPost(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		to, query, _ := strings.Cut(p.authorizeURL(), "?")
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		page := c.PostFormFrom("http://app.example/", to, form).Follow()
		if len(page.Forms) == 0 || !page.Forms[0].Has("password") {
			t.Fatalf("%d %s", page.Status, page.Text)
		}
		done := page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in")
		if tok := p.exchange(p.callback(done).Get("code")); tok.Status != http.StatusOK {
			t.Errorf("%+v", tok)
		}
		form.Set("prompt", "none")
		again := c.PostFormFrom("http://app.example/", to, form)
		if strings.HasPrefix(again.Header.Get("Location"), "/t/acme/authorize?") {
			again = again.FollowOnce()
		}
		if p.callback(again).Get("code") == "" {
			t.Error("no single sign-on by post")
		}
		form.Set("redirect_uri", "https://evil.example/cb")
		bad := c.PostFormFrom("http://app.example/", to, form)
		if strings.HasPrefix(bad.Header.Get("Location"), "/t/acme/authorize?") {
			bad = bad.FollowOnce()
		}
		if bad.Status != http.StatusBadRequest || bad.Header.Get("Location") != "" {
			t.Errorf("to a stranger: %d %q", bad.Status, bad.Header.Get("Location"))
		}
	})
}

// TestAuthorizeIsForBrowsers: no page of another origin reads what the authorization
// endpoint says (RFC 9700 §2.6), none frames the pages (§4.16), no redirect repeats a
// post (§4.12), and no address leaks by a referrer (§4.2.4).
func TestAuthorizeIsForBrowsers(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		p, c := w.rp("acme", "expenses").with("login_hint", "anna"), testkit.NewClient(t)
		for _, method := range []string{http.MethodOptions, http.MethodGet} {
			req, err := http.NewRequestWithContext(t.Context(), method, p.authorizeURL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", "http://127.0.0.1:1")
			req.Header.Set("Access-Control-Request-Method", http.MethodGet)
			for name := range testkit.NewClient(t).Do(req).Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", method, name)
				}
			}
		}
		begun := c.Get(p.authorizeURL())
		page := begun.Follow()
		if h := page.Header; !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers: %v", h)
		}
		if got := page.Forms[0].Value("username"); got != "anna" {
			t.Errorf("the hint fills in %q", got)
		}
		done := page.Forms[0].Set("password", password).Press("Sign in")
		if p.callback(done).Get("code") == "" || begun.Status != http.StatusSeeOther || done.Status != http.StatusSeeOther || done.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("redirects: %d, %d %v", begun.Status, done.Status, done.Header)
		}
		if page := c.Get(w.rp("acme", "expenses").with("prompt", "select_account").authorizeURL()).Follow(); len(page.Forms) == 0 || !page.Forms[0].Has("username") {
			t.Errorf("select_account: %d %s", page.Status, page.Text)
		}
	})
}

// TestDeviceEndpoints holds what a device sees to RFC 8628 §3.1, §3.2 and §3.5.
func TestDeviceEndpoints(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := deviceWorld(t, db)
		at := w.url + "/t/acme/device_authorization"
		send := func(to string, kv ...string) (*testkit.Page, map[string]any) {
			t.Helper()
			form := url.Values{}
			for i := 0; i < len(kv); i += 2 {
				form.Add(kv[i], kv[i+1])
			}
			page, body := postForm(t, to, form), map[string]any{}
			if err := json.Unmarshal([]byte(page.Body), &body); err != nil {
				t.Fatalf("%d %s: %v", page.Status, page.Text, err)
			}
			if page.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(page.Header.Get("Content-Type"), "application/json") {
				t.Errorf("headers: %v", page.Header)
			}
			return page, body
		}
		page, begun := send(at, "client_id", "cinema", "scope", "openid", "extra", "x")
		for _, name := range []string{"device_code", "user_code", "verification_uri", "expires_in"} {
			if begun[name] == nil {
				t.Errorf("%s is missing: %d %s", name, page.Status, page.Body)
			}
		}
		for name, c := range map[string]struct {
			kv     []string
			status int
			want   string
		}{
			"no client":                {[]string{"scope", "openid"}, http.StatusUnauthorized, "invalid_client"},
			"an unknown client":        {[]string{"client_id", "nobody", "scope", "openid"}, http.StatusUnauthorized, "invalid_client"},
			"a client twice":           {[]string{"client_id", "cinema", "client_id", "cinema", "scope", "openid"}, http.StatusBadRequest, "invalid_request"},
			"a scope twice":            {[]string{"client_id", "cinema", "scope", "openid", "scope", "email"}, http.StatusBadRequest, "invalid_request"},
			"no scope that it may ask": {[]string{"client_id", "cinema", "scope", "root"}, http.StatusBadRequest, "invalid_scope"},
		} {
			if page, body := send(at, c.kv...); page.Status != c.status || body["error"] != c.want {
				t.Errorf("%s: %d %s", name, page.Status, page.Body)
			}
		}
		if page, body := send(w.url+"/t/acme/token", "grant_type", tenants.GrantDevice, "device_code", begun["device_code"].(string), "client_id", "cinema"); page.Status != http.StatusBadRequest || body["error"] != "authorization_pending" {
			t.Errorf("pending: %d %s", page.Status, page.Body)
		}
		if page, body := send(w.url+"/t/acme/token", "grant_type", tenants.GrantDevice, "device_code", "made-up", "client_id", "cinema"); page.Status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("made up: %d %s", page.Status, page.Body)
		}
		// The code is its client's own, and for who may use the grant.
		w.app(tenants.ClientApp{Name: "radio", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, GrantTypes: tenants.List{tenants.GrantDevice}})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app cinema"], w.ids["client_app radio"]}))
		d := w.device("cinema", "openid")
		d.connect(testkit.NewClient(t), "anna").Press("Allow")
		if page, body := send(w.url+"/t/acme/token", "grant_type", tenants.GrantDevice, "device_code", d.Code, "client_id", "radio"); page.Status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("another client's: %d %s", page.Status, page.Body)
		}
		if got := w.rp("acme", "expenses").token(url.Values{"grant_type": {tenants.GrantDevice}, "device_code": {d.Code}}); got.Error != "unauthorized_client" {
			t.Errorf("a client without the grant: %+v", got)
		}
		if got := d.poll(); got.AccessToken == "" || got.Refresh != "" {
			t.Errorf("those who tried have used it up, or it can refresh: %+v", got)
		}
		if page := testkit.NewClient(t).Get(at); page.Status != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", page.Status)
		}
	})
}

// TestSignOutModules: what the OpenID Foundation's plan for RP-Initiated Logout tries, each
// in a browser of its own; whether it is signed out is asked by prompt=none, as there.
func TestSignOutModules(t *testing.T) {
	t.Parallel()
	const bye = "http://127.0.0.1:1/bye"
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		elsewhere := w.rp("acme", "expenses")
		another := elsewhere.exchange(elsewhere.callback(elsewhere.signIn(testkit.NewClient(t), "anna")).Get("code"))
		for name, c := range map[string]struct {
			change func(q url.Values, idToken string)
			asks   bool   // first; and then he says yes
			status int    // in the end
			to     string // likewise
		}{
			"oidcc-rp-initiated-logout":          {nil, false, http.StatusSeeOther, bye + "?state=s+1%26x"},
			"oidcc-rp-initiated-logout-no-state": {func(q url.Values, _ string) { q.Del("state") }, false, http.StatusSeeOther, bye},
			"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": {func(q url.Values, _ string) {
				q.Set("post_logout_redirect_uri", bye+"/unknown")
			}, false, http.StatusBadRequest, ""},
			"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": {func(q url.Values, _ string) {
				q.Set("post_logout_redirect_uri", bye+"?foo=bar")
			}, false, http.StatusBadRequest, ""},
			"oidcc-rp-initiated-logout-modified-id-token-hint": {func(q url.Values, idToken string) {
				q.Set("id_token_hint", "eyJhbGciOiJub25lIn0."+strings.Split(idToken, ".")[1]+".")
			}, false, http.StatusBadRequest, ""},
			"oidcc-rp-initiated-logout-bad-id-token-hint": {func(q url.Values, idToken string) {
				part := strings.Split(idToken, ".")
				q.Set("id_token_hint", part[0]+"."+part[1]+"."+strings.Repeat("A", len(part[2])))
			}, false, http.StatusBadRequest, ""},
			"oidcc-rp-initiated-logout-no-id-token-hint":            {func(q url.Values, _ string) { q.Del("id_token_hint") }, false, http.StatusBadRequest, ""},
			"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": {func(q url.Values, _ string) { q.Del("post_logout_redirect_uri") }, false, http.StatusOK, ""},
			"oidcc-rp-initiated-logout-no-params":                   {func(q url.Values, _ string) { clear(q) }, true, http.StatusOK, ""},
			"oidcc-rp-initiated-logout-only-state":                  {func(q url.Values, _ string) { clear(q); q.Set("state", "s") }, true, http.StatusOK, ""},
			"a hint of his session in another browser":              {func(q url.Values, _ string) { q.Set("id_token_hint", another.IDToken) }, true, http.StatusSeeOther, bye + "?state=s+1%26x"},
			"another client_id (RP-Initiated Logout §2)":            {func(q url.Values, _ string) { q.Set("client_id", "other") }, false, http.StatusBadRequest, ""},
			"its client_id, and parameters that nobody here expects": {func(q url.Values, _ string) {
				q.Set("client_id", "expenses")
				q.Set("logout_hint", "x")
				q.Set("extra", "x")
			}, false, http.StatusSeeOther, bye + "?state=s+1%26x"},
		} {
			w.clock.Advance(time.Minute) // one name signs in only so often
			p, browser := w.rp("acme", "expenses"), testkit.NewClient(t)
			tok := p.exchange(p.callback(p.signIn(browser, "anna")).Get("code"))
			q := url.Values{"id_token_hint": {tok.IDToken}, "post_logout_redirect_uri": {bye}, "state": {"s 1&x"}}
			if c.change != nil {
				c.change(q, tok.IDToken)
			}
			page := browser.Get(p.base() + "/end_session?" + q.Encode())
			if c.asks {
				page = page.Press("Sign out")
			}
			if page.Status != c.status || page.Header.Get("Location") != c.to {
				t.Errorf("%s: %d to %q: %s", name, page.Status, page.Header.Get("Location"), page.Text)
			}
			quiet := w.rp("acme", "expenses").with("prompt", "none")
			if got := quiet.callback(browser.Get(quiet.authorizeURL())); (got.Get("error") == "login_required") != (c.status != http.StatusBadRequest) {
				t.Errorf("%s: and then %v", name, got)
			}
		}
	})
}

// TestPublicURL: issuers are https without query and fragment (Core §2, Discovery §3), but
// for trying things out on this machine.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://id.example": true, "https://id.example/": true, "https://id.example:8443": true, "https://[2001:db8::1]": true,
		"http://localhost:8080": true, "http://127.0.0.1": true, "http://[::1]:1": true, "http://twofold.localhost": true,
		"http://id.example": false, "http://localhost.evil.example": false, "http://10.0.0.1": false, "ftp://id.example": false, "id.example": false, "": false,
		"https://": false, "https://id.example/path": false, "https://id.example?x=1": false, "https://id.example?": false, "https://id.example#x": false,
		"https://id.example#": false, "https://id.example/#": false, "https://user@id.example": false, "https://@id.example": false,
	} {
		err := providerFlags{PublicURL: address}.check()
		if refused := err != nil && strings.Contains(err.Error(), "--public-url"); refused == want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"twofold/admin"
	"twofold/idp/op"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
)

// acmeHost is what acme is called in these tests.
const acmeHost = "login.acme.test"

// toHere leads the host names of these tests to the server.
func (w *world) toHere() http.RoundTripper {
	here := mustURL(w.url).Host
	return &http.Transport{DialContext: func(ctx context.Context, network, at string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(at); strings.HasSuffix(host, ".test") || strings.HasSuffix(host, ".localhost") {
			at = here
		}
		return (&net.Dialer{}).DialContext(ctx, network, at)
	}}
}

// called gives a tenant a host name, and returns its issuer there.
func (w *world) called(tenant, host string) string {
	w.t.Helper()
	w.tune(tenant, func(v *tenants.Tenant) { v.HostName = host })
	return "http://" + host + ":" + mustURL(w.url).Port()
}

// browserTo is a browser that finds all host names here.
func (w *world) browserTo() *testkit.Client {
	c := testkit.NewClient(w.t)
	c.HTTP.Transport = w.toHere()
	return c
}

// rpAt is a relying party that knows a tenant by its host name.
func (w *world) rpAt(issuer, tenant, app string) *rp {
	p := w.rp(tenant, app)
	p.at, p.http = issuer, &http.Client{Transport: w.toHere()}
	return p
}

// party is a client library that nobody here wrote, at one issuer.
type party struct {
	ctx context.Context
	*oidc.Provider
	*oidc.IDTokenVerifier
}

func (p *rp) library() party {
	p.w.t.Helper()
	ctx := oidc.ClientContext(p.w.t.Context(), &http.Client{Transport: p.w.toHere()})
	provider, err := oidc.NewProvider(ctx, p.base())
	if err != nil {
		p.w.t.Fatal(err)
	}
	return party{ctx, provider, provider.Verifier(&oidc.Config{ClientID: p.app, Now: p.w.clock.Now})}
}

func (l party) userInfo(token string) error {
	info, err := l.UserInfo(l.ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}))
	if err == nil && info.Subject == "" {
		return io.EOF
	}
	return err
}

// post is a request of the app, with its secret, to an endpoint.
func (p *rp) post(path string, form url.Values) (status int, answer string) {
	p.w.t.Helper()
	req, err := http.NewRequestWithContext(p.w.t.Context(), http.MethodPost, p.base()+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.app, secret)
	res, err := (&http.Client{Transport: p.w.toHere()}).Do(req)
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// withCode signs in by password and the code that is mailed.
func (p *rp) withCode(c *testkit.Client, name string) (code string) {
	p.w.t.Helper()
	old := p.w.codes(name + "@example.test")
	page := p.signIn(c, name).Follow()
	return p.callback(page.FormWith("code").Set("code", p.w.newCode(name+"@example.test", old...)).Press("answer")).Get("code")
}

// codes are those that somebody was sent until now.
func (w *world) codes(to string) (out []string) {
	for _, m := range w.inbox.Messages() {
		if m.To == to {
			out = append(out, digits.FindString(m.Text))
		}
	}
	return out
}

// TestTenantAtAHostNameOfItsOwn: a tenant is an issuer by its host name and another one by
// its path, at the same time, to a client library that nobody here wrote; nothing of one
// is taken by the other.
func TestTenantAtAHostNameOfItsOwn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna", "bruno")
		issuer := w.called("acme", acmeHost)
		here, there := w.rpAt(issuer, "acme", "expenses"), w.rp("acme", "expenses")
		lib, other := here.library(), there.library()

		var doc map[string]any
		if err := lib.Claims(&doc); err != nil {
			t.Fatal(err)
		}
		for name, v := range doc {
			if s, ok := v.(string); ok && strings.HasPrefix(s, "http") && !strings.HasPrefix(s, issuer+"/") && name != "issuer" || strings.Contains(str(v), "/t/") {
				t.Errorf("discovery: %s is %v", name, v)
			}
		}
		var second map[string]any
		page := w.browserTo().Get(issuer + "/.well-known/oauth-authorization-server").Require(http.StatusOK)
		if err := json.Unmarshal([]byte(page.Body), &second); err != nil || second["issuer"] != issuer || len(second) != len(doc) {
			t.Errorf("RFC 8414: %v, %v", second, err)
		}

		c, elsewhere := w.browserTo(), w.browserTo()
		tok := here.exchange(here.withCode(c, "anna"))
		id, err := lib.Verify(lib.ctx, tok.IDToken)
		if err != nil || id.Subject != w.ids["user anna"] || id.Issuer != issuer {
			t.Fatalf("ID token %+v, %v", id, err)
		}
		if got := claims(t, tok.AccessToken); got["iss"] != issuer || !slices.Contains(got["aud"].([]any), any(issuer)) {
			t.Errorf("access token %v", got)
		}
		old := there.exchange(there.withCode(elsewhere, "anna"))
		if id, err = other.Verify(other.ctx, old.IDToken); err != nil || id.Subject != w.ids["user anna"] || id.Issuer != there.base() {
			t.Fatalf("by the path: %+v, %v", id, err)
		}
		for _, l := range []struct {
			party
			good, bad tokens
		}{{lib, tok, old}, {other, old, tok}} {
			if err := l.userInfo(l.good.AccessToken); err != nil {
				t.Errorf("userinfo: %v", err)
			}
			if err := l.userInfo(l.bad.AccessToken); err == nil {
				t.Error("an access token of the other issuer is taken")
			}
			if _, err := l.Verify(l.ctx, l.bad.IDToken); err == nil {
				t.Error("an ID token of the other issuer is taken")
			}
		}
		w.crossed(here, there, c, tok)
		w.crossed(there, here, elsewhere, old)
	})
}

// crossed tries what one issuer has given at the other, and then where it belongs.
func (w *world) crossed(from, to *rp, c *testkit.Client, tok tokens) {
	w.t.Helper()
	for _, token := range []string{tok.AccessToken, tok.Refresh} {
		if status, answer := to.post("/introspect", url.Values{"token": {token}}); status != http.StatusOK || !strings.Contains(answer, `"active":false`) {
			w.t.Errorf("introspection at the other: %d %s", status, answer)
		}
		if status, _ := to.post("/revoke", url.Values{"token": {token}}); status != http.StatusOK {
			w.t.Errorf("revocation at the other: %d", status)
		}
		if _, answer := from.post("/introspect", url.Values{"token": {token}}); !strings.Contains(answer, `"active":true`) || !strings.Contains(answer, `"iss":"`+from.base()+`"`) {
			w.t.Errorf("afterwards at its own: %s", answer)
		}
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}
	if got := to.token(refresh); got.Error != "invalid_grant" {
		w.t.Errorf("refresh at the other: %+v", got)
	}
	next := from.token(refresh)
	if next.Status != http.StatusOK || claims(w.t, next.IDToken)["iss"] != from.base() {
		w.t.Errorf("refresh at its own: %+v", next)
	}
	// Who is signed in at one is not at the other; where he is, a new code comes at once.
	if page := c.Get(to.authorizeURL()).Follow(); !page.FormWith("username").Has("password") {
		w.t.Errorf("signed in at the other: %s", page.Text)
	}
	code := from.callback(c.Get(from.authorizeURL())).Get("code")
	if got := to.exchange(code); got.Error != "invalid_grant" {
		w.t.Errorf("code at the other: %+v", got)
	}
	if got := from.exchange(code); got.Status != http.StatusOK {
		w.t.Errorf("code at its own: %+v", got)
	}
	// A request that was pushed at one, and a hint, are none of the other.
	sum := mustURL(from.authorizeURL()).Query()
	_, answer := from.post("/par", sum)
	var pushed struct {
		URI string `json:"request_uri"`
	}
	if err := json.Unmarshal([]byte(answer), &pushed); err != nil || pushed.URI == "" {
		w.t.Fatalf("push: %s", answer)
	}
	query := "/authorize?" + url.Values{"client_id": {from.app}, "request_uri": {pushed.URI}}.Encode()
	w.browserTo().Get(to.base() + query).Require(http.StatusGone)
	w.browserTo().Get(from.base() + query).Require(http.StatusSeeOther)
	hint := "/end_session?" + url.Values{"id_token_hint": {next.IDToken}}.Encode()
	w.browserTo().Get(to.base() + hint).Require(http.StatusBadRequest)
	c.Get(from.base() + hint).Require(http.StatusOK)
	if page := c.Get(from.authorizeURL()).Follow(); !page.FormWith("username").Has("password") {
		w.t.Error("the session did not end")
	}
}

// TestHostNamesServeTheirTenantAlone: at such a name there is one tenant and nothing else,
// on pages that know no path of the server; all other names are as ever.
func TestHostNamesServeTheirTenantAlone(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := mailWorld(t, db, "anna")
		w.tenant("globex")
		acme, globex := w.called("acme", acmeHost), w.called("globex", "sso.globex.test")
		unknown := "http://unknown.test:" + mustURL(w.url).Port()
		config := "/.well-known/openid-configuration"
		c := w.browserTo()
		for address, want := range map[string]int{
			acme + config: 200, globex + config: 200, acme + "/account": 303, acme + "/": 303, acme + "/reset": 200, acme + "/device": 200, acme + "/keys": 200,
			acme + "/admin": 404, acme + "/admin/": 404, acme + "/admin/sign-in": 404, acme + "/admin/v1/openapi.json": 404, acme + "/admin/v1/subscriptions": 404,
			acme + "/t/acme" + config: 404, acme + "/t/acme/account": 404, acme + "/t/globex" + config: 404, acme + "/t/globex/account": 404,
			acme + "/.well-known/oauth-authorization-server/t/acme": 404, acme + "/report/" + w.ids["two_factor mail"]: 404,
			acme + "//evil.test/?lang=de": 404, acme + "/%2Fevil.test/?lang=de": 404,
			unknown + config: 404, unknown + "/t/acme" + config: 200, w.url + config: 404, w.url + "/t/acme" + config: 200,
			"http://" + acmeHost + ":9" + config: 404, // not the port of the server
		} {
			page := c.Get(address)
			if page.Status != want {
				t.Errorf("%s: %d, want %d", address, page.Status, want)
			}
			if strings.Contains(page.Body, `"//evil`) || strings.Contains(page.Header.Get("Location"), "evil") {
				t.Errorf("%s leads elsewhere", address)
			}
		}
		var doc struct{ Issuer string }
		if err := json.Unmarshal([]byte(c.Get(globex+config).Body), &doc); err != nil || doc.Issuer != globex {
			t.Errorf("the other's issuer is %q, %v", doc.Issuer, err)
		}

		// No page knows the path below the server's name, nor does a cookie or a redirect.
		w.tune("acme", func(v *tenants.Tenant) { v.LogoURL = tenants.LogoPath("acme", strings.Repeat("a", 64)) })
		p := w.rpAt(acme, "acme", "expenses")
		var seen []*testkit.Page
		see := func(page *testkit.Page) *testkit.Page { seen = append(seen, page); return page }
		page := see(see(c.Get(p.authorizeURL())).Follow())
		if !strings.Contains(page.Body, `src="/logo/`+strings.Repeat("a", 64)) {
			t.Error("the logo is not where the tenant is")
		}
		page = see(see(page.FormWith("username").Set("username", "anna").Set("password", password).Press("answer")).Follow())
		see(page.FormWith("code").Set("code", "000000").Press("answer"))
		p.callback(see(page.FormWith("code").Set("code", w.code("anna@example.test")).Press("answer")))
		page = see(see(c.Get(acme + "/account")).Follow())
		if page.Status != http.StatusOK || !strings.Contains(page.Text, "127.0.0.1") {
			t.Errorf("account: %d %s", page.Status, page.Text)
		}
		see(see(c.Get(page.URL.String() + "?lang=de")).Follow())
		see(c.Get(acme + "/end_session"))
		see(see(see(c.PostForm(acme+"/end_session", url.Values{"do": {"signout"}}))))
		see(c.Get(acme + "/reset"))
		see(c.Get(acme + "/device"))
		see(c.Get(acme + "/nothing"))
		see(c.Get(acme + "/authorize?client_id=nobody"))
		for _, page := range seen {
			if page.Status >= 500 {
				t.Errorf("%s: %d", page.URL, page.Status)
			}
			if strings.Contains(page.Body, "/t/") || strings.Contains(page.Header.Get("Location"), "/t/") {
				t.Errorf("%s names the path: %s", page.URL, page.Header.Get("Location"))
			}
			for _, k := range page.Header["Set-Cookie"] {
				if !strings.Contains(k, "; Path=/;") || strings.Contains(k, "Domain=") {
					t.Errorf("%s sets %s", page.URL, k)
				}
			}
		}

		// Shut, the name is no other address of the server.
		w.tune("acme", func(v *tenants.Tenant) { v.Active = false })
		for _, path := range []string{config, "/admin", "/t/globex" + config, "/account"} {
			if got := c.Get(acme + path); got.Status != http.StatusNotFound {
				t.Errorf("shut, %s: %d", path, got.Status)
			}
		}
		w.tune("acme", func(v *tenants.Tenant) { v.Active, v.HostName = true, "" })
		if got := c.Get(acme + "/t/acme" + config); got.Status != http.StatusOK {
			t.Errorf("without a name: %d", got.Status)
		}
	})
}

// TestMessagesLeadToTheHostName: what a user gets leads back to where he is, and works
// there alone.
func TestMessagesLeadToTheHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.factor("sms", "twilio")
		gateway := map[string]any{
			"ECallAccountName": w.ecall.Account, "ECallAccountPassword": "wrong", "ECallAccountFromNumber": "Acme", "OnDeliveryFailure": "sms",
		}
		w.factorWith("gateway", "ecall", true, gateway)
		w.assign("mail", "tenant acme", false)
		w.assign("gateway", "tenant acme", true)
		w.assign("sms", "tenant acme", false)
		issuer := w.called("acme", acmeHost)
		p := w.rpAt(issuer, "acme", "expenses")
		phone := w.phone("anna")
		line := func(p *rp) string {
			t.Helper()
			old := w.codes(phone)
			p.signIn(w.browserTo(), "anna").Follow().FormWith("code")
			code := w.newCode(phone, old...)
			list := w.inbox.Messages()
			lines := strings.Split(list[len(list)-1].Text, "\n")
			return strings.TrimSuffix(lines[len(lines)-1], " #"+code)
		}
		// The first gateway refuses, so the message is made when no request is there any more.
		if got := line(p); got != "@"+acmeHost {
			t.Errorf("the code is bound to %q", got)
		}
		w.clock.Advance(time.Hour)
		if got := line(w.rp("acme", "expenses")); got != "@127.0.0.1" {
			t.Errorf("by the path the code is bound to %q", got)
		}

		c := w.browserTo()
		c.Get(issuer+"/reset").FormWith("username").Set("username", "anna").Press("answer").Require(http.StatusSeeOther)
		w.idp.Wait()
		link := w.link("anna@example.test")
		if !strings.HasPrefix(link, issuer+"/reset/password?") {
			t.Fatalf("link %s", link)
		}
		query := mustURL(link).RawQuery
		c.Get(w.url + "/t/acme/reset/password?" + query).Require(http.StatusGone)
		c.Get(link).FormWith("password").Set("password", newPassword).Press("answer").Require(http.StatusOK)

		d := &screen{rp: p}
		w.app(tenants.ClientApp{Name: "cinema", Title: "Cinema", Type: tenants.AppNative, AuthMethod: tenants.AuthNone, GrantTypes: tenants.List{tenants.GrantDevice}})
		w.must(w.tenants.SetTenantClientApps(w.ctx(), w.ids["tenant acme"], []string{w.ids["client_app expenses"], w.ids["client_app cinema"]}))
		w.tenants.Forget()
		page := c.PostForm(issuer+"/device_authorization", url.Values{"client_id": {"cinema"}, "scope": {"openid"}})
		if err := json.Unmarshal([]byte(page.Body), d); err != nil || d.URI != issuer+"/device" || !strings.HasPrefix(d.Complete, d.URI+"?") {
			t.Fatalf("%+v, %v: %s", d, err, page.Text)
		}
		w.browserTo().Get(w.url+"/t/acme/device").FormWith("user_code").Set("user_code", d.UserCode).Press("answer").Require(http.StatusUnprocessableEntity)
		w.browserTo().Get(d.URI).FormWith("user_code").Set("user_code", d.UserCode).Press("answer").Require(http.StatusSeeOther)
		poll := url.Values{"grant_type": {tenants.GrantDevice}, "device_code": {d.Code}, "client_id": {"cinema"}}
		if got := c.PostForm(w.url+"/t/acme/token", poll); !strings.Contains(got.Body, "invalid_grant") {
			t.Errorf("the device at the other issuer: %s", got.Body)
		}
		if got := c.PostForm(issuer+"/token", poll); !strings.Contains(got.Body, "authorization_pending") {
			t.Errorf("the device at its own: %s", got.Body)
		}
	})
}

// TestLogoutTokensOfAHostName: an app hears of the end of a session from the issuer that it
// knows, also when the tenant is called otherwise by then.
func TestLogoutTokensOfAHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		issuer := w.called("acme", acmeHost)
		p, old := w.rpAt(issuer, "acme", "expenses"), w.rp("acme", "expenses")
		lib := p.library()
		h := w.hearingAt(lib.Provider)
		tok := p.exchange(p.callback(p.signIn(w.browserTo(), "anna")).Get("code"))
		if _, err := lib.Verify(lib.ctx, tok.IDToken); err != nil { // the app knows the keys
			t.Fatal(err)
		}
		sid := claims(t, tok.IDToken)["sid"].(string)
		w.called("acme", "other.acme.test")
		w.tune("acme", func(v *tenants.Tenant) { v.HostName = "" })
		if _, err := w.idp.EndUser(w.in("acme"), w.ids["user anna"], "", "test"); err != nil {
			t.Fatal(err)
		}
		h.require("expenses " + sid + " " + w.ids["user anna"])

		h = w.hearingAt(old.library().Provider)
		tok = old.exchange(old.callback(old.signIn(w.browserTo(), "anna")).Get("code"))
		sid = claims(t, tok.IDToken)["sid"].(string)
		w.called("acme", acmeHost)
		if _, err := w.idp.EndUser(w.in("acme"), w.ids["user anna"], "", "test"); err != nil {
			t.Fatal(err)
		}
		h.require("expenses " + sid + " " + w.ids["user anna"])
	})
}

// TestUpstreamAtAHostName: who goes on to another provider comes back to where he left, and
// its answer counts there alone.
func TestUpstreamAtAHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newUpstreamWorld(t, db, "anna")
		issuer := w.called("acme", acmeHost)
		p, c := w.rpAt(issuer, "acme", "expenses"), w.browserTo()
		page := c.Get(p.authorizeURL()).Follow().Press("Continue with Corp")
		callback := issuer + "/upstream/" + w.ids["idp corp"] + "/callback"
		if got := page.Location().Query().Get("redirect_uri"); got != callback {
			t.Fatalf("redirect URI %q, want %q", got, callback)
		}
		for !strings.HasPrefix(page.Header.Get("Location"), callback) {
			page = page.FollowOnce()
		}
		_, path, _ := strings.Cut(page.Header.Get("Location"), issuer)
		c.Get(w.url + "/t/acme" + path).Require(http.StatusGone)
		if got := p.tokenOf(through(page)); got["iss"] != issuer || got["name"] == "" {
			t.Errorf("claims %v", got)
		}
	})
}

// boundKeys has a factor like a passkey, bound to a host as they are.
func boundKeys() twofactor.Catalog {
	all := latchkeys()
	info := twofactor.Info{Type: "latchkey", Name: "Latchkey", Strength: twofactor.StrengthPHR, Enrolls: true, HostBound: true}
	all["latchkey"] = twofactor.Define(info, latchkeyOptions{}, func(latchkeyOptions, twofactor.Env) (twofactor.Factor, error) { return latchkey{}, nil })
	return all
}

// TestKeysOfAHostName: a passkey works at the host it was made at. Elsewhere it is not
// offered, and it is no reason to ask for less, nor to let a password set up another.
func TestKeysOfAHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorldWith(t, db, boundKeys())
		w.tenant("acme", "anna")
		w.factorWith("key", "latchkey", true, map[string]any{})
		w.factor("mail", "email")
		w.assign("key", "tenant acme", false)
		w.tune("acme", func(v *tenants.Tenant) { v.PasskeySignIn = true })
		issuer := w.called("acme", acmeHost)
		here, old := w.rpAt(issuer, "acme", "expenses"), w.rp("acme", "expenses")
		home := w.browserTo()
		old.callback(old.signIn(home, "anna"))
		page := w.act(home, "add", "enroll "+w.ids["two_factor key"]).Follow()
		page.FormWith("key").Set("key", "old key").Set("cut", "old cut").Press("Continue").Follow().Require(http.StatusOK)

		// By the key alone: where it was made, and nowhere else.
		turn := func(p *rp, key, cut string) *testkit.Page {
			t.Helper()
			page := w.browserTo().Get(p.authorizeURL()).Follow().Press("passkey").Follow().RequireText("Turn the key")
			return page.FormWith("key").Set("key", key).Set("cut", cut).Press("Continue")
		}
		old.callback(turn(old, "old key", "old cut"))
		if got := turn(here, "old key", "old cut"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a key of another host: %d %s", got.Status, got.Text)
		}

		// By password: it is required of him here too, and he can neither use it nor make another.
		c := w.browserTo()
		page = here.signIn(c, "anna").Follow()
		if page.Status != http.StatusForbidden || !strings.Contains(page.Text, "set up key at another address") || !strings.Contains(page.Text, acmeHost) {
			t.Fatalf("a password alone: %d %s", page.Status, page.Text)
		}
		if got := c.PostForm(page.URL.String(), url.Values{"do": {"enroll"}, "method": {w.ids["two_factor key"]}}).Follow(); got.Status != http.StatusForbidden {
			t.Errorf("a password alone sets up another: %d %s", got.Status, got.Text)
		}
		if got := w.events("acme"); !strings.Contains(got, "sign_in.no_factor") || !strings.Contains(got, "another host name") {
			t.Errorf("the trail does not tell: %s", got)
		}

		// With another factor he gets in, and makes a key for here.
		w.assign("mail", "tenant acme", false)
		c = w.browserTo()
		here.withCode(c, "anna")
		account := c.Get(issuer + "/account").Follow().RequireText("old key")
		if !strings.Contains(account.Text, "Not used for sign-ins here") {
			t.Errorf("account: %s", account.Text)
		}
		page = c.PostForm(account.URL.String(), url.Values{"do": {"add"}, "id": {"enroll " + w.ids["two_factor key"]}}).Follow()
		page.FormWith("key").Set("key", "new key").Set("cut", "new cut").Press("Continue").Follow().Require(http.StatusOK)
		here.callback(turn(here, "new key", "new cut"))
		if got := turn(old, "new key", "new cut"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("the new key at the old host: %d %s", got.Status, got.Text)
		}
		old.callback(turn(old, "old key", "old cut"))
		w.unassign()
		w.assign("key", "tenant acme", true)
		page = here.signIn(w.browserTo(), "anna").Follow().RequireText("Turn the key")
		if got := page.FormWith("key").Set("key", "old key").Set("cut", "old cut").Press("Continue"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("the old key beside the new one: %d", got.Status)
		}
		here.callback(page.FormWith("key").Set("key", "new key").Set("cut", "new cut").Press("Continue"))
	})
}

// TestSignOnsAreNotSharedWithHostNames: what tenants share below the server's address, they
// do not at host names of their own.
func TestSignOnsAreNotSharedWithHostNames(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := sharing(t, db)
		issuer := w.called("acme", acmeHost)
		here, acme, globex := w.rpAt(issuer, "acme", "expenses"), w.rp("acme", "expenses"), w.rp("globex", "expenses")
		c := w.browserTo()
		acme.enters(c, "anna")
		planted := &http.Cookie{Name: w.shared(c).Name, Value: w.shared(c).Value}
		if !globex.arrives(c) || here.arrives(c) {
			t.Error("globex shares, the host name does not")
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, here.authorizeURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(planted)
		if toApp(w.browserTo().Do(req)) {
			t.Error("a cookie that no browser brings is taken")
		}
		c = w.browserTo()
		here.enters(c, "anna")
		for _, cookie := range c.Cookies(issuer + "/t/any") {
			if strings.Contains(cookie.Name, "shared") {
				t.Errorf("the host name sets %s", cookie.Name)
			}
		}
		if globex.arrives(c) || w.count("sessions", "sign_on_id <> ''") != 2 {
			t.Error("a session of the host name is in a sign-on")
		}
	})
}

// TestPasskeysAreAskedForByTheHostName: the relying party of a passkey is the host that its
// user is at, with no factor knowing of any other.
func TestPasskeysAreAskedForByTheHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme", "anna")
		w.factorWith("passkey", "webauthn", true, map[string]any{})
		w.assign("passkey", "tenant acme", false)
		w.tune("acme", func(v *tenants.Tenant) { v.PasskeySignIn = true })
		for _, host := range []string{"login.acme.localhost", "sso.acme.localhost"} {
			issuer := w.called("acme", host)
			p := w.rpAt(issuer, "acme", "expenses")
			page := w.browserTo().Get(p.authorizeURL()).Follow().Press("passkey").Follow().Require(http.StatusOK)
			if !strings.Contains(page.Body, `rpId&#34;:&#34;`+host+`&#34;`) && !strings.Contains(page.Body, `"rpId":"`+host+`"`) {
				t.Errorf("%s is not asked for: %s", host, page.Body)
			}
			c := w.browserTo()
			p.callback(p.signIn(c, "anna"))
			c.PostForm(issuer+"/account", url.Values{"do": {"add"}, "id": {"enroll " + w.ids["two_factor passkey"]}}).Follow().RequireText("passkey")
		}
		// At the server's own address, which has no name here, there are none.
		old := w.rp("acme", "expenses")
		w.browserTo().Get(old.authorizeURL()).Follow().Press("passkey").Require(http.StatusUnprocessableEntity)
	})
}

// TestAdministrationTakesNoTokensOfHostNames: it is not there, and what is given there does
// not reach it.
func TestAdministrationTakesNoTokensOfHostNames(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.tenant("acme")
		good := w.robot()
		w.empower()
		issuer := w.called("acme", acmeHost)
		form := url.Values{"grant_type": {tenants.GrantClientCredentials}, "scope": {op.ScopeAdmin}, "client_id": {"robot"}, "client_secret": {secret}}
		var given struct {
			AccessToken string `json:"access_token"`
		}
		page := w.browserTo().PostForm(issuer+"/token", form).Require(http.StatusOK)
		if err := json.Unmarshal([]byte(page.Body), &given); err != nil || given.AccessToken == "" {
			t.Fatal(page.Body)
		}
		at := "/subscriptions/" + w.sub.ID + "/tenants"
		if status, _ := w.callREST(given.AccessToken, http.MethodGet, at, ""); status != http.StatusUnauthorized {
			t.Errorf("a token of a host name: %d", status)
		}
		status, list := w.callREST(good, http.MethodGet, at, "")
		text, err := json.Marshal(list)
		if err != nil || status != http.StatusOK || !strings.Contains(string(text), `"host_name":"`+acmeHost+`"`) {
			t.Errorf("a token of the path: %d %s", status, text)
		}
	})
}

// TestConsoleHostName: a system administrator gives a tenant its host name in the console,
// which tells what goes with it; an administrator of the subscription sees it.
func TestConsoleHostName(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.customer()
		root, sue := w.officer("root", tenants.RoleSubscriptionAdmin, ""), w.officer("sue", tenants.RoleSubscriptionAdmin, "")
		g := tenants.Grant{Role: tenants.RoleSystemAdmin, SubjectKind: tenants.SubjectUser, SubjectID: root.id, HomeID: w.sub.ID}
		if err := w.admin.Grant(t.Context(), admin.Operator(), &g); err != nil {
			t.Fatal(err)
		}
		acme, globex := "tenants/"+w.ids["tenant acme"], "tenants/"+w.ids["tenant globex"]
		issuer := "http://" + acmeHost + ":" + mustURL(w.url).Port()

		f := sue.open(acme + "/edit").RequireText("Set by those who run the server").FormWith("title")
		if f.Has("host_name") {
			t.Error("offered to an administrator of the subscription")
		}
		f.Forge("host_name", acmeHost).Press("Save").Follow()
		if page := sue.open(acme); strings.Contains(page.Text, acmeHost) {
			t.Error("taken from an administrator of the subscription")
		}
		for bad, why := range map[string]string{"https://" + acmeHost: "without https://", "10.0.0.1": "be a name and not", "acme": "be a host name such"} {
			root.open(acme+"/edit").FormWith("title").Set("host_name", bad).Press("Save").Require(http.StatusUnprocessableEntity).RequireText(why)
		}
		page := root.open(acme+"/edit").FormWith("title").Set("host_name", "Login.Acme.Test").Press("Save").Follow()
		page.RequireText("Issuer by its host name", issuer, w.url+"/t/acme")
		root.open(acme + "/edit").RequireText("Apps that are set up with " + issuer + " stop working")
		root.open(acme + "/delete").RequireText(issuer)
		root.open(globex+"/edit").FormWith("title").Set("host_name", acmeHost).Press("Save").Require(http.StatusUnprocessableEntity).RequireText("Is taken already")
		root.open("client-apps/"+w.ids["client_app expenses"]).RequireText("by its host name", issuer+"/.well-known/openid-configuration")
		sue.open(acme).RequireText(issuer)
		sue.open(acme+"/edit").FormWith("title").Set("title", "Acme Ltd").Press("Save").Follow().RequireText("Acme Ltd", issuer)
		w.browserTo().Get(issuer + "/.well-known/openid-configuration").Require(http.StatusOK)

		root.open(acme+"/edit").FormWith("title").Set("host_name", "").Press("Save").Follow()
		if page := root.open(acme); strings.Contains(page.Text, acmeHost) {
			t.Error("not taken away")
		}
	})
}

func TestRoutesOfMetrics(t *testing.T) {
	for path, want := range map[string]string{
		"/t/acme/authorize": "/authorize", "/authorize": "/authorize", "/t/acme/signin/1/status": "/signin/status", "/signin/1/status": "/signin/status",
		"/t/acme/signin/1": "/signin", "/signin/1": "/signin", "/t/acme": "other", "/t/acme/nothing": "other", "/admin/users": "other", "/": "other",
		"/.well-known/openid-configuration": "/.well-known", "/t/acme/.well-known/openid-configuration": "/.well-known", "/assets/x.css": "/assets", "/t/t/t": "other",
	} {
		if got := route(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

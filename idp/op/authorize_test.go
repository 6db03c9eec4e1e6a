package op

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/tenants"
)

func TestAuthorizeKeepsWhatWasAsked(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		req, refused, err := w.authorize(asked(
			w.apps["web"], "prompt", "login select_account magic", "max_age", "300", "acr_values", "phr urn:twofold:acr:aal2",
			"ui_locales", "de-CH en", "login_hint", "ada", "scope", "openid profile nonsense api offline_access introspect",
		))
		if err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		got, err := w.p.AuthRequest(w.in(w.acme), req.ID)
		if err != nil {
			t.Fatal(err)
		}
		age := 300 * time.Second
		want := AuthRequest{
			ID: req.ID, ClientApp: got.ClientApp, RedirectURI: appCallback, Scopes: []string{"openid", "profile", "api", "offline_access"},
			Shares: []string{"openid", "profile", "api", "offline_access"},
			Prompt: []string{"login", "select_account"}, ACRValues: []string{"phr", "urn:twofold:acr:aal2"}, UILocales: []string{"de-CH", "en"},
			MaxAge: &age, LoginHint: "ada", ExpiresAt: w.clock.Now().Add(10 * time.Minute),
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want, req); d != "" {
			t.Error("answer of Authorize:", d)
		}
		if !got.Offline() || !got.Wants("login") || got.Wants("none") || got.ClientApp.Name != "web" {
			t.Error("helpers disagree")
		}
		if _, err := w.p.AuthRequest(w.in(w.globex), req.ID); !problem.Is(err, problem.Gone) {
			t.Error("seen by the other tenant:", err)
		}
		w.clock.Advance(10 * time.Minute)
		if _, err := w.p.AuthRequest(w.in(w.acme), req.ID); !problem.Is(err, problem.Gone) {
			t.Error("after 10 minutes:", err)
		}
		if _, err := w.p.Deny(w.in(w.acme), req.ID, "access_denied", ""); !problem.Is(err, problem.Gone) {
			t.Error("answered after 10 minutes:", err)
		}
	})
}

// A bad client or redirect URI is told to the person, never to an address (R32).
func TestAuthorizeShowsAPageInsteadOfRedirecting(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	web := w.apps["web"]
	for name, change := range map[string]func(url.Values){
		"no client":                 func(v url.Values) { v.Del("client_id") },
		"unknown client":            func(v url.Values) { v.Set("client_id", "nobody") },
		"client id with NUL":        func(v url.Values) { v.Set("client_id", "web\x00") },
		"client id not UTF-8":       func(v url.Values) { v.Set("client_id", "web\xff") },
		"client id too long":        func(v url.Values) { v.Set("client_id", strings.Repeat("a", 129)) },
		"client twice":              func(v url.Values) { v.Add("client_id", "web") },
		"no redirect URI":           func(v url.Values) { v.Del("redirect_uri") },
		"empty redirect URI":        func(v url.Values) { v.Set("redirect_uri", "") },
		"redirect URI twice":        func(v url.Values) { v.Add("redirect_uri", appCallback) },
		"redirect URI with NUL":     func(v url.Values) { v.Set("redirect_uri", appCallback+"\x00") },
		"encoded spelling /%63b":    func(v url.Values) { v.Set("redirect_uri", "https://app.example/%63b") },
		"decoded spelling of a%20b": func(v url.Values) { v.Set("redirect_uri", "https://app.example/a b") },
		"a+b for a%20b":             func(v url.Values) { v.Set("redirect_uri", "https://app.example/a+b") },
		"app of nobody's callback":  func(v url.Values) { v.Set("redirect_uri", "https://spa.example/cb") },
	} {
		t.Run(name, func(t *testing.T) {
			v := asked(web)
			change(v)
			_, refused, err := w.authorize(v)
			if !problem.Is(err, problem.Invalid) || refused != nil {
				t.Errorf("got %+v, %v", refused, err)
			}
		})
	}
	t.Run("app not assigned to the tenant", func(t *testing.T) {
		if _, _, err := w.authorizeIn(w.globex, asked(w.apps["other"])); !problem.Is(err, problem.Invalid) {
			t.Error(err)
		}
	})
	t.Run("inactive app", func(t *testing.T) {
		off := web
		off.Active = false
		w.put(w.store.PutClientApp(w.in(w.acme), &off))
		if _, _, err := w.authorize(asked(web)); !problem.Is(err, problem.Invalid) {
			t.Error(err)
		}
		web.Version = off.Version
		w.put(w.store.PutClientApp(w.in(w.acme), &web))
	})
	for name, query := range map[string]string{"bad escape": "client_id=%zz", "semicolons": "a=1;b=2", "too long": strings.Repeat("x", 70_000)} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
			r.URL.RawQuery = query
			if _, _, err := w.p.Authorize(w.in(w.acme), r); !problem.Is(err, problem.Invalid) {
				t.Error(err)
			}
		})
	}
}

// SECURITY §3 row 51: off-list addresses that fooled others.
func TestRedirectURIMatchesExactly(t *testing.T) {
	web := tenants.ClientApp{Type: tenants.AppWeb, RedirectURIs: tenants.List{
		appCallback, "https://app.example/a%20b", "https://app.example/a+b", "http://127.0.0.1:8080/cb",
	}}
	native := tenants.ClientApp{Type: tenants.AppNative, RedirectURIs: tenants.List{
		"http://127.0.0.1/cb", "http://[::1]:5000/cb?x=1", "http://localhost/cb", "com.example.app:/cb",
	}}
	for _, c := range []struct {
		app  tenants.ClientApp
		uri  string
		want bool
	}{
		{web, appCallback, true},
		{web, "https://app.example/a%20b", true},
		{web, "https://app.example/a+b", true},
		{web, "http://127.0.0.1:8080/cb", true},
		{web, "http://127.0.0.1:8081/cb", false},
		{native, "http://127.0.0.1/cb", true},
		{native, "http://127.0.0.1:1/cb", true},
		{native, "http://127.0.0.1:65535/cb", true},
		{native, "http://[::1]:41000/cb?x=1", true},
		{native, "http://[::1]/cb?x=1", true},
		{native, "http://localhost:3000/cb", true},
		{native, "com.example.app:/cb", true},
		{native, "http://127.0.0.1:/cb", false},
		{native, "http://127.0.0.1:123456/cb", false},
		{native, "http://127.0.0.1:80a/cb", false},
		{native, "http://127.0.0.1:80@evil.example/cb", false},
		{native, "http://127.0.0.1.evil.example/cb", false},
		{native, "http://127.0.0.1:8080/cb/", false},
		{native, "http://127.0.0.1:8080/CB", false},
		{native, "http://127.0.0.1:8080/cb?x=1", false},
		{native, "http://127.0.0.1:8080/cb#x", false},
		{native, "https://127.0.0.1:8080/cb", false},
		{native, "HTTP://127.0.0.1:8080/cb", false},
		{native, "http://127.0.0.2:8080/cb", false},
		{native, "http://[::1]:41000/cb", false},
		{native, "http://localhost.evil.example/cb", false},
		{native, "http://user@localhost:1/cb", false},
		{native, "http://0.0.0.0:1/cb", false},
		{native, "http://2130706433:1/cb", false},
		{native, "com.example.app:/cb/", false},
		{native, "com.example.app://cb", false},
	} {
		if got := redirectAllowed(c.app, c.app.RedirectURIs, c.uri); got != c.want {
			t.Errorf("%s %s: %v", c.app.Type, c.uri, got)
		}
	}
	for _, uri := range []string{
		"", "/cb", "//app.example/cb", "https:app.example/cb", "https:/app.example/cb", "https:///app.example/cb", "https:\\app.example\\cb",
		"https://app.example\\cb", "https://app.example/\\cb", "https://app.example/cb\\", "https://app.example/cb/", "https://app.example/cb?",
		"https://app.example/cb#", "https://app.example/cb?x=1", "https://app.example/cb#x", "https://app.example/cb/../cb", "https://app.example/./cb",
		"https://app.example//cb", "https://app.example:443/cb", "https://app.example:8443/cb", "https://app.example./cb", "https://app.example/CB",
		"https://APP.example/cb", "HTTPS://app.example/cb", "http://app.example/cb", "https://user@app.example/cb", "https://app.example@evil.example/cb",
		"https://app.example:x@evil.example/cb", "https://evil.example/https://app.example/cb", "https://evil.example#https://app.example/cb",
		"https://evil.example?https://app.example/cb", "https://evil.example\\@app.example/cb", "https://app.example.evil.example/cb",
		"https://evilapp.example/cb", "https://sub.app.example/cb", "https://*.example/cb", "https://app.example/*", "https://app.example/%63b",
		"https://app.example/c%62", "https://app.example%2fcb", "https://app.example/%2e/cb", "https://app.example/cb%00", "https://app.example/cb%0a",
		"https://app.example/cb\n", "\nhttps://app.example/cb", " https://app.example/cb", "https://app.example/cb ", "https://app.example/cb\t",
		"https://app.example/cb;x", "https://app.example/cb&x", "https://аpp.example/cb", "https://app。example/cb", "javascript:alert(1)",
		"data:text/html,x", "https://app.example/a b", "https://app.example/a%2520b", "https://app.example/a%2bb", "https://[app.example]/cb",
	} {
		if redirectAllowed(web, web.RedirectURIs, uri) || redirectAllowed(native, native.RedirectURIs, uri) {
			t.Errorf("accepted %q", uri)
		}
	}
}

// Everything wrong with a request of a known app goes back to the app, with state
// and iss, in the response mode it asked for (RFC 6749 §4.1.2.1, RFC 9207).
func TestAuthorizeAnswersErrorsToTheApp(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, tokens := w.tokensOf("web")
	for _, c := range []struct {
		name, app, want string
		change          func(url.Values)
	}{
		{"no response_type", "web", "invalid_request", func(v url.Values) { v.Del("response_type") }},
		{"response_type token", "web", "unsupported_response_type", func(v url.Values) { v.Set("response_type", "token") }},
		{"response_type id_token in the query", "web", "unsupported_response_type", func(v url.Values) {
			v.Set("response_type", "id_token")
			v.Set("response_mode", "query")
		}},
		{"hybrid", "web", "unsupported_response_type", func(v url.Values) { v.Set("response_type", "code id_token") }},
		{"response_mode fragment", "web", "invalid_request", func(v url.Values) { v.Set("response_mode", "fragment") }},
		{"no scope", "web", "invalid_scope", func(v url.Values) { v.Del("scope") }},
		{"only unknown scopes", "web", "invalid_scope", func(v url.Values) { v.Set("scope", "root") }},
		{"public without PKCE", "spa", "invalid_request", noPKCE},
		{"confidential without PKCE", "web", "invalid_request", noPKCE},
		{"PKCE plain", "web", "invalid_request", func(v url.Values) { v.Set("code_challenge_method", "plain") }},
		{"PKCE method foo", "web", "invalid_request", func(v url.Values) { v.Set("code_challenge_method", "foo") }},
		{"PKCE method missing", "web", "invalid_request", func(v url.Values) { v.Del("code_challenge_method") }},
		{"PKCE method without challenge", "old", "invalid_request", func(v url.Values) { v.Del("code_challenge") }},
		{"PKCE plain by the app let off", "old", "invalid_request", func(v url.Values) { v.Set("code_challenge_method", "plain") }},
		{"PKCE challenge short", "web", "invalid_request", func(v url.Values) { v.Set("code_challenge", "abc") }},
		{"PKCE challenge not base64url", "web", "invalid_request", func(v url.Values) { v.Set("code_challenge", strings.Repeat("+", 43)) }},
		{"request object", "web", "request_not_supported", func(v url.Values) { v.Set("request", "e30.e30.") }},
		{"request_uri", "web", "request_uri_not_supported", func(v url.Values) { v.Set("request_uri", "https://x.example/r") }},
		{"registration", "web", "registration_not_supported", func(v url.Values) { v.Set("registration", "{}") }},
		{"prompt none with login", "web", "invalid_request", func(v url.Values) { v.Set("prompt", "none login") }},
		{"max_age abc", "web", "invalid_request", func(v url.Values) { v.Set("max_age", "abc") }},
		{"max_age negative", "web", "invalid_request", func(v url.Values) { v.Set("max_age", "-1") }},
		{"max_age signed", "web", "invalid_request", func(v url.Values) { v.Set("max_age", "+1") }},
		{"max_age too large to read", "web", "invalid_request", func(v url.Values) { v.Set("max_age", strings.Repeat("9", 30)) }},
		{"scope twice", "web", "invalid_request", func(v url.Values) { v.Add("scope", "openid") }},
		{"unknown parameter twice", "web", "invalid_request", func(v url.Values) { v["x"] = []string{"1", "2"} }},
		{"nonce too long", "web", "invalid_request", func(v url.Values) { v.Set("nonce", strings.Repeat("n", 2049)) }},
		{"nonce with NUL", "web", "invalid_request", func(v url.Values) { v.Set("nonce", "\x00") }},
		{"login_hint not UTF-8", "web", "invalid_request", func(v url.Values) { v.Set("login_hint", "\xff") }},
		{"claims not JSON", "web", "invalid_request", func(v url.Values) { v.Set("claims", "{") }},
		{"claims a list", "web", "invalid_request", func(v url.Values) { v.Set("claims", "[]") }},
		{"claims too long", "web", "invalid_request", func(v url.Values) { v.Set("claims", `{"x":"`+strings.Repeat("x", 9000)+`"}`) }},
		{"claims sub with NUL", "web", "invalid_request", func(v url.Values) { v.Set("claims", `{"id_token":{"sub":{"value":"\u0000"}}}`) }},
		{"an essential acr of nobody here", "web", "unmet_authentication_requirements", func(v url.Values) {
			v.Set("acr_values", "phr")
			v.Set("claims", `{"id_token":{"acr":{"essential":true,"values":["urn:example:gold","x y"]}}}`)
		}},
		{"hint garbage", "web", "invalid_request", func(v url.Values) { v.Set("id_token_hint", "garbage") }},
		{"hint is an access token", "web", "invalid_request", func(v url.Values) { v.Set("id_token_hint", tokens.str("access_token")) }},
		{"hint and claims differ", "web", "invalid_request", func(v url.Values) {
			v.Set("id_token_hint", tokens.str("id_token"))
			v.Set("claims", `{"id_token":{"sub":{"value":"`+w.bob.ID+`"}}}`)
		}},
	} {
		for _, mode := range []string{"", "form_post"} {
			t.Run(strings.TrimSpace(c.name+" "+mode), func(t *testing.T) {
				v := asked(w.apps[c.app])
				if mode != "" {
					v.Set("response_mode", mode)
				}
				c.change(v)
				_, resp, err := w.authorize(v)
				if err != nil || resp == nil {
					t.Fatalf("no answer to the app: %v", err)
				}
				if posts := resp.FormPost != ""; posts != (v.Get("response_mode") == "form_post") || posts == (resp.RedirectURL != "") {
					t.Errorf("response mode: %+v", resp)
				}
				got := []string{fieldOf(t, *resp, "error"), fieldOf(t, *resp, "state"), fieldOf(t, *resp, "iss")}
				if d := cmp.Diff([]string{c.want, "st&=1", publicURL + "/t/acme"}, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
	t.Run("repeated state is not echoed", func(t *testing.T) {
		v := asked(w.apps["web"])
		v.Add("state", "two")
		_, resp, err := w.authorize(v)
		if err != nil || resp == nil || fieldOf(t, *resp, "state") != "" || fieldOf(t, *resp, "error") != "invalid_request" {
			t.Error(resp, err)
		}
	})
	t.Run("id_token_hint of the other tenant", func(t *testing.T) {
		_, resp, err := w.authorizeIn(w.globex, asked(w.apps["web"], "id_token_hint", tokens.str("id_token")))
		if err != nil || resp == nil || fieldOf(t, *resp, "error") != "invalid_request" {
			t.Error(resp, err)
		}
	})
}

func noPKCE(v url.Values) { v.Del("code_challenge"); v.Del("code_challenge_method") }

func TestAuthorizeAccepts(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, tokens := w.tokensOf("web")
	w.clock.Advance(time.Hour) // the hint has expired by now
	check := func(app string, more ...string) AuthRequest {
		t.Helper()
		req, resp, err := w.authorize(asked(w.apps[app], more...))
		if err != nil || resp != nil {
			t.Fatal(resp, err)
		}
		return req
	}
	t.Run("expired id_token_hint", func(t *testing.T) {
		req := check("web", "id_token_hint", tokens.str("id_token"))
		if req.HintUserID != w.ada.ID || req.HintSessionID != claimsOf(t, tokens.str("id_token"))["sid"] {
			t.Errorf("%+v", req)
		}
	})
	t.Run("sub by claims", func(t *testing.T) {
		if req := check("web", "claims", `{"id_token":{"sub":{"value":"`+w.ada.ID+`"}}}`); req.HintUserID != w.ada.ID {
			t.Errorf("%+v", req)
		}
	})
	t.Run("voluntary acr by claims", func(t *testing.T) {
		req := check("web", "acr_values", "b", "claims", `{"id_token":{"acr":{"values":["phr",7,"x y"]}}}`)
		if req.EssentialACR || !slices.Equal(req.ACRValues, []string{"phr", "b"}) {
			t.Errorf("%+v", req)
		}
	})
	t.Run("essential acr by claims", func(t *testing.T) {
		req := check("web", "acr_values", "b", "claims", `{"id_token":{"acr":{"essential":true,"values":["phr",7,"x y"]},"unknown":null},"userinfo":null}`)
		if !req.EssentialACR || !slices.Equal(req.ACRValues, []string{"phr"}) {
			t.Errorf("%+v", req)
		}
	})
	t.Run("confidential app let off PKCE", func(t *testing.T) {
		check("old", "code_challenge", "", "code_challenge_method", "")
	})
	t.Run("redirect registered with an escape", func(t *testing.T) {
		if req := check("web", "redirect_uri", "https://app.example/a%20b"); req.RedirectURI != "https://app.example/a%20b" {
			t.Error(req.RedirectURI)
		}
	})
	t.Run("loopback port of a native app", func(t *testing.T) {
		check("native", "redirect_uri", "http://127.0.0.1:49152/cb")
	})
	t.Run("max_age beyond a lifetime", func(t *testing.T) {
		if req := check("web", "max_age", "9000000000000000000"); req.MaxAge == nil || *req.MaxAge < 24*time.Hour {
			t.Error(req.MaxAge)
		}
	})
	t.Run("scopes of an app without a list", func(t *testing.T) {
		if req := check("bare", "scope", "openid profile email phone api"); !slices.Equal(req.Scopes, []string{"openid", "profile", "email"}) {
			t.Error(req.Scopes)
		}
	})
	t.Run("offline_access needs the refresh grant", func(t *testing.T) {
		if req := check("norefresh"); req.Offline() {
			t.Error(req.Scopes)
		}
	})
	t.Run("by POST", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/authorize?state=ignored", strings.NewReader(asked(w.apps["web"]).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if _, resp, err := w.p.Authorize(w.in(w.acme), r); err != nil || resp != nil {
			t.Error(resp, err)
		}
	})
}

func TestGrantAndDeny(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		who := func() Authentication {
			s := w.newSession(w.ada)
			return Authentication{UserID: w.ada.ID, SessionID: s.ID, ACR: "phr", AMR: []string{"swk"}, AuthTime: w.clock.Now()}
		}
		stored := func(more ...string) AuthRequest {
			t.Helper()
			req, resp, err := w.authorize(asked(w.apps["web"], more...))
			if err != nil || resp != nil {
				t.Fatal(resp, err)
			}
			return req
		}
		t.Run("redirect", func(t *testing.T) {
			resp, err := w.p.Grant(w.in(w.acme), stored("redirect_uri", "https://app.example/q?x=1").ID, who())
			if err != nil || !strings.HasPrefix(resp.RedirectURL, "https://app.example/q?x=1&code=") || resp.FormPost != "" {
				t.Fatal(resp, err)
			}
			if fieldOf(t, resp, "state") != "st&=1" || fieldOf(t, resp, "iss") != publicURL+"/t/acme" || len(fieldOf(t, resp, "code")) != 43 {
				t.Error(resp)
			}
		})
		t.Run("form_post", func(t *testing.T) {
			resp, err := w.p.Grant(w.in(w.acme), stored("response_mode", "form_post").ID, who())
			if err != nil || resp.FormPost != appCallback || resp.RedirectURL != "" {
				t.Fatal(resp, err)
			}
			want := [][2]string{{"code", fieldOf(t, resp, "code")}, {"state", "st&=1"}, {"iss", publicURL + "/t/acme"}}
			if d := cmp.Diff(want, resp.Fields); d != "" {
				t.Error(d)
			}
		})
		t.Run("deny", func(t *testing.T) {
			req := stored()
			resp, err := w.p.Deny(w.in(w.acme), req.ID, "access_denied", "no \"thanks\"\n")
			if err != nil || fieldOf(t, resp, "error") != "access_denied" || fieldOf(t, resp, "error_description") != "no thanks" {
				t.Error(resp, err)
			}
			if _, err := w.p.Grant(w.in(w.acme), req.ID, who()); !problem.Is(err, problem.Gone) {
				t.Error("granted after deny:", err)
			}
		})
		t.Run("other tenant", func(t *testing.T) {
			req := stored()
			if _, err := w.p.Grant(w.in(w.globex), req.ID, who()); !problem.Is(err, problem.Gone) {
				t.Error(err)
			}
		})
		t.Run("not an id", func(t *testing.T) {
			for _, bad := range []string{"", "x", "\x00", id.New() + "\x00"} {
				if _, err := w.p.Grant(w.in(w.acme), bad, who()); !problem.Is(err, problem.Gone) {
					t.Error(err)
				}
			}
		})
		t.Run("another user than the hint", func(t *testing.T) {
			resp, err := w.p.Grant(w.in(w.acme), stored("claims", `{"id_token":{"sub":{"value":"`+w.bob.ID+`"}}}`).ID, who())
			if err != nil || fieldOf(t, resp, "error") != "login_required" || fieldOf(t, resp, "code") != "" {
				t.Error(resp, err)
			}
		})
		t.Run("twenty at once give one code", func(t *testing.T) {
			req, a := stored(), who()
			var wg sync.WaitGroup
			var mu sync.Mutex
			codes := 0
			for range 20 {
				wg.Go(func() {
					resp, err := w.p.Grant(w.in(w.acme), req.ID, a)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && fieldOf(t, resp, "code") != "":
						codes++
					case !problem.Is(err, problem.Gone):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if codes != 1 {
				t.Errorf("%d codes", codes)
			}
		})
	})
}

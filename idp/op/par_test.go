package op

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/problem"
	"twofold/tenants"
)

// pushed are the parameters of a browser's request for a pushed one.
func pushed(app tenants.ClientApp, uri string, more ...string) url.Values {
	v := url.Values{"client_id": {app.ClientID}, "request_uri": {uri}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// push pushes a request that must be good, and returns its name.
func (w *world) push(app string, more ...string) string {
	w.Helper()
	a := w.post(pathPAR, app, asked(w.apps[app], more...))
	uri := a.str("request_uri")
	if a.status != http.StatusCreated || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || a.body["expires_in"] != 90.0 ||
		a.header.Get("Cache-Control") != "no-store" {
		w.Fatalf("push: %d %s", a.status, a.text)
	}
	return uri
}

// TestPushedRequest: RFC 9126: what was pushed counts, once, for who pushed it.
func TestPushedRequest(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, app := range []string{"web", "post", "spa", "jwt", "par"} {
			uri := w.push(app, "login_hint", "ada", "prompt", "login")
			// What the browser says beside it counts for nothing (§4, RFC 9101 §6.3).
			req, refused, err := w.authorize(pushed(w.apps[app], uri, "login_hint", "eve", "prompt", "none", "redirect_uri", "https://evil.example/cb", "state", "x"))
			if err != nil || refused != nil {
				t.Fatalf("%s: %+v, %v", app, refused, err)
			}
			if req.LoginHint != "ada" || !req.Wants("login") || req.Wants("none") || req.RedirectURI != w.apps[app].RedirectURIs[0] {
				t.Errorf("%s: %+v", app, req)
			}
			resp, err := w.p.Deny(w.in(w.acme), req.ID, "access_denied", "")
			if err != nil || fieldOf(t, resp, "state") != "st&=1" {
				t.Errorf("%s: %+v, %v", app, resp, err)
			}
			if _, _, err := w.authorize(pushed(w.apps[app], uri)); !problem.Is(err, problem.Gone) {
				t.Errorf("%s: a second time: %v", app, err)
			}
		}

		uri := w.push("web")
		for name, v := range map[string]url.Values{
			"another app":    pushed(w.apps["other"], uri),
			"a letter more":  pushed(w.apps["web"], uri+"A"),
			"a letter less":  pushed(w.apps["web"], uri[:len(uri)-1]),
			"no name at all": pushed(w.apps["web"], pushedPrefix),
		} {
			if _, refused, err := w.authorize(v); !problem.Is(err, problem.Gone) {
				t.Errorf("%s: %+v, %v", name, refused, err)
			}
		}
		if _, refused, err := w.authorizeIn(w.globex, pushed(w.apps["web"], uri)); !problem.Is(err, problem.Gone) {
			t.Errorf("another tenant: %+v, %v", refused, err)
		}
		if _, _, err := w.authorize(pushed(w.apps["web"], uri)); err != nil {
			t.Errorf("those who tried have used it up: %v", err)
		}

		uri = w.push("web")
		w.clock.Advance(90 * time.Second)
		if _, _, err := w.authorize(pushed(w.apps["web"], uri)); !problem.Is(err, problem.Gone) {
			t.Errorf("after its time: %v", err)
		}

		_, refused, err := w.authorize(asked(w.apps["par"]))
		if err != nil || refused == nil || refused.Error != "invalid_request" {
			t.Errorf("not pushed, by an app that must: %+v, %v", refused, err)
		}
		_, refused, err = w.authorize(asked(w.apps["web"], "request_uri", "https://app.example/request"))
		if err != nil || refused == nil || refused.Error != "request_uri_not_supported" {
			t.Errorf("an address to fetch: %+v, %v", refused, err)
		}
	})
}

// TestPushedRequestOnce: of fifty browsers at once one goes on.
func TestPushedRequestOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		uri := w.push("web")
		var wg sync.WaitGroup
		won := make(chan string, 50)
		for range 50 {
			wg.Go(func() {
				if req, _, err := w.authorize(pushed(w.apps["web"], uri)); err == nil {
					won <- req.ID
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Errorf("%d went on", len(won))
		}
	})
}

// TestPushedRequestRefused: what is wrong is said to the app, at once, and nothing is kept.
func TestPushedRequestRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		web := w.apps["web"]
		for name, c := range map[string]struct {
			form url.Values
			want string
		}{
			"a redirect URI of nobody": {asked(web, "redirect_uri", "https://evil.example/cb"), "invalid_request"},
			"no redirect URI":          {asked(web, "redirect_uri", ""), "invalid_request"},
			"a pushed one":             {asked(web, "request_uri", pushedPrefix+"x"), "invalid_request"},
			"a request object":         {asked(web, "request", "e30.e30."), "request_not_supported"},
			"no PKCE":                  {asked(web, "code_challenge", ""), "invalid_request"},
			"plain PKCE":               {asked(web, "code_challenge_method", "plain"), "invalid_request"},
			"another response type":    {asked(web, "response_type", "token"), "unsupported_response_type"},
			"no scope":                 {asked(web, "scope", "nonsense"), "invalid_scope"},
			"an API":                   {asked(web, "resource", "https://api.example"), "invalid_target"},
			"another client_id":        {asked(web, "client_id", "other"), "invalid_request"},
			"none with login":          {asked(web, "prompt", "none login"), "invalid_request"},
		} {
			if a := w.post(pathPAR, "web", c.form); a.status != http.StatusBadRequest || a.str("error") != c.want {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := w.post(pathPAR, "machine", asked(web, "client_id", "machine")); a.status != http.StatusBadRequest {
			t.Errorf("a machine: %d %s", a.status, a.text)
		}
		r := w.form(t.Context(), "acme", pathPAR, "web", asked(web))
		r.SetBasicAuth("web", "wrong")
		if a := w.send(r); a.status != http.StatusUnauthorized || a.str("error") != "invalid_client" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("a wrong secret: %d %s", a.status, a.text)
		}
		if a := w.get("/t/acme" + pathPAR); a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", a.status)
		}
		var n int64
		w.must(w.db.For(w.in(w.acme)).Model(&pushedRow{}).Count(&n).Error)
		if n != 0 {
			t.Errorf("%d kept", n)
		}
	})
}

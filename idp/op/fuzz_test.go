package op

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"twofold/internal/problem"
	"twofold/internal/testkit"
)

// Whatever the query is: no panic, no failure of ours, no answer to an address
// that is not registered, and iss in every answer.
func FuzzAuthorizeQuery(f *testing.F) {
	w := newWorld(f, testkit.SQLite(f))
	good := asked(w.apps["web"]).Encode()
	for _, q := range []string{
		good, good + "&prompt=none", good + "&claims=%7B%22id_token%22%3A%7B%22acr%22%3Anull%7D%7D", good + "&max_age=0", good + "&id_token_hint=a.b.c",
		asked(w.apps["native"], "redirect_uri", "http://127.0.0.1:1/cb").Encode(), good + "&response_mode=form_post&scope=", "client_id=web", "%", "",
	} {
		f.Add(q)
	}
	ctx := w.in(w.acme)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
		r.URL.RawQuery = query
		req, resp, err := w.p.Authorize(ctx, r)
		switch {
		case err != nil:
			if !problem.Is(err, problem.Invalid) {
				t.Fatal(err)
			}
		case resp != nil:
			v, _ := url.ParseQuery(query)
			target := resp.FormPost + resp.RedirectURL
			if !strings.HasPrefix(target, v.Get("redirect_uri")) || fieldOf(t, *resp, "iss") == "" || fieldOf(t, *resp, "error") == "" {
				t.Fatalf("%+v", resp)
			}
		default:
			if _, err := w.p.AuthRequest(ctx, req.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Whatever comes as a token or an assertion: no panic, and nothing is accepted.
func FuzzTokens(f *testing.F) {
	w := newWorld(f, testkit.SQLite(f))
	_, a := w.tokensOf("web")
	access := a.str("access_token")
	for _, s := range []string{access, a.str("id_token"), w.assertion("ec", nil), "", "..", "a.b.c", access + "x"} {
		f.Add(s)
	}
	ctx := w.in(w.acme)
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := w.p.parseAccess(ctx, s); err == nil && s != access {
			t.Fatalf("accepted %q: %+v", s, got)
		}
		_, _ = w.p.idTokenHint(ctx, s)
		_ = assertedClient(s)
		var c assertionClaims
		_, _ = w.p.verifyAssertion(ctx, w.apps["jwt"], s, &c)
	})
}

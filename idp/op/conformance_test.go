package op

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// What docs/conformance.md needs and no other test shows.

// A code that comes again long after, also when it would have expired, ends what it gave
// (RFC 6749 §4.1.2).
func TestCodeReplayLater(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, after := range []time.Duration{30 * time.Second, 5 * time.Minute} {
			g, a := w.tokensOf("web")
			w.clock.Advance(after)
			if again := w.post("/token", "web", g.codeForm()); again.status != http.StatusBadRequest || again.str("error") != "invalid_grant" {
				t.Errorf("%v later: %d %s", after, again.status, again.text)
			}
			if got := w.userinfo(a.str("access_token")); got.status != http.StatusUnauthorized {
				t.Errorf("%v later: the access token is still good: %d", after, got.status)
			}
		}
	})
}

// Verifiers are 43 to 128 unreserved characters and match by S256 alone (RFC 7636 §4.1,
// §4.6).
func TestVerifierForms(t *testing.T) {
	of := func(n int) string { return strings.Repeat("v", n) }
	for v, want := range map[string]bool{
		of(42): false, of(43): true, of(128): true, of(129): false, "": false,
		base64URL: true, of(40) + "-._~": true, of(42) + "+": false, of(42) + "/": false, of(42) + "=": false, of(42) + " ": false,
		of(42) + "\n": false, of(42) + "\x00": false, of(42) + "é": false, of(42) + "%": false,
	} {
		if verifierFits(challengeOf(v), v) != want {
			t.Errorf("%q: not %v", v, want)
		}
	}
	if v := of(43); verifierFits(v, v) {
		t.Error("a verifier passes as its own challenge: that is plain")
	}
	if verifierFits(challengeOf(of(43)), strings.ToUpper(of(43))) {
		t.Error("another case")
	}
}

// A hint of a token's type is a hint: a wrong or unknown one changes nothing (RFC 7009
// §2.1, RFC 7662 §2.1).
func TestTypeHints(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, hint := range []string{"", "access_token", "refresh_token", "id_token", "pct", "nonsense"} {
			_, a := w.tokensOf("web")
			for _, name := range []string{"access_token", "refresh_token"} { // the second ends what is left
				form := url.Values{"token": {a.str(name)}, "token_type_hint": {hint}}
				if got := w.post("/introspect", "web", form); got.status != http.StatusOK || got.body["active"] != true {
					t.Errorf("%s as %q: introspection: %d %s", name, hint, got.status, got.text)
				}
				if got := w.post("/revoke", "web", form); got.status != http.StatusOK {
					t.Errorf("%s as %q: revocation: %d %s", name, hint, got.status, got.text)
				}
				if got := w.post("/introspect", "web", form); got.body["active"] != false || len(got.body) != 1 {
					t.Errorf("%s as %q: after revocation: %s", name, hint, got.text)
				}
			}
		}
		for _, path := range []string{"/introspect", "/revoke"} {
			if got := w.get("/t/acme" + path); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "POST" {
				t.Errorf("GET %s: %d", path, got.status)
			}
		}
	})
}

// What is not offered or not known is ignored where the specification wants that, and
// the request is as it would be without (Core §3.1.2.1, §5.2, §15.1, RFC 6749 §3.1).
func TestParametersThatChangeNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ask := func(more ...string) AuthRequest {
			t.Helper()
			req, refused, err := w.authorize(asked(w.apps["web"], more...))
			if err != nil || refused != nil {
				t.Fatalf("%v: %+v, %v", more, refused, err)
			}
			req.ID = ""
			return req
		}
		plain := ask()
		for _, more := range [][]string{
			{"display", "page"},
			{"display", "popup"},
			{"display", "touch"},
			{"display", "wap"},
			{"display", "nonsense"},
			{"claims_locales", "se en"},
			{"claims_locales", "??"},
			{"extra", "foobar"},
			{"audience", "x"},
			{"prompt", "create"},
			{"scope", "openid profile email offline_access address"},
			{"scope", "openid profile email offline_access openid"},
			{"response_mode", "query"},
			{"response_mode", ""},
			{"ui_locales", ""},
			{"max_age", ""},
			{"claims", "{}"},
			{"claims", `{"userinfo":{"https://claims.example/x":{"essential":true}},"verified_claims":{}}`},
		} {
			if d := cmp.Diff(plain, ask(more...)); d != "" {
				t.Errorf("%v: %s", more, d)
			}
		}
		other := ask("scope", "email offline_access openid profile")
		if slices.Sort(other.Scopes); !slices.Equal(other.Scopes, []string{"email", "offline_access", "openid", "profile"}) {
			t.Errorf("in another order: %v", other.Scopes)
		}
		if got := ask("acr_values", "urn:example:none silver"); got.EssentialACR || len(got.ACRValues) != 2 {
			t.Errorf("levels of nobody here: %+v", got)
		}
	})
}

// The nonce is the app's, as it was sent; without one there is none. State likewise.
func TestNonceAndState(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, text := range []string{"a+b/c=&d é%20\"<>", strings.Repeat("n", 2048), ""} {
			g := w.signIn("web", "nonce", text, "state", text)
			if got := fieldOf(t, g.resp, "state"); got != text || strings.Contains(g.resp.RedirectURL, "state=") != (text != "") {
				t.Errorf("state %q is %q", text, got)
			}
			got, ok := claimsOf(t, w.post("/token", "web", g.codeForm()).str("id_token"))["nonce"]
			if ok != (text != "") || ok && got != text {
				t.Errorf("nonce %q is %v", text, got)
			}
		}
	})
}

// All standard scopes at once; an ID token says by which published key it is signed.
func TestAllScopes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, a := w.tokensOf("web", "scope", "openid profile email address phone offline_access")
		if got := a.str("scope"); got != "openid profile email phone offline_access" {
			t.Errorf("granted %q", got)
		}
		want := w.profile()
		want["sub"], want["phone_number"], want["phone_number_verified"] = w.ada.ID, "+41791234567", false
		if d := cmp.Diff(want, w.userinfo(a.str("access_token")).body); d != "" {
			t.Error(d)
		}
		var set jose.JSONWebKeySet
		w.must(json.Unmarshal([]byte(w.get("/t/acme/keys").text), &set))
		var head struct{ Alg, Kid string }
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(a.str("id_token"), ".")[0])
		w.must(err)
		w.must(json.Unmarshal(text, &head))
		var all map[string]any
		w.must(json.Unmarshal(text, &all))
		if d := cmp.Diff([]string{"alg", "kid", "typ"}, slices.Sorted(maps.Keys(all))); d != "" {
			t.Error("header:", d)
		}
		if keys := set.Key(head.Kid); head.Alg != "RS256" || len(keys) != 1 || keys[0].Algorithm != "RS256" {
			t.Errorf("signed by %+v of %+v", head, set.Keys)
		}
	})
}

// A pushed request may be proven by an assertion for the endpoint itself (RFC 9126 §2);
// one that is too large is called so (§2.3).
func TestPushedRequestAtTheEdge(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		form := asked(w.apps["jwt"])
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", w.assertion("ec", set("aud", publicURL+"/t/acme/par")))
		if got := w.send(formRequest(http.MethodPost, "/t/acme/par", form)); got.status != http.StatusCreated {
			t.Errorf("for the endpoint: %d %s", got.status, got.text)
		}
		form = asked(w.apps["web"], "x", strings.Repeat("x", 70_000))
		if got := w.post("/par", "web", form); got.status != http.StatusRequestEntityTooLarge || got.str("error") != "invalid_request" {
			t.Errorf("too large: %d %s", got.status, got.text)
		}
		form = asked(w.apps["web"])
		form.Add("state", "two")
		if got := w.post("/par", "web", form); got.status != http.StatusBadRequest || got.str("error") != "invalid_request" {
			t.Errorf("state twice: %d %s", got.status, got.text)
		}
	})
}

// An essential acr is met as it was asked for, whatever else the request says and however
// strong the sign-in was, or there is no code (Core §5.5.1.1).
func TestEssentialACR(t *testing.T) {
	const fa1, fa2, aal2, phr = "urn:twofold:acr:1fa", "urn:twofold:acr:2fa", "urn:twofold:acr:aal2", "phr"
	eachWorld(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct{ claims, values, reached, want string }{
			"just so":                {`{"essential":true,"value":"` + aal2 + `"}`, "", aal2, aal2},
			"more than was asked":    {`{"essential":true,"value":"` + aal2 + `"}`, "", phr, aal2},
			"one of two":             {`{"essential":true,"values":["` + phr + `","` + fa2 + `","urn:example:gold"]}`, "", aal2, fa2},
			"the better of two":      {`{"essential":true,"values":["` + fa1 + `","` + fa2 + `"]}`, "", phr, fa2},
			"less":                   {`{"essential":true,"value":"` + aal2 + `"}`, "", fa2, ""},
			"less, as others demand": {`{"essential":true,"value":"` + aal2 + `"}`, fa1, fa1, ""},
			"voluntary":              {`{"value":"` + aal2 + `"}`, "", fa2, fa2},
			"essential, of any kind": {`{"essential":true}`, "", fa2, fa2},
		} {
			req, refused, err := w.authorize(asked(w.apps["web"], "claims", `{"id_token":{"acr":`+c.claims+`}}`, "acr_values", c.values))
			if err != nil || refused != nil {
				t.Fatalf("%s: %+v, %v", name, refused, err)
			}
			s := w.newSession(w.ada)
			resp, err := w.p.Grant(w.in(w.acme), req.ID, Authentication{UserID: w.ada.ID, SessionID: s.ID, ACR: c.reached, AuthTime: s.AuthTime})
			w.must(err)
			if c.want == "" {
				if resp.Error != "unmet_authentication_requirements" || fieldOf(t, resp, "code") != "" {
					t.Errorf("%s: %+v", name, resp)
				}
				continue
			}
			g := granted{app: w.apps["web"], code: fieldOf(t, resp, "code"), values: asked(w.apps["web"])}
			if got := claimsOf(t, w.post("/token", "web", g.codeForm()).str("id_token"))["acr"]; got != c.want {
				t.Errorf("%s: acr %v, want %s", name, got, c.want)
			}
		}
		if got := w.post("/par", "web", asked(w.apps["web"], "claims", `{"id_token":{"acr":{"essential":true,"value":"x"}}}`)); got.str("error") != "unmet_authentication_requirements" {
			t.Errorf("pushed: %d %s", got.status, got.text)
		}
	})
}

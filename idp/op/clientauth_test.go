package op

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/testkit"
)

func TestClientAuthenticationRefuses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		cc := func(more ...string) url.Values {
			v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"rt_x"}}
			for i := 0; i < len(more); i += 2 {
				v.Set(more[i], more[i+1])
			}
			return v
		}
		basic := func(user, pass string, v url.Values) *http.Request {
			r := formRequest(http.MethodPost, "/t/acme/token", v)
			r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(pass))
			return r
		}
		raw := func(header string, v url.Values) *http.Request {
			r := formRequest(http.MethodPost, "/t/acme/token", v)
			r.Header.Set("Authorization", header)
			return r
		}
		asserted := func(a string, more ...string) *http.Request {
			return formRequest(http.MethodPost, "/t/acme/token", cc(append([]string{"client_assertion_type", assertionType, "client_assertion", a}, more...)...))
		}
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		w.must(err)
		body := func(more ...string) *http.Request { return formRequest(http.MethodPost, "/t/acme/token", cc(more...)) }
		for _, c := range []struct {
			name   string
			status int
			want   string
			r      *http.Request
		}{
			{"nobody", 401, "invalid_client", body()},
			{"unknown client", 401, "invalid_client", basic("nobody", "x", cc())},
			{"unknown public client", 401, "invalid_client", body("client_id", "nobody")},
			{"wrong secret", 401, "invalid_client", basic("web", "x", cc())},
			{"secret cut", 401, "invalid_client", basic("web", w.secret["web"][:46], cc())},
			{"secret of another app", 401, "invalid_client", basic("web", w.secret["other"], cc())},
			{"empty secret", 401, "invalid_client", basic("web", "", cc())},
			{"confidential app without a secret", 401, "invalid_client", body("client_id", "web")},
			{"basic app posts its secret", 401, "invalid_client", body("client_id", "web", "client_secret", w.secret["web"])},
			{"post app sends it in the header", 401, "invalid_client", basic("post", w.secret["post"], cc())},
			{"public app with a secret", 401, "invalid_client", body("client_id", "spa", "client_secret", "x")},
			{"key app with a secret", 401, "invalid_client", basic("jwt", "x", cc())},
			{"header and body", 400, "invalid_request", basic("web", w.secret["web"], cc("client_id", "web", "client_secret", w.secret["web"]))},
			{"header and secret alone", 400, "invalid_request", basic("web", w.secret["web"], cc("client_secret", "x"))},
			{"header and assertion", 400, "invalid_request", basic("jwt", "x", cc("client_assertion_type", assertionType, "client_assertion", w.assertion("ec", nil)))},
			{"secret and assertion", 400, "invalid_request", asserted(w.assertion("ec", nil), "client_id", "jwt", "client_secret", "x")},
			{"header and another client_id", 400, "invalid_request", basic("web", w.secret["web"], cc("client_id", "other"))},
			{"assertion and another client_id", 400, "invalid_request", asserted(w.assertion("ec", nil), "client_id", "web")},
			{"basic not base64", 401, "invalid_client", raw("Basic !!!", cc())},
			{"basic bad escape", 401, "invalid_client", basicRaw(w, "%zz:x", cc())},
			{"basic with NUL", 401, "invalid_client", basicRaw(w, "web%00:x", cc())},
			{"bearer instead of basic", 401, "invalid_client", raw("Bearer x", cc("client_id", "spa"))},
			{"assertion garbage", 401, "invalid_client", asserted("garbage", "client_id", "jwt")},
			{"assertion type unknown", 400, "invalid_request", body("client_assertion_type", "x", "client_assertion", w.assertion("ec", nil))},
			{"assertion of another server", 401, "invalid_client", asserted(w.assertion("ec", set("aud", "https://other.example")))},
			{"assertion also for another server", 401, "invalid_client", asserted(w.assertion("ec", set("aud", []string{publicURL + "/t/acme", "https://other.example"})))},
			{"assertion for the other tenant", 401, "invalid_client", asserted(w.assertion("ec", set("aud", publicURL+"/t/globex")))},
			{"assertion without audience", 401, "invalid_client", asserted(w.assertion("ec", set("aud", nil)))},
			{"assertion without jti", 401, "invalid_client", asserted(w.assertion("ec", set("jti", nil)))},
			{"assertion with a long jti", 401, "invalid_client", asserted(w.assertion("ec", set("jti", strings.Repeat("x", 513))))},
			{"assertion without exp", 401, "invalid_client", asserted(w.assertion("ec", set("exp", nil)))},
			{"assertion expired", 401, "invalid_client", asserted(w.assertion("ec", set("exp", w.clock.Now().Unix()-11)))},
			{"assertion for two hours", 401, "invalid_client", asserted(w.assertion("ec", set("exp", w.clock.Now().Unix()+7200)))},
			{"assertion for ever", 401, "invalid_client", asserted(w.assertion("ec", set("exp", 1e300)))},
			{"assertion from the future", 401, "invalid_client", asserted(w.assertion("ec", set("iat", w.clock.Now().Unix()+60)))},
			{"assertion not valid yet", 401, "invalid_client", asserted(w.assertion("ec", set("nbf", w.clock.Now().Unix()+60)))},
			{"assertion about another subject", 401, "invalid_client", asserted(w.assertion("ec", set("sub", "web")))},
			{"assertion by another app", 401, "invalid_client", asserted(w.assertion("ec", set("iss", "web")))},
			{"assertion by a foreign key", 401, "invalid_client", asserted(w.signed(jose.SigningKey{Algorithm: jose.ES256, Key: other},
				(&jose.SignerOptions{}).WithHeader("kid", "ec"), claimsOf(t, w.assertion("ec", nil))))},
			{"assertion with its own key inside", 401, "invalid_client", asserted(w.signed(jose.SigningKey{Algorithm: jose.ES256, Key: other},
				&jose.SignerOptions{EmbedJWK: true}, claimsOf(t, w.assertion("ec", nil))))},
			{"assertion with an unknown kid", 401, "invalid_client", asserted(w.signed(jose.SigningKey{Algorithm: jose.ES256, Key: w.keys.ec},
				(&jose.SignerOptions{}).WithHeader("kid", "nope"), claimsOf(t, w.assertion("ec", nil))))},
			{"assertion typed as an access token", 401, "invalid_client", asserted(w.signed(jose.SigningKey{Algorithm: jose.ES256, Key: w.keys.ec},
				(&jose.SignerOptions{}).WithType("at+jwt"), claimsOf(t, w.assertion("ec", nil))))},
			{"assertion HS256 with the public key", 401, "invalid_client", asserted(w.signed(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(w.apps["jwt"].JWKS)},
				nil, claimsOf(t, w.assertion("ec", nil))))},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := w.send(c.r)
				if a.status != c.status || a.str("error") != c.want {
					t.Errorf("%d %s", a.status, a.text)
				}
				if a.status == 401 && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Basic realm="`+publicURL) {
					t.Error("no challenge:", a.header)
				}
				checkTokenHeaders(t, a)
			})
		}
		if got := w.events(); !slices.Contains(got, "client.auth_failed") || len(got) > 4 {
			t.Error("audit should name each app once a minute:", got)
		}
		w.clock.Advance(time.Minute)
		before := len(w.events())
		w.send(basic("web", "x", cc()))
		w.send(basic("web", "x", cc()))
		if got := len(w.events()); got != before+1 {
			t.Errorf("audit a minute later: %d new events", got-before)
		}
	})
}

func set(name string, value any) func(map[string]any) {
	return func(c map[string]any) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}
}

// basicRaw sends user:password as they are, without the form encoding.
func basicRaw(w *world, userPass string, v url.Values) *http.Request {
	w.Helper()
	r := formRequest(http.MethodPost, "/t/acme/token", v)
	user, pass, _ := strings.Cut(userPass, ":")
	r.SetBasicAuth(user, pass)
	return r
}

func TestPrivateKeyJWT(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		send := func(a string) answer {
			return w.send(formRequest(http.MethodPost, "/t/acme/token", url.Values{
				"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {a},
			}))
		}
		for name, a := range map[string]string{
			"RS256": w.assertion("rsa", nil), "PS256": w.assertion("ps", nil), "ES256": w.assertion("ec", nil), "EdDSA": w.assertion("ed", nil),
			"aud is the token endpoint": w.assertion("ec", set("aud", publicURL+"/t/acme/token")),
			"aud is both":               w.assertion("ec", set("aud", []string{publicURL + "/t/acme", publicURL + "/t/acme/token"})),
			"no iat":                    w.assertion("ec", set("iat", nil)),
			"exp with a fraction":       w.assertion("ec", set("exp", float64(w.clock.Now().Unix())+59.5)),
			"no kid": w.signed(jose.SigningKey{Algorithm: jose.EdDSA, Key: w.keys.ed},
				nil, claimsOf(t, w.assertion("ec", nil))),
		} {
			t.Run(name, func(t *testing.T) {
				if got := send(a); got.status != 200 {
					t.Error(got.status, got.text)
				}
			})
		}
		t.Run("replayed", func(t *testing.T) { // SECURITY §3 row 45
			a := w.assertion("ec", nil)
			if got := send(a); got.status != 200 {
				t.Fatal(got.status, got.text)
			}
			if got := send(a); got.status != 401 {
				t.Error(got.status, got.text)
			}
		})
		t.Run("twenty at once", func(t *testing.T) {
			a := w.assertion("ec", nil)
			if got := w.parallel(20, func() answer { return send(a) }); count(got, 200) != 1 || count(got, 401) != 19 {
				t.Errorf("%d accepted", count(got, 200))
			}
		})
	})
}

// TestKeysAtAnAddress: an app may publish its keys. A new one is found there, and what is
// signed by one that has gone from there counts no more after an hour.
func TestKeysAtAnAddress(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var calls atomic.Int32
		var published atomic.Value
		status := http.StatusOK
		keys := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, published.Load().(string))
		}))
		defer keys.Close()
		app := w.apps["jwt"]
		app.JWKS, app.JWKSURI = "", keys.URL+"/jwks"
		w.put(w.store.PutClientApp(w.in(w.acme), &app))
		only := func(kid string, key crypto.Signer) string {
			text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Use: "sig"}}})
			w.must(err)
			return string(text)
		}
		send := func(a string) answer {
			return w.send(formRequest(http.MethodPost, "/t/acme/token", url.Values{
				"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {a},
			}))
		}
		step := func(what, kid string, wantStatus int, wantCalls int32) {
			t.Helper()
			calls.Store(0)
			if got := send(w.assertion(kid, nil)); got.status != wantStatus || calls.Load() != wantCalls {
				t.Errorf("%s: status %d, %d calls: %s", what, got.status, calls.Load(), got.text)
			}
		}
		published.Store(only("ec", w.keys.ec))
		step("first", "ec", 200, 1)
		step("remembered", "ec", 200, 0)
		step("unknown within the minute", "ed", 401, 0)
		published.Store(only("ed", w.keys.ed))
		w.clock.Advance(time.Minute)
		step("a new key", "ed", 200, 1)
		step("the old one has gone", "ec", 401, 0)
		w.clock.Advance(time.Hour)
		status = http.StatusBadGateway
		step("not to be had", "ed", 503, 1)
		step("and nobody asks at once again", "ed", 503, 0)
		status = http.StatusOK
		w.clock.Advance(10 * time.Second)
		step("there again", "ed", 200, 1)
	})
}

func TestFailureNotesAreBounded(t *testing.T) {
	var f failureNotes
	now := time.Now()
	for i := range failuresKept + 10 {
		f.due(strings.Repeat("x", 1+i%7)+string(rune(i)), now)
	}
	if len(f.last) > failuresKept {
		t.Error(len(f.last))
	}
}

// The library's process-wide variable stays as it is: another provider in the same
// process would inherit our paths (zitadel/oidc#927).
func TestLibraryGlobalsAreUntouched(t *testing.T) {
	before := defaultEndpoints()
	newWorld(t, testkit.SQLite(t))
	if !slices.Equal(before, defaultEndpoints()) {
		t.Error(before, defaultEndpoints())
	}
}

package op

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/testkit"
)

// R16, SECURITY §3 row 70: the forgery set, at userinfo, introspection and as a hint.
func TestTokenForgeries(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	_, a := w.tokensOf("web")
	access, claims := a.str("access_token"), claimsOf(t, a.str("access_token"))
	set, err := w.p.keySet(w.in(w.acme))
	w.must(err)
	foreign, err := w.p.keySet(w.in(w.globex))
	w.must(err)
	own := set.active[jose.ES256]
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	change := func(name string, v any) map[string]any {
		c := maps.Clone(claims)
		c[name] = v
		if v == nil {
			delete(c, name)
		}
		return c
	}
	ours := func(c map[string]any) string { s, err := set.sign(jose.ES256, typAccess, c); w.must(err); return s }
	header := func(alg jose.SignatureAlgorithm, k any, o *jose.SignerOptions) string {
		return w.signed(jose.SigningKey{Algorithm: alg, Key: k}, o, claims)
	}
	opts := func(kid any) *jose.SignerOptions {
		return (&jose.SignerOptions{}).WithType(typAccess).WithHeader("kid", kid)
	}
	part := strings.Split(access, ".")
	enc := base64.RawURLEncoding.EncodeToString
	public, err := json.Marshal(own.public)
	w.must(err)
	rsKey := set.active[jose.RS256]
	foreignSigned, err := foreign.sign(jose.ES256, typAccess, claims)
	w.must(err)
	asID, err := set.sign(jose.ES256, typID, claims)
	w.must(err)
	rsAccess, err := set.sign(jose.RS256, typAccess, claims)
	w.must(err)
	forged := map[string]string{
		"alg none":                   enc([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + ".",
		"alg none with signature":    enc([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"alg NoNe":                   enc([]byte(`{"alg":"NoNe","typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"no alg":                     enc([]byte(`{"typ":"at+jwt","kid":"`+own.id+`"}`)) + "." + part[1] + "." + part[2],
		"HS256 with the public JWK":  header(jose.HS256, public, opts(own.id)),
		"HS256 with an empty key":    header(jose.HS256, make([]byte, 32), opts(own.id)),
		"stranger's key, our kid":    header(jose.ES256, stranger, opts(own.id)),
		"stranger's key, no kid":     header(jose.ES256, stranger, (&jose.SignerOptions{}).WithType(typAccess)),
		"stranger's key inside":      header(jose.ES256, stranger, (&jose.SignerOptions{EmbedJWK: true}).WithType(typAccess)),
		"stranger's key by jku":      header(jose.ES256, stranger, opts(own.id).WithHeader("jku", "https://evil.example/keys")),
		"stranger's key by x5u":      header(jose.ES256, stranger, opts(own.id).WithHeader("x5u", "https://evil.example/cert")),
		"kid a path":                 header(jose.ES256, stranger, opts("../../../../dev/null")),
		"kid SQL":                    header(jose.ES256, stranger, opts("' OR 1=1 --")),
		"kid of the RSA key":         header(jose.ES256, stranger, opts(rsKey.id)),
		"RSA by another":             header(jose.RS256, pair()[1], opts(rsKey.id)),
		"the other tenant's key":     foreignSigned,
		"typ JWT":                    asID,
		"ID token":                   a.str("id_token"),
		"crit":                       header(jose.ES256, stranger, opts(own.id).WithHeader("crit", []string{"x"})),
		"issuer of the other tenant": ours(change("iss", publicURL+"/t/globex")),
		"issuer missing":             ours(change("iss", nil)),
		"audience missing":           ours(change("aud", nil)),
		"audience another":           ours(change("aud", "https://other.example")),
		"expired":                    ours(change("exp", w.clock.Now().Unix())),
		"no expiry":                  ours(change("exp", nil)),
		"no jti":                     ours(change("jti", nil)),
		"no subject":                 ours(change("sub", nil)),
		"subject another user":       ours(change("sub", w.bob.ID)),
		"client another":             ours(change("client_id", "other")),
		"client unknown":             ours(change("client_id", "nobody")),
		"grant unknown":              ours(change("gid", "0190b6a0-5b0a-7c3e-8f00-000000000001")),
		"no grant":                   ours(change("gid", nil)),
		"cut":                        access[:len(access)-1],
		"extended":                   access + "A",
		"last bits changed":          lastBits(access),
		"line break":                 access[:20] + "\n" + access[20:],
		"line break at the end":      access + "\n",
		"padded":                     access + "==",
		"two parts":                  part[0] + "." + part[1],
		"four parts":                 access + ".",
		"five parts":                 access + ".." + part[2],
		"many dots":                  strings.Repeat(".", 8000),
		"payload swapped":            part[0] + "." + enc([]byte(`{"iss":"`+publicURL+`/t/acme","sub":"x"}`)) + "." + part[2],
		"JSON serialisation":         `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"no signature":               part[0] + "." + part[1] + ".",
		"zero signature":             part[0] + "." + part[1] + "." + enc(make([]byte, 64)),
		"huge":                       access + strings.Repeat("A", 10_000),
		"deep JSON":                  ours(map[string]any{"iss": json.RawMessage(strings.Repeat("[", 500) + strings.Repeat("]", 500))}),
		"empty":                      "",
	}
	if len(forged) < 40 {
		t.Fatal("the set has shrunk to", len(forged))
	}
	noGrant := change("gid", nil)
	noGrant["client_id"] = "jwt"
	forged["no grant, by an app that may have such"] = ours(noGrant)
	idToken := claimsOf(t, a.str("id_token"))
	idToken["iss"] = publicURL + "/t/globex"
	forged["ID token with the issuer of the other tenant"], err = set.sign(jose.RS256, typID, idToken)
	w.must(err)
	delete(forged, "empty") // no token at all; the endpoints say so in their own tests
	for name, token := range forged {
		t.Run(name, func(t *testing.T) {
			if got := w.userinfo(token); got.status != 401 {
				t.Error("userinfo:", got.status, got.text)
			}
			if got := w.post("/introspect", "rs", url.Values{"token": {token}}); got.body["active"] == true || got.status >= 500 {
				t.Error("introspection:", got.status, got.text)
			}
			if _, err := w.p.idTokenHint(w.in(w.acme), token); name != "ID token" && name != "typ JWT" && err == nil {
				t.Error("accepted as a hint")
			}
			if got := w.post("/revoke", "post", url.Values{"token": {token}}); got.status >= 500 {
				t.Error("revocation:", got.status, got.text)
			}
		})
	}
	if got := w.userinfo(access); got.status != 200 {
		t.Error("the true one:", got.status, got.text)
	}
	// We never sign access tokens by RS256, but one of ours would be ours.
	if got := w.userinfo(rsAccess); got.status != 200 {
		t.Error(got.status)
	}
}

// lastBits changes the bits of the last character that carry nothing.
func lastBits(token string) string {
	last := strings.IndexByte(base64URLOrdered, token[len(token)-1])
	return token[:len(token)-1] + string(base64URLOrdered[last^1])
}

const base64URLOrdered = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

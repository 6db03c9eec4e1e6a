package op

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

// Benchmarks go through the router and a SQLite file. rt/op is the number of
// round trips to the database; the raw signatures show what cannot be saved.

// run sends what next makes, outside the clock, and reports the round trips.
func (w *world) run(b *testing.B, next func() *http.Request) {
	b.Helper()
	ctx, n := db.WithCounter(b.Context())
	var trips int64
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r := next()
		r = r.WithContext(ctx)
		before := n.Count()
		b.StartTimer()
		if a := w.send(r); a.status != http.StatusOK {
			b.Fatal(a.status, a.text)
		}
		trips += n.Count() - before
	}
	b.ReportMetric(float64(trips)/float64(b.N), "rt/op")
}

func (w *world) exchange(b *testing.B, app string) {
	b.Helper()
	w.tokensOf(app)
	w.run(b, func() *http.Request { return w.form(b.Context(), "acme", "/token", app, w.signIn(app).codeForm()) })
}

func BenchmarkCodeExchangeRS256(b *testing.B) { newWorld(b, testkit.SQLite(b)).exchange(b, "web") }
func BenchmarkCodeExchangeES256(b *testing.B) { newWorld(b, testkit.SQLite(b)).exchange(b, "es") }

func BenchmarkRawSignRS2048(b *testing.B) {
	sum, k := sha256.Sum256([]byte("x")), pair()[0]
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRawSignES256(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	sum := sha256.Sum256([]byte("x"))
	for b.Loop() {
		if _, err := ecdsa.SignASN1(rand.Reader, w.keys.ec, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignAccessToken(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	ctx := w.in(w.acme)
	set, err := w.p.keySet(ctx)
	w.must(err)
	c := w.p.accessClaims(ctx, issued{app: w.apps["machine"]})
	for b.Loop() {
		if _, err := set.sign(jose.ES256, typAccess, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	_, a := w.tokensOf("es")
	grant, _ := claimsOf(b, a.str("access_token"))["gid"].(string)
	generation := int64(-1)
	w.run(b, func() *http.Request {
		generation++
		return w.form(b.Context(), "acme", "/token", "es", refreshForm(w.p.refreshToken(w.acme.Tenant.ID, grant, generation)))
	})
}

func BenchmarkUserinfo(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	_, a := w.tokensOf("web")
	w.run(b, func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/t/acme/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+a.str("access_token"))
		return r
	})
}

func BenchmarkIntrospection(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	_, a := w.tokensOf("web")
	w.run(b, func() *http.Request {
		return w.form(b.Context(), "acme", "/introspect", "web", url.Values{"token": {a.str("access_token")}})
	})
}

func BenchmarkClientCredentials(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	v := url.Values{"grant_type": {"client_credentials"}}
	w.post("/token", "machine", v)
	w.run(b, func() *http.Request { return w.form(b.Context(), "acme", "/token", "machine", v) })
}

func BenchmarkDiscovery(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	w.get("/t/acme" + pathDiscovery)
	w.run(b, func() *http.Request { return httptest.NewRequest(http.MethodGet, "/t/acme"+pathDiscovery, nil) })
}

func BenchmarkKeys(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	w.get("/t/acme/keys")
	w.run(b, func() *http.Request { return httptest.NewRequest(http.MethodGet, "/t/acme/keys", nil) })
}

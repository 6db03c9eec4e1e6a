package op

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

func TestCodeReplayRevokesTheGrant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g, a := w.tokensOf("web")
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Fatal(got.status, got.text)
		}
		if again := w.post("/token", "other", g.codeForm()); again.status != 400 {
			t.Fatal(again.status)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 200 {
			t.Fatal("another app's replay ended the grant:", got.text)
		}
		if again := w.post("/token", "web", g.codeForm()); again.status != 400 || again.str("error") != "invalid_grant" {
			t.Fatal(again.status, again.text)
		}
		if got := w.userinfo(a.str("access_token")); got.status != 401 {
			t.Error("access token still good")
		}
		if got := w.post("/token", "web", refreshForm(a.str("refresh_token"))); got.status != 400 {
			t.Error("refresh token still good")
		}
		w.post("/token", "web", g.codeForm())
		if d := cmp.Diff([]string{"code.replayed"}, w.events()); d != "" {
			t.Error(d)
		}
	})
}

// A replay that comes between consuming the code and reading its grant: the first
// caller gets its answer, the tokens in it are dead.
func TestReplayOvertakesTheExchange(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for name, between := range map[string]func(granted){
			"a replay":                     func(g granted) { w.post("/token", "web", g.codeForm()) },
			"a replay and a disabled user": func(g granted) { w.post("/token", "web", g.codeForm()); w.setActive(false) },
			"a sign-out":                   func(g granted) { w.must(w.p.RevokeSession(w.in(w.acme), g.session.ID, "sign_out")) },
		} {
			t.Run(name, func(t *testing.T) {
				g, ctx := w.signIn("web"), w.in(w.acme)
				code, err := w.p.consumeCode(ctx, g.app, g.code)
				w.must(err)
				between(g)
				resp, err := (&server{p: w.p}).redeem(ctx, g.app, code, &oidc.AccessTokenRequest{RedirectURI: appCallback, CodeVerifier: verifier}, nil)
				w.setActive(true)
				if (err == nil) != (name == "a replay") {
					t.Fatal(err)
				}
				if err != nil {
					return
				}
				if got := w.userinfo(resp.Data.(*oidc.AccessTokenResponse).AccessToken); got.status != 401 {
					t.Error("the tokens live:", got.status)
				}
			})
		}
	})
}

// R2, SECURITY §3 row 41: of fifty exchanges of one code at once one succeeds.
func TestParallelExchangesOfOneCode(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		g := w.signIn("web")
		results := w.parallel(50, func() answer { return w.post("/token", "web", g.codeForm()) })
		if n := count(results, 200); n != 1 || count(results, 400) != 49 {
			t.Fatalf("%d successes, %d refusals of 50", n, count(results, 400))
		}
	})
}

func (w *world) parallel(n int, f func() answer) []answer {
	w.Helper()
	out := make([]answer, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			out[i] = f()
		})
	}
	close(start)
	wg.Wait()
	return out
}

func count(list []answer, status int) (n int) {
	for _, a := range list {
		if a.status == status {
			n++
		}
	}
	return n
}

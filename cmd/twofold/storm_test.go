package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"twofold/internal/testkit"
)

// stormRounds is how often many refresh at once: 200 times with TWOFOLD_SCALE.
func stormRounds() int {
	if os.Getenv("TWOFOLD_SCALE") != "" {
		return 200
	}
	return 12
}

func refreshing(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// TestRefreshStorm: of fifty refreshes at once over two replicas one gets a successor, and
// what looks like a theft ends the family: on both, and after they were started anew
// (SECURITY §3 rows 37 and 38).
func TestRefreshStorm(t *testing.T) {
	t.Parallel()
	w, b, ps := replicas(t, 2)
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "anna").Follow()
	p.callback(page.Forms[0].Set("code", w.code("anna@example.test")).Submit())

	var dead []string
	rounds := stormRounds()
	for round := range rounds {
		own := w.rp("acme", "expenses")
		first := own.exchange(own.callback(c.Get(own.authorizeURL())).Get("code"))
		if first.Refresh == "" {
			t.Fatalf("round %d: %+v", round, first)
		}
		var wg sync.WaitGroup
		answers := make(chan tokens, 50)
		for range cap(answers) {
			wg.Go(func() { answers <- p.token(refreshing(first.Refresh)) })
		}
		wg.Wait()
		close(answers)
		var won []tokens
		for a := range answers {
			switch {
			case a.Status == http.StatusOK:
				won = append(won, a)
			case a.Error != "invalid_grant":
				t.Errorf("round %d: %+v", round, a)
			}
		}
		if len(won) != 1 {
			t.Fatalf("round %d: %d successors", round, len(won))
		}
		if again := p.token(refreshing(won[0].Refresh)); again.Error != "invalid_grant" {
			t.Errorf("round %d: the family lives on: %+v", round, again)
		}
		dead = append(dead, first.Refresh, won[0].Refresh)
	}
	for _, one := range ps {
		if b.served[one.addr] < rounds*20 {
			t.Errorf("replica %s served %d requests", one.addr, b.served[one.addr])
		}
	}

	live := w.rp("acme", "expenses")
	alive := live.exchange(live.callback(c.Get(live.authorizeURL())).Get("code"))
	b.mu.Lock()
	b.backends = nil
	b.mu.Unlock()
	for _, one := range ps {
		one.kill()
		again := start(t, w.databaseURL, one.keyFile, b.URL)
		b.mu.Lock()
		b.backends = append(b.backends, again.addr)
		b.mu.Unlock()
	}
	for _, token := range dead {
		if a := p.token(refreshing(token)); a.Error != "invalid_grant" {
			t.Errorf("after a restart: %+v", a)
		}
	}
	if a := p.token(refreshing(alive.Refresh)); a.Status != http.StatusOK {
		t.Errorf("one that nobody stole: %+v", a)
	}
}

// TestSwitchedOffOnEveryReplica: a user, an app or a tenant that is switched off has no
// tokens at once, on replicas that had just used them (SECURITY §3 row 39).
func TestSwitchedOffOnEveryReplica(t *testing.T) {
	t.Parallel() // it waits for processes more than it works
	w, _, _ := replicas(t, 2)
	p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
	page := p.signIn(c, "anna").Follow()
	p.callback(page.Forms[0].Set("code", w.code("anna@example.test")).Submit())
	get := func(path, token string, form url.Values) *testkit.Page {
		t.Helper()
		method, body := http.MethodGet, ""
		if form != nil {
			method, body = http.MethodPost, form.Encode()
		}
		req, err := http.NewRequestWithContext(t.Context(), method, p.base()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if req.SetBasicAuth("expenses", secret); token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return testkit.NewClient(t).Do(req)
	}
	for name, set := range map[string]func(active bool){
		"user":       func(active bool) { w.setActive("users", w.ids["user anna"], active) },
		"client app": func(active bool) { w.setActive("client_apps", w.ids["client_app expenses"], active) },
		"tenant":     func(active bool) { w.setActive("tenants", w.ids["tenant acme"], active) },
	} {
		own := w.rp("acme", "expenses")
		tok := own.exchange(own.callback(c.Get(own.authorizeURL())).Get("code"))
		for range 2 { // both have used it: what they remember is warm
			if u := get("/userinfo", tok.AccessToken, nil); u.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", name, u.Status, u.Body)
			}
		}
		set(false)
		for range 2 {
			if u := get("/userinfo", tok.AccessToken, nil); u.Status < 400 {
				t.Errorf("%s: userinfo: %d", name, u.Status)
			}
			if a := get("/token", "", refreshing(tok.Refresh)); a.Status < 400 {
				t.Errorf("%s: refresh: %d %s", name, a.Status, a.Body)
			}
			if i := get("/introspect", "", url.Values{"token": {tok.AccessToken}}); strings.Contains(i.Body, `"active":true`) {
				t.Errorf("%s: introspection: %s", name, i.Body)
			}
		}
		set(true)
	}
}

// setActive switches something on or off as another process does.
func (w *world) setActive(table, id string, active bool) {
	w.t.Helper()
	if _, err := w.db.SQL().ExecContext(context.Background(), "UPDATE "+table+" SET active = $1 WHERE id = $2", active, id); err != nil {
		w.t.Fatal(err)
	}
}

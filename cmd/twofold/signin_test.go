package main

import (
	"net/http"
	"testing"

	"twofold/internal/testkit"
)

func TestPasswordAndMailCode(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)

		page := p.signIn(c, "anna")
		if page.Status != http.StatusSeeOther {
			t.Fatalf("after the password: %d %s", page.Status, page.Text)
		}
		page = page.Follow()
		code := w.code("anna@example.test")
		page = page.Forms[0].Set("code", code).Press("Continue")
		answer := p.callback(page)
		tok := p.exchange(answer.Get("code"))
		if tok.Status != http.StatusOK {
			t.Fatalf("token: %+v", tok)
		}
		cl := claims(t, tok.IDToken)
		if cl["sub"] != w.ids["user anna"] || cl["acr"] != "urn:twofold:acr:2fa" || cl["nonce"] != p.nonce || cl["sid"] == "" {
			t.Errorf("claims: %v", cl)
		}
		if w.logs.Contains(code) || w.logs.Contains(password) {
			t.Error("a secret is in the log")
		}
	})
}

package main

import (
	"net/http"
	"strings"
	"testing"

	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestLanguageOfASignIn follows one sign-in through three languages: the app asks for
// one, the user switches twice, and the sign-in goes on where it stood each time.
func TestLanguageOfASignIn(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		p, c := w.rp("acme", "expenses").with("ui_locales", "rm de-CH"), testkit.NewClient(t)

		page := c.Get(p.authorizeURL()).Follow().RequireText("Anmelden", "um mit Expenses fortzufahren")
		page = page.Forms[0].Set("username", "anna").Set("password", "not it").Press("Anmelden")
		page.Require(http.StatusUnprocessableEntity).RequireText("Der Name oder das Passwort stimmt nicht.")
		page = page.Link("Français").RequireText("Nom d’utilisateur")
		page = page.Forms[0].Set("username", "anna").Set("password", password).Press("Se connecter").Follow()
		code := w.code("anna@example.test")

		page = page.Link("Italiano").RequireText("Continua", "Invia di nuovo il codice")
		if strings.Contains(page.Body, "lang=\"de\" aria-current") || !strings.Contains(page.Body, `<html lang="it"`) {
			t.Error("the page does not say which language it speaks")
		}
		page = page.Forms[0].Set("code", "000000").Press("Continua").RequireText("Il codice non è corretto.")
		page = page.Link("English")
		tok := p.exchange(p.callback(page.Forms[0].Set("code", code).Press("Continue")).Get("code"))
		if tok.Status != http.StatusOK || claims(t, tok.IDToken)["acr"] != "urn:twofold:acr:2fa" {
			t.Errorf("after the switch: %+v", tok)
		}
		// The choice outlasts the sign-in, and beats what an app asks for.
		page = c.Get(p.with("prompt", "login").authorizeURL()).Follow().RequireText("Sign in", "User name")
		// It opens nothing: the second factor is asked for as before.
		page.Forms[0].Set("username", "anna").Set("password", password).Press("Sign in").Follow().RequireText("Continue")
	})
}

// TestLanguageOfAUser: once a user is known, the pages speak as the user likes.
func TestLanguageOfAUser(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme")
		members := []string{w.user(tenants.User{Name: "bea", Locale: "fr-CH"})}
		w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant acme"], members))
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		w.rp("acme", "expenses").signIn(testkit.NewClient(t), "bea").Follow().RequireText("Continuer", "Renvoyer le code")
	})
}

package main

import (
	"strings"
	"testing"

	"twofold/internal/problem"
	"twofold/internal/testkit"
	"twofold/tenants"
	"twofold/twofactor"
)

// TestOwnWords: a tenant's template is in the next mail, beside the words that it
// leaves as they are; one that breaks the rules is not saved.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		mine := tenants.Template{Level: tenants.LevelTenant, TargetID: w.ids["tenant acme"], Kind: twofactor.LetterCode, Lang: "en", Subject: "{{.Code}}"}
		if _, err := w.tenants.PutTemplate(w.in("acme"), &mine); !problem.Is(err, problem.Invalid) {
			t.Errorf("a code in the subject: %v", err)
		}
		mine.Subject = "Acme asks whether it is you"
		w.must(w.tenants.PutTemplate(w.in("acme"), &mine))

		w.rp("acme", "expenses").signIn(testkit.NewClient(t), "anna").Follow()
		code := w.code("anna@example.test")
		sent := w.inbox.Messages()
		if m := sent[len(sent)-1]; m.Subject != mine.Subject || !strings.Contains(m.Text, "Use this code to sign in") || !strings.Contains(m.HTML, code) {
			t.Errorf("got %+v", m)
		}
	})
}

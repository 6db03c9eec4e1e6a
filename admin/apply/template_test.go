package apply_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/testkit"
)

const ownWords = `
subscriptions:
  - name: sample
    templates:
      - {to: {tenant: acme}, kind: code, lang: de-CH, subject: Ihr Code, html: {file: code.html}}
      - {to: {subscription: true}, kind: code, lang: en, text: "Your code"}
`

// TestTemplates: the parts of an entry are exactly those of the template.
func TestTemplates(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		w.files["conf/code.html"] = "<p>{{.Code}}</p>\n"
		for _, step := range []struct {
			text string
			want []string
		}{
			{ownWords, []string{"+ template code in de-ch of tenant acme", "+ template code in en of the subscription"}},
			{ownWords, []string{"= nothing to change"}},
			{
				strings.Replace(ownWords, "Ihr Code, html: {file: code.html}", "Der Code, sms: Code", 1),
				[]string{"~ template code in de-ch of tenant acme: subject (changed), html (removed), sms (set)"},
			},
		} {
			if diff := cmp.Diff(step.want, w.apply(step.text)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		}
	})
}

func TestTemplateMistakes(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		for name, c := range map[string]struct{ entry, want string }{
			"no such tenant": {"{to: {tenant: moon}, kind: code, lang: en, subject: x}", `.to: there is no tenant "moon" in this file or in the subscription`},
			"no such level":  {"{to: {user: bob}, kind: code, lang: en, subject: x}", `.to: must be {LEVEL: NAME} with one level of subscription, tenant, client_app`},
			"language":       {"{to: {tenant: acme}, kind: code, lang: no language, subject: x}", ".lang: must be a language such as en or de-CH"},
			"words":          {"{to: {tenant: acme}, kind: code, lang: en, text: '{{range .}}'}", ".text: must not have {{range}}"},
			"nothing":        {"{to: {tenant: acme}, kind: code, lang: en}", ".subject: or another part must be set; delete the template to inherit all"},
			"twice": {
				"{to: {tenant: acme}, kind: code, lang: de-CH, subject: x}\n      - {to: {tenant: acme}, kind: code, lang: DE-ch, subject: y}",
				"subscriptions[0].templates[1]: is taken already, by subscriptions[0].templates[0] in line 5",
			},
		} {
			f, err := apply.Parse("f.yaml", []byte("\nsubscriptions:\n  - name: sample\n    templates:\n      - "+c.entry+"\n"))
			if err == nil {
				_, err = apply.Run(t.Context(), w.store, w.trail, f, w.options())
			}
			var p apply.Problems
			if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %s", name, err, c.want)
			}
		}
	})
}

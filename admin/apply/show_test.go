package apply_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/testkit"
)

const shownChange = `
settings: {email: {CodeLength: 7}}
subscriptions:
  - name: other
    title: Other Ltd
    idps: [{name: staff}]
  - name: sample
    enforce_mfa: true
    tenants: [{name: acme, title: "Acme AG", idps: [guests]}, {name: new, idps: [staff, guests], session: 12h}]
    users: [{name: anna, email: b@example.org, password: "${env:OTHER}"}, {name: bob, active: false}]
    two_factors:
      - {name: mail, type: email, options: {EMailSenderAddress: "${env:SENDER}", CodeLength: 8, MailServerConfig: {Host: mail.example, Port: 2525, EnableSSL: false, UserName: u, Password: "${env:OTHER}"}}}
    roles: [{role: help_desk, to: {group: managers}}]
`

// TestShownReport: what people read. Values by reference are not in it.
func TestShownReport(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		w.secret("OTHER", "another horse battery staple")
		w.secret("SENDER", "sender-by-reference@example.org")
		f := must[*apply.File](t)(apply.Parse("conf/f.yaml", []byte(shownChange)))
		o := w.options()
		o.DryRun = true
		rep := must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, f, o))
		w.secrets.Forbid(t, "report", rep.Text(false))
		w.secrets.Forbid(t, "report", rep.Text(true))
		golden(t, "shown.report", strings.Split(strings.TrimSuffix(rep.Text(false), "\n"), "\n"))
		if strings.Contains(rep.Text(false), "\x1b") || !strings.Contains(rep.Text(true), "\x1b[32m+\x1b[0m tenant new") {
			t.Error("colour where none belongs, or none where it does")
		}
	})
}

// TestExpect: what was agreed to is what happens, or nothing does.
func TestExpect(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		run := func(o apply.Options) (apply.Report, error) {
			o.Env, o.ReadFile = w.options().Env, w.options().ReadFile
			return w.try("subscriptions: [{name: sample, title: Agreed}]\n", o)
		}
		planned := must[apply.Report](t)(run(apply.Options{DryRun: true}))
		w.apply("subscriptions: [{name: sample, title: Meanwhile}]\n")
		before := w.dump()
		if _, err := run(apply.Options{Expect: &planned}); !errors.Is(err, apply.ErrMoved) {
			t.Errorf("got %v", err)
		}
		w.same(before)
		planned = must[apply.Report](t)(run(apply.Options{DryRun: true}))
		done := must[apply.Report](t)(run(apply.Options{Expect: &planned}))
		if diff := cmp.Diff(planned, done); diff != "" {
			t.Errorf("-planned +done:\n%s", diff)
		}
	})
}

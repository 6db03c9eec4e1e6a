package apply_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"twofold/admin/apply"
	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// another is an empty database of the same kind as w's.
func (w *world) another() *world {
	w.Helper()
	url := ""
	if w.db.Dialect() == db.Postgres {
		url = testkit.Postgres(w.T)
	} else {
		url = testkit.SQLite(w.T)
	}
	v := newWorld(w.T, url)
	v.secrets = w.secrets
	return v
}

// export exports everything, and checks that no secret is in it.
func (w *world) export(o apply.ExportOptions) (text string, warnings []string) {
	w.Helper()
	var b strings.Builder
	warnings, err := apply.Export(w.Context(), w.store, &b, o)
	if err != nil {
		w.Fatal(err)
	}
	w.secrets.Forbid(w, "export", b.String())
	w.secrets.Forbid(w, "warnings of the export", strings.Join(warnings, "\n"))
	return b.String(), warnings
}

// odd is what is easily mistaken for something else in YAML, or in a file of ours.
var odd = []string{
	"no", "Yes", "null", "~", "1e3", "0x1F", "0b11", "2026-01-01", "007", "0o17", "1_000", "+1", "-", "- a", "? a", ".inf", "12:30:45", "=", "<<",
	"a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", `"a"`, `\a\n`, "{a}", "[a]", "a, b", "${env:HOME}", "$${x}", "$$$${", "${", "${kept}",
	"Zoë Ünïcode", "日本語", "👩‍👩‍👧", "a\u00a0b", "a\u2028b", "\ufeffa", "true", "on", "NaN", "env", "file", "a:b", "a/b@c.d+e-f_g",
}

// everything is a world that uses all there is, named oddly.
func everything() string {
	var b strings.Builder
	q := func(s string) string { // as a text of the file
		if strings.HasPrefix(strings.TrimLeft(s, "$"), "{") && strings.HasPrefix(s, "$") {
			s = "$" + s
		}
		return fmt.Sprintf("%q", s)
	}
	b.WriteString(strings.Replace(base, "groups:\n      - {name: managers}", "groups:\n      - {name: managers}\n", 1))
	b.WriteString(`    settings:
      twilio: {TwilioAccountSid: AC0123456789abcdef0123456789abcdef, TwilioAuthToken: "${env:TOKEN}"}
    templates:
      - {to: {tenant: acme}, kind: code, lang: de-CH, subject: "no", html: "<p>a</p>\n\n  <p>b</p>\n", text: " a\n", sms: "$${env:X}"}
      - {to: {subscription: true}, kind: code, lang: en, text: "one\ntwo\n\nthree"}
      - {to: {client_app: expenses}, kind: code, lang: en, sms: "a\ttab\nand: #more\n\n"}
    roles:
      - {role: subscription_admin, to: {group: "$${"}, of: odd}
      - {role: tenant_admin, tenant: acme, to: {user: anna}}
      - {role: help_desk, to: {group: readers}}
      - {role: help_desk, tenant: globex, to: {group: readers}}
  - name: odd
    title: "yes"
    enforce_mfa: true
    min_acr: phr
    active: false
    idps:
`)
	for _, s := range odd {
		fmt.Fprintf(&b, "      - {name: %s, title: %s, active: false, enforce_mfa: true}\n", q(s), q(s+s))
	}
	b.WriteString("    groups:\n")
	for _, s := range odd {
		fmt.Fprintf(&b, "      - {name: %s}\n", q(s))
	}
	b.WriteString("    two_factors:\n")
	for i, s := range odd {
		fmt.Fprintf(&b, "      - {name: %s, type: email, options: {EMailSenderAddress: %s, CodeLength: %d, MailServerConfig: {Host: %s, Password: {env: TOKEN}}}}\n", q(s), q(s), i, q(s))
	}
	b.WriteString("    users:\n")
	seen := map[string]bool{}
	for _, s := range odd {
		if n := tenants.NormalName(s); n == "" || seen[n] {
			continue
		}
		seen[tenants.NormalName(s)] = true
		fmt.Fprintf(&b, "      - {name: %s, given_name: %s, display_name: %s, idps: [%s], groups: [%s, \"no\"], tenants: [t-1, \"007\"]}\n", q(s), q(s), q("x"+s), q(s), q(without(s)))
	}
	b.WriteString(`      - {name: given, given_name: A, family_name: B, locale: de, active: false, phone: "+41791234567"}
      - {name: Mixed@Case.example, email: Mixed@case.example}
    tenants:
      - {name: t-1, title: "1e3", accent: "#2f5d50", logo_url: https://a.example/l.png, session: 90d, idle: 36h, locale: de-CH, sms_per_day: 7, sms_countries: ["NO", CH], passkey_sign_in: true, active: false, idps: ["no", "[a]"], client_apps: [a, "~"]}
      - {name: "007", session: 10m, idle: 90s, min_acr: urn:twofold:acr:aal2, remember_days: 30, enforce_mfa: true}
      - {name: "no"}
    client_apps:
      - {name: a, type: machine, client_secret: {env: SECRET}, scopes: [a, "no", "1"]}
      - {name: "~", client_id: "!!int", logo_url: https://a.example/a.png, accent: "#000000", type: web, client_secret: {env: SECRET}, redirect_uris: ["https://a.example/?a=b&c={d}", "http://[::1]:80/x"], post_logout_redirect_uris: [https://a.example], require_pkce: false, id_token_profile: true, min_acr: urn:twofold:acr:2fa, id_token_alg: ES256, auth_method: client_secret_post, grant_types: [authorization_code], active: false, enforce_mfa: true}
      - {name: keys, type: machine, auth_method: private_key_jwt, jwks: "{\"keys\": [{\"kty\": \"EC\"}]}\n"}
      - {name: many, type: web, redirect_uris: [https://one.example/a/long/address/of/an/app, https://two.example/a/long/address/of/an/app, https://three.example/a]}
    exemptions:
      - {of: {user: "no"}, reason: "0x1F", until: 2027-01-31T12:00:00.000001Z}
      - {of: {idp: "no"}, reason: "- a: #b", until: 2027-01-31}
    assignments:
      - {two_factor: "no", to: {group: "${"}, grace_days: 3}
      - {two_factor: "no", to: {subscription: true}, required: false}
      - {two_factor: "${kept}", to: {user: "1e3"}}
`)
	text := strings.ReplaceAll(b.String(), `"${kept}", to`, `"$${kept}", to`)
	text = strings.ReplaceAll(text, `{group: "${"}`, `{group: "$${"}`)
	return `
settings:
  email: {EMailSenderAddress: "null", MailServerConfig: '{"MailType": "SMTP", "Host": "a.example", "Password": "hush-hush-hush"}'}
  ecall: {ECallAccountPassword: "${env:TOKEN}"}
templates:
  - {kind: code, lang: en, subject: "# no comment", text: "\n\nBegins late\n", html: "{file}: no"}
roles:
  - {role: system_admin, to: {user: "no"}, of: odd}
  - {role: auditor, to: {client_app: "~"}, of: odd}
  - {role: auditor, to: {group: managers}, of: sample}
` + text
}

func without(s string) string {
	if s == "no" {
		return "Yes"
	}
	return s
}

func newEverything(t *testing.T, url string) *world {
	t.Helper()
	w := newWorld(t, url)
	w.secret("SECRET", "client-secret-0123456789-0123456789")
	w.secret("PASSWORD", "correct horse battery staple")
	w.secret("TOKEN", "fedcba9876543210fedcba9876543210")
	w.secrets.Add("password in text", "hush-hush-hush")
	w.apply(everything())
	return w
}

// TestExportApply: an export changes nothing where it comes from, and makes the
// same of an empty database.
func TestExportApply(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newEverything(t, url)
		text, warnings := w.export(apply.ExportOptions{})
		if len(warnings) > 0 {
			t.Errorf("warnings: %q", warnings)
		}
		before := w.dump()
		if got := w.apply(text); got[0] != "= nothing to change" {
			t.Errorf("applied where it comes from: %q", got)
		}
		w.same(before)

		v := w.another()
		lines := v.apply(text)
		again, _ := v.export(apply.ExportOptions{})
		if diff := cmp.Diff(withoutKept(text), withoutKept(again)); diff != "" {
			t.Errorf("exported again (-first +again):\n%s", diff)
		}
		if got := v.apply(again); got[0] != "= nothing to change" {
			t.Errorf("the second: %q", got)
		}
		kept := 0
		for _, l := range lines {
			if strings.Contains(l, " to keep; ") {
				kept++
			}
		}
		// of each odd instance, two of the platform's, one of the subscription's, three apps, and once for all users
		if want := len(odd) + 2 + 1 + 3 + 1; kept != want {
			t.Errorf("%d warnings of what there is not to keep, want %d", kept, want)
		}
	})
}

// withoutKept are the lines that an export has wherever it was applied: passwords
// and client secrets are only where somebody set them.
func withoutKept(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool {
		l = strings.TrimSpace(l)
		return l == "password: ${kept}" || strings.HasPrefix(l, "client_secret: ${kept}")
	})
}

// TestExportGolden: what people read.
func TestExportGolden(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		must[apply.Report](t)(apply.Run(t.Context(), w.store, w.trail, w.example(), w.exampleOptions()))
		text, warnings := w.export(apply.ExportOptions{})
		golden(t, "example.export", append(strings.Split(strings.TrimSuffix(text, "\n"), "\n"), warnings...))
		text, warnings = w.export(apply.ExportOptions{Subscription: "sample", NoUsers: true})
		golden(t, "example.nousers", append(strings.Split(strings.TrimSuffix(text, "\n"), "\n"), warnings...))
		v := w.another()
		v.apply(text)
	})
}

// TestExportNothing: an empty server has a file too, and an unknown subscription none.
func TestExportNothing(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	text, _ := w.export(apply.ExportOptions{})
	if got := w.apply(text); got[0] != "= nothing to change" {
		t.Errorf("got %q", got)
	}
	if _, err := apply.Export(t.Context(), w.store, io.Discard, apply.ExportOptions{Subscription: "nobody"}); err == nil {
		t.Error("an unknown subscription was exported")
	}
}

// TestExportWithoutDeleted: what was deleted is not exported, nor what hung on it.
func TestExportWithoutDeleted(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		ctx := w.in("sample")
		users := must[[]tenants.User](t)(w.store.UsersByName(ctx, []string{"bob"}))
		idps := must[[]tenants.IDP](t)(w.store.ListIDPs(ctx))
		apps := must[[]tenants.ClientApp](t)(w.store.ListClientApps(ctx))
		factors := must[[]tenants.TwoFactor](t)(w.store.ListTwoFactors(ctx))
		for _, err := range []error{
			w.store.Users().Delete(ctx, users[0].ID, 0),
			w.store.KeptIDPs().Delete(ctx, idps[0].ID, 0),
			w.store.ClientApps().Delete(ctx, apps[0].ID, 0),
			w.store.TwoFactors().Delete(ctx, factors[0].ID, 0),
			w.store.Tenants().Delete(ctx, w.tenant("globex").ID, 0),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		text, warnings := w.export(apply.ExportOptions{})
		if len(warnings) > 0 {
			t.Errorf("warnings: %q", warnings)
		}
		for _, gone := range []string{"~", "bob", "globex", idps[0].Name, apps[0].Name, "name: " + factors[0].Name} {
			if strings.Contains(text, gone) {
				t.Errorf("%s is in the export:\n%s", gone, text)
			}
		}
		before := w.dump()
		if got := w.apply(text); got[0] != "= nothing to change" {
			t.Errorf("got %q", got)
		}
		// What is deleted keeps its links: it may be restored.
		w.apply("subscriptions: [{name: sample, tenants: [{name: acme, idps: [staff], client_apps: [field]}], groups: [{name: readers, members: [carla]}], users: [{name: anna, idps: [staff], tenants: [acme]}]}]\n")
		after := w.dump()
		for _, table := range []string{"tenant_idps", "memberships", "identities", "group_members"} {
			if before[table] != after[table] {
				t.Errorf("%s changed:\n%s\nbefore:\n%s", table, after[table], before[table])
			}
		}
	})
}

// TestKept: ${kept} leaves what there is, and what is missing is never overlooked.
func TestKept(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.secret("TOKEN", "fedcba9876543210fedcba9876543210")
		sms := func(token string) string {
			return "subscriptions: [{name: s, two_factors: [{name: sms, type: twilio, options: {TwilioAccountSid: AC0123456789abcdef0123456789abcdef, TwilioAuthToken: \"" +
				token + "\", TwilioSmsFromNumber: +41435550100}}]}]\n"
		}
		mail := func(password string) string {
			return "subscriptions: [{name: s, two_factors: [{name: mail, type: email, options: {EMailSenderAddress: a@b.example, MailServerConfig: {Host: h, UserName: u, Password: \"" + password + "\"}}}]}]\n"
		}
		for _, step := range []struct {
			text string
			want []string
		}{
			{sms("${kept}"), []string{
				"+ subscription s", "+ two_factor sms",
				"! two_factor sms: there is no TwilioAuthToken to keep; until it is given, such as by ${env:S_SMS_TWILIOAUTHTOKEN}, the instance is invalid",
				"! two_factor sms is invalid: TwilioAuthToken must not be null",
			}},
			{sms("${env:TOKEN}"), []string{"~ two_factor sms: TwilioAuthToken (set)"}},
			{sms("${kept}"), []string{"= nothing to change"}},
			// A server can do without a password, so only this warns.
			{mail("${kept}"), []string{
				"+ two_factor mail",
				"! two_factor mail: there is no MailServerConfig.Password to keep; until it is given, such as by ${env:S_MAIL_MAILSERVERCONFIG_PASSWORD}, the instance is invalid",
				"! two_factor mail is invalid: MailServerConfig.Password must not be null",
			}},
			{mail("${env:TOKEN}"), []string{"~ two_factor mail: MailServerConfig.Password (set)"}},
			{strings.Replace(mail("${kept}"), "Host: h", "Host: i", 1), []string{`~ two_factor mail: MailServerConfig.Host "h" → "i"`}},
			{"subscriptions: [{name: s, client_apps: [{name: c, type: machine, client_secret: \"${kept}\"}], users: [{name: u, password: \"${kept}\"}, {name: v, password: \"${kept}\"}]}]\n", []string{
				"+ client_app c", "+ user u", "+ user v",
				"! client_app c: there is no client_secret to keep; until it is given, such as by ${env:S_C_CLIENT_SECRET}, the app can get no tokens",
				"! users u, v: there is no password to keep; they cannot sign in by one until it is given",
			}},
		} {
			if diff := cmp.Diff(step.want, w.apply(step.text)); diff != "" {
				t.Errorf("%s(-want +got):\n%s", step.text, diff)
			}
		}
	})
}

// TestReferences: the two forms mean the same, and what is wrong is said without
// saying what it was.
func TestReferences(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.secret("TOKEN", "fedcba9876543210fedcba9876543210")
	w.files["conf/code length"], w.files["conf/a}b"] = "7\n", w.env["TOKEN"]+"\n"
	w.apply("subscriptions: [{name: s, two_factors: [{name: sms, type: twilio, options: {TwilioAuthToken: \"${env:TOKEN}\", TwilioAccountSid: \"$${env:X\", CodeLength: \"${file:code length}\"}}]}]\n")
	ctx := w.in("s")
	o := must[tenants.Options](t)(w.store.OptionsOf(ctx, must[[]tenants.TwoFactor](t)(w.store.ListTwoFactors(ctx))[0].ID))
	got := fmt.Sprintf("%s %s %s", o["TwilioAuthToken"], o["TwilioAccountSid"], o["CodeLength"])
	if want := `"fedcba9876543210fedcba9876543210" "${env:X" 7`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.apply("subscriptions: [{name: s, two_factors: [{name: sms, type: twilio, options: {TwilioAuthToken: \"${file:a}b}\", TwilioAccountSid: \"$${env:X\", CodeLength: 8}}]}]\n"); got[0] != "~ two_factor sms: CodeLength 7 → 8" {
		t.Errorf("got %q", got)
	}
	for text, want := range map[string]string{
		`title: "${env:X}"`:                                        `f.yaml:2:12: subscriptions[0].title: cannot be a reference; write $${ for text that begins with ${`,
		`users: [{name: u, password: "${secret"}]`:                 `f.yaml:2:33: subscriptions[0].users[0].password: is no reference: there are ${env:NAME}, ${file:PATH} and ${kept}; write $${ for text that begins with ${`,
		`users: [{name: u, password: "${env:A B}"}]`:               `f.yaml:2:33: subscriptions[0].users[0].password: must be the name of an environment variable: letters, digits and underscores`,
		`client_apps: [{name: c, type: machine, jwks: "${kept}"}]`: `f.yaml:2:50: subscriptions[0].client_apps[0].jwks: has nothing to keep: it is no secret; leave the key out, or give the text`,
	} {
		_, err := apply.Parse("f.yaml", []byte("subscriptions:\n  - "+text+"\n    name: s\n"))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if got := w.refused("subscriptions:\n  - name: s\n    users: [{name: u, password: \"${env:NOWHERE}\"}]\n"); got[0] != "conf/f.yaml:3:33: subscriptions[0].users[0].password: the environment has no NOWHERE" {
		t.Errorf("got %q", got)
	}
}

// TestAnyExport: whatever the names and texts are, an export comes back as it was.
func TestAnyExport(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	v := newWorld(t, testkit.SQLite(t))
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		sub := fmt.Sprintf("s%d", n)
		w.anySubscription(r, sub)
		o := apply.ExportOptions{Subscription: sub}
		text, warnings := w.export(o)
		if len(warnings) > 0 {
			r.Fatalf("warnings: %q", warnings)
		}
		if got := w.apply(text); got[0] != "= nothing to change" {
			r.Fatalf("applied where it comes from: %q\n%s", got, text)
		}
		v.apply(text)
		if again, _ := v.export(o); again != text {
			r.Fatalf("exported again:\n%s", cmp.Diff(text, again))
		}
	})
}

// anySubscription puts a subscription by the store, as no file may have said it.
func (w *world) anySubscription(r *rapid.T, name string) {
	oddOr := func(label string) string {
		return rapid.OneOf(rapid.SampledFrom(odd), rapid.StringMatching(`[ -~]{1,20}`), rapid.StringMatching(`[\pL\pN\pP]{1,10}`)).
			Filter(func(s string) bool { return strings.TrimSpace(s) == s && tenants.NormalName(s) != "" }).Draw(r, label)
	}
	words := rapid.OneOf(rapid.StringMatching(`([ -~\t]{0,10}\n?){0,5}`), rapid.String(), rapid.SampledFrom(odd)).
		Filter(func(s string) bool { return !strings.ContainsAny(s, "\x00") && !strings.Contains(s, "{{range") })
	do := func(d tenants.Difference, err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	sub := tenants.Subscription{Name: name, Title: oddOr("title"), EnforceMFA: rapid.Bool().Draw(r, "mfa"), SharedSignOn: rapid.Bool().Draw(r, "shared"), Active: rapid.Bool().Draw(r, "active")}
	do(w.store.PutSubscription(w.Context(), &sub))
	ctx := db.WithScope(w.Context(), db.Scope{Subscription: sub.ID})
	idp := tenants.IDP{Name: oddOr("idp"), Title: oddOr("idp title"), Type: tenants.IDPLocal}
	do(w.store.PutIDP(ctx, &idp))
	ten := tenants.Tenant{
		Name: "t-" + name, Title: oddOr("tenant title"), Active: rapid.Bool().Draw(r, "tenant active"),
		SessionSeconds: rapid.Int64Range(300, 7776000).Draw(r, "session"), IdleSeconds: rapid.SampledFrom([]int64{60, 61, 299, 300}).Draw(r, "idle"),
		SMSCountries: tenants.List{"NO"}, RememberDays: rapid.Int64Range(0, 30).Draw(r, "remember"),
	}
	do(w.store.PutTenant(ctx, &ten))
	do(w.store.SetTenantIDPs(ctx, ten.ID, []string{idp.ID}))
	user := tenants.User{Name: oddOr("user"), Kind: tenants.Person, DisplayName: oddOr("display"), GivenName: oddOr("given"), Active: rapid.Bool().Draw(r, "user active")}
	do(w.store.PutUser(ctx, &user))
	do(w.store.SetIdentities(ctx, user, []string{idp.ID}))
	do(w.store.SetTenantMembers(ctx, ten.ID, []string{user.ID}))
	tf := tenants.TwoFactor{Name: oddOr("two factor"), Type: "email", Active: true}
	text := func(label string) []byte { return must2(r)(jsonOf(words.Draw(r, label))) }
	do(w.store.PutTwoFactor(ctx, &tf, tenants.Options{
		"EMailSenderAddress": text("sender"), "CodeLength": []byte(rapid.SampledFrom([]string{"6", `"six"`, "true", "null", "1.5", "[]", `{"env": "X"}`}).Draw(r, "length")),
		"MailServerConfig": []byte(`{"Host": ` + string(text("host")) + `, "Password": ` + string(text("password")) + `}`),
	}))
	do(w.store.PutAssignment(ctx, &tenants.Assignment{TwoFactorID: tf.ID, Level: tenants.LevelUser, TargetID: user.ID, GraceDays: rapid.Int64Range(0, 9).Draw(r, "grace")}))
	do(w.store.PutTemplate(ctx, &tenants.Template{Level: tenants.LevelTenant, TargetID: ten.ID, Kind: "code", Lang: "en", Subject: "a", Text: words.Draw(r, "text"), HTML: words.Draw(r, "html"), SMS: words.Draw(r, "sms")}))
}

// TestExportMany exports more users than one piece holds; TWOFOLD_MANY_USERS says how
// many, to measure it.
func TestExportMany(t *testing.T) { testkit.EachDatabase(t, exportMany) }

package apply_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/db"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// base is what most tests start from.
const base = `
subscriptions:
  - name: sample
    title: Sample
    idps: [{name: staff}, {name: guests}]
    client_apps:
      - {name: expenses, type: web, redirect_uris: [https://e.example/a, https://e.example/b], client_secret: {env: SECRET}}
      - {name: field, type: native, redirect_uris: ["http://127.0.0.1/cb"]}
    tenants:
      - {name: acme, idps: [staff], client_apps: [expenses]}
      - {name: globex, idps: [staff, guests], enforce_mfa: true}
    users:
      - {name: anna, email: Anna@Example.org, email_verified: true, phone: +41791234567, phone_verified: true, password: {env: PASSWORD}, idps: [staff], tenants: [acme, globex], groups: [managers]}
      - {name: bob, email: a@x.example, idps: [staff], tenants: [acme]}
      - {name: carla}
      - {name: robot, kind: machine}
    groups:
      - {name: managers}
      - {name: readers, members: [bob, carla]}
    two_factors:
      - {name: mail, type: email, options: {EMailSenderAddress: a@b.example, MailServerConfig: {Host: localhost, Port: 2525, EnableSSL: false}}}
      - {name: sms, type: twilio, active: false, options: {TwilioSmsFromNumber: +41435550100}}
    assignments:
      - {two_factor: mail, to: {tenant: acme}}
      - {two_factor: mail, to: {user: bob}, required: false}
    exemptions:
      - {of: {user: bob}, reason: On leave, until: 2027-01-31}
`

func newBase(t *testing.T, url string) *world {
	t.Helper()
	w := newWorld(t, url)
	w.secret("SECRET", "client-secret-0123456789-0123456789")
	w.secret("PASSWORD", "correct horse battery staple")
	w.apply(base)
	return w
}

// TestChange changes a little of everything and reports just that.
func TestChange(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		before, events := w.versions(), len(w.events("sample"))
		w.secret("SECRET", "another-secret-0123456789-0123456789")
		w.secret("PASSWORD", "another horse battery staple")
		w.secret("TOKEN", "fedcba9876543210fedcba9876543210")
		text := `
settings:
  ecall: {ECallAccountName: demo}
subscriptions:
  - name: sample
    title: Sample Ltd
    min_acr: urn:twofold:acr:1fa
    settings:
      twilio: {TwilioAccountSid: AC0123456789abcdef0123456789abcdef, TwilioAuthToken: {env: TOKEN}}
    idps: [{name: staff, title: All staff}]
    client_apps:
      - name: expenses
        type: web
        client_secret: {env: SECRET}
        redirect_uris: [https://e.example/b, https://e.example/c]
        require_pkce: false
        auth_method: client_secret_post
      - {name: field, type: native, grant_types: [refresh_token, authorization_code]}
    tenants:
      - {name: acme, idps: [guests], session: 30d, idle: 90m, accent: "#2f5d50", client_apps: [], remember_days: 14, sms_countries: [NO, CH], sms_per_day: 50, locale: fr}
    users:
      - {name: ANNA, email: anna@example.org, phone: "+41791234568", password: {env: PASSWORD}, tenants: [globex], groups: []}
      - {name: Bob, email: b@x.example, active: false, idps: [guests, staff], groups: [readers, managers]}
    groups:
      - {name: readers, members: [bob]}
    two_factors:
      - {name: mail, type: email, options: {EMailSenderAddress: c@b.example, MailServerConfig: {Host: localhost, Port: 2525, EnableSSL: false}, CodeLength: 8}}
      - {name: sms, type: twilio, active: true}
    assignments:
      - {two_factor: mail, to: {tenant: acme}, required: false, grace_days: 3}
      - {two_factor: sms, to: {subscription: true}}
    exemptions:
      - {of: {user: bob}, reason: On leave, until: 2027-02-28}
      - {of: {idp: guests}, reason: Trade fair, until: 2026-10-31}
`
		got := w.apply(text)
		golden(t, "change.report", got)
		golden(t, "change.audit", mask(w.events("sample"))[events:])
		full := w.dump()
		if diff := cmp.Diff([]string{"= nothing to change", "! exemption of idp guests has ended"}, w.apply(text)); diff != "" {
			t.Errorf("second run (-want +got):\n%s", diff)
		}
		w.same(full)
		for name, v := range w.versions() {
			untouched := name == "idps guests" || name == "tenants globex" || name == "users carla" || name == "users robot" || name == "groups managers" || name == "groups readers"
			if old, had := before[name]; had && (v != old) == untouched {
				t.Errorf("%s: version %d, before %d", name, v, old)
			}
		}
		if err := w.trail.Verify(t.Context(), w.sub("sample").ID); err != nil {
			t.Error(err)
		}
	})
}

// versions of all entities, by table and name.
func (w *world) versions() map[string]int64 {
	w.Helper()
	out := map[string]int64{}
	for _, table := range []string{"subscriptions", "tenants", "idps", "client_apps", "users", "groups", "two_factors"} {
		rows, err := w.db.SQL().QueryContext(w.Context(), "SELECT name, version FROM "+table)
		if err != nil {
			w.Fatal(err)
		}
		for rows.Next() {
			var name string
			var version int64
			if err := rows.Scan(&name, &version); err != nil {
				w.Fatal(err)
			}
			out[table+" "+name] = version
		}
		if err := rows.Err(); err != nil {
			w.Fatal(err)
		}
		rows.Close()
	}
	return out
}

// TestAbsentKeysStay: a file that only names entities changes none of them.
func TestAbsentKeysStay(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		w.apply("subscriptions: [{name: sample, enforce_mfa: true, active: false, min_acr: phr}]\n")
		w.apply("subscriptions: [{name: sample, users: [{name: carla, active: false, kind: machine, display_name: C}], idps: [{name: guests, active: false, enforce_mfa: true}]}]\n")
		before := w.dump()
		got := w.apply(`
subscriptions:
  - name: sample
    idps: [{name: staff}, {name: guests}]
    client_apps: [{name: expenses, type: web}, {name: field, type: native}]
    tenants: [{name: acme}, {name: globex}]
    users: [{name: anna}, {name: bob}, {name: carla}]
    groups: [{name: managers}, {name: readers}]
    two_factors: [{name: mail, type: email}, {name: sms, type: twilio}]
    assignments: [{two_factor: mail, to: {tenant: acme}}, {two_factor: mail, to: {user: bob}}]
`)
		if diff := cmp.Diff([]string{"= nothing to change"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		w.same(before)
	})
}

func TestProvenAddresses(t *testing.T) {
	w := newBase(t, testkit.SQLite(t))
	for _, step := range []struct{ user, want string }{
		{"{name: anna, email: ANNA@example.org}", "= nothing to change"},
		{"{name: anna, email: anna@other.example}", `~ user anna: email "anna@example.org" → "anna@other.example", email_verified true → false`},
		{"{name: anna, email_verified: true}", "~ user anna: email_verified false → true"},
		{"{name: anna, email: anna@example.org, email_verified: true}", `~ user anna: email "anna@other.example" → "anna@example.org"`},
		{`{name: anna, phone: ""}`, `~ user anna: phone "+41791234567" → "", phone_verified true → false`},
	} {
		got := w.apply("subscriptions: [{name: sample, users: [" + step.user + "]}]\n")
		if diff := cmp.Diff([]string{step.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.user, diff)
		}
	}
}

// TestLinks: link lists that are given are exact, others stay.
func TestLinks(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		for _, step := range []struct {
			text string
			want []string
		}{
			{"users: [{name: anna, tenants: []}]", []string{"~ user anna: tenants -acme -globex"}},
			{"users: [{name: anna, tenants: [globex]}, {name: carla, tenants: [acme, globex]}]", []string{"~ user anna: tenants +globex", "~ user carla: tenants +acme +globex"}},
			{"users: [{name: carla, tenants: [globex, acme]}]", []string{"= nothing to change"}},
			{"users: [{name: carla, groups: [managers]}]", []string{"~ user carla: groups +managers -readers"}},
			{"users: [{name: dora, groups: [readers]}]\n    groups: [{name: readers, members: [dora, anna]}]", []string{"+ user dora", "~ group readers: members +dora +anna -bob"}},
			{"groups: [{name: readers, members: []}]", []string{"~ group readers: members -anna -dora"}},
			{"tenants: [{name: acme, idps: [guests, staff]}]", []string{"~ tenant acme: idps +guests"}},
			{"tenants: [{name: acme, client_apps: [field]}]", []string{"~ tenant acme: client_apps +field -expenses"}},
			{"users: [{name: anna, idps: []}]", []string{"~ user anna: idps -staff"}},
		} {
			got := w.apply("subscriptions:\n  - name: sample\n    " + step.text + "\n")
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.text, diff)
			}
		}
		members := must[[]tenants.Membership](t)(w.store.MembersOfTenant(w.in("sample"), w.tenant("acme").ID))
		if len(members) != 2 { // bob from the start, carla; anna is gone
			t.Errorf("acme has %d members", len(members))
		}
	})
}

func (w *world) tenant(name string) tenants.Tenant {
	w.Helper()
	return must[tenants.Realm](w.T)(w.store.RealmByName(w.Context(), name)).Tenant
}

func TestWarnings(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	got := w.apply(`
settings: {ecall: {ECallAccountName: demo}}
subscriptions:
  - name: sample
    two_factors:
      - {name: sms, type: twilio, options: {TwilioAccountSid: AC0123456789abcdef0123456789abcdef, TwilioSmsFromNumber: +41435550100, CodeLength: six}}
      - {name: text, type: ecall, options: {ECallAccountPassword: "hush hush", ECallAccountFromNumber: 41435550100, CodeLength: true}}
      - {name: mail, type: email, active: false}
    assignments: [{two_factor: mail, to: {subscription: true}}]
`)
	want := []string{
		"+ platform settings of ecall", "+ subscription sample", "+ two_factor sms", "+ two_factor text", "+ two_factor mail",
		"+ assignment mail to the subscription",
		"! two_factor mail is inactive, but an assignment requires it",
		"! two_factor sms is invalid: CodeLength must be a whole number; TwilioAuthToken is required",
		"! two_factor text is invalid: CodeLength must be a whole number",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Base settings that are taken away break an instance that the file does not name.
	w.apply("subscriptions: [{name: sample, assignments: [{two_factor: mail, to: {subscription: true}, required: false}]}]\n")
	got = w.apply("settings: {ecall: {}}\nsubscriptions: [{name: sample, two_factors: [{name: text, type: ecall, options: {ECallAccountPassword: \"hush hush\", ECallAccountFromNumber: 41435550100}}]}]\n")
	want = []string{
		"~ platform settings of ecall: ECallAccountName \"demo\" → (not set)", "~ two_factor text: CodeLength true → (not set)",
		"! two_factor sms is invalid: CodeLength must be a whole number; TwilioAuthToken is required",
		"! two_factor text is invalid: ECallAccountName is required",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDryRunOfChange: a dry run over a full database reports the same and leaves
// no trace, neither there nor in what the store remembers.
func TestDryRunOfChange(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		text := `
subscriptions:
  - name: sample
    tenants: [{name: acme, title: Acme AG}]
    two_factors: [{name: mail, type: email, options: {}}]
`
		before := w.dump()
		dry := w.options()
		dry.DryRun = true
		planned := must[apply.Report](t)(w.try(text, dry))
		w.same(before)
		if got := w.tenant("acme").Title; got != "acme" {
			t.Errorf("the store remembers %q", got)
		}
		ctx := w.in("sample")
		if state := must[tenants.State](t)(w.store.StateOf(ctx, w.twoFactor("mail").ID)); state.Word != "untested" {
			t.Errorf("the store remembers %+v", state)
		}
		done := must[apply.Report](t)(w.try(text, w.options()))
		want := []string{
			`~ tenant acme: title "acme" → "Acme AG"`, `~ two_factor mail: EMailSenderAddress "a@b.example" → (not set), MailServerConfig.EnableSSL false → (not set), MailServerConfig.Host "localhost" → (not set), MailServerConfig.Port 2525 → (not set)`,
			"! two_factor mail is invalid: EMailSenderAddress is required; MailServerConfig is required",
		}
		if diff := cmp.Diff(want, done.Lines()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(planned, done); diff != "" {
			t.Errorf("-dry +done:\n%s", diff)
		}
		if got := w.tenant("acme").Title; got != "Acme AG" {
			t.Errorf("the store still remembers %q", got)
		}
	})
}

func (w *world) twoFactor(name string) tenants.TwoFactor {
	w.Helper()
	for _, f := range must[[]tenants.TwoFactor](w.T)(w.store.ListTwoFactors(w.in("sample"))) {
		if f.Name == name {
			return f
		}
	}
	w.Fatalf("no two_factor %s", name)
	return tenants.TwoFactor{}
}

// TestSeveralSubscriptions: names lead to one's own subscription only.
func TestSeveralSubscriptions(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		text := `
subscriptions:
  - name: zebra
    idps: [{name: staff}]
    tenants: [{name: stripes, idps: [staff]}]
    users: [{name: anna, tenants: [stripes]}]
    two_factors: [{name: mail, type: email}]
    assignments: [{two_factor: mail, to: {user: anna}}]
    exemptions: [{of: {user: anna}, reason: r, until: 2026-01-01}]
  - name: sample
    users: [{name: anna, locale: de}]
`
		want := []string{
			"+ subscription zebra", "+ idp zebra/staff", "+ tenant zebra/stripes", "+ user zebra/anna", "+ two_factor zebra/mail",
			"+ assignment zebra/mail to user anna", "+ exemption of zebra/user anna", `~ user sample/anna: locale "" → "de"`,
			"! exemption of zebra/user anna has ended", "! two_factor zebra/mail is invalid: EMailSenderAddress is required; MailServerConfig is required",
		}
		if diff := cmp.Diff(want, w.apply(text)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, name := range []string{"sample", "zebra"} {
			if err := w.trail.Verify(t.Context(), w.sub(name).ID); err != nil {
				t.Error(err)
			}
		}
		// The other's entities are there, but not to be referred to or taken over.
		got := w.refused(`
subscriptions:
  - name: zebra
    tenants: [{name: stripes, client_apps: [expenses]}]
    users: [{name: anna, tenants: [acme], groups: [managers]}]
`)
		if diff := cmp.Diff([]string{
			`conf/f.yaml:4:45: subscriptions[0].tenants[0].client_apps[0]: there is no client_app "expenses" in this file or in the subscription`,
			`conf/f.yaml:5:36: subscriptions[0].users[0].tenants[0]: there is no tenant "acme" in this file or in the subscription`,
			`conf/f.yaml:5:52: subscriptions[0].users[0].groups[0]: there is no group "managers" in this file or in the subscription`,
		}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		got = w.refused("subscriptions:\n  - name: zebra\n    idps: [{name: new}]\n    tenants: [{name: new}, {name: acme}]\n")
		if diff := cmp.Diff([]string{"conf/f.yaml:4:35: subscriptions[0].tenants[1].name: is taken already on this server"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		got = w.refused("subscriptions:\n  - name: zebra\n    client_apps: [{name: e, type: spa, client_id: expenses, redirect_uris: [https://a.example]}]\n")
		if diff := cmp.Diff([]string{"conf/f.yaml:3:51: subscriptions[0].client_apps[0].client_id: is taken already on this server"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestTwoAtOnce: of runs at the same time at least one succeeds, and what they
// leave is what the file says.
func TestTwoAtOnce(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.secret("SECRET", "client-secret-0123456789-0123456789")
		w.secret("PASSWORD", "correct horse battery staple")
		f := must[*apply.File](t)(apply.Parse("f.yaml", []byte(base)))
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = apply.Run(t.Context(), w.store, w.trail, f, w.options()) })
		}
		wg.Wait()
		if errs[0] != nil && errs[1] != nil && errs[2] != nil {
			t.Errorf("all failed: %v", errs)
		}
		if diff := cmp.Diff([]string{"= nothing to change"}, w.apply(base)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if err := w.trail.Verify(t.Context(), w.sub("sample").ID); err != nil {
			t.Error(err)
		}
	})
}

// TestNewTenant: what a tenant needs from its first moment is made in the same
// transaction.
func TestNewTenant(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	var made []string
	w.store.OnTenant = func(ctx context.Context, v tenants.Tenant) error {
		if s := db.ScopeOf(ctx); s.Tenant != v.ID || !db.InTx(ctx) {
			return fmt.Errorf("scope %+v", s)
		}
		made = append(made, v.Name)
		return nil
	}
	w.apply("subscriptions: [{name: s, tenants: [{name: a}, {name: b}]}]\n")
	w.apply("subscriptions: [{name: s, tenants: [{name: a}, {name: b, title: B}, {name: c}]}]\n")
	if diff := cmp.Diff([]string{"a", "b", "c"}, made); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

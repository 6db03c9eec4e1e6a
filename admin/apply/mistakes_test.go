package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/testkit"
	"twofold/tenants"
)

// TestMistakes: what only the database, the catalogue and the environment can
// tell. Each has its line, and changes nothing.
func TestMistakes(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		w.env["EMPTY"] = ""
		w.secret("SHORT", "short-secret")
		w.apply("subscriptions: [{name: sample, idle: 1h, tenants: [{name: acme, session: 24h}, {name: globex, idle: 1h}]}]\n")
		w.files["conf/empty"], w.files["conf/binary"] = "\n", "\xff"
		for name, c := range map[string]struct {
			text string // of the subscription, from line 3
			want []string
		}{
			"unknown names": {
				`    tenants: [{name: acme, idps: [staff, nobody], client_apps: [nothing]}]
    users: [{name: anna, idps: [who], tenants: [where], groups: [what]}]
    groups: [{name: g, members: [bob, zoe]}]
    assignments:
      - {two_factor: letter, to: {tenant: moon}}
      - {two_factor: mail, to: {group: gone}}
    exemptions: [{of: {user: zoe}, reason: r, until: 2027-01-31}]
`, []string{
					`:3:42: subscriptions[0].tenants[0].idps[1]: there is no idp "nobody" in this file or in the subscription`,
					`:3:65: subscriptions[0].tenants[0].client_apps[0]: there is no client_app "nothing" in this file or in the subscription`,
					`:4:33: subscriptions[0].users[0].idps[0]: there is no idp "who" in this file or in the subscription`,
					`:4:49: subscriptions[0].users[0].tenants[0]: there is no tenant "where" in this file or in the subscription`,
					`:4:66: subscriptions[0].users[0].groups[0]: there is no group "what" in this file or in the subscription`,
					`:5:39: subscriptions[0].groups[0].members[1]: there is no user "zoe" in this file or in the subscription`,
					`:7:22: subscriptions[0].assignments[0].two_factor: there is no two_factor "letter" in this file or in the subscription`,
					`:7:34: subscriptions[0].assignments[0].to: there is no tenant "moon" in this file or in the subscription`,
					`:8:32: subscriptions[0].assignments[1].to: there is no group "gone" in this file or in the subscription`,
					`:9:23: subscriptions[0].exemptions[0].of: there is no user "zoe" in this file or in the subscription`,
				},
			},
			"unknown types and options": {
				`    settings: {pigeon: {}, email: {Sender: a}}
    two_factors:
      - {name: a, type: pigeon, options: {Wings: 2}}
      - {name: b, type: twilio, options: {TwilioAccountSID: AC, CodeLength: 6}}
      - {name: c, type: email, options: {MailServerConfig: {Hots: a}}}
`, []string{
					":3:16: subscriptions[0].settings.pigeon: must be a factor type of this server: " + types(w),
					":3:36: subscriptions[0].settings.email.Sender: is no option of type email; there are " + optionNames(w, "email"),
					":5:25: subscriptions[0].two_factors[0].type: must be a factor type of this server: " + types(w),
					":6:43: subscriptions[0].two_factors[1].options.TwilioAccountSID: is no option of type twilio; there are " + optionNames(w, "twilio"),
					":7:61: subscriptions[0].two_factors[2].options.MailServerConfig.Hots: is no part of MailServerConfig; there are MailType, Host, Port, EnableSSL, UserName, Password, Timeout, ClientId, ClientSecret, TenantId, UserId",
				},
			},
			"nothing there": {
				`    users:
      - {name: a, password: {env: NOWHERE}}
      - {name: b, password: {env: EMPTY}}
      - {name: c, password: {file: nowhere}}
      - {name: d, password: {file: empty}}
      - {name: e, password: {file: binary}}
    two_factors: [{name: m, type: email, options: {MailServerConfig: {Password: {file: /nowhere}}}}]
`, []string{
					":4:29: subscriptions[0].users[0].password: the environment has no NOWHERE",
					":5:29: subscriptions[0].users[1].password: EMPTY is empty in the environment",
					":6:29: subscriptions[0].users[2].password: the file nowhere cannot be read",
					":7:29: subscriptions[0].users[3].password: the file empty is empty",
					":8:29: subscriptions[0].users[4].password: the file binary is not text",
					":9:81: subscriptions[0].two_factors[0].options.MailServerConfig.Password: the file /nowhere cannot be read",
				},
			},
			"client apps": {
				`    client_apps:
      - {name: a, type: web}
      - {name: b, type: spa, redirect_uris: [https://a.example], require_pkce: false, client_secret: {env: SECRET}}
      - {name: c, type: machine, auth_method: private_key_jwt}
      - {name: d, type: machine, auth_method: none}
      - {name: e, type: machine, jwks: '{"keys": []}'}
      - {name: f, type: machine, auth_method: private_key_jwt, jwks: '{"keys":[{"kty":"EC","d":"AA"}]}'}
      - {name: expenses, type: web, auth_method: private_key_jwt}
`, []string{
					":4:9: subscriptions[0].client_apps[0].redirect_uris: needs at least one address",
					":5:80: subscriptions[0].client_apps[1].require_pkce: cannot be false for an app that keeps no secret",
					":5:102: subscriptions[0].client_apps[1].client_secret: is of no use: auth_method is none",
					":6:9: subscriptions[0].client_apps[2].jwks: is required for private_key_jwt, or jwks_uri",
					":7:9: subscriptions[0].client_apps[3].grant_types: client_credentials needs an app that can keep a secret",
					":8:40: subscriptions[0].client_apps[4].jwks: must be a JSON Web Key Set of public keys",
					":9:70: subscriptions[0].client_apps[5].jwks: must be a JSON Web Key Set of public keys",
					":10:9: subscriptions[0].client_apps[6].jwks: is required for private_key_jwt, or jwks_uri",
				},
			},
			"short client secret": {
				"    client_apps: [{name: expenses, type: web, client_secret: {env: SHORT}}]\n",
				[]string{":3:62: subscriptions[0].client_apps[0].client_secret: must be at least 32 characters, made at random"},
			},
			"idle longer than the session there is": {
				"    tenants: [{name: acme, idle: 25h}, {name: globex, session: 30m}]\n",
				[]string{
					":3:34: subscriptions[0].tenants[0].idle: leaves an idle time of 25h with a session of 24h; give both",
					":3:64: subscriptions[0].tenants[1].session: leaves an idle time of 1h with a session of 30m; give both",
				},
			},
			"and of a subscription": {
				"    session: 30m\n",
				[]string{":3:14: subscriptions[0].session: leaves an idle time of 1h with a session of 30m; give both"},
			},
			"another type": {
				"    two_factors: [{name: new, type: email}, {name: mail, type: twilio}]\n",
				[]string{":3:64: subscriptions[0].two_factors[1].type: cannot change; this instance is of type email"},
			},
			"passwords": {
				`    users:
      - {name: erin, password: twelve chars, tenants: [globex]}
      - {name: fred, password: twelve chars, tenants: [acme]}
      - {name: gina, password: twelve chars}
      - {name: hugo, password: short, tenants: [globex]}
      - {name: ivan, password: password1234, tenants: [globex]}
      - {name: janabel, password: janabel-2026-2026}
      - {name: bob, password: twelve chars}
      - {name: carla, kind: machine}
`, []string{
					":6:32: subscriptions[0].users[2].password: cannot be used: it needs at least 15 characters.",
					":7:32: subscriptions[0].users[3].password: cannot be used: it needs at least 12 characters.",
					":8:32: subscriptions[0].users[4].password: cannot be used: it is among the first that anybody would try.",
					":9:35: subscriptions[0].users[5].password: cannot be used: it is little more than a name that everybody knows.",
					// bob's tenant requires a second factor, but he is exempt
					":10:31: subscriptions[0].users[6].password: cannot be used: it needs at least 15 characters.",
				},
			},
			"password of a machine": {
				"    users: [{name: robot, password: correct horse battery staple}, {name: carla, password: short}]\n",
				[]string{
					":3:37: subscriptions[0].users[0].password: a machine has no password",
					":3:92: subscriptions[0].users[1].password: cannot be used: it needs at least 15 characters.",
				},
			},
			"member nobody knows": {
				"    users: [{name: new}]\n    groups: [{name: last, members: [new, nobody]}]\n",
				[]string{`:4:42: subscriptions[0].groups[0].members[1]: there is no user "nobody" in this file or in the subscription`},
			},
			"lookalike address": {
				"    groups: [{name: first}]\n    users: [{name: first}, {name: anna, email: ａnna@example.org}]\n",
				[]string{":4:48: subscriptions[0].users[1].email: holds characters that can be mistaken for others"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				w := w.with(t)
				want := make([]string, len(c.want))
				for i, l := range c.want {
					want[i] = "conf/f.yaml" + l
				}
				if diff := cmp.Diff(want, w.refused("subscriptions:\n  - name: sample\n"+c.text)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

func (w *world) with(t *testing.T) *world {
	t.Helper()
	v := *w
	v.T = t
	return &v
}

func types(w *world) string {
	list := w.store.Catalog.Types()
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

func optionNames(w *world, factorType string) string {
	var list []string
	for _, f := range w.store.Catalog[factorType].Fields {
		list = append(list, f.Name)
	}
	return strings.Join(list, ", ")
}

// TestNothingIsWrittenOnFailure: the last entity of a long file is wrong, in a
// way that shows only when all others have been written.
func TestNothingIsWrittenOnFailure(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.secret("SECRET", "client-secret-0123456789-0123456789")
		w.secret("PASSWORD", "correct horse battery staple")
		text := "settings: {email: {CodeLength: 7}}\n" + strings.TrimSpace(base) + "\n  - name: last\n    tenants: [{name: fine}, {name: wrong}]\n    users: [{name: zoe, password: guessable}]\n"
		want := []string{"conf/f.yaml:30:35: subscriptions[1].users[0].password: cannot be used: it needs at least 15 characters."}
		if diff := cmp.Diff(want, w.refused(text)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		// A failure of something else than the file.
		broken := errors.New("no keys")
		before := w.dump()
		w.store.OnTenant = func(_ context.Context, v tenants.Tenant) error {
			if v.Name == "wrong" {
				return broken
			}
			return nil
		}
		f := must[*apply.File](t)(apply.Parse("f.yaml", []byte(text)))
		if rep, err := apply.Run(t.Context(), w.store, w.trail, f, w.options()); !errors.Is(err, broken) || len(rep.Changes) > 0 {
			t.Errorf("%v, %v", rep, err)
		}
		w.same(before)
	})
}

func TestDatabaseFails(t *testing.T) {
	w := newBase(t, testkit.SQLite(t))
	f := must[*apply.File](t)(apply.Parse("f.yaml", []byte("subscriptions: [{name: sample, title: T}]")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := apply.Run(ctx, w.store, w.trail, f, w.options())
	var ps apply.Problems
	if err == nil || errors.As(err, &ps) {
		t.Errorf("got %v, want an error that does not blame the file", err)
	}
}

// TestPasswords: a password that fits is not set again, another one is.
func TestPasswords(t *testing.T) {
	w := newBase(t, testkit.SQLite(t))
	acme := tenants.WithRealm(t.Context(), must[tenants.Realm](t)(w.store.RealmByName(t.Context(), "acme")))
	signIn := func(password string) error {
		_, err := w.store.CheckPassword(acme, "anna", password)
		return err
	}
	before := w.dump()["passwords"]
	w.apply(base)
	if w.dump()["passwords"] != before {
		t.Error("the same password was hashed again")
	}
	w.files["conf/anna.txt"] = w.secrets.Add("password from file", "nineteen yellow boats") + "\r\n"
	if err := signIn("nineteen yellow boats"); !errors.Is(err, tenants.ErrWrongPassword) {
		t.Errorf("before: %v", err)
	}
	got := w.apply("subscriptions: [{name: sample, users: [{name: anna, password: {file: anna.txt}}]}]\n")
	if diff := cmp.Diff([]string{"~ user anna: password (changed)"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := signIn("nineteen yellow boats"); err != nil {
		t.Errorf("after: %v", err)
	}
	// Digits without quotes are text, and spaces around a password belong to it.
	w.apply("subscriptions: [{name: sample, users: [{name: anna, password: 90217364518273}]}]\n")
	if err := signIn("90217364518273"); err != nil {
		t.Errorf("digits: %v", err)
	}
}

// TestClientSecrets: a new secret is added, so that both hold during a rotation.
func TestClientSecrets(t *testing.T) {
	w := newBase(t, testkit.SQLite(t))
	acme := tenants.WithRealm(t.Context(), must[tenants.Realm](t)(w.store.RealmByName(t.Context(), "acme")))
	old := w.env["SECRET"]
	w.secret("SECRET", "new-client-secret-0123456789-0123456789")
	got := w.apply(base)
	if diff := cmp.Diff([]string{"~ client_app expenses: client_secret (changed)"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, secret := range []string{old, w.env["SECRET"]} {
		if ok := must[bool](t)(w.store.CheckClientSecret(acme, "expenses", secret)); !ok {
			t.Error("a secret does not hold")
		}
	}
}

// TestOptionsReachTheFactor: options arrive as JSON of the right types.
func TestOptionsReachTheFactor(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.secret("TOKEN", "0123456789abcdef0123456789abcdef")
	w.env["SID"] = "AC0123456789abcdef0123456789abcdef"
	w.secret("MAIL", `{"MailType":"SMTP","Host":"localhost","Port":25,"EnableSSL":false}`)
	w.apply(`
subscriptions:
  - name: sample
    two_factors:
      - name: sms
        type: twilio
        options:
          TwilioAccountSid: {env: SID}
          TwilioAuthToken: {env: TOKEN}
          TwilioSmsFromNumber: +41435550100
          CodeLength: 0x8
      - name: mail
        type: email
        options: {EMailSenderAddress: a@b.example, MailServerConfig: {env: MAIL}}
      - name: odd
        type: email
        options: {MailServerConfig: [a, 1.5, {b: {env: SID}}]}
`)
	ctx := w.in("sample")
	got := map[string]string{}
	for _, f := range must[[]tenants.TwoFactor](t)(w.store.ListTwoFactors(ctx)) {
		got[f.Name] = must[tenants.State](t)(w.store.StateOf(ctx, f.ID)).Word
		for name, raw := range must[tenants.Options](t)(w.store.OptionsOf(ctx, f.ID)) {
			got[f.Name+" "+name] = string(raw)
		}
	}
	want := map[string]string{
		"odd": "invalid", "odd MailServerConfig": `["a",1.5,{"b":"AC0123456789abcdef0123456789abcdef"}]`,
		"mail": "untested", "mail EMailSenderAddress": `"a@b.example"`,
		"mail MailServerConfig": `"{\"MailType\":\"SMTP\",\"Host\":\"localhost\",\"Port\":25,\"EnableSSL\":false}"`,
		"sms":                   "untested", "sms TwilioAccountSid": `"AC0123456789abcdef0123456789abcdef"`, "sms TwilioAuthToken": `"0123456789abcdef0123456789abcdef"`,
		"sms TwilioSmsFromNumber": `"+41435550100"`, "sms CodeLength": "8",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

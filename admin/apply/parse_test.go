package apply_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
)

// mistakes parses text and returns the lines of what is wrong with it.
func mistakes(t *testing.T, text string) []string {
	t.Helper()
	_, err := apply.Parse("f.yaml", []byte(text))
	return problemLines(t, err)
}

func problemLines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var ps apply.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("not Problems: %v", err)
	}
	return strings.Split(ps.Error(), "\n")
}

func TestParseWholeFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "f.yaml:1:1: the file is empty"},
		"comment":        {"# hello\n", "f.yaml:1:1: the file is empty"},
		"null":           {"---\n...\n", "f.yaml:2:1: must be a mapping of keys to values"},
		"list":           {"\n- a\n", "f.yaml:2:1: must be a mapping of keys to values"},
		"text":           {"hello", "f.yaml:1:1: must be a mapping of keys to values"},
		"two documents":  {"subscriptions: []\n---\nsubscriptions: []\n", "f.yaml:2:1: the file holds more than one YAML document"},
		"tab":            {"subscriptions:\n\t- name: a\n", "f.yaml:2:1: is not valid YAML: found character that cannot start any token"},
		"broken second":  {"subscriptions: []\n---\n\t- b\n", "f.yaml:3:1: is not valid YAML: found character that cannot start any token"},
		"open quote":     {"settings: {}\nsubscriptions: [{name: \"a}]\n", "f.yaml:2:1: is not valid YAML: found unexpected end of stream"},
		"open list":      {"settings: {}\nsubscriptions:\n  - name: a\n    users: [b, c\n    title: d\n", "f.yaml:4:1: is not valid YAML near here: did not find expected ',' or ']'"},
		"two colons":     {"settings: {}\nsubscriptions: a: b\n", "f.yaml:2:1: is not valid YAML: mapping values are not allowed in this context"},
		"bad indent":     {"settings: {}\nsubscriptions:\n  - name: a\n   title: b\n", "f.yaml:3:1: is not valid YAML near here: did not find expected '-' indicator"},
		"unknown alias":  {"subscriptions: *other\n", "f.yaml:1:1: is not valid YAML: unknown anchor 'other' referenced"},
		"not characters": {"settings: \"\x01\"\n", "f.yaml:1:1: is not valid YAML: control characters are not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{c.want}, mistakes(t, c.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// in puts lines of YAML into a subscription that begins in line 1.
func in(lines string) string {
	return "subscriptions:\n  - name: s\n" + lines
}

func TestParseValues(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key at the top":       {"subscription: []\n", "f.yaml:1:1: subscription: is not a key here; there are settings, templates, roles, subscriptions"},
		"unknown key":                  {in("    groups: [{name: g, member: []}]\n"), "f.yaml:3:24: subscriptions[0].groups[0].member: is not a key here; there are name, members"},
		"session of a subscription":    {in("    session: 4m\n    idle: 30s\n"), "f.yaml:3:14: subscriptions[0].session: must be from 5m to 90d"},
		"idle that is inherited":       {in("    session: 0s\n    idle: 30s\n"), "f.yaml:4:11: subscriptions[0].idle: must be from 1m to the length of the session"},
		"where an app is told":         {in("    client_apps: [{name: a, type: web, backchannel_logout_uri: http://a.example/out}]\n"), "f.yaml:3:64: subscriptions[0].client_apps[0].backchannel_logout_uri: must use https"},
		"unknown key with odd letters": {in("    \"a b\": 1\n"), `f.yaml:3:5: subscriptions[0]."a b": is not a key here; there are name, title, enforce_mfa, min_acr, session, idle, shared_sign_on, active, settings, idps, client_apps, tenants, users, groups, two_factors, assignments, exemptions, templates, roles`},
		"key twice":                    {in("    title: a\n    title: b\n"), "f.yaml:4:5: subscriptions[0].title: comes twice, first in line 3"},
		"key that is a list":           {in("    [a]: b\n"), "f.yaml:3:5: subscriptions[0]: has a key that is not plain text"},
		"merge key":                    {in("    <<: {title: a}\n"), "f.yaml:3:5: subscriptions[0]: has a key that is not plain text"},
		"alias":                        {in("    title: &t Hello\n    idps: [{name: i, title: *t}]\n"), "f.yaml:4:29: subscriptions[0].idps[0].title: is an alias; write the value out"},
		"alias of a whole":             {in("    idps: &i []\n    groups: *i\n"), "f.yaml:4:13: subscriptions[0].groups: is an alias; write the value out"},
		"alias in options":             {in("    title: &t Hello\n    two_factors: [{name: m, type: x, options: {A: {B: *t}}}]\n"), "f.yaml:4:55: subscriptions[0].two_factors[0].options.A.B: is an alias; write the value out"},
		"name missing":                 {"subscriptions:\n  - title: S\n", "f.yaml:2:5: subscriptions[0].name: is required"},
		"name empty":                   {"subscriptions:\n  - name: \"\"\n", "f.yaml:2:11: subscriptions[0].name: must be 1 to 128 characters, without space at its ends"},
		"name null":                    {"subscriptions:\n  - name:\n", `f.yaml:2:10: subscriptions[0].name: is empty: write "", or leave the key out`},
		"name of two lines":            {"subscriptions:\n  - name: \"a\\nb\"\n", "f.yaml:2:11: subscriptions[0].name: must be text of one line"},
		"list for a mapping":           {"subscriptions:\n  - [a]\n", "f.yaml:2:5: subscriptions[0]: must be a mapping of keys to values"},
		"mapping for a list":           {in("    users: {name: a}\n"), "f.yaml:3:12: subscriptions[0].users: must be a list; an empty one is []"},
		"null for a list":              {in("    users:\n"), "f.yaml:3:11: subscriptions[0].users: must be a list; an empty one is []"},
		"list for text":                {in("    title: [a]\n"), "f.yaml:3:12: subscriptions[0].title: must be text"},
		"bool for text":                {in("    title: true\n"), "f.yaml:3:12: subscriptions[0].title: must be text; put it in quotes"},
		"text for bool":                {in("    active: \"true\"\n"), "f.yaml:3:13: subscriptions[0].active: must be true or false"},
		"yes for bool":                 {in("    active: yes\n"), "f.yaml:3:13: subscriptions[0].active: must be true or false"},
		"acr":                          {in("    min_acr: aal2\n"), "f.yaml:3:14: subscriptions[0].min_acr: must be empty or urn:twofold:acr:1fa, urn:twofold:acr:2fa, urn:twofold:acr:aal2 or phr"},
		"idp type":                     {in("    idps: [{name: i, type: saml}]\n"), "f.yaml:3:28: subscriptions[0].idps[0].type: must be local or oidc"},
		"tenant name":                  {in("    tenants: [{name: Acme}]\n"), "f.yaml:3:22: subscriptions[0].tenants[0].name: must be 1 to 63 lower-case letters, digits or inner hyphens"},
		"accent":                       {in("    tenants: [{name: a, accent: green}]\n"), `f.yaml:3:33: subscriptions[0].tenants[0].accent: must be a colour such as "#2f5d50"`},
		"session without unit":         {in("    tenants: [{name: a, session: 24}]\n"), "f.yaml:3:34: subscriptions[0].tenants[0].session: must be a time span such as 45m, 24h or 30d"},
		"session of nonsense":          {in("    tenants: [{name: a, session: d}]\n"), "f.yaml:3:34: subscriptions[0].tenants[0].session: must be a time span such as 45m, 24h or 30d"},
		"session of fractions":         {in("    tenants: [{name: a, session: 300.5s}]\n"), "f.yaml:3:34: subscriptions[0].tenants[0].session: must be a time span such as 45m, 24h or 30d"},
		"session below 5m":             {in("    tenants: [{name: a, session: 4m}]\n"), "f.yaml:3:34: subscriptions[0].tenants[0].session: must be from 5m to 90d"},
		"session above 90d":            {in("    tenants: [{name: a, session: 90d1s}]\n"), "f.yaml:3:34: subscriptions[0].tenants[0].session: must be from 5m to 90d"},
		"idle above session":           {in("    tenants: [{name: a, idle: 2h, session: 1h}]\n"), "f.yaml:3:31: subscriptions[0].tenants[0].idle: must not be longer than the session"},
		"idle below 1m":                {in("    tenants: [{name: a, idle: 30s}]\n"), "f.yaml:3:31: subscriptions[0].tenants[0].idle: must be from 1m to the length of the session"},
		"number in quotes":             {in("    tenants: [{name: a, remember_days: \"7\"}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number too large":             {in("    tenants: [{name: a, remember_days: 31}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"negative number":              {in("    tenants: [{name: a, remember_days: -1}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number as a power":            {in("    tenants: [{name: a, remember_days: 1e1}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number in hex":                {in("    tenants: [{name: a, remember_days: 0x10}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number with underscore":       {in("    tenants: [{name: a, remember_days: 1_0}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number missing":               {in("    tenants: [{name: a, remember_days: }]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"number as a span":             {in("    tenants: [{name: a, remember_days: 7d}]\n"), "f.yaml:3:40: subscriptions[0].tenants[0].remember_days: must be a whole number from 0 to 30"},
		"country by name":              {in("    tenants: [{name: a, sms_countries: [CH, Norway]}]\n"), "f.yaml:3:45: subscriptions[0].tenants[0].sms_countries[1]: must be a country code of two capital letters, such as CH"},
		"country in small letters":     {in("    tenants: [{name: a, sms_countries: [ch]}]\n"), "f.yaml:3:41: subscriptions[0].tenants[0].sms_countries[0]: must be a country code of two capital letters, such as CH"},
		"tenant's locale":              {in("    tenants: [{name: a, locale: german_}]\n"), "f.yaml:3:33: subscriptions[0].tenants[0].locale: must be a language such as en or de-CH"},
		"app type missing":             {in("    client_apps: [{name: a}]\n"), "f.yaml:3:19: subscriptions[0].client_apps[0].type: is required"},
		"app type":                     {in("    client_apps: [{name: a, type: mobile}]\n"), "f.yaml:3:35: subscriptions[0].client_apps[0].type: must be web, spa, native or machine"},
		"client_id":                    {in("    client_apps: [{name: a, type: web, client_id: a b}]\n"), "f.yaml:3:51: subscriptions[0].client_apps[0].client_id: must be 1 to 128 printable ASCII characters without spaces"},
		"auth_method":                  {in("    client_apps: [{name: a, type: web, auth_method: basic}]\n"), "f.yaml:3:53: subscriptions[0].client_apps[0].auth_method: must be client_secret_basic, client_secret_post, private_key_jwt or none"},
		"grant type":                   {in("    client_apps: [{name: a, type: web, grant_types: [implicit]}]\n"), "f.yaml:3:54: subscriptions[0].client_apps[0].grant_types[0]: must be authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code or urn:ietf:params:oauth:grant-type:token-exchange"},
		"scope":                        {in("    client_apps: [{name: a, type: web, scopes: [openid, \"a b\"]}]\n"), "f.yaml:3:57: subscriptions[0].client_apps[0].scopes[1]: must be printable ASCII without spaces, quotes and backslashes"},
		"scope twice":                  {in("    client_apps: [{name: a, type: web, scopes: [openid, openid]}]\n"), "f.yaml:3:57: subscriptions[0].client_apps[0].scopes[1]: comes twice"},
		"redirect":                     {in("    client_apps:\n      - name: a\n        type: web\n        redirect_uris:\n          - https://a.example/cb\n          - http://a.example/cb\n"), "f.yaml:8:13: subscriptions[0].client_apps[0].redirect_uris[1]: must use https"},
		"redirect of a web app":        {in("    client_apps: [{name: a, type: web, post_logout_redirect_uris: [\"a.example:/cb\"]}]\n"), "f.yaml:3:68: subscriptions[0].client_apps[0].post_logout_redirect_uris[0]: has a scheme that is not allowed"},
		"key algorithm":                {in("    client_apps: [{name: a, type: web, id_token_alg: HS256}]\n"), "f.yaml:3:54: subscriptions[0].client_apps[0].id_token_alg: must be tenant, RS256 or ES256"},
		"secret is a list":             {in("    client_apps: [{name: a, type: web, client_secret: [hush]}]\n"), "f.yaml:3:55: subscriptions[0].client_apps[0].client_secret: must be text, {env: NAME} or {file: PATH}"},
		"secret is empty":              {in("    client_apps: [{name: a, type: web, client_secret: \"\"}]\n"), "f.yaml:3:55: subscriptions[0].client_apps[0].client_secret: is empty"},
		"secret is null":               {in("    client_apps: [{name: a, type: web, client_secret: }]\n"), "f.yaml:3:55: subscriptions[0].client_apps[0].client_secret: must be text, {env: NAME} or {file: PATH}"},
		"secret from two places":       {in("    users: [{name: a, password: {env: A, file: b}}]\n"), "f.yaml:3:33: subscriptions[0].users[0].password: must be text, {env: NAME} or {file: PATH}"},
		"secret from elsewhere":        {in("    users: [{name: a, password: {vault: A}}]\n"), "f.yaml:3:33: subscriptions[0].users[0].password: must be text, {env: NAME} or {file: PATH}"},
		"environment name":             {in("    users: [{name: a, password: {env: A-B}}]\n"), "f.yaml:3:39: subscriptions[0].users[0].password.env: must be the name of an environment variable: letters, digits and underscores"},
		"environment name null":        {in("    users: [{name: a, password: {env: }}]\n"), "f.yaml:3:39: subscriptions[0].users[0].password.env: must be text"},
		"kind of user":                 {in("    users: [{name: a, kind: robot}]\n"), "f.yaml:3:29: subscriptions[0].users[0].kind: must be person or machine"},
		"password of a machine":        {in("    users: [{name: a, kind: machine, password: hush}]\n"), "f.yaml:3:48: subscriptions[0].users[0].password: a machine has no password"},
		"email":                        {in("    users:\n      - name: a\n      - name: b\n        email: b at example.org\n"), "f.yaml:6:16: subscriptions[0].users[1].email: is not a mail address"},
		"phone":                        {in("    users: [{name: a, phone: 079 123 45 67}]\n"), "f.yaml:3:30: subscriptions[0].users[0].phone: must be a number in international form, such as +41791234567"},
		"locale":                       {in("    users: [{name: a, locale: german!}]\n"), "f.yaml:3:31: subscriptions[0].users[0].locale: must be a language such as en or de-CH"},
		"login name":                   {in("    users: [{name: \"  \"}]\n"), "f.yaml:3:20: subscriptions[0].users[0].name: must be 1 to 254 characters"},
		"options are a list":           {in("    two_factors: [{name: m, type: x, options: [A]}]\n"), "f.yaml:3:47: subscriptions[0].two_factors[0].options: must be a mapping of options to values; an empty one is {}"},
		"option twice":                 {in("    two_factors: [{name: m, type: x, options: {A: 1, A: 2}}]\n"), "f.yaml:3:54: subscriptions[0].two_factors[0].options.A: comes twice, first in line 3"},
		"option null":                  {in("    two_factors: [{name: m, type: x, options: {A: [1, {B: }]}}]\n"), "f.yaml:3:59: subscriptions[0].two_factors[0].options.A[1].B: is empty: give a value, or leave the key out"},
		"option not a number":          {in("    two_factors: [{name: m, type: x, options: {A: .nan}}]\n"), "f.yaml:3:51: subscriptions[0].two_factors[0].options.A: must be a number"},
		"option too large":             {in("    two_factors: [{name: m, type: x, options: {A: 99999999999999999999999}}]\n"), ""},
		"option far too large":         {in("    two_factors: [{name: m, type: x, options: {A: 18446744073709551615}}]\n"), "f.yaml:3:51: subscriptions[0].two_factors[0].options.A: is a number that is too large"},
		"option of a strange type":     {in("    two_factors: [{name: m, type: x, options: {A: !!binary aGk=}}]\n"), "f.yaml:3:51: subscriptions[0].two_factors[0].options.A: must be text, a number, true or false, a list or a mapping"},
		"option too deep":              {in("    two_factors: [{name: m, type: x, options: {A: " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "}}]\n"), "f.yaml:3:71: subscriptions[0].two_factors[0].options.A" + strings.Repeat("[0]", 20) + ": is nested too deeply"},
		"settings are a list":          {"settings: []\n", "f.yaml:1:11: settings: must be a mapping of factor types to options"},
		"settings without options":     {"settings: {email: 3}\n", "f.yaml:1:19: settings.email: must be a mapping of options to values; an empty one is {}"},
		"level":                        {in("    assignments: [{two_factor: m, to: {team: a}}]\n"), "f.yaml:3:39: subscriptions[0].assignments[0].to: must be {LEVEL: NAME} with one level of subscription, tenant, idp, client_app, group, user"},
		"two levels":                   {in("    assignments: [{two_factor: m, to: {tenant: a, user: b}}]\n"), "f.yaml:3:39: subscriptions[0].assignments[0].to: must be {LEVEL: NAME} with one level of subscription, tenant, idp, client_app, group, user"},
		"subscription: false":          {in("    assignments: [{two_factor: m, to: {subscription: false}}]\n"), "f.yaml:3:54: subscriptions[0].assignments[0].to.subscription: must be true"},
		"subscription: name":           {in("    assignments: [{two_factor: m, to: {subscription: s}}]\n"), "f.yaml:3:54: subscriptions[0].assignments[0].to.subscription: must be true or false"},
		"exempt level":                 {in("    exemptions: [{of: {tenant: a}, reason: r, until: 2027-01-31}]\n"), "f.yaml:3:23: subscriptions[0].exemptions[0].of: must be {LEVEL: NAME} with one level of idp, client_app, user"},
		"exempt without reason":        {in("    exemptions: [{of: {user: a}, until: 2027-01-31}]\n"), "f.yaml:3:18: subscriptions[0].exemptions[0].reason: is required"},
		"exempt with blank reason":     {in("    exemptions: [{of: {user: a}, reason: \" \", until: 2027-01-31}]\n"), "f.yaml:3:42: subscriptions[0].exemptions[0].reason: must not be empty"},
		"exempt until":                 {in("    exemptions: [{of: {user: a}, reason: r, until: 31.1.2027}]\n"), "f.yaml:3:52: subscriptions[0].exemptions[0].until: must be a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if diff := cmp.Diff(want, mistakes(t, c.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseNamesTwice(t *testing.T) {
	text := `subscriptions:
  - name: one
    idps: [{name: i}, {name: i}]
    tenants: [{name: acme}]
    client_apps:
      - {name: a, type: spa, client_id: same}
      - {name: a, type: spa}
    users: [{name: Anna}, {name: " ANNA "}]
    groups: [{name: g}, {name: g}]
    two_factors: [{name: m, type: x}, {name: m, type: x}]
    assignments:
      - {two_factor: m, to: {user: anna}}
      - {two_factor: m, to: {user: Anna}}
      - {two_factor: m, to: {tenant: anna}}
    exemptions:
      - {of: {user: anna}, reason: a, until: 2027-01-01}
      - {of: {user: ANNA}, reason: b, until: 2027-01-02}
  - name: one
    idps: [{name: i}]
    tenants: [{name: acme}]
    client_apps: [{name: a, type: spa, client_id: same}]
    users: [{name: bob, tenants: [acme, acme]}]
    groups: [{name: g, members: [Bob, bob]}]
`
	want := []string{
		"f.yaml:3:30: subscriptions[0].idps[1].name: is taken already, by subscriptions[0].idps[0].name in line 3",
		"f.yaml:7:16: subscriptions[0].client_apps[1].name: is taken already, by subscriptions[0].client_apps[0].name in line 6",
		"f.yaml:8:34: subscriptions[0].users[1].name: is taken already, by subscriptions[0].users[0].name in line 8",
		"f.yaml:9:32: subscriptions[0].groups[1].name: is taken already, by subscriptions[0].groups[0].name in line 9",
		"f.yaml:10:46: subscriptions[0].two_factors[1].name: is taken already, by subscriptions[0].two_factors[0].name in line 10",
		"f.yaml:13:9: subscriptions[0].assignments[1]: is taken already, by subscriptions[0].assignments[0] in line 12",
		"f.yaml:17:9: subscriptions[0].exemptions[1]: is taken already, by subscriptions[0].exemptions[0] in line 16",
		"f.yaml:18:11: subscriptions[1].name: is taken already, by subscriptions[0].name in line 2",
		"f.yaml:20:22: subscriptions[1].tenants[0].name: is taken already, by subscriptions[0].tenants[0].name in line 4",
		"f.yaml:21:51: subscriptions[1].client_apps[0].client_id: is taken already, by subscriptions[0].client_apps[0].client_id in line 6",
		"f.yaml:22:41: subscriptions[1].users[0].tenants[1]: comes twice",
		"f.yaml:23:39: subscriptions[1].groups[0].members[1]: comes twice",
	}
	if diff := cmp.Diff(want, mistakes(t, text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseGroupsMustAgree(t *testing.T) {
	text := `subscriptions:
  - name: one
    users:
      - {name: Anna, groups: [readers]}
      - {name: bob, groups: [writers]}
      - {name: carla}
    groups:
      - {name: readers, members: [BOB, carla, anna]}
      - {name: writers, members: []}
      - {name: others}
`
	want := []string{
		`f.yaml:5:30: subscriptions[0].users[1].groups[0]: group "writers" lists its members in line 9, and "bob" is not among them`,
		`f.yaml:8:35: subscriptions[0].groups[0].members[0]: user "BOB" lists their groups in line 5, and "readers" is not among them`,
	}
	if diff := cmp.Diff(want, mistakes(t, text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestParseSaysNoSecret: a secret that stands in a wrong place is not repeated.
func TestParseSaysNoSecret(t *testing.T) {
	const hush = "hunter2-hunter2"
	for name, text := range map[string]string{
		"in a list":      in("    users: [{name: a, password: [" + hush + "]}]\n"),
		"in a mapping":   in("    users: [{name: a, password: {is: " + hush + "}}]\n"),
		"as environment": in("    users: [{name: a, password: {env: " + hush + "!}}]\n"),
		"of a machine":   in("    users: [{name: a, kind: machine, password: " + hush + "}]\n"),
		"tagged":         in("    users: [{name: a, password: !!binary " + hush + "}]\n"),
		"in broken YAML": in("    users: [{name: a, password: \"" + hush + "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			lines := mistakes(t, text)
			if len(lines) == 0 {
				t.Fatal("accepted")
			}
			if s := strings.Join(lines, "\n"); strings.Contains(s, hush) {
				t.Errorf("says the secret:\n%s", s)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("subscriptions: [{name: a, users: [{name: b, password: {env: C}}]}]"))
	f.Add([]byte("settings: {email: {A: {B: [1, 2.5, true, 2027-01-01]}}}\n"))
	f.Add([]byte("subscriptions:\n- name: a\n  tenants:\n  - name: t\n    session: 90d\n  exemptions:\n  - of: {user: x}\n    until: 2027-01-31\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [a]\n: b\n--- \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := apply.Parse("f.yaml", data)
		if err == nil {
			if file == nil {
				t.Fatal("neither file nor error")
			}
			return
		}
		var ps apply.Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("not Problems: %v", err)
		}
		last := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
			strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 1
		for _, p := range ps {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Line > last+1 {
				t.Errorf("%#v: out of place, the file has %d lines", p, last)
			}
		}
	})
}

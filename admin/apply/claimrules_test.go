package apply_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/admin/apply"
	"twofold/internal/testkit"
)

// TestApps: whom an app is for and what it is told is brought to what a file says; a key
// that is absent leaves it.
func TestApps(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newBase(t, url)
		app := func(keys string) string {
			return "subscriptions: [{name: sample, client_apps: [{name: field, type: native, " + keys + "}]}]"
		}
		for _, step := range []struct {
			keys string
			want []string
		}{
			{
				`restricted: true, users: [Anna, bob], groups: [managers], claim_rules: [{name: level, source: constant, value: "2"}, {name: list, source: constant, value: [1, true, "$${x}"]}, {name: roles, source: groups, map: [managers = a]}]`,
				[]string{`~ client_app field: restricted false → true, claim_rules +"level constant \"2\"" +"list constant [1,true,\"${x}\"]" +"roles groups map managers = a", users +anna +bob, groups +managers`},
			},
			{`restricted: true`, []string{"= nothing to change"}},
			{`users: [bob], groups: []`, []string{`~ client_app field: users -anna, groups -managers`}},
			{`claim_rules: [{name: level, source: omit}]`, []string{`~ client_app field: claim_rules +"level omit" -"level constant \"2\"" -"list constant [1,true,\"${x}\"]" -"roles groups map managers = a"`}},
			{`claim_rules: []`, []string{`~ client_app field: claim_rules -"level omit"`}},
		} {
			got := w.apply(app(step.keys))
			if d := cmp.Diff(step.want, got); d != "" {
				t.Errorf("%s: %s", step.keys, d)
			}
		}
		for keys, want := range map[string]string{
			`users: [nobody]`:  "there is no user",
			`groups: [nobody]`: "there is no group",
			`claim_rules: [{name: c, source: attribute, attribute: subject, idp: nobody}]`: "there is no idp",
			`claim_rules: [{name: sub, source: tenant}]`:                                   "only Twofold itself may make",
		} {
			if got := strings.Join(w.refused(app(keys)), "\n"); !strings.Contains(got, want) {
				t.Errorf("%s: %s", keys, got)
			}
		}
		for keys, want := range map[string]string{
			`claim_rules: [{name: c}]`:                                             "is required",
			`claim_rules: [{name: c, source: script}]`:                             "must be constant",
			`claim_rules: [{name: c, source: constant, value: {a: 1}}]`:            "a list of these",
			`claim_rules: [{name: c, source: constant, value: "${env:PASSWORD}"}]`: "a list of these",
		} {
			if _, err := apply.Parse("f.yaml", []byte(app(keys))); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", keys, err)
			}
		}
	})
}

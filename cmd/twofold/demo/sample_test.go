package demo_test

import (
	"bytes"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"twofold/admin/apply"
	"twofold/cmd/twofold/demo"
)

func sampleConfig(keep demo.Facts, now time.Time) demo.SampleConfig {
	return demo.SampleConfig{
		ProviderURL: "http://localhost:9400/", AppURL: "http://localhost:9401/", SMTPHost: "127.0.0.1", SMTPPort: 2525,
		Keep: keep, Now: now, Rand: rand.Reader,
	}
}

func sample(t *testing.T, keep demo.Facts, now time.Time) ([]byte, demo.Facts) {
	t.Helper()
	text, f, err := demo.Sample(sampleConfig(keep, now))
	if err != nil {
		t.Fatal(err)
	}
	return text, f
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestSampleIsYAML(t *testing.T) {
	text, f := sample(t, demo.Facts{}, noon)
	var file struct{ Subscriptions []map[string]any }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if _, err := apply.Parse("sample.yaml", text); err != nil {
		t.Errorf("twofold apply would refuse it:\n%v", err)
	}
	sub := file.Subscriptions[0]
	got := map[string]int{}
	for kind, v := range sub {
		if list, ok := v.([]any); ok {
			got[kind] = len(list)
		}
	}
	want := map[string]int{
		"idps": 1, "client_apps": 3, "tenants": 2, "groups": 1, "users": 12, "two_factors": 8, "assignments": 9, "exemptions": 1, "roles": 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is in the sample (-want +got):\n%s", diff)
	}
	for i, v := range sub["users"].([]any) {
		if u := v.(map[string]any); u["password"] != f.Users[i].Password || u["name"] != f.Users[i].Name {
			t.Errorf("user %v differs from the facts", u["name"])
		}
	}
}

func TestSampleIsStable(t *testing.T) {
	dir := t.TempDir()
	text, first := sample(t, demo.Facts{}, noon)
	if err := first.Save(dir); err != nil {
		t.Fatal(err)
	}
	kept, err := demo.LoadFacts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, kept); diff != "" {
		t.Errorf("demo.json (-saved +loaded):\n%s", diff)
	}
	again, second := sample(t, kept, noon.Add(24*time.Hour))
	if !bytes.Equal(text, again) {
		t.Errorf("the sample changed:\n%s", cmp.Diff(string(text), string(again)))
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the facts changed:\n%s", diff)
	}
}

func TestSampleFollowsItsPlaces(t *testing.T) {
	_, first := sample(t, demo.Facts{}, noon)
	c := sampleConfig(first, noon)
	c.AppURL, c.ProviderURL = "http://localhost:1", "http://localhost:2"
	text, second, err := demo.Sample(c)
	if err != nil {
		t.Fatal(err)
	}
	if second.Clients[0].RedirectURI != "http://localhost:1/callback" || second.Tenants[1].Issuer != "http://localhost:2/t/globex" {
		t.Errorf("kept old places: %+v %+v", second.Clients[0], second.Tenants[1])
	}
	if second.Clients[0].ClientSecret != first.Clients[0].ClientSecret || bytes.Contains(text, []byte("940")) {
		t.Error("lost the secret, or names an old place")
	}
}

func TestExemptionIsRenewedWhenOver(t *testing.T) {
	_, first := sample(t, demo.Facts{}, noon)
	_, second := sample(t, first, noon.AddDate(2, 0, 0))
	until := func(f demo.Facts) time.Time {
		for _, u := range f.Users {
			if u.Exempt != nil {
				return u.Exempt.Until
			}
		}
		return time.Time{}
	}
	if got := until(first); !got.Equal(noon.AddDate(1, 0, 0)) {
		t.Errorf("first holds until %s", got)
	}
	if got := until(second); !got.After(noon.AddDate(2, 0, 0)) {
		t.Errorf("second holds until %s", got)
	}
}

func TestFactsFile(t *testing.T) {
	dir := t.TempDir()
	if f, err := demo.LoadFacts(dir); err != nil || f.AppURL != "" {
		t.Errorf("without a file: %v, %v", f, err)
	}
	_, f := sample(t, demo.Facts{}, noon)
	for range 2 { // made, then replaced
		if err := f.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "demo.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := fs.Glob(os.DirFS(dir), "*"); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo.json"), []byte(`{"users":[{"password":"hush`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.LoadFacts(dir); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("of a damaged file: %v", err)
	}
}

func TestBanner(t *testing.T) {
	_, f := sample(t, demo.Facts{}, noon)
	var out bytes.Buffer
	if err := demo.Banner(&out, f, "/var/demo"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{f.AppURL, f.MailboxURL, f.Tenants[0].Issuer, f.Tenants[1].Issuer, f.Tenants[0].AccountURL, f.Tenants[1].AccountURL, f.AdminURL, "/var/demo", f.Users[0].Password} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q", want)
		}
	}
	if strings.Contains(out.String(), f.Clients[0].ClientSecret) {
		t.Error("prints a client secret")
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > 32 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if len([]rune(l)) > 110 || strings.TrimRight(l, " ") != l {
			t.Errorf("%q is long, or ends in spaces", l)
		}
	}
	t.Log("\n" + out.String())
}

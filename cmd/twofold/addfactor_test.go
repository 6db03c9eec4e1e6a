package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twofold/admin/apply"
	"twofold/internal/testkit"
	"twofold/twofactor"
	"twofold/twofactor/catalog"
	"twofold/twofactor/factortest"
)

// TestAddingAFactor: a type of factor that only this test knows is configured,
// assigned and used to sign in, with no other code touched.
func TestAddingAFactor(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		fake := factortest.NewFake(factortest.FakeConfig{Type: "carrierpigeon", Strength: twofactor.StrengthAAL2, AMR: []string{"otp"}})
		all := catalog.Builtin()
		all["carrierpigeon"] = fake.Provider()
		w := newWorldWith(t, url, all)
		w.tenant("acme", "anna")
		file, err := apply.Parse("pigeon.yaml", []byte(`
subscriptions:
  - name: sample
    title: Sample Ltd
    two_factors:
      - name: Pigeon
        type: carrierpigeon
        options: {Greeting: "What does the pigeon say?", Key: "secret-of-the-pigeon"}
    assignments:
      - {two_factor: Pigeon, to: {tenant: acme}, required: true}
`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.apply(context.Background(), file, false); err != nil {
			t.Fatal(err)
		}
		p := w.rp("acme", "expenses")
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		if !strings.Contains(page.Text, "Pigeon") || !strings.Contains(page.Text, "What does the pigeon say?") {
			t.Fatalf("page: %s", page.Text)
		}
		if bad := page.Forms[0].Set("code", "000000").Submit(); bad.Status != 422 {
			t.Errorf("a wrong answer: %d", bad.Status)
		}
		page = page.Forms[0].Set("code", fake.Code(w.ids["user anna"])).Submit()
		cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken)
		if cl["acr"] != "urn:twofold:acr:aal2" || !strings.Contains(str(cl["amr"]), "otp") {
			t.Errorf("acr %v amr %v", cl["acr"], cl["amr"])
		}
		if w.logs.Contains("secret-of-the-pigeon") {
			t.Error("an option's secret is in the log")
		}
	})
}

// TestNobodyNamesAFactor: outside its own directory and the catalogue, no code of
// the house knows a factor by name.
func TestNobodyNamesAFactor(t *testing.T) {
	root := filepath.Join("..", "..")
	var names []string
	for _, typ := range catalog.Builtin().Types() {
		switch typ {
		case "email": // also what every person has, and a claim of OpenID Connect
		case "recovery": // also what people call it when they have lost something
			names = append(names, `"recovery"`, "twofactor/recovery")
		default:
			names = append(names, typ)
		}
	}
	names = append(names, "twofactor/email", "EMailSenderAddress", "MailServerConfig")
	for _, dir := range []string{"idp", "admin", "ui", "tenants", "twofactor/ceremony", "twofactor/delivery", "internal/db", "internal/audit", "internal/limits", "internal/web"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") || strings.Contains(path, "storybook") {
				return err
			}
			if ext := filepath.Ext(path); ext != ".go" && ext != ".html" && ext != ".js" {
				return nil
			}
			text, err := os.ReadFile(path)
			for _, n := range names {
				if strings.Contains(strings.ToLower(string(text)), strings.ToLower(n)) {
					t.Errorf("%s names %s", path, n)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

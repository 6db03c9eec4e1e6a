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
	t.Parallel()
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

// TestAddingAFactorToEnrol: the same for a type that must be set up first: in the
// sign-in that needs it, and from then on it is asked for.
func TestAddingAFactorToEnrol(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		fake := factortest.NewFake(factortest.FakeConfig{Type: "signetring", Strength: twofactor.StrengthAAL2, AMR: []string{"hwk"}, Enrolls: true})
		all := catalog.Builtin()
		all["signetring"] = fake.Provider()
		w := newWorldWith(t, url, all)
		w.tenant("acme", "anna")
		w.factorWith("Ring", "signetring", true, map[string]any{"Greeting": "Press the ring.", "Key": "secret-of-the-ring"})
		w.assign("Ring", "tenant acme", true)
		p := w.rp("acme", "expenses")
		page := p.signIn(testkit.NewClient(t), "anna").Follow()
		if !strings.Contains(page.Text, "Confirm with the code.") || !strings.Contains(page.Text, "Ring") {
			t.Fatalf("not asked to set it up: %s", page.Text)
		}
		if bad := page.Forms[0].Set("code", "000000").Press("Continue"); bad.Status != 422 {
			t.Errorf("a wrong answer: %d", bad.Status)
		}
		page = page.Forms[0].Set("code", fake.Code(w.ids["user anna"])).Press("Continue")
		cl := claims(t, p.exchange(p.callback(page).Get("code")).IDToken)
		if cl["acr"] != "urn:twofold:acr:aal2" || !strings.Contains(str(cl["amr"]), "hwk") {
			t.Errorf("acr %v amr %v", cl["acr"], cl["amr"])
		}
		page = p.signIn(testkit.NewClient(t), "anna").Follow()
		if !strings.Contains(page.Text, "Press the ring.") {
			t.Fatalf("the second time: %s", page.Text)
		}
		page = page.Forms[0].Set("code", fake.Code(w.ids["user anna"])).Press("Continue")
		p.callback(page)
		if ev := w.events("acme"); !strings.Contains(ev, "factor.enrolled") {
			t.Errorf("trail:\n%s", ev)
		}
	})
}

// TestNobodyNamesAFactor: outside its own directory and the catalogue, no code of
// the house knows a factor by name.
func TestNobodyNamesAFactor(t *testing.T) {
	t.Parallel()
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

package letters

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

var update = flag.Bool("update", false, "write what letters say to testdata")

const host = "id.example.org"

func letter(kind string, medium twofactor.Medium, locale string) twofactor.Letter {
	return twofactor.Letter{Kind: kind, Medium: medium, Locale: locale, Vars: sampleVars(host)}
}

func compose(t testing.TB, c Composer, l twofactor.Letter) twofactor.Message {
	t.Helper()
	m, err := c.Compose(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGolden holds all that Twofold says by itself against testdata.
func TestGolden(t *testing.T) {
	for _, kind := range Kinds() {
		for _, lang := range Languages() {
			for _, medium := range []twofactor.Medium{twofactor.ByMail, twofactor.BySMS} {
				m := compose(t, Composer{Host: host}, letter(kind, medium, lang))
				got := m.Text
				if medium == twofactor.ByMail {
					got = "Subject: " + m.Subject + "\n\n" + m.Text + "\n" + m.HTML
				}
				golden(t, kind+"."+lang+"."+string(medium)+".golden", got)
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test with -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestDefaultsPassTheirOwnRules: an administrator can begin with any of them.
func TestDefaultsPassTheirOwnRules(t *testing.T) {
	for _, kind := range Kinds() {
		for _, lang := range Languages() {
			p := Default(kind, lang)
			for _, part := range allParts {
				if p.Get(part) == "" {
					t.Errorf("%s in %s has no %s", kind, lang, part)
				}
			}
			for _, f := range Check(kind, p) {
				t.Errorf("%s in %s: %s %s", kind, lang, f.Field, f.Message)
			}
		}
	}
	for _, p := range []Parts{Default("code", "rm"), Default("code", ""), Default("../code", "en"), Default("", "en")} {
		if p != (Parts{}) {
			t.Errorf("a default from nowhere: %+v", p)
		}
	}
}

// TestEvents: every event has a sentence of its own in every language; what is not
// known gets the general one.
func TestEvents(t *testing.T) {
	events := []string{
		EventPasswordChanged, EventFactorAdded, EventFactorRemoved, EventFactorsReset, EventRecoveryUsed, EventRecoveryLow, EventRecoveryRenewed,
		EventBypassIssued, EventBypassUsed, EventEmailChanged, EventPhoneChanged, EventWrongCodes, EventLocked, EventBrowserRemembered,
	}
	for _, lang := range Languages() {
		seen := map[string]bool{eventSentence(lang, "no such event"): true}
		if !seen[eventSentence(lang, "")] || !seen[eventSentence(lang, eventOther)] {
			t.Errorf("%s: more than one general sentence", lang)
		}
		for _, e := range events {
			s := eventSentence(lang, e)
			if s == "" || seen[s] {
				t.Errorf("%s: %s says %q", lang, e, s)
			}
			seen[s] = true
			l := letter(twofactor.LetterNotice, twofactor.ByMail, lang)
			l.Vars["Event"] = e
			m := compose(t, Composer{}, l)
			if !strings.HasSuffix(m.Subject, ": "+s) || !strings.HasPrefix(m.Subject, "Acme") || !strings.Contains(m.Text, s) {
				t.Errorf("%s: subject %q, text %q", lang, m.Subject, m.Text)
			}
		}
	}
}

// TestLanguages: regions fall back to their language, others to English.
func TestLanguages(t *testing.T) {
	for locale, want := range map[string]string{
		"en": "Your sign-in code for Acme", "de": "Ihr Anmeldecode für Acme", "de-CH": "Ihr Anmeldecode für Acme", "DE_at": "Ihr Anmeldecode für Acme",
		"FR-ca": "Votre code de connexion pour Acme", "it": "Il suo codice di accesso per Acme",
		"rm": "Your sign-in code for Acme", "": "Your sign-in code for Acme", "../de": "Your sign-in code for Acme", "\xff": "Your sign-in code for Acme",
	} {
		m := compose(t, Composer{}, letter("code", twofactor.ByMail, locale))
		if m.Subject != want {
			t.Errorf("%q: %q", locale, m.Subject)
		}
		lang, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
		if !slices.Contains(Languages(), lang) {
			lang = "en"
		}
		if !strings.Contains(m.HTML, `<html lang="`+lang+`"`) {
			t.Errorf("%q: wrong lang in %s", locale, m.HTML)
		}
	}
}

// TestMissing: a letter without what it is for is an error; all else may be missing.
func TestMissing(t *testing.T) {
	for _, kind := range Kinds() {
		must := kinds[kind].must
		for _, medium := range []twofactor.Medium{twofactor.ByMail, twofactor.BySMS} {
			l := letter(kind, medium, "en")
			l.Vars = map[string]string{must: l.Vars[must]}
			m := compose(t, Composer{}, l)
			if strings.Contains(m.Text, "  \n") || strings.Contains(m.Text, "\n\n\n") || strings.Contains(m.Text, "<no value>") {
				t.Errorf("%s by %s: %q", kind, medium, m.Text)
			}
			delete(l.Vars, must)
			if _, err := (Composer{}).Compose(t.Context(), l); err == nil {
				t.Errorf("%s without %s is written", kind, must)
			}
		}
	}
	for _, l := range []twofactor.Letter{letter("other", twofactor.ByMail, "en"), letter("code", "pigeon", "en")} {
		if _, err := (Composer{}).Compose(t.Context(), l); err == nil {
			t.Errorf("%s by %s is written", l.Kind, l.Medium)
		}
	}
}

// TestBoundLine: the last line of a code by SMS is ours, with the configured host.
func TestBoundLine(t *testing.T) {
	for name, c := range map[string]struct {
		composer Composer
		host     string
		want     string
	}{
		"configured":                {Composer{Host: host}, "", "\n@id.example.org #123456"},
		"configured and given":      {Composer{Host: host}, "evil.example", "\n@id.example.org #123456"},
		"given":                     {Composer{}, "id.example.org", "\n@id.example.org #123456"},
		"none":                      {Composer{}, "", ""},
		"overridden, it stays ours": {Composer{Host: host, Overrides: set(Override{"tenant", "en", Parts{SMS: "{{.Code}} for you"}})}, "", "\n@id.example.org #123456"},
	} {
		l := letter("code", twofactor.BySMS, "en")
		l.Vars["Host"] = c.host
		text := compose(t, c.composer, l).Text
		_, last, _ := strings.Cut(text, "\n")
		if got := strings.TrimPrefix(c.want, "\n"); last != got {
			t.Errorf("%s: %q", name, text)
		}
	}
	for _, kind := range []string{"enrol", "reset", "notice"} {
		if text := compose(t, Composer{Host: host}, letter(kind, twofactor.BySMS, "en")).Text; strings.Contains(text, "\n@") {
			t.Errorf("%s: %q", kind, text)
		}
	}
}

// TestLinks: a link leads to our host or nowhere (SECURITY row 53).
func TestLinks(t *testing.T) {
	for link, ok := range map[string]bool{
		"https://id.example.org/t/acme/reset?token=a%2Bb&x=1": true,
		"http://ID.example.org:8080/reset#k":                  true,
		"https://evil.example/reset":                          false,
		"https://id.example.org.evil.example/":                false,
		"https://id.example.org@evil.example/":                false,
		"https://id.example.org\\@evil.example/":              false,
		"//id.example.org/reset":                              false,
		"/reset":                                              false,
		"javascript:alert(1)//id.example.org":                 false,
		"https://id.example.org/\r\nBcc: eve@evil.example":    false,
		`https://id.example.org/"onmouseover="x`:              false,
		"https://id.example.org/<script>":                     false,
		"https://id.example.org/" + strings.Repeat("x", 2048): false,
		"": false,
	} {
		l := letter("reset", twofactor.ByMail, "en")
		l.Vars["Link"] = link
		m, err := Composer{Host: host}.Compose(t.Context(), l)
		if (err == nil) != ok {
			t.Errorf("%q: %v", link, err)
		}
		if ok && (!strings.Contains(m.Text, "\n"+link+"\n") || !strings.Contains(m.HTML, `<a href="`+strings.ReplaceAll(link, "&", "&amp;")+`"`)) {
			t.Errorf("%q is not in\n%s%s", link, m.Text, m.HTML)
		}
		if err != nil && link != "" && strings.Contains(err.Error(), link) {
			t.Errorf("the error tells the link: %v", err)
		}
	}
}

// set is a source of overrides.
func set(overrides ...Override) func(context.Context, string) ([]Override, error) {
	return func(context.Context, string) ([]Override, error) { return overrides, nil }
}

// TestUntrustedValues: what others chose stays text, on one line, and short.
func TestUntrustedValues(t *testing.T) {
	for name, c := range map[string]struct{ realm, subject string }{
		"none":          {"", "Your sign-in code"},
		"line breaks":   {"Acme\r\nBcc: eve@evil.example", "Your sign-in code for Acme Bcc: eve@evil.example"},
		"template":      {"{{.Code}}", "Your sign-in code for {{.Code}}"},
		"shell":         {"${Code}", "Your sign-in code for ${Code}"},
		"nested":        {`{{template "letter" .}}`, `Your sign-in code for {{template "letter" .}}`},
		"invisible":     {"Ac\u202eme\u200b\x00\u2028", "Your sign-in code for Ac me"},
		"broken UTF-8":  {"Ac\xffme", "Your sign-in code for Ac me"},
		"private use":   {"Ac" + linkMark + "me", "Your sign-in code for Ac me"},
		"blank":         {" \t ", "Your sign-in code"},
		"long":          {strings.Repeat("ä", 100), "Your sign-in code for " + strings.Repeat("ä", 59) + "…"},
		"a megabyte":    {strings.Repeat("ä", 1<<19), "Your sign-in code for " + strings.Repeat("ä", 59) + "…"},
		"cannot escape": {"ZgotmplZ", "Your sign-in code for ZgotmplZ"},
	} {
		t.Run(name, func(t *testing.T) {
			l := letter("code", twofactor.ByMail, "en")
			l.Vars["Name"], l.Vars["Realm"] = c.realm, c.realm
			mail := compose(t, Composer{Host: host}, l)
			l.Medium = twofactor.BySMS
			sms := compose(t, Composer{Host: host}, l)
			if mail.Subject != c.subject {
				t.Errorf("subject %q, want %q", mail.Subject, c.subject)
			}
			if n := strings.Count(sms.Text, "\n"); n != 1 || !strings.HasSuffix(sms.Text, "\n@id.example.org #123456") {
				t.Errorf("sms %q", sms.Text)
			}
		})
	}
	l := letter("code", twofactor.ByMail, "en")
	l.Vars["Name"], l.Vars["Realm"] = "<script>alert(1)</script>", "<b>&"
	m := compose(t, Composer{}, l)
	if strings.Contains(m.HTML, "<script>") || strings.Contains(m.HTML, "<b>") || !strings.Contains(m.HTML, "&lt;b&gt;&amp;") {
		t.Errorf("HTML does not escape:\n%s", m.HTML)
	}
}

func TestVariables(t *testing.T) {
	for kind, want := range map[string]string{
		"code": "Name Realm Host Code Minutes At", "enrol": "Name Realm Host Link Minutes", "reset": "Name Realm Host Link Minutes",
		"notice": "Name Realm Host Event Detail At Address", "other": "",
	} {
		if got := strings.Join(Variables(kind), " "); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
	Variables("code")[0] = "changed"
	Languages()[0] = "changed"
	if Variables("code")[0] != "Name" || Languages()[0] != "en" {
		t.Error("what is handed out is shared")
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, kind := range []string{"code", "notice"} {
		b.Run(kind, func(b *testing.B) {
			l := letter(kind, twofactor.ByMail, "de")
			for b.Loop() {
				compose(b, Composer{Host: host}, l)
			}
		})
	}
}

package letters

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"twofold/twofactor"
)

// levels are those that can have templates, nearest first.
var levels = []string{"client_app", "tenant", "subscription", "platform"}

// marked is an override that says where it comes from in every part of parts.
func marked(level, lang string, parts ...Part) Override {
	o := Override{Level: level, Lang: lang}
	for _, part := range parts {
		say := level + "/" + strings.ToLower(lang) + "/" + string(part)
		if part != Subject {
			say += " {{.Code}}"
		}
		o.set(part, say)
	}
	return o
}

// found tells for each part where it came from: what marked wrote, or "default/LANG".
func found(t *testing.T, c Composer, locale string) map[Part]string {
	t.Helper()
	mail := compose(t, c, letter("code", twofactor.ByMail, locale))
	sms := compose(t, c, letter("code", twofactor.BySMS, locale))
	out := map[Part]string{}
	for part, text := range map[Part]string{Subject: mail.Subject, Text: mail.Text, HTML: mail.HTML, SMS: sms.Text} {
		out[part] = whence(part, text)
	}
	return out
}

func whence(part Part, text string) string {
	for _, level := range append([]string{"preview"}, levels...) {
		for _, lang := range []string{"en", "de", "de-ch", "rm"} {
			if strings.Contains(text, level+"/"+lang+"/"+string(part)) {
				return level + "/" + lang
			}
		}
	}
	for lang, word := range map[string]string{"en": "Your ", "de": "Ihr "} {
		if strings.Contains(text, word) || part != Subject && part != SMS && strings.Contains(text, map[string]string{"en": "Use this", "de": "Mit diesem"}[lang]) {
			return "default/" + lang
		}
	}
	return "nowhere"
}

// TestNearestLevel: each level hides those behind it, in each part by itself.
func TestNearestLevel(t *testing.T) {
	for _, lang := range []string{"en", "de"} {
		for _, part := range allParts {
			for nearest := 0; nearest <= len(levels); nearest++ {
				var overrides []Override
				for _, level := range levels[nearest:] {
					overrides = append(overrides, marked(level, lang, part))
				}
				for _, p := range allParts {
					want := "default/" + lang
					if p == part && nearest < len(levels) {
						want = levels[nearest] + "/" + lang
					}
					if got := found(t, Composer{Overrides: set(overrides...)}, lang)[p]; got != want {
						t.Errorf("%s in %s set from %d: %s comes from %s, want %s", part, lang, nearest, p, got, want)
					}
				}
			}
		}
	}
}

// TestOrder: the reader's language first, then the nearest level.
func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		overrides []Override
		locale    string
		want      map[Part]string
	}{
		"another language leaves a reader alone": {
			[]Override{marked("client_app", "en", Subject, SMS)}, "de",
			map[Part]string{Subject: "default/de", SMS: "default/de"},
		},
		"a far level in the language beats a near one in English": {
			[]Override{marked("client_app", "en", Subject), marked("platform", "de", Subject)}, "de",
			map[Part]string{Subject: "platform/de"},
		},
		"a language without texts of ours gets what is set in English": {
			[]Override{marked("tenant", "en", Subject, Text)}, "rm",
			map[Part]string{Subject: "tenant/en", Text: "tenant/en", HTML: "default/en", SMS: "default/en"},
		},
		"a language of their own": {
			[]Override{marked("client_app", "en", Subject, SMS), marked("subscription", "rm", Subject)}, "rm-CH",
			map[Part]string{Subject: "subscription/rm", SMS: "client_app/en"},
		},
		"a region before its language": {
			[]Override{marked("client_app", "de", Subject, SMS), marked("platform", "de-CH", Subject)}, "de_CH",
			map[Part]string{Subject: "platform/de-ch", SMS: "client_app/de"},
		},
		"another region": {
			[]Override{marked("client_app", "de-AT", Subject)}, "de-CH",
			map[Part]string{Subject: "default/de"},
		},
		"parts from different levels": {
			[]Override{marked("client_app", "de", Subject), marked("tenant", "de", Subject, Text), marked("subscription", "de", Subject, Text, HTML), marked("platform", "de", allParts[:]...)}, "de",
			map[Part]string{Subject: "client_app/de", Text: "tenant/de", HTML: "subscription/de", SMS: "platform/de"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(t, Composer{Overrides: set(c.overrides...)}, c.locale)
			for part, want := range c.want {
				if got[part] != want {
					t.Errorf("%s comes from %s, want %s", part, got[part], want)
				}
			}
		})
	}
}

// TestFailingTemplate: what does not work, however it got there, is passed over and
// logged; the message goes out.
func TestFailingTemplate(t *testing.T) {
	for name, bad := range map[string]string{
		"no template":       "{{",
		"unknown variable":  "{{.Password}} {{.Code}}",
		"no code":           "Hello",
		"no code this time": `{{if eq .Minutes "7"}}{{.Code}}{{else}}x{{end}}`,
		"a loop":            "{{range .Name}}{{end}}{{.Code}}",
		"makes nothing":     "{{if not .Code}}x{{end}}",
		"too long":          "{{.Code}}" + strings.Repeat("x", maxSource),
		"makes too much":    strings.Repeat("{{.Code}}", 1000) + strings.Repeat("{{.Name}}", 700),
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			overrides := []Override{
				{"client_app", "en", Parts{Subject: bad, Text: bad, HTML: bad, SMS: bad}},
				marked("platform", "en", HTML, SMS),
			}
			c := Composer{Overrides: set(overrides...), Log: slog.New(slog.NewTextHandler(&log, nil))}
			if name == "makes too much" {
				overrides[0].Parts = Parts{SMS: bad}
			}
			got := found(t, c, "en")
			if got[SMS] != "platform/en" || name != "makes too much" && (got[Text] != "default/en" || got[HTML] != "platform/en") {
				t.Errorf("parts come from %v", got)
			}
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "level=client_app") && !strings.Contains(log.String(), "client_app") {
				t.Errorf("logged %q", log.String())
			}
			for _, secret := range []string{"123456", "Anna"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the log tells %q: %s", secret, log.String())
				}
			}
		})
	}
}

// TestOverridesUnreadable: a database that fails costs the templates, not the code.
func TestOverridesUnreadable(t *testing.T) {
	var log strings.Builder
	c := Composer{Log: slog.New(slog.NewTextHandler(&log, nil))}
	c.Overrides = func(context.Context, string) ([]Override, error) { return nil, errors.New("no database") }
	if got := found(t, c, "de"); got[Subject] != "default/de" || got[SMS] != "default/de" {
		t.Errorf("parts come from %v", got)
	}
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("logged %q", log.String())
	}
}

// TestOverridesGetKind: they are asked for by the kind and with the caller's context.
func TestOverridesGetKind(t *testing.T) {
	type key struct{}
	asked := ""
	c := Composer{Overrides: func(ctx context.Context, kind string) ([]Override, error) {
		asked = kind + ctx.Value(key{}).(string)
		return nil, nil
	}}
	if _, err := c.Compose(context.WithValue(t.Context(), key{}, "!"), letter("reset", twofactor.ByMail, "en")); err != nil || asked != "reset!" {
		t.Errorf("asked for %q, %v", asked, err)
	}
}

// TestPreview: the parts at hand before all others, and the rest from where it comes.
func TestPreview(t *testing.T) {
	c := Composer{Overrides: set(marked("tenant", "de", Subject, Text))}
	p := marked("preview", "de", Subject, HTML).Parts
	mail, err := c.Preview(t.Context(), "code", twofactor.ByMail, "de", p)
	if err != nil {
		t.Fatal(err)
	}
	sms, err := c.Preview(t.Context(), "code", twofactor.BySMS, "de", p)
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[Part]string{Subject: "preview/de", Text: "tenant/de", HTML: "preview/de", SMS: "default/de"} {
		text := map[Part]string{Subject: mail.Subject, Text: mail.Text, HTML: mail.HTML, SMS: sms.Text}[part]
		if got := whence(part, text); got != want {
			t.Errorf("%s comes from %s, want %s", part, got, want)
		}
	}
	if !strings.HasSuffix(sms.Text, "\n@id.example.org #123456") {
		t.Errorf("sms %q", sms.Text)
	}
	_, err = c.Preview(t.Context(), "code", twofactor.ByMail, "de", Parts{Subject: "{{.Code}}", SMS: "no"})
	var bad *twofactor.OptionsError
	if !errors.As(err, &bad) || len(bad.Errors) != 2 || bad.Errors[0].Field != "subject" || bad.Errors[1].Field != "sms" {
		t.Errorf("got %v", err)
	}
	for _, kind := range Kinds() {
		for _, lang := range Languages() {
			if _, err := (Composer{Host: "login.acme.example"}).Preview(t.Context(), kind, twofactor.ByMail, lang, Parts{}); err != nil {
				t.Errorf("%s in %s: %v", kind, lang, err)
			}
		}
	}
}

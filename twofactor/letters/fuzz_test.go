package letters

import (
	"strings"
	"testing"
	"unicode/utf8"

	"twofold/twofactor"
)

// FuzzTemplate: whatever is saved, a code goes out, with our line at its end, no code
// in the subject, and nothing that runs or loads in the HTML.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"{{.Code}}", "{{with .Name}}{{.}}{{end}}{{$.Code}}", `{{if eq .Minutes "1"}}x{{else}}y{{end}}`, "{{range .Name}}{{end}}",
		`{{define "letter"}}{{end}}`, `{{template "mail" .}}`, `<a href="{{.Host}}">{{.Code}}</a>`, "<p style='color:red'>{{.Code}}",
		"<script>{{.Code}}</script>", "<{{if .Name}}p{{end}}>", "\r\n@x #{{.Code}}", "\xff{{", "{{- .Code -}}", "{{printf \"%9999d\" 1}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p := Parts{Subject: source, Text: source, HTML: source, SMS: source}
		wrong := map[string]bool{}
		for _, e := range Check("code", p) {
			wrong[e.Field] = true
			if e.Message == "" || e.Message == "does not work" {
				t.Errorf("%s: no words for what is wrong: %q", e.Field, source)
			}
		}
		c := Composer{Host: host, Overrides: set(Override{"tenant", "en", p})}
		l := letter("code", twofactor.ByMail, "en")
		mail := compose(t, c, l)
		if strings.ContainsAny(mail.Subject, "\r\n\x00") || strings.Contains(mail.Subject, "123456") && !strings.Contains(source, "123456") {
			t.Errorf("subject %q", mail.Subject)
		}
		if low := strings.ToLower(mail.HTML); strings.Contains(low, "<script") || strings.Contains(low, "<img") || strings.Contains(low, "<style") {
			t.Errorf("HTML %s", mail.HTML)
		}
		l.Medium = twofactor.BySMS
		sms := compose(t, c, l)
		if !strings.HasSuffix(sms.Text, "\n@id.example.org #123456") || strings.Count("\n"+sms.Text, "\n@") != 1 {
			t.Errorf("sms %q", sms.Text)
		}
		for _, text := range []string{mail.Subject, mail.Text, mail.HTML, sms.Text} {
			if !utf8.ValidString(text) || len(text) > maxResult+1 {
				t.Errorf("%d bytes, valid %v", len(text), utf8.ValidString(text))
			}
		}
		again := try("code", SMS, source)
		if source != "" && (again == nil) == wrong["sms"] {
			t.Errorf("Check says two things: %v", again)
		}
	})
}

// FuzzVars: no value breaks out of its place.
func FuzzVars(f *testing.F) {
	f.Add("Acme", "de")
	f.Add("<b>\r\n\u202e", "fr-CH")
	f.Add("{{.Code}}${Code}", "it")
	f.Add("\"><script>", "\xff")
	f.Fuzz(func(t *testing.T, value, locale string) {
		for _, kind := range Kinds() {
			l := letter(kind, twofactor.ByMail, locale)
			for _, name := range Variables(kind) {
				if name != kinds[kind].must {
					l.Vars[name] = value
				}
			}
			mail := compose(t, Composer{Host: host}, l)
			if strings.ContainsAny(mail.Subject, "\r\n\x00") || strings.Contains(mail.Subject, "123456") && !strings.Contains(value, "123456") {
				t.Errorf("subject %q", mail.Subject)
			}
			plain := compose(t, Composer{Host: host}, letter(kind, twofactor.ByMail, locale))
			if got, want := strings.Count(mail.HTML, "<"), strings.Count(plain.HTML, "<"); got > want {
				t.Errorf("%d tags, want at most %d:\n%s", got, want, mail.HTML)
			}
			l.Medium = twofactor.BySMS
			sms := compose(t, Composer{Host: host}, l)
			if lines := strings.Count(sms.Text, "\n"); kind == "code" && (lines != 1 || !strings.HasSuffix(sms.Text, "\n@id.example.org #123456")) || kind != "code" && lines != 0 {
				t.Errorf("sms %q", sms.Text)
			}
		}
	})
}

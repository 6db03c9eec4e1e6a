package oob

import (
	"strings"
	"testing"

	"twofold/twofactor"
)

func FuzzDigits(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "１２３", "\xff", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		got, err := Digits(answer)
		if err != nil {
			return
		}
		if got == "" || len(got) > 64 || strings.Trim(got, "0123456789") != "" {
			t.Errorf("Digits(%q) = %q", answer, got)
		}
		if again, err := Digits(got); err != nil || again != got {
			t.Errorf("Digits(%q) = %q, %v", got, again, err)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add("Acme", "de")
	f.Add("<b>\r\n\u202e", "fr-CH")
	f.Fuzz(func(t *testing.T, realm, locale string) {
		u := twofactor.User{Email: "mia@example.ch", Phone: "+41791234567", Name: realm, Realm: realm, Locale: locale}
		mail, sms := challenge(t, Mail, u).Outgoing, challenge(t, SMS, u).Outgoing
		if strings.ContainsAny(mail.Subject, "\r\n\x00") || strings.Contains(mail.Subject, "123456") && !strings.Contains(realm, "123456") {
			t.Errorf("subject %q", mail.Subject)
		}
		if strings.Count(sms.Text, "\n") != 1 || !strings.HasSuffix(sms.Text, "\n@id.example #123456") {
			t.Errorf("sms %q", sms.Text)
		}
	})
}

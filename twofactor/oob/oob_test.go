package oob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// deliverer keeps what it is given.
type deliverer struct{ sent []twofactor.Message }

func (d *deliverer) Send(_ context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	d.sent = append(d.sent, m)
	return twofactor.Receipt{}, nil
}

// fixed is a source of randomness that yields the digits 1 2 3 4 5 6 7 8 9 0.
type fixed struct{}

func (fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte((i + 1) % 10)
	}
	return len(p), nil
}

func env() twofactor.Env {
	return twofactor.Env{Origin: "https://id.example:8443", Now: func() time.Time { return noon }, Rand: fixed{}}
}

func challenge(t *testing.T, m Medium, u twofactor.User) twofactor.Challenge {
	t.Helper()
	c, err := New(m, Defaults, env(), &deliverer{}).Challenge(t.Context(), u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSMS(t *testing.T) {
	c := challenge(t, SMS, twofactor.User{Phone: "+41791234567", Realm: "Acme"})
	want := twofactor.Challenge{
		State: twofactor.State(`{"code":"123456"}`),
		Prompt: twofactor.Prompt{
			Message: "Enter the code we sent to +41 •• ••• 67.", Destination: "+41 •• ••• 67",
			Fields: []twofactor.Field{{Name: "code", Label: "Code", Kind: twofactor.KindCode, Required: true, Min: 6, Max: 6}},
		},
		Outgoing: &twofactor.Message{
			ID: "04106105144GI288K8LKO2HG3C", To: "+41791234567", Masked: "+41 •• ••• 67",
			Text:      "Your Acme code is 123456. It is valid for 5 minutes.\n@id.example #123456",
			ExpiresAt: noon.Add(5 * time.Minute),
		},
		ExpiresAt: noon.Add(5 * time.Minute),
	}
	want.Outgoing.ID = c.Outgoing.ID
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("challenge (-want +got):\n%s", diff)
	}
}

func TestMail(t *testing.T) {
	c := challenge(t, Mail, twofactor.User{Email: "mia@example.ch", Name: "Mia", Realm: "Acme"})
	m := c.Outgoing
	if m.Subject != "Your sign-in code for Acme" || m.Masked != "m•••@example.ch" {
		t.Errorf("subject %q, masked %q", m.Subject, m.Masked)
	}
	const want = `Hello Mia,

Use this code to sign in to Acme:

    123456

It is valid for 5 minutes. It was asked for on 2026-03-04 at 12:00 UTC.

If you did not try to sign in, somebody may know your password: do not pass this code on, and change your password.
`
	if diff := cmp.Diff(want, m.Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for _, part := range []string{`<html lang="en" dir="ltr">`, "<p>Hello Mia,</p>", ">123456</p>", "<title>Your sign-in code for Acme</title>"} {
		if !strings.Contains(m.HTML, part) {
			t.Errorf("HTML lacks %q:\n%s", part, m.HTML)
		}
	}
}

// TestLanguages: every language says the same things.
func TestLanguages(t *testing.T) {
	for locale, want := range map[string][2]string{
		"en":    {"Your sign-in code for Acme", "Your Acme code is 123456. It is valid for 5 minutes."},
		"de-CH": {"Ihr Anmeldecode für Acme", "Ihr Acme Code ist 123456. Er ist 5 Minuten gültig."},
		"FR-ca": {"Votre code de connexion pour Acme", "Votre code Acme est 123456. Il est valable 5 minutes."},
		"it":    {"Il suo codice di accesso per Acme", "Il suo codice Acme è 123456. È valido per 5 minuti."},
		"rm":    {"Your sign-in code for Acme", "Your Acme code is 123456. It is valid for 5 minutes."},
		"":      {"Your sign-in code for Acme", "Your Acme code is 123456. It is valid for 5 minutes."},
		"../de": {"Your sign-in code for Acme", "Your Acme code is 123456. It is valid for 5 minutes."},
	} {
		t.Run(locale, func(t *testing.T) {
			u := twofactor.User{Email: "mia@example.ch", Phone: "+41791234567", Name: "Mia", Realm: "Acme", Locale: locale}
			mail, sms := challenge(t, Mail, u).Outgoing, challenge(t, SMS, u).Outgoing
			if mail.Subject != want[0] {
				t.Errorf("subject %q", mail.Subject)
			}
			if text, _, _ := strings.Cut(sms.Text, "\n"); text != want[1] {
				t.Errorf("sms %q", text)
			}
			for _, part := range []string{"123456", "Mia", "Acme", "5 min", "12:00 UTC"} {
				if !strings.Contains(strings.ToLower(mail.Text), strings.ToLower(part)) || !strings.Contains(strings.ToLower(mail.HTML), strings.ToLower(part)) {
					t.Errorf("mail lacks %q:\n%s", part, mail.Text)
				}
			}
		})
	}
}

// TestUntrustedNames: what others chose stays text, on one line, and short.
func TestUntrustedNames(t *testing.T) {
	for name, c := range map[string]struct{ realm, subject string }{
		"none":         {"", "Your sign-in code"},
		"line breaks":  {"Acme\r\nBcc: eve@evil.example", "Your sign-in code for Acme Bcc: eve@evil.example"},
		"template":     {"{{.Code}}", "Your sign-in code for {{.Code}}"},
		"invisible":    {"Ac\u202eme\u200b\x00\u2028", "Your sign-in code for Ac me"},
		"broken UTF-8": {"Ac\xffme", "Your sign-in code for Ac me"},
		"blank":        {" \t ", "Your sign-in code"},
		"long":         {strings.Repeat("ä", 100), "Your sign-in code for " + strings.Repeat("ä", 59) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			u := twofactor.User{Email: "mia@example.ch", Phone: "+41791234567", Name: c.realm, Realm: c.realm}
			mail, sms := challenge(t, Mail, u).Outgoing, challenge(t, SMS, u).Outgoing
			if mail.Subject != c.subject {
				t.Errorf("subject %q, want %q", mail.Subject, c.subject)
			}
			if n := strings.Count(sms.Text, "\n"); n != 1 || !strings.HasSuffix(sms.Text, "\n@id.example #123456") {
				t.Errorf("sms %q", sms.Text)
			}
		})
	}
	m := challenge(t, Mail, twofactor.User{Email: "mia@example.ch", Name: "<script>alert(1)</script>", Realm: "<b>&"}).Outgoing
	if strings.Contains(m.HTML, "<script>") || strings.Contains(m.HTML, "<b>") || !strings.Contains(m.HTML, "&lt;b&gt;&amp;") {
		t.Errorf("HTML does not escape:\n%s", m.HTML)
	}
}

func TestMinutes(t *testing.T) {
	for seconds, want := range map[int]string{60: "1 minute.", 119: "1 minute.", 120: "2 minutes.", 600: "10 minutes."} {
		f := New(SMS, Options{CodeLength: 6, CodeLifetime: seconds}, env(), &deliverer{})
		c, err := f.Challenge(t.Context(), twofactor.User{Phone: "+41791234567"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, _, _ := strings.Cut(c.Outgoing.Text, "\n"); text != "Your code is 123456. It is valid for "+want {
			t.Errorf("%d seconds: %q", seconds, text)
		}
	}
}

func TestNoOriginNoBoundLine(t *testing.T) {
	e := env()
	e.Origin = ""
	c, err := New(SMS, Defaults, e, &deliverer{}).Challenge(t.Context(), twofactor.User{Phone: "+41791234567"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.Outgoing.Text, "\n") {
		t.Errorf("sms %q", c.Outgoing.Text)
	}
}

func TestCodesAreUniform(t *testing.T) {
	const codes, length = 5000, 10
	var count [10]int
	seen := map[string]bool{}
	for range codes {
		code, err := newCode(rand.Reader, length)
		if err != nil {
			t.Fatal(err)
		}
		if len(code) != length || seen[code] {
			t.Fatalf("code %q is short or repeated", code)
		}
		seen[code] = true
		for _, d := range code {
			count[d-'0']++
		}
	}
	// Chi-squared with 9 degrees of freedom: above 45 once in a million runs.
	var chi float64
	for _, n := range count {
		d := float64(n) - codes*length/10
		chi += d * d / (codes * length / 10)
	}
	if chi > 45 {
		t.Errorf("digits are not uniform: %v, chi-squared %.1f", count, chi)
	}
	// Bytes from 250 up would be biased and must be dropped.
	biased := append(bytes.Repeat([]byte{250, 255}, 8), bytes.Repeat([]byte{249}, 16)...)
	if code, err := newCode(bytes.NewReader(biased), 6); err != nil || code != "999999" {
		t.Errorf("got %q, %v", code, err)
	}
}

func TestRandomnessFails(t *testing.T) {
	for _, source := range []io.Reader{bytes.NewReader(nil), bytes.NewReader(make([]byte, 16))} {
		e := env()
		e.Rand = source
		if _, err := New(SMS, Defaults, e, &deliverer{}).Challenge(t.Context(), twofactor.User{Phone: "+41791234567"}, nil); err == nil {
			t.Error("Challenge succeeded without randomness")
		}
	}
}

func TestDigits(t *testing.T) {
	for answer, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "123-456": "123456", "12\u2011 34\u201356": "123456",
		"123\u00a0456": "123456", "\t123456\r\n": "123456", "12": "12",
	} {
		if got, err := Digits(answer); err != nil || got != want {
			t.Errorf("Digits(%q) = %q, %v; want %q", answer, got, err, want)
		}
	}
	for _, answer := range []string{
		"", " ", "-", "12345a", "１２３４５６", "٠١٢٣٤٥", "१२३४५६", "+123456", "1e5", "0x12", "123.456", "12\x0034", "\u200b123456", "\xff", strings.Repeat(" ", 59) + "123456",
	} {
		if got, err := Digits(answer); err == nil {
			t.Errorf("Digits(%q) = %q", answer, got)
		}
	}
	if _, err := Digits(strings.Repeat("1", 64)); err != nil {
		t.Error("64 bytes are too many")
	}
}

func TestVerify(t *testing.T) {
	for _, medium := range []Medium{Mail, SMS} {
		f := New(medium, Defaults, env(), &deliverer{})
		c := twofactor.Challenge{State: twofactor.State(`{"code":"123456"}`)}
		r, err := f.Verify(t.Context(), nil, c, twofactor.Answer{"code": "123 456"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[Medium][]string{Mail: {"email", "mca"}, SMS: {"sms", "mca"}}[medium]
		if diff := cmp.Diff(want, r.AMR); diff != "" {
			t.Errorf("amr (-want +got):\n%s", diff)
		}
		for _, state := range []string{"", "{}", `{"code":""}`, `{"code":"12345"}`, "123456", `{"code":"123456`} {
			_, err := f.Verify(t.Context(), nil, twofactor.Challenge{State: twofactor.State(state)}, twofactor.Answer{"code": "123456"})
			if err == nil || errors.Is(err, twofactor.ErrWrongAnswer) || strings.Contains(err.Error(), "1234") {
				t.Errorf("state %q: %v", state, err)
			}
		}
	}
}

func TestSendPassesOn(t *testing.T) {
	d := &deliverer{}
	f := New(SMS, Defaults, env(), d)
	for name, c := range map[string]struct {
		expires time.Time
		sent    int
	}{
		"in time": {noon.Add(time.Second), 1}, "no end": {time.Time{}, 1}, "just over": {noon, 0}, "long over": {noon.Add(-time.Hour), 0},
	} {
		d.sent = nil
		_, err := f.Send(t.Context(), twofactor.Message{ExpiresAt: c.expires})
		if len(d.sent) != c.sent || (err == nil) != (c.sent == 1) {
			t.Errorf("%s: sent %d, error %v", name, len(d.sent), err)
		}
	}
}

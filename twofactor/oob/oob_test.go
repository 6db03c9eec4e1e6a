package oob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"slices"
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
	return twofactor.Env{Origin: "https://id.example:8443", Compose: compose, Now: func() time.Time { return noon }, Rand: fixed{}}
}

// compose writes down what it is told.
func compose(_ context.Context, l twofactor.Letter) (twofactor.Message, error) {
	text := string(l.Medium) + " " + l.Kind + " " + l.Locale
	for _, name := range slices.Sorted(maps.Keys(l.Vars)) {
		text += "\n" + name + ": " + l.Vars[name]
	}
	return twofactor.Message{Text: text}, nil
}

// mia can be reached by everything.
var mia = twofactor.User{ID: "u1", Email: "mia@example.ch", Phone: "+41791234567", Name: "Mia", Realm: "Acme", Locale: "en"}

func challenge(t *testing.T, m Medium, u twofactor.User) twofactor.Challenge {
	t.Helper()
	c, err := New(m, Defaults, env(), &deliverer{}).Challenge(t.Context(), u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const told = "Code: 123456\nHost: id.example\nMinutes: 5\nName: Mia\nRealm: Acme"

func TestChallenge(t *testing.T) {
	const at = "At: 2026-03-04T12:00:00Z\n"
	for name, c := range map[string]struct {
		medium               Medium
		to, masked, as, asks string
	}{
		"mail":   {Mail, "mia@example.ch", "m•••@example.ch", "mail code en\n", "Enter the code we sent to m•••@example.ch."},
		"sms":    {SMS, "+41791234567", "+41 •• ••• 67", "sms code en\n", "Enter the code we sent to +41 •• ••• 67."},
		"direct": {Direct, "u1", "your app", "sms code en\n", "Enter the code we sent to your app."},
	} {
		t.Run(name, func(t *testing.T) {
			got := challenge(t, c.medium, mia)
			want := twofactor.Challenge{
				State: twofactor.State(`{"code":"123456","asked":1772625600}`),
				Prompt: twofactor.Prompt{
					Message: c.asks, Destination: c.masked,
					Fields: []twofactor.Field{{Name: "code", Label: "Code", Kind: twofactor.KindCode, Required: true, Min: 6, Max: 6}},
				},
				Outgoing:  &twofactor.Message{ID: got.Outgoing.ID, To: c.to, Masked: c.masked, Text: c.as + at + told, ExpiresAt: noon.Add(5 * time.Minute)},
				ExpiresAt: noon.Add(5 * time.Minute),
			}
			if diff := cmp.Diff(want, got); diff != "" || got.Outgoing.ID == "" {
				t.Errorf("challenge (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPromptLanguages: the prompt speaks the user's language, and the letter is
// asked for in it.
func TestPromptLanguages(t *testing.T) {
	for locale, want := range map[string][3]string{
		"en":    {"Enter the code we sent to +41 •• ••• 67.", "Code", "your app"},
		"de-CH": {"Geben Sie den Code ein, den wir an +41 •• ••• 67 gesendet haben.", "Code", "Ihre App"},
		"FR-ca": {"Saisissez le code que nous avons envoyé à +41 •• ••• 67.", "Code", "votre application"},
		"it":    {"Inserisca il codice che abbiamo inviato a +41 •• ••• 67.", "Codice", "la sua app"},
		"rm":    {"Enter the code we sent to +41 •• ••• 67.", "Code", "your app"},
		"":      {"Enter the code we sent to +41 •• ••• 67.", "Code", "your app"},
	} {
		t.Run(locale, func(t *testing.T) {
			u := mia
			u.Locale = locale
			c := challenge(t, SMS, u)
			if c.Prompt.Message != want[0] || c.Prompt.Fields[0].Label != want[1] {
				t.Errorf("prompt %+v", c.Prompt)
			}
			if !strings.HasPrefix(c.Outgoing.Text, "sms code "+locale+"\n") {
				t.Errorf("letter %q", c.Outgoing.Text)
			}
			direct := challenge(t, Direct, u)
			if direct.Outgoing.Masked != want[2] || direct.Prompt.Message == c.Prompt.Message {
				t.Errorf("direct %+v", direct.Prompt)
			}
		})
	}
}

func TestMinutes(t *testing.T) {
	for seconds, want := range map[int]string{60: "1", 119: "1", 120: "2", 600: "10"} {
		f := New(SMS, Options{CodeLength: 6, CodeLifetime: seconds}, env(), &deliverer{})
		c, err := f.Challenge(t.Context(), mia, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(c.Outgoing.Text, "\nMinutes: "+want+"\n") {
			t.Errorf("%d seconds: %q", seconds, c.Outgoing.Text)
		}
	}
}

// TestWithoutWords: a factor opens without Compose, and says what is missing.
func TestWithoutWords(t *testing.T) {
	for name, compose := range map[string]twofactor.Compose{
		"none": nil,
		"fails": func(context.Context, twofactor.Letter) (twofactor.Message, error) {
			return twofactor.Message{}, errors.New("no words")
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := env()
			e.Compose = compose
			_, err := New(SMS, Defaults, e, &deliverer{}).Challenge(t.Context(), mia, nil)
			if err == nil || errors.Is(err, twofactor.ErrUnusable) || strings.Contains(err.Error(), "123456") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	for name, c := range map[string]struct {
		medium Medium
		user   twofactor.User
	}{
		"no mail":        {Mail, twofactor.User{ID: "u1", Phone: "+41791234567"}},
		"no phone":       {SMS, twofactor.User{ID: "u1", Email: "mia@example.ch"}},
		"nobody":         {Direct, twofactor.User{Email: "mia@example.ch", Phone: "+41791234567"}},
		"unknown medium": {Medium(9), mia},
	} {
		t.Run(name, func(t *testing.T) {
			f := New(c.medium, Defaults, env(), &deliverer{})
			if _, err := f.Challenge(t.Context(), c.user, nil); !errors.Is(err, twofactor.ErrUnusable) {
				t.Errorf("Challenge: %v", err)
			}
			if _, err := f.Relay(t.Context(), c.user, challenge(t, Mail, mia)); !errors.Is(err, twofactor.ErrUnusable) {
				t.Errorf("Relay: %v", err)
			}
		})
	}
}

// TestRelay: the code of a mail goes by text message, and everything else of the
// challenge stays as it is.
func TestRelay(t *testing.T) {
	first := challenge(t, Mail, mia)
	first.ID = "c1"
	e := env()
	e.Now = func() time.Time { return noon.Add(2 * time.Minute) }
	options := Options{CodeLength: 8, CodeLifetime: 600}
	got, err := New(SMS, options, e, &deliverer{}).Relay(t.Context(), mia, first)
	if err != nil {
		t.Fatal(err)
	}
	want := first
	want.Prompt = challenge(t, SMS, mia).Prompt
	want.Outgoing = &twofactor.Message{
		ID: got.Outgoing.ID, To: "+41791234567", Masked: "+41 •• ••• 67", ExpiresAt: first.ExpiresAt,
		Text: "sms code en\nAt: 2026-03-04T12:00:00Z\n" + strings.Replace(told, "Minutes: 5", "Minutes: 3", 1), // F21: when it was asked for
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("relayed (-want +got):\n%s", diff)
	}
	if first.Outgoing.To != "mia@example.ch" {
		t.Error("the challenge that was given has changed")
	}
}

func TestRelayWithoutEnd(t *testing.T) {
	c := challenge(t, Mail, mia)
	c.ExpiresAt = time.Time{}
	got, err := New(SMS, Defaults, env(), &deliverer{}).Relay(t.Context(), mia, c)
	if err != nil {
		t.Fatal(err)
	}
	if !got.ExpiresAt.IsZero() || !got.Outgoing.ExpiresAt.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("challenge ends %v, message %v", got.ExpiresAt, got.Outgoing.ExpiresAt)
	}
}

func TestRelayRefuses(t *testing.T) {
	f := New(SMS, Defaults, env(), &deliverer{})
	over := challenge(t, Mail, mia)
	over.ExpiresAt = noon
	for name, c := range map[string]twofactor.Challenge{
		"over":           over,
		"no state":       {},
		"other state":    {State: twofactor.State(`{"secret":"x"}`)},
		"more than code": {State: twofactor.State(`{"code":"123456","nonce":"x"}`)},
		"two states":     {State: twofactor.State(`{"code":"123456"}{}`)},
		"letters":        {State: twofactor.State(`{"code":"abcdef"}`)},
		"short":          {State: twofactor.State(`{"code":"12345"}`)},
		"long":           {State: twofactor.State(`{"code":"12345678901"}`)},
		"no JSON":        {State: twofactor.State("123456")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Relay(t.Context(), mia, c)
			if !errors.Is(err, twofactor.ErrUnusable) || strings.Contains(err.Error(), "1234") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOnFailure(t *testing.T) {
	o := Defaults
	if got := New(SMS, o, env(), &deliverer{}).OnFailure(); got != "" {
		t.Errorf("default %q", got)
	}
	o.OnDeliveryFailure = "Mail"
	if got := New(SMS, o, env(), &deliverer{}).OnFailure(); got != "Mail" {
		t.Errorf("got %q", got)
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
	for _, medium := range []Medium{Mail, SMS, Direct} {
		f := New(medium, Defaults, env(), &deliverer{})
		c := twofactor.Challenge{State: twofactor.State(`{"code":"123456"}`)}
		r, err := f.Verify(t.Context(), nil, c, twofactor.Answer{"code": "123 456"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[Medium][]string{Mail: {"email", "mca"}, SMS: {"sms", "mca"}, Direct: {"mca"}}[medium]
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

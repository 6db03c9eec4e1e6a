package totp_test

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pquerna/otp"

	"twofold/twofactor"
)

func TestBeginEnroll(t *testing.T) {
	w := open(t, `{"Issuer":"Acme AG"}`)
	c, err := w.BeginEnroll(t.Context(), mia, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Prompt
	if !regexp.MustCompile(`^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$`).MatchString(p.Keep[0]) || len(p.Keep) != 1 || p.KeepLabel != "Key" {
		t.Errorf("keep %q as %q", p.Keep, p.KeepLabel)
	}
	secret := strings.ReplaceAll(p.Keep[0], " ", "")
	want := "otpauth://totp/Acme%20AG:mia%40example.ch?secret=" + secret + "&issuer=Acme%20AG&algorithm=SHA1&digits=6&period=30"
	if p.QR != want {
		t.Errorf("QR %q\nwant %q", p.QR, want)
	}
	if a := scan(t, p.QR); len(a.secret) != 20 {
		t.Errorf("a secret of %d bytes, want 160 bits", len(a.secret))
	}
	if len(p.Fields) != 1 || p.Fields[0].Kind != twofactor.KindCode || !p.Fields[0].Required || p.Destination != "" || c.Outgoing != nil {
		t.Errorf("prompt %+v, outgoing %v", p.Fields, c.Outgoing)
	}
}

// TestLabelOfTheApp: whatever issuer and user are called, the label has one colon,
// between the two, and the QR code can be drawn.
func TestLabelOfTheApp(t *testing.T) {
	long := strings.Repeat("漢", 200)
	for name, c := range map[string]struct {
		options         string
		user            twofactor.User
		issuer, account string
	}{
		"option":     {`{"Issuer":"Acme"}`, mia, "Acme", "mia@example.ch"},
		"realm":      {`{}`, mia, "Acme & Söhne", "mia@example.ch"},
		"host":       {`{}`, twofactor.User{Name: "mia"}, "id.example", "mia"},
		"no name":    {`{}`, twofactor.User{Email: "mia@example.ch", Realm: "Acme"}, "Acme", "mia@example.ch"},
		"colons":     {`{}`, twofactor.User{Name: "Bank:mia", Realm: "Acme:Bank"}, "Acme Bank", "Bank mia"},
		"escaped":    {`{}`, twofactor.User{Name: "Bank%3Amia", Realm: "Acme%3aBank"}, "Acme%3aBank", "Bank%3Amia"},
		"parameters": {`{}`, twofactor.User{Name: "mia?secret=AAAA", Realm: "A&secret=AAAA#x/../y"}, "A&secret=AAAA#x/../y", "mia?secret=AAAA"},
		"plus":       {`{}`, twofactor.User{Name: "mia+x@example.ch", Realm: "A + B"}, "A + B", "mia+x@example.ch"},
		"controls":   {`{}`, twofactor.User{Name: "mia\u202e\r\nx", Realm: "Acme\x00"}, "Acme", "mia x"},
		"long":       {`{}`, twofactor.User{Name: long, Realm: long}, strings.Repeat("漢", 59) + "…", strings.Repeat("漢", 59) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.options)
			ch, err := w.BeginEnroll(t.Context(), c.user, nil)
			if err != nil {
				t.Fatal(err)
			}
			mustLabel(t, ch.Prompt.QR, c.issuer, c.account)
			key, err := otp.NewKeyFromURL(ch.Prompt.QR)
			if err != nil || key.Issuer() != c.issuer || key.AccountName() != c.account || key.Type() != "totp" || key.Period() != 30 {
				t.Errorf("read as %q, %q, %v", key.Issuer(), key.AccountName(), err)
			}
			if _, err := key.Image(400, 400); err != nil {
				t.Errorf("as a picture: %v", err)
			}
		})
	}
}

// mustLabel reads a URI as apps do.
func mustLabel(t testing.TB, qr, issuer, account string) {
	t.Helper()
	if strings.Contains(qr, "+") || strings.Count(qr, "secret=") != 1 {
		t.Errorf("%q", qr)
	}
	u, err := url.Parse(qr)
	if err != nil {
		t.Fatalf("%q: %v", qr, err)
	}
	left, right, found := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
	if !found || left != issuer || right != account || strings.Contains(right, ":") {
		t.Errorf("label %q and %q, want %q and %q", left, right, issuer, account)
	}
	q := u.Query()
	if q.Get("issuer") != issuer || len(q) != 5 || u.Fragment != "" {
		t.Errorf("issuer %q, parameters %v", q.Get("issuer"), q)
	}
}

func TestLabels(t *testing.T) {
	w := open(t, `{}`)
	one, _ := w.enrol(t, start)
	two, _ := w.enrol(t, start, one)
	three, _ := w.enrol(t, start, one, two)
	again, _ := w.enrol(t, start, one, three) // the second was removed
	two.Label = "Work phone"
	renamed, _ := w.enrol(t, start, two)
	var got []string
	for _, e := range []twofactor.Enrollment{one, two, three, again, renamed} {
		got = append(got, e.Label)
	}
	want := []string{"Authenticator app", "Work phone", "Authenticator app 3", "Authenticator app 4", "Authenticator app 2"}
	if !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}

func TestNoMoreThanFiveApps(t *testing.T) {
	w := open(t, `{}`)
	var bound []twofactor.Enrollment
	for range 5 {
		e, _ := w.enrol(t, start, bound...)
		bound = append(bound, e)
	}
	if _, err := w.BeginEnroll(t.Context(), mia, bound); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("BeginEnroll of a sixth: %v", err)
	}
	c, err := w.BeginEnroll(t.Context(), mia, bound[:4])
	if err != nil {
		t.Fatal(err)
	}
	// Begun beside another that has been finished since.
	_, err = w.FinishEnroll(t.Context(), mia, bound, c, scan(t, c.Prompt.QR).answer(start))
	if !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("FinishEnroll of a sixth: %v", err)
	}
}

// TestEnrolWindow: a code of an app whose clock is off by more than a sign-in would
// allow binds nothing.
func TestEnrolWindow(t *testing.T) {
	w := open(t, `{}`)
	c, err := w.BeginEnroll(t.Context(), mia, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := scan(t, c.Prompt.QR)
	for d := int64(-3); d <= 3; d++ {
		_, err := w.FinishEnroll(t.Context(), mia, nil, c, a.answer(start+d))
		if d < -1 || d > 1 {
			mustBeWrong(t, fmt.Sprintf("%+d", d), err)
		} else if err != nil {
			t.Errorf("%+d: %v", d, err)
		}
	}
}

func TestLanguages(t *testing.T) {
	w := open(t, `{"Issuer":"Acme {n}"}`)
	e, _ := w.enrol(t, start)
	bound := []twofactor.Enrollment{e}
	seen := map[string]bool{}
	for locale, label := range map[string]string{
		"": "Authenticator app", "en": "Authenticator app", "sv": "Authenticator app", "de-CH": "Authenticator-App",
		"fr": "Application d'authentification", "IT": "App di autenticazione",
	} {
		u := mia
		u.Locale = locale
		asked, err1 := w.Challenge(t.Context(), u, bound)
		enrol, err2 := w.BeginEnroll(t.Context(), u, nil)
		resync, err3 := w.BeginResync(t.Context(), u, e)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(asked.Prompt.Message, "Acme {n}") {
			t.Errorf("%s: %q", locale, asked.Prompt.Message)
		}
		seen[asked.Prompt.Message+enrol.Prompt.Message+resync.Prompt.Message] = true
		got, err := w.FinishEnroll(t.Context(), u, bound, enrol, scan(t, enrol.Prompt.QR).answer(start))
		if err != nil || got.Label != label+" 2" {
			t.Errorf("%s: label %q, %v", locale, got.Label, err)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d languages", len(seen))
	}
}

type noRandomness struct{}

func (noRandomness) Read([]byte) (int, error) { return 0, errors.New("dry") }

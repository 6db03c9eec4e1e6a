package totp_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/totp"
)

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "１２３４５６", "", "\xff", "000000", "1e5"} {
		f.Add(s, s)
	}
	w := open(f, `{}`)
	e, a := w.enrol(f, start)
	f.Fuzz(func(t *testing.T, code, next string) {
		answer := twofactor.Answer{"code": code, "next": next}
		bare := strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, code)
		_, err := w.Verify(t.Context(), []twofactor.Enrollment{e}, twofactor.Challenge{}, answer)
		if err == nil && bare != a.code(start+1) {
			t.Errorf("%q signs in", code)
		} else if err != nil {
			mustBeWrong(t, "Verify", err)
		}
		if _, err = w.FinishResync(t.Context(), e, twofactor.Challenge{}, answer); err != nil {
			mustBeWrong(t, "FinishResync", err)
		}
	})
}

func FuzzState(f *testing.F) {
	w := open(f, `{}`)
	e, _ := w.enrol(f, start)
	f.Add([]byte(e.State))
	f.Add([]byte(`{"secret":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP","digits":8,"last":9223372036854775807,"offset":-20}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		bound := []twofactor.Enrollment{{ID: "e1", State: raw}}
		if _, err := w.Challenge(t.Context(), mia, bound); err != nil {
			mustNotQuote(t, err, raw)
		}
		res, err := w.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{"code": "123456"})
		if err != nil {
			mustNotQuote(t, err, raw)
		} else if len(res.Used.State) == 0 {
			t.Error("accepts and keeps nothing")
		}
		c := twofactor.Challenge{State: raw}
		if _, err := w.FinishEnroll(t.Context(), mia, nil, c, twofactor.Answer{"code": "123456"}); err != nil {
			mustNotQuote(t, err, raw)
		}
		if _, err := w.BeginResync(t.Context(), mia, bound[0]); err != nil {
			mustNotQuote(t, err, raw)
		}
	})
}

func mustNotQuote(t testing.TB, err error, raw []byte) {
	t.Helper()
	if len(raw) > 30 && strings.Contains(err.Error(), string(raw)) {
		t.Errorf("quotes the state: %v", err)
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("Acme:Bank", "mia?secret=AAAA&x")
	f.Add("", "\u202e\r\n%3A")
	w := open(f, `{}`)
	f.Fuzz(func(t *testing.T, realm, name string) {
		c, err := w.BeginEnroll(t.Context(), twofactor.User{Realm: realm, Name: name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		label, _, _ := strings.Cut(strings.TrimPrefix(c.Prompt.QR, "otpauth://totp/"), "?")
		if strings.Count(label, ":") != 1 || strings.Contains(strings.ToLower(label), "%3a") || len(scan(t, c.Prompt.QR).secret) != 20 {
			t.Errorf("%q", c.Prompt.QR)
		}
	})
}

// TestNoRandomness: no key rather than a weak one.
func TestNoRandomness(t *testing.T) {
	env := factortest.Env()
	env.Rand, env.Now = noRandomness{}, time.Now
	f, err := totp.Provider().Open(nil, env)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.(twofactor.Enroller).BeginEnroll(t.Context(), mia, nil)
	if err == nil || errors.Is(err, twofactor.ErrUnusable) || c.Prompt.QR != "" {
		t.Errorf("got %q, %v", c.Prompt.QR, err)
	}
}

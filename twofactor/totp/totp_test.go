package totp_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/totp"
)

var mia = twofactor.User{ID: "u1", Name: "mia@example.ch", Email: "mia@example.ch", Realm: "Acme & Söhne", Locale: "en"}

// world is an instance on a clock that the test moves.
type world struct {
	twofactor.Factor
	twofactor.Enroller
	twofactor.Resyncer
	clock *clock
}

// clock is a step: codes change with steps only.
type clock struct{ atomic.Int64 }

func (c *clock) time() time.Time { return time.Unix(c.Load()*30+17, 0) }

const start = 59_000_000 // a step in 2026

func env() (twofactor.Env, *clock) {
	c := &clock{}
	c.Store(start)
	env := factortest.Env()
	env.Now = c.time
	return env, c
}

func open(t testing.TB, options string) world {
	t.Helper()
	env, clock := env()
	f, err := totp.Provider().Open([]byte(options), env)
	if err != nil {
		t.Fatal(err)
	}
	return world{f, f.(twofactor.Enroller), f.(twofactor.Resyncer), clock}
}

// app is an authenticator app, written from RFC 4226 §5.3 alone.
type app struct {
	secret []byte
	digits int
}

// scan reads the QR code.
func scan(t testing.TB, qr string) app {
	t.Helper()
	u, err := url.Parse(qr)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatalf("%q: %v", qr, err)
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	digits, err := strconv.Atoi(u.Query().Get("digits"))
	if err != nil {
		t.Fatal(err)
	}
	return app{secret, digits}
}

func (a app) code(step int64) string {
	mac := hmac.New(sha1.New, a.secret)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[19] & 15
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	mod := uint32(1)
	for range a.digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", a.digits, n%mod)
}

func (a app) answer(step int64) twofactor.Answer { return twofactor.Answer{"code": a.code(step)} }

// state is what the factor keeps of an app.
type state struct {
	Secret string `json:"secret"`
	Digits int    `json:"digits"`
	Last   int64  `json:"last"`
	Offset int64  `json:"offset"`
}

func read(t testing.TB, e twofactor.Enrollment) (state, app) {
	t.Helper()
	var s state
	if err := json.Unmarshal(e.State, &s); err != nil {
		t.Fatal(err)
	}
	secret, err := base32.StdEncoding.DecodeString(s.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return s, app{secret, s.Digits}
}

// enrol sets up an app with the code of that step.
func (w world) enrol(t testing.TB, step int64, bound ...twofactor.Enrollment) (twofactor.Enrollment, app) {
	t.Helper()
	c, err := w.BeginEnroll(t.Context(), mia, bound)
	if err != nil {
		t.Fatal(err)
	}
	a := scan(t, c.Prompt.QR)
	e, err := w.FinishEnroll(t.Context(), mia, bound, c, a.answer(step))
	if err != nil {
		t.Fatal(err)
	}
	e.ID = fmt.Sprintf("e%d", len(bound)+1)
	return e, a
}

// verify signs in and returns what is bound afterwards.
func (w world) verify(t testing.TB, a twofactor.Answer, bound ...twofactor.Enrollment) (twofactor.Enrollment, error) {
	t.Helper()
	c, err := w.Challenge(t.Context(), mia, bound)
	if err != nil {
		t.Fatal(err)
	}
	res, err := w.Verify(t.Context(), bound, c, a)
	return res.Used, err
}

func TestConformance(t *testing.T) {
	for _, digits := range []string{"6", "8"} {
		t.Run(digits, func(t *testing.T) {
			env, clock := env()
			factortest.Run(t, factortest.Config{
				Provider: totp.Provider(),
				Env:      env,
				Options:  `{"Issuer":"Acme","Digits":` + digits + `,"Period":30,"Algorithm":"SHA1","EnrollBy":"page"}`,
				Invalid:  invalid,
				User:     mia,
				Wrong:    []twofactor.Answer{{"code": "1e5"}, {"code": "0x1"}, {"code": "+1"}, {"code": "------"}, {"Code": "123456"}},
				OneTime:  true,
				Answer: func(t testing.TB, c twofactor.Challenge) twofactor.Answer {
					t.Helper()
					return scan(t, c.Prompt.QR).answer(clock.Load())
				},
				AnswerBound: func(t testing.TB, _ twofactor.Challenge, bound []twofactor.Enrollment) twofactor.Answer {
					t.Helper()
					s, a := read(t, bound[0])
					if ahead := s.Last + 1 - s.Offset - 1 - clock.Load(); ahead > 0 {
						clock.Add(ahead)
					}
					return a.answer(s.Last + 1)
				},
				AnswerResync: func(t testing.TB, _ twofactor.Challenge, e twofactor.Enrollment) twofactor.Answer {
					t.Helper()
					_, a := read(t, e)
					return twofactor.Answer{"code": a.code(clock.Load() + 6), "next": a.code(clock.Load() + 7)}
				},
			})
		})
	}
}

var invalid = []factortest.Invalid{
	{Name: "colon", Options: `{"Issuer":"Acme: Zurich"}`, Fields: []string{"Issuer"}},
	{Name: "two lines", Options: `{"Issuer":"Acme\nZurich"}`, Fields: []string{"Issuer"}},
	{Name: "invisible", Options: `{"Issuer":"Ac\u202eme"}`, Fields: []string{"Issuer"}},
	{Name: "space at the end", Options: `{"Issuer":"Acme "}`, Fields: []string{"Issuer"}},
	{Name: "7 digits", Options: `{"Digits":7}`, Fields: []string{"Digits"}},
	{Name: "digits in words", Options: `{"Digits":"six"}`, Fields: []string{"Digits"}},
	{Name: "half a digit", Options: `{"Digits":6.5}`, Fields: []string{"Digits"}},
	{Name: "period of a minute", Options: `{"Period":60}`, Fields: []string{"Period"}},
	{Name: "period in words", Options: `{"Period":"PT30S"}`, Fields: []string{"Period"}},
	{Name: "no period", Options: `{"Period":0}`, Fields: []string{"Period"}},
	{Name: "SHA256", Options: `{"Algorithm":"SHA256"}`, Fields: []string{"Algorithm"}},
	{Name: "enrol by pigeon", Options: `{"EnrollBy":"pigeon"}`, Fields: []string{"EnrollBy"}},
}

func TestEnrollByLink(t *testing.T) {
	for options, want := range map[string]bool{
		`{}`: false, `{"EnrollBy":"page"}`: false, `{"EnrollBy":""}`: false, `{"EnrollBy":"email-link"}`: true,
	} {
		if got := open(t, options).Factor.(twofactor.LinkEnroller).EnrollByLink(); got != want {
			t.Errorf("%s: %v", options, got)
		}
	}
}

// TestDigits: an app keeps the length it was set up with, whatever the options say
// later, and JSON may give the length as text or as a number.
func TestDigits(t *testing.T) {
	six, eight := open(t, `{"Digits":"6"}`), open(t, `{"Digits":"8"}`)
	old, a := six.enrol(t, start)
	young, b := eight.enrol(t, start, old)
	if a.digits != 6 || b.digits != 8 {
		t.Fatalf("%d and %d digits", a.digits, b.digits)
	}
	c, err := eight.Challenge(t.Context(), mia, []twofactor.Enrollment{young, old})
	if f := c.Prompt.Fields[0]; err != nil || f.Min != 6 || f.Max != 8 {
		t.Errorf("asks for %d to %d digits, %v", f.Min, f.Max, err)
	}
	for _, x := range []app{a, b} {
		if _, err := eight.verify(t, x.answer(start+1), old, young); err != nil {
			t.Errorf("%d digits: %v", x.digits, err)
		}
	}
}

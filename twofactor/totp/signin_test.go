package totp_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"twofold/internal/testkit/need"
	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/totp"
)

// at opens an instance at a time, with an app bound whose codes were never used.
func at(t testing.TB, now time.Time, secret []byte, digits int) (twofactor.Factor, []twofactor.Enrollment) {
	t.Helper()
	env := factortest.Env()
	env.Now = func() time.Time { return now }
	f, err := totp.Provider().Open(nil, env)
	if err != nil {
		t.Fatal(err)
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return f, []twofactor.Enrollment{{ID: "e1", State: twofactor.State(fmt.Sprintf(`{"secret":%q,"digits":%d}`, text, digits))}}
}

// TestVectors are those of RFC 6238 appendix B for SHA1; the last six of its eight
// digits are the code of six.
func TestVectors(t *testing.T) {
	for unix, code := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		for _, digits := range []int{6, 8} {
			f, bound := at(t, time.Unix(unix, 0), []byte("12345678901234567890"), digits)
			res, err := f.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{"code": code[8-digits:]})
			if err != nil {
				t.Errorf("%d, %d digits: %v", unix, digits, err)
				continue
			}
			if s, _ := read(t, res.Used); s.Last != unix/30 {
				t.Errorf("%d is step %d", unix, s.Last)
			}
		}
	}
}

// TestOathtool asks somebody else what the codes are.
func TestOathtool(t *testing.T) {
	tool := need.Command(t, "oathtool", "apt-get install oathtool")
	for i, unix := range []int64{30, 59, 90, 946684800, 1764201600, 4102444799} {
		secret := []byte(fmt.Sprintf("a secret of 20 by %02d", i))
		digits := 6 + 2*(i%2)
		now := time.Unix(unix, 0)
		out, err := exec.Command(tool, "--totp", "--base32", "--digits", fmt.Sprint(digits), "--window", "2", // this one and two more
			"--now", now.UTC().Format("2006-01-02 15:04:05 UTC"), base32.StdEncoding.EncodeToString(secret)).Output()
		if err != nil {
			t.Fatal(err)
		}
		codes := strings.Fields(string(out))
		if len(codes) != 3 {
			t.Fatalf("oathtool gives %q", codes)
		}
		f, bound := at(t, now, secret, digits)
		for ahead, code := range codes {
			_, err := f.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{"code": code})
			if (err == nil) != (ahead < 2) {
				t.Errorf("%v: the code %d steps ahead: %v", now.UTC(), ahead, err)
			}
		}
	}
}

// TestWindow: one step to either side, and never more (N18).
func TestWindow(t *testing.T) {
	w := open(t, `{}`)
	e, a := w.enrol(t, start)
	w.clock.Add(100)
	for d := int64(-30); d <= 30; d++ {
		used, err := w.verify(t, a.answer(start+100+d), e)
		if d < -1 || d > 1 {
			mustBeWrong(t, fmt.Sprintf("%d steps off", d), err)
			continue
		}
		if err != nil {
			t.Errorf("%d steps off: %v", d, err)
			continue
		}
		if s, _ := read(t, used); s.Last != start+100+d || s.Offset != 0 {
			t.Errorf("%d steps off: kept %+v", d, s)
		}
	}
}

// TestOnce: a code counts once, and none before it counts any more (N19, M16, M17,
// SECURITY §3 rows 25 and 26).
func TestOnce(t *testing.T) {
	const n = start + 100
	for name, c := range map[string]struct {
		accepted int64
		after    map[int64]bool // may the code of this step be used?
	}{
		"n−1": {n - 1, map[int64]bool{n - 2: false, n - 1: false, n: true, n + 1: true}},
		"n":   {n, map[int64]bool{n - 1: false, n: false, n + 1: true}},
		"n+1": {n + 1, map[int64]bool{n - 1: false, n: false, n + 1: false}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, `{}`)
			e, a := w.enrol(t, start)
			w.clock.Store(n)
			used, err := w.verify(t, a.answer(c.accepted), e)
			if err != nil {
				t.Fatal(err)
			}
			for step, ok := range c.after {
				_, err := w.verify(t, a.answer(step), used)
				if ok && err != nil {
					t.Errorf("n%+d: %v", step-n, err)
				} else if !ok {
					mustBeWrong(t, fmt.Sprintf("n%+d", step-n), err)
				}
			}
		})
	}
}

// TestEnrolmentCodeIsUsed: as a code of a sign-in is (M17).
func TestEnrolmentCodeIsUsed(t *testing.T) {
	for d := int64(-1); d <= 1; d++ {
		w := open(t, `{}`)
		e, a := w.enrol(t, start+d)
		for step := int64(start - 1); step <= start+d; step++ {
			_, err := w.verify(t, a.answer(step), e)
			mustBeWrong(t, fmt.Sprintf("enrolled with %+d, signed in with %+d", d, step-start), err)
		}
		w.clock.Store(start + d + 1)
		if _, err := w.verify(t, a.answer(start+d+1), e); err != nil {
			t.Errorf("enrolled with %+d, the next code: %v", d, err)
		}
	}
}

// TestSameCodeTwice: this key shows 918844 for two steps in a row. That does not make
// it count twice.
func TestSameCodeTwice(t *testing.T) {
	f, bound := at(t, time.Unix(start*30, 0), []byte("00000000000000322827"), 6)
	answer := twofactor.Answer{"code": "918844"}
	res, err := f.Verify(t.Context(), bound, twofactor.Challenge{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := read(t, res.Used); s.Last != start+1 {
		t.Errorf("kept step %d, want the later one", s.Last)
	}
	_, err = f.Verify(t.Context(), []twofactor.Enrollment{res.Used}, twofactor.Challenge{}, answer)
	mustBeWrong(t, "the same code", err)
}

// TestSpellings: a code has one spelling, but for spaces and hyphens (M36).
func TestSpellings(t *testing.T) {
	w := open(t, `{}`)
	e, a := w.enrol(t, start)
	code := a.code(start + 1)
	fullWidth := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	for answer, right := range map[string]bool{
		code: true, " " + code + " ": true, code[:3] + " " + code[3:]: true, code[:3] + "-" + code[3:]: true, code[:3] + "\u00a0" + code[3:]: true,
		fullWidth: false, arabic: false, "+" + code: false, code + "0": false, "0" + code: false, code[:5]: false, code + "e0": false,
		"0x" + code: false, code + code: false, strings.Repeat(" ", 1000) + code: false, "": false, code + "\x00": false,
	} {
		_, err := w.verify(t, twofactor.Answer{"code": answer}, e)
		if right && err != nil {
			t.Errorf("%q: %v", answer, err)
		} else if !right {
			mustBeWrong(t, fmt.Sprintf("%q", answer), err)
		}
	}
}

// TestBrokenBeside: an enrollment that cannot be read keeps no other from use, is
// told when nothing else fits, and is never the user's mistake.
func TestBrokenBeside(t *testing.T) {
	w := open(t, `{}`)
	e, a := w.enrol(t, start)
	broken := twofactor.Enrollment{ID: "broken", State: twofactor.State(`{"secret":"AAAA","digits":6}`)}
	for _, bound := range [][]twofactor.Enrollment{{broken, e}, {e, broken}} {
		used, err := w.verify(t, a.answer(start+1), bound...)
		if err != nil || used.ID != e.ID {
			t.Errorf("used %q, %v", used.ID, err)
		}
		if _, err := w.verify(t, a.answer(start+9), bound...); err == nil || errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("a wrong code beside a broken enrollment: %v", err)
		}
	}
	if _, err := w.Challenge(t.Context(), mia, []twofactor.Enrollment{broken}); err == nil || errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("Challenge with none but a broken one: %v", err)
	}
}

func TestStatesThatNobodyWrote(t *testing.T) {
	const good = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	w := open(t, `{}`)
	for name, state := range map[string]string{
		"short secret":    `{"secret":"JBSWY3DPEHPK3PXP","digits":6}`,
		"no base 32":      `{"secret":"` + strings.ToLower(good) + `","digits":6}`,
		"no secret":       `{"digits":6}`,
		"no digits":       `{"secret":"` + good + `"}`,
		"one digit":       `{"secret":"` + good + `","digits":1}`,
		"negative step":   `{"secret":"` + good + `","digits":6,"last":-1}`,
		"far off":         `{"secret":"` + good + `","digits":6,"offset":21}`,
		"far behind":      `{"secret":"` + good + `","digits":6,"offset":-21}`,
		"text for digits": `{"secret":"` + good + `","digits":"6"}`,
	} {
		e := twofactor.Enrollment{State: twofactor.State(state)}
		_, err := w.Verify(t.Context(), []twofactor.Enrollment{e}, twofactor.Challenge{}, twofactor.Answer{"code": "123456"})
		if err == nil || errors.Is(err, twofactor.ErrWrongAnswer) || strings.Contains(err.Error(), good[:8]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustBeWrong(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, twofactor.ErrWrongAnswer) {
		t.Errorf("%s: got %v, want ErrWrongAnswer", what, err)
	}
}

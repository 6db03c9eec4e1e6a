package recovery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
	"twofold/twofactor/recovery"
)

var (
	mia  = twofactor.User{ID: "u1", Name: "Mia", Realm: "Acme", Locale: "en"}
	noah = twofactor.User{ID: "u2", Name: "Noah", Realm: "Acme", Locale: "en"}
)

var saved = twofactor.Answer{"saved": "true"}

// enroller is an opened instance.
type enroller interface {
	twofactor.Factor
	twofactor.Enroller
}

func open(t testing.TB, options string) enroller {
	t.Helper()
	f, err := recovery.Provider().Open([]byte(options), factortest.Env())
	if err != nil {
		t.Fatal(err)
	}
	return f.(enroller)
}

// enrol makes a set and returns what is kept and the codes.
func enrol(t testing.TB, f enroller, u twofactor.User, bound ...twofactor.Enrollment) (twofactor.Enrollment, []string) {
	t.Helper()
	c, err := f.BeginEnroll(t.Context(), u, bound)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.FinishEnroll(t.Context(), u, bound, c, saved)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = fmt.Sprintf("set %d of %s", len(bound)+1, u.ID)
	return e, c.Prompt.Keep
}

func verify(t testing.TB, f enroller, code string, bound ...twofactor.Enrollment) (twofactor.Enrollment, error) {
	t.Helper()
	res, err := f.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{"code": code})
	return res.Used, err
}

func mustBeWrong(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, twofactor.ErrWrongAnswer) {
		t.Errorf("%s: got %v, want ErrWrongAnswer", what, err)
	}
}

// drawer is where users keep their codes. A State tells no more of them than the
// selectors, so they are found by these.
type drawer struct {
	mu    sync.Mutex
	codes map[string][]string // by selector
}

func (d *drawer) keep(c twofactor.Challenge) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, code := range c.Prompt.Keep {
		d.codes[code[:2]] = append(d.codes[code[:2]], code)
	}
}

func TestConformance(t *testing.T) {
	f, d := open(t, `{}`), drawer{codes: map[string][]string{}}
	factortest.Run(t, factortest.Config{
		Provider: recovery.Provider(),
		Env:      factortest.Env(),
		Options:  `{"Count":8}`,
		User:     mia,
		OneTime:  true,
		Wrong:    []twofactor.Answer{{"code": "0000-0000-0000-0000"}, {"Code": "0000"}, {"code": strings.Repeat("-", 200)}},
		Invalid: []factortest.Invalid{
			{Name: "too few", Options: `{"Count":7}`, Fields: []string{"Count"}},
			{Name: "too many", Options: `{"Count":17}`, Fields: []string{"Count"}},
			{Name: "none", Options: `{"Count":0}`, Fields: []string{"Count"}},
		},
		Answer: func(_ testing.TB, c twofactor.Challenge) twofactor.Answer {
			d.keep(c)
			return saved
		},
		AnswerBound: func(t testing.TB, _ twofactor.Challenge, bound []twofactor.Enrollment) twofactor.Answer {
			t.Helper()
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, s := range selectors(t, bound[0]) {
				for _, code := range d.codes[s] {
					if _, err := verify(t, f, code, bound[0]); err == nil {
						return twofactor.Answer{"code": code}
					}
				}
			}
			t.Fatal("no code is left")
			return nil
		},
	})
}

func selectors(t testing.TB, e twofactor.Enrollment) (out []string) {
	t.Helper()
	var s struct{ Codes []struct{ Selector string } }
	if err := json.Unmarshal(e.State, &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Codes {
		out = append(out, c.Selector)
	}
	return out
}

// TestCodes: 80 bits in 16 characters of an alphabet of 32, none of them mistaken
// for another, all of them used; no code and no selector twice in a set.
func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$`)
	f := open(t, `{"Count":16}`)
	seen, letters := map[string]bool{}, map[rune]int{}
	const sets = 200
	for range sets {
		c, err := f.BeginEnroll(t.Context(), mia, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Prompt.Keep) != 16 || c.Prompt.KeepLabel != "Recovery codes" {
			t.Fatalf("%d codes as %q", len(c.Prompt.Keep), c.Prompt.KeepLabel)
		}
		inSet := map[string]bool{}
		for _, code := range c.Prompt.Keep {
			if !form.MatchString(code) || seen[code] || inSet[code[:2]] {
				t.Errorf("code %q", code)
			}
			seen[code], inSet[code[:2]] = true, true
			for _, r := range strings.ReplaceAll(code, "-", "") {
				letters[r]++
			}
		}
	}
	if len(letters) != 32 {
		t.Errorf("%d different characters, want 32: 5 bits each", len(letters))
	}
	// 51,200 characters, 1,600 of each on average, give or take 40: 8 times that is
	// no chance.
	for _, n := range slices.Sorted(maps.Values(letters)) {
		if n < 1280 || n > 1920 {
			t.Errorf("characters are not equally likely: %v", letters)
			break
		}
	}
}

// TestEachCodeOnce: in any order, and none after all (M19, SECURITY §3 row 28).
func TestEachCodeOnce(t *testing.T) {
	f := open(t, `{}`)
	e, codes := enrol(t, f, mia)
	if e.Uses != 8 || len(codes) != 8 {
		t.Fatalf("%d codes, %d uses", len(codes), e.Uses)
	}
	rand.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
	for i, code := range codes {
		if _, err := f.Challenge(t.Context(), mia, []twofactor.Enrollment{e}); err != nil {
			t.Fatal(err)
		}
		used, err := verify(t, f, code, e)
		if err != nil {
			t.Fatalf("code %d: %v", i, err)
		}
		want := 7 - i
		if i == 7 {
			want = twofactor.UsedUp
		}
		if used.Uses != want || used.ID != e.ID || used.Label != "Recovery codes" {
			t.Errorf("after %d codes: %d uses, ID %q, label %q", i+1, used.Uses, used.ID, used.Label)
		}
		_, err = verify(t, f, code, used)
		mustBeWrong(t, "a used code", err)
		e = used
	}
	if _, err := f.Challenge(t.Context(), mia, []twofactor.Enrollment{e}); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("Challenge without a code: %v", err)
	}
	e.Uses = 0 // as if nobody had kept it
	if _, err := f.Challenge(t.Context(), mia, []twofactor.Enrollment{e}); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("Challenge without a code and without Uses: %v", err)
	}
}

// TestUsedUp: what the house says is used up counts no more, whatever State has.
func TestUsedUp(t *testing.T) {
	f := open(t, `{}`)
	e, codes := enrol(t, f, mia)
	e.Uses = twofactor.UsedUp
	_, err := verify(t, f, codes[0], e)
	mustBeWrong(t, "a code of a used-up set", err)
}

// TestOthersCodes: X's codes for Y (SECURITY §3 row 27).
func TestOthersCodes(t *testing.T) {
	f := open(t, `{}`)
	_, codes := enrol(t, f, mia)
	theirs, _ := enrol(t, f, noah)
	for _, code := range codes {
		_, err := verify(t, f, code, theirs)
		mustBeWrong(t, "another user's code", err)
	}
}

// TestRenew: the new set works at once, and the old one until the house removes it.
func TestRenew(t *testing.T) {
	f := open(t, `{}`)
	old, oldCodes := enrol(t, f, mia)
	young, youngCodes := enrol(t, f, mia, old)
	for _, s := range selectors(t, young) {
		if slices.Contains(selectors(t, old), s) {
			t.Errorf("selector %s is in both sets", s)
		}
	}
	for _, c := range []struct {
		code string
		of   twofactor.Enrollment
	}{{oldCodes[0], old}, {youngCodes[0], young}} {
		used, err := verify(t, f, c.code, old, young)
		if err != nil || used.ID != c.of.ID || used.Uses != 7 {
			t.Errorf("used %q with %d left, %v; want %q", used.ID, used.Uses, err, c.of.ID)
		}
	}
	_, err := verify(t, f, oldCodes[0], young)
	mustBeWrong(t, "an old code when the old set is gone", err)

	c, err := f.BeginEnroll(t.Context(), mia, []twofactor.Enrollment{{State: twofactor.State("broken")}})
	if err != nil || !strings.Contains(c.Prompt.Message, "replace") {
		t.Errorf("renewing a broken set: %q, %v", c.Prompt.Message, err)
	}
}

// TestSpellings: as people read and type.
func TestSpellings(t *testing.T) {
	f := open(t, `{}`)
	const code = "01K0-1ABC-K0Z1-9KQ0"
	e, err := f.FinishEnroll(t.Context(), mia, nil, twofactor.Challenge{State: twofactor.State(`{"codes":["01K01ABCK0Z19KQ0"]}`)}, saved)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) string { return strings.ReplaceAll(code, old, with) }
	for answer, right := range map[string]bool{
		code: true, strings.ToLower(code): true, replace("-", ""): true, replace("-", " "): true, " " + code + "\r\n": true,
		replace("-", "\u2011"): true, replace("-", "\u2013"): true, replace("0", "O"): true, replace("0", "o"): true,
		replace("1", "I"): true, replace("1", "l"): true, replace("1", "L"): true, replace("1", "i"): true,
		replace("K", "\u212a"): false, replace("1", "ı"): false, replace("0", "０"): false, replace("0", "U"): false, replace("-", "_"): false,
		code + "0": false, "0" + code: false, code[:18]: false, code + "\x00": false, code + code: false, strings.Repeat(" ", 1000) + code: false,
		"": false, replace("-", "\u2014"): false,
	} {
		_, err := verify(t, f, answer, e)
		if right && err != nil {
			t.Errorf("%q for %q: %v", answer, code, err)
		} else if !right {
			mustBeWrong(t, fmt.Sprintf("%q for %q", answer, code), err)
		}
	}
}

// TestNotSaved: no set counts before the user has it.
func TestNotSaved(t *testing.T) {
	f := open(t, `{}`)
	c, err := f.BeginEnroll(t.Context(), mia, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Prompt.Fields; len(p) != 1 || p[0].Kind != twofactor.KindBool || !p[0].Required {
		t.Errorf("asks %+v", p)
	}
	for _, v := range []string{"", "false", "on", "TRUE", "1", "true "} {
		_, err := f.FinishEnroll(t.Context(), mia, nil, c, twofactor.Answer{"saved": v})
		mustBeWrong(t, "saved: "+v, err)
	}
}

// TestStateHasNoCodes: what is kept gives no code away.
func TestStateHasNoCodes(t *testing.T) {
	e, codes := enrol(t, open(t, `{}`), mia)
	for _, code := range codes {
		for _, part := range append(strings.Split(code, "-"), strings.ReplaceAll(code, "-", "")[2:]) {
			if strings.Contains(string(e.State), `"`+part) || len(part) > 4 && strings.Contains(string(e.State), part) {
				t.Errorf("the state holds %q of %q", part, code)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	f := open(t, `{}`)
	e, _ := enrol(t, f, mia)
	seen := map[string]bool{}
	for locale, label := range map[string]string{
		"": "Recovery codes", "sv": "Recovery codes", "de-CH": "Wiederherstellungscodes", "fr": "Codes de secours", "it": "Codici di recupero",
	} {
		u := mia
		u.Locale = locale
		asked, err1 := f.Challenge(t.Context(), u, []twofactor.Enrollment{e})
		made, err2 := f.BeginEnroll(t.Context(), u, nil)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if made.Prompt.KeepLabel != label {
			t.Errorf("%s: %q", locale, made.Prompt.KeepLabel)
		}
		seen[asked.Prompt.Message+asked.Prompt.Fields[0].Help+made.Prompt.Message] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d languages", len(seen))
	}
}

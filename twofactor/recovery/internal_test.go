package recovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// counted is a factor with cheap hashes that says what hashes it was asked for.
func counted(t testing.TB) (f *factor, hashes *[]string) {
	t.Helper()
	opened, err := Provider().Open(nil, factortest.Env())
	if err != nil {
		t.Fatal(err)
	}
	f, hashes = opened.(*factor), new([]string)
	f.hasher = hasher{params: params{Memory: 8, Time: 1}, derive: func(code, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		*hashes = append(*hashes, string(code))
		return argon2.IDKey(code, salt, time, memory, threads, size)
	}}
	return f, hashes
}

func bind(t testing.TB, f *factor, bound ...twofactor.Enrollment) (twofactor.Enrollment, []string) {
	t.Helper()
	c, err := f.BeginEnroll(t.Context(), twofactor.User{ID: "u1"}, bound)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.FinishEnroll(t.Context(), twofactor.User{ID: "u1"}, bound, c, twofactor.Answer{savedField: "true"})
	if err != nil {
		t.Fatal(err)
	}
	return e, c.Prompt.Keep
}

// TestOneHash: a try costs one hash with the same parameters, whatever is right
// about it and however many sets there are (N21).
func TestOneHash(t *testing.T) {
	f, hashes := counted(t)
	one, codes := bind(t, f)
	two, _ := bind(t, f, one)
	if len(*hashes) != 16 {
		t.Errorf("two sets of 8 cost %d hashes", len(*hashes))
	}
	known := codes[0][:2]
	unknown := "00"
	for taken := selectors([]twofactor.Enrollment{one, two}); taken[unknown]; {
		unknown = "0" + string(alphabet[strings.IndexByte(alphabet, unknown[1])+1])
	}
	for name, answer := range map[string]string{
		"right": codes[0], "known selector": known + "00-0000-0000-0000", "unknown selector": unknown + codes[0][2:],
	} {
		for _, bound := range [][]twofactor.Enrollment{{one}, {one, two}} {
			*hashes = nil
			_, err := f.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{codeField: answer})
			if (err == nil) != (name == "right") || len(*hashes) != 1 {
				t.Errorf("%s: %d hashes, %v", name, len(*hashes), err)
			}
		}
	}
}

// TestHashIsWhole: the selector is hashed too, each code has its own salt, and new
// sets get today's parameters while old ones keep theirs.
func TestHashIsWhole(t *testing.T) {
	f, hashes := counted(t)
	e, codes := bind(t, f)
	if want := strings.ReplaceAll(codes[0], "-", ""); (*hashes)[0] != want {
		t.Errorf("hashes %q, want all of %q", (*hashes)[0], want)
	}
	s, err := readSet(e.State)
	if err != nil {
		t.Fatal(err)
	}
	salts := map[string]bool{}
	for _, c := range s.Codes {
		salts[string(c.Salt)] = true
	}
	if len(salts) != 8 {
		t.Errorf("%d salts for 8 codes", len(salts))
	}
	f.hasher.params = params{Memory: 16, Time: 2}
	res, err := f.Verify(t.Context(), []twofactor.Enrollment{e}, twofactor.Challenge{}, twofactor.Answer{codeField: codes[0]})
	if err != nil {
		t.Fatalf("a set from before: %v", err)
	}
	if s, err := readSet(res.Used.State); err != nil || s.params != (params{Memory: 8, Time: 1}) {
		t.Errorf("a set from before has now %+v, %v", s.params, err)
	}
	if h := newHasher(); h.params != (params{Memory: 7168, Time: 5}) {
		t.Errorf("parameters %+v are not those of docs/adr/0017", h.params)
	}
}

func TestStatesThatNobodyWrote(t *testing.T) {
	f, hashes := counted(t)
	e, codes := bind(t, f)
	for name, change := range map[string]func(*set){
		"endless memory": func(s *set) { s.Memory = 1 << 30 },
		"no memory":      func(s *set) { s.Memory = 0 },
		"endless time":   func(s *set) { s.Time = 1 << 30 },
		"no time":        func(s *set) { s.Time = 0 },
		"no hash":        func(s *set) { s.Codes[3].Hash = nil },
		"short hash":     func(s *set) { s.Codes[3].Hash = s.Codes[3].Hash[:16] },
		"no salt":        func(s *set) { s.Codes[3].Salt = nil },
		"no selector":    func(s *set) { s.Codes[3].Selector = "" },
		"endless codes":  func(s *set) { s.Codes = append(make([]entry, 0), bytesOf(s.Codes[0], 65)...) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readSet(e.State)
			if err != nil {
				t.Fatal(err)
			}
			change(&s)
			*hashes = nil
			mustFail(t, f, s, codes[0])
			if len(*hashes) != 0 {
				t.Error("it is hashed for nevertheless")
			}
		})
	}
}

func bytesOf(e entry, n int) []entry {
	out := make([]entry, n)
	for i := range out {
		out[i] = e
	}
	return out
}

func mustFail(t *testing.T, f *factor, s set, code string) {
	t.Helper()
	state, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	bound := []twofactor.Enrollment{{State: state}}
	if _, err := f.Challenge(t.Context(), twofactor.User{}, bound); err == nil || errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("Challenge: %v", err)
	}
	_, err = f.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{codeField: code})
	if err == nil || errors.Is(err, twofactor.ErrWrongAnswer) || strings.Contains(err.Error(), string(state)) {
		t.Errorf("Verify: %v", err)
	}
}

// TestDrafts: nothing but what BeginEnroll made becomes a set.
func TestDrafts(t *testing.T) {
	f, _ := counted(t)
	for name, state := range map[string]string{
		"none":           `{"codes":[]}`,
		"short":          `{"codes":["0123456789ABCDE"]}`,
		"written":        `{"codes":["0123-4567-89AB-CDEF"]}`,
		"lower case":     `{"codes":["0123456789abcdef"]}`,
		"same selectors": `{"codes":["0123456789ABCDEF","01FEDCBA98765432"]}`,
		"a set":          `{"memory":8,"time":1,"codes":[{"selector":"AA"}]}`,
	} {
		c := twofactor.Challenge{State: twofactor.State(state)}
		if _, err := f.FinishEnroll(t.Context(), twofactor.User{}, nil, c, twofactor.Answer{savedField: "true"}); err == nil || errors.Is(err, twofactor.ErrWrongAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadRandomness: no set rather than a weak one, and no endless search.
func TestBadRandomness(t *testing.T) {
	f, _ := counted(t)
	for name, source := range map[string][]byte{"dry": make([]byte, 15), "always the same": make([]byte, 1<<20)} {
		f.env.Rand = bytes.NewReader(source)
		c, err := f.BeginEnroll(t.Context(), twofactor.User{}, nil)
		if err == nil || len(c.Prompt.Keep) > 0 {
			t.Errorf("%s: %q, %v", name, c.Prompt.Keep, err)
		}
	}
}

// BenchmarkTry is what one answer costs: see docs/adr/0017.
func BenchmarkTry(b *testing.B) {
	h := newHasher()
	for b.Loop() {
		h.hash("0123456789ABCDEF", make([]byte, saltSize), h.params)
	}
}

func FuzzNormal(f *testing.F) {
	for _, s := range []string{"0123-4567-89AB-CDEF", "oil0 OIL1 0000 zzzz", "\u212a", "\xff", "----", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		code, ok := normal(answer)
		if !ok {
			return
		}
		if len(code) != codeLength || strings.Trim(code, alphabet) != "" {
			t.Errorf("normal(%q) = %q", answer, code)
		}
		if again, ok := normal(written(code)); !ok || again != code {
			t.Errorf("normal(%q) = %q, written %q gives %q", answer, code, written(code), again)
		}
	})
}

func FuzzState(f *testing.F) {
	fac, _ := counted(f)
	e, _ := bind(f, fac)
	f.Add([]byte(e.State), "0123456789ABCDEF")
	f.Add([]byte(`{"memory":8,"time":1,"codes":[]}`), "")
	f.Add([]byte(`{"codes":["0123456789ABCDEF"]}`), "0123456789ABCDEF")
	f.Fuzz(func(t *testing.T, raw []byte, code string) {
		if s, err := readSet(raw); err == nil && (s.Memory > 64 || s.Time > 2) {
			return // sound, and slow
		}
		bound := []twofactor.Enrollment{{State: raw}}
		_, err1 := fac.Challenge(t.Context(), twofactor.User{}, bound)
		_, err2 := fac.Verify(t.Context(), bound, twofactor.Challenge{}, twofactor.Answer{codeField: code})
		_, err3 := fac.FinishEnroll(t.Context(), twofactor.User{}, bound, twofactor.Challenge{State: raw}, twofactor.Answer{savedField: "true"})
		for _, err := range []error{err1, err2, err3} {
			if err != nil && len(raw) > 40 && strings.Contains(err.Error(), string(raw)) {
				t.Errorf("quotes the state: %v", err)
			}
		}
		if err2 == nil {
			t.Errorf("a state that nobody wrote accepts %q", code)
		}
	})
}

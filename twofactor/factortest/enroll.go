package factortest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

// enroll checks a factor that must be bound first.
func (s *suite) enroll(t *testing.T) {
	f := s.open(t)
	e, ok := f.(twofactor.Enroller)
	if !ok {
		if s.Provider.Info.Enrolls {
			t.Error("Info.Enrolls says that it enrols, and it is no Enroller")
		}
		return
	}
	_, err := f.Challenge(t.Context(), s.User, nil)
	s.refuses(t, "Challenge without an enrollment", err, twofactor.ErrUnusable)

	c := s.beginEnroll(t, e, s.User, nil)
	if other := s.beginEnroll(t, e, s.User, nil); c.Prompt.QR+strings.Join(c.Prompt.Keep, "") != "" &&
		(c.Prompt.QR == other.Prompt.QR && slices.Equal(c.Prompt.Keep, other.Prompt.Keep)) {
		t.Error("two enrolments show the same secret")
	}
	right := s.Answer(t, c)
	for _, a := range wrongAnswers(right) {
		_, err := e.FinishEnroll(t.Context(), s.User, nil, c, a)
		s.refuses(t, "FinishEnroll with a wrong answer", err, twofactor.ErrWrongAnswer)
	}
	for _, state := range damaged(c.State) {
		broken := c
		broken.State = state
		_, err := e.FinishEnroll(t.Context(), s.User, nil, broken, right)
		s.refuses(t, "FinishEnroll with a damaged state", err, nil)
	}

	if !s.Provider.Info.Enrolls {
		t.Error("Info.Enrolls says that there is nothing to enrol")
	}
	one := s.finishEnroll(t, s.open(t).(twofactor.Enroller), s.User, nil, c, right) // another replica
	if s.OneTime {
		s.refusesAgain(t, f, one, right)
	}
	if proves := len(one.AMR) > 0; proves == s.Provider.Info.Fallback {
		t.Errorf("enrolling proves %v: so must all but what only stands in for others", one.AMR)
	}
	s.second(t, f, one)
}

// second enrols one more beside one.
func (s *suite) second(t *testing.T, f twofactor.Factor, one twofactor.Enrollment) {
	e, bound := f.(twofactor.Enroller), []twofactor.Enrollment{one}
	if _, err := e.BeginEnroll(t.Context(), s.User, bound); errors.Is(err, twofactor.ErrUnusable) {
		return // one is enough
	}
	two := s.add(t, e, s.User, bound)
	if s.AnswerBound == nil {
		return
	}
	if string(one.State) == string(two.State) {
		t.Error("two enrollments have the same state")
	}
	both := []twofactor.Enrollment{one, two}
	for _, of := range both {
		c := s.ask(t, f, s.User, both)
		res := s.signIn(t, f, both, c, s.AnswerBound(t, c, []twofactor.Enrollment{of}))
		if res.Used.ID != of.ID {
			t.Errorf("used %q, want %q", res.Used.ID, of.ID)
		}
	}
}

// beginEnroll checks what a page gets to show.
func (s *suite) beginEnroll(t testing.TB, e twofactor.Enroller, u twofactor.User, bound []twofactor.Enrollment) twofactor.Challenge {
	t.Helper()
	before := copied(bound)
	c, err := e.BeginEnroll(t.Context(), u, bound)
	if err != nil {
		t.Fatalf("BeginEnroll: %v", err)
	}
	if diff := cmp.Diff(before, bound); diff != "" {
		t.Errorf("BeginEnroll changes what is bound (-before +after):\n%s", diff)
	}
	s.keepPrivate(append([]string{c.Prompt.QR, string(c.State)}, c.Prompt.Keep...)...)
	s.asks(t, c)
	if len(c.Prompt.Keep) > 0 && c.Prompt.KeepLabel == "" {
		t.Error("the prompt does not say what is to be kept")
	}
	told := c.Prompt
	told.QR, told.Keep = "", nil
	s.mustKeep(t, "the prompt, beside QR and Keep", printed(told)+string(told.Data))
	if c.Outgoing != nil {
		s.mustKeep(t, "the message", printed(*c.Outgoing))
	}
	return c
}

// add enrols u once more.
func (s *suite) add(t testing.TB, e twofactor.Enroller, u twofactor.User, bound []twofactor.Enrollment) twofactor.Enrollment {
	t.Helper()
	c := s.beginEnroll(t, e, u, bound)
	return s.finishEnroll(t, e, u, bound, c, s.Answer(t, c))
}

// finishEnroll checks what is to be kept.
func (s *suite) finishEnroll(t testing.TB, e twofactor.Enroller, u twofactor.User, bound []twofactor.Enrollment, c twofactor.Challenge, right twofactor.Answer) twofactor.Enrollment {
	t.Helper()
	before, asked := copied(bound), stored(t, c)
	enrolled, err := e.FinishEnroll(t.Context(), u, bound, asked, right)
	if err != nil {
		t.Fatalf("FinishEnroll: %v", err)
	}
	if diff := cmp.Diff(before, bound); diff != "" || string(asked.State) != string(c.State) {
		t.Errorf("FinishEnroll changes what it is given (-before +after):\n%s", diff)
	}
	if len(enrolled.State) == 0 {
		t.Error("the enrollment has no state")
	}
	if enrolled.Label == "" || enrolled.Uses < 0 {
		t.Errorf("the enrollment has label %q and %d uses", enrolled.Label, enrolled.Uses)
	}
	s.keepPrivate(string(enrolled.State))
	s.mustKeep(t, "the label", enrolled.Label+enrolled.Handle)
	enrolled.ID = fmt.Sprintf("enrollment %d of %s", len(bound)+1, u.ID)
	return enrolled
}

// wrongAnswers are what must not do in place of right, which may ask for nothing.
func wrongAnswers(right twofactor.Answer) []twofactor.Answer {
	if len(right) == 0 {
		return nil
	}
	wrong := []twofactor.Answer{nil, {}, {"other": "1"}}
	for name, value := range right {
		for _, v := range []string{"", altered(value), alteredEnd(value), value + "0", strings.Repeat(value+" ", 1000), "\x00", "\xff"} {
			a := twofactor.Answer{}
			for n, v := range right {
				a[n] = v
			}
			a[name] = v
			wrong = append(wrong, a)
		}
	}
	return wrong
}

// damaged are states that nobody wrote.
func damaged(state twofactor.State) []twofactor.State {
	if len(state) == 0 {
		return nil
	}
	out := []twofactor.State{nil, twofactor.State(state[:len(state)-1]), twofactor.State(state[:len(state)/2])}
	for _, text := range []string{"{}", "null", "[]", `"x"`, "0", "\x00"} {
		out = append(out, twofactor.State(text))
	}
	return out
}

// copied shares no memory with bound.
func copied(bound []twofactor.Enrollment) []twofactor.Enrollment {
	out := slices.Clone(bound)
	for i := range out {
		out[i].State = slices.Clone(out[i].State)
	}
	return out
}

// refuses checks an error by its class (nil: any) and that it tells nothing.
func (s *suite) refuses(t testing.TB, what string, err, want error) {
	t.Helper()
	if err == nil || (want != nil && !errors.Is(err, want)) {
		t.Errorf("%s: got %v, want an error of class %v", what, err, want)
		return
	}
	s.mustHide(t, "the error", err.Error())
	s.mustKeep(t, "the error", err.Error())
}

// keepPrivate notes what nobody but its owner may see.
func (s *suite) keepPrivate(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		bare := strings.NewReplacer(" ", "", "-", "").Replace(text)
		for _, text := range slices.Compact([]string{text, bare}) {
			if len(text) >= 8 { // shorter ones are found by chance
				s.private = append(s.private, text)
			}
		}
	}
}

func (s *suite) mustKeep(t testing.TB, where, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, private := range s.private {
		if strings.Contains(text, private) {
			t.Errorf("%s shows what is its owner's: %s", where, strings.ReplaceAll(text, private, "<private>"))
		}
	}
}

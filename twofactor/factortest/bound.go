package factortest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/twofactor"
)

// bound checks factors whose answers come from what is bound to the user.
func (s *suite) bound(t *testing.T) {
	if s.AnswerBound == nil {
		return
	}
	t.Run("used again and again", s.use)
	t.Run("of another user", s.others)
	t.Run("damaged", s.damage)
}

// maxUses is more than any enrollment with a limit has.
const maxUses = 64

// use signs in with what the last sign-in left, until that is used up.
func (s *suite) use(t *testing.T) {
	f := s.open(t)
	e := s.bind(t, f, s.User)[0]
	for i := range maxUses {
		c := s.ask(t, f, s.User, []twofactor.Enrollment{e})
		a := s.AnswerBound(t, c, []twofactor.Enrollment{e})
		next := s.signIn(t, f, []twofactor.Enrollment{e}, c, a).Used
		mustFollow(t, e, next)
		if s.OneTime {
			if string(e.State) == string(next.State) {
				t.Error("an answer that counts once leaves the state as it was")
			}
			_, err := f.Verify(t.Context(), []twofactor.Enrollment{next}, c, a)
			s.refuses(t, "Verify of a used answer", err, twofactor.ErrWrongAnswer)
			s.refusesAgain(t, f, next, a)
		}
		if e = next; e.Uses == twofactor.UsedUp || (e.Uses == 0 && i == 2) {
			return
		}
	}
	t.Errorf("still %d uses left after %d", e.Uses, maxUses)
}

// mustFollow checks what a use makes of an enrollment.
func mustFollow(t testing.TB, e, next twofactor.Enrollment) {
	t.Helper()
	want := e
	want.State = next.State
	switch {
	case e.Uses == 1:
		want.Uses = twofactor.UsedUp
	case e.Uses > 1:
		want.Uses--
	}
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("after a use (-want +got):\n%s", diff)
	}
	if len(next.State) == 0 {
		t.Error("the state is gone")
	}
}

// refusesAgain offers an answer to a new challenge for e, which it was used on.
func (s *suite) refusesAgain(t testing.TB, f twofactor.Factor, e twofactor.Enrollment, a twofactor.Answer) {
	t.Helper()
	bound := []twofactor.Enrollment{e}
	c, err := f.Challenge(t.Context(), s.User, bound)
	if e.Uses == twofactor.UsedUp {
		s.refuses(t, "Challenge when all is used up", err, twofactor.ErrUnusable)
		return
	}
	if err != nil {
		t.Fatalf("Challenge: %v", err)
	}
	_, err = f.Verify(t.Context(), bound, c, a)
	s.refuses(t, "Verify of a used answer in a new challenge", err, twofactor.ErrWrongAnswer)
}

// others: what is right for one user is wrong for another (SECURITY §3, row 27).
func (s *suite) others(t *testing.T) {
	f := s.open(t)
	other := s.User
	other.ID += "-other"
	mine, theirs := s.bind(t, f, s.User), s.bind(t, f, other)
	c := s.ask(t, f, s.User, mine)
	for name, bound := range map[string][]twofactor.Enrollment{"theirs": mine, "nobody's": nil} {
		_, err := f.Verify(t.Context(), bound, c, s.AnswerBound(t, c, theirs))
		s.refuses(t, "Verify of an answer by "+name, err, twofactor.ErrWrongAnswer)
	}
}

// damage checks that a damaged state lets nobody in.
func (s *suite) damage(t *testing.T) {
	f := s.open(t)
	e := s.bind(t, f, s.User)[0]
	c := s.ask(t, f, s.User, []twofactor.Enrollment{e})
	right := s.AnswerBound(t, c, []twofactor.Enrollment{e})
	for _, state := range damaged(e.State) {
		broken := e
		broken.State = state
		bound := []twofactor.Enrollment{broken}
		_, err := f.Verify(t.Context(), bound, c, right)
		s.refuses(t, "Verify with a damaged enrollment", err, nil)
		if _, err := f.Challenge(t.Context(), s.User, bound); err != nil {
			s.refuses(t, "Challenge with a damaged enrollment", err, nil)
		}
	}
}

// ask opens a challenge.
func (s *suite) ask(t testing.TB, f twofactor.Factor, u twofactor.User, bound []twofactor.Enrollment) twofactor.Challenge {
	t.Helper()
	before := copied(bound)
	c, err := f.Challenge(t.Context(), u, bound)
	if err != nil {
		t.Fatalf("Challenge: %v", err)
	}
	if diff := cmp.Diff(before, bound); diff != "" {
		t.Errorf("Challenge changes what is bound (-before +after):\n%s", diff)
	}
	c.ID = "challenge"
	return c
}

// signIn gives the right answer, and looks whether it changed what it was judged by.
func (s *suite) signIn(t testing.TB, f twofactor.Factor, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) twofactor.Result {
	t.Helper()
	before, asked := copied(bound), stored(t, c)
	res, err := f.Verify(t.Context(), bound, asked, a)
	if err != nil {
		t.Fatalf("Verify of the right answer: %v", err)
	}
	if diff := cmp.Diff(before, bound); diff != "" || string(asked.State) != string(c.State) {
		t.Errorf("Verify changes what it is given (-before +after):\n%s", diff)
	}
	s.keepPrivate(string(res.Used.State))
	return res
}

// resync checks a factor whose authenticators can drift out of step.
func (s *suite) resync(t *testing.T) {
	f := s.open(t)
	r, ok := f.(twofactor.Resyncer)
	if !ok {
		return
	}
	if s.AnswerResync == nil {
		t.Fatal("a factor that resyncs needs Config.AnswerResync")
	}
	e := s.bind(t, f, s.User)[0]
	c, err := r.BeginResync(t.Context(), s.User, e)
	if err != nil {
		t.Fatalf("BeginResync: %v", err)
	}
	s.asks(t, c)
	s.mustKeep(t, "the prompt", printed(c.Prompt))
	right := s.AnswerResync(t, c, e)
	for _, a := range wrongAnswers(right) {
		_, err := r.FinishResync(t.Context(), e, c, a)
		s.refuses(t, "FinishResync with a wrong answer", err, twofactor.ErrWrongAnswer)
	}
	for _, state := range damaged(e.State) {
		broken := e
		broken.State = state
		_, err := r.FinishResync(t.Context(), broken, c, right)
		s.refuses(t, "FinishResync with a damaged enrollment", err, nil)
	}
	other := s.User
	other.ID += "-other"
	_, err = r.FinishResync(t.Context(), s.bind(t, f, other)[0], c, right)
	s.refuses(t, "FinishResync of another's", err, twofactor.ErrWrongAnswer)

	before := string(e.State)
	next, err := s.open(t).(twofactor.Resyncer).FinishResync(t.Context(), e, stored(t, c), right)
	if err != nil {
		t.Fatalf("FinishResync on another replica: %v", err)
	}
	if string(e.State) != before {
		t.Error("FinishResync changes what it is given")
	}
	s.keepPrivate(string(next.State))
	want := e
	want.State = next.State
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("after resync (-want +got):\n%s", diff)
	}
	s.resynced(t, f, next, c, right)
}

// resynced: e works, and what brought it into step is used.
func (s *suite) resynced(t *testing.T, f twofactor.Factor, e twofactor.Enrollment, c twofactor.Challenge, spent twofactor.Answer) {
	if s.OneTime {
		_, err := f.(twofactor.Resyncer).FinishResync(t.Context(), e, c, spent)
		s.refuses(t, "FinishResync of a used answer", err, twofactor.ErrWrongAnswer)
		for _, field := range s.ask(t, f, s.User, []twofactor.Enrollment{e}).Prompt.Fields {
			for _, value := range spent {
				s.refusesAgain(t, f, e, twofactor.Answer{field.Name: value})
			}
		}
	}
	bound := []twofactor.Enrollment{e}
	asked := s.ask(t, f, s.User, bound)
	s.signIn(t, f, bound, asked, s.answer(t, asked, bound))
}

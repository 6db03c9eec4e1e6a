package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twofold/internal/problem"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

// stepper is a factor that must be enrolled. An enrollment has a name and the last
// step that was accepted; the answer is "name step", and each step counts once, as
// those of an authenticator app do.
type stepper struct{}

var (
	_ twofactor.Enroller   = stepper{}
	_ twofactor.Identifier = stepper{}
	_ twofactor.Resyncer   = stepper{}
)

func (stepper) Challenge(_ context.Context, _ twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	if len(bound) == 0 {
		return twofactor.Challenge{}, twofactor.ErrUnusable
	}
	return twofactor.Challenge{Prompt: twofactor.Prompt{Message: "Step?"}}, nil
}

func (stepper) Verify(_ context.Context, bound []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	name, step, ok := strings.Cut(a["code"], " ")
	n, err := strconv.Atoi(step)
	for _, e := range bound {
		if last, _ := strconv.Atoi(string(e.State)); ok && err == nil && e.Handle == name && n > last {
			e.State = twofactor.State(step)
			if e.Uses > 1 {
				e.Uses--
			} else if e.Uses == 1 {
				e.Uses = twofactor.UsedUp
			}
			return twofactor.Result{Used: e, AMR: []string{"otp"}, Alone: true}, nil
		}
	}
	return twofactor.Result{}, fmt.Errorf("no: %w", twofactor.ErrWrongAnswer)
}

func (stepper) BeginEnroll(context.Context, twofactor.User, []twofactor.Enrollment) (twofactor.Challenge, error) {
	return twofactor.Challenge{Prompt: twofactor.Prompt{Message: "Name?"}}, nil
}

// FinishEnroll takes "name" or "name uses".
func (stepper) FinishEnroll(_ context.Context, _ twofactor.User, _ []twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	name, uses, _ := strings.Cut(a["code"], " ")
	if name == "" {
		return twofactor.Enrollment{}, twofactor.ErrWrongAnswer
	}
	n, _ := strconv.Atoi(uses)
	return twofactor.Enrollment{Label: "Key " + name, Handle: name, State: twofactor.State("0"), Uses: n}, nil
}

func (stepper) Identify(context.Context) (twofactor.Challenge, error) {
	return twofactor.Challenge{Prompt: twofactor.Prompt{Message: "Who?"}}, nil
}

func (stepper) Whose(_ twofactor.Challenge, a twofactor.Answer) (string, error) {
	name, _, ok := strings.Cut(a["code"], " ")
	if !ok {
		return "", twofactor.ErrWrongAnswer
	}
	return name, nil
}

func (stepper) BeginResync(context.Context, twofactor.User, twofactor.Enrollment) (twofactor.Challenge, error) {
	return twofactor.Challenge{Prompt: twofactor.Prompt{Message: "Two steps?"}}, nil
}

func (stepper) FinishResync(_ context.Context, e twofactor.Enrollment, _ twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	if a["code"] == "" {
		return e, twofactor.ErrWrongAnswer
	}
	e.State = twofactor.State(a["code"])
	return e, nil
}

// open begins a ceremony of any purpose for anna.
func (w *world) open(p ceremony.Purpose, signIn, factor, enrollment string) (asking, error) {
	w.t.Helper()
	st := ceremony.Start{Purpose: p, SignInID: signIn, TwoFactorID: factor, User: twofactor.User{ID: anna}, EnrollmentID: enrollment}
	if p == ceremony.Identify {
		st.User = twofactor.User{}
	}
	id, err := w.Begin(in(w.t, acme), st)
	return asking{scope: acme, id: id, signIn: signIn, user: st.User.ID, factor: factor}, err
}

func (w *world) settle(p ceremony.Purpose, a asking, answer string) (ceremony.Passed, error) {
	w.t.Helper()
	var got ceremony.Passed
	g := a.give(answer)
	g.Purpose = p
	finish := w.Finish
	if p == ceremony.Identify {
		finish = w.FinishIdentify
	}
	err := finish(in(w.t, a.scope), g, func(_ context.Context, p ceremony.Passed) error { got = p; return nil })
	return got, err
}

// enrol binds an authenticator to anna.
func (w *world) enrol(factor, name string) ceremony.Held {
	w.t.Helper()
	a, err := w.open(ceremony.Enroll, "enrol-"+name, factor, "")
	must(w.t, err)
	p, err := w.settle(ceremony.Enroll, a, name)
	must(w.t, err)
	return p.Used
}

func TestEnroll(t *testing.T) {
	each(t,
		test{"and sign in", enrolAndSignIn}, test{"each step once, however many ask", oneStepOnce},
		test{"removed in between", removedBetween}, test{"purposes do not mix", purposes}, test{"fallbacks are replaced", fallbacks},
		test{"uses run out", usesRunOut}, test{"who is it", identify}, test{"resync", resync}, test{"rename, prefer, remove", tidy},
		test{"an address", proveAddress}, test{"no fresh tries", noFreshTries},
	)
}

func enrolAndSignIn(t *testing.T, w *world) {
	if _, err := w.Begin(in(t, acme), start("s0", anna, steps)); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("a challenge without an enrollment: %v", err)
	}
	a, err := w.open(ceremony.Enroll, "s1", steps, "")
	must(t, err)
	if _, err := w.settle(ceremony.Enroll, a, ""); problem.From(err).Code != "wrong_code" {
		t.Errorf("a wrong answer: %v", err)
	}
	if st, _ := w.Standing(in(t, acme), anna); len(st.Count) != 0 {
		t.Errorf("enrolled before it was confirmed: %v", st)
	}
	p, err := w.settle(ceremony.Enroll, a, "one")
	must(t, err)
	if _, err := w.settle(ceremony.Enroll, a, "two"); problem.From(err).Code != "challenge_over" {
		t.Errorf("a second answer: %v", err)
	}
	second := w.enrol(steps, "two")
	n, err := w.Standing(in(t, acme), anna)
	if err != nil || n.Count[steps] != 2 || p.Used.Label != "Key one" || second.ID == p.Used.ID {
		t.Errorf("%v %v, %+v", n, err, p.Used)
	}
	if sealed := w.text("SELECT sealed FROM enrollments WHERE id = '%s'", p.Used.ID); len(sealed) < 20 {
		t.Errorf("the state is not sealed: %q", sealed)
	}
	b := w.begin("s2", anna, steps)
	got, err := w.settle(ceremony.SignIn, b, "two 5")
	if err != nil || got.Used.ID != second.ID || !got.Alone {
		t.Errorf("%+v, %v", got, err)
	}
	if other, err := w.Standing(in(t, globex), anna); err != nil || len(other.Count) != 0 {
		t.Errorf("another subscription sees %v, %v", other, err)
	}
}

// Each sign-in has a challenge of its own, and all give the same step: one gets in.
func oneStepOnce(t *testing.T, w *world) {
	w.enrol(steps, "one")
	var asked []asking
	for i := range 20 {
		asked = append(asked, w.begin(fmt.Sprint("s", i), anna, steps))
	}
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	var in_ atomic.Int64
	parallel(len(asked), func(i int) {
		err := replicas[i%2].Finish(in(t, acme), asked[i].give("one 7"), func(context.Context, ceremony.Passed) error { return nil })
		if err == nil {
			in_.Add(1)
		}
	})
	if in_.Load() != 1 {
		t.Errorf("%d got in by one step", in_.Load())
	}
	w.exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0")
	late := w.begin("late", anna, steps)
	if _, err := w.settle(ceremony.SignIn, late, "one 7"); problem.From(err).Code != "wrong_code" {
		t.Errorf("later: %v", err)
	}
	if _, err := w.settle(ceremony.SignIn, late, "one 8"); err != nil {
		t.Errorf("the next step: %v", err)
	}
}

func removedBetween(t *testing.T, w *world) {
	e := w.enrol(steps, "one")
	a := w.begin("s1", anna, steps)
	gone, err := w.Remove(in(t, acme), anna, e.ID)
	must(t, err)
	if gone.Label != "Key one" {
		t.Errorf("%+v", gone)
	}
	if _, err := w.settle(ceremony.SignIn, a, "one 1"); problem.From(err).Code != "wrong_code" {
		t.Errorf("by what was removed: %v", err)
	}
	if _, err := w.Remove(in(t, acme), anna, e.ID); problem.From(err).Code != "enrollment_unknown" {
		t.Errorf("twice: %v", err)
	}
}

func purposes(t *testing.T, w *world) {
	e := w.enrol(steps, "one")
	open := map[ceremony.Purpose]asking{}
	for i, p := range []ceremony.Purpose{ceremony.SignIn, ceremony.Enroll, ceremony.Resync, ceremony.Identify} {
		a, err := w.open(p, fmt.Sprint("s", i), steps, e.ID)
		must(t, err)
		open[p] = a
	}
	for made, a := range open {
		for given := range open {
			if given == made {
				continue
			}
			if _, err := w.settle(given, a, "one 9"); err == nil {
				t.Errorf("made to %s, taken to %s", made, given)
			}
			w.exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0")
		}
	}
}

func fallbacks(t *testing.T, w *world) {
	first := w.enrol(paper, "one")
	second := w.enrol(paper, "two")
	held, err := w.Held(in(t, acme), anna)
	if err != nil || len(held) != 1 || held[0].ID != second.ID || first.ID == second.ID {
		t.Errorf("%+v, %v", held, err)
	}
}

func usesRunOut(t *testing.T, w *world) {
	w.enrol(paper, "codes 2")
	for i := 1; i <= 2; i++ {
		a := w.begin(fmt.Sprint("s", i), anna, paper)
		p, err := w.settle(ceremony.SignIn, a, fmt.Sprint("codes ", i))
		want := []int{0, 1, twofactor.UsedUp}[i]
		if err != nil || p.Used.Uses != want {
			t.Errorf("use %d leaves %d, %v", i, p.Used.Uses, err)
		}
	}
	if _, err := w.Begin(in(t, acme), start("s3", anna, paper)); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("used up: %v", err)
	}
	if n, _ := w.Standing(in(t, acme), anna); n.Count[paper] != 0 {
		t.Errorf("counted: %v", n)
	}
}

func identify(t *testing.T, w *world) {
	w.enrol(steps, "mine")
	a, err := w.open(ceremony.Identify, "s1", steps, "")
	must(t, err)
	for _, wrong := range []string{"", "mine", "nobody 1", "mine 0"} {
		if _, err := w.settle(ceremony.Identify, a, wrong); problem.From(err).Code != "wrong_code" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if n := w.failures(anna); n != 1 {
		t.Errorf("%d failures of anna, want the one that claimed to be hers", n)
	}
	p, err := w.settle(ceremony.Identify, a, "mine 1")
	if err != nil || p.UserID != anna || p.Used.Label != "Key mine" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.settle(ceremony.Identify, a, "mine 2"); problem.From(err).Code != "challenge_over" {
		t.Errorf("again: %v", err)
	}
	if _, err := w.open(ceremony.Identify, "s2", mail, ""); !errors.Is(err, twofactor.ErrUnusable) {
		t.Errorf("by what identifies nobody: %v", err)
	}
}

func resync(t *testing.T, w *world) {
	e := w.enrol(steps, "one")
	if _, err := w.open(ceremony.Resync, "s0", steps, "nobody's"); problem.From(err).Code != "enrollment_unknown" {
		t.Errorf("unknown: %v", err)
	}
	a, err := w.open(ceremony.Resync, "s1", steps, e.ID)
	must(t, err)
	if _, err := w.settle(ceremony.Resync, a, "50"); err != nil {
		t.Fatal(err)
	}
	b := w.begin("s2", anna, steps)
	if _, err := w.settle(ceremony.SignIn, b, "one 50"); problem.From(err).Code != "wrong_code" {
		t.Errorf("what it was resynced by: %v", err)
	}
	if _, err := w.settle(ceremony.SignIn, b, "one 51"); err != nil {
		t.Error(err)
	}
}

func tidy(t *testing.T, w *world) {
	one, two := w.enrol(steps, "one"), w.enrol(steps, "two")
	ctx := in(t, acme)
	must(t, w.Rename(ctx, anna, one.ID, "  My\nphone "+strings.Repeat("x", 100)))
	must(t, w.Prefer(ctx, anna, one.ID))
	must(t, w.Prefer(ctx, anna, two.ID))
	if st, err := w.Standing(ctx, anna); err != nil || st.Preferred != steps {
		t.Errorf("%+v, %v", st, err)
	}
	held, err := w.Held(ctx, anna)
	must(t, err)
	if len(held) != 2 || !strings.HasPrefix(held[0].Label, "My phone xxx") || len(held[0].Label) != 60 || held[0].Preferred || !held[1].Preferred {
		t.Errorf("%+v", held)
	}
	for name, err := range map[string]error{
		"empty label":   w.Rename(ctx, anna, one.ID, " \n"),
		"another's":     w.Rename(ctx, bruno, one.ID, "mine"),
		"prefer":        w.Prefer(ctx, bruno, one.ID),
		"other tenant":  w.Rename(in(t, globex), anna, one.ID, "mine"),
		"remove":        func() error { _, err := w.Remove(ctx, bruno, one.ID); return err }(),
		"remove abroad": func() error { _, err := w.Remove(in(t, globex), anna, one.ID); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	n, err := w.RemoveAll(in(t, globex), anna)
	if err != nil || n != 0 {
		t.Errorf("another subscription removes %d, %v", n, err)
	}
	for _, forget := range []string{"user", "two_factor"} { // neither of another subscription, nor of another one
		must(t, w.Forget(in(t, globex), forget, anna))
		must(t, w.Forget(ctx, forget, "nobody"))
	}
	if n, err = w.RemoveAll(ctx, anna); err != nil || n != 2 {
		t.Errorf("%d removed, %v", n, err)
	}
	for kind, id := range map[string]string{"user": anna, "two_factor": steps} {
		w.enrol(steps, "again")
		must(t, w.Forget(ctx, kind, id))
		if held, err := w.Held(ctx, anna); err != nil || len(held) != 0 {
			t.Errorf("forgotten by %s: %+v, %v", kind, held, err)
		}
	}
	w.enrol(steps, "stays")
	must(t, w.Forget(ctx, "client_app", anna))
	if held, err := w.Held(ctx, anna); err != nil || len(held) != 1 {
		t.Errorf("forgotten by what has nothing set up: %+v, %v", held, err)
	}
	must(t, w.Forget(ctx, "user", anna))
	for i := range 10 {
		w.enrol(steps, fmt.Sprint("k", i))
	}
	if _, err := w.open(ceremony.Enroll, "s9", steps, ""); problem.From(err).Code != "too_many_enrollments" {
		t.Errorf("an eleventh: %v", err)
	}
	a, err := w.open(ceremony.Enroll, "s10", paper, "")
	must(t, err)
	_, err = w.settle(ceremony.Enroll, a, "fine")
	must(t, err)
	// A handle is unique within its instance, whoever has it.
	w.exec("DELETE FROM enrollments WHERE handle = 'k9'")
	b, err := w.open(ceremony.Enroll, "s11", steps, "")
	must(t, err)
	if _, err := w.settle(ceremony.Enroll, b, "k0"); problem.From(err).Code != "enrollment_taken" {
		t.Errorf("a handle twice: %v", err)
	}
}

func proveAddress(t *testing.T, w *world) {
	to := ceremony.Address{Kind: twofactor.NeedsPhone, Value: "+41791112233"}
	id, err := w.Begin(in(t, acme), ceremony.Start{
		Purpose: ceremony.Prove, SignInID: "s1", TwoFactorID: phone, User: twofactor.User{ID: anna, Phone: to.Value}, Proves: to,
	})
	must(t, err)
	a := asking{acme, id, "s1", anna, phone, w.instances[phone].fake.Code(anna)}
	if err := w.answer(a, a.code); problem.From(err).Code != "challenge_unknown" {
		t.Errorf("as a sign-in: %v", err)
	}
	p, err := w.settle(ceremony.Prove, a, a.code)
	if err != nil || p.Proved != to {
		t.Errorf("%+v, %v", p, err)
	}
	if w.holds(to.Value) {
		t.Error("the number is readable")
	}
}

// Setting something up forgives no wrong answers: else a thief of the password could
// guess, enrol something of his own, and guess on.
func noFreshTries(t *testing.T, w *world) {
	w.enrol(steps, "one")
	a := w.begin("s1", anna, steps)
	for range 3 {
		_, _ = w.settle(ceremony.SignIn, a, "one 0")
	}
	w.enrol(steps, "two")
	if n := w.failures(anna); n != 3 {
		t.Errorf("%d failures after enrolling, want 3", n)
	}
	_, _ = w.settle(ceremony.SignIn, a, "one 0")
	if len(w.told) != 0 {
		t.Errorf("told %v", w.told)
	}
	b := w.begin("s2", anna, steps)
	_, _ = w.settle(ceremony.SignIn, b, "one 0")
	if len(w.told) != 1 || w.told[0] != anna+" wrong_codes" {
		t.Errorf("told %v", w.told)
	}
}

func TestBypass(t *testing.T) {
	each(t, test{"once", bypassOnce}, test{"not others", bypassForeign}, test{"runs out", bypassEnds}, test{"guessed at", bypassGuessed})
}

func (w *world) byBypass(user, code string) error {
	w.t.Helper()
	return w.FinishBypass(in(w.t, acme), "s1", user, code, func(_ context.Context, p ceremony.Passed) error {
		if p.Strength != ceremony.BypassStrength || p.UserID != user || len(p.AMR) == 0 {
			w.t.Errorf("%+v", p)
		}
		return nil
	})
}

func (w *world) issue() string {
	w.t.Helper()
	code, until, err := w.IssueBypass(in(w.t, acme), anna)
	must(w.t, err)
	if len(code) != 16 || until.Sub(w.clock.Now()) != time.Hour || w.holds(code) {
		w.t.Errorf("%q until %v", code, until)
	}
	return code
}

func bypassOnce(t *testing.T, w *world) {
	if err := w.byBypass(anna, "AAAA-AAAA-AAAA-A"); problem.From(err).Code != "bypass_over" {
		t.Errorf("none was issued: %v", err)
	}
	code := w.issue()
	has, err := w.HasBypass(in(t, acme), anna)
	if err != nil || !has {
		t.Errorf("%v, %v", has, err)
	}
	var won atomic.Int64
	replicas := []*ceremony.Ceremony{w.Ceremony, w.replica()}
	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	parallel(16, func(i int) {
		err := replicas[i%2].FinishBypass(in(t, acme), "s1", anna, typed, func(context.Context, ceremony.Passed) error { return nil })
		if err == nil {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("used %d times", won.Load())
	}
	if has, _ := w.HasBypass(in(t, acme), anna); has {
		t.Error("still there")
	}
}

func bypassForeign(t *testing.T, w *world) {
	code := w.issue()
	if err := w.byBypass(bruno, code); err == nil {
		t.Error("another user's")
	}
	err := w.FinishBypass(in(t, globex), "s1", anna, code, func(context.Context, ceremony.Passed) error { return nil })
	if err == nil {
		t.Error("in another tenant")
	}
	again := w.issue()
	if err := w.byBypass(anna, code); problem.From(err).Code != "wrong_code" {
		t.Errorf("the one before: %v", err)
	}
	if err := w.byBypass(anna, again); err != nil {
		t.Error(err)
	}
}

func bypassEnds(t *testing.T, w *world) {
	code := w.issue()
	w.clock.Advance(time.Hour)
	if err := w.byBypass(anna, code); problem.From(err).Code != "bypass_over" {
		t.Errorf("after an hour: %v", err)
	}
}

func bypassGuessed(t *testing.T, w *world) {
	code := w.issue()
	for range ceremony.MaxAttempts {
		w.exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0")
		if err := w.byBypass(anna, "AAAA"); err == nil {
			t.Fatal("guessed")
		}
	}
	w.exec("UPDATE user_failures SET failures = 0, blocked_until_us = 0")
	if err := w.byBypass(anna, code); problem.From(err).Code != "bypass_over" {
		t.Errorf("after five: %v", err)
	}
}
